# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What two images have in common; quantiles are those of numpy, from few numbers."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ccdcr.pixels import difference


def never(*arguments):
    pytest.fail("all numbers were looked at again")


def of_numpy(values):
    exact = values.ravel().astype(float)
    low, high = np.percentile(exact, [25, 75])
    return np.median(exact), 0.7413 * (high - low)


@pytest.fixture
def small_sample(monkeypatch):
    """So that some hundred numbers are many."""
    monkeypatch.setattr(difference, "_SAMPLE", 100)


def test_few_are_rounded_as_numpy_rounds():
    rng = np.random.default_rng(1)
    for n in range(1, 10):
        for values in rng.normal(size=(50, n)) * 10 ** rng.uniform(-3, 3, (50, n)):
            assert difference.middle_and_sigma(values) == of_numpy(values)


class TestMany:
    pytestmark = pytest.mark.usefixtures("small_sample")

    @pytest.mark.parametrize("n", [99, 100, 150, 200, 399, 400, 401, 402, 403, 999])
    @pytest.mark.parametrize("dtype", ["f4", "f8"])
    def test_any(self, n, dtype, monkeypatch):
        """Ordinary numbers are looked at once only."""
        monkeypatch.setattr(difference.np, "partition", never)
        values = np.random.default_rng(n).normal(10, 3, n).astype(dtype)
        for kind in (values, np.sort(values), np.rint(values), np.rint(values / 9)):
            assert difference.middle_and_sigma(kind) == of_numpy(kind)

    def test_an_image(self):
        image = np.random.default_rng(1).normal(10, 3, (30, 40))
        assert difference.middle_and_sigma(image) == of_numpy(image)

    @pytest.mark.parametrize("n", [400, 401, 10_000])
    def test_equal_numbers(self, n, monkeypatch):
        monkeypatch.setattr(difference.np, "partition", never)
        assert difference.middle_and_sigma(np.full(n, 7.0)) == (7.0, 0.0)

    @pytest.mark.parametrize("sign", [-1, 1])
    def test_bad_luck(self, sign):
        """Nine of ten are larger than any that was looked at, or smaller."""
        values = sign * np.arange(1000.0)
        values[::10] -= sign * 5000
        assert difference.middle_and_sigma(values) == of_numpy(values)


class TestBracket:
    def test_5_sigma_on_both_sides(self):
        """Of 100 numbers sigma is 5 at the median, and 4.33 at a quartile."""
        sample = np.arange(100)
        assert difference._bracket(sample, 0.5) == (25, 76)
        assert difference._bracket(sample, 0.25) == (3, 47)
        assert difference._bracket(sample, 0.75) == (53, 97)

    def test_ends_where_the_numbers_end(self):
        for fraction in (0.25, 0.5, 0.75):
            assert difference._bracket(np.arange(4), fraction) == (0, 3)


def test_pick(monkeypatch):
    """Ends of a bracket may be wanted, too; only what is beyond needs all numbers."""
    values = np.array([5.0, 1.0, 4.0, 2.0, 6.0, 2.0, 5.0, 3.0])
    wanted = [
        difference._pick(values, rank, (2.0, 5.0), 3, np.array([3.0, 4.0]))
        for rank in range(8)
    ]
    assert_array_equal(wanted, np.sort(values))
    monkeypatch.setattr(difference.np, "partition", never)
    for rank in range(1, 7):
        difference._pick(values, rank, (2.0, 5.0), 3, np.array([3.0, 4.0]))


def test_pick_where_nothing_is_between(monkeypatch):
    monkeypatch.setattr(difference.np, "partition", never)
    values, none = np.array([5.0, 1.0, 5.0, 1.0]), np.zeros(0)
    wanted = [difference._pick(values, rank, (1.0, 5.0), 2, none) for rank in range(4)]
    assert wanted == [1, 1, 5, 5]


def test_overlap_ends_where_the_images_end():
    (rows, columns), (of_second, its_columns) = difference.overlap((9, 7), (3, -2))
    assert (rows, columns) == (slice(3, 9), slice(0, 5))
    assert (of_second, its_columns) == (slice(0, 6), slice(2, 7))
