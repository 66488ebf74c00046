# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What is known of one exposure by itself, by hand."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

from ccdcr.pixels.exposure import Exposure, exposure
from ccdcr.tests.conftest import level_of

SHAPE = (9, 12)


def made(image, variance=4.0, *, sky=100.0, slope=0.0, typical=4.0):
    """An exposure all of whose pixels count."""
    sky = level_of(np.broadcast_to(sky, image.shape))
    variance = np.broadcast_to(variance, image.shape).astype(float)
    usable = np.ones(image.shape, dtype=bool)
    return Exposure(image.astype(float), variance, usable, sky, slope, typical)


def noisy(seed=1):
    return np.random.default_rng(seed).normal(100, 5, SHAPE)


EVERY = tuple(index.ravel() for index in np.indices(SHAPE))


def test_a_part_of_all_images():
    usable = np.random.default_rng(2).random(SHAPE) < 0.5
    variance, sky = noisy(3), noisy(4)
    one = Exposure(noisy(), variance, usable, level_of(sky), 0.5, 7.0)
    part = one.part(np.s_[2:8, 3:5])
    assert_array_equal(part.image, noisy()[2:8, 3:5])
    assert_array_equal(part.variance, variance[2:8, 3:5])
    assert_array_equal(part.usable, usable[2:8, 3:5])
    assert_allclose(part.sky.rows(), sky[2:8, 3:5])
    assert (part.slope, part.typical) == (0.5, 7.0)


def test_smooth_is_a_median_of_five_by_five():
    smooth = made(noisy()).smooth(*EVERY)
    expected = ndimage.median_filter(noisy(), 5, mode="nearest")
    assert_array_equal(smooth, expected.ravel())


def test_without_some_pixels():
    """They get plausible values, at least a typical variance, and do not count."""
    variance = np.full(SHAPE, 4.0)
    variance[2, 3], variance[8, 11] = 1.0, 9.0
    one = made(noisy(), variance)
    other = one.without(np.array([2 * 12 + 3, 8 * 12 + 11]))
    expected = noisy()
    smooth = ndimage.median_filter(noisy(), 5, mode="nearest")
    for y, x in ((2, 3), (8, 11)):
        expected[y, x] = smooth[y, x]
        assert not other.usable[y, x]
    assert_array_equal(other.image, expected)
    assert other.variance[2, 3] == 4
    assert other.variance[8, 11] == 9
    assert np.count_nonzero(~other.usable) == 2
    assert np.count_nonzero(other.variance != 4) == 1
    # the given one is what it was
    assert_array_equal(one.image, noisy())
    assert_array_equal(one.variance, variance)
    assert one.usable.all()
    assert other.sky is one.sky


class TestDarkness:
    """Six sigma of 2 below 100 is dead, two are dim, and not the limit itself."""

    @pytest.mark.parametrize("factor", [1.0, 1.5])
    @pytest.mark.parametrize(
        ("sigmas", "dead", "dim"),
        [(6.01, 1, 1), (6, 0, 1), (2.01, 0, 1), (2, 0, 0), (-9, 0, 0)],
    )
    def test_limits(self, sigmas, dead, dim, factor):
        image = np.full(SHAPE, 100.0)
        image[4, 7] = 100 - 2 * factor * sigmas
        for variance in (4.0, 1.0):  # less than what is typical does not count
            one = made(image, variance)
            found = one.darkness(np.array([4, 4]), np.array([7, 2]), factor)
            assert_array_equal(found, [[dead, False], [dim, False]])

    def test_the_lower_one_of_the_sky_and_what_is_around(self):
        at = np.array([4]), np.array([7])
        for around, sky in ((100, 500), (500, 100)):
            for value, dead in ((87.9, True), (88.1, False)):
                image = np.full(SHAPE, float(around))
                image[4, 7] = value
                assert made(image, sky=sky).darkness(*at, 1.0)[0] == dead

    def test_a_larger_variance_of_its_own(self):
        image = np.full(SHAPE, 100.0)
        image[4, 7] = 50
        at = np.array([4]), np.array([7])
        assert made(image, 69.0).darkness(*at, 1.0)[0]
        assert not made(image, 70.0).darkness(*at, 1.0)[0]


class TestNoise:
    """A variance of 0.5 or 1 per unit, of a pixel around which is 100."""

    @pytest.mark.parametrize("slope", [0.5, 1.0])
    @pytest.mark.parametrize(
        ("value", "seen", "level"),
        [
            (200, 100, 100),  # only this exposure shows light
            (200, 150, 150),
            (200, 300, 200),
            (110, 300, 110),
            (80, 300, 100),
            (80, 90, 90),
            (95, 90, 95),
        ],
    )
    def test_at_the_middle_of_three(self, value, seen, level, slope):
        image = np.full(SHAPE, 100.0)
        image[4, 7] = value
        one = made(image, 120.0, slope=slope, typical=10.0)
        at = np.array([4]), np.array([7])
        got = one.noise(*at, np.array([float(seen)]))
        assert_allclose(got, 120 - slope * (value - level))

    def test_a_tenth_of_what_is_typical_is_left(self):
        image = np.full(SHAPE, 100.0)
        image[4, 7] = 1000
        at = np.array([4]), np.array([7])
        one = made(image, 60.0, slope=0.5, typical=50.0)
        assert_allclose(one.noise(*at, np.array([0.0])), 5)
        assert_allclose(one.floor, 5)
        less = made(image, 3.0, slope=0.5, typical=50.0)
        assert_allclose(less.noise(*at, np.array([0.0])), 3)

    def test_the_same_at_every_level(self):
        variance = noisy(5)
        got = made(noisy(), variance).noise(*EVERY, np.zeros(EVERY[0].size))
        assert_array_equal(got, variance.ravel())


class TestExposure:
    def test_what_is_measured(self):
        rng = np.random.default_rng(1)
        image = rng.normal(100, 3, (150, 170))
        image[:30] += 400 * rng.random((30, 170))
        variance = 9 + 0.5 * (image - 100).clip(0)
        usable = rng.random(image.shape) < 0.9
        variance[~usable] = 1e6
        image = np.where(usable, image, 1e5)
        one = exposure(image, variance, usable)
        assert_allclose(one.slope, 0.5, rtol=0.02)
        assert_allclose(one.typical, np.median(variance[usable]))
        assert isinstance(one.typical, float)
        assert one.image is image
        assert one.variance is variance
        assert one.usable is usable
        assert_allclose(one.sky.rows()[100:], 100, atol=3)

    def test_nothing_counts(self):
        variance = np.arange(1.0, 10).reshape(3, 3)
        one = exposure(np.zeros((3, 3)), variance, np.zeros((3, 3), dtype=bool))
        assert (one.typical, one.slope) == (5, 0)

    def test_what_is_between_two_steps_is_not_known(self):
        """A step of 6 adds a variance of 3."""
        rng = np.random.default_rng(1)
        image = 6 * np.rint(rng.normal(0, 1, (80, 90)))
        one = exposure(image, np.full((80, 90), 36.0), np.ones((80, 90), dtype=bool))
        assert_allclose(one.variance, 39)
        assert one.typical == 36
