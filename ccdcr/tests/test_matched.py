# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The matched difference: scenes whose truth is known, and its parts."""

import numpy as np
import pytest
from astropy import units as u
from astropy.nddata import CCDData, StdDevUncertainty
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

import ccdcr
from ccdcr import CosmicRayWarning, cosmicray_pair, cosmicray_stack, simulate
from ccdcr.pixels import coincident, compare, matched, photometry
from ccdcr.pixels.difference import overlap
from ccdcr.pixels.exposure import exposure
from ccdcr.pixels.level import local_level
from ccdcr.tests.conftest import SHAPE, frame, sky

FIELD = {"shape": (400, 400), "n_stars": 80, "n_galaxies": 10, "n_hits": 80}
SLIT = {"shape": (200, 600), "n_hits": 60}
LEVEL = 65000.0

SCENES = {
    "equal": (simulate.imaging_scene, FIELD),
    "shift": (simulate.imaging_scene, FIELD | {"shifts": [(0, 0), (3, -2)]}),
    "0.3 px": (simulate.imaging_scene, FIELD | {"shifts": [(0, 0), (0.3, 0)]}),
    "seeing": (simulate.imaging_scene, FIELD | {"seeing": [3.0, 3.4]}),
    "sky": (
        simulate.imaging_scene,
        FIELD | {"sky": [500, 560], "transparency": [1, 0.93]},
    ),
    "half exposure": (
        simulate.imaging_scene,
        FIELD | {"sky": [400, 200], "transparency": [1, 0.5]},
    ),
    "undersampled": (
        simulate.imaging_scene,
        FIELD | {"shifts": [(0, 0), (0.3, 0)], "seeing": 1.3},
    ),
    "spectrum": (simulate.spectrum_scene, SLIT | {"shifts": [(0, 0), (-4, 0)]}),
    "flexure": (
        simulate.spectrum_scene,
        SLIT
        | {
            "shifts": [(0, 0), (-4.2, 0.15)],
            "seeing": [2.6, 2.9],
            "sky_factor": [1, 1.06],
        },
    ),
    "cloud": (
        simulate.spectrum_scene,
        SLIT | {"object_factor": [1, 0.8], "sky_factor": [1, 1.1]},
    ),
    "sky lines vary": (simulate.spectrum_scene, SLIT | {"line_scatter": 0.1}),
    "tilted": (
        simulate.spectrum_scene,
        SLIT | {"tilt": 2, "curvature": 3, "shifts": [(0, 0), (-4.1, 0.1)]},
    ),
    "darks": (simulate.dark_scene, {"shape": (300, 300), "n_hits": 170}),
}


def clean(scene, **options):
    options.setdefault("shift", scene.shifts[1])
    options.setdefault("saturation", LEVEL)
    return cosmicray_pair(*scene.exposures, **options)


def scores(scene, cleaned):
    """Scores of the pixels that were examined."""
    for after, before in zip(cleaned, scene.exposures, strict=True):
        before.mask |= after.flags & 16 > 0
        after.mask |= before.mask
    parts = zip(
        cleaned,
        scene.exposures,
        scene.charges,
        scene.truths,
        scene.sources,
        strict=True,
    )
    return [
        simulate.score(after, before, charge, truth, sources=sources)
        for after, before, charge, truth, sources in parts
    ]


@pytest.mark.parametrize("seed", [11, 12])
@pytest.mark.parametrize("name", SCENES)
def test_scenes(name, seed):
    """Sources live although the exposures differ; no warning is needed."""
    make, options = SCENES[name]
    scene = make(rng=seed, **options)
    for score in scores(scene, clean(scene)):
        assert score.completeness > 0.94
        assert score.purity_near > 0.97
        assert score.n_false_objects <= 3
        assert score.n_false_on_sources <= 20
        assert score.n_bad_left < 60
        assert 0.75 < score.pull_width < 1.2
        assert abs(score.bias) < 0.15


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("make", "options"),
    [
        (
            simulate.imaging_scene,
            FIELD
            | {
                "shifts": [(0, 0), (0.2, 0)],
                "seeing": [3.0, 3.3],
                "transparency": [1, 0.95],
                "n_hits": 0,
            },
        ),
        (simulate.spectrum_scene, SLIT | {"n_hits": 0}),
    ],
)
def test_no_cosmic_ray_at_all(make, options, seed):
    scene = make(rng=seed, **options)
    assert sum(score.n_false_objects for score in scores(scene, clean(scene))) <= 1


