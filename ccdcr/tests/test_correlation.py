# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What two small images have in common, and the shift at which they agree best."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import fft, signal

from ccdcr.pixels import health, shift


def everywhere(image):
    return np.ones(image.shape, bool)


def stars(places, shape=(60, 71), offset=(0, 0), width=1.5):
    """Of unequal brightness, and of which the first is moved by an offset."""
    y, x = np.indices(shape)
    image = np.zeros(shape)
    for k, (b, a) in enumerate(places):
        far = (y - b - offset[0]) ** 2 + (x - a - offset[1]) ** 2
        image += (100 + 40 * (k % 5)) * np.exp(-far / (2 * width**2))
    return image


PLACES = np.random.default_rng(4).uniform(8, 52, (14, 2)) * [1, 1.2]


class TestPrepare:
    def noise(self, shape=(30, 41)):
        """A median of 10 and quartiles of 9 and 11."""
        return np.resize([9.0, 11.0, 8.0, 10.0, 12.0], shape)

    sigma = 2 * 0.7413

    def prepared(self, image, usable=None):
        usable = everywhere(image) if usable is None else usable
        sources = shift.prepare(image, usable)
        assert sources.dtype == np.float32
        assert sources.shape == image.shape
        return sources

    def test_square_root_of_the_sigma_from_3_to_1000(self):
        image = self.noise()
        image[4:7, 5:8] = 10 + self.sigma * np.array(
            [[2.9, 3.1, 16], [100, 999, 1001], [5000, 49, 9]]
        )
        expected = np.zeros(image.shape)
        expected[4:7, 5:8] = np.sqrt([[0, 3.1, 16], [100, 999, 1000], [1000, 49, 9]])
        assert_allclose(self.prepared(image), expected, rtol=1e-6)

    @pytest.mark.parametrize("at", [(10, 20), (0, 0), (29, 40), (0, 20), (10, 40)])
    @pytest.mark.parametrize("beside", [(0, 1), (1, 0), (1, 1), (-1, 1)])
    def test_a_pixel_that_is_10_times_brighter_than_any_beside_it_is_no_star(
        self, at, beside
    ):
        image = self.noise()
        near = tuple(
            k + step if 0 <= k + step < n else k - step
            for k, step, n in zip(at, beside, image.shape, strict=True)
        )
        for ratio, is_star in ((0.11, True), (0.09, False)):
            image[at] = 10 + 200 * self.sigma
            image[near] = 10 + 200 * ratio * self.sigma
            assert (self.prepared(image)[at] > 14) == is_star
            assert self.prepared(image)[near] > 4

    def test_a_faint_pixel_needs_one_beside_it_that_is_no_noise(self):
        image = self.noise()
        for light, is_star in ((2.9, False), (3.1, True)):
            image[10, 20:22] = 10 + self.sigma * np.array([8, light])
            assert (self.prepared(image)[10, 20] > 0) == is_star

    def test_unusable_pixels_are_filled_and_not_read(self):
        image, usable = self.noise(), np.ones((30, 41), bool)
        image[10:15, 20:25] = 10 + 100 * self.sigma
        image[12, 22] = image[3, 3] = np.nan
        usable[12, 22] = usable[3, 3] = False
        sources = self.prepared(image, usable)
        assert_allclose(sources[10:15, 20:25], 10, rtol=0.02)
        assert not sources[:9].any()

    @pytest.mark.parametrize("turned", [False, True])
    def test_bad_columns_and_rows(self, turned):
        """What is far brighter than on both sides, over more than half of it."""
        image = self.noise()
        image[:16, 9] += 50  # of 30
        image[:14, 30] += 50
        image[:, 20] += 50
        image[:, 21] += 30  # a line of a sky is wider
        image = image.T if turned else image
        sources = self.prepared(image)
        sources = sources.T if turned else sources
        assert not sources[:, 9].any()
        assert sources[:14, 30].all()
        assert sources[:, 20:22].all()

    @pytest.mark.parametrize("unit", [2.0**-20, 2.0**20])
    def test_any_unit(self, unit):
        image = self.noise()
        image[10:13, 20:23] += [[9, 20, 9], [20, 90, 20], [9, 20, 9]]
        assert_array_equal(self.prepared(unit * image), self.prepared(image))

    def test_a_star_on_a_bad_column_keeps_its_own_light_only(self):
        image = self.noise()
        image[10:20, 15:26] += 20 * self.sigma
        image[:, 20] += 100 * self.sigma
        sources = self.prepared(image)
        assert_allclose(sources[11:19, 20], sources[11:19, 18], rtol=0.1)
        assert (sources[11:19, 18] > 3).all()

    def test_a_hit_beside_a_bad_column_is_a_hit(self):
        image = self.noise()
        image[:, 20] += 100 * self.sigma
        image[10, 21] += 200 * self.sigma
        assert self.prepared(image)[10, 21] < 10

    def test_rows_and_columns_that_stand_out_and_nothing_else(self):
        """Five of each, in which somewhat more than half of the pixels are bright."""
        bad, usable = np.arange(1, 20, 4), np.zeros((24, 24), bool)
        image = np.random.default_rng(1).uniform(0, 1, (24, 24))
        for one, use in ((image, usable), (image.T, usable.T)):
            use[:, bad] = True
            one[np.ix_([*bad, *range(0, 15, 2)], bad)] = 100
        assert not self.prepared(image, usable).any()

    def test_columns_that_stand_out(self):
        """By more than a sigma, and 0.3 of it is more than beside them."""
        level = np.zeros((5, 41))
        level[:, 3], level[:, 6], level[:, 9] = 1.01, 1.0, 10.0
        level[:, 10] = 2.99
        assert_array_equal(np.flatnonzero(shift._bad_columns(level)[0]), [3, 9])
        level[:, 10] = 3.01
        assert_array_equal(np.flatnonzero(shift._bad_columns(level)[0]), [3])
        assert shift._bad_columns(level).dtype == bool
        two = np.array([[0.0, 9.0]] * 3)
        assert not shift._bad_columns(two).any()
        three = np.array([[10.0, 2.0, -6.0]] * 3)
        assert_array_equal(shift._bad_columns(three)[0], [True, False, False])

    def test_columns_stand_out_by_5_times_what_columns_scatter(self):
        """Steps have quartiles of -2 and 2, so a sigma of 2.97: the limit is 14.8."""
        level = np.resize([0.0, 2.0], 41) * np.ones((4, 1))
        level[:, 20] = 2 + 14.7
        assert not shift._bad_columns(level).any()
        level[:, 20] = 2 + 14.9
        assert_array_equal(np.flatnonzero(shift._bad_columns(level)[0]), [20])

    @pytest.mark.parametrize("value", [0.0, 5.0])
    def test_nothing_scatters(self, value):
        assert not self.prepared(np.full((5, 6), value)).any()

    def test_nothing_is_usable_but_what_is_fixed(self):
        image, usable = self.noise((3, 5)), np.zeros((3, 5), bool)
        assert not self.prepared(image, usable).any()
        usable[1, :3] = True
        image[1, :3] = 0, 100, 0
        assert not self.prepared(image, usable).any()


