# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What looks like light, pixel by pixel and at the limits of what is sharp."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

from ccdcr.pixels import suspect
from ccdcr.pixels.groups import groups

NOTHING = math.nan


def seer(*images):
    """Looks at an excess, its variance, and a source, that are all known."""
    images = np.broadcast_arrays(*images)
    return lambda y, x: np.array([image[y, x] for image in images], float)


def suspects(flagged, excess, variance=0.0, source=0.0):
    found = suspect.source_like(flagged, seer(excess, variance, source))
    assert found.dtype == bool
    return found


def steepness(light, variance, y, x):
    """Half of the larger second difference of a pixel, less what noise makes of it."""
    bias, steps = 0.35 * math.sqrt(variance[y, x]), []
    for dy, dx in ((1, 0), (0, 1)):
        step = light[y, x]
        for at in ((y - dy, x - dx), (y + dy, x + dx)):
            inside = min(at) >= 0 and at[0] < light.shape[0] and at[1] < light.shape[1]
            if inside and not math.isnan(light[at]):
                step -= light[at] / 2
            else:  # as bright as the pixel itself
                step -= light[y, x] / 2
                bias = 0.0
        steps.append(step)
    return max(steps) - bias


def sharpness(light, variance, pixels):
    """Mean over the pixels above half of the maximum, by weight of their light."""
    known = [at for at in pixels if not math.isnan(light[at])]
    limit = max([light[at] for at in known] + [0.0]) / 2
    core = [at for at in known if light[at] > limit]
    total = sum(light[at] for at in core)
    if not total > 0:
        return math.inf
    return sum(steepness(light, variance, *at) for at in core) / total


def unexplained(excess, variance, source, label, k):
    """Part of the squares of an excess that is neither noise nor follows the source."""
    own = label == k
    later = ndimage.binary_dilation(label > k, np.ones((5, 5)))
    around = ndimage.binary_dilation(own, np.ones((5, 5))) & ~later
    around &= np.isfinite(excess) & (variance > 0)
    sigma = np.sqrt(variance[around])
    light, star, n = excess[around] / sigma, source[around] / sigma, around.sum()
    square, template = (light**2).sum(), (star**2).sum()
    if not (square > 2 * n and template > 25):
        return math.inf
    rest = square - max((light * star).sum(), 0) ** 2 / template - n
    return rest / (square - n)


