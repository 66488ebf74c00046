# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Results that look wrong warn, others do not; what is real and has changed stays."""

import re
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

from ccdcr import CosmicRayWarning, cosmicray_pair, cosmicray_report, simulate
from ccdcr._scenes import add_stars
from ccdcr.pixels import guard, health, noise, suspect
from ccdcr.pixels.median_network import box_median
from ccdcr.tests.conftest import frame, sky
from ccdcr.tests.test_matched import FIELD, LEVEL, SCENES, SLIT


def add_light(scene, light, which=0):
    """Photons of something that one exposure has."""
    ccd = scene.exposures[which]
    ccd.data += np.random.default_rng(1).poisson(light).astype(np.float32)
    ccd.uncertainty.array[:] = np.sqrt(ccd.data.clip(0) + 25)
    return scene


def field(**options):
    return simulate.imaging_scene(rng=3, **FIELD | options)


def trail(length, brightness, fwhm, shape=(400, 400)):
    light = np.zeros(shape)
    along = np.arange(0, length, 1 / 3)
    y, x = 200 + along * 0.6, 150 + along * 0.8
    add_stars(light, y, x, np.full(along.size, brightness / 3), fwhm)
    return light


class TestWarnings:
    def caught(self, *frames, **options):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            out, _ = cosmicray_pair(*frames, **options)
        assert all(issubclass(w.category, CosmicRayWarning) for w in caught)
        assert all(w.filename == __file__ for w in caught)
        return out.meta["CCRWARN"].split(", "), [str(w.message) for w in caught]

    @pytest.mark.parametrize("name", SCENES)
    def test_none_on_ordinary_scenes(self, name):
        make, options = SCENES[name]
        scene = make(rng=21, **options)
        words, _ = self.caught(*scene.exposures, shift=scene.shifts[1])
        assert words == ["none"]

    @pytest.mark.parametrize("make", [simulate.imaging_scene, simulate.spectrum_scene])
    @pytest.mark.parametrize(
        ("true", "given"), [((-4, 0), (0, 0)), ((0, 0), (3, 0)), ((2, 1), (2, 2))]
    )
    def test_wrong_shift(self, make, true, given):
        small = FIELD if make is simulate.imaging_scene else SLIT
        scene = make(rng=4, **small, shifts=[(0, 0), true])
        words, messages = self.caught(*scene.exposures, shift=given)
        assert "shift" in words
        (told,) = [m for m in messages if "are shifted by" in m]
        measured = re.search(r"shifted by \(([^,]+), ([^)]+)\)", told).groups()
        assert_allclose([float(step) for step in measured], true, atol=0.3)
        assert f"({given[0]}, {given[1]}) was given" in told

    def test_a_cloud_that_the_guard_does_not_know(self, monkeypatch):
        monkeypatch.setattr(guard, "LIMITS", (2.0, 0.0))
        options = {"object_factor": [1, 0.8], "sky_factor": [1, 1.1]}
        scene = simulate.spectrum_scene(rng=1, **options)
        words, messages = self.caught(*scene.exposures)
        assert "density" in words
        assert any("times as dense on sources as elsewhere" in m for m in messages)

    @pytest.mark.parametrize(
        ("cards", "word", "message"),
        [
            ({"OBJECT": "M 31"}, "setup", "differ in OBJECT: 'M 1' and 'M 31'"),
            ({"FILTER": "R"}, "setup", "differ in FILTER: 'V' and 'R'"),
            ({"EXPTIME": 60.0}, "exptime", r"differ (30 and 60 s)"),
            ({"OBJECT": " m 1"}, "none", ""),
            ({"EXPTIME": 30.01}, "none", ""),
        ],
    )
    def test_cards(self, cards, word, message):
        given = {"OBJECT": "M 1", "FILTER": "V", "EXPTIME": 30.0}
        frames = [frame(sky(1), meta=given), frame(sky(2), meta=given | cards)]
        words, messages = self.caught(*frames)
        assert words == [word]
        assert message in "".join(messages)

    def test_exposure_times_do_not_matter_where_the_scale_is_known(self):
        scene = field(sky=[400, 200], transparency=[1, 0.5])
        for ccd, time in zip(scene.exposures, (60, 30), strict=True):
            ccd.meta["EXPTIME"] = time
        assert self.caught(*scene.exposures)[0] == ["none"]
        frames = [frame(sky(n), meta={"EXPTIME": n}) for n in (1, 2)]
        assert self.caught(*frames, scale=0.5)[0] == ["none"]

    def test_many_suspects(self):
        rng = np.random.default_rng(5)
        light = np.zeros((400, 400))
        add_stars(light, *rng.uniform(10, 390, (2, 60)), np.full(60, 20000.0), 3.0)
        words, messages = self.caught(*add_light(field(), light).exposures)
        assert "suspects" in words
        assert any("look like sources that have changed" in m for m in messages)


