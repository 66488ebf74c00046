# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Which pixels stick out and which are left alone: limits by hand, and plain loops."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import ndimage

from ccdcr.pixels import detect

SQUARE = np.ones((3, 3), bool)


class TestLimits:
    @pytest.mark.parametrize("dtype", ["f4", "f8"])
    @pytest.mark.parametrize("threshold", [0.5, 0.0, -3.0])
    def test_at_a_number_that_is_exact(self, threshold, dtype):
        """What is at the limit is neither above nor below."""
        limit = np.dtype(dtype).type(threshold)
        far = np.dtype(dtype).type(np.inf)
        less, more = np.nextafter(limit, -far), np.nextafter(limit, far)
        values = np.array([less, limit, more])
        above, below = (f(values, threshold) for f in (detect.above, detect.below))
        assert above.tolist() == [False, False, True]
        assert below.tolist() == [True, False, False]

    def test_beyond_single_precision(self):
        values = np.array([-np.inf, 0, np.finfo("f4").max, np.inf], "f4")
        assert detect.above(values, 1e300).tolist() == [False, False, False, True]
        assert detect.below(values, 1e300).tolist() == [True, True, True, False]
        assert detect.below(values, -1e300).tolist() == [True, False, False, False]


class TestHysteresis:
    def find(self, tail, peak, **options):
        tail, peak = np.array(tail, bool), np.array(peak, bool)
        found = detect.hysteresis(tail, lambda at: peak.ravel()[at], **options)
        return found.flagged.astype(int).tolist(), *found[1:]

    def test_corners_do_not_touch(self):
        """Neither those of peaks, which are counted first, nor those of tails."""
        tail = [[1, 0, 1, 1], [0, 1, 0, 1]]
        peak = [[1, 0, 0, 0], [0, 1, 0, 1]]
        flagged = [[1, 0, 1, 1], [0, 1, 0, 1]]
        assert self.find(tail, peak) == (flagged, 3, 3, 0)
        flagged = [[1, 0, 0, 0], [0, 1, 0, 0]]
        assert self.find(tail, peak, max_size=2) == (flagged, 3, 3, 1)

    def test_as_large_as_it_may_be(self):
        """What has no peak is none, however small."""
        tail, peak = [[1, 1, 0, 1, 1, 1, 0, 1]], [[0, 1, 0, 1, 0, 0, 0, 0]]
        flagged = [[1, 1, 0, 0, 0, 0, 0, 0]]
        assert self.find(tail, peak, max_size=2) == (flagged, 2, 3, 1)

    def test_allowed(self):
        """A peak must be; of its object the size counts beyond, the rest does not."""
        tail, peak = [[1, 1, 0, 1, 1]], [[1, 0, 0, 0, 1]]
        allowed = np.array([[True, False, True, True, False]])
        assert self.find(tail, peak, allowed=allowed) == ([[1, 0, 0, 0, 0]], 2, 2, 0)
        none = [[0, 0, 0, 0, 0]]
        found = self.find(tail, peak, allowed=allowed, max_size=1)
        assert found == (none, 2, 2, 1)

    def test_peaks_that_touch_are_one(self):
        assert self.find([[1, 1, 1, 1]], [[1, 1, 0, 1]])[1:] == (2, 1, 0)


class TestChoose:
    HITS = np.array(
        [[1, 0, 0, 0, 1], [0, 1, 0, 0, 1], [0, 0, 0, 0, 1], [1, 0, 0, 0, 0]], bool
    )

    def test_everything(self):
        hits = self.HITS.copy()
        assert detect.choose(hits, None, None) == (hits, 0)

    @pytest.mark.parametrize(("size", "n"), [(0, 3), (1, 2), (2, 1), (3, 0), (9, 0)])
    def test_size(self, size, n):
        """Of 2 pixels that touch at a corner, of 3 in a column, and of one."""
        kept, too_large = detect.choose(self.HITS, None, size)
        labels, _ = ndimage.label(self.HITS, SQUARE)
        sizes = np.bincount(labels.ravel())[labels]
        assert_array_equal(kept, self.HITS & (sizes <= size))
        assert too_large == n

    def test_region(self):
        """It cuts off what is outside of it, after sizes have been looked at."""
        allowed = np.zeros(self.HITS.shape, bool)
        allowed[:, :2] = allowed[2] = True
        before = self.HITS.copy()
        for size, n in ((None, 0), (2, 1)):
            kept, too_large = detect.choose(self.HITS, allowed, size)
            wanted = self.HITS & allowed
            wanted[2, 4] = size is None
            assert_array_equal(kept, wanted)
            assert too_large == n
        assert_array_equal(self.HITS, before)

    def test_nothing(self):
        none = self.HITS & False
        kept, n = detect.choose(none, self.HITS, 4)
        assert not kept.any()
        assert n == 0


