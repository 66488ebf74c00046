# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The edge: from CCDData to arrays and back, element by element."""

import numpy as np
import pytest
from astropy import units as u
from astropy.nddata import (
    CCDData,
    FlagCollection,
    InverseVariance,
    StdDevUncertainty,
    VarianceUncertainty,
)
from numpy.testing import assert_allclose, assert_array_equal

from ccdcr import _ccd
from ccdcr.tests.conftest import simple_wcs

KINDS = {
    "std": (StdDevUncertainty, 1, lambda v: v**0.5),
    "var": (VarianceUncertainty, 2, lambda v: v),
    "ivar": (InverseVariance, -2, lambda v: 1 / v),
}


def made(data, **options):
    return CCDData(np.asarray(data), unit=options.pop("unit", "adu"), **options)


class TestUnpack:
    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ("i1", "f4"),
            ("u2", "f4"),
            (">i2", "f4"),
            ("i4", "f8"),
            ("u8", "f8"),
            ("f2", "f4"),
            ("f4", "f4"),
            (">f4", "f4"),
            ("f8", "f8"),
            (">f8", "f8"),
            ("g", "f8"),
        ],
    )
    def test_precision_and_order_of_bytes(self, given, expected):
        """Every number of two bytes has a float of four, others need eight."""
        data, usable = _ccd.unpack(made(np.array([[1, 2], [3, 100]], dtype=given)))
        assert data.dtype == np.dtype(expected)
        assert data.dtype.isnative
        assert_array_equal(data, [[1, 2], [3, 100]])
        assert usable.all()

    def test_the_own_array_where_it_can_be(self):
        ccd = made(np.ones((2, 3)))
        assert _ccd.unpack(ccd)[0] is ccd.data

    def test_what_is_usable(self):
        """Neither masked, nor not finite, nor without information."""
        data = [[1, np.nan, 3], [np.inf, 5, 6], [7, 8, -np.inf]]
        mask = np.array([[0, 0, 1], [0, 0, 0], [0, 0, 0]])
        expected = np.array([[1, 0, 0], [0, 1, 1], [1, 1, 0]], dtype=bool)
        assert_array_equal(_ccd.unpack(made(data))[1][0], [True, False, True])
        assert_array_equal(_ccd.unpack(made(data, mask=mask))[1], expected)
        for name, nothing, something in (
            ("std", np.inf, 0),
            ("var", np.inf, 0),
            ("ivar", 0, np.inf),
        ):
            array = np.full((3, 3), 4.0)
            array[1, 1], array[2, 0], array[2, 1] = nothing, something, np.nan
            ccd = made(data, mask=mask, uncertainty=KINDS[name][0](array))
            less = expected.copy()
            less[1, 1] = False
            assert_array_equal(_ccd.unpack(ccd)[1], less)

    def test_the_mask_is_left_alone(self):
        ccd = made([[np.nan, 1.0]], mask=np.array([[False, True]]))
        _ccd.unpack(ccd)
        assert_array_equal(ccd.mask, [[False, True]])


