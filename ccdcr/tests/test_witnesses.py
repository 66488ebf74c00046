# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What other exposures say of the pixels of one, pixel by pixel."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ccdcr.pixels import witnesses
from ccdcr.pixels.compare import Comparison
from ccdcr.pixels.difference import overlap
from ccdcr.pixels.exposure import Exposure
from ccdcr.pixels.guard import Guard
from ccdcr.pixels.photometry import Scatter
from ccdcr.pixels.replace import GAUSSIAN, from_neighbours
from ccdcr.pixels.witnesses import Prediction, View, combine, significance
from ccdcr.tests.conftest import level_of

SHAPE = (9, 14)
EVERY = tuple(index.ravel() for index in np.indices(SHAPE))
SHIFTS = (0, 0), (2, -3), (-1, 4)  # of three exposures
SCALE, FACTOR, CHANGE = 3.0, 1.5, 0.1
# the scatter of a part counts where it is 1.15 times that of the whole
LOCAL = FACTOR * (1 + 0.02 * EVERY[0] + 0.03 * EVERY[1]).reshape(SHAPE)


def made(seed, *, usable=0.9, sigma=5.0):
    rng = np.random.default_rng(seed)
    image = rng.normal(100, sigma, SHAPE)
    variance = rng.uniform(10, 40, SHAPE)
    usable = rng.random(SHAPE) < usable
    return Exposure(image, variance, usable, level_of(image), 0.0, 25.0)


def view_of(first, second, own, shift=(2, -3), *, change=CHANGE, scale=SCALE):
    """The second a third as bright, more at the right; mismatch by brightness only."""
    at_first, at_second = overlap(SHAPE, shift)
    level = 3.0 * np.indices(SHAPE)[1] - 100 * (scale - 1)
    compared = Comparison(
        first.part(at_first),
        second.part(at_second),
        scale,
        level_of(level[at_first]),
        Scatter(FACTOR, level_of(LOCAL[at_first])),
        np.zeros(0, dtype=int),
        1.0,
        Guard(level_of(np.full(SHAPE, 90.0)[at_first]), 0.0, change),
    )
    parts = (at_first, at_second) if own == 0 else (at_second, at_first)
    return View(compared, own, *parts)


def told(view, y, x):
    """
    By hand: what the other says of one pixel of the exposure, its variance, the
    variance of what does not match, and the significance; None where it is not there.
    """
    rows, columns = view.part
    if not (rows.start <= y < rows.stop and columns.start <= x < columns.stop):
        return None
    y, x = y - rows.start, x - columns.start
    compared = view.compared
    first, second, level = compared.first, compared.second, compared.level.rows()[y, x]
    in_first = compared.scale * second.image[y, x] + level
    variance = first.variance[y, x] + compared.scale**2 * second.variance[y, x]
    faint = min(first.image[y, x], in_first) - 90
    local = compared.scatter.local.rows()[y, x]
    factor = local if local > 1.15 * FACTOR else FACTOR
    mismatch = (compared.guard.change * max(faint, 0)) ** 2
    pull = (first.image[y, x] - in_first) / np.sqrt(factor**2 * variance + mismatch)
    if not (first.usable[y, x] and second.usable[y, x]):
        pull = np.nan
    if view.own == 0:
        return in_first, compared.scale**2 * second.variance[y, x], mismatch, pull
    value = (first.image[y, x] - level) / compared.scale
    per = compared.scale**2
    return value, first.variance[y, x] / per, mismatch / per, -pull


OVERLAP = tuple(index.ravel() for index in np.indices((7, 11)))


