# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""How one exposure is predicted from another: flux scale, level, and noise."""

from typing import NamedTuple

import numpy as np

from ccdcr.pixels.difference import middle_and_sigma
from ccdcr.pixels.filters import median_around, strips
from ccdcr.pixels.groups import dilated, thin
from ccdcr.pixels.level import Level
from ccdcr.pixels.noise import dithered, few_rows

__all__ = [
    "Scatter",
    "expected_variance",
    "flux_scale",
    "noise_factor",
    "photon_slope",
    "photon_transfer",
]

_BINS, _IN_BIN = 8, 50  # of brightness; pixels in each, at least
_LIMITS = 0.05, 20.0  # of a flux scale that can be believed
_MEDIAN = 0.6745  # of the absolute value of a normal variable
_NOISIER = 1.15  # from where on a part of an image has a noise factor of its own
_SOURCES = 1 << 16  # pixels on sources that are enough
_SAMPLE = 1 << 20  # pixels that are enough to measure a slope
_LEAST = 100  # pixels to measure the scatter of a difference with


def photon_slope(image, variance, usable):
    """
    Measure how the variance grows with the signal.

    Parameters
    ----------
    image, variance : 2D `~numpy.ndarray`
        An exposure and its variance.
    usable : 2D bool `~numpy.ndarray`
        Pixels that count.

    Returns
    -------
    slope : float
        Variance per data unit, from pixels above the 99th percentile and 5 sigma; 0
        if these are fewer than 50.
    """
    rows = few_rows(image.shape, _SAMPLE)
    light, noise = (a[rows][usable[rows]] for a in (image, variance))
    if light.size == 0:
        return 0.0
    floor = np.median(noise)
    sky, brightest = np.percentile(light, [50, 99])
    bright = light > max(brightest, sky + 5 * np.sqrt(floor))
    if np.count_nonzero(bright) < 50:
        return 0.0
    ratio = (noise[bright] - floor) / (light[bright] - sky)
    return max(float(np.median(ratio)), 0.0)


def expected_variance(image, variance, level, slope, floor):
    """
    Variance that pixels would have at the level that is expected of them.

    A cosmic ray has raised the variance that was computed from it; this takes its
    part away again.

    Parameters
    ----------
    image, variance : 2D `~numpy.ndarray`
        An exposure and its variance.
    level : 2D `~numpy.ndarray`
        What the pixels should show.
    slope : float
        From `photon_slope`.
    floor : float
        The least variance that is left of a larger one.

    Returns
    -------
    variance : 2D `~numpy.ndarray`
        The variance at that level.
    """
    expected = variance - slope * (image - level)
    return np.maximum(expected, np.minimum(variance, floor))


def flux_scale(first, second, variance1, variance2, usable):
    """
    Measure how much brighter sources are in the first of two images.

    Parameters
    ----------
    first, second : 2D `~numpy.ndarray`
        The images.
    variance1, variance2 : 2D `~numpy.ndarray`
        Their variances.
    usable : 2D bool `~numpy.ndarray`
        Pixels that count.

    Returns
    -------
    scale : float or None
        A ratio of sums over pixels that are bright in both (a regression would be
        biased by the noise of the second); None if it cannot be measured.
    """
    skies = [_middle(image, usable) for image in (first, second)]
    y, x = _on_sources((first, second), skies, (variance1, variance2), 10, usable)
    lights, bright = [], usable[y, x]
    noises = zip((first, second), skies, (variance1, variance2), strict=True)
    for image, sky, variance in noises:
        # medians, so that cosmic rays are not bright, nor their noise large
        light = median_around(image, (3, 3), y, x) - sky
        noise = np.minimum(variance[y, x], median_around(variance, (3, 3), y, x))
        bright &= light > 10 * np.sqrt(noise)
        lights.append(light)
    if np.count_nonzero(bright) < 100:
        return None
    y, x = (light[bright] for light in lights)
    scale, scatter = middle_and_sigma(y / x)
    if scatter > 0.15 * scale:
        return None
    for _ in range(5):
        residual = (y - scale * x) / np.sqrt(x + y)
        spread = middle_and_sigma(residual)[1]
        good = np.abs(residual) <= 3 * spread
        scale = float(y[good].sum() / x[good].sum())
    return scale if _LIMITS[0] <= scale <= _LIMITS[1] else None


