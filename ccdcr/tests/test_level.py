# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The smooth level of an image, against loops over its boxes."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

from ccdcr.pixels import level
from ccdcr.pixels.level import Lattice, Level, lattice, local_level

TABLE = np.array([[1.0, 2, 3], [5, 7, 11], [50, 70, 90]])
BELOW = np.array([0, 0, 1, 1, 1])
SHARE = np.array([-0.5, 0.25, 0.0, 0.5, 1.5])
# by hand, row by row: the table at `below`, and so much of the way to the next
ROWS = [
    [-1, -0.5, -1],
    [2, 3.25, 5],
    [5, 7, 11],
    [27.5, 38.5, 50.5],
    [72.5, 101.5, 129.5],
]


class TestLevel:
    def test_by_hand(self):
        given = Level(TABLE, BELOW, SHARE)
        assert_allclose(given.rows(), ROWS)
        assert_allclose(given.rows(np.s_[1:3]), ROWS[1:3])
        y, x = np.array([4, 0, 3, 3]), np.array([0, 2, 1, 2])
        assert_allclose(given.at(y, x), [72.5, -1, 38.5, 50.5])

    def test_a_part_of_it(self):
        part = Level(TABLE, BELOW, SHARE).part((np.s_[1:4], np.s_[1:]))
        assert_allclose(part.rows(), np.array(ROWS)[1:4, 1:])


def medians_of_boxes(where, values, usable):
    """Box by box, and pixel by pixel of each."""
    rows, columns = where.pixels
    edges, counts = where.edges, [edge.size - 1 for edge in where.edges]
    grid = np.full(counts, np.nan)
    for box in np.ndindex(*counts):
        inside = [
            (n >= edge[k]) & (n < edge[k + 1])
            for n, edge, k in zip((rows, columns), edges, box, strict=True)
        ]
        these = np.ix_(*inside)
        good = values[these][usable[these]]
        if good.size > 20:
            grid[box] = np.median(good)
    known = np.isfinite(grid)
    if known.any():
        grid[~known] = np.median(grid[known])
    else:
        grid[:] = np.median(values[usable]) if usable.any() else 0
    return grid


def between(grid, edges, shape):
    """Bilinear between the middles of the boxes, and on beyond them as before."""
    for axis, (edge, n) in enumerate(zip(edges, shape, strict=True)):
        middles = [(low + high - 1) / 2 for low, high in pairwise(edge)]
        lines = []
        for x in range(n):
            if len(middles) == 1:
                lines.append(grid.take(0, axis))
                continue
            k = max(k for k in range(len(middles) - 1) if k == 0 or middles[k] < x)
            share = (x - middles[k]) / (middles[k + 1] - middles[k])
            before, after = grid.take(k, axis), grid.take(k + 1, axis)
            lines.append((1 - share) * before + share * after)
        grid = np.stack(lines, axis)
    return grid