def lines_by_loops(hits):
    """Hits of the rows, and of the columns, that are no cosmic rays."""
    out = np.zeros_like(hits)
    for image, mask in ((hits, out), (hits.T, out.T)):
        n = image.shape[1]
        for row, line in enumerate(image):
            pieces = "".join("x" if hit else " " for hit in line).split()
            whole = line.sum() > max(50, n / 2)
            broken = line.sum() > max(30, n / 3) and len(pieces) > 3
            if whole or broken:
                mask[row] |= line
    return out


class TestLeftAlone:
    def left(self, hits):
        nowhere = np.zeros_like(hits)
        before = hits.copy()
        for turned in (hits, hits.T, hits[::-1, ::-1]):
            ours = detect.left_alone(turned, nowhere if turned is hits else turned & 0)
            assert_array_equal(ours, lines_by_loops(turned))
        assert_array_equal(hits, before)
        return detect.left_alone(hits, nowhere)

    @pytest.mark.parametrize(
        ("n", "shape", "all_of_it"),
        [
            (50, (60, 90), False),
            (51, (60, 90), True),
            (60, (60, 120), False),
            (61, (60, 120), True),
        ],
    )
    def test_half_of_a_line_and_more_than_fifty(self, n, shape, all_of_it):
        hits = np.zeros(shape, bool)
        hits[7, 3 : 3 + n] = True
        hits[30, 20] = True
        assert self.left(hits)[7].any() == all_of_it
        assert not self.left(hits)[8:].any()

    @pytest.mark.parametrize(
        ("n", "columns", "pieces", "all_of_it"),
        [
            (30, 80, 4, False),
            (31, 80, 4, True),
            (31, 80, 3, False),
            (40, 120, 5, False),
            (41, 120, 5, True),
            (49, 120, 3, False),
        ],
    )
    def test_a_third_in_more_than_three_pieces(self, n, columns, pieces, all_of_it):
        hits = np.zeros((60, columns), bool)
        for k, part in enumerate(np.array_split(np.arange(n), pieces)):
            hits[9, part + 2 * k] = True
        assert self.left(hits).any() == all_of_it

    def test_pieces_at_the_ends_count(self):
        hits = np.zeros((50, 70), bool)
        hits[4] = np.arange(70) % 20 < 10
        assert self.left(hits)[4].any()
        hits[4, 65:] = True
        assert self.left(hits)[4].any()

    @pytest.mark.parametrize("seed", range(5))
    def test_any_lines(self, seed):
        """Bad rows and columns that cross, and scattered hits."""
        rng = np.random.default_rng(seed)
        hits = rng.random((110, 75)) < 0.02
        for share in (0.3, 0.4, 0.5, 0.6, 0.9):
            hits[rng.integers(110)] |= rng.random(75) < share
            hits[:, rng.integers(75)] |= rng.random(110) < share
            length = int(share * 90)
            hits[rng.integers(20) :, rng.integers(75)][:length] = True
        left = self.left(hits)
        assert 0 < left.sum() < hits.sum()

    def test_only_rows_or_only_columns(self):
        """What is bad along one axis does not depend on the other."""
        hits = np.zeros((70, 100), bool)
        hits[:, 33] = True
        assert_array_equal(self.left(hits), hits)
        hits[12, 40:43] = True
        assert_array_equal(self.left(hits)[:, 40:43], hits[:, 40:43] & False)

    def test_beside_saturated_stars(self):
        """Whatever touches one, also at a corner, and all that touches that."""
        hits, star = np.zeros((2, 20, 30), bool)
        star[5:9, 6:10] = True
        wanted = hits.copy()
        wanted[9, 10] = wanted[10:15, 11] = wanted[4, 7] = True
        hits |= wanted
        hits[16, 11] = hits[5, 12:15] = hits[2, 7] = True
        assert_array_equal(detect.left_alone(hits, star), wanted)
        hits[:, 25] = True
        wide = np.zeros((80, 30), bool)
        wide[:20] = hits
        wide[:, 25] = True
        stars = np.zeros_like(wide)
        stars[:20] = star
        both = detect.left_alone(wide, stars)
        assert_array_equal(both[:20, :20], wanted[:, :20])
        assert both[:, 25].all()


