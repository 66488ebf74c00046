# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Small frames, and the real ones where they are at hand."""

import os
import signal
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from astropy import units as u
from astropy.nddata import (
    CCDData,
    InverseVariance,
    StdDevUncertainty,
    VarianceUncertainty,
)
from astropy.wcs import WCS

from ccdcr import _ccd
from ccdcr.pixels.level import Level

hypothesis.settings.register_profile(
    "ci", deadline=None, derandomize=True, max_examples=60
)
hypothesis.settings.register_profile("long", deadline=None, max_examples=2000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

SHAPE = (24, 30)
UNCERTAINTIES = {
    "none": None,
    "std": (StdDevUncertainty, lambda v: np.sqrt(v)),
    "var": (VarianceUncertainty, lambda v: v),
    "ivar": (InverseVariance, lambda v: 1 / v),
}


@pytest.fixture(autouse=True, scope="session")
def _ctrl_c():
    """What a shell starts in the background ignores it; the tests of it do not."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def numbers_that_end(monkeypatch):
    """
    What goes beyond the range of numbers is a warning, so an error, in these tests.

    For users it is not: test_hostile tries that with frames that are made for it.
    """
    monkeypatch.setattr(_ccd, "_ARITHMETIC", {"all": "warn", "under": "ignore"})


@pytest.fixture(scope="session")
def real_data():
    """Folder of real frames; tests that need it are skipped without it."""
    folder = Path(os.environ.get("CCDCR_TEST_DATA", "no such folder"))
    if not folder.is_dir():
        pytest.skip("CCDCR_TEST_DATA names no folder of real frames")
    return folder


def sky(seed, shape=SHAPE, level=100.0, sigma=5.0):
    """Whole numbers, so that any dtype holds them exactly."""
    rng = np.random.default_rng(seed)
    return np.rint(rng.normal(level, sigma, shape))


def frame(data, kind="none", *, sigma=5.0, dtype=float, **options):
    """CCDData with a constant variance in the class of uncertainty asked for."""
    data = np.asarray(data).astype(dtype)
    uncertainty = None
    if UNCERTAINTIES[kind] is not None:
        cls, of_variance = UNCERTAINTIES[kind]
        uncertainty = cls(np.full(data.shape, of_variance(float(sigma) ** 2)))
    options.setdefault("unit", u.adu)
    return CCDData(data, uncertainty=uncertainty, **options)


def level_of(image):
    """A level that is just this image."""
    n = len(image)
    table = np.concatenate([image, image[-1:]]).astype(float)
    return Level(table, np.arange(n), np.zeros(n))


def simple_wcs():
    """A WCS of 0.5 arcsec pixels at the celestial equator."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    wcs.wcs.crpix = 10.0, 8.0
    wcs.wcs.crval = 30.0, 0.0
    wcs.wcs.cunit = "deg", "deg"
    wcs.wcs.cdelt = -0.5 / 3600, 0.5 / 3600
    return wcs
