# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The classic single-image median-filter method."""

import functools

import numpy as np
import pytest
from astropy import units as u
from astropy.nddata import CCDData, StdDevUncertainty
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

from ccdcr import cosmicray_median
from ccdcr.tests.conftest import SHAPE, frame, sky

classic = functools.partial(cosmicray_median, method="classic")


def dirty(kind="none", hits=((6, 7), (6, 8), (12, 20)), **options):
    data = sky(1)
    for hit in hits:
        data[hit] += 1000
    return frame(data, kind, **options)


@pytest.mark.parametrize("size", [(9, 3), (5, 5), (4, 6), (2, 3), (1, 7), (50, 50)])
def test_as_published(size):
    """Flag by d > m + 10 s with tails of 3 s, replace by the filtered image + m."""
    ccd = dirty()
    smooth = ndimage.median_filter(ccd.data, size=size)
    d = ccd.data - smooth
    m = np.median(d)
    s = 0.7413 * np.subtract(*np.percentile(d, [75, 25]))
    labels, _ = ndimage.label(d > m + 3 * s)
    kept = np.unique(labels[d > m + 10 * s])
    mask = np.isin(labels, kept[kept > 0])
    assert mask[12, 20]
    out = classic(ccd, size=size)
    assert_array_equal(out.mask, mask)
    assert_allclose(out.data, np.where(mask, smooth + m, ccd.data), rtol=1e-14)
    assert_allclose(out.meta["CCRSIGMA"], s)
    assert (out.meta["CCRSIZEY"], out.meta["CCRSIZEX"]) == size


@pytest.mark.parametrize("size", [3, (3,), (3, 3, 3), (0, 3), (-1, 3), (2.5, 3), "ab"])
def test_size_refused(size):
    with pytest.raises((TypeError, ValueError), match="size must be two integers >= 1"):
        classic(dirty(), size=size)


def test_variance_by_hand():
    """pi/2 times that of a mean of the 8 good neighbours, which do not scatter."""
    ccd = frame(np.full(SHAPE, 100.0), "std", sigma=4)
    ccd.data[12, 20] += 1000
    out = classic(ccd, size=(3, 3))
    assert_allclose(out.uncertainty.array[12, 20] ** 2, np.pi / 2 * 16 / 8)


def test_variance_takes_in_unexplained_scatter():
    """A median of pixels that differ by more than their noise is not well known."""
    data = np.full(SHAPE, 100.0)
    data[:, ::2] += 30
    ccd = frame(data, "var", sigma=2)
    ccd.data[12, 20] += 5000
    out = classic(ccd, size=(3, 3))
    neighbours = np.delete(data[11:14, 19:22].ravel(), 4)
    excess = np.mean((neighbours - out.data[12, 20]) ** 2) - 4 * (1 + 0.5)
    assert_allclose(out.uncertainty.array[12, 20], np.pi / 2 * 4 / 8 + excess)


def test_old_bad_pixels_keep_value_and_uncertainty():
    ccd = dirty("std", mask=np.zeros(SHAPE, bool))
    ccd.mask[6, 9] = True
    ccd.data[6, 9] = -7
    ccd.uncertainty.array[6, 9] = 999
    out = classic(ccd)
    assert (out.data[6, 9], out.uncertainty.array[6, 9]) == (-7, 999)


def test_nothing_honest_to_replace_it():
    """No good neighbour within reach: flagged, kept, uncertainty infinite."""
    ccd = dirty("std", hits=[(11, 11)], mask=np.zeros(SHAPE, bool))
    ccd.mask[6:17, 6:17] = True
    ccd.mask[11, 11] = False
    model = np.full(SHAPE, 100.0)
    out = classic(ccd, reference=model, replacement="local")
    assert out.mask[11, 11]
    assert out.data[11, 11] == ccd.data[11, 11]
    assert out.uncertainty.array[11, 11] == np.inf
    assert out.flags[11, 11] == 4
    assert (out.meta["CCRNREPL"], out.meta["CCRNKEPT"]) == (0, 1)


class TestReference:
    def test_model_of_the_user(self):
        ccd = dirty()
        model = 100 + np.arange(SHAPE[1]) * 50.0 * np.ones(SHAPE)
        ccd.data += model - 100
        out = classic(ccd, reference=model)
        assert_array_equal(np.argwhere(out.mask), [(6, 7), (6, 8), (12, 20)])
        level = out.meta["CCRLEVEL"]
        assert_allclose(out.data[12, 20], model[12, 20] + level)
        assert out.meta["CCRREF"] == "reference given"
        assert out.meta["CCRSIZEY"] == "none"

    def test_uncertainty_is_that_of_the_model(self):
        ccd = dirty("std")
        model = frame(np.full(SHAPE, 100.0), "var", sigma=0.5)
        out = classic(ccd, reference=model)
        assert_allclose(out.uncertainty.array[12, 20], 0.5)

    def test_without_it_is_infinite_and_the_value_is_replaced(self):
        out = classic(dirty("std"), reference=np.full(SHAPE, 100.0))
        assert out.data[12, 20] < 150
        assert out.uncertainty.array[12, 20] == np.inf
        assert out.flags[12, 20] == 2

    def test_pixels_it_does_not_know_are_not_examined(self):
        model = np.full(SHAPE, 100.0)
        model[6, 7] = np.nan
        masked = CCDData(np.full(SHAPE, 100.0), unit="adu", mask=np.zeros(SHAPE, bool))
        masked.mask[6, 7] = True
        for reference in (model, masked):
            out = classic(dirty(), reference=reference)
            assert not out.mask[6, 7]
            assert out.flags[6, 7] == 16
            assert out.meta["CCRNEXAM"] == 1

    @pytest.mark.parametrize("unit", ["adu", "1000 adu"])
    def test_units_convert(self, unit):
        model = np.full(SHAPE, 100.0) * u.adu
        ccd = dirty("std")
        out = classic(ccd, reference=model.to(unit))
        assert_allclose(out.data[12, 20], 100 + out.meta["CCRLEVEL"])
        scale = u.Unit(unit).to(u.adu)
        sigma = StdDevUncertainty(np.full(SHAPE, 2 / scale))
        reference = CCDData(model.to(unit), uncertainty=sigma)
        out = classic(ccd, reference=reference)
        assert_allclose(out.uncertainty.array[12, 20], 2)

    @pytest.mark.parametrize(
        ("reference", "error", "message"),
        [
            (np.ones((3, 3)), ValueError, r"reference must have the shape of the data"),
            ("flat", TypeError, "reference must be a CCDData, a Quantity or an array"),
            (np.ones(SHAPE) * u.s, u.UnitsError, "ccd and reference must have units"),
        ],
    )
    def test_refused(self, reference, error, message):
        with pytest.raises(error, match=message):
            classic(dirty(), reference=reference)


@pytest.mark.parametrize("size", [(True, 3), (3, np.True_), {3, 5}, 3, "33"])
def test_a_size_is_two_whole_numbers(size):
    with pytest.raises(TypeError, match="size must be two integers >= 1"):
        cosmicray_median(frame(sky(1)), size=size)
