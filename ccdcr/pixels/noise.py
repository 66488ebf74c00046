# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""How noisy a single image is, where an uncertainty does not say so."""

import math

import numpy as np

from ccdcr.pixels.difference import middle_and_sigma

__all__ = [
    "dithered",
    "few_rows",
    "photon_variance",
    "quantisation_step",
    "scale_to_unity",
    "scatter",
]

_SAMPLE = 200_000  # values that are enough to see steps in
_FEW = 20  # different values, if an image is quantised
# Part that is left out on either side, in turn; values that are needed, so that the
# sparse ends of what is not quantised have no gaps, unless most values are equal.
_WINDOWS = (0.1, 2000), (0.005, 20_000), (0.0005, np.inf)
_ROUNDING = 0.01  # of a window: what may lie between values that should be equal
_COARSEST = 3.0  # a step, in distances between the quartiles of differences
_UNEQUAL, _MOST = 0.3, 0.6  # of a step; part of a span that is steps
_GOLDEN = 0.6180339887498949
# Exponents of two, by the bytes of a number: what an image may be multiplied with, and
# of double precision its square as well.
_LARGEST = {4: 126, 8: 500}


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
    own = float(np.divide(readnoise, gain))  # infinite, if it must be, and no error
    return light / gain + own * own


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
        Slopes make it too large, never too small; 0 if it cannot be known. Rounding
        counts as noise.
    """
    both = usable[1:] & usable[:-1], usable[:, 1:] & usable[:, :-1]
    step = quantisation_step(data, usable)
    with np.errstate(over="ignore", invalid="ignore"):
        steps = (np.diff(data, axis=axis)[both[axis]] for axis in (0, 1))
        _, sigma = middle_and_sigma(dithered(np.concatenate(list(steps)), step))
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
        most of the image becomes about 1000.
    """
    typical = math.sqrt(np.median(variance))
    if typical == 0 and usable.any():
        values = data[usable].astype(float)
        low, high = np.percentile(values, [1, 99])  # a hit may be a huge one
        typical = (high - low if high > low else np.ptp(values)) / 1000
    if not 0 < typical < math.inf:
        return 1.0
    most = _LARGEST[data.dtype.itemsize]
    return 2.0 ** int(np.clip(-round(math.log2(typical)), -most, most))


def quantisation_step(image, usable):
    """
    Find the step between the values of an image that is noisy by a few steps only.

    Parameters
    ----------
    image : 2D `~numpy.ndarray`
        The image.
    usable : 2D bool `~numpy.ndarray`
        Pixels that count.

    Returns
    -------
    step : float
        From the differences of neighbours, which know nothing of gradients; 0 where
        steps are so fine that they do not matter.
    """
    rows = few_rows(image.shape)
    image, usable = image[rows], usable[rows]
    both = usable[:, 1:] & usable[:, :-1]
    with np.errstate(over="ignore", invalid="ignore"):
        values = np.diff(image, axis=1)[both]
    ordered = np.sort(values[:: max(1, values.size // _SAMPLE)])
    n, tied = ordered.size, False
    if n < _WINDOWS[0][1]:
        return 0.0
    width = float(ordered[3 * n // 4] - ordered[n // 4])
    for part, least in _WINDOWS:
        window = ordered[int(part * n) : n - int(part * n)]
        if window[-1] == window[0]:  # only what is quantised has so many equal values
            tied = True
            continue
        gaps = np.diff(window)
        steps = gaps[gaps > _ROUNDING * float(window[-1] - window[0])]
        few = 1 < steps.size <= _FEW and (tied or n >= least)
        if few and _equal(steps, float(window[-1] - window[0])):
            step = float(np.median(steps))
            # hits of one height are far apart, too, but most pixels differ by less
            return step if width == 0 or step <= _COARSEST * width else 0.0
    return 0.0


def _equal(steps, span):
    """Whether all are multiples of one, and make up most of a span."""
    ratios = steps / np.median(steps)
    whole = np.abs(ratios - np.maximum(np.rint(ratios), 1)) < _UNEQUAL
    return bool(whole.all()) and steps.sum() > _MOST * span


def few_rows(shape, most=2 * _SAMPLE):
    """
    Choose rows of an image that are enough to measure something on.

    Parameters
    ----------
    shape : tuple of int
        That of the image.
    most : int, optional
        Pixels that are enough.

    Returns
    -------
    rows : slice
        Odd and even ones, at equal distances.
    """
    return np.s_[:: (math.prod(shape) // most) | 1]


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