class TestWhatIsReal:
    @pytest.mark.parametrize("fwhm", [2.5, 3.0, 4.0])
    @pytest.mark.parametrize("charge", [5000, 20000, 100000])
    def test_new_stars(self, fwhm, charge):
        rng = np.random.default_rng(2)
        y, x = np.mgrid[30:400:60, 30:400:60].reshape(2, -1) + rng.random((2, 49))
        light = np.zeros((400, 400))
        add_stars(light, y, x, np.full(49, float(charge)), fwhm)
        scene = add_light(field(seeing=fwhm, n_hits=0, n_saturated=0), light)
        with pytest.warns(CosmicRayWarning, match="look like sources that have chang"):
            out, _ = cosmicray_pair(*scene.exposures, saturation=LEVEL)
        assert_array_equal(out.data, scene.exposures[0].data)
        report = cosmicray_report(out, scene.exposures[0])
        assert report.n_cosmicrays == 0
        assert report.n_suspects >= 40
        assert set(report.table["suspect"]) == {"source-like"}
        assert out.meta["CCRNSUSP"] == (out.flags & 32 > 0).sum()

    @pytest.mark.parametrize("fwhm", [2.5, 3.5])
    def test_a_trail_that_a_cosmic_ray_crosses(self, fwhm):
        light = trail(100, 1500.0, fwhm)
        scene = add_light(field(seeing=fwhm, n_hits=0, n_saturated=0), light)
        whole, _ = cosmicray_pair(*scene.exposures)
        assert_array_equal(whole.data, scene.exposures[0].data)
        y, x = 230, 190
        scene.exposures[0].data[y, x - 4 : x + 5] += 6000
        out, _ = cosmicray_pair(*scene.exposures)
        assert out.mask[y, x - 4 : x + 5].all()
        lost = (scene.exposures[0].data - out.data).sum() - 9 * 6000
        assert lost < 0.3 * light.sum()
        assert (out.flags & 32 > 0).sum() > 100

    def test_one_variable_among_many(self):
        for factor in (0.2, 0.5):
            light = np.zeros((400, 400))
            add_stars(light, *np.array([[200.3], [201.6]]), np.array([30000.0]), 3.0)
            scene = add_light(field(n_saturated=0), light * (1 + factor))
            add_light(scene, light, which=1)
            for before, after in zip(
                scene.exposures, cosmicray_pair(*scene.exposures), strict=True
            ):
                taken = (before.data - after.data)[193:208, 194:209]
                hit = scene.charges[0][193:208, 194:209].max() > 0
                assert hit or abs(taken.sum()) <= 0.05 * factor * 30000

    def test_cosmic_rays_are_no_suspects(self):
        scene = field(n_hits=200)
        for out in cosmicray_pair(*scene.exposures):
            assert cosmicray_report(out, out).n_suspects <= 2


class TestSuspect:
    def look(self, excess, source):
        def look(y, x):
            inside = (y >= 0) & (y < 40) & (x >= 0) & (x < 40)
            values = np.full((3, y.size), np.nan)
            at = y[inside], x[inside]
            values[0, inside], values[2, inside] = excess[at], source[at]
            values[1, inside] = 25.0
            return values

        return look

    def spot(self, sigma, charge=20000.0):
        y, x = np.mgrid[:40, :40]
        r2 = (y - 20.2) ** 2 + (x - 19.7) ** 2
        return charge * np.exp(-r2 / (2 * sigma**2)) / (2 * np.pi * sigma**2)

    @pytest.mark.parametrize(
        ("sigma", "answer"), [(0.5, False), (0.7, False), (1.2, True), (3.0, True)]
    )
    def test_width(self, sigma, answer):
        excess = self.spot(sigma)
        flagged = excess > 12
        nothing = np.zeros_like(excess)
        found = suspect.source_like(flagged, self.look(excess, nothing))
        assert found.any() == answer
        assert_array_equal(found, flagged & answer)

    def test_follows_a_source_but_not_a_hit(self):
        noise = np.random.default_rng(1).normal(0, 5, (40, 40))
        for sigma, answer in ((1.0, True), (0.5, False)):
            source = self.spot(sigma)
            excess = 0.01 * source + noise
            excess[20, 20] = 60  # by chance it looks sharp
            flagged = excess > 25
            found = suspect.source_like(flagged, self.look(excess, source))
            assert found[20, 20] == answer

    def test_nothing(self):
        none = np.zeros((40, 40), bool)
        assert not suspect.source_like(none, None).any()