def test_classic_is_worse_where_exposures_differ():
    """What the method is for."""
    make, options = SCENES["seeing"]
    scene = make(rng=11, **options)
    classic = cosmicray_pair(*scene.exposures, method="classic")
    worse = sum(score.n_false_on_sources for score in scores(scene, classic))
    better = sum(score.n_false_on_sources for score in scores(scene, clean(scene)))
    assert worse > 20 * max(1, better)


@pytest.mark.parametrize("factor", [1.2, 1.5])
def test_a_few_variable_stars_keep_their_light(factor):
    """Eight of a hundred stars, brighter in the first exposure."""
    from ccdcr._scenes import add_stars

    options = {"shape": (500, 500), "n_stars": 100, "n_galaxies": 5, "n_hits": 0}
    scene = simulate.imaging_scene(rng=1, n_saturated=0, **options)
    rng = np.random.default_rng(9)
    where = rng.uniform(20, 480, (2, 8))
    for ccd, f in zip(scene.exposures, (factor, 1.0), strict=True):
        light = np.zeros((500, 500))
        add_stars(light, *where, np.full(8, 30000 * f), 3.0)
        ccd.data += rng.poisson(light)
        ccd.uncertainty.array[:] = np.sqrt(ccd.data.clip(0) + 25)
    after, _ = clean(scene)
    taken = scene.exposures[0].data - after.data
    for y, x in where.T.astype(int):
        lost = taken[y - 8 : y + 9, x - 8 : x + 9].sum()
        assert abs(lost) <= 0.05 * 30000 * (factor - 1)


def test_coincident_hits():
    """Flagged in both, with a bit of their own, and filled from their neighbours."""
    rng = np.random.default_rng(5)
    pair = [frame(rng.normal(300, 18, (300, 300)), "std", sigma=18) for _ in range(2)]
    at = tuple(rng.integers(5, 295, (2, 40)))
    for ccd, step in zip(pair, (1, -1), strict=True):
        for k in range(4):  # two tracks that cross in one pixel
            ccd.data[at[0] + k * step, at[1]] += 2000
    cleaned = cosmicray_pair(*pair)
    for after in cleaned:
        assert after.mask[at].mean() > 0.9
        assert (after.flags[at] & 8 > 0).mean() > 0.9
        assert np.abs(after.data[at][after.mask[at]] - 300).max() < 150
        assert after.meta["CCRNCOIN"] >= 36


class TestNoise:
    def scene(self):
        return simulate.imaging_scene(rng=4, **FIELD, shifts=[(0, 0), (0, 0)])

    def without(self, scene, which=(0, 1)):
        for index in which:
            scene.exposures[index].uncertainty = None
        return scene

    def false(self, scene, cleaned):
        return sum(s.n_false_on_sources for s in scores(scene, cleaned))

    def test_gain_and_readnoise(self):
        scene = self.without(self.scene())
        cleaned = clean(scene, readnoise=5)
        assert cleaned[0].meta["CCRNOISE"] == "gain and readnoise"
        assert (cleaned[0].meta["CCRGAIN"], cleaned[0].meta["CCRRDN"]) == (1, 5)
        assert cleaned[0].meta["CCRSATUR"] == LEVEL
        assert cleaned[0].uncertainty is None
        assert self.false(scene, cleaned) <= 10
        assert scores(scene, cleaned)[0].completeness > 0.94

    def test_nothing_known(self):
        scene = self.without(self.scene())
        cleaned = clean(scene)
        assert cleaned[0].meta["CCRNOISE"] == "scatter of the difference"
        assert scores(scene, cleaned)[0].completeness > 0.9
        assert self.false(scene, cleaned) <= 40

    def test_one_of_two(self):
        scene = self.without(self.scene(), which=[1])
        with pytest.warns(CosmicRayWarning, match="ccd2 has no uncertainty"):
            cleaned = clean(scene)
        assert cleaned[0].uncertainty is not None
        assert cleaned[1].uncertainty is None
        assert scores(scene, cleaned)[0].completeness > 0.9

    @pytest.mark.parametrize("factor", [1 / 3, 3])
    def test_wrong_uncertainties_calibrate_themselves(self, factor):
        scene = self.scene()
        for ccd in scene.exposures:
            ccd.uncertainty.array *= factor
        with pytest.warns(CosmicRayWarning, match="times as much as their uncertain"):
            cleaned = clean(scene)
        assert_allclose(cleaned[0].meta["CCRNOISF"], 1 / factor, rtol=0.1)
        for score in scores(scene, cleaned):
            assert score.completeness > 0.93
            assert score.n_false_on_sources <= 16


