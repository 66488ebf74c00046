# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Any number of exposures: a pair is a stack of two, and one bad one does no harm."""

import ccdproc
import numpy as np
import pytest
from astropy import units as u
from numpy.testing import assert_array_equal

from ccdcr import cosmicray_pair, cosmicray_stack, simulate
from ccdcr._scenes import add_stars
from ccdcr.tests.conftest import SHAPE, frame, sky
from ccdcr.tests.test_matched import FIELD, scores

STEPS = [(0, 0), (3, -2), (-2, 4), (1, 1), (-3, -3), (2, 2), (0, 5)]


def field(n, **options):
    shifts = options.pop("shifts", STEPS[:n])
    return simulate.imaging_scene(rng=7, **FIELD | options, shifts=shifts)


@pytest.mark.parametrize("shift", [(0, 0), (4, -3), (-2.4, 5.6)])
@pytest.mark.parametrize("kind", ["none", "std", "ivar"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"method": "classic"},
        {"region": "[3:25,4:20]", "exclude": np.s_[5:8, 2:9]},
        {"grow": 0, "max_size": 4, "replacement": "local"},
        {"scale": "auto", "sigma_peak": 4, "sigma_tail": 2},
    ],
)
def test_a_stack_of_two_is_a_pair_byte_for_byte(shift, kind, options):
    pair = [frame(sky(seed), kind, mask=sky(seed) > 115) for seed in (1, 2)]
    pair[0].data[6, 7:9] += 800
    pair[1].data[15, 20] += 900
    both = cosmicray_pair(*pair, shift=shift, **options)
    stack = cosmicray_stack(pair, shifts=[(0, 0), shift], **options)
    for one, other in zip(both, stack, strict=True):
        assert one.data.tobytes() == other.data.tobytes()
        assert one.mask.tobytes() == other.mask.tobytes()
        assert one.flags.tobytes() == other.flags.tobytes()
        if kind != "none":
            bits = one.uncertainty.array.tobytes()
            assert bits == other.uncertainty.array.tobytes()
        cards = {**one.meta, "CCRFUNC": "", "HISTORY": ""}
        assert cards == {**other.meta, "CCRFUNC": "", "HISTORY": ""}


@pytest.mark.parametrize("n", [3, 5, 7])
def test_scenes(n):
    scene = field(n)
    cleaned = cosmicray_stack(scene.exposures, shifts=scene.shifts)
    for score in scores(scene, cleaned):
        assert score.completeness > 0.97
        assert score.purity_near > 0.99
        assert score.n_false_objects == 0
        assert score.n_bad_left < 15
        assert 0.85 < score.pull_width < 1.15
    assert [out.meta["CCRIMAGE"] for out in cleaned] == list(range(1, n + 1))
    assert [(o.meta["CCRDY"], o.meta["CCRDX"]) for o in cleaned] == STEPS[:n]


