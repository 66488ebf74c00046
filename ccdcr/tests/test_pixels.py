# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The arithmetic on plain arrays, against hand-worked and brute-force answers."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

from ccdcr.pixels import detect, difference, filters, noise, replace, saturation


class TestOverlap:
    @pytest.mark.parametrize("dy", range(-5, 6))
    @pytest.mark.parametrize("dx", range(-4, 5))
    def test_brute_force(self, dy, dx):
        shape = (4, 3)
        first, second = np.arange(12).reshape(2, 1, 6).repeat(2, 1).reshape(2, 4, 3)
        pairs = {
            (y, x, y - dy, x - dx)
            for y, x in np.ndindex(shape)
            if 0 <= y - dy < 4 and 0 <= x - dx < 3
        }
        parts = difference.overlap(shape, (dy, dx))
        if not pairs:
            assert parts is None
            return
        grid = np.mgrid[:4, :3]
        ours = np.concatenate([grid[:, *part].reshape(2, -1) for part in parts])
        assert set(map(tuple, ours.T.tolist())) == pairs
        assert first[parts[0]].shape == second[parts[1]].shape


class TestMiddleAndSigma:
    @pytest.mark.parametrize("dtype", ["f4", "f8"])
    @pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 7, 8, 100, 101, 1002, 9999])
    def test_as_numpy_to_the_last_bit(self, n, dtype):
        values = np.random.default_rng(n).normal(1e3, 1, n).astype(dtype)
        middle, sigma = difference.middle_and_sigma(values)
        exact = values.astype(float)
        assert middle == np.median(exact)
        low, high = np.percentile(exact, [25, 75])
        assert sigma == 0.7413 * (high - low)

    def test_nothing(self):
        assert np.isnan(difference.middle_and_sigma(np.zeros(0))).all()

    def test_input_is_kept(self):
        values = np.array([3.0, 1.0, 2.0])
        difference.middle_and_sigma(values)
        assert_array_equal(values, [3, 1, 2])


class TestAbove:
    @pytest.mark.parametrize("threshold", [0.1, -0.1, 1 / 3, 16777217.0, -16777217.0])
    def test_is_exact_in_single_precision(self, threshold):
        near = np.float32(threshold)
        values = np.array(
            [
                np.nextafter(near, np.float32(-np.inf)),
                near,
                np.nextafter(near, np.float32(np.inf)),
            ]
        )
        expected = [float(value) > threshold for value in values]
        assert_array_equal(detect.above(values, threshold), expected)
        assert_array_equal(
            detect.above(-values, -threshold), [float(-v) > -threshold for v in values]
        )
        assert_array_equal(
            detect.below(values, threshold), [float(v) < threshold for v in values]
        )

    def test_nan(self):
        values = np.array([np.nan, 1.0])
        assert_array_equal(detect.above(values, 0.0), [False, True])
        assert_array_equal(detect.above(values, np.nan), [False, False])


def brute_force_hysteresis(peak, tail, allowed, max_size):
    """Grow each allowed peak by flooding, pixel by pixel."""
    flagged = np.zeros(peak.shape, bool)
    for start in zip(*np.nonzero(peak & allowed), strict=True):
        seen, todo = {start}, [start]
        while todo:
            y, x = todo.pop()
            for step in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                inside = 0 <= step[0] < peak.shape[0] and 0 <= step[1] < peak.shape[1]
                if inside and tail[step] and step not in seen:
                    seen.add(step)
                    todo.append(step)
        if max_size is None or len(seen) <= max_size:
            flagged[tuple(np.transpose(list(seen)))] = True
    return flagged & allowed


def hysteresis(peak, tail, **options):
    return detect.hysteresis(tail, lambda at: peak.ravel()[at], **options)


class TestHysteresis:
    @pytest.mark.parametrize("max_size", [None, 1, 4])
    @pytest.mark.parametrize("seed", range(10))
    def test_brute_force(self, seed, max_size):
        rng = np.random.default_rng(seed)
        values = rng.random((20, 25))
        allowed = rng.random((20, 25)) < 0.8
        peak, tail = values > 0.93, values > 0.6
        found = hysteresis(peak, tail, allowed=allowed, max_size=max_size)
        expected = brute_force_hysteresis(peak, tail, allowed, max_size)
        assert_array_equal(found.flagged, expected)
        assert expected.any()

    def test_counts(self):
        tail = np.array([[1, 1, 0, 1, 0, 1], [0, 0, 0, 1, 0, 0]], bool)
        peak = np.array([[1, 0, 0, 1, 0, 0], [0, 0, 0, 1, 0, 0]], bool)
        found = hysteresis(peak, tail, max_size=2)
        assert (found.n_peaks, found.n_tails) == (2, 3)
        assert found.n_too_large == 0
        found = hysteresis(peak, tail, max_size=1)
        assert found.n_too_large == 2

    def test_nothing(self):
        none = np.zeros((3, 3), bool)
        assert not hysteresis(none, none).flagged.any()


