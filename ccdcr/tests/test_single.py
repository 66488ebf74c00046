# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The matched median method, and what it shares with LACosmic: frames of all kinds."""

import functools

import numpy as np
import pytest
from astropy.nddata import CCDData, StdDevUncertainty
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

from ccdcr import CosmicRayWarning, cosmicray_lacosmic, cosmicray_median, simulate
from ccdcr.pixels.detect import choose, left_alone
from ccdcr.pixels.skirt import fill_from_beyond, fill_if_plausible, take_in_skirts
from ccdcr.pixels.slit import lines_and_traces

SQUARE = np.ones((3, 3), bool)
SKY, READNOISE = 300.0, 5.0
CLEANERS = {
    "median": cosmicray_median,
    "lacosmic": functools.partial(cosmicray_lacosmic, objlim=3, grow=2),
}


def flat_sky(seed=1, shape=(200, 220)):
    sigma = np.sqrt(SKY + READNOISE**2)
    return np.random.default_rng(seed).normal(SKY, sigma, shape)


def exposure(data, mask=None, uncertainty=True):
    data = np.asarray(data, dtype=np.float32)
    noise = np.sqrt(np.maximum(data, 0) + READNOISE**2)
    return CCDData(
        data,
        unit="electron",
        mask=mask,
        uncertainty=StdDevUncertainty(noise) if uncertainty else None,
    )


def found(out, ccd):
    return out.mask if ccd.mask is None else out.mask & ~ccd.mask


def near(hits):
    return ndimage.binary_dilation(hits, SQUARE, iterations=2)


@pytest.fixture(scope="module")
def stars():
    """Stars, galaxies and a saturated star, of which the truth is known."""
    options = {"shape": (400, 400), "n_stars": 80, "n_galaxies": 10, "n_saturated": 1}
    return simulate.imaging_scene(rng=21, n_hits=60, **options)


def charged(scene):
    """Pixels that were hit by more than 5 sigma."""
    sigma = np.sqrt(scene.truths[0].uncertainty.array)
    return (scene.charges[0] > 5 * sigma) & ~scene.exposures[0].mask


