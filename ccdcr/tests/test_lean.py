# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Work on parts, samples and few pixels gives what work on whole images gives."""

import tracemalloc

import numpy as np
import pytest
from astropy.nddata import CCDData, StdDevUncertainty
from astroscrappy import detect_cosmics
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy import ndimage

from ccdcr import _single, cosmicray_lacosmic, cosmicray_median
from ccdcr.pixels import difference, filters, sharpness, single, slit
from ccdcr.pixels.median_network import box_median
from ccdcr.tests.conftest import frame


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


def whole_images(image, variance, sigmas, size, contrast, examined):
    """The search of `find_sharp`, every step on every pixel."""
    clean, hits = image.copy(), np.zeros(image.shape, bool)
    for _ in range(3):
        smooth = ndimage.median_filter(clean, size, mode="mirror")
        narrow = ndimage.median_filter(clean, 3, mode="mirror")
        broad = ndimage.median_filter(narrow, 7, mode="mirror")
        excess = (image - smooth) / np.sqrt(variance)
        ratio = excess / np.maximum((narrow - broad) / np.sqrt(variance), 0.5)
        wide = np.pad(image, 1, mode="reflect")
        rows = wide[:-2, 1:-1] + wide[2:, 1:-1]
        columns = wide[1:-1, :-2] + wide[1:-1, 2:]
        steep = image - 0.5 * np.minimum(rows, columns) > 0.35 * (image - broad)
        peak = (excess > sigmas[0]) & (ratio > contrast) & steep & examined
        tail = (excess > sigmas[1]) & (ratio > contrast / 2) & examined
        new = ndimage.binary_propagation(peak, np.ones((3, 3)), mask=tail | peak | hits)
        if not (new & ~hits).any():
            break
        hits |= new
        clean[hits] = smooth[hits]
    return hits


class TestSearch:
    @pytest.mark.parametrize("size", [(5, 5), (9, 3), (4, 6), (11, 11)])
    @pytest.mark.parametrize("shape", [(90, 71), (6, 200), (30, 4)])
    @pytest.mark.parametrize("share", [0.002, 0.05])
    def test_whole_images(self, size, shape, share, monkeypatch):
        """Rounds near what was taken away find what rounds on all pixels find."""
        monkeypatch.setattr(filters, "_STRIP", 700)
        image, examined = self.image(shape, share)
        variance = np.ones_like(image)
        smooth = box_median(image, size, "mirror")
        narrow = box_median(image, (3, 3), "mirror")
        search = single._Search(image, smooth, narrow, size)
        ours = search.run(lambda at: np.sqrt(variance[at]), examined, (5, 2.5), 3.3)
        expected = whole_images(image, variance, (5, 2.5), size, 3.3, examined)
        assert_array_equal(ours, expected)
        assert ours.any()
        if search.clean is not image:
            assert_array_equal(search.smooth, box_median(search.clean, size, "mirror"))
            again = box_median(search.clean, (3, 3), "mirror")
            assert_array_equal(search.narrow, again)

    @staticmethod
    def image(shape, share):
        rng = np.random.default_rng(3)
        image = rng.normal(100, 1, shape).astype("f4")
        for _ in range(3):  # hits of some pixels, at borders, too
            image += 300 * ndimage.maximum_filter(rng.random(shape) < share / 3, (1, 3))
        image[0, 0] = image[-1, -1] = 900
        return image, rng.random(shape) > 0.05

    def test_contrast_of_stars(self, monkeypatch):
        """Only pixels that may be bright are looked at."""
        monkeypatch.setattr(filters, "_STRIP", 700)
        rng = np.random.default_rng(3)
        image = np.zeros((120, 140))
        image[rng.integers(0, 120, 60), rng.integers(0, 140, 60)] = 9000
        image = ndimage.gaussian_filter(image, 0.8, mode="constant")
        image += rng.normal(100, 1, image.shape) + 3 * np.arange(120)[:, None]
        image = image.astype("f4")
        ones, usable = np.ones_like(image), rng.random(image.shape) > 0.01
        ours = sharpness.contrast_of_stars(image, ones, usable)

        narrow = ndimage.median_filter(image, 3, mode="mirror")
        broad = ndimage.median_filter(narrow, 7, mode="mirror")
        excess = image - ndimage.median_filter(image, 5, mode="mirror")
        ratio = excess / np.maximum(narrow - broad, 0.5)
        height = image - broad
        top = (image == ndimage.maximum_filter(image, 3)) & usable & (height > 50)
        faintest = ndimage.minimum_filter(height, 3, mode="mirror")
        stars = top & (faintest > 0.05 * height)
        assert stars.sum() > 20
        assert ours == 2 * np.median(ratio[stars])


class TestMemory:
    """High-water marks less what is returned, in images of single precision."""

    @staticmethod
    def frame(n):
        rng = np.random.default_rng(1)
        data = rng.normal(300, 18, (n, n)).astype("f4")
        data[rng.integers(0, n, 150), rng.integers(0, n, 150)] += 3000
        ccd = frame(data, dtype="f4", mask=rng.random((n, n)) < 0.001)
        ccd.uncertainty = StdDevUncertainty(np.full((n, n), 18, "f4"))
        return ccd

    @staticmethod
    def peak(clean, ccd):
        clean(ccd)
        tracemalloc.start()
        out = clean(ccd)
        now, high = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert out.data.dtype == np.float32
        return (high - now) / out.data.nbytes

    def test_median(self):
        ccd = self.frame(1024)

        def classic(ccd):
            return cosmicray_median(ccd, method="classic")

        assert self.peak(classic, ccd) < 3
        assert self.peak(cosmicray_median, ccd) < 6.5

    def test_lacosmic(self):
        ccd = self.frame(1024)

        def alone(ccd):
            mask, clean = detect_cosmics(
                ccd.data, inmask=ccd.mask, invar=ccd.uncertainty.array, niter=1
            )
            return CCDData(clean, mask=mask, unit="adu")

        def grown(ccd):
            return cosmicray_lacosmic(ccd, niter=1, grow=2)

        def ours(ccd):
            return cosmicray_lacosmic(ccd, niter=1)

        least = self.peak(alone, ccd)
        assert self.peak(ours, ccd) < least + 3.5
        assert self.peak(grown, ccd) < least + 3.5


@pytest.mark.parametrize("axis", [None, 1])
@pytest.mark.parametrize("grow", [0, 2])
@pytest.mark.parametrize("clean", [cosmicray_median, cosmicray_lacosmic])
def test_no_image_in_double_precision(clean, grow, axis, monkeypatch):
    """The noise, too, is in the precision of the data."""
    seen = []

    def watched(image, *arguments, **options):
        seen.append(image.dtype)
        return box_median(image, *arguments, **options)

    for module in (single, sharpness, _single, slit):
        monkeypatch.setattr(module, "box_median", watched)
    noise = []

    def measured(*arguments):
        noise.append(_single.measure_noise(*arguments))
        return noise[-1]

    module = "lacosmic" if clean is cosmicray_lacosmic else "_median_matched"
    monkeypatch.setattr(f"ccdcr.{module}.measure_noise", measured)
    ccd = TestMemory.frame(256)
    ccd.uncertainty.array = ccd.uncertainty.array.astype(float)
    clean(ccd, grow=grow, dispersion_axis=axis)
    assert set(seen) == {np.dtype("f4")}
    assert noise[0].variance.dtype == np.float32
