# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What every cleaner promises, whatever it is given."""

import functools
import pickle

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.nddata import (
    CCDData,
    StdDevUncertainty,
    UnknownUncertainty,
    VarianceUncertainty,
)
from numpy.testing import assert_array_equal

import ccdcr
from ccdcr.tests.conftest import SHAPE, UNCERTAINTIES, frame, simple_wcs, sky

HITS = [(6, 7), (6, 8), (12, 20), (0, 15), (23, 29)]
MASKED_HIT = (16, 11)


def pair(ccd, **options):
    partner = frame(sky(2), unit=ccd.unit)
    if ccd.uncertainty is not None:
        partner.uncertainty = StdDevUncertainty(np.full(SHAPE, 5.0))
    return ccdcr.cosmicray_pair(ccd, partner, **options)[0]


def second_of_pair(ccd, **options):
    partner = frame(sky(2), unit=ccd.unit)
    if ccd.uncertainty is not None:
        partner.uncertainty = VarianceUncertainty(np.full(SHAPE, 25.0))
    return ccdcr.cosmicray_pair(partner, ccd, **options)[1]


def stack(ccd, **options):
    """The middle one of three."""
    others = [frame(sky(seed), unit=ccd.unit) for seed in (2, 3)]
    if ccd.uncertainty is not None:
        for other in others:
            other.uncertainty = StdDevUncertainty(np.full(SHAPE, 5.0))
    return ccdcr.cosmicray_stack([others[0], ccd, others[1]], **options)[1]


CLEANERS = {
    "pair": functools.partial(pair, method="classic"),
    "second of pair": functools.partial(second_of_pair, method="classic"),
    "matched pair": pair,
    "second of matched pair": second_of_pair,
    "matched stack": stack,
    "median": functools.partial(ccdcr.cosmicray_median, method="classic"),
    "matched median": ccdcr.cosmicray_median,
    "median of a spectrum": functools.partial(
        ccdcr.cosmicray_median, dispersion_axis=1
    ),
    "lacosmic": ccdcr.cosmicray_lacosmic,
    "lacosmic with skirts": functools.partial(
        ccdcr.cosmicray_lacosmic, grow=2, dispersion_axis=1, sigclip=6
    ),
}
REPLACEMENTS = ["auto", "local", None]


def dirty(kind="none", dtype=float, masks="none", **options):
    data = sky(1)
    for hit in [*HITS, MASKED_HIT]:
        data[hit] += 3000
    mask = {
        "none": None,
        "some": np.zeros(SHAPE, bool),
        "all": np.ones(SHAPE, bool),
    }[masks]
    if masks == "some":
        mask[MASKED_HIT] = mask[3, 3] = True
    return frame(data, kind, dtype=dtype, mask=mask, wcs=simple_wcs(), **options)


def snapshot(ccd):
    """All that is in a frame, as bytes and text."""
    unc = ccd.uncertainty
    return (
        ccd.data.dtype.str,
        ccd.data.tobytes(),
        None if ccd.mask is None else ccd.mask.tobytes(),
        None if unc is None else (type(unc), unc.array.dtype.str, unc.array.tobytes()),
        str(ccd.unit),
        repr(ccd.meta),
        repr(ccd.wcs),
        None if ccd.flags is None else ccd.flags.tobytes(),
    )


def cosmic_rays(after, before):
    return after.mask if before.mask is None else after.mask & ~before.mask


