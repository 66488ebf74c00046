# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""How well one exposure can be predicted from another where there are sources."""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from ccdcr.pixels.level import local_level
from ccdcr.pixels.median_network import box_median

__all__ = ["LIMITS", "Guard", "measure_guard"]

_SQUARE = np.ones((3, 3), dtype=bool)
#: Percentiles of the absolute value of a normal variable.
_NORMAL = {50: 0.6745, 90: 1.6449, 98: 2.3263}
_FLOOR = 0.1  # of the misregistration, in pixels
LIMITS = 2.0, 1.0  # of the misregistration in pixels, of the fractional change
_BROAD = 0.2  # of the brightest neighbour: the median around a source, not a hit
_LEAST = 100  # pixels to measure either with


class Guard(NamedTuple):
    """Variance of a prediction where sources do not match, and how it was found."""

    variance: np.ndarray
    misregistration: float
    change: float


def measure_guard(image, prediction, variance, own, usable, flagged, *, final):
    """
    Measure the mismatch of an exposure and its prediction.

    A source that has moved, or is sharper, differs in proportion to its slope; one
    that has faded, in proportion to its brightness. Both factors are measured, as
    the smallest that make the differences on sources look normal. Slope and
    brightness are those of the fainter of image and prediction, in which there are
    no cosmic rays but coincident ones.

    Parameters
    ----------
    image, prediction : 2D `~numpy.ndarray`
        The exposure and what the other says of it.
    variance : 2D `~numpy.ndarray`
        Variance of their difference.
    own : 2D `~numpy.ndarray`
        Variance of the exposure alone.
    usable, flagged : 2D bool `~numpy.ndarray`
        Pixels that count, and cosmic rays that are known.
    final : bool
        Whether cosmic rays are known: then the wings of the distribution count
        also for the slope.

    Returns
    -------
    guard : Guard
        The variance to be added, about the misregistration in pixels, and about
        the fractional change of brightness.
    """
    fainter = np.minimum(image, prediction)
    use = usable & ~flagged if (usable & ~flagged).any() else usable
    slope = np.sqrt(np.maximum(_steepest(fainter) ** 2 - 9 * own, 0))
    brightness = np.maximum(fainter - local_level(fainter, use).rows(), 0)
    # hot pixels and single hits do not survive the median
    smooth = box_median(fainter, (3, 3), "nearest")
    smooth -= np.median(smooth[use])
    source = smooth > 3 * np.sqrt(own)
    source &= smooth > _BROAD * ndimage.maximum_filter(brightness, 3)
    if flagged.any():
        use = use & ~ndimage.binary_dilation(flagged, _SQUARE, iterations=2)
    source &= use
    noise = np.sqrt(variance)
    difference = np.abs(image - prediction)

    for steepness in (10, 5, 2):
        steep = source & (slope > steepness * noise)
        if np.count_nonzero(steep) > _LEAST:
            break
    ranks = tuple(_NORMAL) if final else (50,)
    shift = _smallest(difference, variance, slope, steep, ranks, LIMITS[0])
    shift = max(shift, _FLOOR)
    mismatch = (shift * slope) ** 2
    bright = source & (brightness > 5 * noise)
    change = _smallest(
        difference, variance + mismatch, brightness, bright, ranks, LIMITS[1]
    )
    mismatch += (change * brightness) ** 2
    return Guard(mismatch, shift, change)


def _steepest(image):
    """Largest absolute difference of each pixel to its four neighbours."""
    steepest = np.zeros_like(image)
    for axis in (0, 1):
        step = np.abs(np.diff(image, axis=axis))
        for side in (slice(1, None), slice(None, -1)):
            part = (slice(None),) * axis + (side,)
            np.maximum(steepest[part], step, out=steepest[part])
    return steepest


def _smallest(difference, variance, feature, where, ranks, most):
    """Smallest factor on a feature for which the differences look normal."""
    if np.count_nonzero(where) <= _LEAST:
        return 0.0
    difference, variance, feature = (a[where] for a in (difference, variance, feature))
    limits = np.array([_NORMAL[rank] for rank in ranks])

    def too_wide(factor):
        pulls = difference / np.sqrt(variance + (factor * feature) ** 2)
        return (np.percentile(pulls, list(ranks)) > limits).any()

    low, high = 0.0, most
    if not too_wide(low):
        return low
    for _ in range(14):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if too_wide(middle) else (low, middle)
    return high
