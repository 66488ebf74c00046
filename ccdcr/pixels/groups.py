# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Groups of pixels that touch, from the few pixels that are in one."""

import numpy as np
from scipy import ndimage

__all__ = ["count_groups", "dilated", "groups", "image_of", "join", "runs", "thin"]

_SQUARE = np.ones((3, 3), dtype=bool)
_GOLDEN = 0.6180339887498949
_MANY = 0.1  # part of an image from which on labelling all of it is as fast


def groups(mask, *, corners=True):
    """
    Number the groups of touching pixels.

    Parameters
    ----------
    mask : 2D bool `~numpy.ndarray`
        Pixels that belong to a group.
    corners : bool, optional
        Whether pixels that share a corner only touch.

    Returns
    -------
    at : 1D int `~numpy.ndarray`
        Where they are in the flat image, in ascending order.
    group : 1D int `~numpy.ndarray`
        For each the number of its group, from 0.
    n : int
        Number of groups.

    Notes
    -----
    The cost is that of finding the pixels; an image of labels is made only where more
    than a tenth of the pixels is in a group. Groups are numbered in the order of
    their first pixels, as by `scipy.ndimage.label`.
    """
    at = np.flatnonzero(mask)
    if at.size > _MANY * mask.size:
        labels, n = ndimage.label(mask, _SQUARE if corners else None)
        return at, labels.ravel()[at] - 1, n
    start, end = runs(at, mask.shape)
    of_run, n = join(at, start, end, mask.shape, corners=corners)
    return at, np.repeat(of_run, end - start), n


def runs(at, shape):
    """
    Find pixels that are neighbours in a row.

    Parameters
    ----------
    at : 1D int `~numpy.ndarray`
        Where pixels are in the flat image, in ascending order.
    shape : tuple of int
        That of the image.

    Returns
    -------
    start, end : 1D int `~numpy.ndarray`
        Where in `at` each run starts, and where the next one does.
    """
    if at.size == 0:
        return at, at
    new = np.concatenate([[True], at[1:] - at[:-1] != 1])
    rows = np.searchsorted(at, np.arange(shape[0]) * shape[1])
    new[rows[rows < at.size]] = True  # the last of a row and the first of the next
    start = np.flatnonzero(new)
    return start, np.append(start[1:], at.size)


def join(at, start, end, shape, *, corners=True):
    """
    Number the groups of runs that touch.

    Parameters
    ----------
    at : 1D int `~numpy.ndarray`
        Where pixels are in the flat image, in ascending order.
    start, end : 1D int `~numpy.ndarray`
        Their `runs`.
    shape : tuple of int
        That of the image.
    corners : bool, optional
        Whether pixels that share a corner only touch.

    Returns
    -------
    group : 1D int `~numpy.ndarray`
        For each run the number of its group, from 0.
    n : int
        Number of groups.
    """
    if at.size == 0:
        return at, 0
    from scipy.sparse import csr_array  # costs half a second
    from scipy.sparse.csgraph import connected_components

    first, last, width = at[start], at[end - 1], shape[1]
    # of the runs in the next row the first that does not end before this one begins,
    # and the first that begins after this one ends
    reach, next_row = int(corners), (first // width + 1) * width
    low = np.searchsorted(last, np.maximum(first + width - reach, next_row))
    furthest = np.minimum(last + width + reach, next_row + width - 1)
    count = np.searchsorted(first, furthest, "right") - low
    edges = np.append(0, np.cumsum(count))
    other = np.arange(edges[-1]) + np.repeat(low - edges[:-1], count)
    touch = csr_array((np.ones(other.size), other, edges), shape=(start.size,) * 2)
    n, group = connected_components(touch, directed=False)
    return group, n


def image_of(values, at, shape):
    """
    Put values where pixels are.

    Parameters
    ----------
    values : 1D bool `~numpy.ndarray`
        One for each pixel.
    at : 1D int `~numpy.ndarray`
        Where they are in the flat image.
    shape : tuple of int
        That of the image.

    Returns
    -------
    image : 2D bool `~numpy.ndarray`
        False elsewhere.
    """
    image = np.zeros(shape, dtype=bool)
    image.ravel()[at] = values  # a view, as the image is contiguous
    return image


def count_groups(mask):
    """
    Count the groups of pixels that touch, also at corners.

    Parameters
    ----------
    mask : 2D bool `~numpy.ndarray`
        The pixels.

    Returns
    -------
    n : int
        Their number.
    """
    return groups(mask)[2]


def dilated(mask, reach=1):
    """
    Take in the neighbours of some pixels, also at corners.

    Parameters
    ----------
    mask : 2D bool `~numpy.ndarray`
        The pixels, not many.
    reach : int, optional
        How often.

    Returns
    -------
    mask : 2D bool `~numpy.ndarray`
        A new one.
    """
    for axis, n in enumerate(mask.shape):
        at = np.divmod(np.flatnonzero(mask), mask.shape[1])  # sooner than nonzero
        mask = mask.copy()
        far = min(reach, n)  # beyond that there is nothing more to take in
        for step in range(-far, far + 1):
            near = list(at)
            near[axis] = (at[axis] + step).clip(0, n - 1)
            mask[tuple(near)] = True
    return mask


def thin(at, most):
    """
    Keep so many pixels of a list as are enough to measure something on.

    Parameters
    ----------
    at : 1D int `~numpy.ndarray`
        The pixels.
    most : int
        How many are enough.

    Returns
    -------
    at : 1D int `~numpy.ndarray`
        At most so many of them, at unequal distances: equal ones would see the
        same columns in every row.
    """
    if at.size <= most:
        return at
    number = np.arange(most)
    return at[((number + number * _GOLDEN % 1) * (at.size / most)).astype(int)]