@pytest.mark.parametrize("meta", [dict, fits.Header])
@pytest.mark.parametrize("masks", ["none", "some", "all"])
@pytest.mark.parametrize("dtype", [">f4", "f4", "f8", "u2", "i2", "i4"])
@pytest.mark.parametrize("kind", UNCERTAINTIES)
@pytest.mark.parametrize("cleaner", CLEANERS)
def test_contract(cleaner, kind, dtype, masks, meta):
    ccd = dirty(kind, dtype, masks, meta=meta({"OBJECT": "M 1", "EXPTIME": 30.0}))
    before = snapshot(ccd)
    out = CLEANERS[cleaner](ccd)

    # 1: a new CCDData, the input as it was, nothing shared
    assert type(out) is CCDData
    assert snapshot(ccd) == before
    assert not np.shares_memory(out.data, ccd.data)
    assert out.meta is not ccd.meta
    assert out.uncertainty is None or not np.shares_memory(
        out.uncertainty.array, ccd.uncertainty.array
    )
    # 2: unit, WCS, meta, class of uncertainty and dtype are kept
    wanted = {"u2": "f4", "i2": "f4", "i4": "f8"}.get(dtype, dtype).lstrip(">")
    assert out.data.dtype == np.dtype(wanted)
    assert out.data.dtype.isnative
    assert out.unit == ccd.unit
    assert repr(out.wcs) == repr(ccd.wcs)
    assert out.wcs is not ccd.wcs
    assert type(out.meta) is (meta if meta is fits.Header else type(ccd.meta))
    assert (out.meta["OBJECT"], out.meta["EXPTIME"]) == ("M 1", 30.0)
    # 4: masks
    found = cosmic_rays(out, ccd)
    assert out.mask.dtype == bool
    masked = np.zeros(SHAPE, bool) if ccd.mask is None else ccd.mask
    assert_array_equal(out.mask & ~found, masked)
    truth = np.zeros(SHAPE, bool)
    if masks != "all":
        truth[tuple(np.transpose(HITS))] = True
        truth[MASKED_HIT] = masks == "none"
    assert found[truth].all()
    grown = 10 if "matched" in cleaner else 2  # matched takes in all neighbours
    assert np.count_nonzero(found) <= grown * np.count_nonzero(truth)
    # 3: other pixels exactly as they were
    same = ~found
    assert_array_equal(out.data[same], ccd.data[same])
    if kind == "none":
        assert out.uncertainty is None  # 6
    else:
        assert type(out.uncertainty) is type(ccd.uncertainty)
        assert_array_equal(out.uncertainty.array[same], ccd.uncertainty.array[same])
        assert (out.uncertainty.array > 0).all()
    # 5: replaced by about the sky
    assert np.abs(out.data[found] - 100).max(initial=0) < 30
    # 8, 9: the header
    assert out.meta["CCRNPIX"] == np.count_nonzero(found)
    assert out.meta["CCRNEXAM"] == np.count_nonzero(out.flags & 16)
    assert out.meta["CCRVER"] == ccdcr.__version__
    hdus = out.to_hdu()
    assert "CCRNPIX" in hdus[0].header
    assert any("ccdcr" in line for line in hdus[0].header["HISTORY"])
    hdus[0].verify("exception")
    # flags pickle, and so does the frame
    again = pickle.loads(pickle.dumps(out))
    assert_array_equal(again.flags, out.flags)
    assert out.flags.dtype == np.uint8


@pytest.mark.parametrize("replacement", REPLACEMENTS)
@pytest.mark.parametrize("kind", UNCERTAINTIES)
@pytest.mark.parametrize("cleaner", CLEANERS)
class TestEveryReplacement:
    def test_flags_tell_what_happened(self, cleaner, kind, replacement):
        ccd = dirty(kind)
        out = CLEANERS[cleaner](ccd, replacement=replacement)
        found = cosmic_rays(out, ccd)
        changed = out.data != ccd.data
        if replacement is None:
            assert not changed.any()
            assert set(out.flags[found]) == {4}
            if kind != "none":
                assert_array_equal(out.uncertainty.array, ccd.uncertainty.array)
        else:
            assert not (changed & ~found).any()
            assert changed[tuple(np.transpose(HITS))].all()
            other = cleaner.split()[-1] in ("pair", "stack") and replacement == "auto"
            assert set(out.flags[found]) == {1 if other else 2}
        assert not out.flags[~found].any()
        assert out.meta["CCRNREPL"] + out.meta["CCRNKEPT"] == out.meta["CCRNPIX"]

    def test_detection_does_not_depend_on_it(self, cleaner, kind, replacement):
        ccd = dirty(kind)
        clean = CLEANERS[cleaner]
        assert_array_equal(clean(ccd).mask, clean(ccd, replacement=replacement).mask)


