# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The matched difference: each exposure against what the others say of it."""

from functools import partial
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from ccdcr.pixels.coincident import coincident_hits
from ccdcr.pixels.groups import count_groups
from ccdcr.pixels.median_network import box_median
from ccdcr.pixels.photometry import flux_scale
from ccdcr.pixels.predict import combine, is_low, predict_each_other
from ccdcr.pixels.replace import GAUSSIAN, from_neighbours
from ccdcr.pixels.suspect import source_like

__all__ = ["Match", "match"]

_SQUARE = np.ones((3, 3), dtype=bool)
_SHARPER = 4.0  # ratio of variances from which on another need not be asked
_REACH = 3  # pixels from a peak within which a tail belongs to it


class Match(NamedTuple):
    """What was found in each exposure, and what each was compared with."""

    exposures: list
    flagged: list  # for each exposure its cosmic rays
    coincident: list  # those that are in another, too
    suspects: list  # what is new and looks like a source
    examined: list
    donors: list  # pixels that can tell what another exposure should show
    n_peaks: list
    views: list  # for each exposure {another: (part, its part, Prediction)}
    scales: dict  # for each pair; None where it could not be measured


def match(exposures, parts, sigmas, scales, grow):
    """
    Find what is in one exposure and not in others, sources being allowed to differ.

    Parameters
    ----------
    exposures : list of Exposure
        Two or more.
    parts : dict
        For each pair ``(i, j)`` that is compared: the slices of `i` and of `j` that
        show the same.
    sigmas : tuple of float
        Thresholds of peaks and tails.
    scales : dict
        For each pair how much brighter sources are in `i`; None measures it.
    grow : int
        Rows of neighbours that are taken in.

    Returns
    -------
    result : Match
        What was found.
    """
    scales = {
        pair: _scale(exposures, pair, parts[pair]) if scale is None else scale
        for pair, scale in scales.items()
    }
    rays = [np.zeros(one.image.shape, dtype=bool) for one in exposures]
    for final in (False, True):
        views = _views(exposures, parts, scales, rays, final=final)
        found = [
            _peaks_and_tails(_significance(one, view, rays), sigmas)
            for one, view in zip(exposures, views, strict=True)
        ]
        known = [mask for mask, _ in found]
        # of two, the hits of the other count: then nothing is known beside them
        asked = [one.usable for one in exposures]
        if len(exposures) > 2:
            asked = _donors(exposures, known)
        suspects = [
            source_like(mask, partial(_look, one, view, asked))
            for mask, one, view in zip(known, exposures, views, strict=True)
        ]
        rays = [mask & ~suspect for mask, suspect in zip(known, suspects, strict=True)]
        hits = _hits_in_both(exposures, parts, scales, rays)
        rays = [ray | hit for ray, hit in zip(rays, hits, strict=True)]
    flagged, examined, coincident = [], [], []
    for mask, suspect, view in zip(rays, suspects, views, strict=True):
        examined.append(_examined(view, mask.shape))
        if grow:
            mask = ndimage.binary_dilation(mask, _SQUARE, iterations=grow)
        flagged.append(mask & examined[-1] & ~suspect)
    _correct(exposures, views, flagged)
    coincident = [
        mask & _elsewhere(view, flagged, mask.shape)
        for mask, view in zip(flagged, views, strict=True)
    ]
    return Match(
        exposures,
        flagged,
        coincident,
        suspects,
        examined,
        _donors(exposures, flagged),
        [n for _, n in found],
        views,
        scales,
    )


def _scale(exposures, pair, parts):
    first, second = (exposures[n].part(p) for n, p in zip(pair, parts, strict=True))
    usable = first.usable & second.usable
    return flux_scale(
        first.image, second.image, first.variance, second.variance, usable
    )


def _donors(exposures, flagged):
    return [one.usable & ~mask for one, mask in zip(exposures, flagged, strict=True)]


def _look(exposure, view, usable, y, x):
    """Excess over what the others say, its variance, and what they say of sources."""
    rows, columns = exposure.image.shape
    inside = (y >= 0) & (y < rows) & (x >= 0) & (x < columns)
    inside[inside] = exposure.usable[y[inside], x[inside]]
    result = np.full((3, y.size), np.nan)
    at = y[inside], x[inside]
    value, noise = combine(exposure, view, usable, *at, mismatch=False)
    result[0, inside] = exposure.image[at] - value
    result[1, inside] = exposure.variance[at] + noise
    result[2, inside] = value - exposure.sky[at]
    return result