class TestVariance:
    VARIANCES = np.array([[0.25, 4.0, 9.0], [16.0, 100.0, 1.0]])

    @pytest.mark.parametrize("milli", [False, True])
    @pytest.mark.parametrize("kind", KINDS)
    def test_of_every_class_and_in_other_units(self, kind, milli):
        """A thousandth of adu is 1e6 times less in the square."""
        cls, power, of_variance = KINDS[kind]
        unit = u.Unit("0.001 adu") ** power if milli else None
        array = of_variance(self.VARIANCES * (1e6 if milli else 1))
        ccd = made(np.zeros((2, 3)), uncertainty=cls(array, unit=unit))
        assert_allclose(_ccd.variance(ccd), self.VARIANCES)
        at = np.array([[False, True, False], [True, False, False]])
        assert_allclose(_ccd.variance(ccd, at), [4, 16])
        assert_allclose(_ccd.with_variance(ccd, self.VARIANCES), array)
        assert_allclose(
            _ccd.with_variance(ccd, np.array([np.inf, 4])),
            [0 if kind == "ivar" else np.inf, of_variance(4 * (1e6 if milli else 1))],
        )

    def test_the_unit_of_the_data_need_not_be_that_of_the_uncertainty(self):
        ccd = made([[0.0]], unit=u.Unit("1000 adu"))
        ccd.uncertainty = StdDevUncertainty([[500.0]], unit="adu")
        assert_allclose(_ccd.variance(ccd), 0.25)

    @pytest.mark.parametrize("kind", KINDS)
    def test_no_unit_is_that_of_the_data(self, kind):
        array = KINDS[kind][2](self.VARIANCES)
        ccd = made(np.zeros((2, 3)), unit=u.Unit("2 adu"))
        ccd.uncertainty = KINDS[kind][0](array)
        ccd.uncertainty.unit = None
        assert_allclose(_ccd.variance(ccd), self.VARIANCES)
        assert_allclose(_ccd.with_variance(ccd, self.VARIANCES), array)

    @pytest.mark.parametrize("kind", KINDS)
    def test_what_is_not_known(self, kind):
        """Negative, not a number, or none; the frame stays as it is."""
        given = np.array([[-1.0, np.nan, 0.0, np.inf]], dtype="f4")
        ccd = made(np.zeros((1, 4)), uncertainty=KINDS[kind][0](given.copy()))
        found = _ccd.variance(ccd)
        assert found.dtype == np.float64
        ends = [np.inf, 0] if kind == "ivar" else [0, np.inf]
        assert_array_equal(found, [[np.nan, np.nan, *ends]])
        assert_array_equal(ccd.uncertainty.array, given)

    def test_beyond_the_range_of_numbers(self):
        with np.errstate(all="raise"):
            one = made([[0.0]], uncertainty=StdDevUncertainty([[1e200]]))
            assert _ccd.variance(one)[0, 0] == np.inf
            other = made([[0.0]], uncertainty=InverseVariance([[1.0]]))
            assert _ccd.with_variance(other, np.zeros(1))[0] == np.inf
            assert _ccd.with_variance(other, np.array([1e-310]))[0] == np.inf


class TestCompanion:
    CCD = made(np.zeros((2, 3)), unit="adu")

    def test_a_frame_in_another_unit(self):
        image = made(
            np.arange(6.0).reshape(2, 3),
            unit=u.Unit("10 adu"),
            mask=np.eye(2, 3, dtype=bool),
            uncertainty=StdDevUncertainty(np.full((2, 3), 3.0)),
        )
        data, usable, variances = _ccd.companion("dark", image, self.CCD)
        assert_allclose(data, [[0, 10, 20], [30, 40, 50]])
        assert_array_equal(usable, ~np.eye(2, 3, dtype=bool))
        assert_allclose(variances, 900)

    def test_arrays_and_quantities(self):
        """A bare array is in the unit of the frame; a masked one says what counts."""
        array = np.arange(6).reshape(2, 3)
        for given, factor in (
            (array, 1),
            (array * u.adu, 1),
            (array * u.Unit("10 adu"), 10),
            (array * u.Unit("2 adu"), 2),
            (np.ma.array(array), 1),
        ):
            data, usable, variances = _ccd.companion("dark", given, self.CCD)
            assert_allclose(data, factor * array)
            assert usable.all()
            assert variances is None
        own = made(np.ones((2, 3)))
        assert _ccd.companion("dark", own, self.CCD)[0] is own.data
        masked = np.ma.array(array, mask=array == 2)
        data, usable, variances = _ccd.companion("dark", masked, self.CCD)
        assert_array_equal(usable, array != 2)
        # the next one is not masked for that
        assert _ccd.companion("dark", array, self.CCD)[1].all()

    @pytest.mark.parametrize(
        "wrong",
        ["dark.fits", [[1.0, 2, 3]], np.ones((2, 3), bool), np.ones((2, 3), "c8")],
    )
    def test_what_is_no_image(self, wrong):
        message = (
            "dark must be a CCDData, a Quantity or an array of numbers, "
            f"got {type(wrong).__name__}"
        )
        with pytest.raises(TypeError) as error:
            _ccd.companion("dark", wrong, self.CCD)
        assert str(error.value) == message

    def test_another_shape_or_unit(self):
        with pytest.raises(ValueError, match=r"^dark must have") as error:
            _ccd.companion("dark", np.zeros((3, 2)), self.CCD)
        assert str(error.value) == (
            "dark must have the shape of the data, got (3, 2) with data of (2, 3)"
        )
        with pytest.raises(u.UnitsError, match=r"^ccd and dark must have units"):
            _ccd.companion("dark", np.zeros((2, 3)) * u.s, self.CCD)
        with pytest.raises(ValueError, match="dark must have two dimensions"):
            _ccd.companion("dark", np.zeros(3), self.CCD)


FLAGGED = np.array([[1, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]], dtype=bool)
NONE = np.zeros(FLAGGED.shape, dtype=bool)


def frame(**options):
    data = np.arange(12.0).reshape(3, 4)
    return made(data, **{"meta": {"OBJECT": ["M 31"]}, **options})