class TestView:
    @pytest.mark.parametrize("own", [0, 1])
    def test_what_is_inside(self, own):
        view = view_of(made(1), made(2), own)
        inside, at = view.inside(*EVERY)
        here = [told(view, y, x) is not None for y, x in zip(*EVERY, strict=True)]
        assert_array_equal(inside, here)
        rows, columns = view.part
        back = at[0] + rows.start, at[1] + columns.start
        assert_array_equal(back, [index[inside] for index in EVERY])
        assert inside.sum() == 7 * 11

    @pytest.mark.parametrize("own", [0, 1])
    def test_usable_in_both(self, own):
        first, second = made(1), made(2)
        expected = first.usable[2:, :11] & second.usable[:7, 3:]
        assert_array_equal(view_of(first, second, own).usable(), expected)

    @pytest.mark.parametrize("own", [0, 1])
    def test_seen_and_predicted(self, own):
        view = view_of(made(1), made(2), own)
        rows, columns = view.part
        expected = np.array(
            [
                told(view, y + rows.start, x + columns.start)
                for y, x in zip(*OVERLAP, strict=True)
            ]
        ).T
        value, variance = view.seen(*OVERLAP)
        assert_allclose(value, expected[0])
        assert_allclose(variance, expected[1])
        prediction = view.predict(*OVERLAP)
        assert_allclose(prediction.value, expected[0])
        assert_allclose(prediction.variance, expected[1])
        assert_allclose(prediction.mismatch, expected[2])
        pulls = np.where(np.isnan(expected[3]), -np.inf, expected[3])
        assert_allclose(prediction.significance, pulls)
        assert (pulls > -np.inf).any()
        assert (pulls == -np.inf).any()

    def test_pulls_that_are_not_numbers(self):
        """No difference and no noise."""
        first, second = (
            one._replace(variance=np.zeros(SHAPE)) for one in (made(1),) * 2
        )
        view = view_of(first, second, 0, (0, 0), change=0, scale=1.0)
        view.compared.level.table[:] = 0
        assert (view.predict(*EVERY).significance == -np.inf).all()

    @pytest.mark.parametrize("own", [0, 1])
    def test_corrected_by_how_neighbours_differ(self, own):
        """By so much of their mean difference as it is known better."""
        view = view_of(made(1, usable=1), made(2, usable=1), own)
        view.compared.level.table[:] = 3  # so that windows have one level
        donors = np.random.default_rng(3).random((7, 11)) < 0.6
        donors[:, 7:] = False  # beyond there some have no neighbours
        before = view.predict(*OVERLAP)
        after = view.corrected(*OVERLAP, view.predict(*OVERLAP), donors)
        of_view = (
            told(view, *np.add(at, [p.start for p in view.part]))
            for at in zip(*OVERLAP, strict=True)
        )
        of_view = np.array(list(of_view)).T
        mine = view.compared[own]
        difference = mine.image - of_view[0].reshape(7, 11)
        variance = mine.variance + of_view[1].reshape(7, 11)
        mean, error = from_neighbours(difference, variance, donors, OVERLAP, GAUSSIAN)
        may_be = before.mismatch
        changed = np.isfinite(mean) & (may_be > 1e-3 * before.variance)
        share = np.where(changed, may_be / (may_be + error), 0)
        value = before.value + np.where(changed, share * mean, 0)
        assert_allclose(after.value, value)
        assert_allclose(after.mismatch, may_be * (1 - share))
        assert_allclose(after.variance, before.variance)
        assert changed.any()
        assert (~changed & (may_be > 0)).any()

    @pytest.mark.parametrize(("part", "changes"), [(1e-3, False), (1.001e-3, True)])
    def test_what_matches_so_well_is_not_corrected(self, part, changes):
        view = view_of(made(1, usable=1), made(2, usable=1), 0)
        at = np.array([3]), np.array([5])
        one, two, three = (np.array([number]) for number in (100.0, 20.0, 20 * part))
        after = view.corrected(
            *at, Prediction(one, two, three, one), np.ones((7, 11), dtype=bool)
        )
        assert (after.value[0] != 100) == changes

    @pytest.mark.parametrize(("depth", "low"), [(24.9, False), (25.1, True)])
    def test_five_sigma_below_what_is_around_is_low(self, depth, low):
        value, variance, mismatch = np.array([[50.0], [9.0], [16.0]])
        one = Prediction(value, variance, mismatch, value)
        assert one.is_low(50 + depth) == low

    def test_the_limit_itself_is_not_low(self):
        one = Prediction(*np.array([[50.0], [9.0], [16.0], [0.0]]))
        assert not one.is_low(75.0)[0]


@pytest.fixture
def three():
    """The first of three exposures, the others, and what is known of all."""
    exposures = [made(seed) for seed in (1, 2, 3)]
    exposures[1].image[4:6, :] -= 60  # low
    exposures[2].variance[:, :4] *= 12  # much noisier
    views = {
        k: view_of(exposures[0], exposures[k], 0, SHIFTS[k], scale=1.0, change=change)
        for k, change in ((1, 0.6), (2, 0.1))
    }
    rng = np.random.default_rng(4)
    return exposures, views, [rng.random(SHAPE) < 0.2 for _ in range(3)]


def smooth_of(exposure, y, x):
    rows, columns = (
        np.clip(np.arange(k - 2, k + 3), 0, n - 1)
        for k, n in zip((y, x), SHAPE, strict=True)
    )
    return np.median(exposure.image[np.ix_(rows, columns)])


def place_in(view, y, x):
    """Where a pixel of the exposure is in the other."""
    return tuple(
        k - mine.start + its.start
        for k, mine, its in zip((y, x), view.part, view.its, strict=True)
    )