class TestHandWorked:
    """Fourteen pixels of noise 1, nothing random."""

    def frame(self, **pixels):
        ccd = CCDData(np.full((15, 15), 100.0), unit="adu")
        ccd.uncertainty = StdDevUncertainty(np.ones((15, 15)))
        ccd.data[::2, ::2] += 0.7
        ccd.data[1::2, 1::2] -= 0.7
        for at, charge in pixels.items():
            ccd.data[tuple(map(int, at[1:].split("_")))] += charge
        return ccd

    def test_peak_and_tail(self):
        """A tail of 3 sigma counts beside a peak, not alone."""
        out = cosmicray_median(self.frame(p7_7=20, p7_8=4, p2_2=4), grow=0)
        assert np.argwhere(out.mask).tolist() == [[7, 7], [7, 8]]

    def test_sigma_peak(self):
        assert not cosmicray_median(self.frame(p7_7=20), sigma_peak=25).mask.any()

    def test_value_and_variance(self):
        """On plain sky: pixels within the 7 x 7 that are not beside the hit."""
        ccd = self.frame(p7_7=50)
        out = cosmicray_median(ccd, grow=0)
        offset = np.arange(-3, 4)
        weights = np.exp(-0.5 * (offset[:, None] ** 2 + offset**2))
        weights[2:5, 2:5] = 0
        weights /= weights.sum()
        assert_allclose(out.data[7, 7], (weights * ccd.data[4:11, 4:11]).sum())
        assert_allclose(out.uncertainty.array[7, 7] ** 2, (weights**2).sum())

    def test_replacement_by_the_filtered_image(self):
        ccd = self.frame(p7_7=50)
        out = cosmicray_median(ccd, replacement="median")
        assert_allclose(out.data[7, 7], np.median(ccd.data[5:10, 5:10]), atol=0.8)
        assert_allclose(out.uncertainty.array[7, 7] ** 2, np.pi / 2 / 24)

    def test_mask_alone(self):
        ccd = self.frame(p7_7=50)
        out = cosmicray_median(ccd, replacement=None)
        assert_array_equal(out.data, ccd.data)
        assert_array_equal(out.uncertainty.array, ccd.uncertainty.array)
        assert out.mask[7, 7]

    def test_light_is_no_cosmic_ray(self):
        """The same peak, spread as by a seeing of 2.5 pixels."""
        y, x = np.indices((15, 15)) - 7
        ccd = self.frame()
        ccd.data += 50 * np.exp(-(x**2 + y**2) / (2 * 1.06**2))
        ccd.uncertainty.array = np.sqrt(1 + (ccd.data - 100).clip(0) / 5)
        assert not cosmicray_median(ccd).mask.any()

    def test_a_model_of_the_user(self):
        """Only what is more than the model sticks out, even on a sharp line."""
        ccd, model = self.frame(), np.full((15, 15), 100.0)
        ccd.data[:, 7] += 50
        ccd.data[4, 7] += 60
        model[:, 7] += 50
        out = cosmicray_median(ccd, reference=model, grow=0)
        assert np.argwhere(out.mask).tolist() == [[4, 7]]
        # what is left around is 0, but for the noise of 24 neighbours
        assert_allclose(out.data[4, 7], 150, atol=0.5)
        exact = out.uncertainty.array[4, 7]
        model = CCDData(model, unit=ccd.unit, uncertainty=StdDevUncertainty(model / 50))
        out = cosmicray_median(ccd, reference=model, grow=0)
        assert_allclose(out.uncertainty.array[4, 7] ** 2, exact**2 + 3**2)
        out = cosmicray_median(ccd, reference=model.data, replacement="median", grow=0)
        assert out.data[4, 7] == 150
        assert out.uncertainty.array[4, 7] == np.inf

    def test_stars_of_a_model_are_no_hits_and_come_back(self):
        """Hits on the tops of stars: rims and new values are of what is left."""
        shape, rng = (240, 250), np.random.default_rng(3)
        y, x = np.indices(shape)
        at = [(b, a) for b in range(12, 230, 12) for a in range(12, 240, 12)]
        truth = np.full(shape, SKY)
        for b, a in at:
            truth += 3000 * np.exp(-((y - b) ** 2 + (x - a) ** 2) / (2 * 1.5**2))
        data = rng.normal(truth, np.sqrt(truth + READNOISE**2))
        hit = np.zeros(shape, bool)
        for b, a in at[::4]:
            hit[b, a + 1] = True
        out = cosmicray_median(exposure(data + 20000 * hit), reference=truth)
        assert out.mask[hit].all()
        # of the neighbours those that noise has made brighter by 2 sigma
        assert np.count_nonzero(out.mask & ~hit) < 0.05 * 8 * np.count_nonzero(hit)
        pulls = ((out.data - truth) / out.uncertainty.array)[hit]
        assert 0.6 < pulls.std() < 1.1
        assert abs(pulls.mean()) < 0.3


