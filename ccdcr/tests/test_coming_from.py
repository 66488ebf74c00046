# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Options of other packages, translated as the page "Coming from" says."""

import ccdproc
import numpy as np
import pytest
from astropy.nddata import CCDData, StdDevUncertainty
from numpy.testing import assert_array_equal

import ccdcr
from ccdcr.tests import inputs

INSIDE = np.s_[12:-12, 12:-12]
OPTIONS = [
    {},
    {"sigclip": 6.0, "sigfrac": 0.5, "objlim": 3.0, "niter": 2},
    {"sepmed": False},
    {"fsmode": "convolve", "psfmodel": "gauss", "psffwhm": 3.0, "psfsize": 9},
    {"cleantype": "idw"},
    {"cleantype": "medmask"},
]


@pytest.fixture(scope="module")
def made():
    return inputs.stars(1).exposures[0]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_same_options_as_lacosmic_of_ccdproc(made, options):
    clean, mask = ccdproc.cosmicray_lacosmic(
        made.data, gain=1.0, readnoise=5.0, **options
    )
    bare = CCDData(made.data, unit=made.unit)
    ours = ccdcr.cosmicray_lacosmic(bare, gain=1.0, readnoise=5.0, **options)
    assert_array_equal(ours.mask[INSIDE], mask[INSIDE])
    assert_array_equal(ours.data[INSIDE], clean[INSIDE])


def test_invar_of_ccdproc_is_the_uncertainty(made):
    variance = made.uncertainty.array**2
    _, mask = ccdproc.cosmicray_lacosmic(made.data, gain=1.0, invar=variance)
    ours = ccdcr.cosmicray_lacosmic(made)
    assert_array_equal(ours.mask[INSIDE], mask[INSIDE])


def test_inbkg_is_inbkg(made):
    background = np.full(made.shape, 250.0, dtype=np.float32)
    _, mask = ccdproc.cosmicray_lacosmic(
        made.data, gain=1.0, readnoise=5.0, inbkg=background
    )
    bare = CCDData(made.data, unit=made.unit)
    ours = ccdcr.cosmicray_lacosmic(bare, gain=1, readnoise=5, inbkg=background)
    assert_array_equal(ours.mask[INSIDE], mask[INSIDE])


def test_pssl_is_an_uncertainty_from_before(made):
    sky = 300.0
    variance = made.data.clip(0) + 25
    _, with_sky = ccdproc.cosmicray_lacosmic(made.data, gain=1.0, invar=variance)
    lowered = CCDData(
        made.data - np.float32(sky),
        unit=made.unit,
        uncertainty=StdDevUncertainty(np.sqrt(variance)),
    )
    ours = ccdcr.cosmicray_lacosmic(lowered)
    assert_array_equal(ours.mask[INSIDE], with_sky[INSIDE])
