# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Small frames pixel by pixel: what masks, filters and the classic methods must give.

Everything expected here is worked out by plain loops, from what the documentation
says. Numbers are whole ones wherever sums are made, so that equal means equal.
"""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_array_equal

import ccdcr
from ccdcr.pixels import detect, difference, filters, groups, median_network
from ccdcr.pixels.replace import GAUSSIAN, fill, from_neighbours
from ccdcr.pixels.saturation import around_saturated
from ccdcr.tests.conftest import frame

SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 9))
SIZES = st.tuples(st.integers(1, 5), st.integers(1, 5))
WHOLE = st.integers(-100, 100).map(float)
masks = hnp.arrays(bool, SHAPES)


def inside(y, x, shape):
    return 0 <= y < shape[0] and 0 <= x < shape[1]


def box(y, x, size, shape):
    """Pixels of the window around one; of an even length the middle is the later."""
    for j in range(y - size[0] // 2, y - size[0] // 2 + size[0]):
        for i in range(x - size[1] // 2, x - size[1] // 2 + size[1]):
            if inside(j, i, shape):
                yield j, i


def touching(y, x, shape, corners):
    for j, i in box(y, x, (3, 3), shape):
        if (j, i) != (y, x) and (corners or j == y or i == x):
            yield j, i


def flooded(mask, *, corners):
    """Groups of touching pixels, by the order of their first ones."""
    seen, found = set(), []
    for start in np.ndindex(mask.shape):
        if not mask[start] or start in seen:
            continue
        seen.add(start)
        group = [start]
        for pixel in group:
            for other in touching(*pixel, mask.shape, corners):
                if mask[other] and other not in seen:
                    seen.add(other)
                    group.append(other)
        found.append(group)
    return found


def image_of(pixels, shape):
    image = np.zeros(shape, bool)
    for pixel in pixels:
        image[pixel] = True
    return image


class TestGroups:
    @given(masks, st.booleans())
    def test_groups(self, mask, corners):
        """Both ways to number them."""
        number = np.full(mask.shape, -1)
        expected = flooded(mask, corners=corners)
        for n, group in enumerate(expected):
            for pixel in group:
                number[pixel] = n
        at, group, n = groups.groups(mask, corners=corners)
        assert n == len(expected)
        assert_array_equal(at, np.flatnonzero(mask))
        assert_array_equal(group, number[mask])
        start, end = groups.runs(at, mask.shape)
        of_run, n = groups.join(at, start, end, mask.shape, corners=corners)
        assert n == len(expected)
        assert_array_equal(np.repeat(of_run, end - start), number[mask])

    @given(masks, st.data())
    def test_reached(self, mask, draw):
        seeds = mask & draw.draw(hnp.arrays(bool, mask.shape))
        wanted = [
            pixel
            for group in flooded(mask, corners=True)
            if any(seeds[p] for p in group)
            for pixel in group
        ]
        assert_array_equal(filters.reached(seeds, mask), image_of(wanted, mask.shape))

    @given(masks, st.data())
    def test_choose(self, mask, draw):
        allowed = draw.draw(st.none() | hnp.arrays(bool, mask.shape))
        most = draw.draw(st.none() | st.integers(1, 6))
        wanted, n_too_large = [], 0
        for group in flooded(mask, corners=True):
            if most is not None and len(group) > most:
                n_too_large += 1
                continue
            wanted += [p for p in group if allowed is None or allowed[p]]
        kept, n = detect.choose(mask, allowed, most)
        assert_array_equal(kept, image_of(wanted, mask.shape))
        assert n == n_too_large

    @given(masks, SIZES)
    def test_near(self, mask, size):
        wanted = [
            pixel
            for pixel in np.ndindex(mask.shape)
            if any(mask[p] for p in box(*pixel, size, mask.shape))
        ]
        assert_array_equal(filters.near(mask, size), image_of(wanted, mask.shape))

    @given(masks, st.integers(0, 12))
    def test_dilated(self, mask, reach):
        size = 2 * reach + 1, 2 * reach + 1
        wanted = [
            pixel
            for pixel in np.ndindex(mask.shape)
            if any(mask[p] for p in box(*pixel, size, mask.shape))
        ]
        assert_array_equal(groups.dilated(mask, reach), image_of(wanted, mask.shape))


def classic_objects(tail, peak, allowed, most):
    """Flagged pixels; peaks, tails, and those that are too large."""
    flagged, n_too_large = [], 0
    tails = flooded(tail, corners=False)
    for group in tails:
        if not any(peak[p] and allowed[p] for p in group):
            continue
        if most is not None and len(group) > most:
            n_too_large += 1
            continue
        flagged += [p for p in group if allowed[p]]
    n_peaks = len(flooded(peak & tail, corners=False))
    return image_of(flagged, tail.shape), n_peaks, len(tails), n_too_large


@given(masks, st.data())
def test_hysteresis(tail, draw):
    peak = tail & draw.draw(hnp.arrays(bool, tail.shape))
    allowed = draw.draw(hnp.arrays(bool, tail.shape))
    most = draw.draw(st.none() | st.integers(1, 6))
    found = detect.hysteresis(
        tail, lambda at: peak.ravel()[at], allowed=allowed, max_size=most
    )
    expected = classic_objects(tail, peak, allowed, most)
    assert_array_equal(found.flagged, expected[0])
    assert found[1:] == expected[1:]


@given(
    st.floats(-1e6, 1e6, width=32), st.floats(-1e6, 1e6), st.integers(-2, 2), st.data()
)
def test_above_and_below_as_real_numbers(value, threshold, steps, draw):
    if draw.draw(st.booleans()):  # next to it
        value = np.float32(threshold)
        for _ in range(abs(steps)):
            value = np.nextafter(value, np.float32(math.copysign(np.inf, steps)))
    one = np.array([value], np.float32)
    exact = Fraction(float(one[0])), Fraction(threshold)
    assert detect.above(one, threshold)[0] == (exact[0] > exact[1])
    assert detect.below(one, threshold)[0] == (exact[0] < exact[1])


def beyond(k, n, mode):
    """Index that stands for one beyond the ends of a row of n."""
    if mode == "nearest":
        return min(max(k, 0), n - 1)
    period = max(1, 2 * n - 2) if mode == "mirror" else 2 * n
    k %= period
    if mode == "mirror":
        return k if k < n else period - k
    return k if k < n else period - 1 - k


def window(image, y, x, size, mode):
    """Values of a window, also beyond the edges."""
    rows, columns = image.shape
    return [
        image[
            beyond(y - size[0] // 2 + j, rows, mode),
            beyond(x - size[1] // 2 + i, columns, mode),
        ]
        for j in range(size[0])
        for i in range(size[1])
    ]


images = hnp.arrays(float, SHAPES, elements=WHOLE)
MODES = st.sampled_from(["reflect", "mirror", "nearest"])


class TestMedian:
    @given(images, SIZES, MODES)
    def test_of_boxes(self, image, size, mode):
        wanted = np.empty_like(image)
        for y, x in np.ndindex(image.shape):
            values = sorted(window(image, y, x, size, mode))
            wanted[y, x] = values[len(values) // 2]
        assert_array_equal(median_network.box_median(image, size, mode), wanted)
        if all(k // 2 < n for k, n in zip(size, image.shape, strict=True)):
            every = tuple(index.ravel() for index in np.indices(image.shape))
            few = tuple(index[::11] for index in every)  # each in its own way
            for at in (every, few):
                got = filters.box_median_at(image, size, at, mode)
                assert_array_equal(got, wanted[at])

    @given(images, SIZES, st.data())
    def test_without_some_pixels(self, image, size, draw):
        """The upper middle one if all are there, else the mean of the middle two."""
        usable = draw.draw(hnp.arrays(bool, image.shape))
        wanted = np.full_like(image, np.nan)
        for y, x in np.ndindex(image.shape):
            there = window(usable, y, x, size, "reflect")
            values = sorted(
                v
                for v, good in zip(
                    window(image, y, x, size, "reflect"), there, strict=True
                )
                if good
            )
            n = len(values)
            if n == len(there):
                wanted[y, x] = values[n // 2]
            elif n:
                wanted[y, x] = (values[(n - 1) // 2] + values[n // 2]) / 2
        given = np.where(usable, image, np.nan)
        assert_array_equal(filters.median(given, size, usable), wanted)


def middle(values):
    values = sorted(values)
    return (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2


def quantile(values, part):
    """On the line between the two values on either side."""
    values = sorted(values)
    place = part * (len(values) - 1)
    low = math.floor(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (place - low) * (values[high] - values[low])


def spread(values):
    return 0.7413 * (quantile(values, 0.75) - quantile(values, 0.25))


@given(st.lists(WHOLE, min_size=1, max_size=40))
def test_middle_and_sigma(values):
    found = difference.middle_and_sigma(np.array(values))
    assert found == (middle(values), spread(values))


def rational_mean(weights, values, noises, *, given=None, efficiency=1, caution=1):
    """Weighted mean and its variance, without any rounding but that of one root."""
    total = sum(weights)
    shares = [Fraction(w) / Fraction(total) for w in weights]
    mean = sum(w * Fraction(v) for w, v in zip(shares, values, strict=True))
    about = mean if given is None else Fraction(given)
    noises = [Fraction(v) for v in noises]
    scatter = sum(
        w * (Fraction(v) - about) ** 2 for w, v in zip(shares, values, strict=True)
    )
    root = Fraction(math.sqrt(2 * sum(w * w for w in shares)))
    explained = (1 + root) * sum(w * v for w, v in zip(shares, noises, strict=True))
    error = Fraction(efficiency) * sum(
        w * w * v for w, v in zip(shares, noises, strict=True)
    )
    error += Fraction(caution) * max(scatter - explained, 0)
    return float(about), float(error)


@st.composite
def with_donors(draw):
    """An image, its variance, who may be asked, and who asks."""
    shape = draw(SHAPES)
    image = draw(hnp.arrays(float, shape, elements=WHOLE))
    noises = st.integers(1, 50).map(float) | st.sampled_from([np.nan, np.inf])
    variance = draw(hnp.arrays(float, shape, elements=noises))
    return image, variance, draw(hnp.arrays(bool, shape)), draw(hnp.arrays(bool, shape))


class TestNewValues:
    @given(
        with_donors(),
        st.sampled_from([GAUSSIAN, np.ones((3, 3)), np.ones((2, 5))]),
        st.sampled_from([1.0, math.pi / 2]),
        st.sampled_from([1.0, 4.0]),
        st.booleans(),
    )
    def test_mean_of_neighbours(self, case, weights, efficiency, caution, judged):
        """Equal but for the rounding of sums, which the expected numbers have not."""
        image, variance, donors, where = case
        given = np.arange(where.sum()) * 10.0 if judged else None
        expected = []
        for n, (y, x) in enumerate(np.argwhere(where).tolist()):
            w, values, noises = [], [], []
            for j, i in box(y, x, weights.shape, image.shape):
                if donors[j, i] and np.isfinite(variance[j, i]):
                    place = (
                        j - y + weights.shape[0] // 2,
                        i - x + weights.shape[1] // 2,
                    )
                    w.append(weights[place])
                    values.append(image[j, i])
                    noises.append(variance[j, i])
            options = {"efficiency": efficiency, "caution": caution}
            if judged:
                options["given"] = given[n]
            expected.append(
                rational_mean(w, values, noises, **options) if w else (np.nan, np.inf)
            )
        found = from_neighbours(
            image,
            variance,
            donors,
            where,
            weights,
            values=given,
            efficiency=efficiency,
            caution=caution,
        )
        expected = np.reshape(expected, (-1, 2)).T
        np.testing.assert_allclose(found[0], expected[0], rtol=1e-12, atol=1e-11)
        np.testing.assert_allclose(found[1], expected[1], rtol=1e-9, atol=1e-9)

    @given(with_donors())
    def test_fill(self, case):
        image, _, usable, _ = case
        if not usable.any():
            return
        bad = np.where(usable, image, np.nan)
        filled = fill(bad, usable)
        assert_array_equal(filled[usable], image[usable])
        known = {}
        for y, x in np.ndindex(image.shape):
            near = [p for p in box(y, x, (7, 7), image.shape) if usable[p]]
            if usable[y, x]:
                known[y, x] = image[y, x]
            elif near:
                w = [math.exp(-((j - y) ** 2 + (i - x) ** 2) / 2) for j, i in near]
                zeros = [0.0] * len(near)
                known[y, x], _ = rational_mean(w, [image[p] for p in near], zeros)
        for y, x in np.ndindex(image.shape):
            far = {(j - y) ** 2 + (i - x) ** 2 for j, i in known}
            wanted = [
                value
                for (j, i), value in known.items()
                if (j - y) ** 2 + (i - x) ** 2 == min(far)
            ]
            assert any(math.isclose(filled[y, x], v, abs_tol=1e-10) for v in wanted)


@st.composite
def classic_frames(draw, n):
    """Whole numbers, some of them far out or masked; a region; options."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    shape = tuple(rng.integers(3, 10, 2))
    masked, hit = rng.choice([0.0, 0.1, 0.7]), rng.choice([0.05, 0.2])
    frames = []
    for _ in range(n):
        data = rng.integers(-10, 11, shape)
        data += rng.choice([0, 60, 5000], shape, p=[1 - hit, hit / 2, hit / 2])
        ccd = frame(data, "var", mask=rng.random(shape) < masked)
        ccd.uncertainty.array[:] = rng.integers(1, 65, shape)
        frames.append(ccd)
    options = {
        "region": rng.random(shape) < rng.choice([0.7, 1.0]),
        "max_size": draw(st.none() | st.integers(1, 9)),
        "sigma_peak": draw(st.sampled_from([4.0, 10.0])),
        "sigma_tail": draw(st.sampled_from([0.5, 3.0])),
    }
    return frames, options


