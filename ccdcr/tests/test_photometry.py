# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Slopes, scales and scatters of exposures that were drawn by hand."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

from ccdcr.pixels import photometry
from ccdcr.pixels.level import Level, lattice


def pixels(light, shape=(100, 200), sky=10.0):
    """A flat sky, with some of the first pixels of its first rows brighter."""
    image = np.full(shape, sky)
    image.ravel()[: len(light)] = light
    return image


def everywhere(image):
    return np.ones(image.shape, bool)


class TestPhotonSlope:
    def slope(self, light, slopes, shape=(100, 200)):
        """Of an image of which each bright pixel has a slope of its own."""
        image = pixels(light, shape)
        variance = pixels(4.0 + np.multiply(slopes, np.subtract(light, 10)), shape, 4.0)
        return photometry.photon_slope(image, variance, everywhere(image))

    def test_is_the_median_over_bright_pixels(self):
        slopes = np.arange(51) / 64
        light = 1000.0 - 7 * np.arange(51)
        assert_allclose(self.slope(light, slopes), 25 / 64, rtol=1e-12)

    def test_is_never_negative(self):
        assert self.slope(np.full(51, 30.0), np.full(51, -0.1)) == 0

    def test_50_pixels_are_enough(self):
        for n, slope in ((49, 0), (50, 0.5)):
            assert self.slope(np.full(n, 30.0), np.full(n, 0.5)) == slope

    def test_5_sigma_are_not_bright_and_more_are(self):
        light = np.repeat([20.0, 20.5], [100, 50])  # the sky has a sigma of 2
        assert self.slope(light, np.repeat([9.0, 0.5], [100, 50])) == 0.5
        assert self.slope(np.full(100, 20.0), np.full(100, 9.0)) == 0

    def test_only_the_brightest_hundredth_counts(self):
        """However far all of them are above the sky."""
        light = np.repeat([3000.0, 4000.0], [101, 99])
        slopes = np.repeat([0.25, 0.75], [101, 99])
        assert self.slope(light, slopes, (100, 100)) == 0.75

    def test_the_sky_is_a_median(self):
        """Half of the pixels are fainter, by different amounts."""
        image = np.arange(20001.0).reshape(3, 6667)
        image.ravel()[-180:] = 50000.0  # of the 200 that are brightest
        variance = np.where(image == 50000, 4 + 0.5 * (50000 - 10000), 4.0)
        slope = photometry.photon_slope(image, variance, everywhere(image))
        assert_allclose(slope, 0.5, rtol=1e-12)

    def test_unusable_pixels_are_not_read(self):
        image = pixels(np.full(51, 30.0))
        variance = pixels(np.full(51, 14.0), sky=4.0)
        usable = everywhere(image)
        image[50:], variance[50:], usable[50:] = np.nan, np.nan, False
        assert photometry.photon_slope(image, variance, usable) == 0.5
        assert photometry.photon_slope(image, variance, ~everywhere(image)) == 0

    def test_of_a_large_image_some_rows_are_enough(self, monkeypatch):
        monkeypatch.setattr(photometry, "_SAMPLE", 6600)
        image = pixels(np.full(51, 30.0))
        variance = pixels(np.full(51, 14.0), sky=4.0)
        for every in (image, variance):
            every[1::3] = every[2::3] = np.nan
        assert photometry.photon_slope(image, variance, everywhere(image)) == 0.5


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_expected_variance(dtype):
    """The part of the light that should not be there is taken off, down to a floor."""
    image = np.array([[10.0, 50.0, 50.0, 10.0]], dtype)
    variance = np.array([[9.0, 29.0, 29.0, 2.0]], dtype)
    level = np.array([[10.0, 10.0, 50.0, 30.0]], dtype)
    expected = photometry.expected_variance(image, variance, level, 0.5, 12.0)
    assert_array_equal(expected, [[9, 12, 29, 12]])
    expected = photometry.expected_variance(image, variance, level, 0.5, 3.0)
    assert_array_equal(expected, [[9, 9, 29, 12]])
    assert expected.dtype == dtype


