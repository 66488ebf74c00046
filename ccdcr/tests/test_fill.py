# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What takes the place of cosmic rays, and of their rims, against plain loops."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

from ccdcr.pixels import replace, skirt

SQUARE = np.ones((3, 3), bool)


def gaussian(sigma, reach):
    offset = np.arange(-reach, reach + 1)
    return np.exp(-(offset[:, None] ** 2 + offset**2) / (2 * sigma**2))


def mean_by_loops(
    image, variance, donors, at, weights, *, value=None, efficiency=1.0, caution=1.0
):
    """Weighted mean around one pixel, and its variance."""
    rows, columns = weights.shape
    found = []
    for j, i in np.ndindex(rows, columns):
        y, x = at[0] + j - rows // 2, at[1] + i - columns // 2
        inside = 0 <= y < image.shape[0] and 0 <= x < image.shape[1]
        if inside and donors[y, x] and np.isfinite(variance[y, x]):
            found.append((weights[j, i], image[y, x], variance[y, x]))
    if not found:
        return np.nan, np.inf
    w, values, noise = np.transpose(found)
    w = w / w.sum()
    mean = (w * values).sum() if value is None else value
    explained = (w * noise).sum() * (1 + np.sqrt(2 * (w**2).sum()))
    unexplained = max((w * (values - mean) ** 2).sum() - explained, 0)
    return mean, efficiency * (w**2 * noise).sum() + caution * unexplained


def all_by_loops(image, variance, donors, flagged, weights, **options):
    pairs = [
        mean_by_loops(image, variance, donors, at, weights, **options)
        for at in np.argwhere(flagged)
    ]
    return np.reshape(pairs, (-1, 2)).T


def assert_same(ours, expected):
    for one, other in zip(ours, expected, strict=True):
        assert_allclose(one, other, rtol=1e-10, atol=1e-13)


@pytest.fixture
def scene():
    """A slope, noise that varies, and holes; 12 rows and 17 columns."""
    rng = np.random.default_rng(1)
    variance = rng.uniform(1, 9, (12, 17))
    image = rng.normal(50, np.sqrt(variance)) + 4 * np.arange(17)
    donors = rng.random(image.shape) < 0.6
    flagged = ~donors & (rng.random(image.shape) < 0.7)
    return image, variance, donors, flagged


class TestFromNeighbours:
    WEIGHTS = gaussian(1, 3)

    def test_the_weights(self):
        assert_allclose(replace.GAUSSIAN, self.WEIGHTS, rtol=1e-15)

    @pytest.mark.parametrize("options", [{}, {"efficiency": 1.5}, {"caution": 4.0}])
    @pytest.mark.parametrize("chunk", [1, 100, 1 << 16])
    def test_by_loops(self, scene, options, chunk, monkeypatch):
        monkeypatch.setattr(replace, "CHUNK", chunk)
        ours = replace.from_neighbours(*scene, self.WEIGHTS, **options)
        assert_same(ours, all_by_loops(*scene, self.WEIGHTS, **options))
        assert [array.dtype for array in ours] == [np.float64] * 2

    def test_values_that_were_made_otherwise(self, scene):
        """Their variance is computed; without any neighbour there is no value."""
        image, variance, donors, flagged = scene
        donors[:, 8:] = False
        flagged[5, 16] = True
        at = np.nonzero(flagged)
        values = np.random.default_rng(2).normal(80, 5, at[0].size)
        options = {"efficiency": 0.5, "caution": 2.0}
        ours, variances = replace.from_neighbours(
            image, variance, donors, at, self.WEIGHTS, values=values, **options
        )
        expected = [
            mean_by_loops(
                image, variance, donors, one, self.WEIGHTS, value=value, **options
            )
            for *one, value in zip(*at, values, strict=True)
        ]
        assert np.isnan(ours).sum() > 0
        assert_same((ours, variances), np.transpose(expected))
        assert_array_equal(np.isinf(variances), np.isnan(ours))

    def test_images_that_are_computed(self, scene):
        image, variance, donors, flagged = scene
        ours = replace.from_neighbours(
            lambda at: image[at], lambda at: variance[at], donors, flagged, self.WEIGHTS
        )
        assert_same(ours, all_by_loops(*scene, self.WEIGHTS))

    def test_neighbours_of_unknown_variance_do_not_count(self, scene):
        scene[1][::2, ::3] = np.inf
        scene[1][1::4, 1::3] = np.nan
        ours = replace.from_neighbours(*scene, self.WEIGHTS)
        assert_same(ours, all_by_loops(*scene, self.WEIGHTS))

    def test_what_is_no_donor_is_not_read(self, scene):
        image, variance, donors, _ = scene
        usual = replace.from_neighbours(*scene, self.WEIGHTS)
        image[~donors], variance[~donors] = np.nan, np.nan
        assert_same(replace.from_neighbours(*scene, self.WEIGHTS), usual)

    def test_by_hand(self):
        """Two neighbours of 4 and 8, with noise of 1 and weights of 3 and 1."""
        image = np.array([[4.0, 0.0, 8.0]])
        hit = np.array([[False, True, False]])
        weights = np.array([[3.0, 1.0, 1.0]])
        value, variance = replace.from_neighbours(
            image, np.ones((1, 3)), ~hit, hit, weights
        )
        assert_allclose(value, 5)
        # 9/16 + 1/16; scatter of 3/4 + 9/4, of which 1 and its standard error explained
        assert_allclose(variance, 0.625 + 3 - (1 + np.sqrt(1.25)))

    def test_a_window_of_one_pixel(self, scene):
        image, variance, donors, _ = scene
        at = np.array([0, 5, 11]), np.array([3, 4, 16])
        values, variances = replace.from_neighbours(
            image, variance, donors, at, np.ones((1, 1))
        )
        assert_array_equal(values, np.where(donors, image, np.nan)[at])
        assert_array_equal(variances, np.where(donors, variance, np.inf)[at])


