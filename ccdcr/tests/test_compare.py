# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Two exposures of the same, compared by hand and by loops."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

from ccdcr.pixels import compare as module
from ccdcr.pixels.compare import Comparison, compare
from ccdcr.pixels.exposure import Exposure, exposure
from ccdcr.pixels.guard import Guard, measure_guard
from ccdcr.pixels.level import lattice
from ccdcr.pixels.photometry import Scatter
from ccdcr.tests.conftest import level_of

SHAPE = (9, 14)
EVERY = tuple(index.ravel() for index in np.indices(SHAPE))


def noisy(seed, shape=SHAPE, sigma=5.0):
    return np.random.default_rng(seed).normal(100, sigma, shape)


def made(image, variance, *, slope=0.0, typical=25.0):
    variance = np.broadcast_to(variance, image.shape).astype(image.dtype)
    usable = np.ones(image.shape, dtype=bool)
    sky = level_of(np.full(image.shape, 100.0))
    return Exposure(image, variance, usable, sky, slope, typical)


def compared_by_hand(first, second, *, scale=3.0, factor=1.0, guard=(0, 0)):
    shape = first.image.shape
    level = np.arange(float(shape[0] * shape[1])).reshape(shape)
    return Comparison(
        first,
        second,
        scale,
        level_of(level),
        Scatter(factor, None),
        np.zeros(0, dtype=int),
        1.0,
        Guard(level_of(np.zeros(shape)), *guard),
    )


class TestComparison:
    """The second at three times the flux; a level that grows by 1 to the next pixel."""

    def pair(self, slope=0.0):
        one = made(noisy(1), noisy(3), slope=slope, typical=30.0)
        other = made(noisy(2), noisy(4), slope=2 * slope, typical=40.0)
        return one, other

    def test_in_the_unit_of_the_first(self):
        compared = compared_by_hand(*self.pair())
        y, x = np.array([0, 3, 8]), np.array([2, 5, 13])
        first, second = noisy(1)[y, x], 3 * noisy(2)[y, x] + 14 * y + x
        assert compared.shape == SHAPE
        assert_allclose(compared.images(y, x), [first, second])
        assert_allclose(compared.difference(y, x), first - second)
        assert_allclose(compared.fainter(y, x), np.minimum(first, second))
        expected = noisy(3)[y, x], 9 * noisy(4)[y, x]
        assert_allclose(compared.variances(y, x), expected)
        assert_allclose(compared.expected(y, x), expected)

    def test_windows_have_the_level_of_their_middle(self):
        compared = compared_by_hand(*self.pair())
        y = np.array([[4, 4, 4, 4, 4], [1, 2, 3, 4, 5]])
        x = np.array([[5, 6, 7, 8, 9], [10, 10, 10, 10, 10]])
        first, second = compared.images(y, x)
        assert_allclose(first, noisy(1)[y, x])
        level = [[4 * 14 + 7], [3 * 14 + 10]]
        assert_allclose(second, 3 * noisy(2)[y, x] + level)

    def test_noise_is_that_of_what_the_other_shows(self):
        """A hit in either: its own part of the variance is taken away."""
        first, second = np.full((2, 9, 14), 100.0)
        second[:] = 100 / 3
        first[4, 7] += 600  # 0.5 per unit: a variance of 300
        second[4, 3] += 200  # 0.7 per unit: of 140
        pair = (
            made(first, 400.0, slope=0.5, typical=1.0),
            made(second, 300.0, slope=0.7, typical=1.0),
        )
        compared = compared_by_hand(*pair)._replace(level=level_of(np.zeros(SHAPE)))
        at = np.array([4, 4, 4]), np.array([7, 3, 11])
        assert_allclose(
            compared.expected(*at), [[100, 400, 400], [2700, 9 * 160, 2700]]
        )

    def test_the_level_counts_for_what_the_second_should_show(self):
        first, second = np.full(SHAPE, 190.0), np.full(SHAPE, 50.0)
        second[4, 7] = 80
        pair = made(first, 9.0), made(second, 100.0, slope=1.0, typical=1.0)
        compared = compared_by_hand(*pair)._replace(level=level_of(np.full(SHAPE, 10)))
        # the first says (190 - 10) / 3 = 60, and the neighbours 50
        assert_allclose(compared.expected(np.array([4]), np.array([7]))[1], 9 * 80)

    def test_excess(self):
        """Sources that do not match: in proportion to the fainter of both."""
        compared = compared_by_hand(*self.pair(), guard=(0.0, 0.5))
        found = compared.excess(*EVERY)
        assert_allclose(found.difference, compared.difference(*EVERY))
        assert_allclose(found.first, noisy(3).ravel())
        assert_allclose(found.second, 9 * noisy(4).ravel())
        mismatch = (0.5 * compared.fainter(*EVERY).clip(0)) ** 2
        assert_allclose(found.mismatch, mismatch)

    def test_slopes_count_from_the_smaller_noise_on(self):
        """Steeper than three sigma of the exposure that knows more."""
        image = np.zeros(SHAPE)
        image[:, 7:] = 50
        for variances in ((16.0, 900.0), (1600.0, 16 / 9)):
            pair = made(image, variances[0]), made(image / 3, variances[1])
            compared = compared_by_hand(*pair, guard=(0.5, 0.0))
            compared = compared._replace(level=level_of(np.zeros(SHAPE)))
            found = compared.excess(np.array([4, 4]), np.array([6, 2]))
            assert_allclose(found.mismatch, [0.25 * (2500 - 9 * 16), 0])


