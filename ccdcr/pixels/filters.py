# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Filters that leave unusable pixels out, or look at few pixels; and masks."""

import numpy as np

from ccdcr.pixels.groups import groups, image_of
from ccdcr.pixels.median_network import box_median

__all__ = [
    "CHUNK",
    "box_median_at",
    "boxes",
    "median",
    "median_around",
    "median_at",
    "near",
    "neighbours",
    "places",
    "reached",
    "strips",
]

#: Values that may be gathered at once; bounds the memory of sparse work.
CHUNK = 1 << 16
_STRIP = 1 << 15  # pixels of a strip: what is in work stays in the cache
_MANY = 0.1  # part of an image from which on a median of all of it is sooner
# scipy's names, and numpy's
_PAD = {"reflect": "symmetric", "mirror": "reflect", "nearest": "edge"}


def median(image, size, usable):
    """
    Median filter that never reads unusable pixels.

    Windows without unusable pixels give exactly what
    `scipy.ndimage.median_filter` gives (edges reflected; of an even number of
    values the upper of the middle two). The others give the ordinary median of
    their usable pixels: the mean of the middle two.

    Parameters
    ----------
    image : 2D floating `~numpy.ndarray`
        The image.
    size : tuple of int
        Rows and columns of the window, odd or even.
    usable : 2D bool `~numpy.ndarray`
        Pixels that count.

    Returns
    -------
    smooth : 2D `~numpy.ndarray`
        Same shape and dtype; NaN where a window has no usable pixel.
    """
    if usable.all():
        return box_median(image, size)
    smooth = box_median(np.where(usable, image, 0), size)
    touched = places(near(~usable, size))
    smooth[touched] = median_at(image, size, usable, touched)
    return smooth


def places(mask):
    """
    Find the pixels of a mask.

    Parameters
    ----------
    mask : 2D bool `~numpy.ndarray`
        The mask.

    Returns
    -------
    at : tuple of 1D int `~numpy.ndarray`
        Row and column indices, as from `numpy.nonzero`, in a tenth of the time.
    """
    return np.unravel_index(np.flatnonzero(mask), mask.shape)


