# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What lines and traces of a spectrum are, against running medians by loops."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ccdcr.pixels import slit
from ccdcr.pixels.noise import scatter


def running_median(image, axis):
    """Of 41 pixels, or of what there is of them at the ends; of all if they are few."""
    out, n = np.empty_like(image), image.shape[axis]
    for k in range(n):
        window = range(max(0, k - 20), min(n, k + 21)) if n > 41 else range(n)
        middle = np.median(image.take(list(window), axis=axis), axis=axis)
        np.moveaxis(out, axis, 0)[k] = middle
    return out


def noisy(shape, seed=1, sigma=1.0, dtype=float):
    return np.random.default_rng(seed).normal(0, sigma, shape).astype(dtype)


class TestRunningMedian:
    @pytest.mark.parametrize("axis", [0, 1])
    @pytest.mark.parametrize("shape", [(1, 9), (40, 9), (41, 43), (42, 7), (90, 45)])
    @pytest.mark.parametrize("dtype", ["f4", "f8"])
    def test_by_loops(self, shape, axis, dtype):
        image = noisy(shape, dtype=dtype)
        before = image.copy()
        smooth = slit._running_median(image, axis)
        assert smooth.dtype == dtype
        assert_array_equal(smooth, running_median(image, axis))
        assert_array_equal(image, before)


@pytest.fixture(params=[0, 1], ids=["along y", "along x"])
def fit(request):
    """The model of a spectrum that is given with wavelength along x, either way."""

    def fit(image, variance=None, usable=None):
        variance = np.ones_like(image) if variance is None else variance
        usable = np.ones(image.shape, bool) if usable is None else usable
        images = image, variance, usable
        if request.param == 0:
            images = [np.ascontiguousarray(one.T) for one in images]
        before = [one.copy() for one in images]
        model, misfit = slit.lines_and_traces(*images, request.param)
        for one, other in zip(images, before, strict=True):
            assert_array_equal(one, other)
        assert model.dtype == image.dtype
        return (model.T if request.param == 0 else model), misfit

    return fit


class TestLinesAndTraces:
    @pytest.mark.parametrize("dtype", ["f4", "f8"])
    def test_lines_go_on_along_the_slit_and_traces_across(self, fit, dtype):
        """Noise of 1: the mean of 41 pixels tells a trace of 1.5 from none."""
        image = noisy((70, 150), dtype=dtype)
        image[:, 60] += 300
        image[50] += 30
        image[20] += 1.5
        model, misfit = fit(image)
        lines = running_median(image, 0)
        rest = image - lines
        traces = running_median(rest, 1)
        noise = scatter(rest, np.ones(image.shape, bool))
        least = 5 * np.sqrt(np.pi / 2 / 41) * noise
        assert 0.9 < least < 1.1
        some = np.abs(traces) >= least
        assert some[20].all()
        assert some[50].all()
        assert some.sum() < 4 * 150
        expected = lines + np.where(some, traces, 0)
        assert_allclose(model, expected, rtol=1e-6)
        assert misfit < 1.3

    def test_noise_is_that_of_pixels_that_count(self, fit):
        image = noisy((60, 90))
        image[20] += 3
        usable = np.ones(image.shape, bool)
        usable[30:] = False
        image[30:] *= 50
        model, _ = fit(image, None, usable)
        assert_allclose(model[20].mean(), 3, atol=0.3)
        model, _ = fit(image)
        assert abs(model[20].mean()) < 0.5

    def test_dark_traces_are_some(self, fit):
        image = noisy((60, 90))
        image[20] -= 30
        assert_allclose(fit(image)[0][20].mean(), -30, atol=0.5)

    def test_without_noise_and_without_light(self, fit):
        """What is not brighter than the sky tells no misfit."""
        model, misfit = fit(np.full((60, 90), 10.0))
        assert_array_equal(model, 10)
        assert misfit == 1

    def wavy(self, part):
        """A bright trace with bands, other ones in every row, without any noise."""
        y, x = np.indices((65, 130))
        image = np.zeros((65, 130))
        light = 1000 * np.exp(-((y - 30) ** 2) / 50)
        image += light * (1 + part * np.sin(2 * np.pi * x / 11))
        return image + noisy(image.shape, sigma=0.5), light

    def test_bands_of_bright_light_are_taken_away(self, fit):
        """Common to 9 pixels along the slit, as a part of the light."""
        image, light = self.wavy(0.2)
        model, _ = fit(image)
        bright = light > 200
        assert np.abs(image - model)[bright].max() > 3
        assert np.median(np.abs(image - model)[bright]) < 1

    def test_bands_by_loops(self, fit):
        image, _ = self.wavy(0.2)
        image += 50  # a sky, of which only what is more counts as light
        variance = np.full(image.shape, 0.3)
        model, misfit = fit(image, variance)
        first = running_median(image, 0)
        rest = image - first
        traces = running_median(rest, 1)
        noise = scatter(rest, np.ones(image.shape, bool))
        traces[np.abs(traces) < 5 * np.sqrt(np.pi / 2 / 41) * noise] = 0
        first, rest = first + traces, rest - traces
        # the level of this frame is one number: it has one box across
        light = first - slit.local_level(first, first == first).rows()
        bright = light > 10 * noise
        expected = first.copy()
        for y, x in np.argwhere(bright):
            near = np.clip(np.arange(y - 4, y + 5), 0, None)
            near = [k for k in near if bright[k, x]]
            expected[y, x] += np.median(rest[near, x] / light[near, x]) * light[y, x]
        assert 500 < bright.sum() < bright.size / 2
        assert_allclose(model, expected, rtol=1e-10)
        pulls = np.abs(image - expected)[bright] / np.sqrt(0.3)
        assert_allclose(misfit, np.percentile(pulls, 90) / 1.645)

    def test_where_they_fit_nothing_more_is_taken_away(self, fit):
        """The misfit is less than 1.3, if the variance says that this much is noise."""
        image, _ = self.wavy(0.2)
        rough, _ = fit(image)
        variance = np.full(image.shape, 150.0**2)
        model, less = fit(image, variance)
        assert less < 1.3
        assert np.abs(model - rough).max() > 30

    def test_only_usable_light_tells_the_misfit(self, fit):
        image, light = self.wavy(0.2)
        model, misfit = fit(image, None, light < 2)
        assert misfit == 1
        assert np.abs(fit(image)[0] - model)[light > 500].max() > 30


