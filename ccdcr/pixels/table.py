# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What is known of detections, from their pixels and those around them alone."""

from typing import NamedTuple

import numpy as np

from ccdcr.pixels.groups import join, runs

__all__ = [
    "Detections",
    "beside",
    "detections",
    "holes",
    "measure",
    "of_size",
    "peaks",
    "pick",
    "sample",
    "sums",
    "touched",
]

# Rows and columns to the pixels around one; first to one that is not in line with
# the pixel that a hole is compared with first, see holes.
_AROUND = [(dy, dx) for dy in range(-3, 4) for dx in range(-3, 4) if dy or dx]
_AROUND.sort(key=lambda step: step != (3, -3))
_BESIDE = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
_SEVEN = np.arange(-3, 4)[:, np.newaxis]
_PART = 1 << 13  # places
_ENOUGH = 1 << 17  # pixels to measure the scatter with
_HUGE = 1e290  # charge of a pixel beyond which sums would be infinite
_BANDS, _ROWS = 4, 4  # of a larger frame


class Detections(NamedTuple):
    """Groups of touching pixels, as runs of neighbours in a row."""

    at: np.ndarray  # where the pixels are in the flat image
    start: np.ndarray  # where each run starts in that
    length: np.ndarray  # of each run
    group: np.ndarray  # number of its detection, from 0
    n: int  # detections

    def of(self, pixels):
        """Numbers of the detections that have pixels, given by their index in at."""
        return self.group[np.searchsorted(self.start, pixels, "right") - 1]


def pick(image, at):
    """
    Take some pixels out of an image.

    Parameters
    ----------
    image : 2D `~numpy.ndarray`
        In any order of memory.
    at : 1D int `~numpy.ndarray`
        Where they are in the flat image, row by row; those outside are clipped.

    Returns
    -------
    values : 1D `~numpy.ndarray`
        One for each.
    """
    if image.flags.c_contiguous:
        return image.reshape(-1).take(at, mode="clip")
    return image[np.unravel_index(at.clip(0, image.size - 1), image.shape)]


def sample(shape):
    """
    Choose rows that tell how much a frame scatters.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the frame.

    Returns
    -------
    rows : slice or 1D int `~numpy.ndarray`
        All rows of a small frame; else four bands, evenly spaced.
    """
    if shape[0] * shape[1] <= _ENOUGH or shape[0] <= _BANDS * _ROWS:
        return slice(None)
    start = ((np.arange(_BANDS) + 0.5) * shape[0] / _BANDS).astype(int) - _ROWS // 2
    return (start[:, None] + np.arange(_ROWS)).ravel()


def detections(at, shape):
    """
    Find which pixels touch.

    Parameters
    ----------
    at : 1D int `~numpy.ndarray`
        Where they are in the flat image, in ascending order.
    shape : tuple of int
        That of the image.

    Returns
    -------
    found : Detections
        Numbered in the order of their first pixels; pixels that share a corner touch.
    """
    start, end = runs(at, shape)
    group, n = join(at, start, end, shape)
    return Detections(at, start, end - start, group, n)


def measure(found, removed, width):
    """
    Measure detections.

    Parameters
    ----------
    found : Detections
        Which pixels belong to which.
    removed : 1D float `~numpy.ndarray`
        What was taken away from each pixel.
    width : int
        Columns of the image.

    Returns
    -------
    columns : dict
        Size, centroid, limits and charge of each detection, by name.
    """
    at, start, length, group, n = found
    y = at[start] // width  # of each run
    column = at - np.repeat(y * width, length)
    weight = np.fmax(removed, 0.0)
    weight[weight == np.inf] = 0.0
    weight = np.minimum(weight, _HUGE)
    of_run = sums(weight, start)
    total = np.bincount(group, of_run)
    if not total.all():  # of some nothing was removed
        weight[np.repeat(total[group] == 0, length)] = 1.0
        of_run = sums(weight, start)
        total = np.bincount(group, of_run)
    columns = {"n_pixels": np.bincount(group, length).astype(int)}
    columns["x_centroid"] = np.bincount(group, sums(weight * column, start)) / total
    columns["y_centroid"] = np.bincount(group, of_run * y) / total
    low, high, x = np.full(n, width), np.full(n, -1), column[start]
    np.minimum.at(low, group, x)
    np.maximum.at(high, group, x + length - 1)
    columns["bbox_xmin"], columns["bbox_xmax"] = low, high
    low, high = np.empty(n, int), np.empty(n, int)
    low[group[::-1]] = y[::-1]  # the last that is written stays: that of the first run
    high[group] = y
    columns["bbox_ymin"], columns["bbox_ymax"] = low, high
    columns["charge"] = np.bincount(group, sums(removed, start))
    return columns


def sums(values, start):
    """
    Add up runs.

    Parameters
    ----------
    values : 1D `~numpy.ndarray`
        One for each pixel.
    start : 1D int `~numpy.ndarray`
        Where each run starts.

    Returns
    -------
    sums : 1D `~numpy.ndarray`
        One for each run.
    """
    return np.add.reduceat(values, start) if start.size else values


