# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""How well one exposure can be predicted from another where there are sources."""

from typing import NamedTuple

import numpy as np

from ccdcr.pixels.filters import CHUNK, neighbours
from ccdcr.pixels.level import Level

__all__ = ["LIMITS", "Guard", "measure_guard"]

#: Percentiles of the absolute value of a normal variable.
_NORMAL = {50: 0.6745, 90: 1.6449, 98: 2.3263}
_FLOOR = 0.1  # of the misregistration, in pixels
LIMITS = 2.0, 1.0  # of the misregistration in pixels, of the fractional change
_BROAD = 0.2  # of the brightest neighbour: the median around a source, not a hit
_LEAST = 100  # pixels to measure either with
_WINDOW = 3, 3
_MIDDLE, _CROSS = 4, [1, 3, 5, 7]  # of such a window


class Guard(NamedTuple):
    """
    What sources may differ by.

    A source that has moved, or is sharper, differs in proportion to its slope; one
    that has faded, in proportion to its brightness.
    """

    level: Level  # of the fainter of both exposures
    misregistration: float
    change: float
    measured: float = 0.0  # part of the former, squared, that is not the floor

    def variance(self, compared, y, x, noise):
        """
        Variance of the difference that comes from sources.

        Parameters
        ----------
        compared : Comparison
            The exposures.
        y, x : 1D int `~numpy.ndarray`
            The pixels.
        noise : 1D `~numpy.ndarray`
            Variance of that exposure which knows more.

        Returns
        -------
        variance : 1D `~numpy.ndarray`
            For each pixel.
        """
        mismatch = np.empty(y.size, compared.first.image.dtype)
        for part in _parts(y.size):
            at = y[part], x[part]
            slope, brightness, _ = _features(compared, self.level, *at, noise[part])
            mismatch[part] = (self.misregistration * slope) ** 2
            mismatch[part] += (self.change * brightness) ** 2
        return mismatch


def measure_guard(compared, level, *, final):
    """
    Measure the mismatch of two exposures.

    Both factors are measured, as the smallest that make the differences on sources
    look normal. Slope and brightness are those of the fainter of both exposures, in
    which there are no cosmic rays but coincident ones.

    Parameters
    ----------
    compared : Comparison
        The exposures; of the pixels on sources those are used that no cosmic ray is
        known in.
    level : Level
        That of the fainter of both.
    final : bool
        Whether cosmic rays are known: then the wings of the distribution count
        also for the slope.

    Returns
    -------
    guard : Guard
        The misregistration in pixels, at least a floor, and the fractional change of
        brightness.
    """
    y, x = np.divmod(compared.sources, compared.shape[1])
    variances = compared.expected(y, x)
    own = np.minimum(*variances)
    features = [
        _features(compared, level, y[part], x[part], own[part])
        for part in _parts(y.size)
    ] or [np.zeros((3, 0))]
    slope, brightness, source = np.concatenate(features, axis=1)
    difference = np.abs(compared.difference(y, x))
    variance = (variances[0] + variances[1]) * compared.scatter.at(y, x) ** 2
    noise = np.sqrt(variance)
    source = source > 0
    for steepness in (10, 5, 2):
        steep = source & (slope > steepness * noise)
        if np.count_nonzero(steep) > _LEAST:
            break
    ranks = tuple(_NORMAL) if final else (50,)
    shift = _smallest(difference, variance, slope, steep, ranks, LIMITS[0])
    measured = min(shift / _FLOOR, 1.0) ** 2
    shift = max(shift, _FLOOR)
    variance += (shift * slope) ** 2
    bright = source & (brightness > 5 * noise)
    change = _smallest(difference, variance, brightness, bright, ranks, LIMITS[1])
    return Guard(level, shift, change, measured)


def _parts(n):
    """Parts of a list of pixels whose windows can be gathered at once."""
    step = CHUNK // 9
    return [np.s_[start : start + step] for start in range(0, n, step)]


def _features(compared, level, y, x, noise):
    """Slope and brightness of pixels, and whether they are on a source."""
    rows, columns, _ = neighbours((y, x), _WINDOW, compared.shape)
    light = compared.fainter(rows, columns) - level.at(y, x)[:, None]
    middle = light[:, _MIDDLE]
    steepest = np.abs(light[:, _CROSS] - middle[:, None]).max(axis=1)
    slope = np.sqrt(np.maximum(steepest**2 - 9 * noise, 0))
    brightest = light.max(axis=1)
    brightness = np.maximum(middle, 0)
    # hot pixels and single hits do not survive the median
    light.partition(_MIDDLE, axis=1)
    smooth = light[:, _MIDDLE]
    source = (smooth > 3 * np.sqrt(noise)) & (smooth > _BROAD * brightest)
    return np.stack([slope, brightness, source])


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
