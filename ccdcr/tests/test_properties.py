# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What holds for every frame, tried on frames that nobody chose."""

import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from astropy.nddata import CCDData
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_array_equal

import ccdcr
from ccdcr import simulate
from ccdcr.tests.conftest import frame, simple_wcs, sky

SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12)
RTOL = 0  # exact
FEWER = settings(max_examples=settings.default.max_examples // 3)  # of all cleaners
VALUES = st.integers(-1000, 1000).map(float)


@st.composite
def pairs(draw):
    shape = draw(SHAPES)
    data = [draw(hnp.arrays(float, shape, elements=VALUES)) for _ in range(2)]
    masks = [draw(hnp.arrays(bool, shape)) for _ in range(2)]
    shift = tuple(draw(st.integers(1 - n, n - 1)) for n in shape)
    frames = [frame(d, "var", mask=m) for d, m in zip(data, masks, strict=True)]
    options = {"shift": shift, "sigma_peak": 3, "sigma_tail": 1}
    return frames, options | {"method": "classic"}


def same(one, other):
    assert_array_equal(one.data, other.data)
    assert_array_equal(one.mask, other.mask)
    assert_array_equal(one.uncertainty.array, other.uncertainty.array)


@given(pairs())
def test_pair_commutes_with_swapping(case):
    (first, second), options = case
    one = ccdcr.cosmicray_pair(first, second, **options)
    options["shift"] = tuple(-step for step in options["shift"])
    other = ccdcr.cosmicray_pair(second, first, **options)
    same(one[0], other[1])
    same(one[1], other[0])


@given(pairs())
def test_pair_commutes_with_transposing_and_flipping(case):
    frames, options = case
    wanted = ccdcr.cosmicray_pair(*frames, **options)
    dy, dx = options["shift"]
    for change, shift in (
        (np.transpose, (dx, dy)),
        (np.flipud, (-dy, dx)),
        (np.fliplr, (dy, -dx)),
    ):
        turned = [frame(change(c.data), "var", mask=change(c.mask)) for c in frames]
        out = ccdcr.cosmicray_pair(*turned, **(options | {"shift": shift}))
        for one, other in zip(wanted, out, strict=True):
            assert_array_equal(change(one.data), other.data)
            assert_array_equal(change(one.mask), other.mask)
            noises = one.uncertainty.array, other.uncertainty.array
            assert_array_equal(change(noises[0]), noises[1])


@given(pairs(), st.integers(-30, 30))
def test_pair_commutes_with_scaling(case, exponent):
    frames, options = case
    factor = 2.0**exponent
    scaled = [
        frame(c.data * factor, "var", sigma=5 * factor, mask=c.mask) for c in frames
    ]
    for one, other in zip(
        ccdcr.cosmicray_pair(*frames, **options),
        ccdcr.cosmicray_pair(*scaled, **options),
        strict=True,
    ):
        assert_array_equal(one.data * factor, other.data)
        assert_array_equal(one.mask, other.mask)
        assert_array_equal(one.uncertainty.array * factor**2, other.uncertainty.array)


@given(pairs(), st.floats(3, 30))
def test_raising_sigma_peak_never_adds_pixels(case, sigma_peak):
    frames, options = case
    low = ccdcr.cosmicray_pair(*frames, **options)
    options["sigma_peak"] = sigma_peak
    high = ccdcr.cosmicray_pair(*frames, **options)
    for one, other in zip(low, high, strict=True):
        assert (one.mask >= other.mask).all()


@pytest.mark.filterwarnings("ignore::ccdcr.CosmicRayWarning")
@pytest.mark.parametrize("method", ["classic", "matched"])
@given(
    data=hnp.arrays(float, SHAPES, elements=VALUES),
    size=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    draw=st.data(),
)
def test_median_changes_only_what_it_flags_and_reads_no_masked_pixel(
    data, size, draw, method
):
    mask = draw.draw(hnp.arrays(bool, data.shape))
    options = {"size": size, "sigma_peak": 3, "sigma_tail": 1, "method": method}
    ccd = frame(data, "std", mask=mask)
    out = ccdcr.cosmicray_median(ccd, **options)
    assert_array_equal(out.data[~out.mask], data[~out.mask])
    assert (out.mask >= mask).all()
    worse = frame(np.where(mask, 1e30, data), "std", mask=mask)
    again = ccdcr.cosmicray_median(worse, **options)
    assert_array_equal(out.data[~mask], again.data[~mask])
    assert_array_equal(out.mask, again.mask)


# ---- all cleaners ----


def cleaned_pair(ccd, **options):
    other = frame(sky(2, ccd.shape), unit=ccd.unit)
    if ccd.uncertainty is not None:
        other.uncertainty = ccd.uncertainty.__class__(np.full(ccd.shape, 5.0))
    return ccdcr.cosmicray_pair(ccd, other, **options)[0]


def cleaned_stack(ccd):
    others = [frame(sky(seed, ccd.shape), "std") for seed in (2, 3)]
    return ccdcr.cosmicray_stack([others[0], ccd, others[1]])[1]


CLEANERS = {
    "classic pair": lambda ccd: cleaned_pair(ccd, method="classic"),
    "pair": cleaned_pair,
    "stack": cleaned_stack,
    "classic median": lambda ccd: ccdcr.cosmicray_median(ccd, method="classic"),
    "median": ccdcr.cosmicray_median,
    "spectrum": lambda ccd: ccdcr.cosmicray_median(ccd, dispersion_axis=1),
    "lacosmic": ccdcr.cosmicray_lacosmic,
    "lacosmic with skirts": lambda ccd: ccdcr.cosmicray_lacosmic(ccd, grow=2),
}
SHIFT = 2, -1  # of the exposures where the second one is looked at


def second_cleaned(ccd, **options):
    """As the second of a pair that has a shift."""
    first = frame(sky(2, ccd.shape), "std")
    return ccdcr.cosmicray_pair(first, ccd, shift=SHIFT, **options)[1]


def with_options(clean, **options):
    return lambda ccd: clean(ccd, **options)


#: The other exposure, and the other replacements.
VARIANTS = {
    "second of a classic pair": with_options(second_cleaned, method="classic"),
    "second of a pair": second_cleaned,
    "classic pair, local": with_options(
        cleaned_pair, method="classic", replacement="local"
    ),
    "pair, local": with_options(cleaned_pair, replacement="local"),
    "pair, none": with_options(cleaned_pair, replacement=None),
    "classic median, local": with_options(
        ccdcr.cosmicray_median, method="classic", replacement="local"
    ),
    "median, median": with_options(ccdcr.cosmicray_median, replacement="median"),
    "median, none": with_options(ccdcr.cosmicray_median, replacement=None),
    "lacosmic, local": with_options(ccdcr.cosmicray_lacosmic, replacement="local"),
    "lacosmic with skirts, lacosmic": with_options(
        ccdcr.cosmicray_lacosmic, grow=2, replacement="lacosmic"
    ),
    "lacosmic, none": with_options(ccdcr.cosmicray_lacosmic, replacement=None),
}
ALL = CLEANERS | VARIANTS
BAD = [1e30, -1e30, np.nan, np.inf, -np.inf]


@st.composite
def hit_frames(draw):
    """A sky with hits, gaps, bad pixels and NaN anywhere, also beside each other."""
    shape = draw(st.tuples(st.integers(6, 20), st.integers(6, 20)))
    data = sky(draw(st.integers(0, 99)), shape)
    spots = st.tuples(st.integers(0, shape[0] - 1), st.integers(0, shape[1] - 1))
    mask = np.zeros(shape, bool)
    for at in draw(st.lists(spots, max_size=8)):
        data[at] += draw(st.sampled_from([60, 300, 3000]))
    for y, x in draw(st.lists(spots, max_size=8)):
        mask[y : y + 2, x] = True
    for at in draw(st.lists(spots, max_size=2)):
        data[at] = draw(st.sampled_from([np.nan, np.inf]))
    return frame(data, "std", mask=mask, dtype=draw(st.sampled_from(["f4", "f8"])))


def bytes_of(ccd):
    parts = ccd.data, ccd.mask, ccd.uncertainty.array, ccd.flags
    return [None if part is None else part.tobytes() for part in parts]


@pytest.mark.filterwarnings("ignore::ccdcr.CosmicRayWarning")
@pytest.mark.parametrize("cleaner", ALL)
@FEWER
@given(ccd=hit_frames())
def test_nothing_but_the_found_pixels_changes(cleaner, ccd):
    before, meta = bytes_of(ccd), repr(ccd.meta)
    out = ALL[cleaner](ccd)
    assert bytes_of(ccd) == before
    assert repr(ccd.meta) == meta
    assert (out.mask >= ccd.mask).all()
    assert not (out.mask & ~ccd.mask & ~np.isfinite(ccd.data)).any()
    same = ~out.mask | ccd.mask
    if cleaner.endswith("none"):
        same[:] = True
    assert out.data[same].tobytes() == ccd.data[same].tobytes()
    new, old = out.uncertainty.array, ccd.uncertainty.array
    assert new[same].tobytes() == old[same].tobytes()
    assert not out.flags[~out.mask & (out.flags & 16 == 0)].any() or (
        set(np.unique(out.flags[~out.mask])) <= {0, 16, 32}
    )


@pytest.mark.filterwarnings("ignore::ccdcr.CosmicRayWarning")
@pytest.mark.parametrize("cleaner", ALL)
@FEWER
@given(ccd=hit_frames(), bad=st.sampled_from(BAD), worse=st.sampled_from(BAD))
def test_masked_pixels_are_never_read(cleaner, ccd, bad, worse):
    other = ccd.copy()
    other.data[ccd.mask] = bad
    other.uncertainty.array[ccd.mask] = abs(worse)
    out, again = ALL[cleaner](ccd), ALL[cleaner](other)
    use = ~ccd.mask
    assert out.mask.tobytes() == again.mask.tobytes()
    assert out.flags.tobytes() == again.flags.tobytes()
    assert out.data[use].tobytes() == again.data[use].tobytes()
    assert (
        out.uncertainty.array[use].tobytes() == again.uncertainty.array[use].tobytes()
    )
    assert again.data[~use].tobytes() == other.data[~use].tobytes()


def stack_of(*ccds, **options):
    """Each exposure by what the others say."""
    if len(ccds) == 2:
        return ccdcr.cosmicray_pair(*ccds, **options)
    return ccdcr.cosmicray_stack(ccds, **options)


@pytest.mark.filterwarnings("ignore::ccdcr.CosmicRayWarning")
@pytest.mark.parametrize(
    ("n", "options"),
    [
        (2, {"method": "classic"}),
        (2, {"method": "classic", "replacement": "local", "shift": SHIFT}),
        (2, {"shift": SHIFT}),
        (2, {"replacement": "local"}),
        (3, {}),
    ],
)
@FEWER
@given(ccd=hit_frames(), bad=st.sampled_from(BAD), worse=st.sampled_from(BAD))
def test_masked_pixels_of_the_others_are_never_read(n, options, ccd, bad, worse):
    """Nor do they tell anything of the others, at any place."""
    others = [frame(sky(k, ccd.shape), "std") for k in range(2, n + 1)]
    for k, other in enumerate(others):
        other.mask = sky(9 + k, ccd.shape) > 108
        other.data[::4, ::5] += 400
    frames, changed = [ccd, *others], [ccd.copy(), *(c.copy() for c in others)]
    for one in changed:
        one.data[one.mask] = bad
        one.uncertainty.array[one.mask] = abs(worse)
    found, again = stack_of(*frames, **options), stack_of(*changed, **options)
    for before, out, other in zip(frames, found, again, strict=True):
        use = ~before.mask
        assert out.mask.tobytes() == other.mask.tobytes()
        assert out.flags.tobytes() == other.flags.tobytes()
        assert out.data[use].tobytes() == other.data[use].tobytes()
        noises = out.uncertainty.array[use], other.uncertainty.array[use]
        assert noises[0].tobytes() == noises[1].tobytes()


@pytest.mark.filterwarnings("ignore::ccdcr.CosmicRayWarning")
@pytest.mark.parametrize("cleaner", CLEANERS)
@FEWER
@given(ccd=hit_frames(), exponent=st.integers(-12, 12))
def test_scaling_by_a_power_of_two(cleaner, ccd, exponent):
    """
    Exact: such a factor changes no digit.

    Of a pair both are scaled, else it is the scale that would be measured.
    """
    factor = 2.0**exponent

    def scaled(given):
        data = (given.data * factor).astype(given.data.dtype)
        noise = given.uncertainty.array[0, 0] * factor
        return frame(data, "std", sigma=noise, mask=given.mask, dtype=data.dtype)

    def together(first, change):
        if "pair" not in cleaner and cleaner != "stack":
            return CLEANERS[cleaner](change(first))
        others = [frame(sky(seed, first.shape), "std") for seed in (2, 3)]
        if "pair" in cleaner:
            method = "classic" if "classic" in cleaner else "matched"
            frames = change(first), change(others[0])
            return ccdcr.cosmicray_pair(*frames, method=method)[0]
        frames = others[0], first, others[1]
        return ccdcr.cosmicray_stack([change(c) for c in frames])[1]

    out, again = together(ccd, lambda c: c), together(ccd, scaled)
    assert_array_equal(out.mask, again.mask)
    assert_array_equal(out.flags, again.flags)
    found = out.mask & ~ccd.mask
    np.testing.assert_allclose(again.data[found], out.data[found] * factor, rtol=RTOL)
    np.testing.assert_allclose(
        again.uncertainty.array[found], out.uncertainty.array[found] * factor, rtol=RTOL
    )


@given(hit_frames(), st.floats(3, 30))
def test_raising_sigma_peak_of_the_classic_median_never_adds_pixels(ccd, sigma_peak):
    options = {"method": "classic", "sigma_tail": 3}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ccdcr.CosmicRayWarning)
        low = ccdcr.cosmicray_median(ccd, sigma_peak=3, **options)
        high = ccdcr.cosmicray_median(ccd, sigma_peak=sigma_peak, **options)
    assert (low.mask >= high.mask).all()


