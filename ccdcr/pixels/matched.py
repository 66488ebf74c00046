# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The matched difference: each exposure against its prediction from the other."""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from ccdcr.pixels.coincident import coincident_hits
from ccdcr.pixels.difference import middle_and_sigma
from ccdcr.pixels.guard import measure_guard
from ccdcr.pixels.photometry import (
    expected_variance,
    flux_scale,
    local_level,
    photon_slope,
)

__all__ = ["Direction", "Match", "match"]

_SQUARE = np.ones((3, 3), dtype=bool)
_REACH = 3  # pixels from a peak within which a tail belongs to it


class Direction(NamedTuple):
    """One exposure against its prediction."""

    flagged: np.ndarray
    prediction: np.ndarray
    variance: np.ndarray  # of the prediction, where sources do not match, too
    noise_factor: float
    misregistration: float
    change: float
    n_peaks: int


class Match(NamedTuple):
    """Both directions, and what belongs to the pair."""

    first: Direction
    second: Direction
    coincident: np.ndarray
    scale: float
    scale_measured: bool


def match(images, variances, usable, sigmas, scale=None):
    """
    Find what is in one exposure and not in the other, sources being allowed to differ.

    Parameters
    ----------
    images, variances : sequence of 2D `~numpy.ndarray`
        Both exposures where they overlap, in one unit, and their variances. Pixels
        that are not usable hold plausible values.
    usable : sequence of 2D bool `~numpy.ndarray`
        Pixels that count, of either.
    sigmas : tuple of float
        Thresholds of peaks and tails.
    scale : float, optional
        How much brighter sources are in the first; None measures it.

    Returns
    -------
    result : Match
        What was found.
    """
    images = [image.astype(float) for image in images]
    variances = [variance.astype(float) for variance in variances]
    both = usable[0] & usable[1]
    smooth = [ndimage.median_filter(image, 5, mode="nearest") for image in images]
    slopes, floors = [], []
    for image, variance in zip(images, variances, strict=True):
        slopes.append(photon_slope(image, variance, both))
        floors.append(0.1 * np.median(variance[both]))
    measured = flux_scale(*images, *variances, both) if scale is None else scale
    f = 1.0 if measured is None else measured

    flagged = np.zeros(both.shape, dtype=bool)
    for final in (False, True):
        use = both & ~flagged if (both & ~flagged).any() else both
        offset = np.median((images[0] - f * images[1])[use])
        seen = f * images[1] + offset, (images[0] - offset) / f
        found = []
        for own, other, factor in ((0, 1, f), (1, 0, 1 / f)):
            # the tested image at the level of its prediction; the other no brighter
            # than the tested one says that it should be
            tested = np.maximum(seen[own], smooth[own])
            donor = np.maximum(smooth[other], np.minimum(images[other], seen[other]))
            noise, donated = (
                expected_variance(images[i], variances[i], level, slopes[i], floors[i])
                for i, level in ((own, tested), (other, donor))
            )
            found.append(
                _compare(
                    images[own],
                    factor * images[other],
                    noise,
                    factor**2 * donated,
                    both,
                    flagged,
                    sigmas,
                    final=final,
                )
            )
        fainter = np.minimum(images[0], seen[0])
        typical = ndimage.median_filter(variances[0], 5, mode="nearest")
        noise = np.minimum(variances[0], np.maximum(typical, f**2 * variances[1]))
        in_one = found[0].flagged | found[1].flagged
        tiny = np.finfo(float).tiny
        hits = coincident_hits(fainter, np.maximum(noise, tiny), in_one, both)
        flagged = in_one | hits
    found = [_grow(direction, both) for direction in found]
    hits |= found[0].flagged & found[1].flagged
    return Match(*found, hits, f, measured is not None)


def _compare(image, prediction, noise, donated, usable, flagged, sigmas, *, final):
    """Significance of the difference, and the peaks with their tails."""
    use = usable & ~flagged
    use = use if use.any() else usable
    prediction = prediction + local_level(image - prediction, use)
    difference = image - prediction
    variance = noise + donated
    with np.errstate(divide="ignore", invalid="ignore"):
        pulls = (difference / np.sqrt(variance))[use]
    factor = middle_and_sigma(pulls[np.isfinite(pulls)])[1]
    if not (factor > 0 and np.count_nonzero(use) >= 100):
        factor = 1.0
    decided = variance * factor**2
    guard = measure_guard(
        image, prediction, decided, noise, usable, flagged, final=final
    )
    total = np.sqrt(decided + guard.variance)
    peak = usable & (difference > sigmas[0] * total)
    tail = usable & (difference > sigmas[1] * total)
    # a tail only near its peak: what is far away is another thing
    reached = ndimage.binary_dilation(peak, _SQUARE, iterations=_REACH, mask=tail)
    n_peaks = ndimage.label(peak, _SQUARE)[1]
    return Direction(
        peak | reached,
        prediction,
        donated + guard.variance,
        factor,
        *guard[1:],
        n_peaks,
    )


def _grow(direction, usable):
    """
    Take in all neighbours.

    To take only those that stick out would choose pixels where the other exposure is
    low by chance: replaced values would be too low by a quarter of a sigma.
    """
    grown = ndimage.binary_dilation(direction.flagged, _SQUARE) & usable
    return direction._replace(flagged=grown)