def brute_force_median(image, size, usable):
    """Each window by itself, edges reflected."""
    out = np.full(image.shape, np.nan)
    pad = [(n // 2, n - 1 - n // 2) for n in size]
    image, usable = (np.pad(a, pad, mode="symmetric") for a in (image, usable))
    for y, x in np.ndindex(out.shape):
        window = np.s_[y : y + size[0], x : x + size[1]]
        values = image[window][usable[window]]
        if values.size == size[0] * size[1]:
            out[y, x] = np.sort(values)[values.size // 2]
        elif values.size:
            out[y, x] = np.median(values)
    return out


class TestMedian:
    @pytest.mark.parametrize("size", [(1, 1), (3, 3), (9, 3), (2, 5), (4, 4), (21, 19)])
    @pytest.mark.parametrize("share", [0.0, 0.1, 0.6, 1.0])
    def test_brute_force(self, share, size):
        rng = np.random.default_rng(4)
        image = rng.normal(size=(14, 17))
        usable = rng.random(image.shape) >= share
        given = np.where(usable, image, np.nan)
        smooth = filters.median(given, size, usable)
        assert_allclose(smooth, brute_force_median(image, size, usable), rtol=1e-15)

    def test_equals_scipy_and_keeps_single_precision(self):
        image = np.random.default_rng(4).normal(size=(40, 30)).astype("f4")
        usable = np.ones(image.shape, bool)
        smooth = filters.median(image, (9, 3), usable)
        assert_array_equal(smooth, ndimage.median_filter(image, (9, 3)))
        usable[5, 5] = False
        part = filters.median(image, (9, 3), usable)
        assert part.dtype == np.float32
        assert_array_equal(part[10:], smooth[10:])

    def test_chunks(self, monkeypatch):
        image = np.random.default_rng(4).normal(size=(40, 30))
        usable = np.random.default_rng(5).random(image.shape) > 0.5
        whole = filters.median(image, (5, 5), usable)
        monkeypatch.setattr(filters, "CHUNK", 100)
        assert_array_equal(filters.median(image, (5, 5), usable), whole)


def brute_force_mean(image, variance, donors, y, x, weights):
    """Weighted mean, its variance, and the excess scatter, by loops."""
    ry, rx = weights.shape[0] // 2, weights.shape[1] // 2
    w, values, noise = [], [], []
    for j, i in np.ndindex(weights.shape):
        yy, xx = y + j - ry, x + i - rx
        inside = 0 <= yy < image.shape[0] and 0 <= xx < image.shape[1]
        if inside and donors[yy, xx] and weights[j, i] > 0:
            w.append(weights[j, i])
            values.append(image[yy, xx])
            noise.append(variance[yy, xx])
    if not w:
        return np.nan, np.inf
    w, values, noise = np.array(w) / sum(w), np.array(values), np.array(noise)
    mean = np.sum(w * values)
    explained = np.sum(w * noise) * (1 + np.sqrt(2 * np.sum(w**2)))
    excess = np.sum(w * (values - mean) ** 2) - explained
    return mean, np.sum(w**2 * noise) + max(excess, 0)


class TestFromNeighbours:
    @pytest.mark.parametrize(
        "weights", [replace.GAUSSIAN, np.ones((3, 5)), np.ones((2, 4))]
    )
    @pytest.mark.parametrize("share", [0.2, 0.9])
    def test_brute_force(self, share, weights, monkeypatch):
        monkeypatch.setattr(replace, "CHUNK", 500)
        rng = np.random.default_rng(6)
        image = rng.normal(100, 5, (15, 18))
        variance = rng.uniform(5, 40, image.shape)
        variance[7, 7] = np.nan
        donors = rng.random(image.shape) > share
        where = rng.random(image.shape) < 0.3
        values, variances = replace.from_neighbours(
            image, variance, donors, where, weights
        )
        donors[7, 7] = False
        expected = [
            brute_force_mean(image, variance, donors, y, x, weights)
            for y, x in np.argwhere(where)
        ]
        assert_allclose(values, [mean for mean, _ in expected], rtol=1e-12)
        assert_allclose(variances, [v for _, v in expected], rtol=1e-9)
        alone = replace.from_neighbours(image, None, donors, where, weights)
        assert_allclose(alone[0], values)
        assert alone[1] is None

    def test_pull_of_a_local_fill_has_unit_width(self):
        """Flat sky: the errors that are given are the errors that are made."""
        rng = np.random.default_rng(7)
        shape = (400, 400)
        image = rng.normal(0, 3, shape)
        where = np.zeros(shape, bool)
        where[5::10, 5::10] = True
        for weights, factor in ((replace.GAUSSIAN, 1), (np.ones((5, 5)), 1)):
            values, variances = replace.from_neighbours(
                image, np.full(shape, 9.0), ~where, where, weights, efficiency=factor
            )
            assert 0.9 < np.std(values / np.sqrt(variances)) < 1.1

    def test_nothing_to_do(self):
        none = np.zeros((3, 3), bool)
        values, variances = replace.from_neighbours(
            none * 1.0, none * 1.0, ~none, none, np.ones((3, 3))
        )
        assert values.size == variances.size == 0


class TestFill:
    def test_keeps_usable_pixels_and_follows_a_slope(self):
        y, x = np.mgrid[:20, :20]
        image = 3.0 * x + y
        usable = np.ones(image.shape, bool)
        usable[10, 10] = False
        given = np.where(usable, image, 1e9)
        filled = replace.fill(given, usable)
        assert_allclose(filled, image)

    def test_wide_gaps_take_the_nearest(self):
        image = np.arange(40.0).reshape(1, 40).repeat(3, axis=0)
        usable = image < 10
        filled = replace.fill(image, usable)
        assert np.isfinite(filled).all()
        assert (filled[:, 20:] < 10).all()
        assert_array_equal(filled[:, :10], image[:, :10])


class TestNoise:
    def test_scatter_ignores_sources_and_unusable_pixels(self):
        rng = np.random.default_rng(1)
        image = rng.normal(100, 3, (200, 200))
        usable = np.ones(image.shape, bool)
        usable[::7] = False
        image[~usable] = np.nan
        image[50:60, 50:60] += 1e5
        assert_allclose(noise.scatter(image, usable), 3, rtol=0.03)

    @pytest.mark.parametrize("shape", [(1, 1), (1, 5), (4, 4)])
    def test_scatter_that_cannot_be_known(self, shape):
        image = np.full(shape, 7.0)
        assert noise.scatter(image, np.ones(shape, bool)) == 0
        assert noise.scatter(image, np.zeros(shape, bool)) == 0

    @pytest.mark.parametrize("sigma", [1e-20, 0.3, 1.0, 1e12])
    def test_scale(self, sigma):
        image = np.zeros((3, 3))
        scale = noise.scale_to_unity(image, image == 0, np.full((3, 3), sigma**2))
        assert 0.7 < scale * sigma < 1.42
        assert np.frexp(scale)[0] == 0.5

    def test_scale_without_noise(self):
        image = np.array([[0.0, 8192.0]])
        none = np.zeros((1, 2))
        assert noise.scale_to_unity(image, image >= 0, none) == 1 / 8
        assert noise.scale_to_unity(none, image >= 0, none) == 1

    def test_photons(self):
        image = np.array([[-5.0, 0.0, 20.0, np.nan]])
        variance = noise.photon_variance(image, np.isfinite(image), 2.0, 6.0)
        assert_allclose(variance, [[9, 9, 19, 9]])


class TestSaturation:
    def test_a_star_and_a_hit(self):
        image = np.full((40, 40), 100.0)
        image[10:15, 10:15] = 5000
        image[30, 20:23] = 5000
        usable = np.ones(image.shape, bool)
        mask = saturation.around_saturated(image, usable, 5000, None)
        assert mask[10:15, 10:15].all()
        assert mask[8, 8]
        assert mask[6, 12]
        assert not mask[5].any()
        assert not mask[30].any()

    def test_a_mask(self):
        given = np.zeros((20, 20), bool)
        given[10, 10] = True
        image = np.zeros((20, 20))
        mask = saturation.around_saturated(image, image == 0, None, given)
        assert mask[10, 6:15].all()
        assert mask.sum() == mask[6:15, 6:15].sum()

    def test_neither(self):
        image = np.zeros((5, 5))
        assert not saturation.around_saturated(image, image == 0, None, None).any()


class TestNotBesideSources:
    def test_flat_and_steep(self):
        """Beside a gap a hit on a flat sky is kept, one on a slope is not."""
        image = np.full((30, 30), 100.0)
        image[:, 15:] += 200.0 * np.arange(15)
        variance = np.full(image.shape, 25.0)
        gaps, hits = np.zeros((2, 30, 30), bool)
        gaps[5, 5] = gaps[20, 20] = True
        hits[5, 6] = hits[20, 21:24] = hits[12, 25] = True
        kept = detect.not_beside_sources(hits, gaps, image, variance)
        expected = np.zeros(image.shape, bool)
        expected[5, 6] = expected[12, 25] = True  # the last is beside no gap
        assert_array_equal(kept, expected)

    def test_without_gaps(self):
        hits = np.eye(5, dtype=bool)
        none = np.zeros((5, 5))
        assert detect.not_beside_sources(hits, none > 0, none, none) is hits