def photon_transfer(first, second, sigma, usable, step=0.0):
    """
    Measure how the noise of two exposures grows with the light, from their difference.

    That of sources that do not match grows faster than that of photons: so the part
    of the variance that grows with the light is taken where it is small.

    Parameters
    ----------
    first, second : 2D `~numpy.ndarray`
        The images where they overlap.
    sigma : float
        Noise of the sky in each.
    usable : 2D bool `~numpy.ndarray`
        Pixels that count.
    step : float, optional
        Between values, if these are quantised.

    Returns
    -------
    slope : float
        Variance per data unit above the sky, of each exposure; 0 where bright pixels
        are too few.
    """
    noise = np.broadcast_to(first.dtype.type(sigma**2), first.shape)
    scale = flux_scale(first, second, noise, noise, usable) or 1.0
    skies = [_middle(image, usable) for image in (first, second)]
    y, x = _on_sources((first, second), skies, (noise, noise), 5, usable)
    pair = [
        median_around(image, (3, 3), y, x) - sky
        for image, sky in zip((first, second), skies, strict=True)
    ]
    light = np.minimum(pair[0], scale * pair[1])
    bright = usable[y, x] & (light > 5 * sigma)
    if np.count_nonzero(bright) < _BINS * _IN_BIN:
        return 0.0
    light, at = light[bright], (y[bright], x[bright])
    difference = first[at] - skies[0] - scale * (second[at] - skies[1])
    difference = dithered(difference, step)
    order = np.array_split(np.argsort(light), _BINS)
    level = np.array([np.median(light[part]) for part in order])
    scatter = np.array([middle_and_sigma(difference[part])[1] for part in order])
    excess = scatter**2 - (1 + scale**2) * sigma**2
    slope = max(np.percentile(excess / level, 25), 0.0)
    return float(slope) / (1 + scale)


def _middle(image, usable):
    """Median, of as many pixels as are enough."""
    rows = few_rows(image.shape, _SAMPLE)
    rows = rows if usable[rows].any() else np.s_[:]
    return float(np.median(image[rows][usable[rows]]))


def _on_sources(images, skies, variances, limit, usable):
    """Pixels of which the median of 3 x 3 may be bright in both images."""
    bright = usable.copy()
    for rows in strips(usable.shape):
        for image, sky, variance in zip(images, skies, variances, strict=True):
            bright[rows] &= image[rows] - sky > limit * np.sqrt(variance[rows])
    at = thin(np.flatnonzero(dilated(bright)), _SOURCES)
    return np.divmod(at, usable.shape[1])


class Scatter(NamedTuple):
    """How much a difference scatters, compared with its noise."""

    factor: float  # of the whole image; 1 if it cannot be measured
    local: Level | None  # likewise, and larger where there is more noise than is known

    def at(self, y, x):
        """In some pixels."""
        return self.factor if self.local is None else self._larger(self.local.at(y, x))

    def rows(self, part=np.s_[:]):
        """In some rows."""
        return (
            self.factor if self.local is None else self._larger(self.local.rows(part))
        )

    def _larger(self, local):
        return np.where(local > _NOISIER * self.factor, local, self.factor)


def noise_factor(difference, variance, use, where, step=0.0):
    """
    Measure how much a difference scatters, compared with its noise.

    Parameters
    ----------
    difference, variance : 2D `~numpy.ndarray`
        The difference and its variance, on a lattice.
    use : 2D bool `~numpy.ndarray`
        Likewise: pixels that count.
    where : Lattice
        That lattice.
    step : float, optional
        Between values, if these are quantised.

    Returns
    -------
    scatter : Scatter
        Of the whole image and of its parts.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        pulls = difference / np.sqrt(variance)
        finite = dithered(difference[use], step) / np.sqrt(variance[use])
    factor = middle_and_sigma(finite[np.isfinite(finite)])[1]
    if not (factor > 0 and finite.size >= _LEAST) or (step and factor < 1):
        factor = 1.0  # quantised noise has no wings that could be too wide
    known = use & np.isfinite(pulls)
    if not known.any():
        return Scatter(factor, None)
    np.abs(pulls, out=pulls)
    pulls /= _MEDIAN
    return Scatter(factor, where.level(pulls, known, worst=True))