TURNS = {"transposed": np.transpose, "flipped": np.flipud, "mirrored": np.fliplr}


@pytest.mark.filterwarnings("ignore::ccdcr.CosmicRayWarning")
@pytest.mark.parametrize("turn", TURNS)
@given(ccd=hit_frames(), size=st.sampled_from([(3, 3), (5, 5), (3, 7)]))
def test_classic_median_commutes_with_turning(turn, ccd, size):
    """Exact, where the window has a middle."""
    change = TURNS[turn]
    turned = frame(change(ccd.data), "std", mask=change(ccd.mask), dtype=ccd.data.dtype)
    other_size = size[::-1] if turn == "transposed" else size
    out = ccdcr.cosmicray_median(ccd, size=size, method="classic")
    again = ccdcr.cosmicray_median(turned, size=other_size, method="classic")
    assert_array_equal(change(out.mask), again.mask)
    assert_array_equal(change(out.data), again.data)


@pytest.fixture(scope="module")
def field():
    """Stars and hits, of which the methods measure enough."""
    options = {"n_stars": 30, "n_galaxies": 3, "n_hits": 80}
    scene = simulate.imaging_scene(rng=5, shape=(200, 200), **options)
    return [frame(ccd.data, mask=ccd.mask) for ccd in scene.exposures]


