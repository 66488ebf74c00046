# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""How much an image scatters, and in which steps it counts, of small ones by hand."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ccdcr.pixels import noise


def sigma_of(values):
    low, high = np.percentile(values, [25, 75])
    return 0.7413 * (high - low)


def steps_of(image, usable):
    """Differences of neighbours, below each other and beside, that are usable."""
    rows, columns = image.shape
    pairs = [((y, x), (y + 1, x)) for y in range(rows - 1) for x in range(columns)]
    pairs += [((y, x), (y, x + 1)) for y in range(rows) for x in range(columns - 1)]
    return [image[b] - image[a] for a, b in pairs if usable[a] and usable[b]]


class TestScatter:
    @pytest.mark.parametrize("shape", [(1, 9), (9, 1), (7, 5), (30, 41), (2, 2)])
    @pytest.mark.parametrize("dtype", ["f4", "f8"])
    def test_is_that_of_all_neighbours(self, shape, dtype):
        image = np.random.default_rng(1).normal(100, 3, shape).astype(dtype)
        usable = np.arange(image.size).reshape(shape) % 9 != 4
        image[~usable] = np.nan
        sigma = sigma_of(steps_of(image, usable)) / math.sqrt(2)
        assert_allclose(noise.scatter(image, usable), sigma, rtol=1e-12)

    @pytest.mark.parametrize("sigma", [0.25, 0.4, 1.0])
    def test_rounding_is_noise(self, sigma):
        image = np.random.default_rng(1).normal(100, sigma, (60, 70))
        every = np.ones(image.shape, bool)
        steps, count = np.unique(
            steps_of(np.rint(image), every), return_counts=True
        )  # each of which is spread over a unit
        below = np.append(0, np.cumsum(count)) / count.sum()
        low, high = np.interp(
            [0.25, 0.75], below, np.append(steps - 0.5, steps[-1] + 0.5)
        )
        truth = 0.7413 * (high - low) / math.sqrt(2)
        assert_allclose(noise.scatter(np.rint(image), every), truth, rtol=0.01)
        assert_allclose(noise.scatter(4 * np.rint(image), every), 4 * truth, rtol=0.01)

    def test_numbers_beyond_the_range_are_no_error(self):
        image = np.resize([-3e38, 3e38, np.inf, 3e38], (4, 5)).astype("f4")
        with np.errstate(all="raise"):
            noise.scatter(image, np.isfinite(image))

    def test_without_neighbours_it_is_not_known(self):
        image = np.arange(30.0).reshape(5, 6) ** 2
        chess = np.indices(image.shape).sum(axis=0) % 2 == 0
        assert noise.scatter(image, chess) == 0


class TestPhotonVariance:
    @pytest.mark.parametrize("dtype", ["f4", "f8"])
    def test_by_hand(self, dtype):
        image = np.array([[-8.0, 0.0, 20.0, np.nan, 30.0]], dtype)
        usable = np.array([[True, True, True, False, False]])
        variance = noise.photon_variance(image, usable, 4.0, 6.0)
        assert_array_equal(variance, [[2.25, 2.25, 7.25, 2.25, 2.25]])
        assert variance.dtype == dtype

    def test_a_gain_that_is_too_small_makes_it_infinite(self):
        image = np.ones((1, 2))
        with np.errstate(divide="ignore", over="ignore"):
            variance = noise.photon_variance(image, image > 0, 1e-300, 1e10)
        assert (variance == np.inf).all()