class TestPixels:
    def test_lines_and_traces_by_hand(self):
        """Columns and rows that go on are in the model, single pixels are not."""
        image = np.full((60, 80), 10.0)
        image[:, 30] += 500
        image[20] += 70
        spots = image.copy()
        spots[40, 50] += 1000
        ones = np.ones(image.shape)
        model, misfit = lines_and_traces(spots, ones, ones > 0, 1)
        assert_allclose(model, image)
        assert misfit < 1
        model, _ = lines_and_traces(spots.T, ones.T, ones.T > 0, 0)
        assert_allclose(model, image.T)

    def test_skirts(self):
        """Two sigma are taken in beside a hit, and only there; flanks of stars not."""
        image = np.zeros((21, 21))
        image[10, 10:13] = [100, 3.0, 2.8]
        image[4, 4] = 3.0
        ones = np.ones_like(image)
        start = image > 50
        grown = take_in_skirts(image, ones, start, ones > 0, 2)
        assert np.argwhere(grown).tolist() == [[10, 10], [10, 11], [10, 12]]
        assert_array_equal(take_in_skirts(image, ones, start, ones > 0, 0), start)
        x = np.arange(21)
        steep = image + 30 * np.abs(x - 10)
        grown = take_in_skirts(steep, ones, start, ones > 0, 2)
        assert_array_equal(grown, start)

    def test_filling_from_beyond(self):
        """Neighbours count only where the surroundings vary by more than noise."""
        image = np.zeros((15, 15))
        image[6:9, 6:9] = 0.6
        ones, hit = np.ones_like(image), np.zeros(image.shape, bool)
        hit[7, 7] = True
        values, variances = fill_from_beyond(image, ones, ones, ~hit, hit)
        assert values[0] == 0
        assert 0.03 < variances[0] < 0.1
        image[5:10, 5:10] += 20
        values, variances = fill_from_beyond(image, ones, ones, ~hit, hit)
        assert values[0] > 16

    def test_what_is_not_brighter_is_no_cosmic_ray(self):
        """A cosmic ray adds charge: it exceeds its new value by 3 sigma somewhere."""
        image = np.zeros((20, 20))
        image[5, 5:8], image[15, 15] = [0, 4, 0], 1
        ones = np.ones_like(image)
        flagged = np.zeros(image.shape, bool)
        flagged[5, 5:8] = flagged[15, 15] = True
        kept, values, variances = fill_if_plausible(
            image, ones, ones, ~flagged, flagged
        )
        assert np.argwhere(kept).tolist() == [[5, 5], [5, 6], [5, 7]]
        assert_allclose(values, 0)
        assert len(variances) == 3

    def test_whole_lines_are_no_cosmic_rays(self):
        hits = np.zeros((90, 100), bool)
        hits[20:, 40] = hits[10, 20:65] = hits[50, 60] = True
        star = np.zeros_like(hits)
        star[70:75, 80:85] = hits[60:70, 82] = True
        left = left_alone(hits, star)
        wanted = np.zeros_like(hits)
        wanted[20:, 40] = wanted[60:70, 82] = wanted[10, 40] = True
        assert_array_equal(left, wanted)

    def test_choice(self):
        hits = np.zeros((10, 10), bool)
        hits[2, 2:7] = hits[7, 7] = True
        assert choose(hits, None, None) == (hits, 0)
        kept, n = choose(hits, None, 4)
        assert (kept.sum(), n) == (1, 1)
        kept, n = choose(hits, np.indices(hits.shape)[1] < 4, None)
        assert np.argwhere(kept).tolist() == [[2, 2], [2, 3]]