@pytest.mark.filterwarnings("ignore::ccdcr.CosmicRayWarning")
@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("cleaner", ["pair", "stack", "median", "lacosmic"])
def test_matched_nearly_commutes_with_turning(cleaner, turn, field):
    """
    Boxes and samples are anchored to a corner of the frame.

    So thresholds differ by a percent or so, and one pixel in fifty of the cosmic rays,
    faint ones at their rims, is on the other side of them. New values of pixels that
    are found in both differ by less than 0.2 sigma of the pixels, but for one in fifty,
    and all by less than 1.
    """

    def clean(frames):
        options = {"gain": 1.0, "readnoise": 5.0}
        if cleaner == "lacosmic":  # separable medians are rows first
            return ccdcr.cosmicray_lacosmic(frames[0], sepmed=False, **options)
        if cleaner == "median":
            return ccdcr.cosmicray_median(frames[0], **options)
        if cleaner == "pair":
            return ccdcr.cosmicray_pair(*frames, **options)[0]
        return ccdcr.cosmicray_stack([*frames, frames[1]], **options)[0]

    change = TURNS[turn]
    turned = [frame(change(c.data), mask=change(c.mask)) for c in field]
    out, again = clean(field), clean(turned)
    found, other = change(out.mask & ~field[0].mask), again.mask & ~turned[0].mask
    assert found.sum() > 300
    assert np.count_nonzero(found != other) <= 0.02 * found.sum()
    both = found & other
    new, old = again.data[both], change(out.data)[both]
    off = np.abs(new - old) / np.sqrt(old + 5.0**2)  # in sigma of the pixels
    assert np.percentile(off, 98) < 0.2
    assert off.max() < 1