def brute_force(flagged, excess, variance, source):
    label, n = ndimage.label(flagged, np.ones((3, 3)))
    mask = np.zeros(flagged.shape, bool)
    for k in range(1, n + 1):
        pixels = list(zip(*map(np.ndarray.tolist, np.nonzero(label == k)), strict=True))
        blunt = sharpness(excess, variance, pixels) < 0.4
        follows = unexplained(excess, variance, source, label, k) < 0.2
        if blunt or (follows and sharpness(source, variance, pixels) < 0.5):
            mask |= label == k
        pieces = {}
        for y, x in pixels:
            pieces.setdefault((y // 8, x // 8), []).append((y, x))
        of_trail = [
            piece
            for piece in pieces.values()
            if len(piece) >= 8 and sharpness(excess, variance, piece) < 0.3
        ]
        if len(of_trail) >= 2:
            for piece in of_trail:
                for at in piece:
                    mask[at] = True
    return mask


def scene(seed, shape=(57, 70)):
    """Blurs, some where sources are, tracks, and pixels of which nothing is known."""
    rng = np.random.default_rng(seed)
    y, x = np.indices(shape)

    def blur(b, a, width):
        return np.exp(-((y - b) ** 2 + (x - a) ** 2) / (2 * width**2))

    source = np.zeros(shape)
    excess = rng.normal(0, 2, shape)
    for k in range(22):
        b, a = rng.uniform(0, 1, 2) * shape
        star = blur(b, a, rng.uniform(0.5, 2.0))
        if k % 2:
            source += 2000 * star
        if k % 3:
            excess += rng.uniform(30, 300) * star
    excess += 60 * np.exp(-((y - 0.4 * x - 5 - seed % 7) ** 2) / 9)
    excess[20:40, 33] += 900
    variance = rng.uniform(2, 6, shape)
    excess[rng.random(shape) < 0.03] = NOTHING
    variance[rng.random(shape) < 0.03] = 0.0
    source += rng.normal(0, 1, shape)
    return np.nan_to_num(excess) > 15, excess, variance, source


@pytest.mark.parametrize("seed", range(8))
def test_brute_force(seed):
    flagged, *seen = scene(seed)
    expected = brute_force(flagged, *seen)
    assert 0 < expected.sum() < flagged.sum()
    assert_array_equal(suspects(flagged, *seen), expected)
    turned = [image.T for image in seen]
    assert_array_equal(suspects(flagged.T, *turned), brute_force(flagged.T, *turned))


class TestParts:
    @pytest.fixture(params=range(3))
    def seen(self, request):
        return scene(request.param, (31, 44))

    def test_steepness(self, seen):
        flagged, excess, variance, source = seen
        flagged = flagged | (np.random.default_rng(1).random(flagged.shape) < 0.1)
        patch = suspect._Patch.around(flagged, seer(*seen[1:]))
        at = np.flatnonzero(flagged)
        for which, image in ((0, excess), (2, source)):
            light, steep = suspect._steepness(patch, at, which)
            assert_array_equal(light, image.ravel()[at])
            expected = [steepness(image, variance, *divmod(k, 44)) for k in at.tolist()]
            assert_allclose(steep, expected, rtol=1e-9, atol=1e-9)

    def test_unexplained(self, seen):
        flagged, *images = seen
        patch = suspect._Patch.around(flagged, seer(*images))
        label, n = ndimage.label(flagged, np.ones((3, 3)))
        expected = [unexplained(*images, label, k + 1) for k in range(n)]
        rest = suspect._unexplained(patch, *groups(flagged))
        assert_allclose(rest, expected, rtol=1e-9)
        assert np.isfinite(rest).sum() > 2

    def test_sharpness(self, seen):
        flagged, excess, variance, _ = seen
        flagged = flagged | np.isnan(excess)  # of some all is unknown
        at, group, n = groups(flagged)
        patch = suspect._Patch.around(flagged, seer(*seen[1:]))
        ours = suspect._sharpness(group, *suspect._steepness(patch, at, 0), n)
        pixels = [divmod(k, 44) for k in at.tolist()]
        expected = [
            sharpness(excess, variance, [pixels[i] for i in np.flatnonzero(group == k)])
            for k in range(n)
        ]
        assert_allclose(ours, expected, rtol=1e-9)
        assert np.isinf(ours).any()


class TestLimits:
    """One pixel with a light of 1, and what is beside it."""

    def one(self, beside, across=0.0, **options):
        excess = np.zeros((7, 9))
        excess[3, 4] = 1.0
        excess[2:5:2, 4] = beside
        excess[3, 3:6:2] = across
        flagged = excess == 1
        found = suspects(flagged, excess, **options)
        assert_array_equal(found, flagged & found.any())
        return found.any()

    def test_what_is_blunt_along_both_axes_is_suspect(self):
        assert self.one(0.61, 0.61)
        assert not self.one(0.6, 0.6)
        assert not self.one(0.61, 0.6)
        assert not self.one(0.6, 0.61)

    def test_noise_makes_a_pixel_sharper(self):
        """By about 0.35 sigma."""
        assert self.one(0.5, 0.5, variance=0.09)
        assert not self.one(0.5, 0.5, variance=0.08)

    @pytest.mark.parametrize("at", [(0, 4), (6, 4), (3, 0), (3, 8), (0, 0), (6, 8)])
    def test_edges_are_flat(self, at):
        """What is beyond them is as bright as the pixel."""
        excess = np.zeros((7, 9))
        excess[at] = 1.0
        corner = at in ((0, 0), (6, 8))
        assert not suspects(excess > 0, excess).any()
        beside = ndimage.binary_dilation(excess > 0) & (excess == 0)
        excess[beside] = 0.1 if corner else 0.7
        assert suspects(excess == 1, excess).any() != corner
        excess[beside] = 0.25
        assert suspects(excess == 1, excess).any() == corner

    @pytest.mark.parametrize(("extra", "answer"), [(0.0, True), (300.0, False)])
    def test_a_multiple_of_a_source(self, extra, answer):
        """As sharp as it may be; and one that is sharper is a hit."""
        y, x = np.indices((11, 12))
        source = 1000 * np.exp(-((y - 5) ** 2 + (x - 6) ** 2) / 1.8)
        excess = 0.1 * source
        excess[5, 6] += extra
        flagged = excess > 90
        options = {"variance": 1.0, "source": source}
        assert suspects(flagged, excess, **options).any() == answer
        assert not suspects(flagged, excess, 1.0, -source).any()
        options["source"] = np.where(source > 900, 1000.0, 0.0)
        assert not suspects(flagged, options["source"] / 10, **options).any()


class TestUnexplained:
    """Of 5 x 5 pixels around one, all with a variance of 1."""

    def rest(self, light, source, signs=1):
        flagged = np.zeros((9, 10), bool)
        flagged[4, 5] = True
        seen = [np.full(flagged.shape, value) for value in (light, 1.0, source)]
        seen[2][:, ::2] *= signs
        patch = suspect._Patch.around(flagged, seer(*seen))
        return suspect._unexplained(patch, *groups(flagged))[0]

    def test_noise_has_no_shape(self):
        """Twice as much as there would be is too little."""
        assert self.rest(1.4, 9.0) == math.inf  # 25 squares of 1.96
        assert_allclose(self.rest(1.45, 9.0), -1 / (1.45**2 - 1))
        assert_allclose(self.rest(9.0, 9.0), -1 / (9**2 - 1))

    def test_a_source_must_be_seen(self):
        """By 5 sigma, all pixels together."""
        assert self.rest(9.0, 1.0) == math.inf
        assert_allclose(self.rest(9.0, 1.01), -1 / 80)

    def test_a_source_of_the_other_sign_explains_nothing(self):
        assert self.rest(9.0, -9.0) == 1

    def test_a_source_that_is_no_multiple_explains_part(self):
        """15 pixels of one sign and 10 of the other have a fifth in common."""
        assert_allclose(self.rest(9.0, 9.0, signs=-1), (81 - 81 / 25 - 1) / 80)


def test_an_image_of_one_pixel():
    """Nothing is known of what is around it."""
    one = np.ones((1, 1))
    assert_array_equal(suspects(one > 0, one, one, one), [[True]])
    assert not suspects(one > 0, NOTHING * one, one, one).any()


class TestTrails:
    """A bar of light, and a hit on a part of it that makes the whole look sharp."""

    def trail(self, n_columns, light=10.0, hit=True):
        """In each piece of 8 x 8 pixels 8 of a bar of three rows' width are found."""
        excess = np.zeros((16, 48))
        excess[3:6, :n_columns] = [[0.8 * light], [light], [0.8 * light]]
        if hit:
            excess[4, 0] = 10000.0
            excess[3, 0] = excess[5, 0] = 0.0
        flagged = np.zeros(excess.shape, bool)
        flagged[4, :n_columns] = True
        return flagged, excess

    @pytest.mark.parametrize(("n", "answer"), [(24, True), (23, False), (31, True)])
    def test_two_pieces_of_8_pixels_are_a_trail(self, n, answer):
        flagged, excess = self.trail(n)
        expected = np.zeros(flagged.shape, bool)
        expected[4, 8:24] = answer
        excess[4, 8:24:2] += 0.1
        assert_array_equal(suspects(flagged, excess), expected)
        wide, high = flagged.T, excess.T
        assert_array_equal(suspects(wide, high), expected.T)

    @pytest.mark.parametrize(("beside", "answer"), [(0.71, True), (0.7, False)])
    def test_pieces_are_blunter_than_a_whole_must_be(self, beside, answer):
        flagged, excess = self.trail(24)
        excess[4, 1:30] = 10  # goes on where it is not found
        excess[[3, 5], 1:30] = 10 * beside
        assert suspects(flagged, excess).any() == answer

    def test_each_detection_has_its_own_pieces(self):
        """Pieces of two are none of either."""
        excess = np.zeros((16, 48))
        flagged = np.zeros(excess.shape, bool)
        for y, start in ((3, 0), (11, 24)):
            excess[y - 1 : y + 2, start : start + 16] = [[8], [10], [8]]
            excess[y, start] = 10000.0
            excess[y - 1 : y + 2 : 2, start] = 0.0
            flagged[y, start : start + 16] = True
        assert not suspects(flagged, excess).any()
