# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Signs that a result is not to be trusted; cosmic rays know nothing of sources."""

import math

import numpy as np

from ccdcr.pixels.difference import overlap
from ccdcr.pixels.groups import groups, thin
from ccdcr.pixels.shift import cross_correlate, prepare, refine

__all__ = ["BRIGHT", "better_shift", "source_density"]

BRIGHT = 5.0  # sigma of the sky above which there is a source
_TYPICAL = 8.0  # pixels of a cosmic ray, where there are none to measure it on
_SAMPLE = 1 << 16  # pixels that are enough to measure areas with
_MOST = 1024  # rows and columns that are enough to measure a shift on
_OFF = 0.6  # pixels: half of one, and what a measured shift may be wrong by
_SMALL = 256  # rows or columns that are not worth two looks
_NEARLY = 0.3  # likewise, measured on pixels of twice the size
_ALIKE = 0.4  # correlation of what is the same field
_CLEARLY = 0.012  # by how much a shift must be better
_LEAST = 20.0  # significance of a shift that can be believed


def source_density(found, is_source, examined):
    """
    Compare the density of detections on sources with that elsewhere.

    Parameters
    ----------
    found : 2D bool `~numpy.ndarray`
        All that sticks out, where it was looked for.
    is_source : callable
        Tells for arrays of rows and columns which pixels are on sources.
    examined : 2D bool `~numpy.ndarray`
        Pixels that were looked at.

    Returns
    -------
    ratio : float
        Pixels found per pixel, on sources over elsewhere; NaN if there are no
        sources, or nothing else.
    significance : float
        By how many sigma there are more on sources, neighbours counted as one.
    """
    width = examined.shape[1]
    at = thin(np.flatnonzero(examined), _SAMPLE)
    area = np.count_nonzero(is_source(*np.divmod(at, width)))
    areas = area, at.size - area
    if min(areas) == 0:
        return math.nan, 0.0
    at, group, _ = groups(found)
    on = is_source(*np.divmod(at, width))
    n_on, n_off = np.count_nonzero(on), np.count_nonzero(~on)
    n_objects = np.unique(group[~on]).size
    size = max(n_off / n_objects, 1.0) if n_objects else _TYPICAL
    expected = n_off * areas[0] / areas[1]
    excess = (n_on - expected) / size
    ratio = n_on / expected if expected > 0 else (math.inf if n_on else math.nan)
    return ratio, excess / math.sqrt(max(expected / size, 1.0))


def better_shift(first, second, shift):
    """
    Look for a shift with which two images agree clearly better.

    Parameters
    ----------
    first, second : tuple of 2D `~numpy.ndarray`
        Each an image and which of its pixels count; of their middle this is done.
    shift : tuple of float
        The shift that was given.

    Returns
    -------
    better : tuple of float or None
        ``(dy, dx)`` as everywhere; None if there is none, or none can be measured.
    """
    middle = tuple(
        slice(max(0, (n - _MOST) // 2), max(0, (n - _MOST) // 2) + _MOST)
        for n in first[0].shape
    )
    images = [
        prepare(image[middle], usable[middle]) for image, usable in (first, second)
    ]
    if min(images[0].shape) > _SMALL:  # first at a quarter of the cost
        coarse, significance = cross_correlate(*(_binned(image) for image in images))
        off = max(abs(2 * a - b) for a, b in zip(coarse, shift, strict=True))
        if off <= _NEARLY or significance < _LEAST / 2:
            return None
    better, significance = cross_correlate(*images)
    if significance < _LEAST:
        return None
    better = refine(*images, better)
    if max(abs(a - b) for a, b in zip(better, shift, strict=True)) <= _OFF:
        return None
    # along straight lines all shifts are about as good
    worse, best = (_agreement(images, at) for at in (shift, better))
    return better if worse < (1 - _CLEARLY) * best and best > _ALIKE else None


def _binned(image):
    rows, columns = (n // 2 for n in image.shape)
    image = image[: 2 * rows, : 2 * columns]
    return image.reshape(rows, 2, columns, 2).sum(axis=(1, 3))


def _agreement(images, shift):
    """Correlation coefficient, not about the means, of the overlap."""
    parts = overlap(images[0].shape, tuple(round(step) for step in shift))
    if parts is None:
        return 0.0
    first, second = (
        image[part].astype(float) for image, part in zip(images, parts, strict=True)
    )
    total = np.sqrt(np.square(first).sum() * np.square(second).sum())
    return float((first * second).sum() / total) if total > 0 else 0.0
