# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Cosmic rays in both exposures: what is sharp, against whole images."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

from ccdcr.pixels import coincident
from ccdcr.pixels.coincident import coincident_hits

SHAPE = (23, 31)


def whole(image, sigma):
    """
    Sharpness and contrast of all pixels, as L.A.Cosmic has them.

    Windows end at the edges of the image with the nearest pixels once more.
    """
    image, sigma = (np.pad(array, 8, mode="edge") for array in (image, sigma))
    fine = np.kron(image, np.ones((2, 2)))
    cross = np.array([[0, -1, 0], [-1, 4, -1], [0, -1, 0]])
    positive = ndimage.convolve(fine, cross).clip(0)
    laplacian = positive.reshape(len(image), 2, -1, 2).mean(axis=(1, 3)) / sigma
    sharpness = laplacian / 2 - ndimage.median_filter(laplacian / 2, 5)
    smooth = ndimage.median_filter(image, 3)
    structure = (smooth - ndimage.median_filter(smooth, 7)) / sigma
    contrast = laplacian / np.maximum(structure, 0.01)
    return [array[8:-8, 8:-8] for array in (laplacian / 2, sharpness, contrast)]


def scene(seed=1, shape=SHAPE):
    rng = np.random.default_rng(seed)
    y, x = np.indices(shape)
    light = 100 + 3 * x + 300 * np.exp(-((y - 11) ** 2 + (x - 20) ** 2) / 9.0)
    sigma = rng.uniform(8, 12, shape)
    image = rng.normal(light, sigma)
    for place in ((0, 0), (5, 7), (11, 20), (22, 30), (15, 0)):
        image[place] += 200
    return image, sigma


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("chunk", [None, 500])
@pytest.mark.parametrize(("least", "unit"), [(4.5, 1), (1.5, 1e-3)])
def test_sharpness_and_contrast_of_whole_images(
    least, unit, chunk, transposed, monkeypatch
):
    """Also beside the edges, and in parts of the list of pixels."""
    if chunk:
        monkeypatch.setattr(coincident, "CHUNK", chunk)
    image, sigma = (unit * (array.T if transposed else array) for array in scene())
    some = np.flatnonzero(np.random.default_rng(2).random(image.shape) < 0.8)
    at, sharpness, contrast = coincident._sharp(
        lambda y, x: image[y, x],
        lambda y, x: sigma[y, x] ** 2,
        some,
        image.shape,
        least,
    )
    laplacian, expected, its_contrast = (a.ravel() for a in whole(image, sigma))
    sharp = some[(expected[some] > least) & (laplacian[some] > least)]
    assert at.dtype.kind == "i"
    assert_array_equal(np.sort(at), sharp)
    assert_allclose(sharpness, expected[at])
    assert_allclose(contrast, its_contrast[at])
    assert 0 < sharp.size < some.size / 2


def test_nothing_is_sharp():
    flat, none = np.full(SHAPE, 100.0), np.zeros(0, dtype=int)
    for some in (none, np.arange(flat.size)):
        found = coincident._sharp(
            lambda y, x: flat[y, x], lambda y, x: np.ones(y.shape), some, SHAPE, 1.5
        )
        assert [one.size for one in found] == [0, 0, 0]


def hits_of(image, sigma, flagged, usable, sources, share):
    return coincident_hits(
        lambda y, x: image[y, x],
        lambda y, x: sigma[y, x] ** 2,
        flagged,
        usable,
        np.flatnonzero(sources),
        share,
    )


def by_whole_images(image, sigma, flagged, usable, sources, share):
    """The limit of the contrast, and the hits, from images of all that is sharp."""
    square = np.ones((5, 5))
    near = ndimage.binary_dilation(flagged, square) & usable
    laplacian, sharpness, contrast = whole(image, sigma)
    sharpness = np.minimum(sharpness, laplacian)
    far = sources & usable & ~near & (sharpness > 4.5)
    area = near.sum() / max(1, usable.sum() - near.sum())
    for step in range(20):
        limit = 5 * 1.25**step
        expected = area * np.count_nonzero(contrast[far] > limit) / share
        first = near & (sharpness > 4.5)
        if expected <= max(0.5, 0.1 * np.count_nonzero(contrast[first] > limit)):
            break
    else:
        return np.zeros(image.shape, dtype=bool), np.inf
    hits = first & (contrast > limit)
    for least in (3.0, 1.5):
        beside = ndimage.binary_dilation(hits, square[:3, :3]) & near
        hits = hits | (beside & (sharpness > least) & (contrast > limit))
    return hits, limit


