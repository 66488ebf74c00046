# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What is known of each detection of a frame, as columns of a table."""

from typing import NamedTuple

import numpy as np
from astropy import units as u

from ccdcr._ccd import FLAG_COINCIDENT, FLAG_SUSPECT, owns_flags, variance
from ccdcr._doubts import (
    frame_scatter,
    hot_pixels,
    negative_cores,
    persistent,
)
from ccdcr.pixels.shape import shapes
from ccdcr.pixels.table import (
    Detections,
    beside,
    detections,
    measure,
    of_size,
    pick,
    sums,
)

__all__ = ["Listed", "list_detections", "rate_of"]

_IN_LINE = 25  # suspects in a row or column, at least, of one that is bad
_SINGLE = "cosmicray_median", "cosmicray_lacosmic"
_EXPOSURE = "EXPTIME", "EXPOSURE", "ITIME"  # cards, in seconds
_PIXEL = ("XPIXSZ", "YPIXSZ"), ("PIXSIZE1", "PIXSIZE2")  # in micrometres


class Listed(NamedTuple):
    """What was found in a frame."""

    columns: dict  # one value for each cosmic ray, then for each suspect
    coincident_known: bool
    n_cosmicrays: int  # that are listed
    n_suspects: int
    n_small: int  # cosmic rays that are not listed
    suspects: np.ndarray  # their pixels in the flat image
    rate: u.Quantity | None


class _Part(NamedTuple):
    """Detections of one sort, and what was taken away from each of their pixels."""

    found: Detections
    removed: np.ndarray


def list_detections(frames, factor, mask, others, min_pixels):
    """
    List the cosmic rays of a frame and what was left alone.

    Parameters
    ----------
    frames : tuple of `~astropy.nddata.CCDData`
        After and before cleaning, checked.
    factor : float
        What brings the data before to the unit of those after.
    mask : 2D bool `~numpy.ndarray`
        The cosmic rays.
    others : dict
        ``dark`` and ``previous``: checked frames, if there are any.
    min_pixels : int
        Pixels of a cosmic ray that is listed, at least.

    Returns
    -------
    listed : Listed
        The list.
    """
    after, before = frames
    flags = after.flags if after.flags is not None and owns_flags(after) else None
    rays = detections(np.flatnonzero(mask), mask.shape)
    n_all = rays.n
    if min_pixels > 1:
        rays = of_size(rays, min_pixels)
    left = _left_alone(flags, mask)
    parts = [_Part(rays, _removed(frames, factor, rays.at))]
    parts.append(_Part(left, np.zeros(left.at.size)))
    columns = {"label": np.arange(1, rays.n + left.n + 1)}
    measured = [_measured(part, frames, factor) for part in parts]
    for name in measured[0]:
        columns[name] = np.concatenate([one[name] for one in measured])
    both = np.zeros(rays.n + left.n, dtype=bool)
    if flags is not None:
        both[rays.of(np.flatnonzero(pick(flags, rays.at) & FLAG_COINCIDENT))] = True
    columns["coincident"] = both
    columns["on_edge"] = np.concatenate([_on_edge(p.found, before) for p in parts])
    alone = "line" if after.meta.get("CCRFUNC") in _SINGLE else "source-like"
    columns["suspect"] = _reasons(parts, before, others, alone, mask.shape)
    rate = rate_of(n_all, before.meta, before.data.shape)
    return Listed(
        columns, flags is not None, rays.n, left.n, n_all - rays.n, left.at, rate
    )


def _removed(frames, factor, at):
    after, before = (pick(np.asarray(ccd.data), at) for ccd in frames)
    with np.errstate(invalid="ignore", over="ignore"):
        return before.astype(np.float64) * factor - after.astype(np.float64)