class TestSaturation:
    def test_star_saturated_in_one_exposure_only(self):
        """With a level and with a mask: the other exposure is left as it is."""
        options = FIELD | {"n_saturated": 8, "transparency": [1, 0.3], "n_hits": 0}
        scene = simulate.imaging_scene(rng=3, **options)
        full = scene.exposures[0].data >= LEVEL
        assert full.any()
        for saturation in (LEVEL, full):
            for after, before in zip(
                clean(scene, saturation=saturation), scene.exposures, strict=True
            ):
                changed = after.data != before.data
                assert changed.sum() <= 9

    def test_a_hit_can_saturate(self):
        scene = simulate.imaging_scene(rng=3, **FIELD | {"n_hits": 0})
        scene.exposures[0].data[200, 200:203] = LEVEL
        assert scene.sources[0][200, 200:203].sum() == 0
        assert clean(scene)[0].mask[200, 200:203].all()


class TestOptions:
    @pytest.mark.parametrize(
        "options",
        [
            {"scale": 1.0},
            {"gain": 2},
            {"readnoise": 3},
            {"saturation": 100},
            {"grow": 1},
        ],
    )
    def test_classic_takes_none_of_them(self, options):
        (name,) = options
        with pytest.raises(ValueError, match=f"{name} must be left out with method="):
            cosmicray_pair(frame(sky(1)), frame(sky(2)), method="classic", **options)

    def test_classic_takes_their_defaults(self):
        options = {"scale": "auto", "gain": None, "saturation": "auto"}
        cosmicray_pair(frame(sky(1)), frame(sky(2)), method="classic", **options)

    @pytest.mark.parametrize(
        ("options", "error", "message"),
        [
            ({"scale": 0}, ValueError, "scale must be a finite number > 0"),
            ({"scale": "none"}, ValueError, "scale must be one of 'auto'"),
            ({"gain": 2}, ValueError, "readnoise must be given with gain"),
            ({"saturation": -1}, ValueError, "saturation must be a finite number"),
            ({"gain": 2 * u.s, "readnoise": 1}, u.UnitsError, "gain must be in"),
        ],
    )
    def test_refused(self, options, error, message):
        with pytest.raises(error, match=message):
            cosmicray_pair(frame(sky(1)), frame(sky(2)), **options)

    def test_scale_of_the_caller(self):
        scene = simulate.imaging_scene(rng=1, **FIELD, transparency=[1, 0.5])
        out, _ = clean(scene, scale=2.0)
        assert (out.meta["CCRSCALE"], out.meta["CCRSCLHO"]) == (2, "given")

    def test_max_size(self):
        pair = [frame(sky(seed), "std") for seed in (1, 2)]
        pair[0].data[5, 5] += 1000
        pair[0].data[15, 5:15] += 1000
        out = cosmicray_pair(*pair, max_size=20)[0]
        assert out.mask[5, 5]
        assert not out.mask[15].any()
        assert out.meta["CCRNBIG"] == 1

    def test_units_that_convert(self):
        pair = [frame(sky(seed), "std") for seed in (1, 2)]
        pair[0].data[5, 5] += 1000
        kilo = CCDData(
            pair[1].data / 1000,
            unit=u.Unit("1000 adu"),
            uncertainty=StdDevUncertainty(np.full(SHAPE, 0.005)),
        )
        one = cosmicray_pair(*pair)
        other = cosmicray_pair(pair[0], kilo)
        assert_array_equal(one[0].mask, other[0].mask)
        assert_allclose(one[0].data, other[0].data)
        assert_allclose(one[0].uncertainty.array, other[0].uncertainty.array)

    @pytest.mark.parametrize("shift", [(22, 28), (0, 0)])
    def test_overlap_of_a_few_pixels_and_one_frame_masked(self, shift):
        first, second = (frame(sky(seed), "std") for seed in (1, 2))
        second.mask = np.full(SHAPE, shift == (0, 0))
        out = cosmicray_pair(first, second, shift=shift)[0]
        assert not out.mask.any()
        assert out.meta["CCRNEXAM"] == out.data.size