def plateaus(lights, sky=0.0, shape=(50, 60)):
    """
    Sources of 5 x 5 equal pixels.

    The median of 3 x 3 is that light in all but the corners of each: 21 pixels.
    """
    image = np.full(shape, sky)
    for k, light in enumerate(lights):
        y, x = divmod(k, 8)
        image[7 * y + 1 : 7 * y + 6, 7 * x + 1 : 7 * x + 6] += light
    return image


class TestFluxScale:
    """Skies of 50 and 20, sigmas of 2 and 3, where nothing else is said."""

    def scale(self, first, second, sigma=(2.0, 3.0), usable=None):
        images = plateaus(first, 50.0), plateaus(second, 20.0)
        noise = [
            np.full(image.shape, s**2) for image, s in zip(images, sigma, strict=True)
        ]
        usable = everywhere(images[0]) if usable is None else usable
        return photometry.flux_scale(*images, *noise, usable)

    @pytest.mark.parametrize("scale", [0.25, 1.0, 2.0])
    def test_exact(self, scale):
        light = 200.0 + 16 * np.arange(6)
        assert self.scale(scale * light, light) == scale

    def test_is_a_ratio_of_sums(self):
        """Neither the mean nor the median of ratios."""
        second = np.array([200.0, 300.0, 500.0, 800.0, 1000.0, 1200.0])
        first = second * [0.98, 0.99, 1.0, 1.01, 1.02, 1.03]
        scale = self.scale(first, second)
        assert_allclose(scale, first.sum() / second.sum(), rtol=1e-12)

    @pytest.mark.parametrize("factor", [0.5, 1.8])
    def test_a_source_that_has_changed_does_not_count(self, factor):
        second = np.linspace(200.0, 700.0, 20)
        first = second * (1 + 0.002 * np.tile([-2, -1, 0, 1, 2], 4))
        truth = (first.sum() - first[7]) / (second.sum() - second[7])
        first[7] *= factor
        assert_allclose(self.scale(first, second), truth, rtol=1e-12)

    @pytest.mark.parametrize("which", [0, 1])
    def test_10_sigma_in_one_are_not_bright(self, which):
        """As much as in the other is."""
        sigma = [2.0, 2.0]
        sigma[which] = 20.0
        assert self.scale([200.0] * 6, [200.0] * 6, sigma) is None
        assert self.scale([202.0] * 6, [202.0] * 6, sigma) == 1

    def test_10_sigma_are_not_bright_where_a_pixel_is_brighter(self):
        images = plateaus([40.0] * 12), plateaus([40.0] * 12)
        noise = np.full(images[0].shape, 16.0)
        for image in images:
            image[3:50:7, 3:60:7] += 5.0
        usable = everywhere(noise)
        assert photometry.flux_scale(*images, noise, noise, usable) is None
        assert photometry.flux_scale(*images, noise - 1, noise - 1, usable) == 1

    @pytest.mark.parametrize("unit", [2.0**-20, 2.0**20])
    @pytest.mark.parametrize("sky", [-300.0, 300.0])
    def test_any_unit_and_sky(self, unit, sky):
        images = [unit * (plateaus([light] * 5) + sky) for light in (200.0, 100.0)]
        noise = np.full(images[0].shape, 4.0 * unit**2)
        assert photometry.flux_scale(*images, noise, noise, everywhere(noise)) == 2

    @pytest.mark.parametrize(("part", "counts"), [(0.042, True), (0.052, False)])
    def test_beyond_3_sigma_sources_do_not_count(self, part, counts):
        """Quartiles of 0.99 and 1.01 make a sigma of 0.0148."""
        second = np.full(25, 400.0)
        first = second * (1 + 0.01 * np.resize([1, -1], 25))
        first[-1] = 400 * (1 + part)
        last = None if counts else -1
        scale = self.scale(first, second)
        truth = first[:last].sum() / second[:last].sum()
        assert_allclose(scale, truth, rtol=1e-12)

    def test_faint_sources_have_their_own_noise(self):
        """That of photons: what 30 % are is much for one, if 0.2 % are for others."""
        second = np.repeat([100.0, 10000.0], [1, 20])
        first = second * np.append(1.3, 1 + 0.002 * np.resize([1, -1], 20))
        scale = self.scale(first, second)
        assert_allclose(scale, first[1:].sum() / second[1:].sum(), rtol=1e-12)

    def test_100_pixels_are_enough(self):
        usable = np.ones((50, 60), bool)
        usable[1, 1:6] = usable[8, 8] = False  # 3 of them bright, all but the corners
        assert self.scale([400.0] * 5, [200.0] * 5, usable=usable) == 2  # 102
        usable[3, 3:5] = False
        assert self.scale([400.0] * 5, [200.0] * 5, usable=usable) == 2  # 100
        usable[3, 2] = False
        assert self.scale([400.0] * 5, [200.0] * 5, usable=usable) is None

    def test_ratios_that_scatter_are_none(self):
        """More than 0.15, as the quartiles tell: 0.7413 times the distance of these."""
        light = np.array([400.0] * 8)
        for part, measured in ((0.2, True), (0.206, False)):
            first = 2 * light * (1 + part * np.tile([0.5, -0.5], 4))
            assert (self.scale(first, light) is not None) == measured

    @pytest.mark.parametrize(
        ("first", "second", "believed"),
        [(8192, 400, False), (8000, 400, True), (400, 8000, True), (400, 8192, False)],
    )
    def test_factors_of_20_are_believed(self, first, second, believed):
        scale = self.scale([float(first)] * 6, [float(second)] * 6)
        assert scale == (first / second if believed else None)

    def test_hits_are_no_sources(self):
        """Nor is their noise: the median around is less."""
        images = plateaus([210.0] * 5, 50.0), plateaus([105.0] * 5, 20.0)
        noise = [np.full(image.shape, 100.0) for image in images]
        for y, x in np.ndindex(5, 5):
            if y < 4 or x < 3:
                images[1][38 + y // 2, 3 + 2 * x + y % 2] += 1e4
        images[0][3, 3] += 1e5
        noise[0][3, 3] = noise[1][10, 10] = 1e8
        usable = everywhere(images[0])
        usable[1, 1:6] = usable[8, 8] = False
        usable[3, 4:6] = False  # exactly 100 bright pixels are left
        assert photometry.flux_scale(*images, *noise, usable) == 2

    def test_noise_of_what_is_around_does_not_count_where_it_is_larger(self):
        """Pixels of a pattern like that of a chessboard know their own."""
        images = plateaus([210.0] * 10, 50.0), plateaus([210.0] * 10, 20.0)
        y, x = np.indices(images[0].shape)
        noise = np.where((y + x) % 2, 1.0, 1e6)
        assert photometry.flux_scale(*images, noise, noise, everywhere(noise)) == 1


def transfer(first, second, sigma, usable, scale):
    """What photon_transfer is to measure, step by step on whole images."""
    skies = np.median(first[usable]), np.median(second[usable])
    smooth = [ndimage.median_filter(one, 3, mode="nearest") for one in (first, second)]
    light = np.minimum(smooth[0] - skies[0], scale * (smooth[1] - skies[1]))
    bright = usable & (light > 5 * sigma)
    off = (first - skies[0] - scale * (second - skies[1]))[bright]
    slopes = []
    for part in np.array_split(np.argsort(light[bright]), 8):
        low, high = np.percentile(off[part], [25, 75])
        excess = (0.7413 * (high - low)) ** 2 - (1 + scale**2) * sigma**2
        slopes.append(excess / np.median(light[bright][part]))
    return np.percentile(slopes, 25) / (1 + scale)


def stars(gain, scale=1.0, sigma=4.0, seed=1, shape=(70, 90)):
    """Two exposures of photons, the first with more of them."""
    rng = np.random.default_rng(seed)
    y, x = np.indices(shape)
    light = 3000 * np.exp(-((y % 30 - 15) ** 2 + (x % 30 - 14) ** 2) / 40)
    return [
        rng.normal(sky, sigma, shape) + rng.poisson(part * light * gain) / gain
        for sky, part in ((100, scale), (300, 1.0))
    ]


class TestPhotonTransfer:
    @pytest.mark.parametrize("scale", [1.0, 0.5])
    def test_step_by_step(self, scale):
        images = stars(2.0, scale)
        usable = everywhere(images[0])
        usable[::9] = False
        noise = np.full(usable.shape, 16.0)
        measured = photometry.flux_scale(*images, noise, noise, usable)
        assert_allclose(measured, scale, rtol=0.02)
        slope = photometry.photon_transfer(*images, 4.0, usable)
        expected = transfer(*images, 4.0, usable, measured)
        assert_allclose(slope, expected, rtol=1e-12)

    @pytest.mark.parametrize("gain", [0.5, 2.0])
    def test_is_that_of_photons(self, gain):
        images = stars(gain, 0.8, shape=(300, 300))
        slope = photometry.photon_transfer(*images, 4.0, everywhere(images[0]))
        assert_allclose(slope, 1 / gain, rtol=0.12)

    def test_where_no_scale_is_known_it_is_one(self):
        """Sources from 5 to 10 sigma have none."""
        rng = np.random.default_rng(3)
        images = [
            sky + rng.normal(0, 1, (50, 60)) + plateaus([33.0] * 32)
            for sky in (100, 300)
        ]
        usable = everywhere(images[0])
        slope = photometry.photon_transfer(*images, 4.0, usable)
        assert slope == max(transfer(*images, 4.0, usable, 1.0), 0) == 0
        slope = photometry.photon_transfer(*images, 0.5, usable)
        noise = np.full(usable.shape, 0.25)
        scale = photometry.flux_scale(*images, noise, noise, usable)
        assert_allclose(slope, transfer(*images, 0.5, usable, scale), rtol=1e-12)

    def test_400_bright_pixels_are_enough(self):
        """19 plateaus have 399, and there is one more."""
        rng = np.random.default_rng(3)
        images = [rng.normal(0, 3, (50, 60)) + plateaus([500.0] * 20) for _ in "12"]
        usable = everywhere(images[0])
        usable[15:20, 22:27] = False
        usable[17, 24] = True
        assert photometry.photon_transfer(*images, 1.0, usable) > 0
        usable[17, 24] = False
        assert photometry.photon_transfer(*images, 1.0, usable) == 0

    def test_5_sigma_are_not_bright(self):
        first, second = (plateaus([20.0] * 56, shape=(50, 120)) for _ in range(2))
        for k in (2, 3, 4):
            second[k::7, 3::7] += 1.0  # nor these
        first += np.array([30.0, 0.0, -30.0] * 17)[:50, None]  # no median of 3 x 3 sees
        usable = everywhere(first)
        assert photometry.photon_transfer(first, second, 3.99, usable) > 10
        assert photometry.photon_transfer(first, second, 4.0, usable) == 0

    def test_steps_are_noise_that_is_spread(self):
        """Whole numbers have the scatter of what they were rounded from."""
        images = [np.rint(one) for one in stars(8.0, sigma=0.6, shape=(300, 300))]
        usable = everywhere(images[0])
        sigma = np.hypot(0.6, 12**-0.5)
        slope = photometry.photon_transfer(*images, sigma, usable, 1.0)
        assert_allclose(slope, 1 / 8, rtol=0.1)


def test_a_median_of_some_rows(monkeypatch):
    """Of others, if in these no pixel is usable."""
    monkeypatch.setattr(photometry, "_SAMPLE", 20)
    image = np.arange(60.0).reshape(6, 10)  # each third row is enough
    usable = everywhere(image)
    assert photometry._middle(image, usable) == (4.5 + 34.5) / 2
    usable[[0, 3]] = False
    assert photometry._middle(image, usable) == np.median(image[[1, 2, 4, 5]])


class TestScatter:
    level = Level(
        np.array([[1.0, 2.25, 2.3, 2.5], [1.0, 2.25, 2.3, 9.0]]),
        np.zeros(2, int),
        np.array([0.0, 1.0]),
    )

    def test_is_larger_where_there_is_clearly_more_noise(self):
        scatter = photometry.Scatter(2.0, self.level)
        y, x = np.indices((2, 4))
        expected = np.array([[2, 2, 2, 2.5], [2, 2, 2, 9]])
        assert_array_equal(scatter.at(y.ravel(), x.ravel()), expected.ravel())
        assert_array_equal(scatter.rows(), expected)
        assert_array_equal(scatter.rows(np.s_[1:]), expected[1:])

    def test_is_the_same_everywhere_if_there_is_no_more_to_be_known(self):
        scatter = photometry.Scatter(2.0, None)
        assert scatter.at(np.array([0, 1]), np.array([0, 1])) == 2
        assert scatter.rows() == scatter.rows(np.s_[1:]) == 2


class TestNoiseFactor:
    def factor(self, difference, variance, use=None, **step):
        where = lattice(difference.shape)
        use = everywhere(difference) if use is None else use
        return photometry.noise_factor(difference, variance, use, where, **step)

    def test_is_a_scatter_of_pulls(self):
        difference = np.random.default_rng(1).normal(0, 6, (12, 10))
        variance = np.where(np.arange(10) < 5, 4.0, 9.0) * np.ones((12, 1))
        use = np.arange(120).reshape(12, 10) % 8 > 0
        difference[~use] = np.nan
        pulls = (difference / np.sqrt(variance))[use]
        low, high = np.percentile(pulls, [25, 75])
        scatter = self.factor(difference, variance, use)
        assert_allclose(scatter.factor, 0.7413 * (high - low), rtol=1e-12)
        assert_allclose(scatter.local.rows(), np.median(np.abs(pulls)) / 0.6745)

    def test_100_pixels_are_enough(self):
        difference = np.tile([-1.0, 1.0], 50).reshape(10, 10)
        use = everywhere(difference)
        one = self.factor(difference, np.ones((10, 10)), use)
        assert_allclose(one.factor, 2 * 0.7413)
        use[3, 4] = False
        assert self.factor(difference, np.ones((10, 10)), use).factor == 1

    def test_without_scatter_it_is_one(self):
        nothing = np.zeros((20, 20))
        assert self.factor(nothing, nothing + 1).factor == 1

    def test_pixels_without_a_variance_do_not_count(self):
        difference = np.tile([-1.0, 1.0], 200).reshape(20, 20)
        variance = np.ones((20, 20))
        variance[:3] = 0.0
        with np.errstate(divide="raise", invalid="raise"):
            scatter = self.factor(difference, variance)
        assert_allclose(scatter.factor, 2 * 0.7413)
        assert_allclose(scatter.local.rows(), 1 / 0.6745)

    def test_nothing_is_known_without_pixels(self):
        none = np.zeros((20, 20))
        with np.errstate(invalid="raise"):
            assert self.factor(none + 1, none + 1, none > 0) == (1.0, None)
            assert self.factor(none, none) == (1.0, None)

    def test_quantised_noise_is_not_made_smaller(self):
        """Larger it may be; differences of one step are spread over it."""
        wide = np.tile([-1.0, 1.0, 0.0], 400).reshape(30, 40)
        for variance, factor in ((4.0, 1.0), (1.0, None)):
            scatter = self.factor(wide, np.full(wide.shape, variance), step=1.0)
            spread = photometry.dithered(wide.ravel(), 1.0) / np.sqrt(variance)
            low, high = np.percentile(spread, [25, 75])
            assert_allclose(scatter.factor, factor or 0.7413 * (high - low))
        assert self.factor(wide, np.full(wide.shape, 9.0)).factor < 1

    def test_parts_have_their_own(self):
        """A box that is noisier makes those around it so, too."""
        difference = np.tile([-1.0, 1.0], 192 * 160).reshape(192, 320)
        difference[:, :64] *= 3
        scatter = self.factor(difference, np.ones(difference.shape))
        assert_allclose(scatter.factor, 2 * 0.7413)
        local = scatter.rows()
        assert_allclose(local[:, :90], 3 / 0.6745)
        assert_allclose(local[:, 230:], 2 * 0.7413)