def middle_of(exposure, views, known, y, x):
    """By hand: of those that can be asked the lower middle one."""
    asked = []
    for other, view in views.items():
        said = told(view, y, x)
        if said is None or np.isnan(said[3]):
            continue
        value, variance, mismatch, pull = said
        noise = variance + mismatch
        low = smooth_of(exposure, y, x) - value > 5 * np.sqrt(noise)
        asked.append((pull, noise, not low and not known[other][place_in(view, y, x)]))
    clean = [(pull, noise) for pull, noise, good in asked if good]
    if clean:
        sharpest = min(noise for _, noise in clean)
        pulls = [pull for pull, noise in clean if noise <= 4 * sharpest]
    else:
        pulls = [pull for pull, _, _ in asked]
    return sorted(pulls)[(len(pulls) - 1) // 2] if pulls else -np.inf


class TestSignificance:
    def test_of_three_exposures(self, three):
        exposures, views, known = three
        got = significance(exposures[0], views, known, *EVERY)
        expected = [
            middle_of(exposures[0], views, known, y, x)
            for y, x in zip(*EVERY, strict=True)
        ]
        assert_allclose(got, expected)
        assert np.isinf(got).any()

    def test_of_five(self):
        """Of four others the second, of three the middle one."""
        exposures = [made(seed) for seed in range(5)]
        views = {
            k: view_of(exposures[0], exposures[k], 0, (k - 2, 2 - k), scale=1.0)
            for k in range(1, 5)
        }
        known = [np.random.default_rng(k).random(SHAPE) < 0.3 for k in range(5)]
        got = significance(exposures[0], views, known, *EVERY)
        expected = [
            middle_of(exposures[0], views, known, y, x)
            for y, x in zip(*EVERY, strict=True)
        ]
        assert_allclose(got, expected)

    @pytest.mark.parametrize("own", [0, 1])
    def test_of_two_the_other_alone_tells(self, own):
        """Whether it has a cosmic ray itself or is low."""
        pair = [made(1), made(2)]
        pair[1 - own].image[4:6] -= 80
        view = view_of(*pair, own)
        known = [np.ones(SHAPE, dtype=bool)] * 2
        got = significance(pair[own], {1 - own: view}, known, *EVERY)
        for y, x, pull in zip(*EVERY, got, strict=True):
            said = told(view, y, x)
            here = said is not None and np.isfinite(said[3])
            assert_allclose(pull, said[3] if here else -np.inf)

    @pytest.mark.parametrize(("ratio", "asked"), [(4.0, True), (4.01, False)])
    def test_another_that_is_much_noisier_is_not_asked(self, ratio, asked):
        """It has four times the variance and the lower significance."""
        exposures = [made(seed, usable=1) for seed in (1, 2, 3)]
        for one, value, variance in zip(
            exposures, (112, 100, 100), (0, 16, 16 * ratio), strict=True
        ):
            one.image[:], one.variance[:] = value, variance
        views = {
            k: view_of(exposures[0], exposures[k], 0, (0, 0), scale=1.0, change=0.0)
            for k in (1, 2)
        }
        for view in views.values():
            view.compared.level.table[:] = 0
        known = [np.zeros(SHAPE, dtype=bool)] * 3
        got = significance(exposures[0], views, known, np.array([3]), np.array([2]))
        assert_allclose(got, 12 / (FACTOR * 4 * (np.sqrt(ratio) if asked else 1)))

    def test_in_the_precision_of_the_image(self, three):
        exposures, views, known = three
        one = exposures[0]._replace(image=exposures[0].image.astype("f4"))
        assert significance(one, views, known, *EVERY).dtype == np.float32

    def test_no_pixels(self, three):
        exposures, views, known = three
        none = np.zeros(0, dtype=int)
        assert significance(exposures[0], views, known, none, none).size == 0


def mean_of(exposure, views, donors, y, x, *, mismatch):
    """By hand: what the others say, by weight of its variance."""
    asked = []
    for other, view in views.items():
        said = told(view, y, x)
        if said is None or not donors[other][place_in(view, y, x)]:
            continue
        value, variance, wrong, _ = said
        low = smooth_of(exposure, y, x) - value > 5 * np.sqrt(variance + wrong)
        asked.append((value, variance, wrong if mismatch else 0.0, low))
    if not asked:
        return np.nan, np.nan
    if not all(low for *_, low in asked):
        asked = [one for one in asked if not one[3]]
    weights = np.array([1 / (noise + wrong) for _, noise, wrong, _ in asked])
    weights /= weights.sum()
    value, noise, wrong, _ = np.transpose(asked)
    variance = np.sum(weights**2 * noise) + np.sum(weights * np.sqrt(wrong)) ** 2
    return np.sum(weights * value), variance


class TestCombine:
    @pytest.mark.parametrize("mismatch", [True, False])
    def test_of_three_exposures(self, three, mismatch):
        exposures, views, known = three
        donors = [
            one.usable & ~mask for one, mask in zip(exposures, known, strict=True)
        ]
        got = combine(exposures[0], views, donors, *EVERY, mismatch=mismatch)
        expected = [
            mean_of(exposures[0], views, donors, y, x, mismatch=mismatch)
            for y, x in zip(*EVERY, strict=True)
        ]
        assert_allclose(np.transpose(got), expected)
        assert np.isnan(got[0]).any()

    def test_sources_that_do_not_match_count_unless_told(self, three):
        exposures, views, known = three
        options = {}, {"mismatch": True}
        one, other = (combine(exposures[0], views, known, *EVERY, **k) for k in options)
        assert_array_equal(one, other)

    @pytest.mark.parametrize("mismatch", [True, False])
    @pytest.mark.parametrize("own", [0, 1])
    def test_of_two(self, own, mismatch):
        """The other alone, also where it is low."""
        pair = [made(1), made(2)]
        pair[1 - own].image[4:6] -= 80
        view = view_of(*pair, own)
        donors = [one.usable for one in pair]
        views = {1 - own: view}
        values, variances = combine(pair[own], views, donors, *EVERY, mismatch=mismatch)
        for y, x, value, variance in zip(*EVERY, values, variances, strict=True):
            said = told(view, y, x)
            if said is None or not donors[1 - own][place_in(view, y, x)]:
                assert np.isnan([value, variance]).all()
            else:
                wrong = said[2] if mismatch else 0
                assert_allclose([value, variance], [said[0], said[1] + wrong])

    @pytest.mark.parametrize("own", [0, 1])
    def test_corrected(self, own):
        """By neighbours that can be asked in both."""
        pair = [made(1), made(2)]
        view = view_of(*pair, own)
        donors = [one.usable for one in pair]
        got = combine(pair[own], {1 - own: view}, donors, *EVERY, corrected=own)
        inside, at = view.inside(*EVERY)
        better = view.corrected(*at, view.predict(*at), view.usable())
        asked = donors[1 - own][view.its].ravel()
        value = np.where(asked, better.value, np.nan)
        noise = np.where(asked, better.variance + better.mismatch, np.nan)
        assert_allclose(got[0][inside], value)
        assert_allclose(got[1][inside], noise)
        assert np.isnan(got[0][~inside]).all()
        plain = combine(pair[own], {1 - own: view}, donors, *EVERY)
        assert np.nanmax(np.abs(got[0] - plain[0])) > 0.5


class TestMean:
    def test_by_hand(self):
        """Weights 1/4 and 1/12, so 3/4 and 1/4."""
        value = np.array([[10.0, 10, np.nan, np.nan], [30, np.nan, 30, np.nan]])
        noise = np.array([[4.0, 4, np.nan, np.nan], [3, np.nan, 3, np.nan]])
        wrong = np.array([[0.0, 0, np.nan, np.nan], [9, np.nan, 9, np.nan]])
        values, variances = witnesses._mean(value, noise, wrong)
        assert_allclose(values, [15, 10, 30, np.nan])
        # 9/16 of 4, 1/16 of 3, and the square of a fourth of 3
        assert_allclose(variances, [9 / 4 + 3 / 16 + 9 / 16, 4, 12, np.nan])

    def test_what_does_not_match_may_be_the_same_in_all(self):
        """It becomes no less, noise does."""
        four = np.ones((4, 1))
        values, variances = witnesses._mean(5 * four, 4 * four, 0 * four)
        assert_allclose([*values, *variances], [5, 1], rtol=1e-12)
        _, variances = witnesses._mean(5 * four, 4 * four, 9 * four)
        assert_allclose(variances, 1 + 9)

    @pytest.mark.parametrize("wrong", [0.0, np.inf])
    def test_one_that_knows_nothing(self, wrong):
        value, noise = np.array([[5.0], [7.0]]), np.array([[4.0], [np.inf]])
        with np.errstate(invalid="ignore"):
            found = witnesses._mean(value, noise, np.array([[0.0], [wrong]]))
        assert_allclose(found, [[5], [4]])

    def test_no_noise_at_all(self):
        value, noise = np.array([[5.0], [7.0]]), np.array([[0.0], [9.0]])
        found = witnesses._mean(value, noise, 0 * noise)
        assert_allclose(found, [[5], [0]], atol=1e-12)
