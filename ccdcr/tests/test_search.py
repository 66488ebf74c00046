# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The search in one exposure, against loops over whole images and numbers by hand."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

from ccdcr.pixels import detect, filters, sharpness, single
from ccdcr.pixels.level import Level, lattice, local_level

SQUARE = np.ones((3, 3), bool)


@pytest.fixture(autouse=True)
def strips_of_few_rows(monkeypatch):
    """As in large images: what is done strip by strip has more than one."""
    monkeypatch.setattr(filters, "_STRIP", 150)


def median(image, size):
    return ndimage.median_filter(image, size, mode="mirror")


def mirrored(n, k):
    """The pixel that stands for one beyond the ends."""
    return n - 1 - abs(n - 1 - abs(k))


def pixel(image, y, x):
    return image[mirrored(image.shape[0], y), mirrored(image.shape[1], x)]


class TestSteep:
    def test_by_loops(self):
        """Half the second difference along either axis, beyond a third of the top."""
        rng = np.random.default_rng(1)
        image = rng.integers(0, 50, (6, 9)).astype(float)
        at = np.nonzero(rng.random(image.shape) < 0.8)
        height = rng.integers(1, 60, at[0].size).astype(float)
        expected = []
        for y, x, top in zip(*at, height, strict=True):
            down = 0.5 * (pixel(image, y - 1, x) + pixel(image, y + 1, x))
            along = 0.5 * (pixel(image, y, x - 1) + pixel(image, y, x + 1))
            expected.append(image[y, x] - min(down, along) > 0.35 * top)
        assert 5 < sum(expected) < len(expected) - 5
        assert_array_equal(sharpness.is_steep(image, height, at), expected)

    @pytest.mark.parametrize(("height", "steep"), [(19.9, True), (20.0, False)])
    def test_at_the_limit(self, height, steep):
        """A pixel of 10 with neighbours of 2 and 4 along one axis falls off by 7."""
        image = np.zeros((5, 5))
        image[2] = [0, 2, 10, 4, 0]
        image[1, 2] = image[3, 2] = 10
        for turned in (image, image.T):
            middle = np.array([2]), np.array([2])
            answer = sharpness.is_steep(turned, np.array([height]), middle)
            assert answer.tolist() == [steep]


class TestStructure:
    @pytest.mark.parametrize("dtype", ["f4", "f8"])
    def test_by_whole_images(self, dtype):
        rng = np.random.default_rng(2)
        narrow = rng.normal(0, 3, (11, 17)).astype(dtype)
        noise = rng.uniform(1, 3, narrow.shape).astype(dtype)
        for share in (0.05, 0.9):
            at = np.nonzero(rng.random(narrow.shape) < share)
            fine, broad = sharpness.structure(narrow, noise[at], at)
            wide = median(narrow, 7)
            assert_array_equal(broad, wide[at])
            expected = ((narrow - wide) / noise)[at]
            assert 0 < np.mean(expected < 0.5) < 1
            assert_array_equal(fine, np.where(expected > 0.5, expected, 0.5))
            assert fine.dtype == dtype


def blob(image, y0, x0, width):
    y, x = np.indices(image.shape)
    image += 1000 * np.exp(-((y - y0) ** 2 + (x - x0) ** 2) / (2 * width**2))
    hits = np.zeros(image.shape, bool)
    hits[max(0, y0 - 1) : y0 + 2, max(0, x0 - 1) : x0 + 2] = True
    return hits