def beside_by_loops(hits, gaps, image, variance):
    dropped = np.zeros_like(hits)
    for y, x in np.argwhere(hits):
        if not gaps[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2].any():
            continue
        box = np.s_[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3]
        good = ~(hits | gaps)[box]
        values, noise = image[box][good], variance[box][good]
        if values.size < 4 or ((values - values.mean()) ** 2).sum() > 2 * noise.sum():
            dropped[box] = True
    return hits & ~dropped


class TestNotBesideSources:
    @pytest.mark.parametrize("seed", range(4))
    @pytest.mark.parametrize("dense", [False, True])
    def test_by_loops(self, seed, dense):
        """Where it is twice as noisy as it should be, and where neighbours are few."""
        rng = np.random.default_rng(seed)
        shape = 37, 52
        variance = rng.uniform(1, 9, shape)
        image = 100 + rng.normal(0, np.sqrt(1.7 * variance))
        image += 1.5 * np.maximum(np.arange(52) - 30, 0)
        hits, gaps = rng.random((2, *shape)) < (0.35 if dense else 0.08)
        gaps &= ~hits
        image[gaps], variance[gaps] = np.nan, np.nan
        before = hits.copy()
        ours = detect.not_beside_sources(hits, gaps, image, variance)
        assert_array_equal(hits, before)
        assert_array_equal(ours, beside_by_loops(hits, gaps, image, variance))
        assert 0.1 < ours.sum() / hits.sum() < 0.95

    @pytest.mark.parametrize(("noise", "kept"), [(1.0, True), (0.99, False)])
    def test_twice_the_variance(self, noise, kept):
        """Of 22 pixels 11 are 2 higher than the others: a variance of 1, halved."""
        image = np.zeros((9, 11))
        hits, gaps = np.zeros((2, 9, 11), bool)
        hits[4, 5], gaps[4, 6] = True, True
        gaps[2, 3] = True
        around = [(y, x) for y in range(2, 7) for x in range(3, 8)]
        good = [at for at in around if not (hits | gaps)[at]]
        for at in good[::2]:
            image[at] = 2.0
        variance = np.full(image.shape, 0.5 * noise)
        ours = detect.not_beside_sources(hits, gaps, image, variance)
        assert ours[4, 5] == kept

    @pytest.mark.parametrize(("n", "kept"), [(3, False), (4, True)])
    def test_four_good_neighbours(self, n, kept):
        hits, gaps = np.zeros((2, 9, 11), bool)
        gaps[:] = True
        hits[4, 5] = True
        gaps[4, 5] = False
        gaps[2, 3 : 3 + n] = False
        image = np.zeros(hits.shape)
        ours = detect.not_beside_sources(hits, gaps, image, image + 1)
        assert ours[4, 5] == kept

    def test_what_is_within_two_pixels_is_dropped_too(self):
        image = 50.0 * np.arange(15) * np.ones((13, 1))
        hits, gaps = np.zeros((2, 13, 15), bool)
        gaps[6, 7], hits[6, 8] = True, True
        hits[4, 10] = hits[8, 6] = hits[8, 10] = True
        kept = np.zeros_like(hits)
        kept[3, 8] = kept[9, 8] = kept[6, 11] = kept[6, 5] = True
        ours = detect.not_beside_sources(hits | kept, gaps, image, np.ones(hits.shape))
        assert_array_equal(ours, kept)
