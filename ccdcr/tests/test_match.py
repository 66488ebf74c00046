# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The matched difference on flat frames without noise, where all is known by hand."""

from itertools import combinations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ccdcr.pixels import matched
from ccdcr.pixels.coincident import coincident_hits
from ccdcr.pixels.difference import overlap
from ccdcr.pixels.exposure import exposure
from ccdcr.pixels.photometry import flux_scale
from ccdcr.pixels.witnesses import combine

SHAPE = (40, 46)
LEVEL, VARIANCES = 100.0, (25.0, 16.0, 36.0)
SHIFTS = (0, 0), (2, -3), (-1, 4)


def flat(n):
    return np.full((n, *SHAPE), LEVEL)


def exposures_of(images, usable=None, variances=VARIANCES):
    usable = np.ones(images.shape, dtype=bool) if usable is None else usable
    return [
        exposure(image, np.full(SHAPE, variance), good)
        for image, variance, good in zip(images, variances, usable, strict=False)
    ]


def parts_of(shifts):
    """For each pair of exposures where they overlap."""
    return {
        (i, j): overlap(SHAPE, np.subtract(shifts[j], shifts[i]))
        for i, j in combinations(range(len(shifts)), 2)
    }


def match(exposures, shifts=SHIFTS, *, sigmas=(5.0, 2.5), grow=0, scale=None):
    parts = parts_of(shifts[: len(exposures)])
    return matched.match(exposures, parts, sigmas, dict.fromkeys(parts, scale), grow)


def mask_of(*pixels):
    mask = np.zeros(SHAPE, dtype=bool)
    for place in pixels:
        mask[place] = True
    return mask


def seen_by(shift, y, x):
    """Where in an exposure of this shift a pixel of the first one is."""
    return y - shift[0], x - shift[1]


