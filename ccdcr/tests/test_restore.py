# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What was put back is as before, to the bit, and nothing else has changed."""

import copy

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.nddata import CCDData, InverseVariance, StdDevUncertainty

import ccdcr
from ccdcr.tests.conftest import UNCERTAINTIES, frame, sky

HITS = {1: (4, 5), 2: (11, 20), 3: (18, 9)}


def exposure(kind="none", dtype=float, seed=1, **options):
    data = sky(seed)
    for y, x in HITS.values():
        data[y, x : x + 2] += 3000
    return frame(data, kind, dtype=dtype, **options)


def same_bits(one, other):
    one, other = np.asarray(one), np.asarray(other)
    assert one.dtype == other.dtype
    return one.tobytes() == other.tobytes()


def clean(name, before):
    if name == "pair":
        other = frame(sky(2), dtype=before.data.dtype)
        other.uncertainty = copy.deepcopy(before.uncertainty)
        return ccdcr.cosmicray_pair(before, other)[0]
    return getattr(ccdcr, f"cosmicray_{name}")(before)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("kind", UNCERTAINTIES)
@pytest.mark.parametrize("dtype", ["f4", "f8", "i2", ">f4", ">i2", "<f8", "u2"])
@pytest.mark.parametrize("name", ["pair", "median", "lacosmic"])
def test_to_the_bit(name, dtype, kind, masked):
    before = exposure(kind, np.dtype(dtype))
    if masked:
        before.mask = np.zeros(before.data.shape, dtype=bool)
        before.mask[11, 19] = before.mask[0, 0] = True
    if kind != "none":
        low = 0.8 if kind == "ivar" else 1
        vary = np.random.default_rng(5).uniform(low, low + 0.1, before.data.shape)
        before.uncertainty.array *= vary
    after = clean(name, before)
    report = ccdcr.cosmicray_report(after, before)
    assert report.n_cosmicrays == 3
    kept, given = copy.deepcopy(after), copy.deepcopy(before)
    restored = ccdcr.restore_cosmicrays(after, before, [2])
    part = report.segmentation.data == 2
    assert part.any()
    assert restored.data.dtype == after.data.dtype
    assert restored.data.flags.c_contiguous
    wanted = np.where(part, before.data.astype(after.data.dtype), after.data)
    assert same_bits(restored.data, wanted)
    assert restored.mask.dtype == bool
    assert np.array_equal(restored.mask, after.mask & ~part)
    if kind == "none":
        assert restored.uncertainty is None
    else:
        assert type(restored.uncertainty) is type(after.uncertainty)
        wanted = np.where(part, before.uncertainty.array, after.uncertainty.array)
        assert same_bits(restored.uncertainty.array, wanted)
    assert np.array_equal(restored.flags & 15, np.where(part, 0, after.flags & 15))
    assert np.array_equal(restored.flags & ~np.uint8(15), after.flags & ~np.uint8(15))
    for ccd, copied in ((after, kept), (before, given)):
        assert same_bits(ccd.data, copied.data)
        assert np.array_equal(ccd.mask, copied.mask)
        assert ccd.meta == copied.meta
    assert np.array_equal(after.flags, kept.flags)
    for array in (restored.data, restored.mask, restored.flags):
        assert not np.shares_memory(array, after.data)
        assert not np.shares_memory(array, after.mask)
        assert not np.shares_memory(array, after.flags)


@pytest.mark.parametrize("order", ["F", "reversed"])
def test_memory_order(order):
    before = exposure("std")
    after = ccdcr.cosmicray_median(before)
    wanted = ccdcr.restore_cosmicrays(after, before, [1, 3])
    for ccd in (before, after):
        if order == "F":
            ccd.data = np.asfortranarray(ccd.data)
        else:
            ccd.data = ccd.data[::-1].copy()[::-1]
            ccd.uncertainty.array = ccd.uncertainty.array[::-1].copy()[::-1]
    restored = ccdcr.restore_cosmicrays(after, before, [1, 3])
    assert same_bits(restored.data, wanted.data)
    assert same_bits(restored.uncertainty.array, wanted.uncertainty.array)