@pytest.mark.parametrize("method", ["classic", "matched"])
def test_swapping_a_pair_swaps_the_results(method, field):
    """Exact for classic; matched finds the same, and values to rounding."""
    first, second = field
    options = {"shift": (1, -2), "method": method}
    if method == "matched":
        options |= {"gain": 1.0, "readnoise": 5.0, "scale": 1.0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ccdcr.CosmicRayWarning)
        one = ccdcr.cosmicray_pair(first, second, **options)
        options["shift"] = (-1, 2)
        other = ccdcr.cosmicray_pair(second, first, **options)
    for out, again in zip(one, other[::-1], strict=True):
        found = np.count_nonzero(out.mask)
        differ = np.count_nonzero(out.mask != again.mask)
        assert differ <= (0.02 * found if method == "matched" else 0)
        same = out.mask == again.mask
        rtol = 1e-2 if method == "matched" else 0
        np.testing.assert_allclose(out.data[same], again.data[same], rtol=rtol)


@pytest.mark.filterwarnings("ignore::ccdcr.CosmicRayWarning")
@pytest.mark.parametrize("cleaner", CLEANERS)
def test_many_threads_give_the_same_bytes(cleaner):
    ccd = frame(sky(1, (60, 60)), "std")
    ccd.data[::9, ::11] += 500
    clean = CLEANERS[cleaner]
    wanted, before = bytes_of(clean(ccd)), bytes_of(ccd)
    with ThreadPoolExecutor(8) as pool:
        for out in pool.map(clean, [ccd] * 24):
            assert bytes_of(out) == wanted
    assert bytes_of(ccd) == before