class TestParts:
    def test_photon_slope(self):
        rng = np.random.default_rng(1)
        image = 100 + 5000 * rng.random((100, 100)) ** 30
        usable = np.ones(image.shape, bool)
        slope = photometry.photon_slope(image, 0.5 * image + 9, usable)
        assert_allclose(slope, 0.5, rtol=0.01)
        flat = np.full(image.shape, 4.0)
        assert photometry.photon_slope(image, flat, usable) == 0
        assert photometry.photon_slope(flat, flat, usable) == 0

    def test_expected_variance(self):
        image, variance = np.array([100.0, 1100.0]), np.array([109.0, 1109.0])
        level = np.array([150.0, 100.0])
        expected = photometry.expected_variance(image, variance, level, 1.0, 5.0)
        assert_allclose(expected, [159, 109])
        high = photometry.expected_variance(image, variance, level, 2.0, 5.0)
        assert_allclose(high, [209, 5])

    @pytest.mark.parametrize("truth", [0.1, 0.93, 2.0, 10.0])
    def test_flux_scale(self, truth):
        """Without bias from the noise, and in the presence of hits."""
        rng = np.random.default_rng(2)
        y, x = np.mgrid[:200, :200]
        stars = 5000 * np.exp(-((y % 25 - 12) ** 2 + (x % 25 - 12) ** 2) / 8.0)
        images = [rng.normal(100 + f * stars, 5) for f in (truth, 1.0)]
        images[0][::17, ::19] += 3000
        variance = np.full(stars.shape, 25.0)
        usable = np.ones(stars.shape, bool)
        scale = photometry.flux_scale(*images, variance, variance, usable)
        assert_allclose(scale, truth, rtol=0.01)

    def test_flux_scale_that_cannot_be_measured(self):
        rng = np.random.default_rng(2)
        images = rng.normal(100, 5, (2, 50, 50))
        variance, usable = np.full((50, 50), 25.0), np.ones((50, 50), bool)
        assert photometry.flux_scale(*images, variance, variance, usable) is None

    def test_local_level_follows_a_gradient(self):
        y, x = np.mgrid[:256, :320]
        image = 0.1 * x + 0.05 * y
        usable = np.ones(image.shape, bool)
        usable[100:120, 100:120] = False
        given = np.where(usable, image, 1e6)
        level = local_level(given, usable).rows()
        assert np.abs(level - image)[64:-64, 64:-64].max() < 2
        alone = local_level(np.full((3, 4), 7.0), np.ones((3, 4), bool)).rows()
        assert_allclose(alone, 7)

    @pytest.mark.parametrize(("shift", "change"), [(0.3, 0.0), (0.0, 0.2), (0.0, 0.0)])
    def test_guard_measures_what_differs(self, shift, change):
        rng = np.random.default_rng(3)
        y, x = np.mgrid[:300, :300]

        def stars(dx):
            offset = (y % 30 - 15.0) ** 2 + (x % 30 - 15.0 - dx) ** 2
            return 20000 * np.exp(-offset / (2 * 2.0**2))

        first = rng.normal(stars(0), 10)
        second = rng.normal(stars(shift) * (1 - change), 10)
        every = np.ones(first.shape, bool)
        pair = (
            exposure(one, np.full(one.shape, 100.0), every) for one in (first, second)
        )
        found, _, _ = compare.compare(*pair, 1.0, ~every, (5, 2.5), final=True)
        # what has faded differs on its slopes, too: either may explain it
        differs = found.guard.misregistration > 0.15 or found.guard.change > 0.05
        assert differs == (shift > 0 or change > 0)
        excess = found.excess(*(index.ravel() for index in np.indices(y.shape)))
        noise = excess.first + excess.second + excess.mismatch
        pulls = excess.difference / np.sqrt(noise)
        assert np.percentile(np.abs(pulls), 98) < 2.6

    @pytest.mark.parametrize("slope", [0.0, 1.0])
    def test_no_candidate_is_missed(self, slope):
        """What the quick look leaves out is nowhere above the limits."""
        rng = np.random.default_rng(4)
        y, x = np.mgrid[:150, :170]
        light = 100 + 8000 * np.exp(-((y % 30 - 15) ** 2 + (x % 30 - 15) ** 2) / 8)
        first, second = rng.normal(light, np.sqrt(50 + slope * light), (2, *y.shape))
        first[rng.random(y.shape) < 0.01] += 300
        second[rng.random(y.shape) < 0.01] += 300
        every = np.ones(y.shape, bool)
        pair = [
            exposure(one, 50 + slope * one.clip(0), every)
            for one in (first, 0.5 * second)
        ]
        found, peak, tail = compare.compare(*pair, 2.0, ~every, (5, 2.5), final=False)
        excess = found.excess(*(index.ravel() for index in np.indices(y.shape)))
        noise = (excess.first + excess.second) * found.scatter.factor**2
        pulls = np.abs(excess.difference) / np.sqrt(noise + excess.mismatch)
        for limit, mask in ((5, peak), (2.5, tail)):
            assert mask.ravel()[pulls > limit].all()
        assert peak.mean() < 0.15

    def test_coincident_hits_are_not_sources(self):
        """Nothing near a detection is sharper than the stars of the frame."""
        rng = np.random.default_rng(3)
        y, x = np.mgrid[:200, :200]
        stars = 5000 * np.exp(-((y % 20 - 10) ** 2 + (x % 20 - 10) ** 2) / 3.0)
        image = rng.normal(100 + stars, 10)
        image[37, 37] += 2000
        flagged = np.zeros(image.shape, bool)
        flagged[37, 38] = flagged[50, 51] = flagged[90, 91] = True
        usable = np.ones(image.shape, bool)
        sources = np.flatnonzero(stars > 30)

        def hits(flagged):
            return coincident.coincident_hits(
                lambda y, x: image[y, x],
                lambda y, x: np.full(y.shape, 100.0),
                flagged,
                usable,
                sources,
                1.0,
            )

        assert hits(flagged)[37, 37]
        assert hits(flagged).sum() <= 5
        assert not hits(np.zeros_like(flagged)).any()

    def test_the_laplacian_is_that_of_divided_pixels(self):
        image = np.random.default_rng(1).normal(0, 1, (12, 14))
        fine = np.kron(image, np.ones((2, 2)))
        cross = np.array([[0, -1, 0], [-1, 4, -1], [0, -1, 0]])
        positive = ndimage.convolve(fine, cross).clip(0)
        expected = positive.reshape(12, 2, 14, 2).mean(axis=(1, 3))
        laplacian = coincident._laplacian(image[None])[0]
        assert_allclose(laplacian, expected[1:-1, 1:-1])

    def test_tails_reach_three_pixels(self):
        """A faint streak that begins at a peak is not followed for ever."""
        flat, image = np.random.default_rng(1).normal(100, np.sqrt(50), (2, 60, 60))
        flat[28:33] = image[28:33] = 100
        image[30, 20] += 200
        image[30, 21:40] += 30
        every = np.ones(image.shape, bool)
        exposures = [
            exposure(one, np.full(image.shape, 50.0), every) for one in (image, flat)
        ]
        parts = {(0, 1): overlap(image.shape, (0, 0))}
        found = matched.match(exposures, parts, (5, 2.5), {(0, 1): None}, 1)
        assert found.flagged[0][30, 20:25].all()  # three, and its neighbour
        assert not found.flagged[0][30, 25:].any()
        assert not found.flagged[1].any()
        assert found.n_peaks == [1, 0]