def window(n):
    return np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 0.5


def points():
    """Of a field that has moved by 13 pixels at most all is in the image."""
    image = np.zeros((36, 40))
    image[tuple(np.random.default_rng(3).integers(7, 20, (2, 12)))] = 1.0
    return image


def test_window():
    fade = shift._window((5, 8))
    assert fade.dtype == np.float32  # half of the memory
    assert_allclose(fade, np.outer(window(5), window(8)), rtol=1e-6)


class TestCrossCorrelate:
    """Against sums over pixels, without a transform."""

    def direct(self, first, second):
        """The map, in which shifts that are negative are at the end."""
        fade = np.outer(*map(window, first.shape))
        full = signal.correlate(first * fade, second * fade, "full", "direct")
        shape = [fft.next_fast_len(2 * n - 1, real=True) for n in first.shape]
        correlation = np.zeros(shape)
        correlation[: full.shape[0], : full.shape[1]] = full
        return np.roll(correlation, [1 - n for n in first.shape], (0, 1))

    @pytest.mark.parametrize("offset", [(0, 0), (3, -5), (-6.3, 2.4), (0.5, 8)])
    def test_brute_force(self, offset):
        rng = np.random.default_rng(1)
        pair = [stars(PLACES / 1.5, (41, 39), o, 1.2) for o in (offset, (0, 0))]
        pair = [one + rng.uniform(0, 9, one.shape) for one in pair]
        step, significance = shift.cross_correlate(*pair)
        assert_allclose(step, offset, atol=0.25)  # it is pulled towards zero
        correlation = self.direct(*pair)
        peak = np.unravel_index(correlation.argmax(), correlation.shape)
        for axis in (0, 1):
            line = np.take(correlation, peak[1 - axis], axis=1 - axis)
            a, b, c = line[[peak[axis] - 1, peak[axis], (peak[axis] + 1) % line.size]]
            where = peak[axis] - (c - a) / (2 * (c + a - 2 * b))
            where -= line.size * (peak[axis] > line.size / 2)
            assert_allclose(step[axis], where, atol=1e-4)
        low, high = np.percentile(correlation, [25, 75])
        height = correlation[peak] - np.median(correlation)
        assert_allclose(significance, height / (0.7413 * (high - low)), rtol=1e-3)

    def test_another_peak_must_not_be_nearly_as_high(self):
        """1.3 times is enough; and what is in its rows or columns is no other."""
        one, sure = points(), []
        for second in (0.6, 0.7, 0.8, 0.9):
            other = one + second * np.roll(one, (12, 13), (0, 1))
            correlation = self.direct(one, other)
            height = correlation[0, 0] - np.median(correlation)
            rival = correlation[11:-10, 11:-10].max() - np.median(correlation)
            ours, significance = shift.cross_correlate(one, other)
            assert_array_equal(np.rint(ours), 0)
            assert (significance > 0) == (height > 1.3 * rival)
            sure.append(significance > 0)
        assert sure == [True, True, False, False]

    @pytest.mark.parametrize("sign", [-1, 1])
    @pytest.mark.parametrize("turned", [False, True])
    def test_what_is_within_10_rows_or_columns_belongs_to_the_peak(self, sign, turned):
        one = points()
        for step, known in ((10, True), (11, False)):
            other = one + 0.9 * np.roll(one, (step, 13), (0, 1))
            pair = [image.T if turned else image for image in (one, other)]
            pair = [image[::sign, ::sign] for image in pair]
            step, significance = shift.cross_correlate(*pair)
            assert_array_equal(np.rint(step), 0)
            assert (significance > 0) == known

    def test_one_star_is_not_enough(self):
        """Nor two; three are."""
        for n, sure in ((1, False), (2, False), (3, True)):
            image = np.zeros((80, 90))
            for k in range(n):
                image[15 + 23 * k, 20 + 11 * k] = 50
            step, significance = shift.cross_correlate(image, np.roll(image, -2, 0))
            assert_allclose(step, (2, 0), atol=0.01)
            assert (significance > 0) == sure
            noise = np.random.default_rng(1).uniform(0, 0.5, (2, 80, 90))
            _, significance = shift.cross_correlate(
                image + noise[0], np.roll(image, -2, 0) + noise[1]
            )
            assert (significance > 0) == sure

    def test_nothing(self):
        none = np.zeros((8, 9))
        assert shift.cross_correlate(none, none) == ((0, 0), 0)


