# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Measuring shifts, on scenes whose shift is known."""

import numpy as np
import pytest
from astropy import units as u
from numpy.testing import assert_allclose

import ccdcr
from ccdcr import simulate
from ccdcr.pixels import shift as pixels
from ccdcr.tests.conftest import frame, sky

FIELD = {"shape": (300, 340), "n_stars": 60, "n_galaxies": 8, "n_hits": 60}


def measured(scene):
    shift, significance = ccdcr.measure_shift(*scene.exposures)
    assert significance > 20
    return shift


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    "options",
    [
        {"shifts": [(0, 0), (0, 0)]},
        {"shifts": [(0, 0), (7, -12)]},
        {"shifts": [(0, 0), (0.3, -0.4)]},
        {"shifts": [(0, 0), (5.4, 40.6)]},
        {"shifts": [(0, 0), (-3.3, 0.5)], "seeing": [3.0, 3.6]},
        {"shifts": [(0, 0), (5.3, -2.5)], "seeing": 1.3},
        {"shifts": [(0, 0), (2, 1)], "sky": [400, 200], "transparency": [1, 0.5]},
    ],
)
@pytest.mark.parametrize("masked", [True, False])
def test_images(options, seed, masked):
    """Also with hot pixels and bad columns that no mask knows."""
    scene = simulate.imaging_scene(rng=seed, **FIELD, **options)
    if not masked:
        for ccd in scene.exposures:
            ccd.mask = None
    assert_allclose(measured(scene), options["shifts"][1], atol=0.1)


@pytest.mark.parametrize(
    "options",
    [
        {"shifts": [(0, 0), (-4, 0)]},
        {"shifts": [(0, 0), (-4.2, 0.15)], "seeing": [2.6, 2.9]},
    ],
)
def test_spectra(options):
    scene = simulate.spectrum_scene(rng=3, **options)
    assert_allclose(measured(scene), options["shifts"][1], atol=0.1)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_refused_where_there_is_nothing_to_lock_on(seed):
    nothing = {"n_stars": 0, "n_galaxies": 0, "n_saturated": 0}
    scenes = (
        simulate.imaging_scene(rng=seed, shape=(300, 340), n_hits=100, **nothing),
        simulate.dark_scene(rng=seed, shape=(300, 340), n_hits=200),
    )
    for scene in scenes:
        for masked in (True, False):
            if not masked:
                for ccd in scene.exposures:
                    ccd.mask = None
            with pytest.raises(ccdcr.ShiftError, match=r"too little .* \(significance"):
                ccdcr.measure_shift(*scene.exposures)


@pytest.mark.parametrize("shape", [(1, 1), (2, 5), (3, 30)])
@pytest.mark.parametrize("value", [np.nan, 5.0])
def test_refused_where_there_is_nothing_at_all(shape, value):
    ccd = frame(np.full(shape, value))
    with pytest.raises(ccdcr.ShiftError, match=r"significance 0\.0"):
        ccdcr.measure_shift(ccd, ccd)


@pytest.mark.parametrize("shape", [(1, 40), (40, 1), (2, 60)])
def test_refused_in_strips(shape):
    """Too narrow to know a bad column from a sky line; noise, and one hit."""
    first, second = (sky(seed, shape) for seed in (1, 2))
    first.flat[20] += 1000
    with pytest.raises(ccdcr.ShiftError, match="too little in common"):
        ccdcr.measure_shift(frame(first), frame(second))


def test_refused_where_numbers_end():
    """The median overflows, so that all that counts is infinitely bright, and alone."""
    data = np.full((40, 40), -1e308)
    data[:12] = 0
    mask = np.ones((40, 40), dtype=bool)
    mask[::2, ::2] = False
    ccd = frame(data, mask=mask)
    assert not pixels.prepare(data, ~mask).any()
    with pytest.raises(ccdcr.ShiftError, match=r"significance 0\.0"):
        ccdcr.measure_shift(ccd, ccd)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ((1, -2), (1.25, -2)),  # a fraction is what it measures
        ((6, -2), (6, -2)),  # that is another pixel
        ((99, 0), (99, 0)),  # there is nothing to compare
    ],
)
def test_what_is_refined_stays_the_same_pixel(given, wanted):
    y, x = np.mgrid[:40, :50].astype(np.float32)
    first, second = (
        10 * np.exp(-0.1 * ((y - at[0]) ** 2 + (x - at[1]) ** 2))
        for at in ((20, 25), (18.75, 27))
    )
    assert_allclose(pixels.refine(first, second, given), wanted, atol=0.05)