def _left_alone(flags, mask):
    """Pixels that stood out and were left alone."""
    at = np.zeros(0, dtype=int)
    if flags is not None:
        # the bits above this one are not in use
        at = np.flatnonzero(flags >= FLAG_SUSPECT)
        at = at[(pick(flags, at) & FLAG_SUSPECT > 0) & ~pick(mask, at)]
    return detections(at, mask.shape)


def _measured(part, frames, factor):
    """Columns that come from the pixels of detections and from their noise."""
    found, removed = part
    width = frames[0].data.shape[1]
    columns = measure(found, removed, width)
    charge = columns.pop("charge")
    columns |= shapes(found, removed, width)
    kind = columns.pop("kind")
    noise = _noise(frames, factor, found.at)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        error = np.sqrt(np.bincount(found.group, sums(noise, found.start), found.n))
        significance = charge / error
    columns |= {"charge": charge, "charge_error": error, "significance": significance}
    return columns | {"kind": kind}


def _noise(frames, factor, at):
    """Variance of what was removed from each pixel: of the pixel and of its value."""
    after, before = frames
    if before.uncertainty is None:
        sigma = frame_scatter(before) * factor
        return np.full(at.size, sigma * sigma)
    pixels = np.divmod(at, before.data.shape[1])
    noise = variance(before, pixels) * factor**2
    if after.uncertainty is not None:
        new = variance(after, pixels)
        noise += np.where(np.isfinite(new), new, 0.0)
    return noise


def _on_edge(found, before):
    """Detections that touch the edge of the frame, or a pixel that is not usable."""
    edge = np.zeros(found.n, dtype=bool)
    if found.n == 0:
        return edge
    data = np.asarray(before.data)
    mask = None if before.mask is None else np.asarray(before.mask, dtype=bool)
    with np.errstate(over="ignore", invalid="ignore"):
        finite = np.isfinite(data.sum())  # then all of them are
    for places, inside, pixels in beside(found, data.shape):
        bad = ~inside
        if not finite:
            bad |= ~np.isfinite(pick(data, places))
        if mask is not None:
            bad |= pick(mask, places)
        edge[found.of(pixels[bad])] = True
    return edge


def _reasons(parts, before, others, alone, shape):
    """Why each detection may be no cosmic ray."""
    (rays, removed), (left, _) = parts
    reasons = np.full(rays.n + left.n, "", dtype="U13")
    if rays.n:
        reasons[negative_cores(before, rays)] = "negative core"
        if others.get("previous") is not None:
            reasons[persistent(others["previous"], removed, rays)] = "persistence"
        if others.get("dark") is not None:  # a hot pixel is bright in all frames
            reasons[hot_pixels(others["dark"], before, rays)] = "hot pixel"
    reasons[rays.n :] = alone
    if alone == "line" and left.n:
        y, x = np.divmod(left.at, shape[1])
        many = np.maximum(np.bincount(y)[y], np.bincount(x)[x]) < _IN_LINE
        reasons[rays.n + np.repeat(left.group, left.length)[many]] = "saturated"
    return reasons


def rate_of(n, meta, shape):
    """
    Tell how many cosmic rays there are per area and time.

    Parameters
    ----------
    n : int
        Number of cosmic rays.
    meta : mapping
        Header of the frame.
    shape : tuple of int
        Rows and columns of the frame.

    Returns
    -------
    rate : `~astropy.units.Quantity` or None
        None if the header does not tell exposure time and size of pixels.
    """
    meta = {str(key).upper(): value for key, value in meta.items()}

    def number(key):
        value = meta.get(key)
        return value if isinstance(value, (int, float)) and value > 0 else None

    time = next(filter(None, map(number, _EXPOSURE)), None)
    sizes = (tuple(map(number, keys)) for keys in _PIXEL)
    size = next((pair for pair in sizes if all(pair)), None)
    if time is None or size is None:
        return None
    rows, columns = shape
    area = (rows * size[1] * u.um) * (columns * size[0] * u.um)
    return (n / (area * time * u.s)).to(1 / (u.cm**2 * u.s))
