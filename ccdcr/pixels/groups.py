# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Groups of pixels that touch, from the few pixels that are in one."""

import numpy as np
from scipy import ndimage

__all__ = ["count_groups", "dilated", "groups", "image_of", "thin"]

_SQUARE = np.ones((3, 3), dtype=bool)
_MANY = 0.03  # part of an image from which on labelling all of it is as fast


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
    than 3 % of the pixels are in a group.
    """
    at = np.flatnonzero(mask)
    if at.size == 0:
        return at, at, 0
    if at.size > _MANY * mask.size:
        labels, n = ndimage.label(mask, _SQUARE if corners else None)
        return at, labels.ravel()[at] - 1, n
    from scipy.sparse import coo_array  # costs half a second
    from scipy.sparse.csgraph import connected_components

    width = mask.shape[1]
    column = at % width
    first, second = [], []
    for step, inside in (
        (1, column < width - 1),
        (width, True),
        (width - 1, column > 0),
        (width + 1, column < width - 1),
    )[: 4 if corners else 2]:
        place = np.searchsorted(at, at + step)
        place[place == at.size] = 0
        touch = np.flatnonzero((at[place] == at + step) & inside)
        first.append(touch)
        second.append(place[touch])
    pairs = np.concatenate(first), np.concatenate(second)
    edges = coo_array((np.ones(pairs[0].size, bool), pairs), shape=(at.size, at.size))
    n, group = connected_components(edges, directed=False)
    return at, group, n


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
        for step in range(-reach, reach + 1):
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
        Each first, second, third, ... of them.
    """
    return at[:: max(1, -(-at.size // most))]
