# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Simulated tracks."""

import numpy as np
import pytest
from astropy import units as u
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

import ccdcr
from ccdcr import simulate
from ccdcr.simulate import inject
from ccdcr.tests.conftest import frame, sky

SHAPE = (200, 200)


def flat(**options):
    options.setdefault("unit", "electron")
    return frame(np.full(SHAPE, 50.0), **options)


def test_truth_is_what_was_added():
    ccd = flat(kind="var")
    injected, charge = inject(ccd, 30, rng=1)
    assert_allclose(injected.data - ccd.data, charge)
    assert_array_equal(ccd.data, 50)
    assert_allclose(injected.uncertainty.array, 25 + charge)
    assert injected.mask is None
    assert injected.flags is None


def test_physics():
    """A vertical muon frees 75 electrons per micrometre on 30 micrometres."""
    _, charge = inject(flat(), 100, rng=2)
    per_track = charge.sum() / 100
    assert 2000 < per_track < 8000
    labels, n = ndimage.label(charge > 10, np.ones((3, 3)))
    assert 60 < n <= 100
    sizes = np.bincount(labels.ravel())[1:]
    assert 3 < np.median(sizes) < 20


def test_same_seed_same_tracks():
    one, two = (
        inject(flat(), 10, rng=seed)[1] for seed in (3, np.random.default_rng(3))
    )
    assert_array_equal(one, two)
    assert (inject(flat(), 10, rng=4)[1] != one).any()


def test_gain_turns_electrons_into_the_data_unit():
    electrons = inject(flat(), 10, rng=3)[1]
    for gain in (2.5, 2.5 * u.electron / u.adu):
        ccd, charge = inject(flat(unit="adu", kind="std"), 10, rng=3, gain=gain)
        assert_allclose(charge, electrons / 2.5)
        assert_allclose(ccd.uncertainty.array**2, 25 + charge / 2.5)


def test_no_tracks():
    injected, charge = inject(flat(), 0, rng=1)
    assert not charge.any()
    assert_array_equal(injected.data, 50)


def test_mask_and_integers():
    ccd = frame(sky(1), dtype="u2", unit="electron", mask=sky(1) > 105)
    injected, _ = inject(ccd, 5, rng=1)
    assert injected.data.dtype == np.float32
    assert_array_equal(injected.mask, ccd.mask)
    assert not np.shares_memory(injected.mask, ccd.mask)


def test_refused():
    with pytest.raises(ValueError, match="n must be a whole number >= 0, got -1"):
        inject(flat(), -1, rng=1)
    with pytest.raises(ValueError, match=r"gain must be given .* for data in adu"):
        inject(flat(unit="adu"), 1, rng=1)
    with pytest.raises(TypeError, match=r"ccd must be an astropy.nddata.CCDData"):
        inject(np.ones(SHAPE), 1, rng=1)


