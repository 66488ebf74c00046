# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""How noisy a single image is, where an uncertainty does not say so."""

import math

import numpy as np

from ccdcr.pixels.difference import middle_and_sigma

__all__ = ["photon_variance", "scale_to_unity", "scatter"]


def photon_variance(data, usable, gain, readnoise):
    """
    Variance of photons and read-out, in the square of the data unit.

    Parameters
    ----------
    data : 2D `~numpy.ndarray`
        The image.
    usable : 2D bool `~numpy.ndarray`
        Pixels that may be read; the others get the variance of no light.
    gain : float
        Electrons per data unit.
    readnoise : float
        Read noise in electrons.

    Returns
    -------
    variance : 2D `~numpy.ndarray`
        At the level of each pixel itself; negative levels count as no light.
    """
    light = np.where(usable, data, 0.0).clip(0)
    return light / gain + (readnoise / gain) ** 2


def scatter(data, usable):
    """
    Robust sigma of the pixels of an image, from differences of neighbours.

    Parameters
    ----------
    data : 2D `~numpy.ndarray`
        The image.
    usable : 2D bool `~numpy.ndarray`
        Pixels that count.

    Returns
    -------
    sigma : float
        Slopes make it too large, never too small; 0 if it cannot be known.
    """
    both = usable[1:] & usable[:-1], usable[:, 1:] & usable[:, :-1]
    with np.errstate(over="ignore", invalid="ignore"):
        steps = (np.diff(data, axis=axis)[both[axis]] for axis in (0, 1))
        _, sigma = middle_and_sigma(np.concatenate(list(steps)))
    return sigma / math.sqrt(2) if sigma > 0 else 0.0


def scale_to_unity(data, usable, variance):
    """
    Find a power of two that makes the noise of an image about 1, exactly.

    Parameters
    ----------
    data, variance : 2D `~numpy.ndarray`
        The image and its variance.
    usable : 2D bool `~numpy.ndarray`
        Pixels that count.

    Returns
    -------
    scale : float
        What the image is to be multiplied with. If there is no noise, the range of
        the image becomes about 1000.
    """
    typical = math.sqrt(np.median(variance))
    if typical == 0 and usable.any():
        typical = np.ptp(data[usable].astype(float)) / 1000
    if not 0 < typical < math.inf:
        return 1.0
    return 2.0 ** -round(math.log2(typical))