class TestMisfit:
    def test_by_hand(self):
        """A tenth of normal numbers is beyond 1.645 sigma."""
        rest = np.linspace(-40, 40, 101)[None, :]
        variance = np.full(rest.shape, 16.0)
        every = rest == rest
        assert_allclose(slit._misfit(rest, variance, every), 9 / 1.645)
        assert_allclose(slit._misfit(-rest, variance / 4, every), 18 / 1.645)
        assert_allclose(slit._misfit(rest, variance, abs(rest) < 39.9), 1)

    @pytest.mark.parametrize(("n", "misfit"), [(99, 1.0), (100, 2 / 1.645)])
    def test_a_hundred_pixels(self, n, misfit):
        rest = np.full((10, 20), 2.0)
        bright = np.arange(200).reshape(rest.shape) < n
        found = slit._misfit(rest, np.ones(rest.shape), bright)
        assert_allclose(found, misfit)
        assert isinstance(found, float)

    def test_pixels_without_noise_do_not_count(self):
        rest = np.full((10, 20), 2.0)
        variance = np.where(np.arange(20) < 15, 0.0, 1.0) * np.ones((10, 1))
        every = rest == rest
        assert_allclose(slit._misfit(rest, variance, every), 2 / 1.645)
        assert slit._misfit(rest, 0 * variance, every) == 1
        rest[:, 3:9] = 0
        assert_allclose(slit._misfit(rest, variance, every), 2 / 1.645)


class TestVarianceOfTheModel:
    """Half of normal numbers are beyond 0.6745 sigma."""

    @pytest.mark.parametrize(
        ("scatter", "part"),
        [(0.0, 1.0), (0.5, 0.75), (0.8, 0.36), (1.0, np.pi / 82), (3.0, np.pi / 82)],
    )
    def test_what_has_been_followed(self, scatter, part):
        """If noise scatters less than it should, the model has followed the rest."""
        variance = np.random.default_rng(1).uniform(1, 9, (80, 90))
        sign = np.random.default_rng(2).choice([-1, 1], variance.shape)
        flat = 0.6745 * scatter * sign * np.sqrt(variance)
        at = np.zeros(flat.shape, bool)
        at[3, 70:75] = at[50, 2] = True
        ours = slit.variance_of_lines_and_traces(flat, variance, at)
        assert_allclose(ours, part * variance[at], rtol=1e-12)

    def test_locally(self):
        """In one half of the frame only."""
        variance = np.full((200, 260), 4.0)
        flat = 0.6745 * 2 * np.where(np.arange(260) < 130, 0.6, 2.0) * np.ones((200, 1))
        at = np.zeros(flat.shape, bool)
        at[90, [5, 250]] = at[10, 20] = True
        ours = slit.variance_of_lines_and_traces(flat, variance, at)
        least = np.pi / 82
        assert_allclose(ours, [4 * 0.64, 4 * 0.64, 4 * least], rtol=1e-12)

    def test_pixels_without_noise_do_not_count(self):
        variance = np.ones((30, 40))
        flat = np.full(variance.shape, 0.6745 * 0.5)
        variance[:, ::2] = 0
        flat[::2] *= np.where(variance[::2] > 0, 1, 0)  # no number, and infinite ones
        at = np.zeros(flat.shape, bool)
        at[4, 3:5] = True
        ours = slit.variance_of_lines_and_traces(flat, variance, at)
        assert_allclose(ours, [0.75, 0])
        none = slit.variance_of_lines_and_traces(flat, 0 * variance, at)
        assert_array_equal(none, [0, 0])