class TestLattice:
    @pytest.mark.parametrize("worst", [False, True])
    @pytest.mark.parametrize("dtype", ["f4", "f8"])
    @pytest.mark.parametrize(
        ("shape", "box"),
        [
            ((40, 31), 9),
            ((31, 40), 9),
            ((33, 20), 10),
            ((20, 33), 10),
            ((5, 50), 8),
            ((50, 5), 8),
            ((7, 6), 8),
        ],
    )
    def test_levels_box_by_box(self, shape, box, dtype, worst):
        """Some boxes have values enough, some have not."""
        rng = np.random.default_rng(4)
        image = rng.normal(100, 10, shape).astype(dtype)
        usable = rng.random(shape) < rng.choice([0.3, 0.9], (shape[0], 1))
        where = lattice(shape, box)
        grid = medians_of_boxes(where, where.of(image), where.of(usable))
        if min(grid.shape) >= 3:
            grid = ndimage.median_filter(grid, 3, mode="nearest")
        if worst:
            grid = ndimage.maximum_filter(grid, 3, mode="nearest")
        expected = between(grid, where.edges, shape)
        got = where.level(where.of(image), where.of(usable), worst=worst)
        assert got.rows().dtype == got.table.dtype == got.share.dtype == dtype
        assert_allclose(got.rows(), expected, rtol=1e-5 if dtype == "f4" else 1e-12)
        alone = local_level(image, usable | True, box, worst=worst).rows()
        every = where.level(where.of(image), where.of(usable) | True, worst=worst)
        if min(shape) * max(shape) > 1200:
            assert_array_equal(alone, every.rows())

    @pytest.mark.parametrize(("n", "own"), [(20, False), (21, True)])
    def test_a_level_of_its_own_needs_more_than_twenty(self, n, own):
        image = np.repeat([1.0, 5.0], 10)[None].repeat(10, axis=0)
        usable = np.ones(image.shape, dtype=bool)
        usable[:, 10:] = np.arange(100).reshape(10, 10) < n
        where = lattice(image.shape, 10)
        rows = where.level(image, usable).rows()
        assert_allclose(rows[:, 14] + rows[:, 15], 10 if own else 2)

    def test_few_values_in_every_box(self):
        """All of them together tell it, and none tells 0."""
        values = np.arange(200.0).reshape(10, 20)
        usable = np.zeros(values.shape, dtype=bool)
        usable[3, [4, 5, 15]] = True
        where = lattice(values.shape, 10)
        assert_allclose(where.level(values, usable).rows(), 65)
        assert_allclose(where.level(values, usable & False).rows(), 0)

    def test_pixels_of_an_image_and_of_a_level(self):
        where = Lattice((5, 3), [], [np.array([0, 4]), np.array([1, 2])])
        image = np.arange(15).reshape(5, 3)
        assert_array_equal(where.of(image), [[1, 2], [13, 14]])
        of_level = where.of(Level(TABLE, BELOW, SHARE))
        assert_allclose(of_level, [[-0.5, -1], [101.5, 129.5]])

    def test_small_boxes_are_looked_at_whole(self):
        where = lattice((30, 45), 15)
        assert [edge.tolist() for edge in where.edges] == [[0, 15, 30], [0, 15, 30, 45]]
        for n, pixels in zip((30, 45), where.pixels, strict=True):
            assert_array_equal(pixels, np.arange(n))

    @pytest.mark.parametrize("box", [64, 66])
    def test_48_rows_and_columns_of_larger_ones(self, box):
        """In order, none twice, none of another box, as many odd ones as even ones."""
        where = lattice((2 * box, 3 * box + 5), box)
        for edge, pixels in zip(where.edges, where.pixels, strict=True):
            parts = pixels.reshape(-1, 48)
            assert len(parts) == edge.size - 1
            for part, low, high in zip(parts, edge[:-1], edge[1:], strict=True):
                assert part[0] == low
                assert high - 4 <= part[-1] < high
                steps = np.diff(part)
                assert steps.min() == 1
                assert steps.max() <= np.ceil(2 * (high - low) / 48)
                assert abs(np.count_nonzero(part % 2) - 24) <= 5
                # each in a 48th of its own, or one more for those before it
                late = part - low - np.floor(np.arange(48) * (high - low) / 48)
                assert late.min() == 0
                assert late.max() <= 2

    def test_boxes_are_of_64_unless_told(self):
        assert [edge.size - 1 for edge in lattice((127, 192)).edges] == [1, 3]

    @pytest.mark.parametrize(("n", "most"), [(1000, 200), (1001, 48)])
    def test_all_pixels_if_hardly_any_would_be_looked_at(self, n, most):
        chosen = lattice((200, 60), 200)
        usable = np.zeros((200, 60), dtype=bool)
        y, x = np.ix_(*chosen.pixels)
        flat = np.ravel_multi_index((y, x), usable.shape).ravel()
        usable.ravel()[flat[:n]] = True
        where = lattice((200, 60), 200, usable=usable)
        assert where.pixels[0].size == most


def test_the_level_of_few_pixels_in_a_large_frame():
    """None of the chosen ones: then all are looked at. And a median it is."""
    image = np.full((128, 192), 300.0)
    rows, columns = lattice(image.shape).pixels
    usable = np.ones(image.shape, dtype=bool)
    usable[rows] = False
    usable[:, columns] = False
    image[usable] = 7
    assert 20 * 6 < np.count_nonzero(usable) < 0.1 * image.size
    assert_allclose(local_level(image, usable).rows(), 7)


def test_the_worst_only_where_it_is_asked_for():
    """Boxes that the median leaves low have higher neighbours."""
    image = np.kron([[1, 1, 0], [1, 1, 1], [0, 1, 1]], np.full((5, 6), 4.0))
    image[:, 12:] = 0
    usable = np.ones(image.shape, dtype=bool)
    where = lattice(image.shape, 5)
    assert where.level(image, usable).rows().min() < 1
    assert local_level(image, usable, 5).rows().min() < 1
    assert_allclose(local_level(image, usable, 5, worst=True).rows(), 4)


def test_a_box_of_unequal_neighbours_counts_as_much():
    """Boxes of 6, 7 and 7 pixels: of each 6 are looked at."""
    where = lattice((20, 6), 6)
    assert where.edges[0].tolist() == [0, 6, 13, 20]
    parts = where.pixels[0].reshape(3, 6)
    assert_array_equal(parts[0], np.arange(6))
    for part, low, high in zip(parts, (0, 6, 13), (6, 13, 20), strict=True):
        assert ((part >= low) & (part < high)).all()
        assert (np.diff(part) > 0).all()


def test_one_row_and_one_column_on_the_way():
    below, share = level._between(6, np.array([1.0, 3.0, 4.0]))
    assert_array_equal(below, [0, 0, 0, 0, 1, 1])
    assert_allclose(share, [-0.5, 0, 0.5, 1, 1, 2])
    below, share = level._between(3, np.array([1.0]))
    assert_array_equal(below, [0, 0, 0])
    assert_array_equal(share, [0, 0, 0])
