# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""By how much sources may differ between two exposures, against plain loops."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ccdcr.pixels import guard
from ccdcr.pixels.compare import Comparison
from ccdcr.pixels.exposure import Exposure
from ccdcr.pixels.level import Level
from ccdcr.pixels.photometry import Scatter

SHAPE = 41, 53
KNOWN = Scatter(1.0, None)  # the noise is what it should be


def level(value=0.0, slope=0.0):
    """A level that grows along both axes."""
    rows, columns = SHAPE
    table = value + slope * np.arange(columns) + np.array([[0], [slope * rows]])
    return Level(table, np.zeros(rows, int), np.arange(rows) / rows)


def exposure(image, variance):
    every = np.ones(SHAPE, bool)
    return Exposure(image, variance, every, level(), 0.0, float(np.median(variance)))


def pair(first, second, variances, where=None, scatter=None):
    """Two exposures of which the noise does not depend on the light."""
    exposures = map(exposure, (first, second), variances)
    sources = np.flatnonzero(np.ones(SHAPE) if where is None else where)
    nothing = guard.Guard(level(), 0.0, 0.0)
    return Comparison(*exposures, 1.0, level(), scatter or KNOWN, sources, 1.0, nothing)


@pytest.fixture
def scene():
    """Stars, hits, and dark pixels; noise that varies, more of it in the first."""
    rng = np.random.default_rng(1)
    y, x = np.indices(SHAPE)
    light = np.zeros(SHAPE)
    for y0, x0, width in rng.uniform([0, 0, 1], [*SHAPE, 3], (12, 3)):
        light += 900 * np.exp(-((y - y0) ** 2 + (x - x0) ** 2) / (2 * width**2))
    variances = rng.uniform(3, 9, (2, *SHAPE)) + np.array([6, 0])[:, None, None]
    images = [light + rng.normal(0, np.sqrt(one)) for one in variances]
    images[0][rng.random(SHAPE) < 0.02] += 500
    images[1][rng.random(SHAPE) < 0.02] -= 500
    return images, variances


def features_by_loops(fainter, base, noise):
    """Slope, brightness and whether it is a source, for each pixel of a frame."""
    out = np.zeros((3, *SHAPE))
    beyond = np.pad(fainter, 1, mode="edge")
    for y, x in np.ndindex(SHAPE):
        window = (beyond[y : y + 3, x : x + 3].ravel() - base[y, x]).tolist()
        middle = window[4]
        steepest = max(abs(window[k] - middle) for k in (1, 3, 5, 7))
        out[0, y, x] = max(steepest**2 - 9 * noise[y, x], 0) ** 0.5
        out[1, y, x] = max(middle, 0)
        smooth = sorted(window)[4]
        bright = smooth > 3 * noise[y, x] ** 0.5
        out[2, y, x] = bright and smooth > 0.2 * max(window)
    return out


class TestVariance:
    @pytest.mark.parametrize("chunk", [9, 900, 1 << 16])
    @pytest.mark.parametrize("dtype", ["f4", "f8"])
    def test_by_loops(self, scene, chunk, dtype, monkeypatch):
        """The square of what slope and brightness make, one by one."""
        monkeypatch.setattr(guard, "CHUNK", chunk)
        images, variances = scene
        images = [image.astype(dtype) for image in images]
        compared = pair(*images, variances)
        base = level(20.0, 0.5)
        noise = np.random.default_rng(2).uniform(1, 9, SHAPE)
        slope, brightness, _ = features_by_loops(
            np.minimum(*images), base.rows(), noise
        )
        y, x = np.nonzero(np.random.default_rng(3).random(SHAPE) < 0.1)
        one = guard.Guard(base, 0.25, 0.1)
        ours = one.variance(compared, y, x, noise[y, x])
        expected = (0.25 * slope) ** 2 + (0.1 * brightness) ** 2
        assert ours.dtype == dtype
        precise = 1e-4 if dtype == "f4" else 1e-10
        assert_allclose(ours, expected[y, x], rtol=precise, atol=precise)
        assert one.variance(compared, y[:0], x[:0], noise[:0, 0]).shape == (0,)

    def test_sources_by_hand(self):
        """The median of 3 x 3 pixels above 3 sigma and a fifth of the brightest."""
        for light, brightest, answer in (
            (6.0, 7.0, False),
            (6.1, 7.0, True),
            (10.0, 50.0, False),
            (10.1, 50.0, True),
        ):
            image = np.zeros(SHAPE)
            image[19:21, 20:23] = light
            image[20, 20] = brightest
            compared = pair(image, image + 1, np.ones((2, *SHAPE)))
            at = np.array([20]), np.array([21])
            *_, source = guard._features(compared, level(), *at, np.array([4.0]))
            assert source.tolist() == [answer]