def _views(exposures, parts, scales, known, *, final):
    """Compare all pairs; for each exposure what the others say of it."""
    views = [{} for _ in exposures]
    for (i, j), (at_i, at_j) in parts.items():
        predictions = predict_each_other(
            exposures[i].part(at_i),
            exposures[j].part(at_j),
            scales[i, j] or 1.0,
            known[i][at_i] | known[j][at_j],
            final=final,
        )
        views[i][j] = at_i, at_j, predictions[0]
        views[j][i] = at_j, at_i, predictions[1]
    return views


def _significance(exposure, view, known):
    """
    What the middle one of the others says; of an even number the lower.

    If there are others, those are not asked that have a cosmic ray there themselves,
    are lower than what is around it (dead pixels), or much noisier than another.
    """
    shape = exposure.image.shape
    if len(view) == 1:
        ((part, _, prediction),) = view.values()
        only = np.full(shape, -np.inf, prediction.significance.dtype)
        only[part] = prediction.significance
        return only
    if not view:
        return np.full(shape, -np.inf)
    said = np.full((len(view), *shape), -np.inf, np.float32)
    noise = np.full(said.shape, np.inf, np.float32)
    clean, low = (np.zeros(said.shape, dtype=bool) for _ in range(2))
    for n, (other, (part, at, prediction)) in enumerate(view.items()):
        said[n][part] = prediction.significance
        noise[n][part] = prediction.variance + prediction.mismatch
        clean[n][part] = ~known[other][at]
        low[n][part] = is_low(prediction, exposure.smooth[part])
    looked = said > -np.inf
    clean &= looked & ~low
    best = np.where(clean, noise, np.inf).min(axis=0)
    clean &= noise <= _SHARPER * best
    clean |= looked & ~clean.any(axis=0)
    said[~clean] = np.inf
    said.sort(axis=0)
    count = np.count_nonzero(clean, axis=0)
    middle = np.take_along_axis(said, np.maximum(count - 1, 0)[None] // 2, axis=0)[0]
    return np.where(count > 0, middle, -np.inf)


def _peaks_and_tails(significance, sigmas):
    peak, tail = (significance > limit for limit in sigmas)
    # a tail only near its peak: what is far away is another thing
    reached = ndimage.binary_dilation(peak, _SQUARE, iterations=_REACH, mask=tail)
    return peak | reached, count_groups(peak)


def _hits_in_both(exposures, parts, scales, known):
    hits = [np.zeros(mask.shape, dtype=bool) for mask in known]
    if len(exposures) > 2:
        return hits
    for (i, j), (at_i, at_j) in parts.items():
        first, second = exposures[i].part(at_i), exposures[j].part(at_j)
        usable = first.usable & second.usable
        in_one = known[i][at_i] | known[j][at_j]
        use = usable & ~in_one if (usable & ~in_one).any() else usable
        scale = scales[i, j] or 1.0
        seen = scale * second.image
        seen += float(np.median((first.image - seen)[use]))
        typical = box_median(first.variance, (5, 5), "nearest")
        noise = np.maximum(typical, scale**2 * second.variance)
        noise = np.minimum(first.variance, noise)
        noise = np.maximum(noise, np.finfo(noise.dtype).tiny)
        both = coincident_hits(np.minimum(first.image, seen), noise, in_one, usable)
        hits[i][at_i] |= both
        hits[j][at_j] |= both
    return hits


def _correct(exposures, views, flagged):
    """
    Improve what is said of cosmic rays by how their neighbours differ.

    Where a source has faded or has moved, its pixels differ alike. Their mean
    difference counts by how well it is known, compared with how much it may be.
    """
    for i, view in enumerate(views):
        for j, (part, at, prediction) in view.items():
            donors = exposures[i].usable & ~flagged[i]
            donors = donors[part] & (exposures[j].usable & ~flagged[j])[at]
            where = flagged[i][part] & (prediction.mismatch > 0)
            own = exposures[i].part(part)
            mean, error = from_neighbours(
                own.image - prediction.value,
                own.variance + prediction.variance,
                donors,
                where,
                GAUSSIAN,
            )
            known = np.isfinite(mean)
            where[where] = known
            may_be = prediction.mismatch[where]
            share = may_be / (may_be + error[known])
            prediction.value[where] += share * mean[known]
            prediction.mismatch[where] *= 1 - share


def _examined(view, shape):
    """Pixels of which some other exposure tells anything."""
    examined = np.zeros(shape, dtype=bool)
    for part, _, prediction in view.values():
        examined[part] |= prediction.significance > -np.inf
    return examined


def _elsewhere(view, flagged, shape):
    """Pixels that have a cosmic ray in some other exposure."""
    there = np.zeros(shape, dtype=bool)
    for other, (part, at, _) in view.items():
        there[part] |= flagged[other][at]
    return there
