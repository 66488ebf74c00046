# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The median of a small box around every pixel, by comparing whole images."""

from functools import cache

import numpy as np
from scipy import ndimage

__all__ = ["box_median"]

_LARGEST = 81  # pixels of a box; for larger ones scipy is as fast
_STRIP = 1 << 16  # bytes of a strip of the image: all that is in work stays in cache
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
    if rows * columns > _LARGEST or min(image.shape) < max(size):
        return ndimage.median_filter(image, size=size, mode=mode)
    margins = [(n // 2, n - 1 - n // 2) for n in size]
    padded = np.pad(image, margins, mode=_PAD[mode])
    smooth = np.empty_like(image)
    height = max(4, _STRIP // padded[0].nbytes)
    for top in range(0, image.shape[0], height):
        out = smooth[top : top + height]
        strip = padded[top : top + len(out) + rows - 1]
        _run(*_steps(rows, columns), strip, out)
    return smooth


def _run(steps, median, strip, out):
    """Do all comparisons for a strip; a place is its array and where it starts."""
    arrays, buffers, unused = {0: strip}, {}, []
    for number, (compare, first, second), done in steps:
        a, b = (arrays[n][y:, x:] for n, y, x in (first, second))
        shape = min(a.shape[0], b.shape[0]), min(a.shape[1], b.shape[1])
        buffer = unused.pop() if unused else np.empty(strip.size, strip.dtype)
        target = buffer[: shape[0] * shape[1]].reshape(shape)
        part = np.s_[: shape[0], : shape[1]]
        arrays[number] = compare(a[part], b[part], out=target)
        buffers[number] = buffer
        for old in done:
            unused.append(buffers.pop(old))
            del arrays[old]
    number, y, x = median
    out[:] = arrays[number][y : y + out.shape[0], x : x + out.shape[1]]


@cache
def _steps(rows, columns):
    """Comparisons in their order, each with the arrays not needed after it."""
    network = _Network()
    pixels = [[(0, y, x) for y in range(rows)] for x in range(columns)]
    sorted_columns = [network.sort([[place] for place in column]) for column in pixels]
    median = network.sort(sorted_columns)[rows * columns // 2]
    needed, last, order = {median[0]}, {}, []
    for number in range(len(network.steps) - 1, 0, -1):
        if number in needed:
            order.append(number)
            for source in {place[0] for place in network.steps[number][1:]}:
                last.setdefault(source, number)
                needed.add(source)
    done = {}
    for source, number in last.items():
        if source:
            done.setdefault(number, []).append(source)
    return [(n, network.steps[n], done.get(n, ())) for n in reversed(order)], median


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
