# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Groups of touching pixels, and what is done with lists of pixels."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import ndimage

from ccdcr.pixels import groups

SQUARE = np.ones((3, 3), dtype=bool)
SHAPES = [(9, 14), (14, 9), (1, 20), (20, 1), (1, 1)]


def random_mask(shape, density, seed=1):
    return np.random.default_rng(seed).random(shape) < density


class TestGroups:
    @pytest.mark.parametrize("corners", [True, False])
    @pytest.mark.parametrize("density", [0, 0.08, 0.5, 1])
    @pytest.mark.parametrize("shape", SHAPES)
    def test_as_scipy_labels_them(self, shape, density, corners):
        """Few pixels and many go different ways to the same numbers."""
        mask = random_mask(shape, density)
        labels, n = ndimage.label(mask, SQUARE if corners else None)
        at, group, found = groups.groups(mask, corners=corners)
        assert found == n
        assert_array_equal(at, np.flatnonzero(mask))
        assert_array_equal(group, labels[mask] - 1)

    def test_pixels_that_share_a_corner_touch(self):
        mask = np.eye(20, dtype=bool)
        assert groups.groups(mask)[2] == groups.count_groups(mask) == 1
        assert groups.groups(mask, corners=False)[2] == 20

    def test_corners_of_many_pixels(self):
        mask = np.indices((4, 5)).sum(axis=0) % 2 == 0
        assert groups.groups(mask)[2] == groups.count_groups(mask) == 1
        assert groups.groups(mask, corners=False)[2] == 10

    def test_the_end_of_a_row_does_not_touch_the_next_one(self):
        mask = np.zeros((30, 4), dtype=bool)
        mask[0, 3] = mask[1, 0] = True
        assert groups.count_groups(mask) == 2
        mask[10, 3] = mask[12, 0] = True
        assert groups.count_groups(mask) == 4


class TestRuns:
    def test_by_hand(self):
        #  . # # #
        #  # . # #
        #  . . . .
        #  # # # #
        #  # . . .
        at = np.array([1, 2, 3, 4, 6, 7, 12, 13, 14, 15, 16])
        start, end = groups.runs(at, (5, 4))
        assert_array_equal(start, [0, 3, 4, 6, 10])
        assert_array_equal(end, [3, 4, 6, 10, 11])

    def test_nothing(self):
        none = np.zeros(0, dtype=int)
        start, end = groups.runs(none, (3, 4))
        assert start.size == end.size == 0
        group, n = groups.join(none, start, end, (3, 4))
        assert (group.size, n) == (0, 0)


def test_joining_by_hand():
    """The second row touches both runs of the first at its ends, by a corner."""
    #  # . . . #
    #  . # # # .
    #  . . . . .
    #  # . . . .
    at = np.array([0, 4, 6, 7, 8, 15])
    runs = np.array([0, 1, 2, 5]), np.array([1, 2, 5, 6])
    group, n = groups.join(at, *runs, (4, 5))
    assert (group.tolist(), n) == ([0, 0, 0, 1], 2)
    group, n = groups.join(at, *runs, (4, 5), corners=False)
    assert (group.tolist(), n) == ([0, 1, 2, 3], 4)


def test_an_image_of_values():
    image = groups.image_of(np.array([True, False, True]), np.array([1, 2, 5]), (2, 3))
    assert_array_equal(image, [[False, True, False], [False, False, True]])
    assert image.dtype == bool


class TestDilated:
    @pytest.mark.parametrize("reach", [0, 1, 2, 3, 7, 50])
    @pytest.mark.parametrize("shape", SHAPES)
    def test_as_scipy(self, shape, reach):
        mask = random_mask(shape, 0.06, seed=3)
        mask.flat[0] = True
        given = mask.copy()
        wide = groups.dilated(mask, reach)
        size = [2 * reach + 1] * 2
        assert_array_equal(wide, ndimage.maximum_filter(mask, size, mode="constant"))
        assert_array_equal(mask, given)
        assert wide is not mask

    def test_by_one_unless_told(self):
        mask = np.zeros((5, 6), dtype=bool)
        mask[2, 3] = True
        expected = np.zeros((5, 6), dtype=bool)
        expected[1:4, 2:5] = True
        assert_array_equal(groups.dilated(mask), expected)


class TestThin:
    def test_enough_is_left_alone(self):
        at = np.array([3, 5, 8])
        assert groups.thin(at, 3) is at
        assert groups.thin(at, 4) is at

    def test_by_hand(self):
        """Each in a third of its own, at 0, 0.618 and 0.236 of it."""
        at = 100 + np.arange(30)
        assert_array_equal(groups.thin(at, 3), [100, 116, 122])

    def test_one_of_each_part_and_no_regular_distance(self):
        at = np.arange(5000)
        few = groups.thin(at, 500)
        assert_array_equal(few // 10, np.arange(500))
        assert_array_equal(np.unique(few % 10), np.arange(10))
