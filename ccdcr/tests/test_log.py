# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Cards and HISTORY."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData

from ccdcr import cosmicray_lacosmic, cosmicray_median, cosmicray_pair
from ccdcr._log import CARDS
from ccdcr.tests.conftest import frame, sky

LONG = [f"[{i},{i}]" for i in range(1, 24)]


def header_of(ccd):
    return ccd.to_hdu()[0].header


def test_every_key_is_a_fits_keyword_with_a_comment():
    assert all(len(key) <= 8 and key.startswith("CCR") for key in CARDS)
    assert all(0 < len(comment) <= 47 for comment in CARDS.values())


@pytest.mark.parametrize("meta", [dict, fits.Header])
class TestBothKindsOfMeta:
    def test_written_and_read_back(self, tmp_path, meta):
        out, _ = cosmicray_pair(frame(sky(1), meta=meta()), frame(sky(2)))
        out.write(tmp_path / "x.fits", checksum=True)
        read = CCDData.read(tmp_path / "x.fits").meta
        for key in CARDS:
            assert (key in read) == (key in out.meta)
            assert key not in read or read[key] == out.meta[key]
        lines = list(read["HISTORY"])
        assert lines[0].split() == ["ccdcr", out.meta["CCRVER"], "cosmicray_pair"]
        words = " ".join(lines[1:]).split()
        assert {"CCRMETH=matched", "CCRPEAK=5.0", "CCRMAXSZ=none"} <= set(words)
        assert all(line.startswith("  CCR") for line in lines[1:])

    def test_a_long_value(self, meta):
        """Cut on the card, whole in the HISTORY."""
        out = cosmicray_median(frame(sky(1), meta=meta()), exclude=LONG)
        header = header_of(out)
        assert header["CCREXCL"].endswith("...")
        text = "".join(line.strip() for line in header["HISTORY"])
        assert "CCREXCL=" + ";".join(LONG) in text

    def test_history_of_any_kind_survives(self, meta):
        ccd = frame(sky(1), meta=meta({"HISTORY": "before " * 15}))
        out = cosmicray_median(cosmicray_median(ccd))
        history = list(header_of(out)["HISTORY"])
        assert "".join(history).count("before") == 15
        assert sum(line.startswith("ccdcr ") for line in history) == 2


def test_comments():
    out = cosmicray_lacosmic(frame(sky(1), meta=fits.Header()))
    for key in out.meta:
        if key in CARDS and key != "CCRVER":
            assert out.meta.comments[key] == CARDS[key], key


def test_a_list_as_history_is_kept_as_a_list():
    ccd = frame(sky(1), meta={"HISTORY": ["one", "two"]})
    out = cosmicray_median(ccd)
    assert out.meta["HISTORY"][:2] == ["one", "two"]
    assert ccd.meta["HISTORY"] == ["one", "two"]


def test_values_that_are_not_finite():
    ccd = frame(np.full((5, 5), np.nan), meta=fits.Header())
    out = cosmicray_median(ccd, method="classic")
    assert out.meta["CCRLEVEL"] == "none"


def test_non_ascii_text():
    out = cosmicray_median(frame(sky(1), meta=fits.Header()), exclude=["[1,1]"])
    assert out.meta["CCREXCL"] == "[1,1]"