class TestOneBadExposure:
    def test_dead_and_hot_pixels_accuse_none_of_the_others(self):
        scene = field(3, n_hits=0, shifts=[(0, 0)] * 3)
        rng = np.random.default_rng(1)
        dead, hot = rng.integers(5, 395, (2, 2, 60))
        scene.exposures[1].data[tuple(dead)] = 0
        scene.exposures[1].data[tuple(hot)] += 3000
        first, second, third = cosmicray_stack(scene.exposures)
        known = scene.exposures[0].mask
        assert not (first.mask & ~known).any()
        assert not (third.mask & ~known).any()
        assert second.mask[tuple(hot)].mean() > 0.95

    def test_a_dead_block_is_no_donor_either(self):
        scene = field(3, n_hits=0, shifts=[(0, 0)] * 3, n_stars=20)
        first, _, third = scene.exposures
        third.data[100:140, 100:140] = 0
        third.uncertainty.array[100:140, 100:140] = 5  # as a pipeline computes it
        first.data[120, 120] += 3000
        cleaned = cosmicray_stack(scene.exposures, grow=0)
        assert cleaned[0].mask[120, 120]
        assert abs(cleaned[0].data[120, 120] - 300) < 100
        assert not (cleaned[1].mask & ~first.mask).any()
        assert not (cleaned[0].flags & 32).any()

    def test_cloud(self):
        scene = field(3, transparency=[1, 0.5, 1], sky=[300, 450, 300])
        cleaned = cosmicray_stack(scene.exposures, shifts=scene.shifts)
        for score in scores(scene, cleaned):
            assert score.completeness > 0.95
            assert score.n_false_on_sources <= 3

    def test_wholly_masked(self):
        scene = field(3, shifts=[(0, 0)] * 3)
        pair = [scene.exposures[0], scene.exposures[2]]
        wanted = cosmicray_pair(*pair)
        scene.exposures[1].mask[:] = True
        first, second, third = cosmicray_stack(scene.exposures)
        assert_array_equal(first.mask, wanted[0].mask)
        assert_array_equal(third.data, wanted[1].data)
        assert second.meta["CCRNEXAM"] == second.data.size
        assert second.meta["CCRNPIX"] == 0


def test_exposures_that_have_nothing_in_common():
    """A mosaic: the first overlaps both of the others, which do not see each other."""
    shifts = [(0, 0), (0, 16), (0, -16)]  # of 30 columns
    ccds = [frame(sky(seed), "std") for seed in (1, 2, 3)]
    for ccd, x in zip(ccds, (8, 3, 20), strict=True):
        ccd.data[12, x] += 1000
    cleaned = cosmicray_stack(ccds, shifts=shifts, grow=0)
    for out, x in zip(cleaned, (8, 3, 20), strict=True):
        assert np.argwhere(out.mask).tolist() == [[12, x]]
    assert [out.meta["CCRNEXAM"] for out in cleaned] == [24 * 2, 24 * 16, 24 * 16]


def test_hits_at_one_place_in_two_of_three():
    """The third tells, although the two agree with each other better than with it."""
    frames = [frame(sky(seed, (80, 80)), "std") for seed in range(3)]
    for ccd, charge in zip(frames, (2000, 400), strict=False):
        ccd.data[40, 30:33] += charge
    first, second, third = cosmicray_stack(frames)
    assert first.mask[40, 30:33].all()
    assert second.mask[40, 30:33].all()
    assert (first.flags[40, 30:33] & 9 == 9).all()  # from the third; in another, too
    assert not third.mask.any()
    assert abs(first.data[40, 30:33] - frames[2].data[40, 30:33]).max() < 20


def test_a_new_star_where_another_exposure_has_a_hit():
    """The other is not asked there, and does not make the star a cosmic ray."""
    scene = field(3, n_hits=0, n_saturated=0, shifts=[(0, 0)] * 3)
    light = np.zeros((400, 400))
    add_stars(light, np.array([200.2]), np.array([150.4]), np.array([2e4]), 3.0)
    first, second, _ = scene.exposures
    first.data += np.random.default_rng(1).poisson(light)
    first.uncertainty.array[:] = np.sqrt(first.data.clip(0) + 25)
    second.data[200, 148:154] += 1500
    out = cosmicray_stack(scene.exposures)
    star = np.s_[194:207, 144:157]
    assert_array_equal(out[0].data[star], first.data[star])
    assert (out[0].flags[star] & 32).any()
    assert out[1].mask[200, 148:154].all()


def test_replacement_is_the_mean_of_the_others():
    """Two partners of variance 25 give a variance of 12.5."""
    frames = [frame(sky(seed, (80, 80)), "var") for seed in range(3)]
    frames[0].data[40, 30] += 1000
    first, *others = cosmicray_stack(frames, grow=0)
    assert first.mask.sum() == 1
    mean = np.mean([ccd.data[40, 30] for ccd in others])
    level = [np.median(frames[0].data - ccd.data) for ccd in others]
    assert abs(first.data[40, 30] - mean - np.mean(level)) < 2
    assert abs(first.uncertainty.array[40, 30] - 12.5) < 0.7