class TestExtremes:
    def flat(self, seed, shape=(100, 100), dtype="f4"):
        rng = np.random.default_rng(seed)
        return rng.normal(1000, 5, (2, *shape)).astype(dtype)

    @pytest.mark.parametrize("charge", [1e7, 1e9, 1e30])
    @pytest.mark.parametrize("own", [0, 1])
    def test_a_hit_beyond_all_digits(self, charge, own):
        """Its new value is that of the other exposure all the same."""
        images = self.flat(0)
        images[own, 50, 50] = charge
        out = cosmicray_pair(*(CCDData(image, unit="adu") for image in images))[own]
        assert abs(out.data[50, 50] - images[1 - own, 50, 50]) < 3

    def test_one_usable_row(self):
        images = self.flat(0, (64, 64))
        for row in range(0, 64, 7):
            mask = np.ones((64, 64), bool)
            mask[row] = False
            ccds = (CCDData(image, unit="adu", mask=mask) for image in images)
            for out in cosmicray_pair(*ccds, grow=0):
                assert (out.mask == mask).all()

    def test_one_usable_row_of_a_large_frame(self):
        mask = np.ones((1500, 1500), bool)
        mask[1] = False
        images = self.flat(0, mask.shape)
        ccds = (CCDData(image, unit="adu", mask=mask) for image in images)
        for out in cosmicray_pair(*ccds):
            assert (out.mask & ~mask).sum() < 10

    @pytest.mark.parametrize("unit", [1e-160, 1e160])
    def test_units_whose_squares_are_no_numbers(self, unit):
        images = self.flat(0, dtype="f8")
        images[0, 50, 50] += 1000
        first, _ = cosmicray_pair(*(CCDData(i * unit, unit="adu") for i in images))
        assert first.mask[50, 50]
        assert abs(first.data[50, 50] / unit - 1000) < 30

    def test_a_tail_that_another_exposure_shows(self):
        """The peak is seen by one of the others, its tail by the second."""
        images = np.random.default_rng(5).normal(1000, 5, (3, 120, 120))
        rows = np.arange(6, 120, 6)
        images[0, rows, 59] += 12 * 5 * np.sqrt(2)
        images[0, rows, 60] += 5 * 5 * np.sqrt(2)
        images[0, rows, 61] += 5 * 5 * np.sqrt(2)
        ccds = []
        for k, image in enumerate(images):
            noise = StdDevUncertainty(np.full(image.shape, 5.0))
            mask = np.zeros(image.shape, bool)
            mask[:, slice(60, None) if k == 1 else slice(0, 60 if k == 2 else 0)] = True
            ccds.append(CCDData(image, unit="adu", uncertainty=noise, mask=mask))
        out = cosmicray_stack(ccds, grow=0)[0]
        assert out.mask[rows, 60].sum() > 12