class TestFill:
    @pytest.mark.parametrize("dtype", ["f4", "f8"])
    def test_by_loops(self, scene, dtype):
        image, variance, usable, _ = scene
        usable[5:, 6:] = False  # so wide that in the middle none is near
        given = np.where(usable, image, np.nan).astype(dtype)
        before = given.copy()
        filled = replace.fill(given, usable)
        assert_array_equal(given, before)
        assert filled.dtype == dtype
        means = all_by_loops(image, variance, usable, ~usable, gaussian(1, 3))[0]
        expected = given.copy()
        expected[~usable] = means
        known = np.isfinite(expected)
        assert 0 < np.sum(~known) < np.sum(~usable)
        assert_array_equal(filled[usable], given[usable])
        assert_allclose(filled[known], expected[known], rtol=1e-6)
        for y, x in np.argwhere(~known):
            place = np.argwhere(known)
            square = ((place - (y, x)) ** 2).sum(axis=1)
            nearest = place[square == square.min()]
            assert filled[y, x] in filled[tuple(nearest.T)]

    def test_a_single_pixel_fills_the_frame(self):
        image = np.full((9, 30), 1e9)
        image[4, 2] = 7
        assert_allclose(replace.fill(image, image == 7), 7)


class TestSkirts:
    def grown_by_loops(self, image, variance, flagged, usable, times):
        for _ in range(times):
            near = ndimage.binary_dilation(flagged, SQUARE)
            ring = near & ~flagged & usable
            donors = usable & ~near
            more = flagged.copy()
            for at in map(tuple, np.argwhere(ring)):
                mean, error = mean_by_loops(
                    image, variance, donors, at, gaussian(1, 3), caution=4.0
                )
                more[at] = image[at] - mean > 2 * np.sqrt(variance[at] + error)
            flagged = more
        return flagged

    @pytest.mark.parametrize("times", [0, 1, 2, 5])
    @pytest.mark.parametrize("seed", range(3))
    def test_by_loops(self, seed, times):
        rng = np.random.default_rng(seed)
        variance = rng.uniform(1, 4, (23, 30))
        image = rng.normal(0, np.sqrt(variance)) + 3 * np.arange(30)
        for y, x in rng.integers(0, (23, 30), (6, 2)):
            image += 60 * np.exp(-np.hypot(*(np.indices(image.shape).T - (y, x)).T))
        start = image > ndimage.median_filter(image, 9) + 25
        usable = rng.random(image.shape) < 0.9
        before = start.copy()
        ours = skirt.take_in_skirts(image, variance, start, usable, times)
        assert_array_equal(start, before)
        expected = self.grown_by_loops(image, variance, start, usable, times)
        assert_array_equal(ours, expected)
        assert (ours.sum() > start.sum()) == (times > 0)

    def test_two_sigma_are_not_enough(self):
        """A pixel of noise 3 beside a sky of 20 that is known exactly."""
        image, variance = np.full((15, 17), 20.0), np.zeros((15, 17))
        hit = np.zeros(image.shape, bool)
        hit[7, 7] = True
        variance[6:9, 6:9] = 9
        image[7, 8], image[6, 7] = 26.0, 26.01
        grown = skirt.take_in_skirts(image, variance, hit, hit | True, 1)
        assert np.argwhere(grown).tolist() == [[6, 7], [7, 7]]

    def test_without_anything_beyond_nothing_is_taken_in(self):
        image = np.full((3, 3), 50.0)
        hit = np.zeros(image.shape, bool)
        hit[1, 1] = True
        grown = skirt.take_in_skirts(image, image / 50, hit, hit | True, 3)
        assert_array_equal(grown, hit)