class TestAtBorders:
    """Hits of 3 x 3 pixels on blobs; the frame is higher than wide."""

    BROAD, SHARP = 2.0, 0.5

    @pytest.mark.parametrize(
        "at", [(1, 10), (66, 10), (1, 45), (30, 1), (55, 1), (30, 56), (8, 56), (0, 0)]
    )
    def test_broad_ones_are_light(self, at):
        image = np.zeros((68, 58))
        hits = blob(image, *at, self.BROAD)
        assert_array_equal(sharpness.at_borders(hits, image), hits)

    @pytest.mark.parametrize("at", [(1, 10), (66, 40), (30, 1), (30, 56)])
    def test_sharp_ones_are_not(self, at):
        image = np.full((68, 58), 5000.0)
        hits = blob(image, *at, self.SHARP)
        assert not sharpness.at_borders(hits, image).any()

    @pytest.mark.parametrize("inward", [0, 1])
    def test_within_three_pixels(self, inward):
        """Their outermost pixel is in the third row or column, or in the fourth."""
        for at in ((3 + inward, 25), (64 - inward, 25), (34, 3 + inward)):
            image = np.zeros((68, 58))
            hits = blob(image, *at, self.BROAD)
            assert_array_equal(sharpness.at_borders(hits, image), hits & (not inward))

    def test_each_by_itself(self):
        """Near every border a broad one, a sharp one, and one that is farther in."""
        image = np.zeros((68, 58))
        broad = np.zeros(image.shape, bool)
        for at in ((1, 12), (66, 45), (40, 1), (25, 56)):
            broad |= blob(image, *at, self.BROAD)
        others = broad & False
        for at in ((1, 30), (66, 25), (52, 1), (45, 56)):
            others |= blob(image, *at, self.SHARP)
        for at in ((12, 30), (55, 35), (32, 12), (32, 45)):
            others |= blob(image, *at, self.BROAD)
        assert_array_equal(sharpness.at_borders(broad | others, image), broad)
        turned = sharpness.at_borders((broad | others).T, image.T)
        assert_array_equal(turned, broad.T)

    def test_one_steep_pixel_is_enough(self):
        image = np.zeros((68, 58))
        hits = blob(image, 1, 25, self.BROAD)
        image[2, 26] += 1500
        assert not sharpness.at_borders(hits, image).any()

    @pytest.mark.parametrize(("broad", "light"), [(60, True), (80, False)])
    def test_beyond_the_border_is_a_mirror(self, broad, light):
        """There rows of 100, 90, b and 0 are 100, 90, 90, b, b, 0 and 0: b is broad."""
        image = np.zeros((30, 40))
        image[:3] = np.array([[100], [90], [broad]])
        hits = np.zeros(image.shape, bool)
        hits[0, 14:17] = True  # 10 above their neighbours, and 100 - b high
        assert_array_equal(sharpness.at_borders(hits, image), hits & light)

    def test_a_single_pixel_at_the_border(self):
        image = np.zeros((68, 58))
        hits = blob(image, 4, 25, self.BROAD)
        hits[2, 25] = True
        assert_array_equal(sharpness.at_borders(hits, image), hits)

    def test_narrow_frames(self):
        image = np.zeros((5, 60))
        hits = blob(image, 2, 30, self.BROAD)
        assert_array_equal(sharpness.at_borders(hits, image), hits)


def contrast_by_loops(image, smooth, narrow, noise, examined):
    """Twice the median contrast of tops with light in all of their neighbours."""
    broad = median(narrow, 7)
    n_bright, contrasts = 0, []
    for y, x in np.argwhere(examined & (image == ndimage.maximum_filter(image, 3))):
        height = image[y, x] - broad[y, x]
        if height <= 50 * noise[y, x]:
            continue
        n_bright += 1
        around = [
            pixel(image, y + dy, x + dx) - pixel(broad, y + dy, x + dx)
            for dy in (-1, 0, 1)
            for dx in (-1, 0, 1)
        ]
        if min(around) > 0.05 * height:
            fine = max((narrow[y, x] - broad[y, x]) / noise[y, x], 0.5)
            contrasts.append((image[y, x] - smooth[y, x]) / noise[y, x] / fine)
    if len(contrasts) < max(10, 0.08 * n_bright):
        return 0.0
    return 2 * np.median(contrasts)