class TestScenes:
    @pytest.mark.parametrize(
        "make",
        [
            lambda seed: simulate.imaging_scene(rng=seed, shape=(90, 80), n_hits=20),
            lambda seed: simulate.spectrum_scene(rng=seed, shape=(90, 80), n_hits=20),
            lambda seed: simulate.dark_scene(rng=seed, shape=(90, 80), n_hits=20),
        ],
    )
    def test_truth(self, make):
        """What is not cosmic ray, hot pixel or saturated is truth and noise."""
        scene = make(1)
        assert len(scene.exposures) == len(scene.truths) == len(scene.charges) == 2
        for ccd, truth, charge, sources in zip(
            scene.exposures, scene.truths, scene.charges, scene.sources, strict=True
        ):
            good = ~truth.mask & (charge == 0)
            pulls = (ccd.data - truth.data) / np.sqrt(truth.uncertainty.array)
            assert_allclose(pulls[good].std(), 1, atol=0.06)
            assert_allclose(pulls[good].mean(), 0, atol=0.06)
            hit = (charge > 300) & ~truth.mask
            left = ccd.data[hit] - truth.data[hit] - charge[hit]
            assert np.abs(np.median(left)) < 50
            assert sources.dtype == bool
            assert (ccd.mask <= truth.mask).all()
        again = make(1)
        assert_array_equal(again.exposures[1].data, scene.exposures[1].data)
        assert (make(2).exposures[1].data != scene.exposures[1].data).any()

    def test_shift_convention(self):
        """ccd1[y, x] shows what ccd2[y - dy, x - dx] shows."""
        options = {"shape": (120, 120), "n_hits": 0, "n_saturated": 0}
        scene = simulate.imaging_scene(rng=1, shifts=[(0, 0), (5, -3)], **options)
        first, second = (truth.data for truth in scene.truths)
        # but for the far wings of stars, which are cut off
        assert_allclose(first[5:, :-3], second[:-5, 3:], atol=2)
        spectrum = simulate.spectrum_scene(rng=1, shifts=[(0, 0), (-4, 2)], n_hits=0)
        first, second = (truth.data for truth in spectrum.truths)
        assert_allclose(first[:-4, 2:], second[4:, :-2], atol=2)

    def test_stars(self):
        """Flux, width and position of a star."""
        image = np.zeros((101, 101))
        from ccdcr._scenes import add_stars

        add_stars(image, [50.3], [49.8], [1e5], 4.0)
        y, x = np.mgrid[:101, :101]
        near = np.hypot(y - 50.3, x - 49.8) < 3
        assert_allclose(image.sum(), 1e5, rtol=0.01)
        assert_allclose(np.average(x, weights=image), 49.8, atol=0.01)
        assert_allclose(np.average(y, weights=image), 50.3, atol=0.01)
        half = image[near & (image > image.max() / 2)].size
        assert_allclose(half, np.pi * 4, rtol=0.25)

    def test_what_varies_between_exposures(self):
        options = {"shape": (100, 200), "n_hits": 0}
        scene = simulate.spectrum_scene(
            rng=1, object_factor=[1, 0.8], sky_factor=[1, 1.1], **options
        )
        ratio = scene.truths[1].data / scene.truths[0].data
        source = scene.sources[0]
        assert ratio[source].min() < 0.9
        assert_allclose(ratio[:5].max(), 1.1, rtol=0.02)
        lines = simulate.spectrum_scene(rng=1, line_scatter=0.1, **options)
        row = lines.truths[1].data[0] / lines.truths[0].data[0]
        assert 0.02 < row.std() < 0.15

    @pytest.mark.parametrize("name", ["sky", "seeing", "transparency", "n_hits"])
    def test_one_value_for_each_exposure(self, name):
        with pytest.raises(ValueError, match=f"{name} must be one number or one for"):
            simulate.imaging_scene(rng=1, shape=(30, 30), **{name: [1, 2, 3]})


class TestFootprints:
    def test_are_put_in_as_they_are(self):
        stamp = np.array([[0, 500.0, 0], [0, 300, 200]])
        _, charge = inject(flat(), 50, rng=1, footprints=[stamp])
        assert set(np.unique(charge)) >= {0, 200, 300, 500}
        assert 30 * 1000 < charge.sum() <= 50 * 1000

    def test_real_ones(self, real_data):
        """Those of the LSST camera: runs of pixels, grouped by footprint."""
        from astropy.table import Table

        path = real_data / "imsim_cr_catalog" / "cosmic_rays_itl_2017.fits.gz"
        table = Table.read(path)
        footprints = []
        for group in table[:200].group_by("fp_id").groups:
            width = [len(np.atleast_1d(v)) for v in group["pixel_values"]]
            x0, y0 = group["x0"].min(), group["y0"].min()
            shape = (
                int(group["y0"].max() - y0 + 1),
                int(max(x + w for x, w in zip(group["x0"], width, strict=True)) - x0),
            )
            stamp = np.zeros(shape)
            for row in group:
                values = np.atleast_1d(row["pixel_values"])
                x = int(row["x0"] - x0)
                stamp[int(row["y0"] - y0), x : x + values.size] = values
            footprints.append(stamp)
        injected, charge = inject(flat(), 40, rng=1, footprints=footprints)
        assert charge.sum() > 1e4
        assert_allclose(injected.data - 50, charge)