@pytest.mark.parametrize("cleaner", CLEANERS)
class TestMustHold:
    def clean(self, cleaner, ccd, **options):
        out = CLEANERS[cleaner](ccd, **options)
        assert_array_equal(out.data[~out.mask], ccd.data[~out.mask])
        return found(out, ccd)

    def test_stars(self, cleaner, stars):
        hits = charged(stars)
        mask = self.clean(cleaner, stars.exposures[0], saturation=65000)
        assert mask[hits].mean() > 0.97
        assert (mask & ~near(hits)).sum() < 5

    def test_sky_subtracted(self, cleaner, stars):
        """Noise that was computed without the sky: warned of, and made good."""
        ccd, hits = stars.exposures[0].copy(), charged(stars)
        ccd.data -= SKY
        for uncertainty in (None, np.sqrt(ccd.data.clip(0) + READNOISE**2)):
            ccd.uncertainty = uncertainty
            if uncertainty is not None:
                ccd.uncertainty = StdDevUncertainty(uncertainty)
            with pytest.warns(CosmicRayWarning, match="as if its sky .* had been"):
                mask = self.clean(cleaner, ccd, readnoise=READNOISE, saturation=64000)
            assert mask[hits].mean() > 0.95
            assert (mask & ~near(hits)).sum() < 50

    def test_sky_subtracted_with_the_right_noise(self, cleaner, stars):
        ccd = stars.exposures[0].copy()
        wanted = self.clean(cleaner, ccd, saturation=65000)
        ccd.data -= SKY
        mask = self.clean(cleaner, ccd, saturation=65000 - SKY)
        assert (mask != wanted).sum() < 3

    def test_a_strong_negative_pixel(self, cleaner):
        data = flat_sky()
        data[100, 100] = -3000
        out = CLEANERS[cleaner](exposure(data))
        assert not out.mask[95:106, 95:106].any()
        assert out.data[100, 100] == -3000

    def test_borders(self, cleaner):
        data, hits = flat_sky(), np.zeros((200, 220), bool)
        hits[0, ::12] = hits[-1, 5::12] = hits[::12, 0] = hits[5::12, -1] = True
        hits[0, 100:106] = hits[100:106, 0] = hits[-1, -1] = hits[1, 150:155] = True
        data[hits] += 1500
        mask = self.clean(cleaner, exposure(data))
        assert mask[hits].all()
        assert (mask & ~near(hits)).sum() < 5

    def test_beside_masked_pixels(self, cleaner):
        data, bad = flat_sky(), np.zeros((200, 220), bool)
        bad[::20, ::20] = bad[:, 50] = True
        hits = np.roll(bad, 1, axis=1) & (np.arange(200)[:, None] % 10 == 0) & ~bad
        data[hits] += 1500
        data[bad] = 60000
        mask = self.clean(cleaner, exposure(data, bad))
        assert mask[hits].mean() > 0.95
        assert (mask & ~near(hits)).sum() < 5

    def test_saturated_star_that_bleeds(self, cleaner, stars):
        rng = np.random.default_rng(4)
        data = rng.poisson(stars.truths[0].data) + rng.normal(0, 5, (400, 400))
        y, x = np.indices(data.shape)
        data += 2e5 * (1 + ((y - 120) ** 2 + (x - 200) ** 2) / 9) ** -3
        data[60:181, 200:202] = 65000
        data[54:60, 200] = 30000
        data[181:186, 201] = [40000, 25000, 12000, 5000, 2000]
        ccd = exposure(data.clip(None, 65000), stars.exposures[0].mask)
        mask = self.clean(cleaner, ccd, saturation=64000)
        assert mask.sum() < 10

    def test_overscan(self, cleaner):
        rng = np.random.default_rng(3)
        data = rng.normal(2000, 45, (300, 300))
        data[:, 260:] = rng.normal(500, 5, (300, 40))
        hits = np.zeros(data.shape, bool)
        for k in range(10, 270, 9):
            hits[k, (k * 7) % 250 : (k * 7) % 250 + 3] = True
        data[hits] += 2500
        mask = self.clean(cleaner, exposure(data, uncertainty=False))
        assert mask[hits].mean() > 0.97
        assert (mask & ~near(hits)).sum() < (3 if cleaner == "median" else 150)

    @pytest.mark.parametrize("sigma", [0.3, 0.7, 2.0])
    def test_integers_with_little_noise(self, cleaner, sigma):
        """As they come from compressed files and quiet detectors."""
        data = np.rint(np.random.default_rng(8).normal(100, sigma, (300, 300)))
        hits = np.zeros(data.shape, bool)
        hits[5:290:13, 7:290:17] = True
        data[hits] += 60
        mask = self.clean(cleaner, CCDData(data.astype("i2"), unit="adu"))
        assert mask[hits].all()
        assert (mask & ~near(hits)).sum() < 100


class TestLargeHits:
    @pytest.mark.parametrize("n", [3, 4, 5, 6, 7])
    @pytest.mark.parametrize("corner", [0, 100])
    @pytest.mark.parametrize("charge", [300, 30000])
    def test_wholly_replaced(self, n, corner, charge):
        data = flat_sky()
        data[corner : corner + n, corner : corner + n] += charge
        out = cosmicray_median(exposure(data))
        part = np.s_[corner : corner + n, corner : corner + n]
        assert out.mask[part].all()
        assert np.abs(out.data[part] - SKY).max() < 50
        assert out.mask.sum() < n * n + 8

    def test_a_star_beneath_a_hit_stays(self):
        """What is completed ends within a pixel all around."""
        data = flat_sky()
        y, x = np.indices(data.shape)
        data += 3000 * np.exp(-((y - 100) ** 2 + (x - 100) ** 2) / (2 * 1.3**2))
        data[98:103, 104] += 4000
        out = cosmicray_median(exposure(data))
        assert out.mask[98:103, 104].all()
        assert not out.mask[98:103, 98:103].any()