def smallest_by_steps(difference, variance, feature, ranks, most):
    """As from halving an interval 14 times, by the definition of a percentile."""
    limits = {50: 0.6745, 90: 1.6449, 98: 2.3263}

    def narrow(factor):
        pulls = np.sort(difference / np.sqrt(variance + factor**2 * feature**2))
        return all(
            np.interp(rank / 100 * (pulls.size - 1), np.arange(pulls.size), pulls)
            <= limits[rank]
            for rank in ranks
        )

    if narrow(0):
        return 0.0
    step, n = most / 2**14, 2**14
    for power in reversed(range(14)):
        if narrow((n - 2**power) * step):
            n -= 2**power
    return n * step


class TestSmallest:
    def numbers(self, n=400, seed=1, factor=0.3):
        rng = np.random.default_rng(seed)
        variance, feature = rng.uniform(1, 4, n), rng.uniform(0, 50, n)
        noise = np.sqrt(variance + (factor * feature) ** 2)
        return np.abs(rng.normal(0, noise)), variance, feature

    @pytest.mark.parametrize("ranks", [(50,), (50, 90, 98), (98,)])
    @pytest.mark.parametrize("most", [1.0, 2.0, 0.1])
    @pytest.mark.parametrize("factor", [0.0, 0.3])
    def test_by_steps(self, ranks, most, factor):
        """Some pixels count; the factor is the true one nearly, or the largest."""
        numbers = self.numbers(factor=factor)
        where = np.random.default_rng(2).random(400) < 0.7
        numbers[0][~where] *= 100
        found = guard._smallest(*numbers, where, ranks, most)
        expected = smallest_by_steps(*(one[where] for one in numbers), ranks, most)
        assert_allclose(found, expected, rtol=1e-12)
        if factor and most > factor:
            assert_allclose(found, factor, rtol=0.3)
        if most < factor:
            assert found == most

    def test_a_hundred_pixels_tell_nothing(self):
        difference, variance, feature = self.numbers()
        where = np.arange(400) < 100
        ranks = (50,)
        assert guard._smallest(difference, variance, feature, where, ranks, 1.0) == 0
        where[100] = True
        assert guard._smallest(difference, variance, feature, where, ranks, 1.0) > 0.2

    def test_at_the_limit_is_not_too_wide(self):
        difference = np.full(200, 0.6745)
        ones = np.ones(200)
        assert guard._smallest(difference, ones, ones, ones > 0, (50,), 1.0) == 0
        found = guard._smallest(2 * difference, ones, ones, ones > 0, (50,), 2.0)
        assert_allclose(found, np.sqrt(3), atol=2 / 2**14)


