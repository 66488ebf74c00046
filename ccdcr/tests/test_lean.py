# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Work on parts, samples and few pixels gives what work on whole images gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy import ndimage

from ccdcr.pixels import difference, filters
from ccdcr.pixels.median_network import box_median


class TestMiddleAndSigma:
    @settings(deadline=None, max_examples=60)
    @given(
        seed=st.integers(0, 1000),
        n=st.integers(1, 3000),
        kind=st.sampled_from(["normal", "steps", "equal", "ascending", "waves"]),
        dtype=st.sampled_from(["f4", "f8"]),
    )
    def test_as_numpy_to_the_last_bit(self, seed, n, kind, dtype):
        """Also where the sample shows something else than the rest."""
        values = np.random.default_rng(seed).normal(1e3, 3, n)
        if kind == "steps":
            values = np.rint(values)
        elif kind == "equal":
            values[:] = values[0]
        elif kind == "ascending":
            values.sort()
        elif kind == "waves":
            values[:: max(1, n // 32)] *= 1e6
        values = values.astype(dtype)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(difference, "_SAMPLE", 32)
            middle, sigma = difference.middle_and_sigma(values)
        exact = values.astype(float)
        low, high = np.percentile(exact, [25, 75])
        assert (middle, sigma) == (np.median(exact), 0.7413 * (high - low))


class TestFilters:
    @pytest.mark.parametrize("size", [(3, 3), (5, 5), (2, 4), (9, 3), (41, 1)])
    @pytest.mark.parametrize("shape", [(1, 1), (7, 30), (30, 40)])
    def test_near(self, size, shape):
        mask = np.random.default_rng(1).random(shape) < 0.02
        mask[0, 0] = mask[-1, -1] = True
        given = mask.copy()
        wide = ndimage.maximum_filter(mask, size=size)
        assert_array_equal(filters.near(mask, size), wide)
        assert_array_equal(mask, given)

    @pytest.mark.parametrize("mode", ["reflect", "mirror"])
    @pytest.mark.parametrize("size", [(3, 3), (5, 5), (2, 4), (7, 7), (11, 9)])
    @pytest.mark.parametrize("share", [0.05, 0.5])
    def test_box_median_at(self, size, mode, share, monkeypatch):
        monkeypatch.setattr(filters, "CHUNK", 1000)
        rng = np.random.default_rng(1)
        image = rng.normal(size=(20, 31)).astype("f4")
        at = np.nonzero(rng.random(image.shape) < share)
        ours = filters.box_median_at(image, size, at, mode)
        assert ours.dtype == image.dtype
        assert_array_equal(ours, box_median(image, size, mode)[at])