def test_all_of_them():
    """All put back: the frame is the one before."""
    before = exposure("std")
    after = ccdcr.cosmicray_median(before)
    labels = ccdcr.cosmicray_report(after, before).table["label"]
    restored = ccdcr.restore_cosmicrays(after, before, labels)
    assert same_bits(restored.data, before.data)
    assert same_bits(restored.uncertainty.array, before.uncertainty.array)
    assert not restored.mask.any()
    assert ccdcr.cosmicray_report(restored, before).n_cosmicrays == 0
    assert restored.meta["CCRNREST"] == 3


def test_none_of_them():
    before = exposure()
    after = ccdcr.cosmicray_median(before)
    restored = ccdcr.restore_cosmicrays(after, before, [])
    assert same_bits(restored.data, after.data)
    assert restored.meta["CCRNREST"] == 0
    restored = ccdcr.restore_cosmicrays(before, before, [])
    assert not restored.mask.any()


@pytest.mark.parametrize("cls", [StdDevUncertainty, InverseVariance])
def test_units_that_convert(cls):
    before = exposure()
    given = {StdDevUncertainty: 5.0, InverseVariance: 0.04}[cls]
    before.uncertainty = cls(np.full(before.data.shape, given))
    after = ccdcr.cosmicray_median(before)
    label = [2]
    wanted = ccdcr.restore_cosmicrays(after, before, label)
    milli = u.def_unit("milliadu", u.adu / 1000)
    factor = {StdDevUncertainty: 1000.0, InverseVariance: 1e-6}[cls]
    thousand = CCDData(before.data * 1000, unit=milli)
    thousand.uncertainty = cls(np.full(before.data.shape, given * factor))
    restored = ccdcr.restore_cosmicrays(after, thousand, label)
    np.testing.assert_allclose(restored.data, wanted.data, rtol=1e-14)
    np.testing.assert_allclose(
        restored.uncertainty.array, wanted.uncertainty.array, rtol=1e-14
    )
    assert restored.unit == after.unit


def test_another_class_of_uncertainty():
    before = exposure("var")
    after = ccdcr.cosmicray_median(before)
    after.uncertainty = after.uncertainty.represent_as(StdDevUncertainty)
    restored = ccdcr.restore_cosmicrays(after, before, [1, 2, 3])
    assert isinstance(restored.uncertainty, StdDevUncertainty)
    np.testing.assert_allclose(restored.uncertainty.array, 5)


@pytest.mark.parametrize("meta", [dict, fits.Header])
def test_what_was_done_is_written(meta):
    before = exposure(meta=meta())
    after = ccdcr.cosmicray_median(before)
    restored = ccdcr.restore_cosmicrays(after, before, [3])
    again = ccdcr.restore_cosmicrays(restored, before, 1)
    assert again.meta["CCRNREST"] == 2
    assert again.meta["CCRNOBJ"] == 3
    history = str(again.meta["HISTORY"])
    assert f"ccdcr {ccdcr.__version__} restore_cosmicrays" in history
    assert "labels put back: 3" in history
    assert "labels put back: 1" in history
    assert "cosmicray_median" in history
    later = ccdcr.cosmicray_median(again)
    assert "CCRNREST" not in later.meta


def test_many_labels_fit_into_a_header(tmp_path):
    data = sky(1, (80, 90))
    data[2:-2:4, 2:-2:4] += 3000
    before = frame(data)
    with pytest.warns(ccdcr.CosmicRayWarning, match="more than cosmic rays usually"):
        after = ccdcr.cosmicray_median(before)
    labels = ccdcr.cosmicray_report(after, before).table["label"]
    assert len(labels) > 300
    restored = ccdcr.restore_cosmicrays(after, before, labels)
    restored.write(tmp_path / "restored.fits")
    history = " ".join(fits.getheader(tmp_path / "restored.fits")["HISTORY"])
    assert [int(word) for word in history.split("back:")[1].split()] == list(labels)