@pytest.mark.parametrize("bad", [1e30, -1e30, np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("replacement", REPLACEMENTS)
@pytest.mark.parametrize("cleaner", CLEANERS)
def test_masked_pixels_are_never_read(cleaner, replacement, bad):
    ccd = dirty("std", masks="some")
    ccd.mask[6, 9] = True  # beside a hit
    other = ccd.copy()
    other.data[ccd.mask] = bad
    other.uncertainty.array[ccd.mask] = abs(bad)
    out, changed = (CLEANERS[cleaner](c, replacement=replacement) for c in (ccd, other))
    assert_array_equal(out.mask, changed.mask)
    use = ~ccd.mask
    assert_array_equal(out.data[use], changed.data[use])
    assert_array_equal(out.uncertainty.array[use], changed.uncertainty.array[use])
    assert_array_equal(out.flags, changed.flags)
    assert_array_equal(changed.data[ccd.mask], other.data[ccd.mask])


@pytest.mark.parametrize("cleaner", CLEANERS)
def test_pixels_that_are_not_finite_count_as_masked(cleaner):
    ccd = dirty("std")
    ccd.data[3, 3], ccd.data[4, 3] = np.nan, np.inf
    out = CLEANERS[cleaner](ccd)
    assert not out.mask[3:5, 3].any()
    assert (out.flags[3:5, 3] == 16).all()
    assert out.mask[6, 7]


@pytest.mark.parametrize("cleaner", CLEANERS)
def test_infinite_uncertainty_counts_as_masked_and_nan_does_not(cleaner):
    ccd = dirty("std")
    ccd.uncertainty.array[12, 20] = np.inf
    ccd.uncertainty.array[6, 7] = np.nan
    out = CLEANERS[cleaner](ccd)
    assert not out.mask[12, 20]
    assert out.flags[12, 20] == 16
    assert out.mask[6, 7]


@pytest.mark.parametrize("cleaner", CLEANERS)
def test_same_bytes_twice(cleaner):
    ccd = dirty("std", "f4", meta=fits.Header({"OBJECT": "x"}))
    assert snapshot(CLEANERS[cleaner](ccd)) == snapshot(CLEANERS[cleaner](ccd))


@pytest.mark.parametrize("order", ["F", "reversed", "every second"])
@pytest.mark.parametrize("cleaner", CLEANERS)
def test_memory_order_does_not_matter(cleaner, order):
    """Arrays that were transposed, flipped or cut out."""

    def laid_out(array):
        if array is None or order == "F":
            return None if array is None else np.asfortranarray(array)
        if order == "reversed":
            return np.ascontiguousarray(array[::-1, ::-1])[::-1, ::-1]
        return np.repeat(array, 2, axis=1)[:, ::2]

    ccd = dirty("std", "f4", "some")
    other = dirty("std", "f4", "some")
    other.data, other.mask = laid_out(ccd.data), laid_out(ccd.mask)
    other.uncertainty.array = laid_out(ccd.uncertainty.array)
    assert snapshot(CLEANERS[cleaner](other)) == snapshot(CLEANERS[cleaner](ccd))


@pytest.mark.parametrize("meta", [dict, fits.Header])
@pytest.mark.parametrize("cleaner", CLEANERS)
def test_chains(cleaner, meta):
    """The second run sees what the first left, and both are in the HISTORY."""
    ccd = dirty("std", "f4", meta=meta({"OBJECT": "x", "HISTORY": "was here before"}))
    once = ccdcr.cosmicray_median(ccd, sigma_peak=20, region=np.s_[:10, :])
    twice = CLEANERS[cleaner](once)
    assert (twice.mask >= once.mask).all()
    assert twice.mask[12, 20]
    assert not once.mask[12, 20]
    first = cosmic_rays(once, ccd)
    assert_array_equal(twice.flags[first] & 2, 2)
    assert twice.flags[12, 20] & 3
    header = twice.to_hdu()[0].header
    runs = [line for line in header["HISTORY"] if line.startswith("ccdcr ")]
    assert [line.split()[2] for line in runs] == [
        "cosmicray_median",
        header["CCRFUNC"],
    ]
    assert header["HISTORY"][0] == "was here before"
    assert header.count("CCRFUNC") == 1
    assert ("CCRSIZEY" in header) == ("median" in cleaner)


@pytest.mark.parametrize("cleaner", CLEANERS)
def test_flags_of_the_caller_are_kept(cleaner):
    ccd = dirty()
    ccd.flags = np.full(SHAPE, 7, dtype=np.uint8)
    out = CLEANERS[cleaner](ccd)
    assert_array_equal(out.flags, ccd.flags)
    assert not np.shares_memory(out.flags, ccd.flags)
    assert out.meta["CCRFLAGS"] is False
    assert out.mask.any()


@pytest.mark.parametrize("cleaner", CLEANERS)
class TestAddKeyword:
    @pytest.mark.parametrize("nothing", [None, False])
    def test_nothing(self, cleaner, nothing):
        ccd = dirty(meta={"OBJECT": "x"})
        out = CLEANERS[cleaner](ccd, add_keyword=nothing)
        assert dict(out.meta) == {"OBJECT": "x"}

    @pytest.mark.parametrize("meta", [dict, fits.Header])
    def test_cards_of_the_caller(self, cleaner, meta):
        ccd = dirty(meta=meta({"OBJECT": "x"}))
        cards = {"CRDONE": True, "CRWHO": ("me", "who did it"), "CRLONG": (1, "c" * 70)}
        out = CLEANERS[cleaner](ccd, add_keyword=cards)
        assert dict(out.meta) == {
            "OBJECT": "x",
            "CRDONE": True,
            "CRWHO": "me",
            "CRLONG": 1,
        }

    @pytest.mark.parametrize(
        "cards",
        [
            {"A": np.nan},
            {"A": [1]},
            {"A": ()},
            {"A": "x" * 99},
            {"WAY_TOO_LONG": 1},
            {5: 1},
            {"A": "é"},
            {"A": (1, "é")},
        ],
    )
    def test_cards_that_no_header_takes(self, cleaner, cards):
        with pytest.raises(ValueError, match="add_keyword must h"):
            CLEANERS[cleaner](dirty(), add_keyword=cards)

    def test_wrong_kind(self, cleaner):
        with pytest.raises(TypeError, match=r"add_keyword must be .* got str"):
            CLEANERS[cleaner](dirty(), add_keyword="done")


@pytest.mark.parametrize("cleaner", CLEANERS)
class TestRegions:
    def test_nothing_changes_outside(self, cleaner):
        ccd = dirty("std")
        out = CLEANERS[cleaner](ccd, region="[1:8,1:24]")
        found = np.argwhere(out.mask)
        assert [6, 7] in found.tolist()
        grown = cleaner in ("matched pair", "second of matched pair", "matched stack")
        assert len(found) == (6 if grown else 1)
        assert not out.mask[:, 8:].any()
        assert out.meta["CCRNEXAM"] == 24 * 22
        assert (out.flags[:, 8:] == 16).all()
        assert out.meta["CCRREG"] == "[1:8,1:24]"

    def test_exclude(self, cleaner):
        out = CLEANERS[cleaner](dirty(), exclude=np.s_[5:8, :])
        assert not out.mask[5:8].any()
        assert out.mask[12, 20]
        assert out.meta["CCREXCL"] == "[1:30,6:8]"


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (3, 30), (30, 3), (2, 2), (5, 5)])
@pytest.mark.parametrize("value", [100.0, 0.0, np.nan])
@pytest.mark.parametrize("kind", ["none", "std"])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("cleaner", ["classic", "matched", "median", "lacosmic"])
def test_nothing_to_find(cleaner, masked, kind, value, shape):
    """Tiny, constant, all masked, all NaN: valid, nothing found, no warning."""
    ccd = frame(np.full(shape, value), kind, mask=np.full(shape, masked))
    if cleaner in ("classic", "matched"):
        out = ccdcr.cosmicray_pair(ccd, ccd, method=cleaner)[0]
    else:
        out = getattr(ccdcr, f"cosmicray_{cleaner}")(ccd)
    assert_array_equal(out.mask, ccd.mask)
    assert_array_equal(out.data, ccd.data)
    assert out.meta["CCRNPIX"] == 0
    too_few = cleaner == "matched" and out.data.size < 9  # to tell anything
    unexamined = masked or np.isnan(value) or too_few
    assert out.meta["CCRNEXAM"] == unexamined * out.data.size
    report = ccdcr.cosmicray_report(out, ccd)
    assert (report.n_cosmicrays, report.n_pixels, len(report.table)) == (0, 0, 0)