class TestContrastOfStars:
    NOISE = 2.0

    def both(self, image, examined=None, noise=None):
        """The contrast, and that of the loops."""
        examined = np.ones(image.shape, bool) if examined is None else examined
        noise = np.full(image.shape, self.NOISE) if noise is None else noise
        smooth, narrow = median(image, 5), median(image, 3)
        ours = sharpness.safe_contrast(
            image, smooth, narrow, noise.__getitem__, examined
        )
        assert isinstance(ours, float)
        expected = contrast_by_loops(image, smooth, narrow, noise, examined)
        assert_allclose(ours, expected, rtol=1e-14)
        return ours

    def field(self, n_stars, n_hits, rim=300.0, top=1000.0):
        """Stars of 3 x 3 pixels, and single pixels, ten apart."""
        image = np.zeros((60, 240))
        at = [(y, x) for x in range(4, 240, 10) for y in range(3, 60, 10)]
        for k, (y, x) in enumerate(at[: n_stars + n_hits]):
            if k < n_stars:
                image[y - 1 : y + 2, x - 1 : x + 2] = rim + k
            image[y, x] = top + 7 * k
        return image

    @pytest.mark.parametrize(
        ("n_stars", "n_hits", "known"),
        [(9, 0, False), (10, 0, True), (10, 115, True), (10, 116, False)],
    )
    def test_ten_and_a_twelfth_are_stars(self, n_stars, n_hits, known):
        """At least 10, and 8 % of what is bright: 10 of 125, not of 126."""
        assert (self.both(self.field(n_stars, n_hits)) > 0) == known

    def test_as_many_as_half(self):
        assert self.both(self.field(31, 40)) > 2

    @pytest.mark.parametrize(("rim", "known"), [(50.0, False), (50.5, True)])
    def test_light_in_all_neighbours(self, rim, known):
        """More than a twentieth of the peak in the faintest of them."""
        image = self.field(12, 0)
        for y, x in np.argwhere(image >= 1000):
            image[y, x], image[y + 1, x - 1] = 1000, rim
        assert (self.both(image) > 0) == known

    @pytest.mark.parametrize(("top", "known"), [(100.0, False), (100.5, True)])
    def test_brighter_than_fifty_sigma(self, top, known):
        image = self.field(12, 0, rim=40.0)
        image[image >= 1000] = top
        assert (self.both(image) > 0) == known
        for y, x in np.argwhere(image == top):  # what is dark beside it is not broad
            image[y + 2 : y + 5, x + 2 : x + 5] = -30
        assert (self.both(image) > 0) == known

    def test_a_sky_below_zero(self):
        image = self.field(12, 5, top=130.0, rim=40.0)
        assert self.both(image) == self.both(image - 512) > 0

    @pytest.mark.parametrize("shape", [(1, 30), (30, 1), (1, 1), (2, 3)])
    def test_few_rows_or_columns(self, shape):
        image = np.zeros(shape)
        image[0, 0] = 1000.0
        assert self.both(image) == 0

    def test_the_unit_does_not_matter(self):
        image = self.field(12, 5)
        noise = np.full(image.shape, self.NOISE)
        for unit in (1 / 16, 64):
            assert self.both(unit * image, noise=unit * noise) == self.both(image) > 0

    def test_only_the_tops(self):
        """Of two peaks two pixels apart both are, of one and its neighbour one is."""
        image = self.field(12, 0, rim=200.0)
        for y, x in np.argwhere(image >= 1000):
            image[y - 1 : y + 4, x - 1 : x + 2] = 300
            image[y : y + 3 : 2, x] = 800 + y, 1000 + x
            image[y + 2, x + 1] = 600
        for turned in (image, image[::-1], image.T, image.T[::-1]):
            assert self.both(turned.copy()) > 0

    @pytest.mark.parametrize("seed", range(4))
    def test_any_field(self, seed):
        """Noise, stars of all widths at any place, hits, and noise that varies."""
        rng = np.random.default_rng(seed)
        image = rng.normal(20, 1, (70, 55))
        y, x = np.indices(image.shape)
        for y0, x0, width in zip(
            *rng.uniform(0, [[69], [54]], (2, 20)), rng.uniform(0.6, 2, 20), strict=True
        ):
            square = (y - y0) ** 2 + (x - x0) ** 2
            image += 3000 * np.exp(-square / (2 * width**2))
        image[rng.random(image.shape) < 0.005] += 2000
        noise = rng.uniform(0.3, 3, image.shape)
        whole = self.both(image, noise=noise)
        examined = x < 40
        part = self.both(image, examined, noise)
        assert 0 < whole != part > 0

    def test_on_light_that_is_broad(self):
        """A star on a narrow line is high above what is broad, not above the line."""
        image = np.zeros((60, 40))
        for y in range(5, 60, 9):
            image[y - 1 : y + 2] = 90
            image[y, 3 + y % 7 : 40 : 12] = 120
        assert self.both(image) > 0
        assert self.both(image.T.copy()) > 0

    def test_at_the_borders(self):
        image = np.zeros((40, 50))
        for y in (0, 20, 39):
            for x in (0, 12, 24, 36, 49):
                image[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2] = 200 + y + x
                image[y, x] = 900 + x
        assert self.both(image) > 0

    @pytest.mark.parametrize("rows", [np.s_[:], np.s_[2:9], np.s_[3:9]], ids=str)
    def test_of_a_frame(self, rows):
        """With the noise of the median pixel that is usable; beside its border, too."""
        rng = np.random.default_rng(5)
        image = (self.field(100, 20) + rng.normal(0, 2, (60, 240)))[rows]
        usable = rng.random(image.shape) < 0.7
        variance = rng.uniform(3, 5, image.shape)
        variance[~usable] = 1e6
        for dtype in ("f8", "f4"):
            data = image.astype(dtype)
            noise = np.full_like(data, np.sqrt(np.median(variance[usable])))
            ours = sharpness.contrast_of_stars(data, variance, usable)
            smooth, narrow = median(data, 5), median(data, 3)
            expected = contrast_by_loops(data, smooth, narrow, noise, usable)
            assert ours == expected > 0


