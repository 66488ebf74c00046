# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Gain, read noise and saturation from cards, with the keywords of ccdproc."""

import functools
import pickle

import pytest
from astropy import units as u
from ccdproc import Keyword
from numpy.testing import assert_array_equal

import ccdcr
from ccdcr._work import stamp_of
from ccdcr.batch import Job
from ccdcr.tests.conftest import frame, sky

GAIN = Keyword("GAIN", unit=u.electron / u.adu)
READNOISE = Keyword("RDNOISE", unit=u.electron)
CARDS = {"GAIN": 4.0, "RDNOISE": 5.0, "SATUR": 2000.0}


def exposure(seed=1):
    data = sky(seed)
    data[6, 7] += 3000
    return frame(data, meta=dict(CARDS))


def pair(ccd, **options):
    return ccdcr.cosmicray_pair(ccd, frame(sky(2), meta=dict(CARDS)), **options)[0]


CLEANERS = {
    "pair": pair,
    "median": ccdcr.cosmicray_median,
    "lacosmic": ccdcr.cosmicray_lacosmic,
}


@pytest.fixture(params=CLEANERS)
def clean(request):
    return functools.partial(CLEANERS[request.param], exposure())


def test_cards_are_as_good_as_numbers(clean):
    given = clean(gain=4.0 * u.electron / u.adu, readnoise=5.0)
    read = clean(gain=GAIN, readnoise=READNOISE)
    assert_array_equal(read.data, given.data)
    assert_array_equal(read.mask, given.mask)
    assert (read.meta["CCRGAIN"], read.meta["CCRRDN"]) == (4, 5)
    assert GAIN.value is None  # the keyword is not changed


def test_saturation(clean):
    noise = {"gain": 4, "readnoise": 5}
    card = clean(saturation=Keyword("SATUR", unit=u.adu), **noise)
    assert card.meta["CCRSATUR"] == 2000


@pytest.mark.parametrize(
    ("gain", "message"),
    [
        (
            Keyword("EGAIN", unit=u.electron / u.adu),
            "be a card of the header",
        ),
        (Keyword("GAIN"), "be a keyword with a unit"),
    ],
)
def test_what_is_not_there(clean, gain, message):
    with pytest.raises(ValueError, match=f"gain must {message}, got '"):
        clean(gain=gain, readnoise=5)


def test_jobs_know_them():
    stamps = [
        stamp_of(Job("median", ["a"], ["b"], {"gain": gain}))
        for gain in (GAIN, pickle.loads(pickle.dumps(GAIN)), Keyword("EGAIN"))
    ]
    assert stamps[0] == stamps[1] != stamps[2]
