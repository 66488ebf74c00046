# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The matched difference: each exposure against what the others say of it."""

from functools import partial
from typing import NamedTuple

import numpy as np

from ccdcr.pixels.coincident import coincident_hits
from ccdcr.pixels.compare import compare
from ccdcr.pixels.groups import count_groups, dilated, image_of
from ccdcr.pixels.photometry import flux_scale
from ccdcr.pixels.suspect import source_like
from ccdcr.pixels.witnesses import View, combine, significance

__all__ = ["Match", "match"]

_REACH = 3  # pixels from a peak within which a tail belongs to it


class Match(NamedTuple):
    """What was found in each exposure, and what each was compared with."""

    exposures: list
    flagged: list  # for each exposure its cosmic rays
    coincident: list  # those that are in another, too
    suspects: list  # what is new and looks like a source
    examined: list
    n_peaks: list
    views: list  # for each exposure {another: View}
    scales: dict  # for each pair; None where it could not be measured

    def replacements(self, own, known, at):
        """
        Tell what the others say of the cosmic rays of an exposure.

        Parameters
        ----------
        own : int
            Number of the exposure.
        known : list of 2D bool `~numpy.ndarray` or None
            For each exposure, pixels that can be asked; None if all can.
        at : tuple of 1D int `~numpy.ndarray`
            Rows and columns of the pixels.

        Returns
        -------
        values, variances : 1D float64 `~numpy.ndarray`
            NaN where no other exposure can be asked.
        """
        donors = [
            donor if may is None else donor & may
            for donor, may in zip(
                _donors(self.exposures, self.flagged), known, strict=True
            )
        ]
        return combine(self.exposures[own], self.views[own], donors, *at, corrected=own)


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
        views, candidates = _views(exposures, parts, scales, rays, sigmas, final=final)
        if not final:
            exposures = _without_dead(exposures, views, candidates)
        found = [
            _peaks_and_tails(one, view, rays, at, sigmas)
            for one, view, at in zip(exposures, views, candidates, strict=True)
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
        if final and len(exposures) == 2:
            _add_hits_in_both(views[0], rays)
    flagged, examined = [], []
    for mask, suspect, view in zip(rays, suspects, views, strict=True):
        examined.append(_examined(view, mask.shape))
        if grow:
            mask = dilated(mask, grow)
        flagged.append(mask & examined[-1] & ~suspect)
    coincident = [
        mask & _elsewhere(view, flagged, mask.shape)
        for mask, view in zip(flagged, views, strict=True)
    ]
    n_peaks = [n for _, n in found]
    return Match(
        exposures, flagged, coincident, suspects, examined, n_peaks, views, scales
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
    result = np.full((3, y.size), np.nan)
    known = exposure.usable[y, x]
    at = y[known], x[known]
    value, noise = combine(exposure, view, usable, *at, mismatch=False)
    result[0, known] = exposure.image[at] - value
    result[1, known] = exposure.variance[at] + noise
    result[2, known] = value - exposure.sky.at(*at)
    return result


def _views(exposures, parts, scales, known, sigmas, *, final):
    """Compare all pairs; for each exposure what it looks like and where to look."""
    views = [{} for _ in exposures]
    peaks, tails = (
        [np.zeros(one.image.shape, dtype=bool) for one in exposures] for _ in range(2)
    )
    for (i, j), (at_i, at_j) in parts.items():
        compared, peak, tail = compare(
            exposures[i].part(at_i),
            exposures[j].part(at_j),
            scales[i, j] or 1.0,
            known[i][at_i] | known[j][at_j],
            sigmas,
            final=final,
        )
        y, x = np.divmod(np.flatnonzero(tail), tail.shape[1])
        brighter = compared.difference(y, x) > 0
        for n, at, where in ((i, at_i, brighter), (j, at_j, ~brighter)):
            pixels = y[where], x[where]
            tails[n][at][pixels] = True
            peaks[n][at][pixels] |= peak[pixels]
        views[i][j] = View(compared, 0, at_i, at_j)
        views[j][i] = View(compared, 1, at_j, at_i)
    # a tail only near a peak, which another pair may show: others are another thing
    candidates = [
        np.flatnonzero(tail & dilated(peak, _REACH))
        for peak, tail in zip(peaks, tails, strict=True)
    ]
    return views, candidates


def _without_dead(exposures, views, candidates):
    """
    Do not ask pixels again that are far too low.

    Beside them, what another exposure shows would pass for a cosmic ray.
    """
    dead = [[] for _ in exposures]
    for one, view, at in zip(exposures, views, candidates, strict=True):
        y, x = np.divmod(at, one.image.shape[1])
        for other, seen in view.items():
            inside = seen.inside(y, x)[1]
            place = tuple(
                k + part.start for k, part in zip(inside, seen.its, strict=True)
            )
            dark, dim = exposures[other].darkness(*place, seen.compared.scatter.factor)
            if dark.any():
                shape = exposures[other].image.shape
                flat = np.ravel_multi_index(place, shape)
                both = (image_of(mask, flat, shape) for mask in (dark, dim))
                dead[other].append(np.flatnonzero(_connected(*both)))
    return [
        one.without(np.unique(np.concatenate(at))) if at else one
        for one, at in zip(exposures, dead, strict=True)
    ]


def _peaks_and_tails(exposure, view, known, at, sigmas):
    """Where the others agree; tails as far as they are connected with a peak."""
    shape = exposure.image.shape
    if not view:
        return np.zeros(shape, dtype=bool), 0
    pulls = significance(exposure, view, known, *np.divmod(at, shape[1]))
    peak, tail = (image_of(pulls > limit, at, shape) for limit in sigmas)
    return _connected(peak, tail), count_groups(peak)


def _connected(peak, tail):
    found = peak
    for _ in range(_REACH):
        found = dilated(found) & tail | peak
    return found


def _add_hits_in_both(views, rays):
    for view in views.values():
        compared = view.compared
        in_one = rays[0][view.part] | rays[1][view.its]
        both = coincident_hits(
            compared.fainter,
            partial(_noise_of_fainter, compared),
            in_one,
            view.usable(),
            compared.sources,
            compared.share,
        )
        rays[0][view.part] |= both
        rays[1][view.its] |= both


def _noise_of_fainter(compared, y, x):
    first, second = compared.variances(y, x)
    noise = np.minimum(first, np.maximum(compared.first.typical, second))
    return np.maximum(noise, np.finfo(noise.dtype).tiny)


def _examined(view, shape):
    """Pixels of which some other exposure tells anything."""
    examined = np.zeros(shape, dtype=bool)
    for one in view.values():
        examined[one.part] |= one.usable()
    return examined


def _elsewhere(view, flagged, shape):
    """Pixels that have a cosmic ray in some other exposure."""
    there = np.zeros(shape, dtype=bool)
    for other, one in view.items():
        there[one.part] |= flagged[other][one.its]
    return there
