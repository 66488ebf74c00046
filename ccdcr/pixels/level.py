# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The smooth level of an image: medians in boxes, and bilinear between them."""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from ccdcr.pixels.median_network import box_median

__all__ = ["Lattice", "Level", "lattice", "local_level"]

_BOX = 64  # pixels
_SIDE = 48  # rows and columns of a box that are looked at: odd ones and even ones
_ENOUGH = 1000  # pixels that tell a level or a scatter
_GOLDEN = 0.6180339887498949
_FEWEST = 20  # pixels of a box with a level of its own


class Level(NamedTuple):
    """A smooth image that is computed where it is wanted."""

    table: np.ndarray  # levels between the centres of the boxes, at all columns
    below: np.ndarray  # for each row of the image that of the table before it
    share: np.ndarray  # and how far it is on the way to the next

    def at(self, y, x):
        """Values in some pixels."""
        below, share = self.below[y], self.share[y]
        return (1 - share) * self.table[below, x] + share * self.table[below + 1, x]

    def rows(self, part=np.s_[:]):
        """All values of some rows."""
        below, share = self.below[part], self.share[part, None]
        return (1 - share) * self.table[below] + share * self.table[below + 1]

    def part(self, where):
        """Cut out some rows and columns."""
        rows, columns = where
        return Level(self.table[:, columns], self.below[rows], self.share[rows])


class Lattice(NamedTuple):
    """Pixels of an image from which its levels are measured."""

    shape: tuple  # of the image
    edges: list  # of the boxes, of rows and of columns
    pixels: list  # rows and columns that are looked at, in every box equally many

    def of(self, image):
        """Take these pixels out of an image, or of a level."""
        y, x = np.ix_(*self.pixels)
        return image.at(y, x) if isinstance(image, Level) else image[y, x]

    def level(self, values, usable, *, worst=False):
        """
        Measure the level of what these pixels show.

        Parameters
        ----------
        values : 2D floating `~numpy.ndarray`
            From `of`, or computed from such.
        usable : 2D bool `~numpy.ndarray`
            Likewise: values that count.
        worst : bool, optional
            Take the largest of neighbouring boxes, for what must not be too small.

        Returns
        -------
        level : Level
            Medians in boxes, smoothed by a median of 3 x 3 boxes. Boxes of at most
            20 values have that of the others; if there are none at all it is 0.
        """
        grid = self._medians(values, usable)
        if min(grid.shape) >= 3:
            grid = box_median(grid, (3, 3), "nearest")
        if worst:
            grid = ndimage.maximum_filter(grid, 3, mode="nearest")
        (below, share), (left, part) = (
            _between(n, (edge[1:] + edge[:-1] - 1) / 2)
            for n, edge in zip(self.shape, self.edges, strict=True)
        )
        grid = np.pad(grid, ((0, 1), (0, 1)), mode="edge")  # of one box, too, a next
        table = (1 - part) * grid[:, left] + part * grid[:, left + 1]
        return Level(
            table.astype(values.dtype), below, share.astype(values.dtype, copy=False)
        )

    def _medians(self, values, usable):
        boxes = [edge.size - 1 for edge in self.edges]
        shape = boxes[0], -1, boxes[1], values.shape[1] // boxes[1]
        # what does not count is sorted to the end
        values = np.where(usable, values, np.inf).reshape(shape)
        values = np.ascontiguousarray(values.swapaxes(1, 2)).reshape(*boxes, -1)
        values.sort(axis=-1)
        count = usable.reshape(shape).sum(axis=(1, 3))[..., None]
        middle = [
            np.take_along_axis(values, np.maximum(at, 0) // 2, axis=-1)[..., 0]
            for at in (count - 1, count)
        ]
        grid = 0.5 * (middle[0] + middle[1])
        few = count[..., 0] <= _FEWEST
        if few.all():
            everything = values[np.isfinite(values)]
            grid[:] = np.median(everything) if everything.size else 0.0
        elif few.any():
            grid[few] = np.median(grid[~few])
        return grid


def lattice(shape, box=_BOX, *, usable=None):
    """
    Choose pixels from which levels are measured.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the image.
    box : int, optional
        Size of the boxes in pixels, about.
    usable : 2D bool `~numpy.ndarray`, optional
        Pixels that count. If hardly any of them would be looked at all pixels are.

    Returns
    -------
    lattice : Lattice
        Of each box at most 48 x 48 pixels.
    """
    chosen = _choose(shape, box, _SIDE)
    if usable is None or np.count_nonzero(chosen.of(usable)) > _ENOUGH:
        return chosen
    return _choose(shape, box, max(shape))


def _choose(shape, box, most):
    edges = [np.linspace(0, n, max(1, n // box) + 1).astype(int) for n in shape]
    pixels = []
    for edge in edges:
        side = min(most, np.diff(edge).min())
        # at unequal distances, so that odd and even columns have equal parts in it
        number, length = np.arange(side), np.diff(edge)[:, None]
        place = (length * (number + number * _GOLDEN % 1) / side).astype(int) - number
        place = np.maximum.accumulate(place, axis=1) + number  # none twice
        pixels.append((edge[:-1, None] + place).ravel())
    return Lattice(shape, edges, pixels)


def local_level(image, usable, box=_BOX, *, worst=False):
    """
    Measure the smooth level of an image.

    Parameters
    ----------
    image : 2D `~numpy.ndarray`
        The image.
    usable : 2D bool `~numpy.ndarray`
        Pixels that count.
    box : int, optional
        Size of the boxes in pixels, about.
    worst : bool, optional
        As in `Lattice.level`.

    Returns
    -------
    level : Level
        What `Lattice.level` gives.
    """
    where = lattice(image.shape, box, usable=usable)
    return where.level(where.of(image), where.of(usable), worst=worst)


def _between(n, centres):
    """For `n` pixels the centre before each, and the way to the next; also beyond."""
    if centres.size == 1:
        return np.zeros(n, dtype=int), np.zeros(n)
    x = np.arange(n)
    below = np.clip(np.searchsorted(centres, x) - 1, 0, centres.size - 2)
    return below, (x - centres[below]) / (centres[below + 1] - centres[below])
