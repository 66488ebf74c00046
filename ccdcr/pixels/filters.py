# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Filters that leave unusable pixels out."""

import numpy as np
from scipy import ndimage

from ccdcr.pixels.median_network import box_median

__all__ = [
    "CHUNK",
    "median",
    "median_around",
    "median_at",
    "neighbours",
    "strips",
    "windows",
]

#: Values that may be gathered at once; bounds the memory of sparse work.
CHUNK = 1 << 16
_STRIP = 1 << 15  # pixels of a strip: what is in work stays in the cache


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
    touched = np.nonzero(ndimage.maximum_filter(~usable, size=size))
    smooth[touched] = median_at(image, size, usable, touched)
    return smooth


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
    # 'symmetric' is what scipy calls 'reflect'
    pad = [(length // 2, length - 1 - length // 2) for length in size]
    padded = np.pad(np.where(usable, image, np.nan), pad, mode="symmetric")
    medians = np.empty(at[0].size, dtype=image.dtype)
    step = max(1, CHUNK // (size[0] * size[1]))
    for start in range(0, medians.size, step):
        part = slice(start, start + step)
        near = tuple(index[part] for index in at)
        medians[part] = _medians(windows(padded, size, near))
    return medians


def _medians(values):
    """Median along the last axis, NaN left out; NaN where nothing is left."""
    values = np.sort(values, axis=-1)  # NaN is sorted to the end
    count = np.count_nonzero(~np.isnan(values), axis=-1)
    upper = np.minimum(count // 2, values.shape[-1] - 1)
    lower = np.maximum(count - 1, 0) // 2
    pick = np.stack([lower, upper], axis=-1)
    return np.take_along_axis(values, pick, axis=-1).mean(axis=-1)


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


def windows(padded, size, at):
    """
    Gather the windows around some pixels.

    Parameters
    ----------
    padded : 2D `~numpy.ndarray`
        The image with ``size // 2`` more rows and columns before, and the rest of
        the window behind.
    size : tuple of int
        Rows and columns of the window.
    at : tuple of `~numpy.ndarray`
        Row and column indices of the pixels in the image before it was padded.

    Returns
    -------
    values : 2D `~numpy.ndarray`
        One row per pixel, with all values of its window.
    """
    view = np.lib.stride_tricks.sliding_window_view(padded, size)
    return view[at].reshape(at[0].size, size[0] * size[1])


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
    n = size[0] * size[1]
    medians = np.empty(y.size, dtype=image.dtype)
    step = CHUNK // n
    for start in range(0, y.size, step):
        part = slice(start, start + step)
        rows, columns, _ = neighbours((y[part], x[part]), size, image.shape)
        values = image[rows, columns]
        values.partition(n // 2, axis=1)
        medians[part] = values[:, n // 2]
    return medians


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