def test_the_density_of_sources_in_columns(scene_of_lines):
    """Sources in columns are counted as what they are, whatever the size."""
    ccds, on_lines = scene_of_lines
    ratio = cosmicray_pair(*ccds)[0].meta["CCRDENS"]
    assert 0.5 < ratio < 2
    assert on_lines.mean() > 0.05


@pytest.fixture
def scene_of_lines():
    rng = np.random.default_rng(7)
    light = np.full((1000, 1000), 100.0)
    for k in range(19):
        light[:, 26 + 50 * k : 29 + 50 * k] += 400
    ccds = []
    for _ in range(2):
        data = rng.normal(light, np.sqrt(light))
        y, x = rng.integers(5, 995, (2, 3000))
        data[y, x] += 2000
        noise = StdDevUncertainty(np.sqrt(data.clip(1)))
        ccds.append(CCDData(data, unit="electron", uncertainty=noise))
    return ccds, light > 300


@pytest.mark.parametrize("shift", [(0, 0), (-4, 0)])
def test_dead_pixels_of_the_other_are_no_cosmic_rays(shift):
    """Nobody masked them; good pixels must not be replaced by what they show."""
    rng = np.random.default_rng(1)
    first, second = (rng.normal(300, 10, (120, 120)) for _ in range(2))
    first[60, 60] += 2000
    at = rng.integers(10, 110, (20, 2))
    second[tuple(at.T)] = 0
    second[90, 30:40] -= 1500
    second[80, 80], first[80 + shift[0], 80] = 0, 2300  # a hit where the other is dead
    frames = [frame(data, "std", sigma=10.0) for data in (first, second)]
    cleaned = ccdcr.cosmicray_pair(*frames, shift=shift, grow=0)
    found = ccdcr.cosmicray_report(cleaned[0], frames[0])
    assert found.n_cosmicrays == 1
    assert found.mask[60, 60]
    assert cleaned[0].data.min() == first.min()
    y, x = at.T
    assert (cleaned[0].flags[y + shift[0], x] & 16).all()  # not examined
    assert ccdcr.cosmicray_report(cleaned[1], frames[1]).n_pixels == 0
    assert cleaned[1].data.min() == second.min()


def test_a_dark_lane_is_not_dead():
    """Between bright lines all is below the level around; hits there are found."""
    rng = np.random.default_rng(2)
    light = np.full((100, 120), 1000.0)
    light[:, 57:63] = 100
    data = [rng.normal(light, np.sqrt(light)) for _ in range(2)]
    data[0][50, 60] += 800
    frames = [frame(image, "std", sigma=30.0) for image in data]
    cleaned, _ = ccdcr.cosmicray_pair(*frames)
    assert ccdcr.cosmicray_report(cleaned, frames[0]).mask[50, 60]