def star(shape, y0, x0, flux, fwhm):
    """A Gaussian one, which has no wings."""
    y, x = np.indices(shape)
    sigma = fwhm / 2.3548
    square = (y - y0) ** 2 + (x - x0) ** 2
    return flux / (2 * np.pi * sigma**2) * np.exp(-square / (2 * sigma**2))


def photons(scene, seed=0):
    rng = np.random.default_rng(seed)
    return exposure(rng.normal(scene, np.sqrt(scene + READNOISE**2)))


class TestStarsLive:
    """Nothing is found where there are no cosmic rays."""

    @pytest.mark.parametrize("seed", range(8))
    def test_double_stars(self, seed):
        """A flank must not be taken for a hit, and the rest after it."""
        rng = np.random.default_rng(seed)
        separation, ratio = rng.uniform(5, 9), rng.uniform(2, 20)
        scene = SKY + star((61, 61), 30, 30, 4e4, 3.0)
        scene += star((61, 61), 30, 30 + separation, 4e4 / ratio, 3.0)
        assert not cosmicray_median(photons(scene, seed)).mask.any()

    @pytest.mark.parametrize("cleaner", CLEANERS)
    @pytest.mark.parametrize("fwhm", [2.5, 3.0])
    def test_at_borders(self, cleaner, fwhm):
        harmed = 0
        for seed in range(20):
            rng = np.random.default_rng(seed)
            at = rng.uniform(0, 5), 30 + rng.uniform(-0.5, 0.5)
            scene = SKY + star((60, 60), *at, 5e4, fwhm)
            harmed += CLEANERS[cleaner](photons(scene, seed)).mask.sum() > 2
        assert harmed < 3

    @pytest.mark.parametrize(("seeing", "most"), [(2.5, 40), (3.0, 40)])
    def test_fields(self, seeing, most):
        options = {"shape": (500, 500), "n_hits": 0, "n_stars": 200}
        ccd = simulate.imaging_scene(rng=3, seeing=seeing, **options).exposures[0]
        assert found(cosmicray_median(ccd, saturation=65000), ccd).sum() < most


class TestNarrowStars:
    def test_they_are_known_and_live(self):
        """FWHM 1.3 pixels: the contrast is raised, and the user is told."""
        scene = simulate.imaging_scene(rng=21, seeing=1.3)
        with pytest.warns(CosmicRayWarning, match="nearly as sharp as cosmic rays"):
            out = cosmicray_median(scene.exposures[0], saturation=65000)
        assert out.meta["CCRCONTR"] > 6
        assert out.meta["CCRWARN"] == "sharp"
        score = simulate.score(
            out,
            scene.exposures[0],
            scene.charges[0],
            scene.truths[0],
            sources=scene.sources[0],
        )
        assert score.flux_changed < 0.1
        assert score.n_false_on_sources < 150
        assert score.completeness > 0.6

    def test_lacosmic_tells_what_to_do(self):
        options = {"shape": (600, 600), "n_hits": 150}
        ccd = simulate.imaging_scene(rng=21, seeing=1.3, **options).exposures[0]
        with pytest.warns(CosmicRayWarning, match="raise it to 20 and more"):
            out = cosmicray_lacosmic(ccd, saturation=65000, objlim=8)
        assert "sharp" in out.meta["CCRWARN"]
        cosmicray_lacosmic(ccd, saturation=65000, objlim=20)

    def test_lacosmic_needs_half_of_it_for_less_narrow_ones(self):
        """FWHM 1.7 pixels; what is said is enough, and then nothing is said."""
        options = {"shape": (400, 400), "n_hits": 60}
        ccd = simulate.imaging_scene(rng=21, seeing=1.7, **options).exposures[0]
        with pytest.warns(CosmicRayWarning, match="raise it to 10 and more"):
            cosmicray_lacosmic(ccd, saturation=65000, objlim=8)
        out = cosmicray_lacosmic(ccd, saturation=65000, objlim=10)
        assert out.meta["CCRWARN"] == "none"

    def test_lacosmic_of_a_frame_without_a_middle(self):
        """How sharp stars are is measured there; a mosaic may have a gap there."""
        data = np.random.default_rng(1).normal(300, 18, (780, 800))
        data[3, 400:403] += 2000
        mask = np.zeros(data.shape, bool)
        mask[6:774, 16:784] = True
        out = cosmicray_lacosmic(exposure(data, mask))
        assert out.meta["CCRWARN"] == "none"
        assert out.mask[3, 400:403].all()

    @pytest.mark.parametrize("seeing", [2.5, 3.0, 4.0])
    def test_wider_ones_do_not_raise_it(self, seeing):
        scene = simulate.imaging_scene(
            rng=22, seeing=seeing, shape=(600, 600), n_hits=200
        )
        out = cosmicray_median(scene.exposures[0], saturation=65000)
        assert out.meta["CCRCONTR"] < 3.6

    def test_cosmic_rays_alone_do_not_raise_it(self):
        scene = simulate.dark_scene(rng=22)
        with pytest.warns(CosmicRayWarning, match="mask hot pixels first"):
            out = cosmicray_median(scene.exposures[0])
        assert out.meta["CCRCONTR"] == 3.3


