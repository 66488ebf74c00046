# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What the page "May I use it on ...?" says of each input."""

import warnings

import ccdproc
import numpy as np
import pytest
from astropy.stats import mad_std

import ccdcr
from ccdcr import simulate
from ccdcr.tests import inputs

#: Least completeness of what is allowed: pair, median, LACosmic; None: see below.
ALLOWED = {
    "electrons, uncertainty": (0.99, 0.9, 0.9),
    "raw: bias, overscan, integers": (0.99, 0.9, 0.9),
    "bias-subtracted, gain given": (0.99, 0.9, 0.9),
    "flat-fielded, uncertainty": (0.99, 0.9, 0.9),
    "sky-subtracted, uncertainty": (0.99, 0.9, 0.9),
    "MJy/sr, uncertainty": (0.99, 0.9, 0.9),
    "electron/s, gain x time given": (0.99, 0.9, 0.9),
    "binned, then FWHM 1.5": (0.97, None, None),
    "binned, then FWHM 3": (0.97, 0.8, 0.8),
    "mosaic of colours": (0.99, None, None),
    "FWHM 1.3 pixels": (0.99, None, None),
    "fringes": (0.8, 0.75, 0.6),
    "field turned by 0.5 degrees": (0.99, 0.9, 0.9),
    "dithered": (0.99, None, None),
    "second exposure half as long": (0.99, None, None),
    "drift scan": (0.99, 0.9, 0.9),
    "infrared slopes": (0.99, 0.85, 0.85),
    "long slit": (0.99, 0.9, 0.9),
    "nod and shuffle, raw": (0.99, 0.9, 0.9),
    "echelle": (0.95, None, None),
    "fibres": (0.95, None, None),
    "darks": (0.99, None, None),
    "arc lamps": (0.65, 0.8, 0.8),
}
CASES = [
    (name, cleaner, least)
    for name, limits in ALLOWED.items()
    for cleaner, least in zip(inputs.CLEANERS, limits, strict=True)
    if least is not None
]


@pytest.mark.parametrize(("name", "cleaner", "least"), CASES)
def test_what_is_allowed_is_cleaned_and_sources_live(name, cleaner, least):
    _, score, told = inputs.clean(inputs.INPUTS[name](1), cleaner)
    assert score.completeness > least
    assert score.n_false_objects <= (9 if name == "arc lamps" else 5)
    assert not score.flux_changed > (0.07 if cleaner == "pair" else 0.11)
    if cleaner == "pair":
        assert not told


def run(name, cleaner="median", **options):
    return inputs.clean(inputs.INPUTS[name](1), cleaner, **options)


@pytest.mark.parametrize("cleaner", ["median", "lacosmic"])
def test_bias_counts_as_light_where_the_noise_comes_from_the_gain(cleaner):
    _, score, _ = run("raw, gain and readnoise given", cleaner)
    assert score.completeness < 0.85


def test_a_pair_tells_of_a_bias_that_counts_as_light():
    _, score, told = run("raw, gain and readnoise given", "pair")
    assert score.completeness > 0.98
    assert "uncertainties, or gain and readnoise" in told.pop()


@pytest.mark.parametrize("cleaner", inputs.CLEANERS)
def test_a_sky_that_the_gain_does_not_see_is_told_of(cleaner):
    _, score, told = run("sky-subtracted, gain given", cleaner)
    assert score.completeness > 0.9
    assert any("scatter" in words for words in told)


@pytest.mark.parametrize("cleaner", inputs.CLEANERS)
def test_resampling_hides_cosmic_rays(cleaner):
    _, score, _ = run("resampled, linear", cleaner)
    assert score.completeness < 0.7


def test_resampling_with_a_cubic_hides_fewer():
    assert run("resampled, cubic")[1].completeness < 0.85
    assert run("resampled, cubic", "pair")[1].completeness < 0.98


def test_in_a_mean_cosmic_rays_on_sources_stay():
    _, score, told = run("mean of five")
    assert score.completeness_sources < 0.5
    assert any("pixels were flagged" in words for words in told)