class TestHits:
    """Hits upon the slopes of stars, some of which were found in one exposure."""

    SHAPE = (90, 120)

    def scene(self, seed=3, narrow=1.5):
        rng = np.random.default_rng(seed)
        y, x = np.indices(self.SHAPE)
        offset = (y % 15 - 7) ** 2 + (x % 20 - 10) ** 2
        light = 100 + 3000 * np.exp(-offset / narrow)
        image = rng.normal(light, 10)
        sigma = np.full(self.SHAPE, 10.0)
        usable = rng.random(self.SHAPE) < 0.97
        flagged = np.zeros(self.SHAPE, dtype=bool)
        for y, x in rng.integers(0, self.SHAPE, (12, 2)):
            flagged[y, x : x + 2] = True
            image[y, x : x + 3] += [150, 60, 25][: self.SHAPE[1] - x]
        return image, sigma, flagged, usable, light > 110

    @pytest.mark.parametrize("seed", range(2))
    @pytest.mark.parametrize(
        ("narrow", "share", "step"),
        [(0.6, 1, 1), (0.6, 0.05, 3), (1, 0.05, 1), (2, 1, 0)],
    )
    def test_whole_images(self, narrow, share, step, seed):
        """The narrower the stars the higher the limit of the contrast."""
        given = self.scene(seed, narrow)
        hits, limit = by_whole_images(*given, share)
        assert limit == 5 * 1.25**step
        assert_array_equal(hits_of(*given, share), hits)

    def test_sources_too_sharp_for_any_limit(self):
        """Single pixels all over: nothing tells hits from them."""
        rng = np.random.default_rng(1)
        image, sigma = rng.normal(100, 1, self.SHAPE), np.ones(self.SHAPE)
        sources = rng.random(self.SHAPE) < 0.1
        image[sources] += 1e5
        flagged, usable = np.zeros((2, *self.SHAPE), dtype=bool)
        flagged[45, 60], usable[:] = True, True
        image[45, 61] += 1e5
        given = image, sigma, flagged, usable, sources, 0.01
        assert by_whole_images(*given)[1] == np.inf
        assert not hits_of(*given).any()

    def test_next_to_what_was_found_only(self):
        """Two pixels away, not three."""
        image, sigma = np.full((30, 40), 100.0), np.ones((30, 40))
        for step in (0, 10, 20):
            image[15, 5 + step] += 500
        flagged, usable = np.zeros((2, 30, 40), dtype=bool)
        flagged[15, 8] = flagged[17, 17] = flagged[15, 25] = True
        usable[:] = True
        hits = hits_of(image, sigma, flagged, usable, ~usable, 1.0)
        assert_array_equal(np.argwhere(hits), [[15, 15], [15, 25]])
        usable[15, 15] = False
        hits = hits_of(image, sigma, flagged, usable, ~usable, 1.0)
        assert_array_equal(np.argwhere(hits), [[15, 25]])

    def test_nothing_was_found_or_all_of_it(self):
        image, sigma, flagged, usable, sources = self.scene()
        none = np.zeros_like(flagged)
        assert not hits_of(image, sigma, none, usable, sources, 1.0).any()
        assert not hits_of(image, sigma, ~none, none, sources, 1.0).any()
        given = image, sigma, ~none, ~none, sources, 1.0
        assert_array_equal(hits_of(*given), by_whole_images(*given)[0])


class TestLimits:
    """
    On a flat image, with a sigma of 1.

    Of a pixel without brighter ones in line with it the Laplacian is twice what it is
    above the others, and so it is as sharp as it is high. Its contrast is beyond all
    limits.
    """

    def hits(self, heights, flagged, *, shape=(25, 101), share=1.0, sources=()):
        image, found, usable = np.full(shape, 100.0), *np.zeros((2, *shape), dtype=bool)
        for place, height in heights.items():
            image[place] += height
        for place in flagged:
            found[place] = True
        is_source = np.zeros(shape, dtype=bool)
        for place in sources:
            is_source[place] = True
        hits = hits_of(image, np.ones(shape), found, ~usable, is_source, share)
        return [tuple(map(int, at)) for at in np.argwhere(hits)]

    @pytest.mark.parametrize(
        ("heights", "n"),
        [
            ((4.5, 4, 2), 0),
            ((4.51, 1.5, 2), 1),
            ((4.51, 1.51, 2), 2),  # beside that nothing is looked for
            ((4.51, 3, 2), 2),
            ((4.51, 3.01, 1.5), 2),
            ((4.51, 3.01, 1.51), 3),
        ],
    )
    def test_of_a_hit_and_of_what_is_beside_it(self, heights, n):
        """What is beside it may be fainter, and beside a bright one once more."""
        places = [(10, 10), (11, 11), (12, 12)]
        hits = self.hits(dict(zip(places, heights, strict=True)), [(11, 10)])
        assert hits == places[:n]

    @pytest.mark.parametrize(("share", "n"), [(0.02, 1), (0.0199, 0)])
    def test_half_a_source_may_be_taken_for_a_hit(self, share, n):
        """One is as sharp, in a hundred times the area, and in a part of all of it."""
        heights = {(10, 10): 9, (10, 50): 9}
        hits = self.hits(heights, [(10, 11)], share=share, sources=[(10, 50)])
        assert len(hits) == n

    @pytest.mark.parametrize(("n", "found"), [(8, 8), (7, 0)])
    def test_or_one_of_ten_hits(self, n, found):
        """Of three quarters of a source eight hits are enough, and not faint ones."""
        flagged = [(10, 5 + 9 * k) for k in range(10)]
        heights = {(11, 5 + 9 * k): 6 if k < n else 4 for k in range(10)}
        heights[20, 50] = 9
        share = 250 / (25 * 101 - 250) / 0.75
        hits = self.hits(heights, flagged, share=share, sources=[(20, 50)])
        assert len(hits) == found

    def test_a_single_pixel_that_counts(self):
        image = np.full((9, 9), 100.0)
        image[4, 4] += 9
        one = image > 100
        hits = hits_of(image, np.ones((9, 9)), np.roll(one, 1), one, ~one, 1.0)
        assert_array_equal(hits, one)


def test_parts_of_a_list(monkeypatch):
    """Of 13 values, windows of 4: three at once, and none twice."""
    monkeypatch.setattr(coincident, "CHUNK", 13)
    parts = coincident._parts(np.arange(7), 4)
    assert [part.tolist() for part in parts] == [[0, 1, 2], [3, 4, 5], [6]]
    assert coincident._parts(np.arange(0), 4) == []
