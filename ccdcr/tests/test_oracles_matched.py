# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Small frames pixel by pixel: the parts of the matched methods.

As in test_oracles: plain loops, from what the documentation says. Sums of floating
numbers agree but for their rounding, all decisions are equal.
"""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from ccdcr.pixels import compare, photometry, skirt, slit, suspect, witnesses
from ccdcr.pixels.coincident import coincident_hits
from ccdcr.pixels.exposure import exposure
from ccdcr.pixels.guard import LIMITS, measure_guard
from ccdcr.pixels.level import local_level
from ccdcr.pixels.noise import scatter
from ccdcr.tests.test_oracles import (
    box,
    flooded,
    image_of,
    inside,
    middle,
    quantile,
    rational_mean,
    spread,
    window,
)

SEEDS = st.integers(0, 10**6)
NORMAL = {50: 0.6745, 90: 1.6449, 98: 2.3263}


@given(SEEDS, st.sampled_from([(24, 32), (8, 8), (16, 8), (40, 24)]), st.booleans())
def test_level(seed, shape, worst):
    """Medians in boxes, smoothed, and straight lines between their centres."""
    rng = np.random.default_rng(seed)
    image = rng.normal(size=shape)
    density = np.kron(rng.uniform(0.1, 1, np.array(shape) // 8), np.ones((8, 8)))
    usable = rng.random(shape) < density
    n_rows, n_columns = shape[0] // 8, shape[1] // 8
    grid = {}
    for j, i in np.ndindex(n_rows, n_columns):
        part = np.s_[8 * j : 8 * j + 8, 8 * i : 8 * i + 8]
        values = image[part][usable[part]].tolist()
        grid[j, i] = middle(values) if len(values) > 20 else None
    known = [value for value in grid.values() if value is not None]
    if not known:
        known = image[usable].tolist() or [0.0]
    grid = np.reshape(
        [middle(known) if value is None else value for value in grid.values()],
        (n_rows, n_columns),
    )
    for smooth, choose in ((min(n_rows, n_columns) >= 3, middle), (worst, max)):
        if smooth:
            places = list(np.ndindex(grid.shape))
            values = [choose(window(grid, *p, (3, 3), "nearest")) for p in places]
            grid = np.reshape(values, grid.shape)

    def between(n, at):
        before = min(max(math.floor((at - 3.5) / 8), 0), max(n - 2, 0))
        return before, min(before + 1, n - 1), (at - 3.5) / 8 - before

    level = local_level(image, usable, 8, worst=worst).rows()
    for y, x in np.ndindex(shape):
        (a, b, down), (c, d, along) = between(n_rows, y), between(n_columns, x)
        upper = grid[a, c] + along * (grid[a, d] - grid[a, c])
        lower = grid[b, c] + along * (grid[b, d] - grid[b, c])
        assert math.isclose(level[y, x], upper + down * (lower - upper), abs_tol=1e-12)


@given(SEEDS)
def test_photon_slope_and_noise_at_the_expected_level(seed):
    rng = np.random.default_rng(seed)
    shape, slope = (80, 75), rng.choice([0.0, 0.5, 2.0])
    image = 100 + 3000 * rng.random(shape) ** 40 + rng.normal(0, 3, shape)
    variance = 9 + slope * image * rng.uniform(0.9, 1.1, shape)
    usable = rng.random(shape) < 0.95
    light, noise = image[usable].tolist(), variance[usable].tolist()
    sky, floor = middle(light), middle(noise)
    least = max(quantile(light, 0.99), sky + 5 * math.sqrt(floor))
    ratios = [
        (v - floor) / (i - sky) for i, v in zip(light, noise, strict=True) if i > least
    ]
    wanted = max(middle(ratios), 0) if len(ratios) >= 50 else 0
    got = exposure(image, variance, usable)
    assert_allclose(got.slope, wanted, rtol=1e-12)
    y, x = rng.integers(0, 75, (2, 40))
    seen = rng.uniform(50, 3000, 40)
    expected = []
    for j, i, other in zip(y.tolist(), x.tolist(), seen.tolist(), strict=True):
        smooth = middle(window(image, j, i, (5, 5), "nearest"))
        level = sorted([image[j, i], smooth, other])[1]
        v = variance[j, i]
        raised = v - wanted * (image[j, i] - level)
        expected.append(max(raised, min(v, 0.1 * floor)) if wanted else v)
    assert_allclose(got.noise(y, x, seen), expected, rtol=1e-9)


@given(SEEDS, st.sampled_from([0.3, 1.0, 4.0, 50.0]))
def test_flux_scale(seed, truth):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:36, :33]
    light = 9000 * np.exp(-((y % 12 - 6) ** 2 + (x % 11 - 5) ** 2) / 6)
    pair = rng.normal(200 + truth * light, 6), rng.normal(100 + light, 5)
    pair[0][rng.random(y.shape) < 0.02] += 4000
    variances = np.full(y.shape, 36.0), np.full(y.shape, 25.0)
    usable = rng.random(y.shape) < 0.95
    bright = []
    skies = [middle(image[usable].tolist()) for image in pair]
    for j, i in np.argwhere(usable).tolist():
        both = [
            middle(window(image, j, i, (3, 3), "nearest")) - sky
            for image, sky in zip(pair, skies, strict=True)
        ]
        if all(
            b > 10 * math.sqrt(v[j, i]) for b, v in zip(both, variances, strict=True)
        ):
            bright.append(both)
    wanted = None
    ratios = [b / a for b, a in bright]
    if len(ratios) >= 100 and spread(ratios) <= 0.15 * middle(ratios):
        wanted = middle(ratios)
        for _ in range(5):
            off = [(b - wanted * a) / math.sqrt(a + b) for b, a in bright]
            limit = 3 * spread(off)
            good = [p for p, r in zip(bright, off, strict=True) if abs(r) <= limit]
            wanted = math.fsum(b for b, _ in good) / math.fsum(a for _, a in good)
        wanted = wanted if 0.05 <= wanted <= 20 else None
    got = photometry.flux_scale(*pair, *variances, usable)
    assert (got is None) == (wanted is None)
    if wanted is not None:
        assert_allclose(got, wanted, rtol=1e-12)


class TestGuard:
    @staticmethod
    def features(compared, y, x, noise):
        """Slope and brightness of the fainter exposure; whether that is a source."""
        shape, level = compared.shape, compared.level.rows()
        other = compared.scale * compared.second.image

        def light(j, i):
            j, i = min(max(j, 0), shape[0] - 1), min(max(i, 0), shape[1] - 1)
            faint = min(compared.first.image[j, i], other[j, i] + level[y, x])
            return faint - compared.guard.level.rows()[y, x]

        around = [light(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
        own = around[4]
        steepest = max(abs(around[k] - own) for k in (1, 3, 5, 7))
        slope = math.sqrt(max(steepest**2 - 9 * noise, 0))
        smooth = middle(around)
        source = smooth > 3 * math.sqrt(noise) and smooth > 0.2 * max(around)
        return slope, max(own, 0), source

    @staticmethod
    def smallest(pixels, which, ranks, most):
        """By halving, fourteen times."""
        if len(pixels) <= 100:
            return 0.0

        def fits(factor):
            pulls = [
                p["d"] / math.sqrt(p["v"] + (factor * p[which]) ** 2) for p in pixels
            ]
            return all(quantile(pulls, k / 100) <= NORMAL[k] for k in ranks)

        low, high = 0.0, most
        if fits(low):
            return low
        for _ in range(14):
            half = (low + high) / 2
            low, high = (low, half) if fits(half) else (half, high)
        return high

    @pytest.mark.parametrize("final", [False, True])
    @pytest.mark.parametrize(("shift", "fade"), [(0, 0), (0.3, 0), (0, 0.2), (1, 0.4)])
    def test_brute_force(self, shift, fade, final):
        rng = np.random.default_rng(3)
        y, x = np.mgrid[:48, :50]

        def stars(dx):
            off = (y % 16 - 8.0) ** 2 + (x % 16 - 8.0 - dx) ** 2
            return 100 + 4000 * np.exp(-off / 8)

        pair = [
            exposure(image, 25 + image / 2, np.ones(y.shape, bool))
            for image in (
                rng.normal(stars(0), np.sqrt(stars(0) / 2 + 25)),
                rng.normal((1 - fade) * stars(shift), 9),
            )
        ]
        none = np.zeros(y.shape, bool)
        compared, _, _ = compare.compare(*pair, 1.3, none, (5, 2.5), final=final)
        pixels = []
        for at in compared.sources.tolist():
            j, i = divmod(at, y.shape[1])
            own, its = (float(v[0]) for v in compared.expected(*np.array([[j], [i]])))
            slope, light, source = self.features(compared, j, i, min(own, its))
            d = abs(float(compared.difference(*np.array([[j], [i]]))[0]))
            v = (own + its) * float(compared.scatter.at(*np.array([[j], [i]]))[0]) ** 2
            if source:
                pixels.append({"d": d, "v": v, "slope": slope, "light": light})
        ranks = (50, 90, 98) if final else (50,)
        for limit in (10, 5, 2):
            steep = [p for p in pixels if p["slope"] > limit * math.sqrt(p["v"])]
            if len(steep) > 100:
                break
        measured = self.smallest(steep, "slope", ranks, LIMITS[0])
        s = max(measured, 0.1)
        for p in pixels:
            p["sky"] = p["v"]
            p["v"] += (s * p["slope"]) ** 2
        bright = [p for p in pixels if p["light"] > 5 * math.sqrt(p["sky"])]
        k = self.smallest(bright, "light", ranks, LIMITS[1])
        guard = measure_guard(compared, compared.guard.level, final=final)
        assert_allclose(guard[1:], (s, k, min(1, measured / 0.1) ** 2), rtol=1e-12)
        every = tuple(index.ravel() for index in np.indices(y.shape))
        noise = np.full(y.size, 30.0)
        expected = []
        for j, i in np.ndindex(y.shape):
            slope, light, _ = self.features(compared, j, i, 30.0)
            expected.append((s * slope) ** 2 + (k * light) ** 2)
        assert_allclose(guard.variance(compared, *every, noise), expected, rtol=1e-9)


def laplacian(image, y, x):
    """Mean of the positive Laplacians of a pixel that is divided into four."""

    def fine(j, i):
        return image[j // 2, i // 2]

    total = 0.0
    for j in (2 * y, 2 * y + 1):
        for i in (2 * x, 2 * x + 1):
            cross = fine(j - 1, i) + fine(j + 1, i) + fine(j, i - 1) + fine(j, i + 1)
            total += max(4 * fine(j, i) - cross, 0)
    return total / 4


@pytest.mark.parametrize("seed", range(12))
def test_coincident_hits(seed):
    """L.A.Cosmic of the fainter exposure, with a limit that spares its sources."""
    rng = np.random.default_rng(seed)
    shape = rows, columns = 26, 24
    y, x = np.mgrid[:rows, :columns]
    stars = 600 * np.exp(-((y % 13 - 6) ** 2 + (x % 12 - 5) ** 2) / 3.0)
    image = rng.normal(100 + stars, 10)
    variance = 100 * rng.uniform(0.8, 1.2, shape)
    flagged = rng.random(shape) < 0.02
    for j, i in np.argwhere(flagged).tolist():
        image[j, min(i + 1, columns - 1)] += rng.choice([0, 40, 150, 800])
    image[rng.random(shape) < 0.01] += 90
    usable, share = rng.random(shape) < 0.95, rng.choice([0.5, 1.0])
    sources = np.flatnonzero(stars > 30)

    wide = np.pad(image, 6, mode="edge")
    sigma = np.sqrt(np.pad(variance, 6, mode="edge"))
    narrow = {
        (j, i): middle(window(wide, j, i, (3, 3), "nearest"))
        for j, i in np.ndindex(wide.shape)
    }
    sharp, contrast = {}, {}
    for j, i in np.ndindex(shape):
        at = j + 6, i + 6
        around = [laplacian(wide, *p) / sigma[p] for p in box(*at, (5, 5), wide.shape)]
        own = laplacian(wide, *at) / sigma[at]
        sharp[j, i] = own / 2 - middle(around) / 2
        fine = narrow[at] - middle(narrow[p] for p in box(*at, (7, 7), wide.shape))
        contrast[j, i] = own / max(fine / sigma[at], 0.01)
    near = {
        p
        for p in np.ndindex(shape)
        if usable[p] and any(flagged[q] for q in box(*p, (5, 5), shape))
    }
    far = [divmod(at, columns) for at in sources.tolist()]
    far = [p for p in far if usable[p] and p not in near and sharp[p] > 4.5]
    area = len(near) / (usable.sum() - len(near))
    hits = set()
    for n in range(20):
        limit = 5 * 1.25**n
        peaks = {p for p in near if sharp[p] > 4.5 and contrast[p] > limit}
        wrong = area * sum(contrast[p] > limit for p in far) / share
        if wrong <= max(0.5, 0.1 * len(peaks)):
            hits = peaks
            for least in (3.0, 1.5):
                hits = hits | {
                    p
                    for p in near
                    if sharp[p] > least
                    and contrast[p] > limit
                    and any(q in hits for q in box(*p, (3, 3), shape))
                }
            break
    got = coincident_hits(
        lambda j, i: image[j, i],
        lambda j, i: variance[j, i],
        flagged,
        usable,
        sources,
        share,
    )
    assert_array_equal(got, image_of(hits, shape))


class Said:
    """What another exposure says of each pixel, as numbers of the test."""

    part = its = np.s_[0:6, 0:5]

    def __init__(self, rng):
        shape = 6, 5
        self.value, self.variance, self.mismatch = (
            rng.normal(100, 20, shape),
            rng.uniform(1, 9, shape) * rng.choice([1, 9], shape),
            rng.uniform(0, 4, shape) * rng.choice([0, 1], shape),
        )
        self.pulls = rng.normal(0, 5, shape)
        self.pulls[rng.random(shape) < 0.2] = -np.inf  # not usable
        self.covered = rng.integers(0, 6)  # rows

    def inside(self, y, x):
        inside = y >= self.covered
        return inside, (y[inside], x[inside])

    def predict(self, y, x):
        images = self.value, self.variance, self.mismatch, self.pulls
        return witnesses.Prediction(*(image[y, x] for image in images))

    def low(self, pixel, smooth):
        noise = math.sqrt(self.variance[pixel] + self.mismatch[pixel])
        return smooth[pixel] - self.value[pixel] > 5 * noise


@given(SEEDS, st.integers(2, 4))
def test_what_others_say(seed, n):
    """The middle one of those that can be asked; their mean by weight."""
    rng = np.random.default_rng(seed)
    views = {k: Said(rng) for k in range(n)}
    known, donors = rng.random((2, n, 6, 5)) < [[[[0.3]]], [[[0.7]]]]
    smooth = rng.normal(100, 20, (6, 5))
    own = SimpleNamespace(smooth=lambda y, x: smooth[y, x], image=smooth)
    pulls, values, variances = [], [], []
    for p in np.ndindex(smooth.shape):
        there = [k for k in views if p[0] >= views[k].covered]
        looked = [k for k in there if views[k].pulls[p] > -np.inf]
        noise = {k: views[k].variance[p] + views[k].mismatch[p] for k in there}
        clean = [k for k in looked if not known[k][p] and not views[k].low(p, smooth)]
        clean = [k for k in clean if noise[k] <= 4 * min(noise[q] for q in clean)]
        said = sorted(views[k].pulls[p] for k in clean or looked)
        pulls.append(said[(len(said) - 1) // 2] if said else -np.inf)
        asked = [k for k in there if donors[k][p]]
        asked = [k for k in asked if not views[k].low(p, smooth)] or asked
        weights = [1 / noise[k] for k in asked]
        shares = [w / math.fsum(weights) for w in weights]
        if not asked:
            values.append(np.nan)
            variances.append(np.nan)
            continue
        parts = list(zip(shares, [views[k] for k in asked], strict=True))
        values.append(math.fsum(w * v.value[p] for w, v in parts))
        independent = math.fsum(w * w * v.variance[p] for w, v in parts)
        common = math.fsum(w * math.sqrt(v.mismatch[p]) for w, v in parts)
        variances.append(independent + common**2)
    at = tuple(index.ravel() for index in np.indices(smooth.shape))
    assert_array_equal(witnesses.significance(own, views, list(known), *at), pulls)
    got = witnesses.combine(own, views, list(donors), *at)
    assert_allclose(got[0], values, rtol=1e-12)
    assert_allclose(got[1], variances, rtol=1e-12)


class TestSourceLike:
    @staticmethod
    def steepness(seen, which, y, x):
        """Half of the second difference, along the axis where it is larger."""
        own, bias = seen[which, y, x], 0.35 * math.sqrt(seen[1, y, x])
        steps = []
        for dy, dx in ((1, 0), (0, 1)):
            total = 0.0
            for sign in (1, -1):
                p = y + sign * dy, x + sign * dx
                known = inside(*p, seen.shape[1:]) and not np.isnan(seen[which][p])
                total += seen[which][p] if known else own
                bias = bias if known else 0.0
            steps.append(own - total / 2)
        return max(steps) - bias

    def sharpness(self, seen, which, pixels):
        known = [p for p in pixels if not np.isnan(seen[which][p])]
        brightest = max([seen[which][p] for p in known], default=0)
        core = [p for p in known if seen[which][p] > max(brightest, 0) / 2]
        total = math.fsum(seen[which][p] for p in core)
        if total <= 0:
            return math.inf
        return math.fsum(self.steepness(seen, which, *p) for p in core) / total

    @staticmethod
    def unexplained(seen, pixels):
        light, noise, source = (
            [float(a[p]) for p in pixels if np.isfinite(seen[0][p])] for a in seen
        )
        square = math.fsum(a * a / v for a, v in zip(light, noise, strict=True))
        template = math.fsum(b * b / v for b, v in zip(source, noise, strict=True))
        common = math.fsum(
            a * b / v for a, b, v in zip(light, source, noise, strict=True)
        )
        n = len(light)
        if not (square > 2 * n and template > 25):
            return math.inf
        return (square - max(common, 0) ** 2 / template - n) / (square - n)

    @pytest.mark.parametrize("seed", range(40))
    def test_brute_force(self, seed):
        rng = np.random.default_rng(seed)
        shape = 30, 28
        y, x = np.mgrid[:30, :28]
        width = rng.uniform(0.3, 4)
        excess = rng.normal(0, 1, shape)
        for j, i in rng.integers(0, 28, (6, 2)):
            excess += rng.choice([10, 60]) * np.exp(
                -((y - j) ** 2 + (x - i) ** 2) / width
            )
        if seed % 3 == 0:  # a trail, and a track across it
            excess += 20 * np.exp(-((y - 0.4 * x - 5) ** 2) / 6)
            excess[:, 14] += 200 * (y[:, 14] < 20)
        source = rng.normal(rng.choice([0.3, 3.0]) * np.maximum(excess, 0), 1)
        excess[rng.random(shape) < 0.05] = np.nan
        seen = np.stack([excess, rng.uniform(0.5, 2, shape), source])
        flagged = (excess > 4) & (rng.random(shape) < 0.95)
        detections = flooded(flagged, corners=True)
        number = {p: n for n, pixels in enumerate(detections) for p in pixels}
        around = {}
        for p in np.ndindex(shape):
            near = [number[q] for q in box(*p, (5, 5), shape) if q in number]
            if near:
                around.setdefault(max(near), []).append(p)
        wanted = []
        for n, pixels in enumerate(detections):
            blunt = self.sharpness(seen, 0, pixels) < 0.4
            follows = self.unexplained(seen, around.get(n, [])) < 0.2
            follows = follows and self.sharpness(seen, 2, pixels) < 0.5
            pieces = {}
            for j, i in pixels:
                pieces.setdefault((j // 8, i // 8), []).append((j, i))
            trail = [
                piece
                for piece in pieces.values()
                if len(piece) >= 8 and self.sharpness(seen, 0, piece) < 0.3
            ]
            if blunt or follows:
                wanted += pixels
            elif len(trail) >= 2:
                wanted += [p for piece in trail for p in piece]
        got = suspect.source_like(flagged, lambda j, i: seen[:, j, i])
        assert_array_equal(got, image_of(wanted, shape))


def gaussian_mean(image, variance, donors, y, x, size=7, width=1.0, **options):
    near = [p for p in box(y, x, (size, size), image.shape) if donors[p]]
    if not near:
        return math.nan, math.inf
    weights = [
        math.exp(-((j - y) ** 2 + (i - x) ** 2) / (2 * width**2)) for j, i in near
    ]
    return rational_mean(
        weights, [image[p] for p in near], [variance[p] for p in near], **options
    )


class TestSkirts:
    @pytest.fixture(params=range(8))
    def scene(self, request):
        rng = np.random.default_rng(request.param)
        shape = 22, 20
        image = rng.normal(0, 1, shape)
        image += rng.choice([0, 5]) * np.indices(shape)[1]
        image[6:10, 5:8] += 3
        image[12:, 9:] += rng.choice([0, 2], (10, 11))
        usable = rng.random(shape) < 0.9
        flagged = rng.random(shape) < 0.05
        flagged[7:9, 6] = flagged[12:21, 10:19] = True
        return image, rng.uniform(0.5, 1.5, shape), flagged & usable, usable

    @pytest.mark.parametrize("times", [0, 1, 2])
    def test_taken_in(self, scene, times):
        image, variance, flagged, usable = scene
        wanted, shape = flagged.copy(), image.shape
        for _ in range(times):
            ring = [
                p
                for p in np.ndindex(shape)
                if usable[p]
                and not wanted[p]
                and any(wanted[q] for q in box(*p, (3, 3), shape))
            ]
            donors = usable & ~wanted & ~image_of(ring, shape)
            new = []
            for p in ring:
                mean, error = gaussian_mean(image, variance, donors, *p, caution=4)
                if image[p] - mean > 2 * math.sqrt(variance[p] + error):
                    new.append(p)
            wanted |= image_of(new, shape)
        got = skirt.take_in_skirts(image, variance, flagged, usable, times)
        assert_array_equal(got, wanted)

    def test_filled_if_plausible(self, scene):
        """From beyond the neighbours, if that costs little; from afar inside."""
        image, variance, flagged, usable = scene
        donors, shape = usable & ~flagged, image.shape
        expected = 0.8 * variance
        beyond = donors & ~image_of(
            [p for q in np.argwhere(flagged).tolist() for p in box(*q, (3, 3), shape)],
            shape,
        )
        new = {}
        for p in map(tuple, np.argwhere(flagged).tolist()):
            near = gaussian_mean(image, variance, donors, *p)
            far = gaussian_mean(image, variance, beyond, *p)
            new[p] = far if far[1] < near[1] + 0.5 * expected[p] else near
            if math.isinf(new[p][1]):
                new[p] = gaussian_mean(image, variance, donors, *p, 15, 2.5)
        kept = []
        for group in flooded(flagged, corners=True):
            excess = [
                math.inf
                if math.isnan(new[p][0])
                else (image[p] - new[p][0]) / math.sqrt(expected[p] + new[p][1])
                for p in group
            ]
            if max(excess) > 3:
                kept += group
        got = skirt.fill_if_plausible(image, variance, expected, donors, flagged)
        assert_array_equal(got[0], image_of(kept, shape))
        for n, name in enumerate(("values", "variances")):
            wanted = [new[p][n] for p in sorted(kept)]
            assert_allclose(got[1 + n], wanted, rtol=1e-9, atol=1e-11, err_msg=name)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("shape", [(50, 64), (30, 90), (41, 42)])
def test_lines_and_traces(shape, axis):
    """Running medians of 41 pixels over what there is; traces that are significant."""
    rng = np.random.default_rng(shape[0] + axis)
    image = rng.normal(100, 3, shape)
    image[:, 7] += 25
    image[11] += 30
    image[rng.random(shape) < 0.02] += 500
    usable = rng.random(shape) < 0.97

    def running(values):
        n = len(values)
        if n <= 41:
            return [middle(values)] * n
        return [middle(values[max(0, k - 20) : k + 21]) for k in range(n)]

    def along(data, axis):
        lines = data.T if axis == 0 else data
        done = np.array([running(line.tolist()) for line in lines])
        return done.T if axis == 0 else done

    model = along(image, 1 - axis)
    rest = image - model
    trace = along(rest, axis)
    least = 5 * math.sqrt(math.pi / 2 / 41) * scatter(rest, usable)
    model += np.where(np.abs(trace) >= least, trace, 0)
    got = slit.lines_and_traces(image, np.full(shape, 9.0), usable, axis)
    assert_allclose(got.model, model, rtol=1e-13)
    assert (np.abs(trace) >= least).any()
    assert got.misfit < 1.3