@pytest.mark.parametrize("name", ["FWHM 1.3 pixels", "binned, then FWHM 1.5"])
def test_narrow_stars_are_told_of(name):
    _, score, told = run(name)
    assert score.flux_changed < 0.15
    assert score.completeness < 0.8
    assert any("stars are nearly as sharp" in words for words in told)
    _, score, told = run(name, "lacosmic")
    assert score.flux_changed > 0.5
    assert any("stars are nearly as sharp" in words for words in told)
    _, score, _ = run(name, "lacosmic", objlim=20)
    assert score.flux_changed < 0.3


@pytest.mark.parametrize("cleaner", ["median", "lacosmic"])
def test_a_mosaic_of_colours_is_as_sharp_as_cosmic_rays(cleaner):
    _, score, told = run("mosaic of colours", cleaner)
    assert score.completeness < 0.8
    assert any("the frame scatters" in words for words in told)


@pytest.mark.parametrize("cleaner", ["median", "lacosmic"])
@pytest.mark.parametrize("name", ["echelle", "fibres"])
def test_orders_and_fibres_want_a_pair(name, cleaner):
    _, score, _ = run(name, cleaner)
    assert score.completeness < 0.85
    assert score.n_bad_left > 100
    _, _, told = inputs.clean(inputs.INPUTS[name](1), cleaner, dispersion_axis=1)
    assert any("bright lines or continua scatter" in words for words in told)


@pytest.mark.parametrize("cleaner", ["median", "lacosmic"])
def test_one_dark_loses_its_warm_pixels(cleaner):
    _, score, _ = run("darks", cleaner)
    assert score.n_false_objects > 50


def test_a_flat_loses_nothing_to_a_pair():
    _, score, told = run("flats", "pair")
    assert score.n_false_objects == 0
    assert not told
    assert run("flats", "lacosmic")[1].n_false_objects > 20


def test_a_difference_of_nods_is_not_for_a_pair():
    """What is negative in one looks positive in the other, and nothing can tell."""
    made = inputs.nodded(1)
    sigma = [np.sqrt(truth.uncertainty.array) for truth in made.truths]
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        cleaned = ccdcr.cosmicray_pair(*made.exposures)
    assert not told
    spoilt = 0
    for before, after, truth, s in zip(
        made.exposures, cleaned, made.truths, sigma, strict=True
    ):
        good = np.abs(before.data - truth.data) < 3 * s
        spoilt += np.count_nonzero(good & (np.abs(after.data - truth.data) > 5 * s))
    assert 10 < spoilt < 150


@pytest.mark.parametrize("cleaner", ["median", "lacosmic"])
def test_negative_hits_of_a_difference_stay(cleaner):
    made = inputs.nodded(1)
    after, _, _ = inputs.clean(made, cleaner)
    negative = made.charges[0] < -10 * np.sqrt(made.truths[0].uncertainty.array)
    assert np.mean(after.mask[negative]) < 0.1


def test_nods_are_cleaned_before_they_are_subtracted():
    made = inputs.slit(1)  # A and A
    _, score, _ = inputs.clean(made, "pair")
    assert score.completeness > 0.99
    assert score.n_bad_left < 5


def changed(flux, fwhm, cleaner="pair"):
    """
    Clean exposures of a star of two fluxes.

    Which part of its change (for one exposure: of the star) was taken away; its flags;
    warnings.
    """
    light, _ = inputs.field_of(6, seeing=fwhm, n_stars=60, n_galaxies=0)
    y, x = 118, 114  # where no other star is near
    lights = tuple(inputs.star(light, y + 0.3, x - 0.2, one, fwhm) for one in flux)
    made = inputs.twice(lights, 2, n_hits=20)
    part = np.s_[y - 8 : y + 9, x - 8 : x + 9]
    assert not any(charge[part].any() for charge in made.charges)
    after, _, told = inputs.clean(made, cleaner)
    before = made.exposures[0].data[part].astype(float)
    lost = (before - after.data[part]).sum()
    real = flux[0] - flux[1] if cleaner == "pair" else flux[0]
    return lost / real, after.flags[part], told


@pytest.mark.parametrize("fwhm", [2.5, 3.0, 4.0])
@pytest.mark.parametrize("flux", [(36000, 30000), (30000, 36000), (60000, 30000)])
def test_a_star_that_has_changed_is_not_touched(flux, fwhm):
    lost, _, told = changed(flux, fwhm)
    assert lost == 0
    assert not told


