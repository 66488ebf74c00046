# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The call of astroscrappy: on a frame that has no borders and no bad pixels."""

import math

import numpy as np

from ccdcr.pixels.detect import not_beside_sources
from ccdcr.pixels.filters import boxes, places, strips
from ccdcr.pixels.replace import fill
from ccdcr.pixels.sharpness import at_borders

__all__ = ["detect"]

_BORDER = 10  # astroscrappy does not search borders, and fails on tiny images
_INSIDE = np.s_[_BORDER:-_BORDER, _BORDER:-_BORDER]
_HOLE = 10.0  # sigma below all neighbours: no noise, and no light


def detect(data, usable, examined, noise, background, scale, arguments):
    """
    Call astroscrappy.

    Parameters
    ----------
    data : 2D `~numpy.ndarray`
        The image.
    usable, examined : 2D bool `~numpy.ndarray`
        Pixels that may be read; those of them that may be hits.
    noise : Noise
        Its noise.
    background : 2D `~numpy.ndarray` or None
        What is known not to be cosmic rays.
    scale : float
        What the image is multiplied with for astroscrappy.
    arguments : dict
        Those of astroscrappy; without a read noise its variance is made of the noise.

    Returns
    -------
    hits : 2D bool `~numpy.ndarray`
        What was found among the pixels that are examined.
    clean : 2D `~numpy.ndarray`
        The cleaned image, in single precision and times the scale.
    """
    if not examined.any():
        return np.zeros_like(examined), data
    import astroscrappy

    factor = scale / noise.unit
    wide = _wide(_without_gaps(data, usable, noise, background), factor)
    if "readnoise" not in arguments:
        arguments["invar"] = _wide(noise.variance, factor**2)
    if background is not None:
        arguments["inbkg"] = _wide(background, scale)
    with np.errstate(all="ignore"):
        hits, clean = astroscrappy.detect_cosmics(
            wide, inmask=_inner(_wide(~examined)), satlevel=math.inf, **arguments
        )
    del arguments
    image = wide[_INSIDE] if factor == 1 else wide[_INSIDE] / factor
    hits = hits[_INSIDE] & examined
    hits = not_beside_sources(hits, ~usable, image, noise.variance)
    if background is not None:
        image = image - background * noise.unit
    hits &= ~at_borders(hits, image)
    return hits, clean[_INSIDE]


def _without_gaps(data, usable, noise, background):
    """The image in the unit of the noise, with plausible values in gaps and holes."""
    flat = fill(data if background is None else data - background, usable)
    flat *= noise.unit
    low = _holes(flat, usable, noise.variance)
    if low.any():
        flat = fill(flat, ~low)
    return flat if background is None else flat + background * noise.unit


def _holes(flat, usable, variance):
    """Single pixels far below the others: astroscrappy would flag what is around."""
    holes = np.zeros_like(usable)
    for part in strips(flat.shape):
        image, limit = flat[part], _HOLE * np.sqrt(variance[part])
        deep = usable[part].copy()
        # first what costs little: few pixels are that far below one neighbour
        deep[:, :-1] &= image[:, 1:] - image[:, :-1] > limit[:, :-1]
        deep[:, 1:] &= image[:, :-1] - image[:, 1:] > limit[:, 1:]
        holes[part] = deep
    at = places(holes)
    around = np.delete(boxes(flat, (3, 3), at, "mirror"), 4, axis=1)
    limit = _HOLE * np.sqrt(variance[at])
    holes[at] = around.min(axis=1) - flat[at] > limit
    return holes


def _wide(image, scale=None):
    """An image that goes on beyond its borders as in a mirror."""
    y, x = (np.pad(np.arange(n), _BORDER, mode="reflect") for n in image.shape)
    wide = np.empty((y.size, x.size), bool if scale is None else np.float32)
    if scale is None:
        wide[_INSIDE] = image
    else:
        with np.errstate(over="ignore"):
            np.multiply(image, scale, out=wide[_INSIDE], casting="same_kind")
    rows = wide[_BORDER:-_BORDER]
    rows[:, :_BORDER] = rows[:, _BORDER + x[:_BORDER]]
    rows[:, -_BORDER:] = rows[:, _BORDER + x[-_BORDER:]]
    wide[:_BORDER] = rows[y[:_BORDER]]
    wide[-_BORDER:] = rows[y[-_BORDER:]]
    return wide


def _inner(bad):
    """
    Pixels that are bad with all of their neighbours; None if there are none.

    astroscrappy grows its mask by one pixel, and is blind there: bad pixels that stand
    alone or in a line are filled instead, so that hits beside them are found.
    """
    rows = bad[:-2] & bad[1:-1] & bad[2:]
    inner = rows[:, :-2] & rows[:, 1:-1] & rows[:, 2:]
    return np.pad(inner, 1) if inner.any() else None