@pytest.fixture(scope="module")
def slit():
    return simulate.spectrum_scene(rng=31)


class TestSpectra:
    @pytest.mark.parametrize("cleaner", CLEANERS)
    def test_lines_and_continuum_live(self, cleaner, slit):
        ccd = slit.exposures[0]
        out = CLEANERS[cleaner](ccd, dispersion_axis=1, saturation=65000)
        score = simulate.score(
            out, ccd, slit.charges[0], slit.truths[0], sources=slit.sources[0]
        )
        assert score.completeness > 0.96
        assert score.completeness_sources > 0.8
        assert score.purity_near > (0.98 if cleaner == "median" else 0.85)
        assert score.flux_rms < 1
        assert score.n_bad_left < 60
        assert 0.85 < score.pull_width < 1.15

    @pytest.mark.parametrize("cleaner", CLEANERS)
    def test_the_other_axis(self, cleaner, slit):
        ccd = slit.exposures[0]
        turned = CCDData(
            np.ascontiguousarray(ccd.data.T),
            unit=ccd.unit,
            mask=ccd.mask.T.copy(),
            uncertainty=StdDevUncertainty(ccd.uncertainty.array.T.copy()),
        )
        out = CLEANERS[cleaner](ccd, dispersion_axis=1, saturation=65000)
        other = CLEANERS[cleaner](turned, dispersion_axis=0, saturation=65000)
        # the medians of astroscrappy are separable, and not the same for either
        part = 0.01 if cleaner == "median" else 0.05
        assert (other.mask != out.mask.T).sum() < part * found(out, ccd).sum()

    @pytest.mark.parametrize("axis", [2, -1, 1.0, "x", True])
    @pytest.mark.parametrize("cleaner", CLEANERS)
    def test_bad_axis(self, cleaner, axis, slit):
        with pytest.raises((TypeError, ValueError), match="dispersion_axis must be 0"):
            CLEANERS[cleaner](slit.exposures[0], dispersion_axis=axis)

    @pytest.mark.parametrize("curvature", [0, 2, 4])
    @pytest.mark.parametrize("cleaner", CLEANERS)
    def test_curved_lines(self, cleaner, curvature):
        """Up to four pixels at the ends of the slit, without a cosmic ray."""
        y, x = np.arange(250)[:, None], np.arange(700)
        scene = np.full((250, 700), 20.0)
        for k in range(12):
            centre = 30 + k * 55 + curvature * ((y - 125) / 125) ** 2
            light = 1000 if k % 3 else 20000
            scene = scene + light * np.exp(-((x - centre) ** 2) / (2 * 1.1**2))
        out = CLEANERS[cleaner](photons(scene), dispersion_axis=1)
        assert out.mask.sum() < (50 if curvature < 4 else 350)

    @pytest.mark.parametrize("cleaner", CLEANERS)
    def test_lines_that_do_not_fit_are_told_of(self, cleaner):
        y, x = np.arange(250)[:, None], np.arange(400)
        scene = 20 + 2e4 * np.exp(-((x - 200 - 0.5 * (y - 125)) ** 2) / 3)
        with pytest.warns(CosmicRayWarning, match="they are tilted or curved"):
            out = CLEANERS[cleaner](photons(scene), dispersion_axis=1)
        assert "lines" in out.meta["CCRWARN"]

    @pytest.mark.parametrize("slope", [0, 1, 2, 5])
    @pytest.mark.parametrize("cleaner", CLEANERS)
    def test_errors_on_a_slope(self, cleaner, slope):
        """There the running median is what the pixels themselves were."""
        rng = np.random.default_rng(0)
        truth = 200.0 + slope * np.indices((200, 400))[0]
        data = rng.normal(truth, 5)
        data[tuple(rng.integers(25, 175, (2, 300)))] += 3000
        noise = StdDevUncertainty(np.full(data.shape, 5.0))
        ccd = CCDData(data, unit="adu", uncertainty=noise)
        out = CLEANERS[cleaner](ccd, dispersion_axis=1)
        pulls = ((out.data - truth) / out.uncertainty.array)[out.mask]
        assert 0.8 < pulls.std() < 1.2

    def test_a_background_and_an_axis_are_too_much(self, slit):
        ccd = slit.exposures[0]
        with pytest.raises(ValueError, match="inbkg must be left out with dispersion"):
            cosmicray_lacosmic(ccd, inbkg=ccd.data, dispersion_axis=1)