def search_by_whole_images(flat, smooth, size, noise, examined, sigmas, contrast, n):
    """Rounds of the search, everything computed everywhere in each."""
    clean, hits = flat.copy(), np.zeros(flat.shape, bool)
    for _ in range(n):
        narrow = median(clean, 3)
        broad = median(narrow, 7)
        excess = (flat - smooth) / noise
        ratio = excess / np.maximum((narrow - broad) / noise, 0.5)
        rows, columns = (
            ndimage.correlate1d(flat, [1, 0, 1], axis, mode="mirror") for axis in (0, 1)
        )
        steep = flat - 0.5 * np.minimum(rows, columns) > 0.35 * (flat - broad)
        outstanding = examined & (excess > sigmas[1])
        peak = outstanding & (excess > sigmas[0]) & (ratio > contrast) & steep
        tail = hits | (outstanding & (ratio > 0.5 * contrast))
        labels, _ = ndimage.label(tail, SQUARE)
        hits = hits | (np.isin(labels, labels[peak & tail]) & tail)
        clean[hits] = smooth[hits]
        if size is not None:
            smooth = median(clean, size)
    return hits


class TestRounds:
    SIGMAS, CONTRAST = (5.0, 3.0), 3.3

    def scene(self, seed, shape=(60, 52), dtype=float):
        rng = np.random.default_rng(seed)
        noise = rng.uniform(1, 2, shape)
        flat = rng.normal(0, 1, shape) * noise
        y, x = np.indices(shape)
        for y0, x0, width in rng.uniform([0, 0, 1.2], [*shape, 3], (5, 3)):
            square = (y - y0) ** 2 + (x - x0) ** 2
            flat += 300 * np.exp(-square / (2 * width**2))
        for y0, x0, height, width in rng.integers(
            [0, 0, 1, 1], [*shape, 6, 6], (25, 4)
        ):
            flat[y0 : y0 + height, x0 : x0 + width] += rng.uniform(10, 300)
        examined = rng.random(shape) < 0.97
        return flat.astype(dtype), noise.astype(dtype), examined

    def found(self, flat, noise, examined, size, smooth, **other):
        smooth = median(flat, size) if smooth is None else smooth
        options = {"sigmas": self.SIGMAS, "contrast": self.CONTRAST} | other
        search = single._Search(flat, smooth.copy(), median(flat, 3), size)
        before = flat.copy()
        hits = search.run(noise.__getitem__, examined, **options)
        assert_array_equal(flat, before)
        expected, fewer = (
            search_by_whole_images(
                flat, smooth, size, noise, examined, *options.values(), n
            )
            for n in (3, 2)
        )
        assert_array_equal(hits, expected)
        return hits, fewer

    @pytest.mark.parametrize("size", [(5, 5), (9, 3), (3, 7), (4, 6)])
    @pytest.mark.parametrize("dtype", ["f4", "f8"])
    @pytest.mark.parametrize("seed", range(3))
    def test_what_changes_is_near_to_what_was_taken_away(self, seed, dtype, size):
        """Looking there only finds what looking everywhere would."""
        hits, _ = self.found(*self.scene(seed, dtype=dtype), size, None)
        assert hits.sum() > 50

    def test_each_of_three_rounds_finds_more(self):
        scene = self.scene(4)
        hits, fewer = self.found(*scene, (5, 5), None)
        first = search_by_whole_images(
            scene[0], median(scene[0], 5), (5, 5), *scene[1:], *self.limits(), 1
        )
        assert hits.sum() > fewer.sum() > first.sum() > 0

    def limits(self):
        return self.SIGMAS, self.CONTRAST

    def test_a_model_of_the_user_stays(self):
        scene = self.scene(5)
        smooth = ndimage.gaussian_filter(scene[0], 3)
        assert self.found(*scene, None, smooth)[0].sum() > 20

    @pytest.mark.parametrize(
        "limits",
        [{"sigmas": (12.0, 3.0)}, {"sigmas": (5.0, 1.0)}, {"contrast": 8.0}],
        ids=str,
    )
    def test_limits(self, limits):
        hits, _ = self.found(*self.scene(6), (5, 5), None, **limits)
        usual, _ = self.found(*self.scene(6), (5, 5), None)
        assert hits.sum() != usual.sum()

    def test_nothing(self):
        flat = np.zeros((7, 9))
        assert not self.found(flat, flat + 1, flat == 0, (5, 5), None)[0].any()

    @pytest.mark.parametrize(
        ("charge", "hit"), [(5.0, False), (5.01, True)], ids=["at 5 sigma", "above"]
    )
    def test_at_the_limits(self, charge, hit):
        """A peak of 5 sigma is none yet, nor is a tail of 3 sigma beside one."""
        flat = np.zeros((15, 20))
        flat[7, 5] = charge
        flat[7, 12:14] = [charge + 10, 3.0]
        flat[3, 12:14] = [charge + 10, 3.01]
        flat[11, 16] = 3.01
        ones = np.ones(flat.shape)
        hits, _ = self.found(flat, ones, ones > 0, (5, 5), None)
        expected = np.zeros(flat.shape, bool)
        expected[7, 5] = hit
        expected[7, 12] = expected[3, 12:14] = True
        assert_array_equal(hits, expected)

    @pytest.mark.parametrize(("extra", "hit"), [(0.0, False), (0.01, True)])
    def test_at_the_limit_of_contrast(self, extra, hit):
        """Without fine structure half a sigma counts: 8 sigma are 16 times that."""
        flat = np.zeros((15, 20))
        flat[7, 5] = 8 + extra
        flat[3, 12:14] = [20, 4 + extra]
        ones = np.ones(flat.shape)
        hits, _ = self.found(flat, ones, ones > 0, (5, 5), None, contrast=16.0)
        assert hits[3, 12]
        assert hits[7, 5] == hits[3, 13] == hit