@pytest.mark.filterwarnings("ignore::ccdcr.CosmicRayWarning")
class TestClassic:
    @given(classic_frames(2), st.data())
    def test_pair(self, case, draw):
        """Each number of both results: values, masks, variances."""
        frames, options = case
        shape = frames[0].shape
        dy, dx = (draw.draw(st.integers(-(n // 3), n // 3)) for n in shape)
        (one, other), ok = (c.data for c in frames), {}
        for y, x in np.ndindex(shape):
            if inside(y - dy, x - dx, shape):
                good = not frames[0].mask[y, x] and not frames[1].mask[y - dy, x - dx]
                ok[y, x] = good
        d = {p: one[p] - other[p[0] - dy, p[1] - dx] for p in ok}
        good = [d[p] for p in ok if ok[p]]
        m, s = (middle(good), spread(good)) if good else (np.nan, np.nan)
        expected = [[c.data.copy(), c.mask.copy(), c.uncertainty.array.copy()]
                    for c in frames]  # fmt: skip
        for sign in (1, -1):
            tail, peak = (
                image_of([p for p in ok if ok[p] and sign * d[p] > sign * m + k * s],
                         shape)
                for k in (options["sigma_tail"], options["sigma_peak"])
            )  # fmt: skip
            flagged, *_ = classic_objects(
                tail, peak, options["region"], options["max_size"]
            )
            for y, x in np.argwhere(flagged).tolist():
                there = y - dy, x - dx
                mine, its = ((y, x), there) if sign > 0 else (there, (y, x))
                k = 0 if sign > 0 else 1
                expected[k][0][mine] = frames[1 - k].data[its] + sign * m
                expected[k][1][mine] = True
                expected[k][2][mine] = frames[1 - k].uncertainty.array[its]
        found = ccdcr.cosmicray_pair(
            *frames, shift=(dy, dx), method="classic", **options
        )
        for out, (data, mask, variance) in zip(found, expected, strict=True):
            assert_array_equal(out.data, data)
            assert_array_equal(out.mask, mask)
            assert_array_equal(out.uncertainty.array, variance)

    @given(classic_frames(1), SIZES, st.sampled_from(["median", "local"]))
    def test_median(self, case, size, replacement):
        """Masks and medians are equal; means but for rounding."""
        (ccd,), options = case
        shape, usable = ccd.shape, ~ccd.mask
        smooth = {}
        for y, x in np.ndindex(shape):
            there = window(usable, y, x, size, "reflect")
            values = [
                v
                for v, yes in zip(
                    window(ccd.data, y, x, size, "reflect"), there, strict=True
                )
                if yes
            ]
            if len(values) == len(there):
                smooth[y, x] = sorted(values)[len(values) // 2]
            elif values:
                smooth[y, x] = middle(values)
        d = {p: ccd.data[p] - smooth[p] for p in smooth if usable[p]}
        m = middle(d.values()) if d else np.nan
        s = spread(d.values()) if d else np.nan
        tail, peak = (
            image_of([p for p in d if d[p] > m + k * s], shape)
            for k in (options["sigma_tail"], options["sigma_peak"])
        )
        flagged, *_ = classic_objects(
            tail, peak, options["region"], options["max_size"]
        )
        out = ccdcr.cosmicray_median(
            ccd, size=size, method="classic", replacement=replacement, **options
        )
        assert_array_equal(out.mask, ccd.mask | flagged)
        assert_array_equal(out.data[~flagged], ccd.data[~flagged])
        weights = GAUSSIAN if replacement == "local" else np.ones(size)
        for y, x in np.argwhere(flagged).tolist():
            near = [
                p
                for p in box(y, x, weights.shape, shape)
                if usable[p] and not flagged[p]
            ]
            if not near:
                assert out.data[y, x] == ccd.data[y, x]
                assert out.uncertainty.array[y, x] == np.inf
                continue
            w = [
                weights[j - y + weights.shape[0] // 2, i - x + weights.shape[1] // 2]
                for j, i in near
            ]
            how = {}
            if replacement == "median":
                how = {"given": smooth[y, x] + m, "efficiency": math.pi / 2}
            value, variance = rational_mean(
                w,
                [ccd.data[p] for p in near],
                [ccd.uncertainty.array[p] for p in near],
                **how,
            )
            if replacement == "median":
                assert out.data[y, x] == value
            assert math.isclose(out.data[y, x], value, rel_tol=1e-12, abs_tol=1e-11)
            assert math.isclose(out.uncertainty.array[y, x], variance, rel_tol=1e-9)


def lined_up(mask, n, axis):
    """Rows or columns of which half is hit, or a third in more than three pieces."""
    for line in range(mask.shape[1 - axis]):
        pixels = mask[:, line] if axis == 0 else mask[line]
        hits = int(pixels.sum())
        pieces = sum(
            bool(pixels[k]) and (k == 0 or not pixels[k - 1]) for k in range(n)
        )
        if hits > max(50, n / 2) or (hits > max(30, n / 3) and pieces > 3):
            for k in range(n):
                if pixels[k]:
                    yield (k, line) if axis == 0 else (line, k)


@given(st.integers(0, 10**6), st.sampled_from([0.3, 0.4, 0.6, 0.9]))
def test_left_alone(seed, density):
    """Whole lines, broken lines, and what touches a saturated star."""
    rng = np.random.default_rng(seed)
    hits = rng.random((66, 9)) < density * (rng.random(9) < 0.4)
    if rng.random() < 0.5:
        hits = hits.T.copy()
    star = rng.random(hits.shape) < 0.01
    wanted = [p for axis in (0, 1) for p in lined_up(hits, hits.shape[axis], axis)]
    for group in flooded(hits, corners=True):
        if any(star[p] for pixel in group for p in box(*pixel, (3, 3), hits.shape)):
            wanted += group
    assert_array_equal(detect.left_alone(hits, star), image_of(wanted, hits.shape))


@given(with_donors(), st.sampled_from([40, 90]))
def test_around_saturated(case, level):
    image, _, usable, _ = case
    got = around_saturated(image, usable, level, None)
    assert_array_equal(got, saturated_stars(image, usable, level))


@pytest.mark.parametrize("n_rows", range(1, 8))
def test_saturated_stars_in_few_rows(n_rows):
    """In frames of four rows scipy's dilation wrote beyond its arrays, a crash."""
    rng = np.random.default_rng(1)
    for _ in range(20):
        image = rng.choice([0.0, 100.0], (n_rows, 40), p=[0.7, 0.3])
        usable = np.ones(image.shape, bool)
        wanted = saturated_stars(image, usable, 90)
        assert_array_equal(around_saturated(image, usable, 90, None), wanted)
        wanted = saturated_stars(image.T, usable.T, 90)
        assert_array_equal(around_saturated(image.T, usable.T, 90, None), wanted)


def saturated_stars(image, usable, level):
    """Stars, not hits; what is nearly full and touches them; and four pixels around."""
    full = image_of(
        [p for p in np.ndindex(image.shape) if usable[p] and image[p] >= level],
        image.shape,
    )
    seeds = set()
    for y, x in np.argwhere(full).tolist():
        around = [
            v
            for v, good in zip(
                window(image, y, x, (5, 5), "reflect"),
                window(usable, y, x, (5, 5), "reflect"),
                strict=True,
            )
            if good
        ]
        if middle(around) > level / 10:
            seeds.add((y, x))
    nearly = usable & (image >= 0.9 * level)
    star = image_of(
        [
            p
            for group in flooded(nearly, corners=True)
            if seeds & set(group)
            for p in group
        ],
        image.shape,
    )
    for _ in range(2):  # a square of five without its corners, twice
        star = image_of(
            [
                (y, x)
                for y, x in np.ndindex(image.shape)
                if any(
                    star[j, i] and (j - y) ** 2 + (i - x) ** 2 < 8
                    for j, i in box(y, x, (5, 5), image.shape)
                )
            ],
            image.shape,
        )
    return star


@given(st.integers(0, 10**6))
def test_not_beside_sources(seed):
    """Beside a gap, where good pixels scatter by more than twice their variance."""
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, 12, 2))
    image, variance = rng.normal(0, 1.2, shape), rng.uniform(0.5, 2, shape)
    hits, gaps = rng.random((2, *shape)) < 0.15
    dropped = []
    for y, x in np.argwhere(hits).tolist():
        if not any(gaps[p] for p in box(y, x, (3, 3), shape)):
            continue
        good = [p for p in box(y, x, (5, 5), shape) if not hits[p] and not gaps[p]]
        mean = sum(image[p] for p in good) / max(len(good), 1)
        scatter = sum((image[p] - mean) ** 2 for p in good)
        if len(good) < 4 or scatter > 2 * sum(variance[p] for p in good):
            dropped += box(y, x, (5, 5), shape)
    expected = hits & ~image_of(dropped, shape)
    got = detect.not_beside_sources(hits, gaps, image, variance)
    assert_array_equal(got, expected)