class TestScore:
    def case(self):
        """A hit of four pixels, one of one pixel, and a source."""
        truth = frame(np.full((20, 20), 100.0), "var", sigma=10, unit="electron")
        before = truth.copy()
        charge = np.zeros((20, 20))
        charge[5, 5:9] = 400, 200, 50, 4
        charge[15, 15] = 90
        before.data += charge
        before.uncertainty.array[:] = 100
        sources = np.zeros((20, 20), bool)
        sources[2:7, 2:7] = True
        return truth, before, charge, sources

    def after(self, before, flagged, value=100.0, variance=100.0):
        after = before.copy()
        after.mask = np.zeros((20, 20), bool)
        at = tuple(np.transpose(flagged))
        after.mask[at] = True
        after.data[at] = value
        after.uncertainty.array[at] = variance
        return after

    def test_by_hand(self):
        truth, before, charge, sources = self.case()
        flagged = [(5, 5), (5, 6), (5, 7), (4, 5), (12, 3), (3, 3)]
        after = self.after(before, flagged)
        score = simulate.score(after, before, charge, truth, sources=sources)
        # above 3 sigma of the true noise: 40, 20, 5 and 9 sigma; above 10: two
        assert score.completeness == 3 / 4
        assert score.completeness_10 == 1
        assert score.completeness_sources == 1
        assert score.objects == 1 / 2
        # 5, 5 to 5, 7 are hits; 4, 5 touches one; 12, 3 and 3, 3 are false
        assert score.purity == 3 / 6
        assert score.purity_near == 4 / 6
        assert score.n_false_objects == 2
        assert score.n_false_on_sources == 1
        assert score.n_bad_left == 1  # the hit of 9 sigma
        assert score.bias == 0

    def test_pulls(self):
        truth, before, charge, _ = self.case()
        values = 100 + 10 * np.array([-1.0, 1.0, -1.0, 1.0])
        after = self.after(before, [(5, 5), (5, 6), (5, 7), (15, 15)], values)
        score = simulate.score(after, before, charge, truth)
        assert_allclose(score.pull_width, 0.7413 * 2)  # quartiles at -1 and 1
        assert score.bias == 0
        assert np.isnan(score.completeness_sources)
        assert score.n_bad_left == 0

    def test_harm_counts(self):
        truth, before, charge, _ = self.case()
        after = self.after(before, [(12, 3)], value=200.0)
        score = simulate.score(after, before, charge, truth)
        assert score.n_bad_left == 4
        assert score.completeness == 0

    def test_nothing_found_and_nothing_there(self):
        truth, _, _, _ = self.case()
        score = simulate.score(truth, truth, np.zeros((20, 20)), truth)
        assert np.isnan(score.completeness)
        assert np.isnan(score.purity)
        assert np.isnan(score.pull_width)
        assert score.n_bad_left == 0
        assert "completeness" in str(score)

    def test_masked_pixels_do_not_count(self):
        truth, before, charge, _ = self.case()
        before.mask = np.zeros((20, 20), bool)
        before.mask[5] = True
        score = simulate.score(self.after(before, [(15, 15)]), before, charge, truth)
        assert score.completeness == 1

    def test_classic_pair_on_a_field(self):
        scene = simulate.imaging_scene(rng=1, shape=(300, 300), n_stars=40, n_hits=50)
        cleaned = ccdcr.cosmicray_pair(*scene.exposures)
        score = simulate.score(
            cleaned[0],
            scene.exposures[0],
            scene.charges[0],
            scene.truths[0],
            sources=scene.sources[0],
        )
        assert score.completeness > 0.8
        assert score.objects > 0.9
        assert 0.7 < score.pull_width < 1.3

    def test_refused(self):
        truth, before, charge, _ = self.case()
        with pytest.raises(ValueError, match="truth must have an uncertainty"):
            simulate.score(before, before, charge, frame(truth.data, unit="electron"))
        with pytest.raises(ValueError, match="charge must have the shape"):
            simulate.score(before, before, charge[1:], truth)