def of_size(found, least):
    """
    Keep detections that are large enough.

    Parameters
    ----------
    found : Detections
        All of them.
    least : int
        Pixels of one that is kept, at least.

    Returns
    -------
    found : Detections
        Those, in the same order.
    """
    large = np.bincount(found.group, found.length) >= least
    runs_kept = large[found.group]
    length = found.length[runs_kept]
    return Detections(
        found.at[np.repeat(runs_kept, found.length)],
        np.cumsum(length) - length,
        length,
        (np.cumsum(large) - 1)[found.group[runs_kept]],
        int(np.count_nonzero(large)),
    )


def beside(found, shape):
    """
    Go through the neighbours of all pixels of detections.

    Parameters
    ----------
    found : Detections
        The detections.
    shape : tuple of int
        Rows and columns of the image.

    Yields
    ------
    places : 1D int `~numpy.ndarray`
        Where neighbours on one side are in the flat image, clipped.
    inside : 1D bool `~numpy.ndarray`
        Which are in the image at all.
    pixels : 1D int `~numpy.ndarray`
        Index in ``at`` of the pixels whose neighbours they are.
    """
    ends = np.append(found.start, found.start + found.length - 1)
    everything = np.arange(found.at.size)
    for step in _BESIDE:
        # to the left and right of a run only its ends have other neighbours than it
        pixels = ends if step[1] else everything
        if step != (0, 0):
            yield *_beside(found.at[pixels], step, shape), pixels


def holes(found, image, look, limit):
    """
    Find pixels in or beside cosmic rays that are far below all that are around.

    Parameters
    ----------
    found : Detections
        The cosmic rays.
    image : 2D `~numpy.ndarray`
        The image.
    look : callable
        Gives the values of some of its pixels, infinite where they do not count.
    limit : float
        How far, at least.

    Returns
    -------
    places : 1D int `~numpy.ndarray`
        Where such pixels are, maybe more than once; some may touch no cosmic ray.
    depth : 1D float `~numpy.ndarray`
        How far below the lowest pixel of the 7 x 7 around each is.

    Notes
    -----
    The pixel two rows above the middle of five of a row is around all that these five
    touch. Hardly any of these is so far below it, and the image alone tells.
    """
    fives = _fives(found, image.shape)
    far = _neighbours(fives, (2, 0), image.shape, look) - limit
    places = []
    for part in _parts(fives.size):
        for row in (-1, 0, 1):
            place = fives[part] + (row * image.shape[1] + _SEVEN)
            places.append(place[pick(image, place) < far[part]])
    places = np.concatenate(places) if places else fives
    places = places[(places >= 0) & (places < image.size)]
    light = look(places)
    lowest = np.full(places.size, np.inf)
    for step in _AROUND:
        if places.size == 0:
            break
        other = _neighbours(places, step, image.shape, look)
        with np.errstate(invalid="ignore"):
            keep = other - light > limit
        lowest = np.minimum(lowest, other)[keep]
        places, light = places[keep], light[keep]
    return places, lowest - light


def _fives(found, shape):
    """Middles of groups of five pixels that cover each run; the last may reach out."""
    first = found.at[found.start]
    count = (found.length + 4) // 5
    number = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    last = (first // shape[1] + 1) * shape[1] - 1  # of the row
    return np.minimum(np.repeat(first + 2, count) + 5 * number, np.repeat(last, count))


def _parts(size):
    """Slices so small that what is around their pixels stays in the cache."""
    return [slice(start, start + _PART) for start in range(0, size, _PART)]


def _beside(at, step, shape):
    """Where neighbours are in the flat image, clipped, and which are inside."""
    places = at + (step[0] * shape[1] + step[1])
    last = shape[0] * shape[1] - 1
    inside = (places >= 0) & (places <= last)
    if step[1]:
        column = at % shape[1] + step[1]
        inside &= (column >= 0) & (column < shape[1])
    return places.clip(0, last), inside


def _neighbours(at, step, shape, look):
    """Values of neighbours, infinite outside of the image."""
    places, inside = _beside(at, step, shape)
    values = look(places)
    values[~inside] = np.inf
    return values


def touched(places, found, shape):
    """
    Find the detections that some pixels are in or beside.

    Parameters
    ----------
    places : 1D int `~numpy.ndarray`
        Where the pixels are in the flat image.
    found : Detections
        Which pixels belong to which.
    shape : tuple of int
        That of the image.

    Returns
    -------
    numbers : 1D int `~numpy.ndarray`
        Numbers of the detections.
    """
    pixels = [_members(places, step, found.at, shape) for step in _BESIDE]
    return found.of(np.concatenate([index[member] for index, member in pixels]))


def peaks(values, pixels, at, shape):
    """
    Choose pixels than which no neighbour is brighter.

    Parameters
    ----------
    values : 1D `~numpy.ndarray`
        Of all pixels that count as neighbours.
    pixels : 1D int `~numpy.ndarray`
        Index of those to choose from.
    at : 1D int `~numpy.ndarray`
        Where all are in the flat image, in ascending order.
    shape : tuple of int
        That of the image.

    Returns
    -------
    pixels : 1D int `~numpy.ndarray`
        Those that were chosen.
    """
    highest = values[pixels].copy()
    for step in _BESIDE:
        index, member = _members(at[pixels], step, at, shape)
        np.fmax(highest, values[index], out=highest, where=member)
    return pixels[values[pixels] == highest]


def _members(places, step, at, shape):
    """Index in `at` of neighbours of pixels, and which of them are there at all."""
    near, inside = _beside(places, step, shape)
    index = np.searchsorted(at, near).clip(max=at.size - 1)
    return index, inside & (at[index] == near)