def plateaus_by_loops(light, noise, hits):
    """Groups beyond 10 sigma one after another, and their pixels likewise."""
    out = np.zeros(light.shape, bool)
    labels, n = ndimage.label(light > 10 * noise, SQUARE)
    for group in range(1, n + 1):
        half = 0.5 * light[labels == group].max()
        core = (labels == group) & (light > half)
        n_edge = n_sharp = 0
        for y, x in np.argwhere(core):
            lowest = min(
                light[y, x],
                pixel(light, y - 1, x),
                pixel(light, y + 1, x),
                pixel(light, y, x - 1),
                pixel(light, y, x + 1),
            )
            n_edge += lowest <= half
            n_sharp += lowest <= half and lowest < 0.15 * light[y, x]
        if core.sum() >= 6 and (core & hits).any() and n_sharp >= 0.8 * n_edge:
            out |= core
    return out


class TestPlateaus:
    LEVEL = 64.0

    def completed(self, light, hits, noise=None):
        noise = np.ones(light.shape) if noise is None else noise
        level = local_level(np.full(light.shape, self.LEVEL), light == light)
        flat = light + self.LEVEL
        ours = single._plateaus(flat, level, noise.__getitem__, hits)
        assert_array_equal(ours, plateaus_by_loops(light, noise, hits))
        return ours

    def block(self, height, width, y=10, x=12, charge=100.0):
        light = np.zeros((30, 26))
        light[y : y + height, x : x + width] = charge
        hits = np.zeros(light.shape, bool)
        hits[y, x] = True
        return light, hits

    @pytest.mark.parametrize(
        ("shape", "whole"), [((2, 3), True), ((6, 1), True), ((1, 5), False)]
    )
    def test_six_pixels_are_large(self, shape, whole):
        light, hits = self.block(*shape)
        assert_array_equal(self.completed(light, hits), (light > 0) & whole)

    @pytest.mark.parametrize(
        ("y", "x"), [(0, 0), (0, 12), (27, 22), (12, 0), (27, 3), (5, 22)]
    )
    def test_at_borders(self, y, x):
        light, hits = self.block(3, 4, y, x)
        assert_array_equal(self.completed(light, hits), light > 0)

    @pytest.mark.parametrize("turned", [False, True])
    def test_the_far_side_is_not_beside_the_border(self, turned):
        """Of 8 pixels of the edge 6 are sharp; those at the border are not of it."""
        light, hits = self.block(4, 3, 10, 23)
        light[9, 24] = light[14, 24] = 40.0
        light, hits = (one.T if turned else one for one in (light, hits))
        assert not self.completed(light, hits).any()
        assert not self.completed(light[::-1, ::-1], hits[::-1, ::-1]).any()

    @pytest.mark.parametrize("turned", [False, True])
    def test_a_dark_first_row(self, turned):
        """It is beside the second: 8 of 10 pixels of the edge are sharp."""
        light, hits = self.block(3, 4, 1, 1)
        light[4, 2:4] = 40.0
        light, hits = (one.T if turned else one for one in (light, hits))
        assert_array_equal(self.completed(light, hits), light == 100)
        last = light[::-1, ::-1], hits[::-1, ::-1]
        assert_array_equal(self.completed(*last), last[0] == 100)

    def test_only_with_a_hit_where_it_is_bright(self):
        light, hits = self.block(3, 4)
        assert not self.completed(light, hits & False).any()
        light[9, 11] = 40.0  # of the group, less than half
        hits[:] = False
        hits[9, 11] = True
        assert not self.completed(light, hits).any()

    @pytest.mark.parametrize(("charge", "whole"), [(10.0, False), (10.5, True)])
    def test_above_ten_sigma(self, charge, whole):
        light, hits = self.block(3, 4, charge=charge)
        assert self.completed(light, hits).any() == whole
        noise = np.full(light.shape, 2.0)
        assert self.completed(2 * light, hits, noise).any() == whole
        assert not self.completed(light, hits, noise).any()

    @pytest.mark.parametrize(("rim", "whole"), [(15.0, False), (14.5, True)])
    def test_what_is_left_one_pixel_outside(self, rim, whole):
        """A seventh of the charge and more is the wing of light."""
        light, hits = self.block(3, 4)
        outside = ndimage.binary_dilation(light > 0, SQUARE) & (light == 0)
        light[outside] = rim
        assert self.completed(light, hits).any() == whole

    @pytest.mark.parametrize(("n", "whole"), [(2, True), (3, False)])
    def test_on_four_fifths_of_the_outline(self, n, whole):
        """Of 10 pixels of the edge 2 may have light beside them."""
        light, hits = self.block(3, 4)
        beside = [(9, 13), (9, 14), (13, 13)]
        for at in beside[:n]:
            light[at] = 40.0
        assert_array_equal(self.completed(light, hits), (light == 100) & whole)

    @pytest.mark.parametrize("seed", range(6))
    def test_any_hits(self, seed):
        rng = np.random.default_rng(seed)
        light = np.zeros((60, 45))
        for y, x in np.ndindex(6, 5):  # one in each 10 x 9 pixels
            height, width = rng.integers(1, 6, 2)
            one = np.s_[10 * y + 2 :, 9 * x + 2 :][:2]
            light[one][:height, :width] = rng.choice([60.0, 100.0])
            rim = ndimage.binary_dilation(light[one] > 50, SQUARE) & (light[one] == 0)
            few = rim & (rng.random(rim.shape) < rng.choice([0, 0.1, 0.2, 1]))
            light[one][few] = rng.choice([8.0, 9.0, 12.0, 15.0, 30.0])
        noise = rng.choice([0.5, 1.0, 2.0], light.shape)
        hits = rng.random(light.shape) < 0.2
        ours = self.completed(light, hits, noise)
        assert 0 < ours.sum() < (light >= 60).sum()

    def test_above_a_level_that_has_a_slope(self):
        light, hits = self.block(3, 4)
        y, x = np.indices(light.shape)
        rows, columns = light.shape
        table = np.array(
            [1000.0 + 4 * np.arange(columns), 3000 - 2 * np.arange(columns)]
        )
        below, share = np.zeros(rows, int), np.arange(rows) / 32
        level = Level(table, below, share)
        flat = light + (1 - share[y]) * table[0][x] + share[y] * table[1][x]
        noise = np.ones(light.shape)
        ours = single._plateaus(flat, level, noise.__getitem__, hits)
        assert_array_equal(ours, light > 0)


