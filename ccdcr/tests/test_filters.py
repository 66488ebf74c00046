# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Medians, boxes and masks, against loops and scipy, in strips and in parts."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

from ccdcr.pixels import filters, median_network

MODES = {"reflect": "symmetric", "mirror": "reflect", "nearest": "edge"}


def window(image, size, y, x, mode="reflect"):
    """Rows and columns around a pixel; of an even number one more before it."""
    pad = [(k // 2, k - 1 - k // 2) for k in size]
    wide = np.pad(image, pad, mode=MODES[mode])
    return wide[y : y + size[0], x : x + size[1]]


def some(shape, share=0.05, seed=1):
    return np.nonzero(np.random.default_rng(seed).random(shape) < share)


class TestBoxes:
    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("size", [(3, 3), (5, 2), (4, 7), (1, 1)])
    def test_by_loops(self, size, mode):
        image = np.arange(11 * 13).reshape(11, 13)
        at = some(image.shape, 0.5)
        ours = filters.boxes(image, size, at, mode)
        for values, y, x in zip(ours, *at, strict=True):
            assert_array_equal(values, window(image, size, y, x, mode).ravel())
        if mode == "reflect":
            assert_array_equal(filters.boxes(image, size, at), ours)
        assert filters.boxes(image, size, (at[0][:0],) * 2).shape == (0, np.prod(size))


class TestFewMedians:
    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("size", [(3, 3), (4, 2), (9, 3), (21, 17)])
    @pytest.mark.parametrize("share", [0.03, 0.5])
    @pytest.mark.parametrize("dtype", ["f4", "f8"])
    def test_by_scipy(self, share, size, mode, dtype, monkeypatch):
        monkeypatch.setattr(filters, "CHUNK", 200)
        image = np.random.default_rng(2).normal(size=(43, 29)).astype(dtype)
        at = some(image.shape, share)
        ours = filters.box_median_at(image, size, at, mode)
        assert ours.dtype == dtype
        assert_array_equal(ours, ndimage.median_filter(image, size, mode=mode)[at])
        if mode == "reflect":
            assert_array_equal(filters.box_median_at(image, size, at), ours)

    @pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 1), (3, 5), (4, 4)])
    @pytest.mark.parametrize("dtype", ["f4", "f8"])
    def test_of_usable_pixels(self, size, dtype, monkeypatch):
        monkeypatch.setattr(filters, "CHUNK", 50)
        rng = np.random.default_rng(3)
        image = rng.normal(size=(17, 23)).astype(dtype)
        usable = rng.random(image.shape) < 0.5
        image[~usable] = np.nan
        at = some(image.shape, 0.4)
        ours = filters.median_at(image, size, usable, at)
        assert ours.dtype == dtype
        for one, y, x in zip(ours, *at, strict=True):
            values = window(image, size, y, x)[window(usable, size, y, x)]
            assert_array_equal(one, np.median(values) if values.size else np.nan)
        assert np.isnan(ours).any() == (np.prod(size) < 9)

    def test_parts(self, monkeypatch):
        """Each pixel once, and no more at once than fit."""
        monkeypatch.setattr(filters, "CHUNK", 100)
        for n, size, most in ((0, 9, 1), (7, 9, 11), (30, 9, 11), (5, 1000, 1)):
            parts = [np.arange(n)[part] for part in filters._parts(n, size)]
            assert_array_equal(np.concatenate([*parts, []]), np.arange(n))
            assert all(0 < part.size <= most for part in parts)
            assert len(parts) == -(-n // most)


@pytest.mark.parametrize(
    ("shape", "height", "n"), [((1, 1), 100, 1), ((7, 20), 5, 2), ((5, 300), 1, 5)]
)
def test_strips(shape, height, n, monkeypatch):
    """All rows once, in order; as many at once as have 100 pixels, or one."""
    monkeypatch.setattr(filters, "_STRIP", 100)
    parts = filters.strips(shape)
    rows = [np.arange(shape[0])[part] for part in parts]
    assert_array_equal(np.concatenate(rows), np.arange(shape[0]))
    assert len(parts) == n
    assert all(part.size <= height for part in rows)


class TestMasks:
    @pytest.mark.parametrize("size", [(3, 3), (1, 1), (5, 2), (4, 7), (1, 30)])
    def test_near(self, size):
        """What has a pixel of the mask in its box."""
        mask = np.zeros((9, 14), bool)
        mask[some(mask.shape, 0.04)] = True
        before = mask.copy()
        ours = filters.near(mask, size)
        assert_array_equal(mask, before)
        rows, columns = size
        for y, x in np.ndindex(mask.shape):
            up, left = max(0, y - rows // 2), max(0, x - columns // 2)
            box = mask[up : y + rows - rows // 2, left : x + columns - columns // 2]
            assert ours[y, x] == box.any()

    def test_near_takes_three_by_three(self):
        mask = np.zeros((5, 7), bool)
        mask[2, 6] = True
        assert_array_equal(filters.near(mask), filters.near(mask, (3, 3)))
        assert filters.near(mask).sum() == 6

    def test_places(self):
        mask = np.zeros((5, 8), bool)
        mask[some(mask.shape, 0.4)] = True
        for one in (mask, mask.T, mask[::2, ::-1]):
            assert_array_equal(filters.places(one), np.nonzero(one))

    def test_reached(self):
        """Pixels that touch a seed by others, also at corners."""
        mask = np.array(
            [
                [1, 0, 0, 1, 1],
                [0, 1, 0, 0, 0],
                [0, 0, 0, 0, 1],
                [1, 1, 0, 0, 1],
            ],
            bool,
        )
        seeds = np.zeros_like(mask)
        seeds[1, 1] = seeds[0, 2] = seeds[2, 4] = True  # one of them beside all
        found = filters.reached(seeds, mask)
        assert np.argwhere(found).tolist() == [[0, 0], [1, 1], [2, 4], [3, 4]]
        assert not filters.reached(seeds, mask & False).any()


class TestNeighbours:
    @pytest.mark.parametrize("size", [(3, 3), (2, 5), (4, 1)])
    def test_by_loops(self, size):
        image = np.arange(30).reshape(5, 6)
        at = tuple(index.ravel() for index in np.indices(image.shape))
        rows, columns, inside = filters.neighbours(at, size, image.shape)
        pad = [(k // 2, k - 1 - k // 2) for k in size]
        wide = np.pad(image, pad, mode="edge")
        real = np.pad(np.ones(image.shape, bool), pad)
        for k, (y, x) in enumerate(zip(*at, strict=True)):
            box = np.s_[y : y + size[0], x : x + size[1]]
            assert_array_equal(image[rows[k], columns[k]], wide[box].ravel())
            assert_array_equal(inside[k], real[box].ravel())


class TestNetwork:
    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("size", [(3, 3), (5, 5), (2, 7), (6, 4), (9, 9), (21, 5)])
    @pytest.mark.parametrize("shape", [(70, 23), (17, 30), (6, 40), (33, 5)])
    def test_in_many_strips(self, shape, size, mode, monkeypatch):
        """The very numbers of scipy, whichever way and however large a strip."""
        monkeypatch.setattr(median_network, "_STRIP", 1)
        # each an image of its own: memory that is used again holds no right answer
        seed = [*shape, *size, list(MODES).index(mode)]
        image = np.random.default_rng(seed).normal(size=shape)
        ours = median_network.box_median(image, size, mode)
        expected = ndimage.median_filter(image, size=size, mode=mode)
        assert_array_equal(ours, expected)
        if mode == "reflect":
            assert_array_equal(median_network.box_median(image, size), expected)

    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize(
        "size", [(3, 3), (9, 9), (7, 1), (21, 3), (3, 40), (21, 19), (41, 1), (40, 3)]
    )
    @pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 2), (3, 30), (10, 2)])
    def test_frames_far_smaller_than_the_box(self, shape, size, mode):
        """By loops: scipy 1.17 reads beyond such frames."""
        image = np.random.default_rng([*shape, *size]).normal(size=shape)
        ours = median_network.box_median(image, size, mode)
        for y, x in np.ndindex(shape):
            values = np.sort(window(image, size, y, x, mode), axis=None)
            assert ours[y, x] == values[values.size // 2]

    @pytest.mark.parametrize("dtype", ["f4", "f8"])
    def test_input_is_kept(self, dtype):
        image = np.random.default_rng(4).normal(size=(50, 30)).astype(dtype)
        before = image.copy()
        smooth = median_network.box_median(image, (5, 5))
        assert smooth.dtype == dtype
        assert_array_equal(image, before)

    @pytest.mark.parametrize("size", [(3, 3), (5, 5), (7, 7), (9, 3), (3, 4)])
    def test_nothing_needless(self, size):
        """No comparison is made twice or for nothing, and buffers are used again."""
        plan = median_network._plan(*size)
        holds, values, last = {0: 0}, [None], {}  # the image is value 0
        for number, (compare, places, out) in enumerate(plan.steps, 1):
            read = [(holds[buffer], y, x) for buffer, y, x in places]
            last.update((value, number) for value, _, _ in read)
            top, left = (min(place[k] for place in read) for k in (1, 2))
            read = sorted((value, y - top, x - left) for value, y, x in read)
            values.append((compare, *read))
            assert out not in [buffer for buffer, _, _ in places]
            holds[out] = number
        assert len(set(values)) == len(values)
        assert holds[plan.median] == len(plan.steps)
        last[len(plan.steps)] = len(values)
        assert set(last) == set(range(len(values)))
        in_use = [
            sum(made < step <= last[made] for made in range(step)) + 1
            for step in range(1, len(values))
        ]
        assert plan.n_buffers == max(in_use)

    def test_a_sort(self):
        """What the network sorts by itself: pixels of a row, by their places."""
        network = median_network._Network()
        for n in range(1, 10):
            places = network.sort([[(0, 0, x)] for x in range(n)])
            row = np.random.default_rng(n).normal(size=(1, 12))
            arrays = {0: row}
            for number, step in enumerate(network.steps):
                if step is None:
                    continue
                compare, *pair = step
                one, two = (arrays[k][:, x:] for k, _, x in pair)
                width = min(one.shape[1], two.shape[1])
                arrays[number] = compare(one[:, :width], two[:, :width])
            values = [arrays[k][0, x] for k, _, x in places]
            assert_allclose(values, np.sort(row[0, :n]), rtol=0)