def with_uncertainty(uncertainty):
    ccd = frame(sky(1))
    ccd.uncertainty = uncertainty
    return ccd


BAD_FRAMES = {
    "array": (sky(1), TypeError, "must be an astropy.nddata.CCDData"),
    "None": (None, TypeError, "CCDData.*got NoneType"),
    "complex": (
        frame(sky(1), dtype=complex),
        TypeError,
        "integers or real numbers, got dtype complex128",
    ),
    "bool": (frame(sky(1), dtype=bool), TypeError, "got dtype bool"),
    "1-D": (frame(np.ones(5)), ValueError, r"two dimensions.*got shape \(5,\)"),
    "3-D": (frame(np.ones((2, 3, 4))), ValueError, r"\(2, 3, 4\)"),
    "no pixels": (frame(np.ones((0, 5))), ValueError, r"\(0, 5\)"),
    "uncertainty of another shape": (
        with_uncertainty(StdDevUncertainty(np.ones((3, 3)))),
        ValueError,
        r"uncertainty of .* must have the shape of its data, got \(3, 3\)",
    ),
    "uncertainty without array": (
        with_uncertainty(StdDevUncertainty(None)),
        ValueError,
        r"uncertainty of .* must have the shape of its data, got \(\)",
    ),
    "complex uncertainty": (
        with_uncertainty(StdDevUncertainty(sky(1) * 1j)),
        TypeError,
        "uncertainty of .* must hold real numbers, got dtype complex128",
    ),
    "unknown uncertainty": (
        with_uncertainty(UnknownUncertainty(np.ones(SHAPE))),
        TypeError,
        "must be a StdDevUncertainty.*got UnknownUncertainty",
    ),
}