class TestExpectedNoise:
    """Photons of 2 per variance; read noise of 5; a sky of 30 and stars."""

    SLOPE, READ = 2.0, 25.0

    def frame(self, shape=(100, 121)):
        """Stars of 3 x 3 pixels, and a hit, the first two pixels of which are noisy."""
        rng = np.random.default_rng(1)
        image = rng.normal(0, 0.5, shape)
        image[5:, 3:][::15, ::12] += 300
        image = ndimage.maximum_filter(image, 3)
        image[image > 100] += rng.uniform(0, 50, image[image > 100].shape)
        usable = np.ones(shape, bool)
        usable[20, 20:23] = usable[49:] = False
        light = image - np.median(image[usable])
        variance = self.READ + self.SLOPE * np.where(image > 100, light, 0)
        variance[49:] += 1e4
        image[20, 20:23] += 1000
        variance[20, 20:22] += self.SLOPE * 1000
        return image, variance, usable

    @pytest.mark.parametrize("size", [(5, 5), (9, 3)])
    def test_at_the_level_of_the_surroundings(self, size):
        """A hit has no more noise than its neighbours, a star has that of its light."""
        image, before, usable = self.frame()
        smooth, around = median(image, size), median(image, 5)
        level = np.median([image, smooth, around], axis=0)
        at_level = before - self.SLOPE * (image - level)
        expected = np.maximum(at_level, np.minimum(before, 0.1 * self.READ))
        assert_allclose(expected[20, 20:23], [25, 25, 2.5], rtol=0.2)
        for known in (None, around):
            variance = before.copy()
            ours, factor = single.expected_noise(image, variance, usable, smooth, known)
            assert ours is variance
            assert 0 < factor < 1
            assert_allclose(ours, expected, rtol=1e-12)

    def test_where_it_scatters_more(self):
        """Twice as much as the variance says in one part, as it says in the other."""
        rng = np.random.default_rng(3)
        image = rng.normal(0, 1, (260, 70)).astype("f4")
        image[130:] *= 2
        variance, usable = np.ones_like(image), np.ones(image.shape, bool)
        smooth = np.zeros_like(image)
        ours, factor = single.expected_noise(image, variance, usable, smooth)
        assert ours.dtype == np.float32
        assert 1.2 < factor < 1.6
        assert_allclose(ours[:40], factor**2, rtol=1e-6)
        assert_allclose(ours[-40:], 4, rtol=0.15)
        variance[:] = 4
        ours, factor = single.expected_noise(image, variance, usable, smooth)
        assert_array_equal(ours[:40], 4)  # it is not smaller where it scatters less

    def test_what_is_not_usable_does_not_count(self):
        rng = np.random.default_rng(3)
        image = rng.normal(0, 1, (40, 50))
        usable = rng.random(image.shape) < 0.7
        image[~usable] *= 100
        variance = np.ones(image.shape)
        _, factor = single.expected_noise(image, variance, usable, 0 * image)
        assert_allclose(factor, 1, rtol=0.05)
        variance = np.ones(image.shape)
        ours, factor = single.expected_noise(image, variance, usable & False, 0 * image)
        assert factor == 1
        assert_array_equal(ours, 1)

    def test_the_only_usable_row_is_looked_at(self):
        """Also if it is none of those that would tell the level of a whole frame."""
        image = np.random.default_rng(3).normal(0, 2, (200, 200))
        rows = np.arange(200)
        usable = np.zeros(image.shape, bool)
        usable[np.setdiff1d(rows, lattice(image.shape).pixels[0])[5]] = True
        variance = np.ones(image.shape)
        _, factor = single.expected_noise(image, variance, usable, 0 * image)
        assert 1.7 < factor < 2.3

    @pytest.mark.parametrize("dtype", ["f4", "f8"])
    def test_none_is_the_least_number(self, dtype):
        image = np.zeros((20, 30), dtype)
        ours, _ = single.expected_noise(image, image.copy(), image == 0, image)
        assert_array_equal(ours, np.finfo(dtype).tiny)