class TestDensity:
    def density(self, found, sources, examined):
        return health.source_density(found, lambda y, x: sources[y, x], examined)

    def test_by_hand(self):
        examined = np.ones((20, 50), bool)
        sources = np.zeros_like(examined)
        sources[:, :10] = True
        found = np.zeros_like(examined)
        found[2:18:4, 12:48:6] = True  # 24 single pixels on 800
        found[0:20:2, 0:10:3] = True  # 40 on 200, where 6 are expected
        ratio, sure = self.density(found, sources, examined)
        assert_allclose(ratio, 40 / 6)
        assert_allclose(sure, 34 / np.sqrt(6))

    def test_nothing_to_compare(self):
        some = np.ones((5, 5), bool)
        assert np.isnan(self.density(some, some, some)[0])
        assert self.density(some, ~some, some)[1] == 0


class TestQuantised:
    @pytest.mark.parametrize("sigma", [0.2, 0.35, 0.5, 1.0])
    @pytest.mark.parametrize("phase", [0.0, 0.25, 0.5])
    @pytest.mark.parametrize("unit", [1.0, 0.37])
    def test_no_false_pixels(self, sigma, phase, unit):
        rng = np.random.default_rng(8)
        data = np.rint(rng.normal(100 + phase, sigma, (2, 400, 400)))
        frames = [frame(one * unit + 11) for one in data]
        frames[0].data[100, 100] += 30 * unit
        first, second = cosmicray_pair(*frames, grow=0)
        assert_array_equal(np.argwhere(first.mask), [(100, 100)])
        assert not second.mask.any()

    def test_gradient_and_bias(self):
        """Neither hides the steps."""
        rng = np.random.default_rng(8)
        slope = np.linspace(0, 60, 500)[None, :]
        bias = rng.normal(0, 0.02, (500, 500))
        for light, known in ((slope, 0.0), (100.0, bias)):
            for sigma in (0.2, 0.4):
                data = np.rint(light + rng.normal(0, sigma, (2, 500, 500))) - known
                for out in cosmicray_pair(*(frame(one) for one in data)):
                    assert not out.mask.any()

    def test_step(self):
        rng = np.random.default_rng(8)
        every = np.ones((250, 250), bool)
        values = rng.normal(1000, 0.8, every.shape)
        values[::10, ::10] += 500 * rng.random((25, 25))
        assert noise.quantisation_step(values, every) == 0
        assert noise.quantisation_step(np.rint(values), every) == 1
        assert_allclose(noise.quantisation_step(np.rint(values) * 0.37, every), 0.37)
        assert noise.quantisation_step(np.rint(values[:8, :8]), every[:8, :8]) == 0
        assert noise.quantisation_step(np.zeros_like(values), every) == 0
        spread = noise.dithered(np.zeros(1000), 2.0)
        quartiles = np.percentile(spread, [0, 25, 75, 100])
        assert_allclose(quartiles, [-1, -0.5, 0.5, 1], atol=0.01)