class TestTwo:
    """Their difference has a sigma of the root of 41."""

    SIGMA = np.sqrt(41)

    @pytest.mark.parametrize("own", [0, 1])
    @pytest.mark.parametrize("shift", [(0, 0), (2, -3)])
    def test_limits_of_peaks_and_tails(self, shift, own):
        images = flat(2)
        for column, sigmas in ((10, 5.01), (20, 4.99)):
            images[own, 20, column] += sigmas * self.SIGMA
            images[own, 21, column] += 2.51 * self.SIGMA
            images[own, 19, column] += 2.49 * self.SIGMA
        found = match(exposures_of(images), ((0, 0), shift))
        assert_array_equal(found.flagged[own], mask_of((20, 10), (21, 10)))
        assert not found.flagged[1 - own].any()
        assert found.n_peaks == [1 - own, own]
        for mask in (*found.coincident, *found.suspects):
            assert not mask.any()

    def test_the_limit_itself_is_no_peak(self):
        """Five times a sigma of five."""
        for excess, n in ((25.0, 0), (25.0001, 1)):
            images = flat(2)
            images[0, 10, 10] += excess
            found = match(exposures_of(images, variances=(9.0, 16.0)))
            assert (found.flagged[0].sum(), found.n_peaks[0]) == (n, n)

    def test_tails_reach_three_pixels_from_a_peak(self):
        """In any direction, and only where they are connected."""
        images = flat(2)
        images[0, 10, 10] += 200
        images[0, 10, 11:20] += 20
        images[0, 11:20, 9] += 20
        images[0, 5:7, 10] += 20
        found = match(exposures_of(images))
        expected = mask_of(
            (10, 10), (10, 11), (10, 12), (10, 13), (11, 9), (12, 9), (13, 9)
        )
        assert_array_equal(found.flagged[0], expected)

    def test_peaks_that_touch_count_as_one(self):
        images = flat(2)
        for place in ((5, 5), (6, 6), (20, 5)):
            images[0][place] += 200
        images[1, 30, 30:33] += 200
        assert match(exposures_of(images)).n_peaks == [2, 1]

    @pytest.mark.parametrize("grow", [0, 1, 2])
    def test_growing(self, grow):
        """Not beyond what was examined."""
        images = flat(2)
        images[0, 10, 10] += 200
        usable = np.ones(images.shape, dtype=bool)
        usable[1, 11, 8] = False  # in the first it is (11, 10 - 2)
        found = match(exposures_of(images, usable), ((0, 0), (0, 1)), grow=grow)
        expected = np.zeros(SHAPE, dtype=bool)
        expected[10 - grow : 11 + grow, 10 - grow : 11 + grow] = True
        expected[11, 9] = False
        assert_array_equal(found.flagged[0], expected)

    def test_examined(self):
        """Where they overlap and both are usable."""
        usable = np.ones((2, *SHAPE), dtype=bool)
        usable[0, 10, 12], usable[1, 20, 25] = False, False
        found = match(exposures_of(flat(2), usable), ((0, 0), (2, -3)))
        first = np.zeros(SHAPE, dtype=bool)
        first[2:, :-3] = True
        first[10, 12] = first[22, 22] = False
        second = np.zeros(SHAPE, dtype=bool)
        second[:-2, 3:] = True
        second[8, 15] = second[20, 25] = False
        assert_array_equal(found.examined, [first, second])

    def test_no_pair_is_compared(self):
        images = flat(2)
        images[0, 10, 10] += 200
        found = matched.match(exposures_of(images), {}, (5, 2.5), {}, 1)
        assert not np.any(found.examined)
        assert not np.any(found.flagged)
        assert found.n_peaks == [0, 0]
        values, variances = found.replacements(
            0, [None, None], np.nonzero(mask_of((10, 10)))
        )
        assert np.isnan([values, variances]).all()

    @pytest.mark.parametrize("own", [0, 1])
    def test_what_looks_like_a_star_is_left_alone(self, own):
        """Also the neighbours of a cosmic ray beside it are."""
        images = flat(2)
        y, x = np.indices(SHAPE)
        images[own] += 300 * np.exp(-((y - 20) ** 2 + (x - 25) ** 2) / 4.5)
        images[own, 20, 30] += 200
        found = match(exposures_of(images), grow=4)
        assert found.suspects[own][20, 25]
        assert not found.suspects[1 - own].any()
        expected = np.zeros(SHAPE, dtype=bool)
        expected[16:25, 26:35] = True
        assert_array_equal(found.flagged[own], expected & ~found.suspects[own])
        assert (expected & found.suspects[own]).any()

    def test_a_hit_in_both(self):
        """Two tracks that cross are a hit in both, where they cross."""
        images = flat(2)
        images[0, 10, 8:13] += 300
        images[1, 12:17, 7] += 300  # there (10, 10) is (12, 7)
        found = match(exposures_of(images), ((0, 0), (-2, 3)))
        assert_array_equal(found.flagged[0], mask_of(*((10, x) for x in range(8, 13))))
        assert_array_equal(found.flagged[1], mask_of(*((y, 7) for y in range(12, 17))))
        assert_array_equal(found.coincident, [mask_of((10, 10)), mask_of((12, 7))])

    def test_scales(self):
        """Given, or measured where that can be: then they are all the same."""
        images = flat(2)
        images[1] /= 2
        images[0, 10, 10] += 200
        images[1, 20, 20] += 200
        found = match(exposures_of(images), scale=2.0)
        assert found.scales == {(0, 1): 2.0}
        assert_array_equal(found.flagged, [mask_of((10, 10)), mask_of((20, 20))])
        # a sigma of the root of 25 + 4 * 16 now
        images[1, 20, 20] = 50 + 4.99 * np.sqrt(89) / 2
        assert not match(exposures_of(images), scale=2.0).flagged[1].any()
        images[1, 20, 20] = 50 + 5.01 * np.sqrt(89) / 2
        assert match(exposures_of(images), scale=2.0).flagged[1].any()
        assert match(exposures_of(images)).scales == {(0, 1): None}

    def test_a_scale_is_measured_where_both_are_usable(self):
        """On what they share: the second lacks a column, and its own are bad."""
        y, x = np.indices(SHAPE)
        stars = 4000 * np.exp(-((y % 13 - 6) ** 2 + (x % 15 - 7) ** 2) / 8.0)
        images = np.stack(
            [LEVEL + stars, LEVEL + 0.5 * np.roll(stars, (-2, 3), (0, 1))]
        )
        usable = np.ones(images.shape, dtype=bool)
        usable[0, :, 20:24] = usable[1, 5:8] = False
        images[~usable] = 3000
        pair = exposures_of(images, usable)
        found = match(pair, ((0, 0), (2, -3)))
        at_first, at_second = overlap(SHAPE, (2, -3))
        expected = flux_scale(
            images[0][at_first],
            images[1][at_second],
            np.full((38, 43), 25.0),
            np.full((38, 43), 16.0),
            usable[0][at_first] & usable[1][at_second],
        )
        assert found.scales == {(0, 1): expected}
        assert_allclose(expected, 2, rtol=1e-3)

    def test_dead_pixels_are_not_asked_again(self):
        """Nor what is too low beside them; that alone is not dead."""
        images, shift = flat(2), (2, -3)
        images[1, 15, 20] = 0
        images[1, 15, 21] = 75
        images[1, 30, 30] = 75
        images[1, 39, 2] = 0  # beyond the overlap
        images[0, 5, 5] += 200
        found = match(exposures_of(images), ((0, 0), shift))
        assert_array_equal(found.exposures[1].usable, ~mask_of((15, 20), (15, 21)))
        assert (found.exposures[1].image[15, 20:22] == LEVEL).all()
        assert found.exposures[1].image[30, 30] == 75
        assert found.exposures[0].usable.all()
        assert_array_equal(found.flagged, [mask_of((5, 5)), mask_of()])
        assert_array_equal(
            ~found.examined[0][2:, :-3], mask_of((17, 17), (17, 18))[2:, :-3]
        )
        assert_array_equal(found.exposures[0].image, images[0])


