# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""How noisy a single image is, where an uncertainty does not say so."""

import math

import numpy as np

from ccdcr.pixels.difference import middle_and_sigma

__all__ = [
    "dithered",
    "photon_variance",
    "quantisation_step",
    "scale_to_unity",
    "scatter",
]

_SAMPLE = 100_000  # values that are enough to see steps in
_FEW = 20  # different values of the sky, if an image is quantised
_WINDOWS = (0.1, 0.8), (0.005, 0.98), (0.0005, 0.995)  # parts without sources, in turn
_ROUNDING = 0.01  # of a window: what may lie between values that should be equal
_GOLDEN = 0.6180339887498949


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


def quantisation_step(values):
    """
    Find the step between the values of an image that is noisy by a few steps only.

    Parameters
    ----------
    values : 1D `~numpy.ndarray`
        Finite numbers.

    Returns
    -------
    step : float
        0 where steps are so fine that they do not matter.
    """
    sample = values[:: max(1, values.size // _SAMPLE)]
    if sample.size < 100 * _FEW:
        return 0.0
    ordered = np.sort(sample, axis=None)
    n = ordered.size
    for below, above in _WINDOWS:
        window = ordered[int(below * n) : int(above * n)]
        gaps = np.diff(window)
        steps = gaps[gaps > _ROUNDING * float(window[-1] - window[0])]
        if steps.size:
            return float(np.median(steps)) if steps.size <= _FEW else 0.0
        if window[-1] > window[0]:
            return 0.0
    return 0.0


def dithered(values, step):
    """
    Spread quantised values evenly over their steps, the same way every time.

    Parameters
    ----------
    values : 1D `~numpy.ndarray`
        The numbers.
    step : float
        From `quantisation_step`; with 0 they stay.

    Returns
    -------
    values : 1D `~numpy.ndarray`
        Numbers whose quartiles tell how much they scatter.
    """
    if step == 0:
        return values
    offset = (np.arange(values.size) * _GOLDEN) % 1.0 - 0.5
    return values + (step * offset).astype(values.dtype)