class TestNoise:
    """What a pair knows of its noise, where it is told nothing or wrong things."""

    def flat(self, sigma=5.0, seed=1, shape=(300, 300)):
        return np.random.default_rng(seed).normal(300, sigma, (2, *shape))

    def test_amplifiers_of_different_read_noise(self):
        sigma = np.where(np.arange(300) < 150, 3.0, 15.0) * np.ones((300, 1))
        frames = [frame(one) for one in self.flat(sigma)]
        frames[0].data[100, 50] += 200
        first, second = cosmicray_pair(*frames, grow=0)
        assert_array_equal(np.argwhere(first.mask), [(100, 50)])
        assert not second.mask.any()

    def test_quiet_parts_are_seen(self):
        """The uncertainty is right, and very different from place to place."""
        sigma = np.where(np.arange(300) < 100, 5.0, 50.0) * np.ones((300, 1))
        frames = [frame(one, "var") for one in self.flat(sigma)]
        for ccd in frames:
            ccd.uncertainty.array[:] = sigma**2
        frames[0].data[100, 50] += 80
        first, _ = cosmicray_pair(*frames, grow=0)
        assert_array_equal(np.argwhere(first.mask), [(100, 50)])
        assert_allclose(first.uncertainty.array[100, 50], 25)

    @pytest.mark.parametrize("slope", [2.0, 5.0])
    def test_moonlight_in_one_exposure(self, slope):
        one, two = self.flat(20.0)
        for kind in ("std", "none"):
            frames = [frame(one, kind), frame(two + slope * np.arange(300), kind)]
            for ccd in frames:
                if ccd.uncertainty is not None:
                    ccd.uncertainty.array[:] = 20
            for out in cosmicray_pair(*frames):
                assert not out.mask.any()
                assert not (out.flags & 32).any()

    @pytest.mark.parametrize("part", [0.4, 0.7, 1.0])
    def test_uncertainties_of_zero(self, part):
        frames = [frame(one, "std") for one in self.flat()]
        for ccd in frames:
            zero = np.random.default_rng(3).random(ccd.shape) < part
            ccd.uncertainty.array[zero] = 0
        frames[0].data[100, 50] += 200
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            first, _ = cosmicray_pair(*frames, grow=0)
        assert_array_equal(np.argwhere(first.mask), [(100, 50)])
        assert [w.category for w in caught] == [CosmicRayWarning] * (part > 0.5)

    @pytest.mark.parametrize("unit", [1e-17, 1e15, 1e18])
    @pytest.mark.parametrize("kind", ["std", "none"])
    def test_any_unit_in_single_precision(self, unit, kind):
        frames = [frame(one * unit, kind, dtype="f4") for one in self.flat()]
        for ccd in frames:
            if kind == "std":
                ccd.uncertainty.array = np.full(ccd.shape, 5 * unit, np.float32)
        frames[0].data[100, 50] += 200 * unit
        first, _ = cosmicray_pair(*frames, grow=0)
        assert_array_equal(np.argwhere(first.mask), [(100, 50)])
        if kind == "std":
            assert_allclose(first.uncertainty.array[100, 50], 5 * unit, rtol=1e-5)

    @pytest.mark.filterwarnings("ignore:sources do not match")  # they do not
    def test_other_seeing_is_no_photon_noise(self):
        rng = np.random.default_rng(2)
        where, flux = rng.uniform(0, 400, (2, 60)), 10 ** rng.uniform(3, 5.5, 60)
        frames = []
        for fwhm in (2.5, 4.0):
            light = np.full((400, 400), 300.0)
            add_stars(light, *where, flux, fwhm)
            frames.append(frame(rng.normal(light, np.sqrt(light + 25))))
        for out in cosmicray_pair(*frames):
            assert out.mask.sum() <= 20


@pytest.mark.parametrize("mode", ["reflect", "nearest", "mirror"])
@pytest.mark.parametrize(
    "size", [(1, 1), (3, 3), (5, 5), (7, 7), (9, 3), (2, 4), (41, 3)]
)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("shape", [(30, 40), (301, 9), (15, 300), (9, 10)])
def test_box_median_is_that_of_scipy(mode, size, dtype, shape):
    image = np.random.default_rng(1).normal(size=shape).astype(dtype)
    image[0] = np.inf
    ours = box_median(image, size, mode)
    assert ours.dtype == image.dtype
    assert_array_equal(ours, ndimage.median_filter(image, size=size, mode=mode))


def test_a_better_shift_than_one_without_any_overlap():
    y, x = np.mgrid[:60, :70]
    at = np.random.default_rng(1).integers(10, 50, (12, 2))
    image = sum(300 * np.exp(-((y - a) ** 2 + (x - b) ** 2) / 5) for a, b in at)
    image += np.random.default_rng(2).normal(0, 1, image.shape)
    usable = np.ones(image.shape, bool)
    better = health.better_shift((image, usable), (image, usable), (0, 90))
    assert_allclose(better, (0, 0), atol=0.05)


def test_box_median_in_threads():
    """What is in work belongs to the call; only what is to be done is shared."""
    rng = np.random.default_rng(1)
    images = [rng.normal(size=(200, 300 + k)).astype("f4") for k in range(8)]
    with ThreadPoolExecutor(4) as pool:
        ours = list(pool.map(lambda image: box_median(image, (5, 3)), images))
    for image, smooth in zip(images, ours, strict=True):
        assert_array_equal(smooth, ndimage.median_filter(image, (5, 3)))