@pytest.mark.parametrize("cleaner", inputs.CLEANERS)
@pytest.mark.parametrize("fwhm", [2.5, 3.0, 4.0])
def test_what_is_in_one_exposure_only_is_not_touched(fwhm, cleaner):
    """An asteroid, a supernova."""
    lost, flags, _ = changed((30000, 0), fwhm, cleaner)
    assert lost == 0
    assert np.any(flags & 32) == (cleaner == "pair")


@pytest.mark.parametrize("flux", [(60000, 30000), (30000, 0), (3000, 0)])
def test_undersampled_what_has_changed_is_removed(flux):
    lost, flags, told = changed(flux, 1.5)
    assert lost > 0.75
    assert not np.any(flags & 32)
    assert not told


@pytest.mark.parametrize(("fwhm", "stays"), [(1.5, False), (2.5, True), (3.0, True)])
def test_what_is_in_one_exposure_of_a_stack(fwhm, stays):
    light, _ = inputs.field_of(6, seeing=fwhm, n_stars=60, n_galaxies=0)
    lights = inputs.star(light, 118.3, 113.8, 30000, fwhm), light, light
    exposures = [
        inputs.expose(one, 40 + k, n_hits=15)[0] for k, one in enumerate(lights)
    ]
    after = ccdcr.cosmicray_stack(exposures)[0]
    part = np.s_[110:127, 106:123]
    lost = (exposures[0].data[part] - after.data[part]).sum() / 30000
    assert lost == 0 if stays else lost > 0.9
    assert np.any(after.flags[part] & 32) == stays


def test_a_field_that_has_turned_too_far_is_told_of():
    _, score, told = inputs.clean(inputs.rotated(1, 1.0), "pair")
    assert score.completeness_sources < 0.8
    assert score.flux_changed < 0.1
    assert any("sources do not match" in words for words in told)


def trail(fwhm, peak=1000.0, reach=np.inf):
    light, _ = inputs.field_of(7, seeing=fwhm, n_stars=60, n_galaxies=0)
    y, x = np.indices(inputs.SHAPE)
    along = ((x - 100) + 0.35 * (y - 100)) / np.hypot(1, 0.35)
    across = ((y - 100) - 0.35 * (x - 100)) / np.hypot(1, 0.35)
    distance = np.hypot(np.maximum(np.abs(along) - reach, 0), across)
    profile = np.exp(-4 * np.log(2) * (distance / fwhm) ** 2)
    return inputs.twice((light + peak * profile, light), 1, n_hits=0), profile > 0.5


@pytest.mark.parametrize("cleaner", inputs.CLEANERS)
@pytest.mark.parametrize("reach", [5, np.inf])
def test_trails_are_light(reach, cleaner):
    """Of a satellite, and of an asteroid that has moved by ten pixels."""
    made, core = trail(3.0, reach=reach)
    after, _, _ = inputs.clean(made, cleaner)
    assert not after.mask[core].any()
    if cleaner == "pair":
        assert np.mean(after.flags[core] & 32 > 0) > 0.9


def test_undersampled_trails_are_removed_by_a_pair():
    made, core = trail(1.5)
    after, _, _ = inputs.clean(made, "pair")
    assert np.mean(after.mask[core]) > 0.95


def combine(frames, *, clip=None):
    options = {}
    if clip is not None:
        options = {
            "sigma_clip": True,
            "sigma_clip_low_thresh": clip,
            "sigma_clip_high_thresh": clip,
            "sigma_clip_func": np.ma.median,
            "sigma_clip_dev_func": mad_std,
        }
    return ccdproc.combine(frames, method="average", **options)


def bad_pixels(master, truth, n):
    off = np.abs(np.asarray(master.data) - truth.data)
    return np.count_nonzero(off > 5 * np.sqrt(truth.uncertainty.array / n))


@pytest.mark.parametrize(("n", "clipping_is_enough"), [(3, False), (12, True)])
def test_darks(n, clipping_is_enough):
    """Few: a stack; many: combine with clipping."""
    scene = simulate.dark_scene(rng=3, shape=inputs.SHAPE, n=n, n_hits=40)
    truth = scene.truths[0]
    clipped = bad_pixels(combine(scene.exposures, clip=5), truth, n)
    stacked = bad_pixels(combine(ccdcr.cosmicray_stack(scene.exposures)), truth, n)
    assert stacked < 5
    assert (clipped < 5) == clipping_is_enough