class TestScaleToUnity:
    def scale(self, data, variance, usable=None, dtype="f8"):
        data = np.asarray(data, dtype)
        usable = np.ones(data.shape, bool) if usable is None else usable
        return noise.scale_to_unity(data, usable, np.asarray(variance, dtype))

    @pytest.mark.parametrize(
        ("sigma", "scale"), [(8, 1 / 8), (11.3, 1 / 8), (11.4, 1 / 16), (0.25, 4)]
    )
    def test_the_nearest_power_of_two(self, sigma, scale):
        """Of the median variance."""
        variance = np.array([[0.0, sigma**2, 1e9]])
        assert self.scale([[1.0, 2.0, 3.0]], variance) == scale

    @pytest.mark.parametrize(("dtype", "most"), [("f4", 126), ("f8", 500)])
    def test_is_limited_by_the_range_of_numbers(self, dtype, most):
        tiny, huge = (1e-44, 1e38) if dtype == "f4" else (1e-320, 1e306)
        values = np.linspace(0, 1000 * tiny, 11)[None]
        assert self.scale(values, [[0.0]], dtype=dtype) == 2.0**most
        values = np.linspace(0, huge, 11)[None]
        expected = 2.0 ** -min(most, round(math.log2(0.98 * huge / 1000)))
        assert self.scale(values, [[0.0]], dtype=dtype) == expected

    def test_without_noise_most_of_the_range_becomes_1000(self):
        """From one percent to 99; unless there is none, then all of it."""
        values = np.arange(101.0)[None] * 1024 / 98 * 1000
        assert self.scale(values, [[0.0]]) == 1 / 1024
        values[0, -1] = 1e20
        assert self.scale(values, [[0.0]]) == 1 / 1024
        values[0, 0] = -1e20
        assert self.scale(values, [[0.0]]) == 1 / 1024
        flat = np.zeros((10, 100))
        flat[5, 5] = 16000.0
        assert self.scale(flat, [[0.0]]) == 1 / 16

    @pytest.mark.parametrize(("range_", "power"), [(1.4145, 11), (1.414, 10)])
    def test_that_range_is_98_percent(self, range_, power):
        values = 7e6 + np.arange(101.0)[None] / 98 * 1000 * 1024 * range_
        assert self.scale(values, [[0.0]]) == 2.0**-power

    def test_unusable_pixels_have_no_range(self):
        values = np.array([[0.0, 16000.0, np.nan]])
        usable = np.array([[True, True, False]])
        assert self.scale(values, [[0.0]], usable) == 1 / 16
        assert self.scale(values, [[0.0]], usable & False) == 1

    @pytest.mark.parametrize("variance", [np.inf, np.nan])
    def test_what_is_not_finite_has_no_scale(self, variance):
        assert self.scale([[1.0, 2.0]], [[variance]]) == 1

    def test_nothing_scatters(self):
        assert self.scale([[5.0, 5.0]], [[0.0]]) == 1


def beside(differences, rows=1):
    """An image in which pixels differ from those to their left by such steps."""
    image = np.concatenate([[0.0], np.cumsum(differences)])
    return np.tile(image, (rows, 1))


def step(image, usable=None):
    usable = np.ones(image.shape, bool) if usable is None else usable
    return noise.quantisation_step(image, usable)