@pytest.mark.parametrize("cleaner", ["first", "second", "median", "lacosmic", "report"])
@pytest.mark.parametrize("case", BAD_FRAMES)
def test_bad_frames(case, cleaner):
    bad, error, message = BAD_FRAMES[case]
    good = CCDData(sky(1), unit="adu")
    clean = {
        "first": lambda c: ccdcr.cosmicray_pair(c, good),
        "second": lambda c: ccdcr.cosmicray_pair(good, c),
        "median": ccdcr.cosmicray_median,
        "lacosmic": ccdcr.cosmicray_lacosmic,
        "report": lambda c: ccdcr.cosmicray_report(c, good),
    }[cleaner]
    with pytest.raises(error, match=message):
        clean(bad)


@pytest.mark.parametrize("cleaner", CLEANERS)
def test_mask_of_another_shape(cleaner):
    ccd = dirty(masks="some")
    ccd.data = np.ones((5, 5))
    ccd._wcs = None
    with pytest.raises(ValueError, match=r"mask of ccd\S* must have the shape"):
        CLEANERS[cleaner](ccd)


@pytest.mark.parametrize("cleaner", CLEANERS)
def test_unit_changed_behind_the_uncertainty(cleaner):
    ccd = dirty("std")
    ccd.unit = u.electron
    with pytest.raises(u.UnitsError, match="goes with data in electron, got adu"):
        CLEANERS[cleaner](ccd)


@pytest.mark.parametrize("cleaner", ["pair", "median"])
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"sigma_peak": -1}, ValueError, "sigma_peak must be a finite number > 0.*-1"),
        ({"sigma_peak": 0}, ValueError, "sigma_peak must be a finite number > 0"),
        ({"sigma_peak": np.nan}, ValueError, "sigma_peak .* got nan"),
        ({"sigma_tail": np.inf}, ValueError, "sigma_tail .* got inf"),
        ({"sigma_tail": "3"}, TypeError, "sigma_tail must be a number, got '3'"),
        ({"sigma_peak": True}, TypeError, "sigma_peak must be a number, got True"),
        ({"sigma_tail": 11}, ValueError, "sigma_tail must not be above sigma_peak"),
        ({"max_size": 0}, ValueError, "max_size must be a whole number >= 1, got 0"),
        ({"max_size": 2.5}, TypeError, "max_size must be a whole number >= 1, got 2.5"),
        ({"max_size": True}, TypeError, "max_size"),
        ({"method": "best"}, ValueError, "method must be one of 'classic'"),
        ({"method": None}, ValueError, "method must be one of"),
        ({"replacement": "lacosmic"}, ValueError, "replacement must be one of 'auto'"),
        ({"replacement": np.ones(3)}, ValueError, "replacement must be one of"),
    ],
)
def test_bad_options(cleaner, options, error, message):
    with pytest.raises(error, match=message):
        CLEANERS[cleaner](dirty(), **options)


@pytest.mark.parametrize("cleaner", ["cosmicray_pair", "cosmicray_median"])
def test_options_are_keyword_only(cleaner):
    ccd = dirty()
    with pytest.raises(TypeError, match="positional"):
        getattr(ccdcr, cleaner)(ccd, ccd, (0, 0))