class TestMeasure:
    def by_loops(self, images, variances, base, where, scatter, final):
        difference = np.abs(images[0] - images[1])[where]
        noise = np.minimum(*variances)
        slope, brightness, source = (
            one[where]
            for one in features_by_loops(np.minimum(*images), base.rows(), noise)
        )
        variance = (variances[0] + variances[1])[where] * scatter.rows()[where] ** 2
        source = source > 0
        ranks = (50, 90, 98) if final else (50,)
        for times in (10, 5, 2):
            steep = source & (slope > times * np.sqrt(variance))
            if steep.sum() > 100:
                break
        shift = 0.0
        if steep.sum() > 100:
            shift = smallest_by_steps(
                difference[steep], variance[steep], slope[steep], ranks, 2.0
            )
        measured = min(shift / 0.1, 1) ** 2
        shift = max(shift, 0.1)
        bright = source & (brightness > 5 * np.sqrt(variance))
        variance = variance + (shift * slope) ** 2
        change = 0.0
        if bright.sum() > 100:
            change = smallest_by_steps(
                difference[bright], variance[bright], brightness[bright], ranks, 1.0
            )
        return shift, change, measured

    @pytest.mark.parametrize("final", [False, True])
    @pytest.mark.parametrize(("moved", "faded"), [(0, 0), (1, 0), (0, 0.4), (1, 0.2)])
    def test_by_loops(self, scene, moved, faded, final, monkeypatch):
        """Where the noise is up to twice of what is known."""
        monkeypatch.setattr(guard, "CHUNK", 900)
        scatter = Scatter(1.0, level(1.0, 0.01))
        (first, second), variances = scene
        images = first, np.roll(second, moved, axis=1) * (1 - faded)
        where = np.random.default_rng(5).random(SHAPE) < 0.8
        base = level(-3.0, 0.05)
        compared = pair(*images, variances, where, scatter)
        ours = guard.measure_guard(compared, base, final=final)
        expected = self.by_loops(images, variances, base, where, scatter, final)
        assert_allclose(ours[1:], expected, rtol=1e-9)
        assert ours.level is base
        if moved or faded:
            assert max(expected[0] - 0.1, expected[1]) > 0.03

    @pytest.mark.parametrize("noise", [1.0, 100.0, 200.0, 400.0, 1000.0])
    def test_steep_ones_first(self, scene, noise):
        """The steeper a pixel the more it tells, as long as there are a hundred."""
        (first, second), variances = scene
        images = first, np.roll(second, 1, axis=0)
        variances = variances * noise
        every = np.ones(SHAPE, bool)
        ours = guard.measure_guard(pair(*images, variances), level(), final=True)
        scatter = Scatter(1.0, level(1.0))
        expected = self.by_loops(images, variances, level(), every, scatter, True)
        assert_allclose(ours[1:], expected, rtol=1e-9)

    @pytest.mark.parametrize("n", [100, 101])
    def test_a_hundred_steep_ones_are_not_enough(self, scene, n):
        (first, second), variances = scene
        images = first, np.roll(second, 1, axis=0)
        slope, _, source = features_by_loops(
            np.minimum(*images), level().rows(), np.minimum(*variances)
        )
        steep = (source > 0) & (slope > 10 * np.sqrt(variances.sum(axis=0)))
        where = ~steep | (np.cumsum(steep).reshape(SHAPE) <= n)
        ours = guard.measure_guard(pair(*images, variances, where), level(), final=True)
        scatter = Scatter(1.0, level(1.0))
        expected = self.by_loops(images, variances, level(), where, scatter, True)
        assert_allclose(ours[1:], expected, rtol=1e-9)

    @pytest.mark.parametrize(("step", "steep"), [(25.0, False), (25.01, True)])
    def test_steeper_than_twice_the_noise(self, step, steep):
        """A noise of 10; columns 25 apart have a slope of 20, less the noise of 5."""
        first = 100 + step * (np.arange(53) % 2) * np.ones(SHAPE)
        variances = np.array([25.0, 75.0])[:, None, None] * np.ones(SHAPE)
        compared = pair(first, first + 40, variances)
        found = guard.measure_guard(compared, level(), final=False)
        assert (found.misregistration > 0.1) == steep

    @pytest.mark.parametrize(("light", "bright"), [(50.0, False), (50.01, True)])
    def test_brighter_than_five_sigma(self, light, bright):
        """A noise of 10 again, and no slope at all."""
        first = np.full(SHAPE, light)
        variances = np.array([25.0, 75.0])[:, None, None] * np.ones(SHAPE)
        compared = pair(first, first + 30, variances)
        found = guard.measure_guard(compared, level(), final=False)
        assert (found.change > 0) == bright

    def test_without_sources(self, scene):
        images, variances = scene
        nowhere = np.zeros(SHAPE, bool)
        for where in (nowhere, nowhere | (np.arange(53) == 7)):
            compared = pair(*images, variances, where)
            found = guard.measure_guard(compared, level(1e4), final=False)
            assert found[1:] == (0.1, 0.0, 0.0)

    def test_the_limits(self, scene):
        """Two pixels, and all of the light."""
        images, variances = scene
        images[1][:] = np.where(images[0] > 50, 3000 + images[0] * 9, images[0])
        compared = pair(*images, variances / 100)
        found = guard.measure_guard(compared, level(), final=True)
        assert_array_equal(found[1:], [*guard.LIMITS, 1.0])

    @pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
    def test_less_than_the_floor_is_measured_in_part(self, part):
        """Differences of so much of the floor, where the slope is 200."""
        first = 100 + 200.0 * (np.arange(53) % 2) * np.ones(SHAPE)
        variances = np.full((2, *SHAPE), 1e-6)
        compared = pair(first, first + 0.6745 * 200 * 0.1 * part, variances)
        found = guard.measure_guard(compared, level(), final=False)
        assert found.misregistration == 0.1
        assert_allclose(found.measured, part**2, rtol=0.01)