class TestAgreeing:
    """Images of 8 x 8 parts."""

    @pytest.mark.parametrize("shape", [(16, 24), (21, 30), (8, 8)])
    def test_parts_that_agree_equally_count_equally(self, shape):
        first, second = np.zeros((2, *shape))
        for k in range(4):
            at = shape[0] * (2 * k + 1) // 8 - 1, shape[1] * (k + 4) // 8 - 1
            first[at], second[at] = 2, 3
            assert_allclose(shift._agreeing(first, second, (0, 0)), k + 1)

    def test_by_weight(self):
        first = np.zeros((16, 16))
        first[0, 0], first[15, 15], first[15, 14] = 3, 1, 1  # products 9, and 1 and 1
        number = shift._agreeing(first, first, (0, 0))
        assert_allclose(number, (9 + 2) ** 2 / (81 + 4))

    @pytest.mark.parametrize("step", [(3, 0), (0, -2), (-5, 4)])
    def test_of_the_overlap(self, step):
        rng = np.random.default_rng(1)
        first, second = rng.uniform(0, 9, (2, 37, 29)).astype("f4")
        tiles = {}
        rows, columns = 37 - abs(step[0]), 29 - abs(step[1])
        for y, x in np.ndindex(37, 29):
            b, a = y - step[0], x - step[1]
            if 0 <= b < 37 and 0 <= a < 29:
                v, u = y - max(step[0], 0), x - max(step[1], 0)
                starts = [[n * k // 8 for k in range(8)] for n in (rows, columns)]
                tile = sum(v >= s for s in starts[0]), sum(u >= s for s in starts[1])
                product = float(first[y, x]) * float(second[b, a])
                tiles[tile] = tiles.get(tile, 0) + product
        sums = np.array(list(tiles.values()))
        assert len(sums) == 64
        number = shift._agreeing(first, second, step)
        assert_allclose(number, sums.sum() ** 2 / (sums**2).sum(), rtol=1e-6)

    @pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
    def test_of_a_few_pixels_each_is_a_part(self, unit):
        pair = np.full((2, 3, 2), unit)
        assert_allclose(shift._agreeing(*pair, (0, 0)), 6)

    def test_nothing_in_common(self):
        one = np.ones((4, 5))
        assert shift._agreeing(one, 0 * one, (0, 0)) == 0


class TestRefine:
    @pytest.mark.parametrize("offset", [(20.3, -17.6), (-0.4, 25.2)])
    def test_a_large_shift_is_not_pulled_towards_zero(self, offset):
        places = np.random.default_rng(2).uniform(10, 90, (30, 2))
        pair = [stars(places, (100, 103), o) for o in (offset, (0, 0))]
        rough, _ = shift.cross_correlate(*pair)
        better = shift.refine(*pair, rough)
        assert_allclose(better, offset, atol=0.1)
        assert np.abs(np.subtract(better, offset)).max() < 0.1

    def test_another_pixel_is_not_taken(self):
        pair = [stars(PLACES, offset=o) for o in ((3, 0), (0, 0))]
        assert shift.refine(*pair, (1.3, 0.2)) == (1.3, 0.2)
        assert shift.refine(*pair, (3.3, 2.2)) == (3.3, 2.2)
        assert_allclose(shift.refine(*pair, (2.4, 0.2)), (3, 0), atol=0.1)

    def test_nothing_in_common(self):
        one = stars(PLACES)
        assert shift.refine(one, one, (59.6, 0.0)) == (59.6, 0.0)


class TestParabola:
    @pytest.mark.parametrize("n", [11, 12])
    @pytest.mark.parametrize("fraction", [-0.4, 0.0, 0.25])
    def test_beyond_half_of_the_range_it_is_negative(self, n, fraction):
        for at in range(n):
            far = (np.arange(n) - at + n // 2) % n - n // 2  # of a ring
            values = 7 - 2 * (far - fraction) ** 2
            peak = at + fraction - n * (at > n // 2)
            assert_allclose(shift._refine(values, at), peak, atol=1e-12)

    def test_without_a_peak_there_is_no_fraction(self):
        assert shift._refine(np.ones(5), 1) == 1
        assert shift._refine(np.array([0.0, 1.0, 2.0, 3.0]), 2) == 2


class TestBetterShift:
    def pair(self, offset=(3, -5), shape=(60, 71), noise=1.0):
        rng = np.random.default_rng(1)
        images = [stars(PLACES, shape, o) for o in (offset, (0, 0))]
        return [rng.normal(one, noise) for one in images]

    def better(self, images, given):
        return health.better_shift(*((one, everywhere(one)) for one in images), given)

    def test_where_another_is_given(self):
        images = self.pair()
        for given in ((0, 0), (3, 5), (3.7, -5), (3, -5.8), (100, 0)):
            assert_allclose(self.better(images, given), (3, -5), atol=0.1)
        for given in ((3, -5), (3.5, -4.5), (2.6, -5.4)):
            assert self.better(images, given) is None

    def test_unrelated_images_have_none(self):
        images = [self.pair()[0], np.rot90(self.pair((0, 0), (71, 60))[1])]
        assert self.better(images, (0, 0)) is None

    @pytest.mark.parametrize("turned", [False, True])
    def test_the_middle_is_enough(self, monkeypatch, turned):
        """What is beyond it is of another field, and moves otherwise."""
        monkeypatch.setattr(health, "_MOST", 60)
        images = self.pair(shape=(60, 60))
        rest = np.random.default_rng(2).uniform(0, 1000, (81, 60))
        outer = []
        for image, up in zip(images, (0, 3), strict=True):
            frame = np.roll(rest, up, axis=0)
            frame[10:70] = image
            outer.append(frame.T if turned else frame)
        expected = (-5, 3) if turned else (3, -5)
        assert_allclose(self.better(outer, (0, 0)), expected, atol=0.1)
        assert self.better(outer, expected) is None

    def test_large_images_are_first_looked_at_on_pixels_of_twice_the_size(
        self, monkeypatch
    ):
        looked = []

        def look(first, second):
            looked.append(first.shape)
            return shift.cross_correlate(first, second)

        monkeypatch.setattr(health, "cross_correlate", look)
        for small, shapes in ((60, [(60, 71)]), (59, [(30, 35)])):
            monkeypatch.setattr(health, "_SMALL", small)
            looked.clear()
            assert self.better(self.pair((4, -6)), (4, -6)) is None
            assert looked == shapes
        assert_allclose(self.better(self.pair((4, -6)), (0, 0)), (4, -6), atol=0.1)
        assert looked[1:] == [(30, 35), (60, 71)]

    def told(
        self, monkeypatch, *, off=0.0, sure=20.0, worse=0.9, best=1.0, coarse=None
    ):
        """The answer of a look at small images that is known."""
        answers = [((3.0, off), sure)]
        if coarse is not None:
            monkeypatch.setattr(health, "_SMALL", 1)
            answers.insert(0, coarse)
        answers = iter(answers)
        monkeypatch.setattr(health, "cross_correlate", lambda *_: next(answers))
        monkeypatch.setattr(health, "refine", lambda a, b, at: at)
        agreement = {(3.0, 0.0): worse, (3.0, off): best}
        monkeypatch.setattr(health, "_agreement", lambda images, at: agreement[at])
        return self.better(self.pair((0, 0), (8, 9)), (3.0, 0.0))

    def test_a_shift_of_20_sigma_is_believed(self, monkeypatch):
        assert self.told(monkeypatch, off=1.0, sure=19.9) is None
        assert self.told(monkeypatch, off=1.0, sure=20.0) == (3, 1)

    @pytest.mark.parametrize("sign", [-1, 1])
    def test_a_shift_is_wrong_by_more_than_6_tenths(self, monkeypatch, sign):
        assert self.told(monkeypatch, off=sign * 0.6) is None
        assert self.told(monkeypatch, off=sign * 0.61) == (3, sign * 0.61)

    def test_clearly_better_is_by_more_than_12_thousandths(self, monkeypatch):
        assert self.told(monkeypatch, off=1.0, worse=0.987) == (3, 1)
        assert self.told(monkeypatch, off=1.0, worse=0.989) is None
        assert self.told(monkeypatch, off=1.0, worse=0.493, best=0.5) == (3, 1)
        assert self.told(monkeypatch, off=1.0, worse=0.495, best=0.5) is None

    def test_of_one_field_the_correlation_is_above_4_tenths(self, monkeypatch):
        assert self.told(monkeypatch, off=1.0, worse=0.1, best=0.4) is None
        assert self.told(monkeypatch, off=1.0, worse=0.1, best=0.41) == (3, 1)

    @pytest.mark.parametrize(
        ("coarse", "goes_on"),
        [
            (((1.5, 0.0), 50.0), False),
            (((1.5, 0.15), 50.0), False),  # 0.3 of a pixel
            (((1.5, 0.16), 50.0), True),
            (((1.5, -0.16), 50.0), True),
            (((1.3, 0.0), 50.0), True),
            (((0.0, 0.0), 10.0), True),
            (((0.0, 0.0), 9.9), False),
        ],
    )
    def test_a_coarse_look(self, monkeypatch, coarse, goes_on):
        answer = self.told(monkeypatch, off=1.0, coarse=coarse)
        assert answer == ((3, 1) if goes_on else None)


def test_pixels_of_twice_the_size():
    image = np.arange(35.0).reshape(5, 7)
    binned = [[0 + 1 + 7 + 8, 2 + 3 + 9 + 10, 4 + 5 + 11 + 12]]
    binned.append([14 + 15 + 21 + 22, 16 + 17 + 23 + 24, 18 + 19 + 25 + 26])
    assert_array_equal(health._binned(image), binned)


class TestAgreement:
    def test_is_a_correlation_about_zero(self):
        first, second = np.array([[1.0, 2.0, 4.0]]), np.array([[3.0, 5.0, 7.0]])
        together = (3 + 10 + 28) / np.sqrt((1 + 4 + 16) * (9 + 25 + 49))
        assert_allclose(health._agreement((first, second), (0, 0)), together)
        together = (2 * 3 + 4 * 5) / np.sqrt((4 + 16) * (9 + 25))
        assert_allclose(health._agreement((first, second), (0.4, 0.6)), together)
        assert_allclose(health._agreement((first.T, second.T), (1, 0)), together)

    def test_single_precision_is_enough(self):
        """Of numbers whose squares are beyond it."""
        for unit in (1e-30, 1e30):
            image = np.full((3, 4), unit, "f4")
            assert_allclose(health._agreement((image, image), (1, 1)), 1)

    def test_nothing_in_common(self):
        image = np.ones((3, 4))
        assert health._agreement((image, image), (3, 0)) == 0
        assert health._agreement((image, 0 * image), (0, 0)) == 0
