# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Which pixels stick out: peaks, and the tails that are connected to them."""

from typing import NamedTuple

import numpy as np

from ccdcr.pixels.filters import near, neighbours, places, reached
from ccdcr.pixels.groups import groups, image_of, join, runs

__all__ = [
    "Detection",
    "above",
    "below",
    "choose",
    "hysteresis",
    "left_alone",
    "not_beside_sources",
]

# Pixels of a row or column, and part of it, that no cosmic ray hits; and that none
# hits in more than three pieces.
_LINE, _BROKEN_LINE = (50, 1 / 2), (30, 1 / 3)


class Detection(NamedTuple):
    """Flagged pixels, and the counts that belong in the header."""

    flagged: np.ndarray
    n_peaks: int
    n_tails: int
    n_too_large: int


def above(values, threshold):
    """
    Compare exactly, whatever the precision of the image.

    A double precision threshold that is rounded to the single precision of the
    image may be rounded up, and a pixel between the two would be lost.

    Parameters
    ----------
    values : `~numpy.ndarray`
        Floating numbers; NaN is not above anything.
    threshold : float
        The limit, in double precision.

    Returns
    -------
    mask : bool `~numpy.ndarray`
        Where ``values > threshold`` in real numbers.
    """
    with np.errstate(over="ignore"):
        limit = values.dtype.type(threshold)
    if float(limit) > threshold:
        limit = np.nextafter(limit, values.dtype.type(-np.inf))
    return values > limit


def below(values, threshold):
    """
    Compare exactly, as `above` does.

    Parameters
    ----------
    values : `~numpy.ndarray`
        Floating numbers; NaN is not below anything.
    threshold : float
        The limit, in double precision.

    Returns
    -------
    mask : bool `~numpy.ndarray`
        Where ``values < threshold`` in real numbers.
    """
    with np.errstate(over="ignore"):
        limit = values.dtype.type(threshold)
    if float(limit) < threshold:
        limit = np.nextafter(limit, values.dtype.type(np.inf))
    return values < limit


def hysteresis(tail, is_peak, *, allowed=None, max_size=None):
    """
    Keep the tail objects that hold a peak.

    Objects are 4-connected, as in the published method. An object counts if one
    of its peak pixels is allowed and if the whole of it, allowed or not, has at
    most `max_size` pixels; of such an object the allowed pixels are flagged.

    Parameters
    ----------
    tail : 2D bool `~numpy.ndarray`
        Pixels above the low threshold.
    is_peak : callable
        Tells which of some pixels of the flat image, of those, are above the high one.
    allowed : 2D bool `~numpy.ndarray`, optional
        Where pixels may be flagged; None is everywhere.
    max_size : int, optional
        Largest object that is flagged, in pixels.

    Returns
    -------
    detection : Detection
        The flagged pixels; the number of separate peaks and tails before any
        selection, and of objects left alone for their size.
    """
    at, group, n_tails = groups(tail, corners=False)
    peak = is_peak(at)
    peaks = at[peak]
    _, n_peaks = join(peaks, *runs(peaks, tail.shape), tail.shape, corners=False)
    if allowed is not None:
        peak &= allowed.ravel()[at]
    keep = np.zeros(n_tails, dtype=bool)
    keep[group[peak]] = True
    n_wanted = np.count_nonzero(keep)
    if max_size is not None:
        keep &= np.bincount(group) <= max_size
    flagged = image_of(keep[group], at, tail.shape)
    if allowed is not None:
        flagged &= allowed
    n_too_large = n_wanted - np.count_nonzero(keep)
    return Detection(flagged, n_peaks, n_tails, n_too_large)


def choose(flagged, allowed, max_size):
    """
    Keep what reaches into a region, and is not too large.

    Parameters
    ----------
    flagged : 2D bool `~numpy.ndarray`
        What was found; pixels that touch, also at corners, are one.
    allowed : 2D bool `~numpy.ndarray` or None
        Where pixels may be flagged; None is everywhere.
    max_size : int or None
        Largest group that is kept, in pixels.

    Returns
    -------
    flagged : 2D bool `~numpy.ndarray`
        Pixels that are kept.
    n_too_large : int
        Groups that were left alone for their size.
    """
    if allowed is None and max_size is None:
        return flagged, 0
    at, group, n = groups(flagged)
    keep = np.ones(n, dtype=bool)
    if max_size is not None:
        keep = np.bincount(group) <= max_size
    chosen = image_of(keep[group], at, flagged.shape)
    if allowed is not None:
        chosen &= allowed
    return chosen, n - np.count_nonzero(keep)


def left_alone(hits, star):
    """
    Find hits that are no cosmic rays because of where they are.

    Parameters
    ----------
    hits : 2D bool `~numpy.ndarray`
        What was found.
    star : 2D bool `~numpy.ndarray`
        Saturated stars and their surroundings.

    Returns
    -------
    mask : 2D bool `~numpy.ndarray`
        Hits in rows or columns of which half is hit, or a third in more than three
        pieces (bad columns, the edge of an overscan), and hits that touch a saturated
        star (ends of trails of charge).
    """
    mask = np.zeros_like(hits)
    at = places(hits)
    for axis, n in enumerate(hits.shape):
        n_hits = np.bincount(at[1 - axis])
        many = np.flatnonzero(n_hits > max(_BROKEN_LINE[0], _BROKEN_LINE[1] * n))
        if many.size == 0:
            continue
        lines = np.moveaxis(hits, axis, 0)[:, many]
        changes = np.diff(lines, axis=0, prepend=False)
        n_pieces = np.count_nonzero(changes, axis=0) / 2
        whole = n_hits[many] > max(_LINE[0], _LINE[1] * n)
        np.moveaxis(mask, axis, 0)[:, many] |= lines & (whole | (n_pieces > 3))
    if star.any():
        mask |= reached(hits & near(star), hits)
    return mask


def not_beside_sources(hits, gaps, image, variance):
    """
    Drop hits beside filled gaps where the image around is not flat.

    On the flank of a star a filled gap makes its neighbours look sharp. So beside a
    gap a hit counts only where the good pixels among the 5 x 5 around it scatter as
    little as their noise (twice its variance at most); where it does not, whatever
    is within 2 pixels of it is dropped, too.

    Parameters
    ----------
    hits : 2D bool `~numpy.ndarray`
        What was found.
    gaps : 2D bool `~numpy.ndarray`
        Pixels that were filled.
    image, variance : 2D `~numpy.ndarray`
        The image and its variance; gaps are not read.

    Returns
    -------
    hits : 2D bool `~numpy.ndarray`
        Those that are kept.
    """
    at = places(hits & near(gaps))
    if at[0].size == 0:
        return hits
    rows, columns, good = neighbours(at, (5, 5), hits.shape)
    good &= ~(hits | gaps)[rows, columns]
    count = np.maximum(good.sum(axis=1), 1)
    values = np.where(good, image[rows, columns], 0.0)
    mean = values.sum(axis=1) / count
    scatter = np.where(good, values - mean[:, None], 0.0) ** 2
    explained = np.where(good, variance[rows, columns], 0.0).sum(axis=1)
    steep = (good.sum(axis=1) < 4) | (scatter.sum(axis=1) > 2 * explained)
    dropped = np.zeros_like(hits)
    dropped[tuple(index[steep] for index in at)] = True
    return hits & ~near(dropped, (5, 5))