class TestPulls:
    """Errors of replaced pixels are right."""

    def test_unit_width_and_no_bias(self):
        data = flat_sky(5, (600, 600))
        ccd = exposure(data)
        dirty, _ = simulate.inject(ccd, 400, rng=6)
        with pytest.warns(CosmicRayWarning, match="of the pixels were flagged"):
            out = cosmicray_median(dirty)
        pulls = ((out.data - SKY) / out.uncertainty.array)[out.mask]
        middle, width = (
            np.median(pulls),
            0.7413 * np.subtract(*np.percentile(pulls, [75, 25])),
        )
        assert abs(middle) < 0.2
        assert 0.85 < width < 1.15

    def test_with_lacosmic_skirts_have_no_charge(self):
        """What is left beside a hit makes values too bright without growth."""
        ccd = exposure(flat_sky(5, (600, 600)))
        dirty, _ = simulate.inject(ccd, 100, rng=6)
        biases = []
        for grow in (0, 2):
            out = cosmicray_lacosmic(dirty, grow=grow)
            biases.append(np.median(out.data[out.mask] - SKY))
        assert biases[1] < 0.5 * biases[0]


class TestOptions:
    @pytest.mark.parametrize(
        "option",
        [
            {"grow": 2},
            {"contrast": 3},
            {"dispersion_axis": 1},
            {"gain": 1},
            {"readnoise": 5},
            {"saturation": 100},
        ],
        ids=str,
    )
    def test_not_for_classic(self, option):
        name = next(iter(option))
        with pytest.raises(ValueError, match=f"{name} must be left out with method='c"):
            cosmicray_median(exposure(flat_sky()), method="classic", **option)

    @pytest.mark.parametrize("grow", [-1, 1.5, "two"])
    @pytest.mark.parametrize("cleaner", CLEANERS.values(), ids=CLEANERS)
    def test_bad_grow(self, cleaner, grow):
        with pytest.raises((TypeError, ValueError), match="grow must be a whole numb"):
            cleaner(exposure(flat_sky()), grow=grow)

    def test_max_size(self):
        data = flat_sky()
        data[50, 50:60] += 1000
        data[90, 90] += 1000
        out = cosmicray_median(exposure(data), max_size=6)
        assert out.mask[90, 90]
        assert not out.mask[50, 50:60].any()
        assert out.meta["CCRNBIG"] == 1

    def test_noise_of_gain_and_readnoise_is_that_of_the_uncertainty(self):
        data = flat_sky()
        data[50, 50:60] += 1000
        wanted = cosmicray_median(exposure(data))
        out = cosmicray_median(exposure(data, uncertainty=False), readnoise=READNOISE)
        assert out.meta["CCRNOISE"] == "gain and readnoise"
        assert_array_equal(out.mask, wanted.mask)
        out = cosmicray_median(exposure(data, uncertainty=False))
        assert out.meta["CCRNOISE"] == "scatter of neighbouring pixels"
        assert (out.mask != wanted.mask).sum() < 5

    def test_suspects_are_flagged_and_left(self):
        data = flat_sky()
        data[:, 77] += 2000
        out = cosmicray_median(exposure(data))
        assert not out.mask[:, 77].any()
        assert out.meta["CCRNSUSP"] > 150
        assert (out.flags[:, 77] & 32 > 0).mean() > 0.9

    def test_contrast(self):
        """Raised, it leaves what is less sharp."""
        scene = simulate.imaging_scene(rng=22, shape=(300, 300), n_hits=60)
        numbers = []
        for contrast in (None, 3.3, 6, 12):
            out = cosmicray_median(
                scene.exposures[0], contrast=contrast, saturation=65000
            )
            numbers.append(out.mask.sum())
        assert numbers[0] == numbers[1] > numbers[2] > numbers[3]
        with pytest.raises(ValueError, match="contrast must be a finite number > 0"):
            cosmicray_median(scene.exposures[0], contrast=-1)

    @pytest.mark.parametrize("seed", range(3))
    def test_hits_of_one_height_are_no_quantisation(self, seed):
        rng = np.random.default_rng(seed)
        data = rng.normal(100, 5, (400, 400))
        hits = rng.random(data.shape) < 0.02
        data[hits] += 500
        for uncertainty in (StdDevUncertainty(np.full(data.shape, 5.0)), None):
            ccd = CCDData(data, unit="adu", uncertainty=uncertainty)
            with pytest.warns(CosmicRayWarning, match="mask hot pixels first"):
                out = cosmicray_median(ccd)
            assert out.mask[hits].mean() > 0.95

    @pytest.mark.parametrize("cleaner", CLEANERS)
    def test_infinite_and_huge_numbers(self, cleaner):
        """They say that nothing is known, and that without a warning."""
        data = np.random.default_rng(1).normal(100, 5, (80, 80)).astype("f4")
        data[40, 40] += 800
        noise = np.full(data.shape, 5.0)
        noise[10:13, 10:13] = 1e20
        ccd = CCDData(data, unit="adu", uncertainty=StdDevUncertainty(noise))
        assert CLEANERS[cleaner](ccd).mask[40, 40]
        data[20, 20:22] = np.inf
        assert CLEANERS[cleaner](CCDData(data, unit="adu")).mask[40, 40]

    @pytest.mark.parametrize("cleaner", CLEANERS)
    def test_long_tracks_are_found(self, cleaner):
        data = flat_sky(2, (256, 256))
        data[128, 60:150] += 500
        data[20:55, 30] += 500
        mask = CLEANERS[cleaner](exposure(data)).mask
        assert mask[128, 60:150].all()
        assert mask[20:55, 30].all()

    def test_filtered_values_do_not_know_the_skirts(self):
        dirty, _ = simulate.inject(exposure(flat_sky(5, (600, 600))), 100, rng=6)
        out = cosmicray_median(dirty, replacement="median")
        pulls = ((out.data - SKY) / out.uncertainty.array)[out.mask]
        assert abs(np.median(pulls)) < 0.7
        assert 0.7413 * np.subtract(*np.percentile(pulls, [75, 25])) < 1.3

    def test_unit_does_not_matter(self):
        data = flat_sky()
        data[50, 50:60] += 1000
        ccd = exposure(data)
        wanted = cosmicray_median(ccd)
        other = CCDData(
            ccd.data.astype(float) * 1e-17,
            unit="erg / (s cm2)",
            uncertainty=StdDevUncertainty(ccd.uncertainty.array.astype(float) * 1e-17),
        )
        out = cosmicray_median(other)
        assert_array_equal(out.mask, wanted.mask)
        assert_allclose(out.data[out.mask] * 1e17, wanted.data[out.mask], rtol=1e-4)