class TestThree:
    def hits(self):
        """Of the first exposure two, of the second one and a part of one in both."""
        images = flat(3)
        images[0, 10, 10] += 200
        images[0, 20, 30] += 400
        images[1][seen_by(SHIFTS[1], 20, 30)] += 200
        images[1, 5, 40] += 200
        images[2, 30, 6] += 200
        return images

    @pytest.mark.parametrize("grow", [0, 1])
    def test_hits_of_each(self, grow):
        found = match(exposures_of(self.hits()), grow=grow)
        both = (20, 30), seen_by(SHIFTS[1], 20, 30)
        expected = [(10, 10), both[0]], [both[1], (5, 40)], [(30, 6)]
        for mask, pixels in zip(found.flagged, expected, strict=True):
            wide = mask_of(
                *(
                    (y + j, x + i)
                    for y, x in pixels
                    for j in range(-grow, grow + 1)
                    for i in range(-grow, grow + 1)
                )
            )
            assert_array_equal(mask, wide)
        assert found.n_peaks == [2, 2, 1]
        for mask, place in zip(found.coincident, both, strict=False):
            y, x = place
            near = mask_of(np.s_[y - grow : y + grow + 1, x - grow : x + grow + 1])
            assert_array_equal(mask, near)
        assert not found.coincident[2].any()
        assert found.scales == {(0, 1): None, (0, 2): None, (1, 2): None}

    def test_everything_that_another_shows_is_examined(self):
        usable = np.random.default_rng(1).random((3, *SHAPE)) < 0.6
        found = match(exposures_of(flat(3), usable))
        for own, shift in enumerate(SHIFTS):
            expected = np.zeros(SHAPE, dtype=bool)
            for y, x in np.ndindex(SHAPE):
                for other, step in enumerate(SHIFTS):
                    j, i = y + shift[0] - step[0], x + shift[1] - step[1]
                    inside = 0 <= j < SHAPE[0] and 0 <= i < SHAPE[1] and other != own
                    if inside and usable[own, y, x] and usable[other, j, i]:
                        expected[y, x] = True
            assert_array_equal(found.examined[own], expected)

    def test_a_pixel_that_only_one_other_shows(self):
        """It is compared with that one alone, at a corner of the frames."""
        images = flat(3)
        images[0, 0, 44] += 5.01 * np.sqrt(25 + 36)  # above and right of the second
        images[1, 39, 1] += 4.99 * np.sqrt(16 + 25)
        found = match(exposures_of(images))
        assert_array_equal(found.flagged, [mask_of((0, 44)), mask_of(), mask_of()])

    def test_a_peak_in_the_better_one_of_the_others(self):
        """What is much noisier, and shows but a tail there, does not count."""
        images = flat(3)
        images[0, 10, 10] += 35  # of a root of 41, and of one of 125
        found = match(exposures_of(images, variances=(25.0, 16.0, 100.0)))
        assert_array_equal(found.flagged[0], mask_of((10, 10)))

    def test_dead_pixels_of_each(self):
        """The others show it, wherever they have it."""
        images = flat(3)
        images[0, 10, 20], images[1, 12, 30], images[2, 25, 12] = 0, 10, 20
        found = match(exposures_of(images))
        for one, place in zip(
            found.exposures, ((10, 20), (12, 30), (25, 12)), strict=True
        ):
            assert_array_equal(one.usable, ~mask_of(place))
            assert_array_equal(one.image, LEVEL)
        assert not np.any(found.flagged)

    def test_replacements(self):
        """By those that have no cosmic ray there, and by the caller's leave."""
        images = self.hits()
        images[2] += 10  # no level is known so well as not to be subtracted
        found = match(exposures_of(images))
        at = np.array([10, 20, 0]), np.array([10, 30, 44])
        values, variances = found.replacements(0, [None] * 3, at)
        # the middle one is replaced by the third exposure, and so is the last one
        assert_allclose(values, LEVEL)
        assert_allclose(variances, [1 / (1 / 16 + 1 / 36), 36, 36])
        may = np.ones(SHAPE, dtype=bool)
        may[seen_by(SHIFTS[2], 20, 30)] = False
        values, variances = found.replacements(0, [None, None, may], at)
        assert_array_equal(np.isnan(values), [False, True, False])
        assert_array_equal(np.isnan(variances), [False, True, False])
        at = np.array([30]), np.array([6])
        of_third, _ = found.replacements(2, [None, may & False, None], at)
        assert_allclose(of_third, LEVEL + 10)


