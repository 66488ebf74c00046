# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What is computed for a few pixels is what a whole image would give."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

from ccdcr.pixels.filters import median_around, neighbours, strips
from ccdcr.pixels.groups import dilated, thin
from ccdcr.pixels.level import lattice, local_level
from ccdcr.pixels.noise import few_rows

masks = hnp.arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9)))


@given(masks, st.integers(1, 3))
def test_dilated(mask, reach):
    given = mask.copy()
    square = np.ones((3, 3), bool)
    expected = ndimage.binary_dilation(mask, square, iterations=reach)
    assert_array_equal(dilated(mask, reach), expected)
    assert_array_equal(mask, given)


def test_dilated_keeps_no_order_of_memory():
    mask = np.asfortranarray(np.eye(5, 8, dtype=bool))
    square = np.ones((3, 3), bool)
    assert_array_equal(dilated(mask), ndimage.binary_dilation(mask, square))


@pytest.mark.parametrize("size", [(3, 3), (5, 5), (1, 7)])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_median_around(size, dtype):
    image = np.random.default_rng(1).normal(size=(23, 31)).astype(dtype)
    y, x = (index.ravel() for index in np.indices(image.shape))
    medians = median_around(image, size, y, x)
    expected = ndimage.median_filter(image, size=size, mode="nearest")
    assert medians.dtype == dtype
    assert_array_equal(medians, expected.ravel())
    assert median_around(image, size, y[:0], x[:0]).size == 0


def test_neighbours_at_a_corner():
    rows, columns, inside = neighbours((np.array([0]), np.array([3])), (3, 2), (5, 4))
    assert_array_equal(rows, [[0, 0, 0, 0, 1, 1]])
    assert_array_equal(columns, [[2, 3, 2, 3, 2, 3]])
    assert_array_equal(inside, [[False, False, True, True, True, True]])


@pytest.mark.parametrize("shape", [(1, 1), (7, 100_000), (3000, 50)])
def test_strips_cover_all_rows_once(shape):
    count = np.zeros(shape[0])
    for rows in strips(shape):
        count[rows] += 1
    assert_array_equal(count, 1)


@pytest.mark.parametrize(("n", "most", "left"), [(0, 5, 0), (5, 5, 5), (11, 5, 5)])
def test_thin(n, most, left):
    at = thin(np.arange(n), most)
    assert at.size == left
    assert (np.diff(at) > 0).all()
    assert (at < max(n, 1)).all()


def test_thin_sees_all_columns():
    at = thin(np.arange(1000 * 1000), 1 << 16)
    assert np.unique(at % 1000).size == 1000
    assert np.bincount(at % 5).min() > 0.19 * at.size


@pytest.mark.parametrize(("shape", "step"), [((10, 10), 1), ((4000, 4000), 41)])
def test_few_rows_are_odd_and_even(shape, step):
    assert few_rows(shape) == slice(None, None, step)
    assert step % 2


class TestLevel:
    @pytest.fixture
    def image(self):
        y, x = np.mgrid[:200, :270]
        noise = np.random.default_rng(1).normal(0, 1, y.shape)
        return (100 + 0.2 * x - 0.1 * y + noise).astype(np.float32)

    def test_pixels_rows_and_parts_agree(self, image):
        level = local_level(image, np.ones(image.shape, bool))
        whole = level.rows()
        assert whole.dtype == np.float32
        y, x = np.indices(image.shape)
        assert_array_equal(level.at(y, x), whole)
        part = np.s_[13:50, 7:90]
        assert_array_equal(level.part(part).rows(), whole[part])
        assert_array_equal(level.rows(np.s_[5:9]), whole[5:9])
        where = lattice(image.shape)
        assert_array_equal(where.of(level), where.of(whole))

    def test_boxes_without_pixels_have_that_of_the_others(self, image):
        usable = np.ones(image.shape, bool)
        usable[:, :64] = False
        level = local_level(np.where(usable, image, np.nan), usable).rows()
        assert np.isfinite(level).all()
        none = local_level(image, np.zeros_like(usable)).rows()
        assert_array_equal(none, 0)

    @pytest.mark.parametrize("n", [64, 96, 127, 180, 512, 4096])
    def test_odd_and_even_columns_count_alike(self, n):
        """They may have amplifiers of their own."""
        rows, columns = lattice((n, 2 * n)).pixels
        for pixels, length in ((rows, n), (columns, 2 * n)):
            assert 0.4 < np.mean(pixels % 2) < 0.6
            assert (np.diff(pixels) > 0).all()
            assert pixels[-1] < length

    def test_hardly_any_pixel_is_overlooked(self):
        """Those of one row are looked at, whichever it is."""
        image = np.random.default_rng(1).normal(50, 1, (64, 64))
        for row in range(64):
            usable = np.zeros(image.shape, bool)
            usable[row] = True
            level = local_level(image, usable).rows()
            assert_allclose(level, np.median(image[row]))

    def test_a_median_is_that_of_numpy(self):
        image = np.random.default_rng(2).normal(size=(40, 30))
        usable = np.random.default_rng(3).random(image.shape) < 0.8
        level = local_level(image, usable).rows()
        assert_allclose(level, np.median(image[usable]))
