# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The median of a small box around every pixel, by comparing whole images."""

from functools import cache
from typing import NamedTuple

import numpy as np
from scipy import ndimage

__all__ = ["box_median"]

_LARGEST = 81  # pixels of a box; for larger ones scipy is as fast
# A strip of the image in bytes, such that what is in work stays in cache; and its rows,
# at least, since what is around a strip is sorted twice
_STRIP, _FEWEST = 1 << 17, 16
# scipy's names, and numpy's
_PAD = {"reflect": "symmetric", "nearest": "edge", "mirror": "reflect"}


def box_median(image, size, mode="reflect"):
    """
    Median filter: the very numbers of `scipy.ndimage.median_filter`, sooner.

    Parameters
    ----------
    image : 2D floating `~numpy.ndarray`
        The image, without NaN.
    size : tuple of int
        Rows and columns of the box. Of an even number of pixels the upper of the
        middle two is taken.
    mode : {'reflect', 'nearest', 'mirror'}, optional
        How the image goes on beyond its edges.

    Returns
    -------
    smooth : 2D `~numpy.ndarray`
        Same shape and dtype.

    Notes
    -----
    A sorting network [1]_ compares shifted images, many pixels by one instruction,
    and no step depends on the data. Neighbouring boxes overlap, so that what has been
    sorted for one serves the others, and comparisons that do not reach the
    median are left out.

    References
    ----------
    .. [1] Batcher, K. E. 1968, AFIPS Conf. Proc., 32, 307,
       doi:10.1145/1468075.1468121
    """
    rows, columns = size
    large = rows * columns > _LARGEST
    if large and min(image.shape) >= max(size):
        return ndimage.median_filter(image, size=size, mode=mode)
    down, along = (
        np.pad(np.arange(n), (k // 2, k - 1 - k // 2), mode=_PAD[mode])
        for n, k in zip(image.shape, size, strict=True)
    )
    if large:  # scipy reads what is no part of an image that is far smaller
        wide = ndimage.median_filter(image[np.ix_(down, along)], size=size)
        inner = wide[rows // 2 :, columns // 2 :]
        return inner[: image.shape[0], : image.shape[1]].copy()
    height = max(_STRIP // (along.size * image.itemsize), _FEWEST, rows)
    height = min(height, image.shape[0])
    strip = height + rows - 1, along.size
    plan = _plan(rows, columns)
    buffers = np.empty((plan.n_buffers, strip[0] * strip[1] + columns), image.dtype)
    work = list(_comparisons(plan.steps, buffers, *strip))
    around = buffers[0, : strip[0] * strip[1]].reshape(strip)
    median = buffers[plan.median, : height * along.size].reshape(height, -1)
    smooth = np.empty_like(image)
    for top in range(0, image.shape[0], height):
        top = min(top, image.shape[0] - height)  # all strips are of one shape
        _copy(image[down[top : top + strip[0]]], along, columns // 2, around)
        for compare, first, second, result in work:
            compare(first, second, out=result)
        smooth[top : top + height] = median[:, : image.shape[1]]
    return smooth


def _copy(image, along, left, out):
    """Copy an image, and what is beyond the ends of its rows."""
    right = left + image.shape[1]
    out[:, left:right] = image
    out[:, :left] = image[:, along[:left]]
    out[:, right:] = image[:, along[right:]]


def _comparisons(steps, buffers, height, width):
    """
    Find what each comparison reads and writes.

    For numpy all rows of a strip are one row, which costs one call: beyond the last
    column is the next row, and what is computed there is not used.
    """
    lengths = [height * width] * len(buffers)
    for compare, places, out in steps:
        starts = [y * width + x for _, y, x in places]
        length = min(
            lengths[n] - start for (n, _, _), start in zip(places, starts, strict=True)
        )
        first, second = (
            buffers[n, start : start + length]
            for (n, _, _), start in zip(places, starts, strict=True)
        )
        lengths[out] = length
        yield compare, first, second, buffers[out, :length]


class _Plan(NamedTuple):
    """
    What is to be compared for a median.

    A place is the number of a buffer, and the row and column where it starts; buffer
    0 has the image.
    """

    steps: list  # comparison, its two places, the number of the buffer of its result
    median: int  # the number of its buffer, where it starts at the first pixel
    n_buffers: int


@cache
def _plan(rows, columns):
    """Choose the comparisons that reach the median, and buffers for their results."""
    network = _Network()
    pixels = [[(0, y, x) for y in range(rows)] for x in range(columns)]
    sorted_columns = [network.sort([[place] for place in column]) for column in pixels]
    median, _, _ = network.sort(sorted_columns)[rows * columns // 2]
    last, order = {median: None}, []  # by number, the step that needs it last
    for number in range(len(network.steps) - 1, 0, -1):
        if number in last:
            order.append(number)
            for source, _, _ in network.steps[number][1:]:
                last.setdefault(source, number)
    buffers, n_buffers, unused, steps = {0: 0}, 1, [], []
    for number in reversed(order):
        compare, *places = network.steps[number]
        if unused:
            out = unused.pop()
        else:
            out, n_buffers = n_buffers, n_buffers + 1
        steps.append((compare, [(buffers[n], y, x) for n, y, x in places], out))
        done = {n for n, _, _ in places if last[n] == number}
        unused += [buffers.pop(n) for n in done]
        buffers[number] = out
    return _Plan(steps, buffers[median], n_buffers)


class _Network:
    """
    Comparisons of images, each made once however often it is asked for.

    A place ``(number, y, x)`` is the array with that number from row ``y`` and column
    ``x`` on; number 0 is the image.
    """

    def __init__(self):
        self.steps = [None]
        self._numbers = {}

    def sort(self, lists):
        """Merge sorted lists of places into one."""
        if len(lists) == 1:
            return lists[0]
        half = 1 << (len(lists) - 1).bit_length() - 1
        return self._merge(self.sort(lists[:half]), self.sort(lists[half:]))

    def _merge(self, a, b):
        """Odd-even merge."""
        if not a or not b:
            return a + b
        if len(a) == len(b) == 1:
            return list(self._exchange(a[0], b[0]))
        even = self._merge(a[::2], b[::2])
        odd = self._merge(a[1::2], b[1::2])
        merged = even[:1]
        for low, high in zip(odd, even[1:], strict=False):
            merged += self._exchange(low, high)
        n = min(len(odd), len(even) - 1)
        return merged + odd[n:] + even[n + 1 :]

    def _exchange(self, *places):
        """The smaller and the larger of two places, pixel by pixel."""
        top = min(y for _, y, _ in places)
        left = min(x for _, _, x in places)
        pair = sorted((number, y - top, x - left) for number, y, x in places)
        result = []
        for compare in (np.minimum, np.maximum):
            key = (compare, *pair)
            if key not in self._numbers:
                self._numbers[key] = len(self.steps)
                self.steps.append(key)
            result.append((self._numbers[key], top, left))
        return result