class TestFindSharp:
    """The parts of the search together."""

    def find(self, image, usable=None, examined=None, variance=None, **options):
        usable = np.ones(image.shape, bool) if usable is None else usable
        examined = usable if examined is None else examined
        variance = np.full(image.shape, 25.0) if variance is None else variance.copy()
        usual = {"size": (5, 5), "sigmas": (5.0, 2.5), "axis": None, "reference": None}
        return single.find_sharp(image, variance, usable, examined, **usual | options)

    def sky(self, shape=(70, 80), seed=1):
        return np.random.default_rng(seed).normal(100, 5, shape)

    @pytest.mark.parametrize("size", [(5, 5), (9, 3), (3, 7)])
    def test_an_image(self, size):
        """Broad stars, with their photons, and hits as wide as 4 pixels."""
        rng = np.random.default_rng(8)
        y, x = np.indices((90, 100))
        light = 2000 * np.exp(-((y % 30 - 15.3) ** 2 + (x % 25 - 12.4) ** 2) / 18)
        for y0, x0, height, width in rng.integers(
            [0, 0, 1, 1], [90, 100, 5, 5], (30, 4)
        ):
            light[y0 : y0 + height, x0 : x0 + width] += rng.uniform(20, 900)
        light[27:34, 22:29] += 2500  # of which a median sees the corners only
        variance = 25 + light
        image = 100 + light + rng.normal(0, 5, light.shape)
        usable = rng.random(light.shape) < 0.999
        examined = usable & (rng.random(light.shape) < 0.98)
        found = self.find(image, usable, examined, variance, size=size)
        assert found.model == 0
        assert found.flat is image
        assert found.measured.misfit == 1
        assert found.measured.contrast == 3.3
        smooth = median(image, size)
        expected, factor = single.expected_noise(image, variance.copy(), usable, smooth)
        assert_array_equal(found.variance, expected)
        assert (expected < variance - 15).any()
        assert found.measured.noise_factor == factor
        search = search_by_whole_images(
            image, smooth, size, np.sqrt(expected), examined, (5.0, 2.5), 3.3, 3
        )
        level = local_level(image, usable).rows()
        hits = search | plateaus_by_loops(image - level, np.sqrt(expected), search)
        hits &= examined
        hits = detect.not_beside_sources(hits, ~usable, image, expected)
        assert hits.sum() - 20 > search.sum() > 50
        assert_array_equal(found.hits, hits)
        assert found.measured.n_peaks == ndimage.label(hits, SQUARE)[1]

    def test_narrow_stars_raise_the_contrast(self):
        image = self.sky((60, 240))
        for y in range(6, 60, 10):
            for x in range(7, 240, 12):
                image[y - 1 : y + 2, x - 1 : x + 2] += 400
                image[y, x] += 2000
        found = self.find(image)
        noise, every = np.sqrt(found.variance), np.ones(image.shape, bool)
        smooth, narrow = median(image, 5), median(image, 3)
        expected = contrast_by_loops(image, smooth, narrow, noise, every)
        assert found.measured.contrast == pytest.approx(expected, rel=1e-12)
        assert expected > 3.3
        given = self.find(image, contrast=2.0)
        assert given.measured.contrast == 2
        assert given.hits.sum() > found.hits.sum()
        half = self.find(image, None, every & (np.arange(240) < 5))
        assert half.measured.contrast == 3.3  # stars count where hits are looked for

    @pytest.mark.parametrize("size", [(5, 5), (9, 3)])
    @pytest.mark.parametrize("axis", [0, 1])
    def test_a_spectrum(self, axis, size):
        """Less its lines it is an image; what is as sharp as they are is found."""
        hit = np.zeros((90, 100), bool)
        hit[30, 40:43] = True
        lines = np.zeros(hit.shape)
        lines[:, 60] = lines[:, 20] = 2000
        image = self.sky(hit.shape) + lines + 400 * hit
        variance = 25 + (image - 100).clip(-20)
        turned = hit, lines, variance, image
        if axis == 0:
            turned = [np.ascontiguousarray(one.T) for one in turned]
        hit, lines, variance, image = turned
        found = self.find(image, axis=axis, size=size, variance=variance)
        assert_allclose(found.model, lines + 100, atol=10)
        assert_array_equal(found.flat, image - found.model)
        assert found.measured.contrast == 4.0
        assert 0 < found.measured.misfit < 1.1
        assert found.hits[hit].all()
        assert found.hits.sum() < 6
        smooth = median(found.flat, size) + found.model
        every = np.ones(hit.shape, bool)
        expected, _ = single.expected_noise(image, variance.copy(), every, smooth)
        assert_array_equal(found.variance, expected)
        assert (expected[hit] < 100).all()

    @pytest.mark.parametrize("axis", [None, 0, 1])
    def test_a_model_of_the_user(self, axis):
        """It has what is in the frame, lines as well as what is as sharp as hits."""
        model = np.full((90, 100), 100.0)
        model[:, 60] += 2000
        model[50] += 300
        model[20, 20:22] += 900
        image = model + self.sky(model.shape) - 100
        image[70, 60:62] += 400
        found = self.find(image, axis=axis, reference=model)
        assert np.argwhere(found.hits).tolist() == [[70, 60], [70, 61]]

    def test_beside_what_is_not_usable(self):
        """On a slope a filled pixel makes its neighbours look sharp."""
        image = self.sky()
        usable = np.ones(image.shape, bool)
        usable[20, 30] = usable[50, 60] = False
        image[20, 31] += 200
        image[50, 61] += 400
        image[44:57, 50:] += 60 * np.abs(np.arange(-6, 7))[:, None]
        found = self.find(image, usable)
        assert found.hits[20, 31]
        assert not found.hits[48:53, 58:64].any()

    def test_large_hits_are_completed(self):
        image = self.sky()
        image[20:27, 30:37] += 3000
        found = self.find(image)
        assert found.hits[20:27, 30:37].all()
        assert found.measured.n_peaks == 1
        some = np.ones(image.shape, bool)
        some[23, 33] = False
        found = self.find(image, None, some)
        assert not found.hits[23, 33]
        assert found.hits[20:27, 30:37].sum() == 48