def test_into_ccdproc_combine():
    darks = simulate.dark_scene(rng=5, shape=(200, 200), n=3, n_hits=60)
    cleaned = cosmicray_stack(darks.exposures)
    mean = ccdproc.combine(cleaned, method="average")
    truth = darks.truths[0].data
    noise = np.sqrt(darks.truths[0].uncertainty.array / 3)
    assert (np.abs(mean.data - truth) > 6 * noise).sum() < 10
    dirty = ccdproc.combine(darks.exposures, method="average")
    assert (np.abs(dirty.data - truth) > 6 * noise).sum() > 500


def test_units_that_convert():
    frames = [frame(sky(seed), "std") for seed in range(3)]
    frames[0].data[5, 5] += 1000
    wanted = cosmicray_stack(frames)
    frames[1] = frames[1].divide(1000).multiply(1 * u.Unit("1000"))
    frames[1].meta = {}
    same = [c.mask.sum() for c in cosmicray_stack([frames[0], frames[2], frames[2]])]
    assert same[0] == wanted[0].mask.sum()


def test_region_moves_with_the_shift():
    frames = [frame(sky(seed), "std") for seed in range(3)]
    dy, dx = STEPS[1]
    for y, x in ((12, 10), (20, 20)):
        frames[1].data[y - dy, x - dx] += 1000
    options = {"shifts": STEPS[:3], "grow": 0}
    _, cleaned, _ = cosmicray_stack(frames, region=np.s_[:16, :], **options)
    assert_array_equal(np.argwhere(cleaned.mask), [(12 - dy, 10 - dx)])
    _, cleaned, _ = cosmicray_stack(frames, exclude=np.s_[:16, :], **options)
    assert_array_equal(np.argwhere(cleaned.mask), [(20 - dy, 20 - dx)])


@pytest.mark.parametrize(
    ("ccds", "options", "error", "message"),
    [
        (frame(sky(1)), {}, TypeError, "ccds must be a sequence of CCDData, got CCD"),
        ([], {}, ValueError, "ccds must be two or more exposures, got 0"),
        ([frame(sky(1))], {}, ValueError, "ccds must be two or more exposures, got 1"),
        ([frame(sky(1)), 5, 6], {}, TypeError, r"ccds\[1\] must be an astropy"),
        (3, {"method": "classic"}, ValueError, "method must be 'matched' for more"),
        (3, {"shifts": [(0, 0)]}, ValueError, r"shifts must be 'auto' or 3 pairs"),
        (3, {"shifts": [(1, 0)] * 3}, ValueError, "of which the first is"),
        (3, {"shifts": 5}, TypeError, "shifts must be 'auto' or 3 pairs"),
        (3, {"shifts": [(0, 0), "x", 3]}, TypeError, "shifts must be 'auto' or two"),
        (3, {"shifts": [(0, 0), (99, 0), (0, 0)]}, ValueError, "shifts must leave"),
        (3, {"scale": 2.0}, ValueError, "scale must be 'auto' or 3 numbers"),
        (3, {"scale": [2, 1, 1]}, ValueError, "of which the first is 1"),
        (3, {"grow": -1}, ValueError, "grow must be a whole number >= 0"),
    ],
)
def test_refused(ccds, options, error, message):
    if isinstance(ccds, int):
        ccds = [frame(sky(seed)) for seed in range(ccds)]
    with pytest.raises(error, match=message):
        cosmicray_stack(ccds, **options)


def test_scales_of_the_caller():
    frames = [frame(sky(seed) * f) for seed, f in enumerate((1, 0.5, 2))]
    out = cosmicray_stack(frames, scale=[1, 2, 0.5])
    assert [o.meta["CCRSCLHO"] for o in out] == ["given"] * 3
    assert out[0].shape == SHAPE
