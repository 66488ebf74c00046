# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Simulated tracks."""

import numpy as np
import pytest
from astropy import units as u
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

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