class TestRepack:
    def repack(self, ccd, values=(50, np.nan, 70), variances=None, **options):
        options = {"bit": 1, "not_examined": NONE, **options}
        values = None if values is None else np.array(values, dtype=float)
        return _ccd.repack(ccd, FLAGGED, values, variances, **options)

    def test_flagged_pixels_only(self):
        """The second has no new value; the first two are one cosmic ray."""
        out, counts = self.repack(frame())
        expected = np.arange(12.0).reshape(3, 4)
        expected[0, 0], expected[1, 3] = 50, 70
        assert_array_equal(out.data, expected)
        assert_array_equal(out.mask, FLAGGED)
        assert_array_equal(out.flags, [[1, 4, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]])
        assert out.flags.dtype == np.uint8
        assert out.uncertainty is None
        assert counts == {
            "CCRNOBJ": 2,
            "CCRNPIX": 3,
            "CCRNREPL": 2,
            "CCRNKEPT": 1,
            "CCRNEXAM": 0,
        }

    def test_nothing_is_to_be_replaced(self):
        noise = StdDevUncertainty(np.full(FLAGGED.shape, 3.0))
        out, counts = self.repack(frame(uncertainty=noise), None)
        assert_array_equal(out.data, frame().data)
        assert_array_equal(out.uncertainty.array, 3)
        assert_array_equal(out.flags, 4 * FLAGGED)
        assert (counts["CCRNREPL"], counts["CCRNKEPT"]) == (0, 3)

    @pytest.mark.parametrize("kind", KINDS)
    def test_uncertainties(self, kind):
        """Infinite, which is no information, where there is no new value."""
        cls, _, of_variance = KINDS[kind]
        noise = cls(np.full(FLAGGED.shape, of_variance(4.0)))
        variances = np.array([9.0, 16.0, 25.0])
        out, _ = self.repack(frame(uncertainty=noise), variances=variances)
        expected = np.full(FLAGGED.shape, of_variance(4.0))
        expected[0, 0], expected[1, 3] = of_variance(9.0), of_variance(25.0)
        expected[0, 1] = 0 if kind == "ivar" else np.inf
        assert type(out.uncertainty) is cls
        assert_allclose(out.uncertainty.array, expected)
        assert_array_equal(noise.array, of_variance(4.0))

    def test_an_uncertainty_beyond_its_own_range(self):
        """Of single precision it is infinite, and no error."""
        noise = VarianceUncertainty(np.ones(FLAGGED.shape, dtype="f4"))
        with np.errstate(all="raise"):
            out, _ = self.repack(frame(uncertainty=noise), variances=np.full(3, 1e300))
        assert out.uncertainty.array.dtype == np.float32
        assert np.isinf(out.uncertainty.array[FLAGGED]).all()

    def test_bits(self):
        """One for all or one for each; of those not replaced that of both exposures."""
        bits = np.array([2, 1 | 8, 1 | 8], dtype=np.uint8)
        assert_array_equal(self.repack(frame(), bit=bits)[0].flags[FLAGGED], [2, 12, 9])
        assert_array_equal(self.repack(frame(), bit=2)[0].flags[FLAGGED], [2, 4, 2])
        assert_array_equal(
            self.repack(frame(), None, bit=bits)[0].flags[FLAGGED], [4, 12, 12]
        )

    def test_suspects_and_what_was_not_examined(self):
        not_examined, suspects = NONE.copy(order="F"), NONE.copy()
        not_examined[2, :3] = suspects[0, 3] = suspects[2, 0] = True
        out, counts = self.repack(frame(), not_examined=not_examined, suspects=suspects)
        expected = [[1, 4, 0, 32], [0, 0, 0, 1], [48, 16, 16, 0]]
        assert_array_equal(out.flags, expected)
        assert out.flags.flags.c_contiguous
        assert counts["CCRNEXAM"] == 3

    def test_flags_of_an_earlier_run(self):
        """They stay, but what it left alone and this one did not."""
        flags = np.array([[32, 2, 8, 0], [0, 0, 0, 33], [0, 32, 0, 0]], dtype=np.uint8)
        ccd = frame(flags=flags.copy(), meta={"CCRFLAGS": True})
        suspects = NONE.copy()
        suspects[1, 0] = True
        out, _ = self.repack(ccd, suspects=suspects)
        assert_array_equal(out.flags, [[1, 6, 8, 0], [32, 0, 0, 1], [0, 32, 0, 0]])
        assert_array_equal(ccd.flags, flags)

    @pytest.mark.parametrize(
        ("flags", "meta"),
        [
            (np.ones(FLAGGED.shape, np.uint8), {}),
            (np.ones(FLAGGED.shape, np.uint8), {"CCRFLAGS": False}),
            (np.ones(FLAGGED.shape, np.uint8), {"CCRFLAGS": 1}),
            (np.ones(FLAGGED.shape, np.uint16), {"CCRFLAGS": True}),
            (np.full(FLAGGED.shape, "hot"), {"CCRFLAGS": True}),
        ],
    )
    def test_flags_of_another_kind(self, flags, meta):
        """They are kept, as a copy."""
        ccd = frame(flags=flags, meta=meta)
        assert not _ccd.owns_flags(ccd)
        out, _ = self.repack(ccd)
        assert_array_equal(out.flags, flags)
        assert not np.may_share_memory(out.flags, ccd.flags)

    def test_flags_of_many_kinds(self):
        """As astropy keeps them: more than one array, which have no common dtype."""
        flags = FlagCollection(shape=FLAGGED.shape)
        flags["hot"] = FLAGGED
        ccd = frame(flags=flags, meta={"CCRFLAGS": True})
        assert not _ccd.owns_flags(ccd)
        out, _ = self.repack(ccd)
        assert_array_equal(out.flags["hot"], FLAGGED)
        assert not np.may_share_memory(out.flags["hot"], ccd.flags["hot"])

    def test_flags_that_are_free(self):
        assert _ccd.owns_flags(frame())
        flags = np.ones(FLAGGED.shape, np.uint8)
        assert _ccd.owns_flags(frame(flags=flags, meta={"CCRFLAGS": True}))

    @pytest.mark.parametrize("order", ["C", "F"])
    def test_a_copy_of_everything(self, order):
        """In memory of its own, row by row, also its header and its coordinates."""
        mask = NONE.copy()
        mask[2, 2] = True
        ccd = frame(
            mask=mask,
            uncertainty=StdDevUncertainty(np.ones(FLAGGED.shape, order=order)),
            wcs=simple_wcs(),
            psf=np.ones((3, 3)),
        )
        ccd.data = np.asarray(ccd.data, order=order)
        out, _ = self.repack(ccd, variances=np.ones(3))
        assert type(out) is CCDData
        assert_array_equal(out.mask, mask | FLAGGED)
        assert_array_equal(ccd.mask, mask)
        assert_array_equal(ccd.data, frame().data)
        for ours, theirs in (
            (out.data, ccd.data),
            (out.mask, ccd.mask),
            (out.uncertainty.array, ccd.uncertainty.array),
            (out.psf, ccd.psf),
        ):
            assert not np.may_share_memory(ours, theirs)
            assert ours.flags.c_contiguous
        assert out.meta == ccd.meta
        assert out.meta["OBJECT"] is not ccd.meta["OBJECT"]
        assert out.wcs is not ccd.wcs
        assert out.wcs.to_header() == ccd.wcs.to_header()
        assert_array_equal(out.psf, ccd.psf)
        assert out.unit == ccd.unit

    @pytest.mark.parametrize(
        ("given", "expected"),
        [("u2", "f4"), (">i4", "f8"), (">f4", "f4"), ("f2", "f2")],
    )
    def test_precision(self, given, expected):
        noise = StdDevUncertainty(np.ones(FLAGGED.shape, dtype=given))
        ccd = made(np.ones(FLAGGED.shape, dtype=given), uncertainty=noise)
        out, _ = self.repack(ccd, variances=np.ones(3))
        assert out.data.dtype == out.uncertainty.array.dtype == np.dtype(expected)

    def test_a_mask_of_numbers_is_one_of_truths(self):
        ccd = frame()
        ccd.mask = np.zeros(FLAGGED.shape, dtype=np.uint8)
        ccd.mask[2, 3] = 4
        out, _ = self.repack(ccd)
        expected = FLAGGED.copy()
        expected[2, 3] = True
        assert out.mask.dtype == bool
        assert_array_equal(out.mask, expected)


def test_numbers_end_silently_whatever_the_caller_has_set(monkeypatch):
    monkeypatch.undo()  # what tests set
    with np.errstate(all="raise"), _ccd.own_arithmetic():
        assert set(np.geterr().values()) == {"ignore"}


def test_bits_have_words():
    named = {getattr(_ccd, name) for name in dir(_ccd) if name.startswith("FLAG_")}
    assert named == set(_ccd.FLAGS) == {1, 2, 4, 8, 16, 32}
    assert _ccd.OTHER_FLAGS == 255 - 15