class TestCompare:
    """A flat sky with a star, of which the second has half the flux and 7 less sky."""

    SHAPE = (60, 80)

    def images(self, dtype="f8"):
        rng = np.random.default_rng(5)
        y, x = np.indices(self.SHAPE)
        star = 3000 * np.exp(-((y - 30) ** 2 + (x - 50) ** 2) / 8.0)
        first = rng.normal(500 + star, 6)
        second = rng.normal((493 + star) / 2, 4)
        first[10, 20], second[40, 15] = 700, 400
        return first.astype(dtype), second.astype(dtype)

    def compare(self, flagged=None, *, usable=None, dtype="f8", final=False, **options):
        usable = np.ones(self.SHAPE, dtype=bool) if usable is None else usable
        noise = options.get("variances", (36.0, 16.0))
        pair = [
            exposure(image, np.full(self.SHAPE, v, dtype), usable)
            for image, v in zip(self.images(dtype), noise, strict=True)
        ]
        flagged = ~usable if flagged is None else flagged
        return compare(*pair, 2.0, flagged, (5, 2.5), final=final)

    @pytest.mark.parametrize("dtype", ["f4", "f8"])
    def test_level_scatter_and_pixels_beyond_the_limits(self, dtype):
        found, peak, tail = self.compare(dtype=dtype)
        assert_allclose(found.level.rows(), 7, atol=0.6)
        assert_allclose(found.scatter.factor, 1, atol=0.05)
        first, second = self.images()
        pulls = np.abs(first - 2 * second - found.level.rows())
        pulls /= np.sqrt(36 + 64) * found.scatter.factor
        assert_array_equal(peak, pulls > 5)
        assert_array_equal(tail, pulls > 2.5)
        assert peak[10, 20]
        assert peak[40, 15]
        assert (found.scale, found.first.slope) == (2, 0)

    def test_one_exposure_after_the_other(self):
        """Strips of an image are what the whole image is."""
        whole = self.compare()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "strips", lambda shape: [np.s_[:7], np.s_[7:60]])
            parts = self.compare()
        for one, other in zip(whole[1:], parts[1:], strict=True):
            assert_array_equal(one, other)
        assert_array_equal(whole[0].sources, parts[0].sources)

    @pytest.mark.parametrize("variances", [(36.0, 64.0), (64.0, 36.0)])
    def test_sources_are_three_sigma_of_the_better_one(self, variances):
        """In the fainter of both, above its level; and all pixels beside such."""
        noise = variances[0], variances[1] / 4
        found, _, _ = self.compare(variances=noise)
        first, second = self.images()
        fainter = np.minimum(first, 2 * second + found.level.rows())
        bright = fainter - found.guard.level.rows() > 3 * 6
        expected = ndimage.binary_dilation(bright, np.ones((3, 3)))
        assert_array_equal(found.sources, np.flatnonzero(expected))
        assert found.share == 1
        assert_allclose(found.guard.level.rows(), 497, atol=5)

    def test_cosmic_rays_are_no_sources(self):
        """When all are known two pixels around them are left out, too."""
        flagged = np.zeros(self.SHAPE, dtype=bool)
        flagged[30, 48] = True
        every = self.compare()[0].sources
        for final, reach in ((False, 0), (True, 2)):
            found = self.compare(flagged, final=final)[0]
            left_out = np.zeros(self.SHAPE, dtype=bool)
            left_out[30 - reach : 31 + reach, 48 - reach : 49 + reach] = True
            level = found.level.rows() - self.compare()[0].level.rows()
            assert np.abs(level).max() < 0.1
            expected = every[~left_out.ravel()[every]]
            assert np.setxor1d(found.sources, expected).size <= 2

    def test_what_is_not_usable_differs_in_nothing(self):
        usable = np.ones(self.SHAPE, dtype=bool)
        usable[10, 20] = usable[30:33, 50] = False
        none = np.zeros_like(usable)
        for final in (False, True):
            found, peak, tail = self.compare(none, usable=usable, final=final)
            assert not peak[~usable].any()
            assert not tail[~usable].any()
            assert not np.isin(np.flatnonzero(~usable), found.sources).any()
            assert peak[40, 15]

    def test_usable_in_one_of_both_only(self):
        pair = []
        for image, noise, dead in zip(
            self.images(), (36.0, 16.0), ((10, 20), (40, 15)), strict=True
        ):
            usable = np.ones(self.SHAPE, dtype=bool)
            usable[dead] = False
            pair.append(exposure(image, np.full(self.SHAPE, noise), usable))
        none = np.zeros(self.SHAPE, dtype=bool)
        _, peak, tail = compare(*pair, 2.0, none, (5, 2.5), final=False)
        for dead in ((10, 20), (40, 15)):
            assert not peak[dead]
            assert not tail[dead]

    def test_nothing_but_cosmic_rays(self):
        """Then they tell the level all the same."""
        every = np.ones(self.SHAPE, dtype=bool)
        found, _, _ = self.compare(every)
        assert_array_equal(found.level.rows(), self.compare()[0].level.rows())

    def test_cosmic_rays_do_not_tell_the_level(self):
        """Not even where they are most of the pixels."""
        flagged = np.random.default_rng(1).random(SHAPE) < 0.7
        image = noisy(1)
        image[flagged] += 500
        pair = made(image, 25.0), made(noisy(2), 25.0)
        found, peak, _ = compare(*pair, 1.0, flagged, (5, 2.5), final=False)
        assert_allclose(found.level.rows(), 0, atol=3)
        assert_array_equal(peak, flagged)

    def test_no_sources_at_all(self):
        pair = made(noisy(1), 25.0), made(noisy(2), 25.0)
        none = np.zeros(SHAPE, dtype=bool)
        found, _, _ = compare(*pair, 1.0, none, (5, 2.5), final=True)
        assert found.sources.size == 0
        assert found.share == 1
        assert (found.guard.change, found.guard.misregistration) == (0, 0.1)

    def test_the_wings_count_where_cosmic_rays_are_known(self):
        """Some stars have moved: nine of ten pixels do not show it."""
        rng = np.random.default_rng(1)
        y, x = np.indices((130, 130))
        offset = (y % 13 - 6) ** 2, x % 13 - 6
        shift = np.where(y < 26, 0.3, 0)
        first, second = (
            rng.normal(4000 * np.exp(-(offset[0] + (offset[1] - dx) ** 2) / 6), 10)
            for dx in (0, shift)
        )
        pair = made(first, 100.0), made(second, 100.0)
        none, found = np.zeros(first.shape, dtype=bool), {}
        for final in (False, True):
            compared, _, _ = compare(*pair, 1.0, none, (5, 2.5), final=final)
            again = measure_guard(compared, compared.guard.level, final=final)
            found[final] = compared.guard.misregistration
            assert again.misregistration == found[final]
        assert found[True] > 1.2 * found[False] == 0.12

    def test_few_pixels_of_a_large_frame(self):
        """They tell the level although none is in the lattice of the others."""
        shape = 128, 192
        usable = np.ones(shape, dtype=bool)
        rows, columns = lattice(shape).pixels
        usable[rows] = usable[:, columns] = False
        first, second = np.where(usable, 107.0, 300), np.full(shape, 100.0)
        pair = (exposure(one, np.full(shape, 4.0), usable) for one in (first, second))
        found, _, _ = compare(*pair, 1.0, ~usable, (5, 2.5), final=False)
        assert_allclose(found.level.rows(), 7)

    def test_steps_of_the_difference(self):
        """What is the same in both is no scatter, and has no steps; counts have."""
        rng = np.random.default_rng(1)
        light = rng.normal(0, 100, (80, 90))
        counts = np.rint(rng.normal(0, 0.6, (2, 80, 90)))
        pair = (made(light + 10 * one, 100.0) for one in counts)
        none = np.zeros(light.shape, dtype=bool)
        found, _, _ = compare(*pair, 1.0, none, (5, 2.5), final=False)
        assert found.scatter.factor == 1  # not less, as the quartiles have it
        assert not found.level.rows().any()

    def test_sources_are_thinned(self, monkeypatch):
        monkeypatch.setattr(module, "_SOURCES", 20)
        every = self.compare()[0]
        assert every.sources.size == 20
        monkeypatch.undo()
        all_of_them = self.compare()[0].sources
        assert np.isin(every.sources, all_of_them).all()
        assert every.share == 20 / all_of_them.size

    def test_light_that_cosmic_rays_have_added_makes_no_noise(self):
        """With 1 of variance per unit, a hit of 600 is not hidden by its own noise."""
        rng = np.random.default_rng(5)
        light = np.full((80, 90), 100.0)
        light[:12, :12] = 2000  # what the slope is measured on
        images = [rng.normal(light, np.sqrt(light)) for _ in range(2)]
        images[0][40, 40] = 190  # 90 / sqrt(100 + 190) would be 5.3 sigma only
        images[1][40, 50] = 190
        usable = np.ones(light.shape, dtype=bool)
        pair = [exposure(image, image.clip(1), usable) for image in images]
        found, peak, tail = compare(*pair, 1.0, ~usable, (6, 3), final=False)
        difference = np.abs(images[0] - images[1] - found.level.rows())
        steepest = max(one.slope for one in pair)
        assert_allclose(steepest, 1, atol=0.1)
        noise = sum(one.variance for one in pair)
        floor = np.minimum(noise, min(one.floor for one in pair))
        noise = np.maximum(noise - steepest * difference, floor)
        pulls = difference / np.sqrt(noise) / found.scatter.factor
        assert_array_equal(peak, pulls > 6)
        assert_array_equal(tail, pulls > 3)
        assert peak[40, 40]
        assert peak[40, 50]

    @pytest.mark.parametrize("scale", [0.5, 3.0])
    def test_slope_and_floor_of_either(self, scale):
        """In the unit of the first: the larger slope, the smaller floor."""
        image = np.full(SHAPE, 100.0)
        image[4, 7] = 160
        other = np.full(SHAPE, 100 / scale)
        for slopes in ((0.5, 0.2), (0.2, 0.5), (0.4, 0.4)):
            for typical in ((100, 10), (10, 100), (50, 50)):
                first, second = (
                    made(one, v, slope=slope, typical=float(t))
                    for one, v, slope, t in zip(
                        (image, other),
                        (30.0, 12.0 / scale**2),
                        slopes,
                        typical,
                        strict=True,
                    )
                )
                compared = compared_by_hand(first, second, scale=scale)
                flat = level_of(np.zeros(SHAPE))
                compared = compared._replace(level=flat)
                steepest = max(slopes[0], scale * slopes[1])
                floor = min(0.1 * typical[0], 0.1 * scale**2 * typical[1])
                noise = max(42 - steepest * 60, min(42, floor))
                limit = 60 / np.sqrt(noise)
                for limits in ((limit * 0.999, limit * 1.001), (limit * 2, limit / 2)):
                    masks = module._scan(compared, flat, limits)[1:]
                    got = [mask[4, 7] for mask in masks]
                    assert got == [limit > one for one in limits]