class TestQuantisationStep:
    """Of differences that are known, in any order."""

    few = np.repeat([-2.0, -1.0, 0.0, 1.0, 2.0], [150, 500, 700, 500, 150])

    def test_2000_differences_are_enough(self):
        assert step(beside(self.few)) == 1
        assert step(beside(self.few[1:])) == 0
        image = beside(np.append(self.few, 0))
        usable = np.ones(image.shape, bool)
        usable[0, -1] = False
        assert step(image, usable) == 1
        usable[0, -2] = False
        assert step(image, usable) == 0

    def test_unusable_pixels_are_not_read(self):
        image = beside(self.few, 2)
        image[1, ::3] = np.nan
        assert step(image, np.isfinite(image)) == 1

    @pytest.mark.parametrize("unit", [1e-30, 0.37, 3.0, 1e30])
    @pytest.mark.parametrize("dtype", ["f4", "f8"])
    def test_any_unit(self, unit, dtype):
        image = np.rint(np.random.default_rng(1).normal(0, 1, (50, 60)))
        assert_allclose(step((unit * image).astype(dtype)), unit, rtol=1e-5)

    def test_slopes_along_columns_and_rows_do_not_hide_it(self):
        image = np.rint(np.random.default_rng(1).normal(0, 1, (60, 80)))
        y, x = np.indices(image.shape)
        assert_allclose(step(image + 0.3 * y + 0.01 * x), 1)

    def test_noise_of_many_steps_has_none(self):
        """At most 20 different values count, in what is left of them."""
        rng = np.random.default_rng(1)
        for sigma, known in ((3.5, 1.0), (30.0, 0.0)):
            assert step(np.rint(rng.normal(0, sigma, (100, 100)))) == known
        assert step(rng.normal(0, 1.0, (100, 100))) == 0

    def test_values_that_are_nearly_equal_are(self):
        """To a hundredth of the range: a tenth is no rounding."""
        rng = np.random.default_rng(1)
        image = np.rint(rng.normal(0, 1, (60, 80)))
        assert_allclose(step(image + 0.001 * rng.random(image.shape)), 1, atol=0.01)
        assert step(image + 0.5 * rng.random(image.shape)) == 0

    def test_two_values_are_no_steps(self):
        assert step(beside(np.repeat([0.0, 1.0], 2000))) == 0

    def test_20000_differences_are_enough_for_those_that_are_rare(self):
        """On either side 6 % are beyond two values."""
        for n, known in ((19_900, 0), (20_000, 1)):
            share = np.multiply([0.06, 0.44, 0.44, 0.06], n).astype(int)
            assert step(beside(np.repeat([-1.0, 0.0, 1.0, 2.0], share))) == known

    def test_21_values_are_few(self):
        """Of 25 a tenth is left out on either side."""
        assert step(beside(np.repeat(np.arange(25.0), 200))) == 1
        assert step(beside(np.repeat(np.arange(26.0), 200))) == 0

    @pytest.mark.parametrize(("reach", "known"), [(1.5, True), (1.7, False)])
    @pytest.mark.parametrize("offset", [0.0, 3.0])
    def test_steps_are_most_of_the_range(self, reach, known, offset):
        """At least 0.6 of what is from the first value to the last."""
        values = np.linspace(-reach, reach, 3000)
        values = np.concatenate([np.full(1000, -4.0), values, np.full(1000, 4.0)])
        found = step(beside(values + offset))
        assert_allclose(found, (4 - reach) * known, rtol=1e-9)

    def test_steps_are_at_most_3_times_as_long_as_the_distance_of_the_quartiles(self):
        """Which are in the first and the last of three values here."""
        jitter = np.resize([0.0, 0.001, 0.002], 5000)
        values = np.repeat([-1.0, 0.0, 1.0], [1000, 2200, 1800])
        assert_allclose(step(beside(values + jitter)), 1, atol=0.01)
        values = np.repeat([-1.0, 0.0, 1.0], [1200, 2600, 1200])
        assert step(beside(values + jitter)) == 0

    def test_of_a_large_image_some_differences_are_enough(self, monkeypatch):
        monkeypatch.setattr(noise, "_SAMPLE", 2500)
        image = np.rint(np.random.default_rng(1).normal(0, 1, (1, 9000)))
        assert step(image) == 1

    def test_pairs_with_an_unusable_pixel_do_not_count(self):
        image = beside(self.few)
        usable = np.ones(image.shape, bool)
        image[0, 0], usable[0, 0] = np.nan, False
        assert step(image, usable) == 0  # 1999 pairs
        image = beside(np.append(self.few, [0, 0]))
        image[0, 1000], usable = np.nan, np.ones(image.shape, bool)
        usable[0, 1000] = False
        assert step(image, usable) == 1  # 2000 pairs
        image = beside(self.few, 2)
        image[:, 0], usable = np.nan, np.ones(image.shape, bool)
        usable[:, 0] = False
        assert step(image, usable) == 1

    def test_unequal_steps_are_none(self):
        values = np.array([-2.0, -1.0, 0.0, 1.55, 2.0])
        assert step(beside(np.repeat(values, 500))) == 0

    def test_hits_of_one_height_are_no_steps(self):
        """Most pixels differ by much less."""
        rng = np.random.default_rng(1)
        image = rng.normal(0, 0.01, (100, 100))
        image[:, ::8] += 100
        assert step(image) == 0

    def test_most_pixels_are_equal(self):
        image = np.zeros((200, 200))
        image[::5, ::3] = 1.0
        assert step(image) == 1
        image = np.zeros((200, 200))
        image[::20, ::10] = 3.0  # 1 % of the differences on either side
        assert step(image) == 3

    def test_nothing_differs(self):
        assert step(np.zeros((100, 100))) == 0


@pytest.mark.parametrize(
    ("n", "most", "expected"),
    [(99, 100, 1), (100, 100, 1), (200, 100, 3), (399, 100, 3), (400, 100, 5)],
)
def test_few_rows(n, most, expected):
    """Distances are odd, so that odd and even rows are among them."""
    assert noise.few_rows((n, 1), most) == np.s_[::expected]


def test_few_rows_of_a_large_image():
    assert noise.few_rows((1000, 799)) == np.s_[::1]
    assert noise.few_rows((1000, 800)) == np.s_[::3]
    assert noise.few_rows((0, 5)) == np.s_[::1]


class TestDithered:
    @pytest.mark.parametrize("dtype", ["f4", "f8"])
    def test_spreads_evenly_over_a_step(self, dtype):
        values = np.full(1000, 7.0, dtype)
        spread = noise.dithered(values, 2.0)
        assert spread.dtype == dtype
        assert_allclose(np.sort(spread), 7 + np.linspace(-1, 1, 1000), atol=0.01)
        assert_array_equal(spread, noise.dithered(values, 2.0))
        assert_array_equal(values, 7)

    def test_neighbours_go_apart(self):
        """By the golden section of a step."""
        spread = noise.dithered(np.zeros(4), 1.0)
        golden = (math.sqrt(5) - 1) / 2
        expected = [-0.5, golden - 0.5, 2 * golden - 1.5, 3 * golden - 1.5]
        assert_allclose(spread, expected, atol=1e-12)

    def test_without_a_step_nothing_changes(self):
        values = np.array([3.0, 1.0])
        assert noise.dithered(values, 0.0) is values