@pytest.mark.filterwarnings("ignore::ccdcr.CosmicRayWarning")
def test_all_cleaners_at_once_in_threads():
    """What one has in work is not seen by another."""
    ccd = frame(sky(1, (60, 60)), "std")
    ccd.data[::9, ::11] += 500
    wanted = {name: bytes_of(clean(ccd)) for name, clean in ALL.items()}
    with ThreadPoolExecutor(8) as pool:
        names = [name for name in ALL for _ in range(2)]
        found = pool.map(lambda name: bytes_of(ALL[name](ccd)), names)
        for name, out in zip(names, found, strict=True):
            assert out == wanted[name], name


def test_pickles_of_what_is_not_a_frame():
    scene = simulate.imaging_scene(rng=5, shape=(60, 60), n_hits=5)
    after, _ = ccdcr.cosmicray_pair(*scene.exposures)
    score = simulate.score(after, scene.exposures[0], scene.charges[0], scene.truths[0])
    assert repr(pickle.loads(pickle.dumps(score))) == repr(score)
    again = pickle.loads(pickle.dumps(scene))
    assert again.shifts == scene.shifts
    for one, other in zip(scene.exposures, again.exposures, strict=True):
        same(one, other)
    for error in (ccdcr.ShiftError("no stars"), ccdcr.CosmicRayWarning("too many")):
        copy = pickle.loads(pickle.dumps(error))
        assert (type(copy), copy.args) == (type(error), error.args)


@pytest.mark.filterwarnings("ignore::ccdcr.CosmicRayWarning")
@pytest.mark.parametrize("cleaner", CLEANERS)
class TestKept:
    @pytest.fixture
    def cleaned(self, cleaner):
        ccd = frame(sky(1), "std", dtype="f4", wcs=simple_wcs(), meta={"OBJECT": "x"})
        ccd.data[[6, 6, 12], [7, 8, 20]] += 3000
        ccd.data[16, 11], ccd.mask = np.nan, sky(1) > 115
        return CLEANERS[cleaner](ccd), ccd

    def test_in_a_file(self, cleaned, tmp_path):
        """The same report, to the last digit of every column."""
        after, before = cleaned
        report = ccdcr.cosmicray_report(after, before)
        after.write(tmp_path / "after.fits")
        again = CCDData.read(tmp_path / "after.fits")
        again.flags = after.flags  # which CCDData.write does not write
        other = ccdcr.cosmicray_report(again, before)
        assert_array_equal(other.mask, report.mask)
        assert report.n_cosmicrays == 2
        assert str(other) == str(report)
        for name in report.table.colnames:
            assert_array_equal(report.table[name], other.table[name], err_msg=name)

    def test_in_a_pickle(self, cleaned):
        for ccd in (*cleaned, *(pickle.loads(pickle.dumps(c, 5)) for c in cleaned)):
            again = pickle.loads(pickle.dumps(ccd))
            assert bytes_of(again) == bytes_of(ccd)
            assert again.data.dtype == ccd.data.dtype
            assert again.unit == ccd.unit
            assert repr(again.meta) == repr(ccd.meta)
            assert again.wcs.wcs.compare(ccd.wcs.wcs, tolerance=1e-12)  # astropy's
            assert type(again.uncertainty) is type(ccd.uncertainty)
        report = ccdcr.cosmicray_report(*cleaned)
        again = pickle.loads(pickle.dumps(report))
        assert str(again) == str(report)
        assert_array_equal(again.mask, report.mask)