class TestFromBeyond:
    def by_loops(self, image, variance, expected, donors, flagged):
        beside = ndimage.binary_dilation(flagged, SQUARE)
        values, variances = [], []
        for at in map(tuple, np.argwhere(flagged)):
            near = mean_by_loops(image, variance, donors, at, gaussian(1, 3))
            far = mean_by_loops(image, variance, donors & ~beside, at, gaussian(1, 3))
            chosen = far if far[1] < near[1] + 0.5 * expected[at] else near
            if np.isnan(chosen[0]):
                chosen = mean_by_loops(image, variance, donors, at, gaussian(2.5, 7))
            values.append(chosen[0])
            variances.append(chosen[1])
        return values, variances

    @pytest.mark.parametrize("slope", [0.0, 5.0])
    @pytest.mark.parametrize("seed", range(3))
    def test_by_loops(self, seed, slope):
        """On a sky those beyond are taken, on a slope the nearest ones."""
        rng = np.random.default_rng(seed)
        variance = rng.uniform(1, 9, (28, 40))
        image = rng.normal(0, np.sqrt(variance)) + slope * np.arange(40)
        flagged = rng.random(image.shape) < 0.03
        flagged[5:22, 8:25] = True  # in its middle not even those within 7 count
        donors = ~flagged & (rng.random(image.shape) < 0.9)
        expected = rng.uniform(1, 9, image.shape)
        scene = image, variance, expected, donors, flagged
        ours = skirt.fill_from_beyond(*scene)
        assert_same(ours, self.by_loops(*scene))
        near = all_by_loops(image, variance, donors, flagged, gaussian(1, 3))
        assert 0 < np.isnan(ours[0]).sum() < np.isnan(near[0]).sum()
        same = np.isclose(ours[0], near[0])
        assert 0.1 < same.mean() < 0.9

    def test_how_much_worse_those_beyond_may_be(self):
        """Half of the variance of the pixel."""
        image = np.zeros((9, 9))
        hit = np.zeros(image.shape, bool)
        hit[4, 4] = True
        beside = ndimage.binary_dilation(hit, SQUARE)
        variance = np.where(beside, 1e-9, 10.0)
        image[2, 2] = 4.0
        near, far = (
            mean_by_loops(image, variance, donors, (4, 4), gaussian(1, 3))
            for donors in (~hit, ~beside)
        )
        cost = far[1] - near[1]
        for factor, chosen in ((1.99, near), (2.01, far)):
            expected = np.full(image.shape, factor * cost)
            ours = skirt.fill_from_beyond(image, variance, expected, ~hit, hit)
            assert_same(ours, np.reshape(chosen, (2, 1)))


class TestIfPlausible:
    def frame(self, *charges):
        """Hits of two pixels on an exact sky of 10, where only they have noise."""
        image, expected = np.full((20, 60), 10.0), np.full((20, 60), 4.0)
        flagged = np.zeros(image.shape, bool)
        for k, (first, second) in enumerate(charges):
            flagged[10, 10 * k + 5 : 10 * k + 7] = True
            image[10, 10 * k + 5 : 10 * k + 7] += first, second
        return image, 0 * image, expected, ~flagged, flagged

    def test_three_sigma_in_some_pixel(self):
        """The noise is 2: below 6 it is none, above it the whole hit is one."""
        scene = self.frame((5.99, 5.99), (6.01, -5.0), (0.0, 7.0), (-20.0, 2.0))
        before = scene[-1].copy()
        kept, values, variances = skirt.fill_if_plausible(*scene)
        assert_array_equal(scene[-1], before)
        wanted = np.zeros(kept.shape, bool)
        wanted[10, 15:17] = wanted[10, 25:27] = True
        assert_array_equal(kept, wanted)
        assert_allclose(values, 10)
        assert_allclose(variances, 0, atol=1e-20)

    def test_the_error_of_the_new_value_counts(self):
        image, variance, expected, donors, flagged = self.frame((6.2, 6.2), (8.0, 0.0))
        variance[:] = 4
        scene = image, variance, expected, donors, flagged
        values, variances = skirt.fill_from_beyond(*scene)
        sigma = np.sqrt(4 + variances)
        excess = (image[flagged] - values) / sigma
        assert_array_equal(excess > 3, [False, False, True, False])
        assert excess[0] > 2.9
        kept, ours, errors = skirt.fill_if_plausible(*scene)
        assert_array_equal(np.argwhere(kept), [(10, 15), (10, 16)])
        assert_array_equal(ours, values[2:])
        assert_array_equal(errors, variances[2:])

    def test_without_a_new_value_it_is_kept(self):
        image, variance, expected, donors, flagged = self.frame((0.0, 0.0), (1.0, 1.0))
        donors[:, :13] = False
        kept, *_ = skirt.fill_if_plausible(image, variance, expected, donors, flagged)
        assert_array_equal(np.argwhere(kept), [(10, 5), (10, 6)])

    def test_nothing(self):
        scene = self.frame()
        kept, values, variances = skirt.fill_if_plausible(*scene)
        assert not kept.any()
        assert values.size == variances.size == 0
