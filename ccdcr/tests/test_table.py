# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The table of a report against what scipy says of whole images."""

import numpy as np
import pytest
from astropy.nddata import CCDData, StdDevUncertainty
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

from ccdcr import cosmicray_report
from ccdcr.pixels import groups, table

SQUARE = np.ones((3, 3), dtype=bool)


def scene(seed, shape, density=0.1):
    """A frame before and after, some of its pixels masked or not finite."""
    rng = np.random.default_rng(seed)
    before, mask = rng.normal(100, 5, shape), rng.random(shape) < 0.02
    found = ndimage.binary_opening(rng.random(shape) < 0.6, [[1, 1]])
    found &= rng.random(shape) < 3 * density
    before[found] += rng.uniform(0, 500, shape)[found]
    low = rng.random(shape) < 0.02  # negative cores, some of which are masked
    before[low] -= rng.uniform(0, 300, shape)[low]
    before[rng.random(shape) < 0.01] = np.nan
    found &= ~mask & np.isfinite(before)
    before = CCDData(before, unit="adu", mask=mask)
    sigma = rng.uniform(2, 20, shape)
    sigma[rng.random(shape) < 0.01] = np.inf
    before.uncertainty = StdDevUncertainty(sigma)
    after = CCDData(np.where(found, 100, before.data), unit="adu", mask=mask | found)
    return after, before, found


def expected_cores(before, found, sigma):
    """Labels of groups with a pixel in or beside them below all others of 7 x 7."""
    noise = before.uncertainty.array
    usable = np.isfinite(before.data) & ~before.mask & np.isfinite(noise)
    light = np.where(usable, before.data, np.inf)
    around = np.ones((7, 7), dtype=bool)
    around[3, 3] = False
    lowest = ndimage.minimum_filter(
        light, footprint=around, mode="constant", cval=np.inf
    )
    lowest[np.isinf(lowest)] = -np.inf
    holes = usable & (lowest - light > 5 * np.maximum(sigma, noise))
    labels = ndimage.label(found, SQUARE)[0]
    touched = ndimage.binary_dilation(holes, SQUARE)
    return np.unique(labels[touched & found])


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("shape", [(60, 47), (1, 50), (50, 1), (2, 3)])
def test_against_whole_images(seed, shape):
    after, before, found = scene(seed, shape)
    labels, n = ndimage.label(found, SQUARE)
    numbers = np.arange(1, n + 1)
    report = cosmicray_report(after, before)
    got = report.table
    assert (len(got), report.n_pixels) == (n, found.sum())
    assert_array_equal(got["n_pixels"], np.bincount(labels.ravel())[1:])
    removed = before.data - after.data
    assert_allclose(got["charge"].value, ndimage.sum(removed, labels, numbers))
    weight = np.nan_to_num(removed).clip(0)
    none = np.append(False, ndimage.sum(weight, labels, numbers) == 0)
    weight[none[labels]] = 1
    centres = ndimage.center_of_mass(weight, labels, numbers)
    centres = np.reshape(centres, (n, 2))
    assert_allclose(got["y_centroid"], centres[:, 0], atol=1e-9)
    assert_allclose(got["x_centroid"], centres[:, 1], atol=1e-9)
    boxes = ndimage.find_objects(labels)
    for axis, name in enumerate("yx"):
        assert_array_equal(got[f"bbox_{name}min"], [b[axis].start for b in boxes])
        assert_array_equal(got[f"bbox_{name}max"], [b[axis].stop - 1 for b in boxes])
    sigma = table_scatter(before)
    cores = expected_cores(before, found, sigma)
    assert_array_equal(got["label"][got["suspect"] == "negative core"], cores)


def table_scatter(before):
    from ccdcr._ccd import unpack
    from ccdcr.pixels.noise import scatter

    return scatter(*unpack(before))


def test_negative_cores_were_tried():
    """The scenes of the test above hold some, also beside the borders."""
    after, before, found = scene(1, (60, 47))
    words = cosmicray_report(after, before).table["suspect"]
    assert 5 < np.count_nonzero(words == "negative core") < words.size / 2
    assert found[0].any()
    assert found[:, -1].any()


@pytest.mark.parametrize("dtype", ["f4", ">f4", "f8", ">f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_any_order_of_memory_and_bytes(dtype, order):
    after, before, _ = scene(3, (60, 47))
    before.data = before.data.astype("f4")
    after.data = after.data.astype("f4")
    want = cosmicray_report(after, before)
    for ccd in (after, before):
        ccd.data = np.asarray(ccd.data, dtype=dtype, order=order)
        ccd.mask = np.asarray(ccd.mask, order=order)
    before.uncertainty.array = np.asarray(before.uncertainty.array, dtype, order=order)
    got = cosmicray_report(after, before)
    assert got.mask.flags.c_contiguous
    assert_array_equal(got.mask, want.mask)
    for name in want.table.colnames:
        if name in ("charge_error", "significance"):  # variances in their own precision
            assert_allclose(got.table[name], want.table[name], rtol=1e-6)
        else:
            assert_array_equal(got.table[name], want.table[name], err_msg=name)


def test_large_frames_are_sampled():
    rng = np.random.default_rng(1)
    data = rng.normal(100, 5, (700, 600))
    data[300, 298:303] += [300, 300, -100, 300, 300]
    data[:, 400:] *= 3
    before = CCDData(data, unit="adu")
    mask = np.zeros(data.shape, dtype=bool)
    mask[300, 298:303] = True
    after = CCDData(data.copy(), unit="adu", mask=mask)
    assert list(cosmicray_report(after, before).table["suspect"]) == ["negative core"]
    rows = table.sample(data.shape)
    assert rows.size == 16
    assert np.ptp(rows) > 500


@given(
    st.integers(0, 2**32 - 1),
    st.tuples(st.integers(1, 30), st.integers(1, 30)),
    st.floats(0, 1),
    st.booleans(),
)
def test_joined_runs_are_groups(seed, shape, density, corners):
    mask = np.random.default_rng(seed).random(shape) < density
    labels, n = ndimage.label(mask, SQUARE if corners else None)
    at = np.flatnonzero(mask)
    start, end = groups.runs(at, shape)
    group, got = groups.join(at, start, end, shape, corners=corners)
    assert got == n
    assert_array_equal(np.repeat(group, end - start), labels[mask] - 1)


def test_pixels_outside_are_clipped():
    image = np.arange(12).reshape(3, 4)
    for given_image in (image, np.asfortranarray(image)):
        assert_array_equal(table.pick(given_image, np.array([-3, 5, 40])), [0, 5, 11])