def test_replacements_are_corrected_by_their_neighbours():
    """Where a source does not match; neighbours that were hit are not asked."""
    rng = np.random.default_rng(1)
    y, x = np.indices(SHAPE)
    star = 3000 * np.exp(-((y - 20) ** 2 + (x - 20) ** 2) / 40)
    images = np.stack([LEVEL + star, LEVEL + 0.9 * star]) + rng.normal(
        0, 4, (2, *SHAPE)
    )
    images[0, 20, 22] += 9000
    pair = exposures_of(images, variances=(16.0, 16.0))
    found = match(pair, ((0, 0), (0, 0)), scale=1.0)
    assert found.flagged[0][20, 22]
    donors = [~mask for mask in found.flagged]
    at = np.array([20, 20]), np.array([22, 18])
    for own in (0, 1):
        expected = combine(
            found.exposures[own], found.views[own], donors, *at, corrected=own
        )
        assert_array_equal(found.replacements(own, [None, None], at), expected)
    values, _ = found.replacements(0, [None, None], at)
    lacking = LEVEL + star[20, 22] - images[1, 20, 22]
    assert lacking > 200
    assert abs(values[0] - LEVEL - star[20, 22]) < 0.2 * lacking


def test_noise_of_the_fainter():
    """Of the second; at least what is typical of the first, at most its own."""
    images = flat(2)
    images[0, 5, 5] += 1
    first, second = exposures_of(images)
    for own, typical, theirs, expected in (
        (25.0, 20.0, 16.0, 20.0),
        (25.0, 10.0, 16.0, 16.0),
        (12.0, 20.0, 16.0, 12.0),
        (0.0, 20.0, 16.0, np.finfo(float).tiny),
    ):
        one = first._replace(variance=np.full(SHAPE, own), typical=typical)
        other = second._replace(variance=np.full(SHAPE, theirs))
        compared = match([first, second]).views[0][1].compared
        compared = compared._replace(first=one, second=other)
        at = np.array([3]), np.array([4])
        assert_array_equal(matched._noise_of_fainter(compared, *at), [expected])


def test_what_is_looked_at_beside_detections():
    """By how much it is brighter than it should be, and the sky beneath sources."""
    images = flat(2)
    images[:, 30:] += 1000  # steep, but how well that matches is another thing
    images[1] += 30
    images[0, 10, 10] += 200
    images[1, 20, 20] += 50
    pair = exposures_of(images)
    view = match(pair, ((0, 0), (0, 0))).views[0]
    pair[0].usable[5, 5] = False
    usable = [one.usable.copy() for one in pair]
    usable[1][6, 6] = False
    at = np.array([10, 20, 5, 6, 30]), np.array([10, 20, 5, 6, 20])
    looked = matched._look(pair[0], view, usable, *at)
    nan = [np.nan, np.nan]
    assert_allclose(
        looked, [[200, -50, *nan, 0], [41, 41, *nan, 41], [0, 50, *nan, 1000]]
    )


@pytest.mark.parametrize("shift", [(0, 0), (3, -2)])
def test_hits_in_both_are_added_to_those_of_either(shift):
    """As coincident_hits has them, in the overlap of both."""
    rng = np.random.default_rng(2)
    images = rng.normal(LEVEL, 5, (2, *SHAPE))
    at_first, at_second = overlap(SHAPE, shift)
    images[0][at_first][10, 20:24] += 300
    images[1][at_second][10, 23:26] += 300
    images[0][at_first][25, 5] += 300
    images[1][at_second][25, 5] += 290
    pair = exposures_of(images, variances=(25.0, 25.0))
    view = match(pair, ((0, 0), shift)).views[0][1]
    rays = [np.zeros(SHAPE, dtype=bool) for _ in range(2)]
    rays[0][at_first][10, 20:22] = True
    rays[1][at_second][25, 6] = True
    flagged = rays[0][at_first] | rays[1][at_second]
    expected = coincident_hits(
        view.compared.fainter,
        lambda y, x: np.full(y.shape, 25.0),
        flagged,
        np.ones(flagged.shape, dtype=bool),
        view.compared.sources,
        1.0,
    )
    before = [mask.copy() for mask in rays]
    matched._add_hits_in_both({1: view}, rays)
    assert expected[10, 23]
    assert expected[25, 5]
    for mask, old, part in zip(rays, before, (at_first, at_second), strict=True):
        new = old.copy()
        new[part] |= expected
        assert_array_equal(mask, new)
