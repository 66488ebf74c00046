# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What holds for every frame, tried on frames that nobody chose."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_array_equal

import ccdcr
from ccdcr.tests.conftest import frame, sky

SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12)
VALUES = st.integers(-1000, 1000).map(float)


@st.composite
def pairs(draw):
    shape = draw(SHAPES)
    data = [draw(hnp.arrays(float, shape, elements=VALUES)) for _ in range(2)]
    masks = [draw(hnp.arrays(bool, shape)) for _ in range(2)]
    shift = tuple(draw(st.integers(1 - n, n - 1)) for n in shape)
    frames = [frame(d, "var", mask=m) for d, m in zip(data, masks, strict=True)]
    options = {"shift": shift, "sigma_peak": 3, "sigma_tail": 1}
    return frames, options | {"method": "classic"}


def same(one, other):
    assert_array_equal(one.data, other.data)
    assert_array_equal(one.mask, other.mask)
    assert_array_equal(one.uncertainty.array, other.uncertainty.array)


@given(pairs())
def test_pair_commutes_with_swapping(case):
    (first, second), options = case
    one = ccdcr.cosmicray_pair(first, second, **options)
    options["shift"] = tuple(-step for step in options["shift"])
    other = ccdcr.cosmicray_pair(second, first, **options)
    same(one[0], other[1])
    same(one[1], other[0])


@given(pairs())
def test_pair_commutes_with_transposing_and_flipping(case):
    frames, options = case
    wanted = ccdcr.cosmicray_pair(*frames, **options)
    dy, dx = options["shift"]
    for change, shift in (
        (np.transpose, (dx, dy)),
        (np.flipud, (-dy, dx)),
        (np.fliplr, (dy, -dx)),
    ):
        turned = [frame(change(c.data), "var", mask=change(c.mask)) for c in frames]
        out = ccdcr.cosmicray_pair(*turned, **(options | {"shift": shift}))
        for one, other in zip(wanted, out, strict=True):
            assert_array_equal(change(one.data), other.data)
            assert_array_equal(change(one.mask), other.mask)


@given(pairs(), st.integers(-30, 30))
def test_pair_commutes_with_scaling(case, exponent):
    frames, options = case
    factor = 2.0**exponent
    scaled = [
        frame(c.data * factor, "var", sigma=5 * factor, mask=c.mask) for c in frames
    ]
    for one, other in zip(
        ccdcr.cosmicray_pair(*frames, **options),
        ccdcr.cosmicray_pair(*scaled, **options),
        strict=True,
    ):
        assert_array_equal(one.data * factor, other.data)
        assert_array_equal(one.mask, other.mask)
        assert_array_equal(one.uncertainty.array * factor**2, other.uncertainty.array)


@given(pairs(), st.floats(3, 30))
def test_raising_sigma_peak_never_adds_pixels(case, sigma_peak):
    frames, options = case
    low = ccdcr.cosmicray_pair(*frames, **options)
    options["sigma_peak"] = sigma_peak
    high = ccdcr.cosmicray_pair(*frames, **options)
    for one, other in zip(low, high, strict=True):
        assert (one.mask >= other.mask).all()


@pytest.mark.filterwarnings("ignore::ccdcr.CosmicRayWarning")
@pytest.mark.parametrize("method", ["classic", "matched"])
@given(
    data=hnp.arrays(float, SHAPES, elements=VALUES),
    size=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    draw=st.data(),
)
def test_median_changes_only_what_it_flags_and_reads_no_masked_pixel(
    data, size, draw, method
):
    mask = draw.draw(hnp.arrays(bool, data.shape))
    options = {"size": size, "sigma_peak": 3, "sigma_tail": 1, "method": method}
    ccd = frame(data, "std", mask=mask)
    out = ccdcr.cosmicray_median(ccd, **options)
    assert_array_equal(out.data[~out.mask], data[~out.mask])
    assert (out.mask >= mask).all()
    worse = frame(np.where(mask, 1e30, data), "std", mask=mask)
    again = ccdcr.cosmicray_median(worse, **options)
    assert_array_equal(out.data[~mask], again.data[~mask])
    assert_array_equal(out.mask, again.mask)


@pytest.mark.parametrize("cleaner", ["cosmicray_median", "cosmicray_lacosmic"])
def test_many_threads_give_the_same_bytes(cleaner):
    ccd = frame(sky(1, (60, 60)), "std")
    ccd.data[::9, ::11] += 500
    clean = getattr(ccdcr, cleaner)
    wanted = clean(ccd)
    with ThreadPoolExecutor(4) as pool:
        for out in pool.map(clean, [ccd] * 12):
            same(out, wanted)
