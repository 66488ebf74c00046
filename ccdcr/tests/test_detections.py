# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The parts of the table of detections, against loops over pixels."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

from ccdcr.pixels import table

SHAPES = [(11, 17), (17, 11), (1, 30), (30, 1)]


def found_in(mask):
    return table.detections(np.flatnonzero(mask), mask.shape)


def random_mask(shape, density, seed=1):
    mask = np.random.default_rng(seed).random(shape) < density
    mask.flat[0] = mask.flat[-1] = True
    return mask


def labels_of(mask):
    labels, n = ndimage.label(mask, np.ones((3, 3)))
    return labels - 1, n


def around(y, x, shape, reach=1):
    """Pixels of the image around one, but not itself."""
    return [
        (j, i)
        for j in range(max(y - reach, 0), min(y + reach + 1, shape[0]))
        for i in range(max(x - reach, 0), min(x + reach + 1, shape[1]))
        if (j, i) != (y, x)
    ]


class TestDetections:
    @pytest.mark.parametrize("shape", SHAPES)
    def test_runs_and_numbers(self, shape):
        mask = random_mask(shape, 0.4)
        labels, n = labels_of(mask)
        found = found_in(mask)
        assert found.n == n
        assert_array_equal(np.repeat(found.group, found.length), labels[mask])
        pixels = np.arange(found.at.size)[::-1]
        assert_array_equal(found.of(pixels), labels[mask][::-1])

    @pytest.mark.parametrize("least", [1, 2, 3, 4, 5, 100])
    def test_large_enough(self, least):
        mask = random_mask((11, 27), 0.06)
        mask[:, 1:] |= mask[:, :-1]  # runs of two and more
        labels, n = labels_of(mask)
        sizes = np.bincount(labels[mask], minlength=n)
        large = np.isin(labels, np.flatnonzero(sizes >= least)) & mask
        for one, other in zip(
            table.of_size(found_in(mask), least), found_in(large), strict=True
        ):
            assert_array_equal(one, other)
        assert isinstance(table.of_size(found_in(mask), least).n, int)

    @pytest.mark.parametrize("shape", SHAPES)
    def test_all_neighbours(self, shape):
        """Each detection has all pixels around it, and nothing that is not there."""
        mask = random_mask(shape, 0.3)
        mask[shape[0] // 2, 1:-1] = True  # a long run, too
        labels, n = labels_of(mask)
        found = found_in(mask)
        reached = [set() for _ in range(n)]
        for places, inside, pixels in table.beside(found, shape):
            assert ((places >= 0) & (places < mask.size)).all()
            groups = found.of(pixels[inside])
            for place, pixel, group in zip(
                places[inside], pixels[inside], groups, strict=True
            ):
                y, x = divmod(int(place), shape[1])
                assert (y, x) in around(*divmod(int(found.at[pixel]), shape[1]), shape)
                reached[group].add((y, x))
        for group, places in enumerate(reached):
            own = {tuple(map(int, at)) for at in np.argwhere(labels == group)}
            beside = {place for at in own for place in around(*at, shape)}
            assert places - own == beside - own

    def test_nothing(self):
        found = found_in(np.zeros((4, 5), dtype=bool))
        assert (found.n, found.at.size, found.length.size) == (0, 0, 0)
        columns = table.measure(found, np.zeros(0), 5)
        assert {values.size for values in columns.values()} == {0}
        assert table.of_size(found, 1).n == 0
        places, depth = table.holes(found, np.zeros((4, 5)), np.zeros(20).take, 1.0)
        assert places.size == depth.size == 0


class TestMeasure:
    def test_by_hand(self):
        """A bent one and one of a single pixel."""
        mask = np.zeros((6, 8), dtype=bool)
        mask[1, 2:5] = mask[2, 5] = mask[3, 6] = mask[5, 0] = True
        removed = np.array([1.0, 2.0, -5.0, 3.0, 4.0, 7.0])
        got = table.measure(found_in(mask), removed, 8)
        expected = {
            "n_pixels": [5, 1],
            "x_centroid": [(2 + 2 * 3 + 3 * 5 + 4 * 6) / 10, 0],
            "y_centroid": [(1 + 2 * 1 + 3 * 2 + 4 * 3) / 10, 5],
            "bbox_xmin": [2, 0],
            "bbox_xmax": [6, 0],
            "bbox_ymin": [1, 5],
            "bbox_ymax": [3, 5],
            "charge": [5, 7],
        }
        assert got.keys() == expected.keys()
        for name, values in expected.items():
            assert_allclose(got[name], values, err_msg=name)
            assert got[name].dtype.kind == ("i" if name[0] in "nb" else "f")

    def test_a_run_that_reaches_further_than_those_below_and_above(self):
        mask = np.array([[0, 0, 1, 0, 0], [1, 1, 1, 1, 1], [0, 0, 1, 0, 0]], dtype=bool)
        got = table.measure(found_in(mask), np.ones(7), 5)
        assert [got[f"bbox_{name}"][0] for name in ("xmin", "xmax")] == [0, 4]
        assert [got[f"bbox_{name}"][0] for name in ("ymin", "ymax")] == [0, 2]

    @pytest.mark.parametrize("nothing", [0.0, -3.0, np.nan, np.inf])
    def test_nothing_was_removed(self, nothing):
        """Of one of two: then its pixels count alike."""
        mask = np.array([[1, 1, 0, 1], [0, 0, 0, 1], [0, 0, 0, 1]], dtype=bool)
        removed = np.array([1.0, 3.0, nothing, nothing, nothing])
        got = table.measure(found_in(mask), removed, 4)
        assert_allclose(got["x_centroid"], [0.75, 3])
        assert_allclose(got["y_centroid"], [0, 1])
        assert_array_equal(got["charge"], [4, 3 * nothing])

    def test_charges_whose_sum_is_no_number(self):
        mask = np.ones((1, 3), dtype=bool)
        got = table.measure(found_in(mask), np.array([1e300, 1e305, 1e308]), 3)
        assert_allclose(got["x_centroid"], 1)
        got = table.measure(found_in(mask), np.array([0.5e290, 0.5e290, 1e290]), 3)
        assert_allclose(got["x_centroid"], 1.25)

    def test_an_infinite_charge_has_no_place(self):
        got = table.measure(
            found_in(np.ones((1, 3), bool)), np.array([np.inf, 1, 3]), 3
        )
        assert_allclose(got["x_centroid"], 1.75)
        assert np.isinf(got["charge"])

    def test_the_given_charges_are_left_alone(self):
        removed = np.array([np.inf, -1.0, 1e300])
        table.measure(found_in(np.ones((1, 3), dtype=bool)), removed, 3)
        assert_array_equal(removed, [np.inf, -1, 1e300])


class TestSample:
    def test_all_rows_of_a_small_frame(self):
        for shape in ((256, 512), (1 << 17, 1), (16, 1 << 20), (3, 5)):
            assert table.sample(shape) == slice(None)

    def test_four_bands_of_four_rows(self):
        expected = np.array([48, 148, 248, 348])[:, None] + np.arange(4)
        assert_array_equal(table.sample((400, 1000)), expected.ravel())
        assert table.sample((256, 513)).size == 16
        assert_array_equal(table.sample((17, 1 << 20)), np.r_[0:4, 4:8, 8:12, 12:16])


class TestHoles:
    LIMIT = 10.0

    def holes(self, mask, image, counts=None):
        light = image if counts is None else np.where(counts, image, np.inf)
        return table.holes(
            found_in(mask), image, lambda at: table.pick(light, at), self.LIMIT
        )

    @pytest.mark.parametrize("part", [None, 3])
    @pytest.mark.parametrize("shape", [(40, 53), (53, 40), (1, 300), (300, 1), (4, 40)])
    def test_brute_force(self, shape, part, monkeypatch):
        if part:
            monkeypatch.setattr(table, "_PART", part)
        rng = np.random.default_rng(3)
        image = rng.normal(100, 2, shape)
        deep = rng.random(shape) < 0.03
        image[deep] -= rng.uniform(0, 40, shape)[deep]
        counts = rng.random(shape) < 0.95
        mask = ndimage.binary_dilation(
            rng.random(shape) < 0.06, rng.random((3, 7)) < 0.6
        )
        places, depth = self.holes(mask, image, counts)
        expected = {}
        for y, x in np.ndindex(shape):
            others = [image[at] for at in around(y, x, shape, 3) if counts[at]]
            # alone, it is infinitely far below
            below = min(others, default=np.inf) - image[y, x]
            if counts[y, x] and below > self.LIMIT:
                expected[y * shape[1] + x] = below
        got = dict(zip(places.tolist(), depth.tolist(), strict=True))
        assert set(got) <= set(expected)
        near = np.flatnonzero(ndimage.binary_dilation(mask, np.ones((3, 3))))
        assert set(got) & set(near) == set(expected) & set(near)
        assert_allclose(list(got.values()), [expected[place] for place in got])
        assert len(got) >= 1

    @pytest.mark.parametrize("step", [(0, 0), (-1, 2), (1, -1), (0, 9), (1, 9)])
    def test_the_limit(self, step):
        """At ten below it is none, just above it is."""
        mask = np.zeros((9, 30), dtype=bool)
        mask[4, 10:19] = True
        place = 4 + step[0], 10 + step[1]
        for value, n in ((90.0, 0), (np.nextafter(90, 0), 1)):
            image = np.full(mask.shape, 100.0)
            image[place] = value
            places, _ = self.holes(mask, image)
            assert np.unique(places).size == n
            assert (
                np.unravel_index(places, mask.shape) == np.array([place] * n).T
            ).all()

    @pytest.mark.parametrize("at", [(0, 0), (0, 6), (6, 3), (3, 6), (2, 1), (6, 6)])
    def test_any_of_the_seven_by_seven_around(self, at):
        """One pixel as low as that, or masked ones that are lower."""
        image, mask = np.full((7, 7), 100.0), np.zeros((7, 7), dtype=bool)
        image[3, 3], mask[3, 3] = 50, True
        places, depth = self.holes(mask, image)
        assert (set(places), set(depth)) == ({24}, {50})
        image[at] = 70
        places, depth = self.holes(mask, image)
        assert (set(places), set(depth)) == ({24}, {20})
        image[at] = 60  # the limit itself
        assert self.holes(mask, image)[0].size == 0
        counts = np.ones((7, 7), dtype=bool)
        counts[at] = False
        assert set(self.holes(mask, image, counts)[1]) == {50}

    @pytest.mark.parametrize("place", [(0, 0), (0, 8), (8, 0), (8, 8)])
    def test_corners_of_the_image(self, place):
        image, mask = np.full((9, 9), 100.0), np.zeros((9, 9), dtype=bool)
        image[place] = 50
        mask[np.clip(place[0], 1, 7), np.clip(place[1], 1, 7)] = True
        places, depth = self.holes(mask, image)
        assert set(places) == {place[0] * 9 + place[1]}
        assert set(depth) == {50}

    @pytest.mark.parametrize("length", [1, 2, 5, 6, 8, 11])
    def test_only_the_seven_by_seven_around(self, length):
        """However dark it is beyond, wherever in or beside a run the hole is."""
        mask = np.zeros((13, 23), dtype=bool)
        mask[6, 6 : 6 + length] = True
        for y in (5, 6, 7):
            for x in range(5, 7 + length):
                image = np.zeros(mask.shape)
                image[y - 3 : y + 4, x - 3 : x + 4] = 100
                image[y, x] = 50
                places, depth = self.holes(mask, image)
                assert (set(places), set(depth)) == ({y * 23 + x}, {50})

    @pytest.mark.parametrize("length", range(1, 12))
    def test_the_other_edge_is_not_around(self, length):
        """What is dark there, a row or a few below, hides no hole."""
        image, mask = np.full((12, 20), 100.0), np.zeros((12, 20), dtype=bool)
        image[4:, :4] = 0
        image[4, 19] = 50
        mask[4, 20 - length :] = True
        places, _ = self.holes(mask, image)
        assert 4 * 20 + 19 in places


def test_parts_of_a_list(monkeypatch):
    monkeypatch.setattr(table, "_PART", 3)
    parts = [np.arange(7)[part].tolist() for part in table._parts(7)]
    assert parts == [[0, 1, 2], [3, 4, 5], [6]]
    assert table._parts(0) == []


class TestNeighbours:
    @pytest.mark.parametrize("last", [True, False])
    @pytest.mark.parametrize("shape", SHAPES)
    def test_detections_that_pixels_touch(self, shape, last):
        mask = random_mask(shape, 0.15)
        mask.flat[-2:] = False, last
        labels, _ = labels_of(mask)
        found = found_in(mask)
        for y, x in np.ndindex(shape):
            got = table.touched(np.array([y * shape[1] + x]), found, shape)
            near = [(y, x), *around(y, x, shape)]
            assert set(got) == {labels[at] for at in near if mask[at]}

    @pytest.mark.parametrize("shape", SHAPES)
    def test_none_is_brighter(self, shape):
        """Neighbours are those that are in the list; equal ones are both chosen."""
        rng = np.random.default_rng(5)
        mask = random_mask(shape, 0.6)
        mask.flat[-1] = False
        values = rng.integers(0, 6, shape).astype(float)
        values[rng.random(shape) < 0.1] = np.nan
        at = np.flatnonzero(mask)
        pixels = np.flatnonzero(rng.random(at.size) < 0.8)
        given = values.ravel()[at]
        before = given.copy()
        got = table.peaks(given, pixels, at, shape)
        expected = [
            k
            for k in pixels
            for y, x in [divmod(int(at[k]), shape[1])]
            if not np.isnan(values[y, x])
            and not any(
                mask[one] and values[one] > values[y, x] for one in around(y, x, shape)
            )
        ]
        assert_array_equal(got, expected)
        assert_array_equal(given, before)