def near(mask, size=(3, 3)):
    """
    Find what has a pixel of a mask in the box around it.

    Parameters
    ----------
    mask : 2D bool `~numpy.ndarray`
        The mask.
    size : tuple of int, optional
        Rows and columns of the box.

    Returns
    -------
    mask : 2D bool `~numpy.ndarray`
        A new mask, and a larger one.
    """
    for axis, length in enumerate(size):
        mask, narrow = mask.copy(), np.moveaxis(mask, axis, 0)
        wide = np.moveaxis(mask, axis, 0)
        for step in range(1, length // 2 + 1):
            wide[step:] |= narrow[:-step]
        for step in range(1, length - length // 2):
            wide[:-step] |= narrow[step:]
    return mask


def reached(seeds, mask):
    """
    Find the groups of touching pixels in which there is a seed.

    Parameters
    ----------
    seeds : 2D bool `~numpy.ndarray`
        Pixels of the mask.
    mask : 2D bool `~numpy.ndarray`
        Pixels that may belong to a group; also corners touch.

    Returns
    -------
    mask : 2D bool `~numpy.ndarray`
        All pixels of these groups.
    """
    at, group, n = groups(mask)
    keep = np.zeros(n, dtype=bool)
    keep[group[seeds.ravel()[at]]] = True
    return image_of(keep[group], at, mask.shape)


def boxes(image, size, at, mode="reflect"):
    """
    Gather the boxes around some pixels.

    Parameters
    ----------
    image : 2D `~numpy.ndarray`
        The image.
    size : tuple of int
        Rows and columns of the box.
    at : tuple of 1D int `~numpy.ndarray`
        Row and column indices of the pixels.
    mode : {'reflect', 'mirror', 'nearest'}, optional
        How the image goes on beyond its edges.

    Returns
    -------
    values : 2D `~numpy.ndarray`
        One row per pixel, with all values of its box.
    """
    rows, columns = (
        np.pad(np.arange(n), (k // 2, k - 1 - k // 2), mode=_PAD[mode])[
            index[:, None] + np.arange(k)
        ]
        for n, k, index in zip(image.shape, size, at, strict=True)
    )
    values = image[rows[:, :, None], columns[:, None, :]]
    return values.reshape(at[0].size, size[0] * size[1])


def box_median_at(image, size, at, mode="reflect"):
    """
    Median of the boxes around some pixels.

    Parameters
    ----------
    image : 2D floating `~numpy.ndarray`
        The image, without NaN.
    size : tuple of int
        Rows and columns of the box.
    at : tuple of 1D int `~numpy.ndarray`
        Row and column indices of the pixels.
    mode : {'reflect', 'mirror', 'nearest'}, optional
        How the image goes on beyond its edges.

    Returns
    -------
    medians : 1D `~numpy.ndarray`
        What `~ccdcr.pixels.median_network.box_median` has there, in whichever way
        costs less.
    """
    if at[0].size > _MANY * image.size:
        return box_median(image, size, mode)[at]
    n = size[0] * size[1]
    medians = np.empty(at[0].size, dtype=image.dtype)
    for part in _parts(medians.size, n):
        values = boxes(image, size, [index[part] for index in at], mode)
        values.partition(n // 2, axis=1)
        medians[part] = values[:, n // 2]
    return medians


def _parts(n, size):
    """Slices of many pixels, each of so few that their boxes fit into memory."""
    step = max(1, CHUNK // size)
    return (slice(start, start + step) for start in range(0, n, step))


def median_at(image, size, usable, at):
    """
    Median of the usable pixels around some pixels.

    Parameters
    ----------
    image : 2D floating `~numpy.ndarray`
        The image.
    size : tuple of int
        Rows and columns of the window.
    usable : 2D bool `~numpy.ndarray`
        Pixels that count.
    at : tuple of `~numpy.ndarray`
        Row and column indices of the pixels.

    Returns
    -------
    medians : 1D `~numpy.ndarray`
        NaN where a window has no usable pixel.
    """
    medians = np.empty(at[0].size, dtype=image.dtype)
    for part in _parts(medians.size, size[0] * size[1]):
        where = [index[part] for index in at]
        values = boxes(image, size, where)
        values[~boxes(usable, size, where)] = np.nan
        medians[part] = _medians(values)
    return medians


def _medians(values):
    """Median of each row, NaN left out; NaN where nothing is left."""
    values = np.sort(values, axis=1)  # NaN is sorted to the end
    count = np.count_nonzero(~np.isnan(values), axis=1)
    middle = np.stack([(count - 1) // 2, count // 2], axis=1)  # of none the last, NaN
    return np.take_along_axis(values, middle, axis=1).mean(axis=1)


def neighbours(at, size, shape):
    """
    Find the windows around some pixels.

    Parameters
    ----------
    at : tuple of 1D int `~numpy.ndarray`
        Row and column indices of the pixels.
    size : tuple of int
        Rows and columns of the window.
    shape : tuple of int
        That of the image.

    Returns
    -------
    rows, columns : 2D int `~numpy.ndarray`
        One row per pixel, with all indices of its window; beyond the edges those of
        the nearest pixel.
    inside : 2D bool `~numpy.ndarray`
        Which are not beyond the edges.
    """
    offsets = np.indices(size).reshape(2, -1)
    wanted = [
        index[:, None] + (offset - n // 2)
        for index, offset, n in zip(at, offsets, size, strict=True)
    ]
    rows, columns = (
        index.clip(0, n - 1) for index, n in zip(wanted, shape, strict=True)
    )
    return rows, columns, (rows == wanted[0]) & (columns == wanted[1])


def median_around(image, size, y, x):
    """
    Median of all pixels around some.

    Parameters
    ----------
    image : 2D `~numpy.ndarray`
        The image, without NaN.
    size : tuple of int
        Rows and columns of the window, odd. Beyond the edges of the image the nearest
        pixels count once more.
    y, x : 1D int `~numpy.ndarray`
        The pixels.

    Returns
    -------
    medians : 1D `~numpy.ndarray`
        One for each.
    """
    return box_median_at(image, size, (y, x), "nearest")


def strips(shape):
    """
    Cut an image into strips, so that steps between whole images need no memory.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the image.

    Returns
    -------
    rows : list of slice
        The rows of each strip.
    """
    height = max(1, _STRIP // shape[1])
    return [slice(top, top + height) for top in range(0, shape[0], height)]
