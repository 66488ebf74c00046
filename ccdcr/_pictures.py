# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Small grey pictures of images, without a drawing library."""

import struct
import zlib
from typing import NamedTuple

import numpy as np

__all__ = ["Thumbnails", "grey", "limits", "png", "reduced", "thumbnails"]

_SOFT = 0.3  # where the asinh bends, as a part of the range
_SKY = 4  # the sky, up to its darkest pixels, is no more than a fifth of the range
_SAMPLE = 1 << 20  # pixels that tell the range
_MARGIN = 4  # pixels around a detection, on either side


class Thumbnails(NamedTuple):
    """Square cutouts, all of one size."""

    corner: np.ndarray  # n x 2: row and column of the lower left pixel; may be < 0
    step: np.ndarray  # image pixels for one of the cutout
    levels: np.ndarray  # n x side x side, before
    start: np.ndarray  # n + 1: where the changes of each start
    place: np.ndarray  # of each change in its flat cutout
    own: np.ndarray  # whether it belongs to the detection, not to a neighbour
    level: np.ndarray  # after


def limits(image):
    """
    Range of values that is worth showing: from the sky to the last few pixels.

    Parameters
    ----------
    image : 2D `~numpy.ndarray`
        Any numbers; those that are not finite are left out.

    Returns
    -------
    low, high : float
        With ``low < high``.
    """
    every = max(1, int(np.sqrt(image.size / _SAMPLE)))
    part = np.asarray(image[::every, ::every], dtype=np.float64)
    part = part[np.isfinite(part)]
    low, middle, high = np.percentile(part, [0.5, 50, 99.5]) if part.size else (0, 0, 0)
    high = max(high, middle + _SKY * (middle - low))
    return float(low), float(high if high > low else low + 1)


def grey(values, low, high):
    """
    Grey levels, of which those of bright pixels are compressed.

    Parameters
    ----------
    values : `~numpy.ndarray`
        Any numbers.
    low, high : float
        Range as from `limits`.

    Returns
    -------
    levels : uint8 `~numpy.ndarray`
        1 to 255; 0 where a value is not finite.
    """
    values = np.asarray(values, dtype=np.float32)
    part = np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1)
    part = np.arcsinh(part / np.float32(_SOFT)) / np.float32(np.arcsinh(1 / _SOFT))
    levels = np.where(np.isfinite(values), 1 + np.rint(254 * part), 0)
    return levels.astype(np.uint8)


def reduced(image, step):
    """
    Means of blocks of pixels.

    Parameters
    ----------
    image : 2D `~numpy.ndarray`
        Any numbers; those that are not finite are left out.
    step : int
        Rows and columns of a block; those at the end may be smaller.

    Returns
    -------
    means : 2D float `~numpy.ndarray`
        NaN where a block has no finite pixel.
    """
    if step == 1:
        return image
    steps = [np.arange(0, n, step) for n in image.shape]
    rows = []
    for row in steps[0]:  # no image-sized arrays in double precision
        part = np.asarray(image[row : row + step], dtype=np.float64)
        good = np.isfinite(part)
        total = np.where(good, part, 0).sum(axis=0)
        sums = np.add.reduceat(total, steps[1])
        counts = np.add.reduceat(good.sum(axis=0), steps[1])
        with np.errstate(invalid="ignore"):
            rows.append(sums / counts)
    return np.array(rows)


def png(levels):
    """
    Encode grey levels; dark is bright, and what is not finite has a colour.

    Parameters
    ----------
    levels : 2D uint8 `~numpy.ndarray`
        As from `grey`; row 0 is at the bottom of the picture.

    Returns
    -------
    picture : bytes
        A PNG.
    """
    rows, columns = levels.shape
    ramp = np.arange(255, -1, -1, dtype=np.uint8)
    palette = np.stack([ramp] * 3, axis=1)
    palette[0] = 120, 150, 190  # that of no data
    lines = np.zeros((rows, columns + 1), dtype=np.uint8)  # each starts with a filter
    lines[:, 1:] = levels[::-1]
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0)),
        (b"PLTE", palette.tobytes()),
        (b"IDAT", zlib.compress(lines.tobytes(), 6)),
        (b"IEND", b""),
    )
    parts = [b"\x89PNG\r\n\x1a\n"]
    for name, content in chunks:
        check = zlib.crc32(name + content)
        parts += [struct.pack(">I", len(content)), name, content]
        parts.append(struct.pack(">I", check))
    return b"".join(parts)


def thumbnails(before, after, labels, numbers, boxes, *, side, scale):
    """
    Cut out detections, before and after.

    Parameters
    ----------
    before, after : 2D `~numpy.ndarray`
        Images in one unit.
    labels : 2D int `~numpy.ndarray`
        Number of the detection that a pixel belongs to, or 0.
    numbers : sequence of int
        Which detections.
    boxes : 2D int `~numpy.ndarray`
        For each of these first and last column, first and last row.
    side : int
        Pixels of the cutouts along either axis.
    scale : tuple of float
        Range as from `limits`.

    Returns
    -------
    cutouts : Thumbnails
        Of large detections the pixels are means of blocks.
    """
    boxes = np.asarray(boxes).reshape(-1, 4)
    extent = np.maximum(boxes[:, 1] - boxes[:, 0], boxes[:, 3] - boxes[:, 2]) + 1
    step = -(-(extent + 2 * _MARGIN) // side)
    middle = (boxes[:, [2, 0]] + boxes[:, [3, 1]] + 1) // 2
    corner = middle - (side * step)[:, np.newaxis] // 2
    levels = np.zeros((len(boxes), side, side), dtype=np.uint8)
    places, own, new = [], [], []
    for k, number in enumerate(numbers):
        size = side * step[k]
        old = reduced(_window(before, corner[k], size, np.nan), step[k])
        levels[k] = grey(old, *scale)
        near = _window(labels, corner[k], size, 0)
        near = near.reshape(side, step[k], side, step[k]).swapaxes(1, 2)
        near = near.reshape(side * side, -1)
        places.append(np.flatnonzero(near.any(axis=1)))
        own.append((near[places[-1]] == number).any(axis=1))
        clean = reduced(_window(after, corner[k], size, np.nan), step[k])
        new.append(grey(clean.ravel()[places[-1]], *scale))
    start = np.cumsum([0, *(place.size for place in places)])
    empty = np.zeros(0, dtype=int)
    parts = (np.concatenate([empty, *part]) for part in (places, own, new))
    return Thumbnails(corner, step, levels, start, *parts)


def _window(image, corner, size, fill):
    """A square of an image, of which a part may be outside."""
    dtype = image.dtype if fill == 0 else np.float64
    out = np.full((size, size), fill, dtype=dtype)
    first = np.maximum(corner, 0)
    last = np.minimum(corner + size, image.shape)
    inside = tuple(slice(a, b) for a, b in zip(first, last, strict=True))
    into = tuple(
        slice(a, b) for a, b in zip(first - corner, last - corner, strict=True)
    )
    out[into] = image[inside]
    return out