def test_auto():
    scene = simulate.imaging_scene(rng=1, **FIELD, shifts=[(0, 0), (-4.2, 3)])
    auto = ccdcr.cosmicray_pair(*scene.exposures, shift="auto")
    given = ccdcr.cosmicray_pair(*scene.exposures, shift=(-4, 3))
    for one, other in zip(auto, given, strict=True):
        assert (one.mask == other.mask).all()
        assert (one.meta["CCRDY"], one.meta["CCRDX"]) == (-4, 3)
        assert_allclose(one.meta["CCRDYREQ"], -4.2, atol=0.1)
        assert one.meta["CCRSHSIG"] > 20
        assert other.meta["CCRSHSIG"] == "none"


def test_bad_frames():
    with pytest.raises(ValueError, match="one shape"):
        ccdcr.measure_shift(frame(sky(1)), frame(np.ones((3, 3))))
    with pytest.raises(u.UnitsError, match="convert"):
        ccdcr.measure_shift(frame(sky(1)), frame(sky(1), unit=u.electron))
    with pytest.raises(TypeError, match="ccd2 must be"):
        ccdcr.measure_shift(frame(sky(1)), sky(1))


def test_pixels_that_do_not_move_are_left_out():
    image = np.random.default_rng(1).normal(0, 1, (60, 60))
    image[:, 20] += 50  # a bad column
    image[10, 40] = 5000  # a hot pixel
    image[30:33, 30:33] += [[20, 50, 20], [50, 90, 50], [20, 50, 20]]
    image[50, 50] = np.nan
    sources = pixels.prepare(image, np.isfinite(image))
    assert not sources[:, 20].any()
    assert sources[10, 40] == 0
    assert (sources[30:33, 30:33] > 3).all()
    assert np.isfinite(sources).all()


@pytest.mark.parametrize("seed", range(4))
def test_unrelated_fields_are_refused(seed):
    """Also where one bright star lies upon another."""
    options = {"shape": (300, 300), "n_stars": 60, "n_saturated": 1, "n_hits": 20}
    one, other = (simulate.imaging_scene(rng=s, **options) for s in (seed, seed + 100))
    with pytest.raises(ccdcr.ShiftError, match="too little in common"):
        ccdcr.measure_shift(one.exposures[0], other.exposures[1])


class TestAutoOrZero:
    """What a plan says of a night: measured where possible, and said where not."""

    @pytest.mark.parametrize("method", ["matched", "classic"])
    def test_measured(self, method):
        scene = simulate.imaging_scene(rng=1, **FIELD, shifts=[(0, 0), (5, -3)])
        ccds, options = scene.exposures, {"method": method, "add_keyword": False}
        wanted = ccdcr.cosmicray_pair(*ccds, shift="auto", **options)
        ours = ccdcr.cosmicray_pair(*ccds, shift="auto or 0", **options)
        for one, other in zip(ours, wanted, strict=True):
            assert np.array_equal(one.mask, other.mask)
            assert np.array_equal(one.data, other.data)

    def test_one_of_a_stack_that_has_nothing_in_common(self):
        scene = simulate.imaging_scene(rng=1, **FIELD, shifts=[(0, 0), (5, -3)])
        ccds = [*scene.exposures, frame(sky(1, FIELD["shape"]), unit="electron")]
        with pytest.raises(ccdcr.ShiftError):
            ccdcr.cosmicray_stack(ccds, shifts="auto")
        with pytest.warns(ccdcr.CosmicRayWarning) as told:
            cleaned = ccdcr.cosmicray_stack(ccds, shifts="auto or 0")
        said = [str(one.message) for one in told]
        assert (
            "the shift of ccds[2] could not be measured, ccds[0] and it having too "
            "little in common, and (0, 0) was taken"
        ) in said
        assert [ccd.meta["CCRDY"] for ccd in cleaned] == [0, 5, 0]
        assert "no shift" in cleaned[0].meta["CCRWARN"]