def test_chain():
    """What the first step has taken is not the second's to give back."""
    before = exposure("std")
    region = "[1:30,1:8]"
    first = ccdcr.cosmicray_median(before, region=region)
    second = ccdcr.cosmicray_lacosmic(first)
    n = ccdcr.cosmicray_report(second, first).n_cosmicrays
    assert n == 2
    restored = ccdcr.restore_cosmicrays(second, first, range(1, n + 1))
    assert same_bits(restored.data, first.data)
    assert np.array_equal(restored.mask, first.mask)
    assert same_bits(restored.uncertainty.array, first.uncertainty.array)
    both = ccdcr.restore_cosmicrays(second, before, [1, 2, 3])
    assert same_bits(both.data, before.data)
    assert not (both.flags & 15).any()


def test_flags_of_the_caller_are_kept():
    before = exposure()
    before.flags = np.full(before.data.shape, 7, dtype=np.uint8)
    after = ccdcr.cosmicray_median(before)
    restored = ccdcr.restore_cosmicrays(after, before, [1])
    assert np.array_equal(restored.flags, before.flags)
    assert restored.flags is not after.flags


def test_suspects_have_nothing_to_put_back():
    before = exposure()
    after = ccdcr.cosmicray_median(before)
    after.flags[20:22, 25:28] |= 32
    assert ccdcr.cosmicray_report(after, before).n_suspects == 1
    with pytest.raises(ValueError, match="4: it was left alone, so there is nothing"):
        ccdcr.restore_cosmicrays(after, before, [1, 4])
    restored = ccdcr.restore_cosmicrays(after, before, [1, 2, 3])
    assert (restored.flags[20:22, 25:28] & 32).all()


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        ([4], ValueError, "labels must be from 1 to 3, the cosmic rays found, got 4"),
        ([0], ValueError, "got 0"),
        ([-1], ValueError, "got -1"),
        ([10**30], ValueError, "got 10"),
        ([1, 2, 1], ValueError, "labels must be given once each, got 1 again"),
        ([1.0], TypeError, "labels must be integers, got 1.0"),
        ([True], TypeError, "labels must be integers, got True"),
        (True, TypeError, "sequence of integers, got bool"),
        ("12", TypeError, "sequence of integers, got str"),
        (None, TypeError, "sequence of integers, got NoneType"),
        (2.0, TypeError, "sequence of integers, got float"),
        (np.array(2), TypeError, "sequence of integers, got ndarray"),
        ([[1, 2]], TypeError, "labels must be integers, got"),
    ],
)
def test_bad_labels(labels, error, message):
    before = exposure()
    after = ccdcr.cosmicray_median(before)
    with pytest.raises(error, match=message):
        ccdcr.restore_cosmicrays(after, before, labels)


def test_bad_frames():
    before = exposure("std")
    after = ccdcr.cosmicray_median(before)
    with pytest.raises(TypeError, match=r"before must be an astropy\.nddata\.CCDData"):
        ccdcr.restore_cosmicrays(after, before.data, [1])
    with pytest.raises(ValueError, match="must have one shape"):
        ccdcr.restore_cosmicrays(after, before[1:], [1])
    with pytest.raises(u.UnitsError, match="convert into each other"):
        ccdcr.restore_cosmicrays(after, CCDData(before.data, unit="m"), [1])
    with pytest.raises(ValueError, match="before must have an uncertainty"):
        ccdcr.restore_cosmicrays(after, CCDData(before.data, unit="adu"), [1])
    whole = CCDData(after.data.astype(int), unit="adu", mask=after.mask)
    before.data += 0.25
    with pytest.raises(ValueError, match="dtype that holds the data of before"):
        ccdcr.restore_cosmicrays(whole, before, [1])
