# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""How long, how wide and how straight detections are, and what that makes them."""

import numpy as np

__all__ = ["KINDS", "shapes"]

_FAINT = 0.05  # of the brightest pixel: what is fainter tells nothing of the shape
_SHORT = 3.2  # pixels of length up to which a detection is a spot
_ROUND = 1.4  # length over width of what has no direction
# Deviation from a straight line, rms: in pixels, over the width, over the length.
_BENT = 0.19, 0.092, 0.012
_WIDE = 3.0  # pixels of width that charge alone does not reach, but light does
_SLENDER = 3.0  # length over width of a trail
_LONGEST = 200.0  # pixels of a track
#: What detections are called.
KINDS = np.array(["spot", "track", "worm", "trail"])


def shapes(found, light, n_columns):
    """
    Measure the shapes of detections.

    Parameters
    ----------
    found : Detections
        Which pixels belong to which.
    light : 1D float `~numpy.ndarray`
        What was taken away from each pixel.
    n_columns : int
        Columns of the image.

    Returns
    -------
    columns : dict
        ``length`` and ``width`` in pixels, ``angle`` in degrees, ``kind``.

    Notes
    -----
    Length and width are those of the rectangle of even brightness that has the same
    second moments as the light, of which what is fainter than a twentieth of the
    brightest pixel is left out; a row of n equal pixels has a length of n and a
    width of 1. If nothing was taken away all pixels count alike.
    """
    group = np.repeat(found.group, found.length)
    y, x = np.divmod(found.at, n_columns)
    light = _bright(found, group, light)

    def mean(values):
        return np.bincount(group, light * values, found.n) / total

    total = np.bincount(group, light, found.n)
    x, y = x - mean(x)[group], y - mean(y)[group]
    xx, yy, xy = mean(x * x), mean(y * y), mean(x * y)
    difference = np.hypot(xx - yy, 2 * xy)
    length = np.sqrt(6 * (xx + yy + difference) + 1)
    width = np.sqrt(6 * np.maximum(xx + yy - difference, 0) + 1)
    angle = 0.5 * np.arctan2(2 * xy, xx - yy)
    cosine, sine = np.cos(angle)[group], np.sin(angle)[group]
    bend = _deviation(found, group, light, x * cosine + y * sine, y * cosine - x * sine)
    return {
        "length": length,
        "width": width,
        "angle": np.degrees(angle) % 180,
        "kind": KINDS[_kinds(length, width, bend)],
    }


def _bright(found, group, light):
    """Light without what is faint; 1 everywhere if there is none."""
    light = np.fmax(light, 0.0)
    light[light == np.inf] = 0.0
    if light.size == 0:
        return light
    brightest = np.zeros(found.n)
    np.maximum.at(brightest, found.group, np.maximum.reduceat(light, found.start))
    power = -np.frexp(brightest)[1]  # to about 1: what is huge has no square
    light, brightest = np.ldexp(light, power[group]), np.ldexp(brightest, power)
    least = _FAINT * brightest[group]
    return np.where(least == 0, 1.0, np.where(light < least, 0.0, light))


def _deviation(found, group, light, along, across):
    """
    How far the middles of slices are from a straight line, rms by weight of the light.

    Slices are a pixel wide and at right angles to the longer axis.
    """
    if along.size == 0:
        return np.zeros(found.n)
    # along runs the extremes are at the ends
    ends = np.append(found.start, found.start + found.length - 1)
    first, last = np.full(found.n, np.inf), np.full(found.n, -np.inf)
    np.minimum.at(first, group[ends], along[ends])
    np.maximum.at(last, group[ends], along[ends])
    n_slices = np.floor(last - first).astype(int) + 1
    start = np.cumsum(n_slices) - n_slices
    piece = start[group] + np.floor(along - first[group]).astype(int)
    total = np.bincount(piece, light, n_slices.sum())
    moment = np.bincount(piece, light * across, n_slices.sum())
    square = np.divide(moment**2, total, out=np.zeros_like(total), where=total > 0)
    sums = np.add.reduceat([square, total], start, axis=1)
    return np.sqrt(sums[0] / sums[1])


def _kinds(length, width, bend):
    """Index of the kind of each, see `cosmicray_report`."""
    limits = _BENT[0], _BENT[1] * width, _BENT[2] * length
    straight = bend < np.maximum.reduce(np.broadcast_arrays(*limits))
    spot = (length < _SHORT) | ((length < _ROUND * width) & straight)
    wide = (width > _WIDE) & (length > _SLENDER * width)
    trail = straight & (wide | (length > _LONGEST))
    return np.select([spot, ~straight, trail], [0, 2, 3], default=1)
