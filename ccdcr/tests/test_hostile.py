# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Frames and options that nobody should give: a valid result, or one clear sentence."""

import contextlib
import functools
import signal
import tracemalloc
import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.nddata import (
    CCDData,
    InverseVariance,
    StdDevUncertainty,
    UnknownUncertainty,
    VarianceUncertainty,
)
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

import ccdcr
from ccdcr import _ccd, files, review
from ccdcr.exceptions import shown
from ccdcr.tests.conftest import SHAPE, frame, sky

REFUSALS = (TypeError, ValueError, u.UnitsError, ccdcr.ShiftError)
PATIENCE = 60  # seconds, for what takes a tenth of one
MEMORY = 64e6  # bytes, for frames of 720 pixels


@pytest.fixture(autouse=True)
def numbers_that_end():
    """As users have it: numpy is silent where numbers end."""


def partner(ccd):
    """The same with everything a pixel farther right."""
    other = ccd.copy()
    other.data = np.roll(ccd.data, 1)
    return other


def pair(ccd, **options):
    return ccdcr.cosmicray_pair(ccd, partner(ccd), **options)[0]


def stack(ccd, **options):
    others = partner(ccd), partner(partner(ccd))
    return ccdcr.cosmicray_stack([others[0], ccd, others[1]], **options)[1]


def with_options(clean, **options):
    return lambda ccd: clean(ccd, **options)


NOISE = {"gain": 2, "readnoise": 3}
CLEANERS = {
    "classic pair": with_options(pair, method="classic"),
    "pair": pair,
    "pair with gain": with_options(pair, replacement="local", **NOISE),
    "stack": stack,
    "classic median": with_options(ccdcr.cosmicray_median, method="classic"),
    "median": ccdcr.cosmicray_median,
    "median with gain": with_options(ccdcr.cosmicray_median, **NOISE),
    "median of a spectrum": with_options(ccdcr.cosmicray_median, dispersion_axis=1),
    "lacosmic": ccdcr.cosmicray_lacosmic,
    "lacosmic with gain": with_options(ccdcr.cosmicray_lacosmic, **NOISE),
    "lacosmic with skirts": with_options(
        ccdcr.cosmicray_lacosmic, grow=2, dispersion_axis=1
    ),
}


@contextlib.contextmanager
def bounded():
    """No warning but ours, an end in time, and memory in proportion."""

    def too_long(*_):
        pytest.fail("hangs")

    alarm = hasattr(signal, "SIGALRM")
    if alarm:
        before = signal.signal(signal.SIGALRM, too_long)
        signal.alarm(PATIENCE)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", ccdcr.CosmicRayWarning)
            yield
    finally:
        if alarm:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)


def refusal(function, *arguments):
    """What one of the documented exceptions says; None if there is none."""
    try:
        function(*arguments)
    except (OSError, *REFUSALS) as error:
        return str(error)


def equal(one, other):
    """To the bit but for the bits of NaN."""
    return (one == other) | (np.isnan(one) & np.isnan(other))


def check_valid(ccd, clean):
    """What a result must be, whatever the frame."""
    kept = ccd.copy()
    with bounded():
        out = clean(ccd)
        report = ccdcr.cosmicray_report(out, ccd)
        assert len(report.table) == report.n_cosmicrays + report.n_suspects
        str(report)
    assert ccd.data.tobytes() == np.asarray(kept.data).tobytes()
    masked = np.zeros(ccd.shape, bool) if ccd.mask is None else np.asarray(ccd.mask)
    found = out.mask & ~masked
    assert_array_equal(found, report.mask)
    assert (out.mask >= masked).all()
    assert np.isfinite(ccd.data[found]).all()
    assert np.isfinite(out.data[found]).all()
    assert equal(out.data, ccd.data)[~found].all()
    assert ((out.flags & 7 > 0) == found).all()
    if ccd.uncertainty is not None:
        new, old = out.uncertainty.array, ccd.uncertainty.array
        assert type(out.uncertainty) is type(ccd.uncertainty)
        assert_array_equal(old, kept.uncertainty.array)
        assert equal(new, old)[~found].all()
        if not np.isnan(old).any():
            assert (new[found] >= np.minimum(old.min(), 0)).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fits.Header(out.meta).tostring()


# ---- frames ----


def integers(dtype, shape):
    limits, data = np.iinfo(dtype), np.resize(sky(3), shape).astype(dtype)
    peaks, extremes = data.copy(), np.full(shape, limits.min, dtype)
    peaks.ravel()[::50], peaks.ravel()[1::50] = limits.max, limits.min
    extremes.ravel()[::7] = limits.max
    return {
        "sky": data,
        "limit": np.full(shape, limits.max, dtype),
        "limits": extremes,
        "sky with limits": peaks,
    }


def floats(dtype, shape):
    limits, data = np.finfo(dtype), np.resize(sky(3), shape)
    data.ravel()[::37] += 3000
    middle = data.size // 2
    data = data.astype(dtype)
    huge, low, holes, one = data.copy(), data.copy(), data.copy(), np.zeros_like(data)
    huge.ravel()[middle], low.ravel()[middle] = limits.max, -limits.max
    holes.ravel()[::3] = np.nan
    holes.ravel()[1::5], holes.ravel()[2::7] = np.inf, -np.inf
    one.ravel()[middle] = limits.smallest_subnormal
    turns = np.full(shape, limits.max, dtype)
    turns.ravel()[::2] = -limits.max
    unity = data / data.max()
    return {
        "sky": data,
        "one huge": huge,
        "one deep": low,
        "holes": holes,
        "negative": -data,
        "minus zero": np.full(shape, -0.0, dtype),
        "smallest": one,
        "denormals": data * limits.smallest_subnormal,
        "tiny": data * limits.tiny,
        "root of tiny": data * dtype.type(np.sqrt(limits.tiny)),
        "root of largest": unity * dtype.type(np.sqrt(limits.max)),
        "huge": unity * (limits.max * dtype.type(0.9)),
        "largest": np.full(shape, limits.max, dtype),
        "largest in turn": turns,
    }


def frames_of(dtype, shape):
    dtype = np.dtype(dtype)
    make = floats if dtype.kind == "f" else integers
    return {name: data.astype(dtype) for name, data in make(dtype, shape).items()}


FLOATS = ["f2", ">f4", "f8", "g"]
INTEGERS = ["u1", ">i2", "i4", "u8"]


@pytest.mark.parametrize("dtype", FLOATS + INTEGERS)
@pytest.mark.parametrize("cleaner", CLEANERS)
def test_frames_of_any_numbers(cleaner, dtype):
    for data in frames_of(dtype, SHAPE).values():
        check_valid(CCDData(data, unit="adu"), CLEANERS[cleaner])


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (7, 3)])
@pytest.mark.parametrize("cleaner", CLEANERS)
def test_frames_of_any_shape(cleaner, shape):
    for data in frames_of("f4", shape).values():
        check_valid(CCDData(data, unit="adu"), CLEANERS[cleaner])


CLASSES = [StdDevUncertainty, VarianceUncertainty, InverseVariance]
LEVELS = [0, 1e-320, 1e-200, 1e-30, 1e30, 1e200, 1e308, np.inf, np.nan, -5.0]


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("cleaner", CLEANERS)
def test_uncertainties_of_any_numbers(cleaner, cls):
    mixed = np.full(SHAPE, 5.0)
    for step, value in [(3, np.nan), (4, 0), (5, -1), (7, np.inf), (11, 1e300)]:
        mixed.ravel()[step::step] = value
    arrays = [mixed, np.full(SHAPE, 5), np.full(SHAPE, 3e38, "f4")]
    arrays += [np.full(SHAPE, value) for value in LEVELS]
    arrays += [np.full(SHAPE, 1e-44, "f4")]
    masked = np.arange(720).reshape(SHAPE) % 11 == 0
    frames = frames_of("f4", SHAPE), frames_of("f8", SHAPE)
    for k, array in enumerate(arrays):
        data = frames[k % 2][("one huge", "holes")[k // 2 % 2]]
        ccd = CCDData(data, unit="adu", mask=masked)
        ccd.uncertainty = cls(array.copy())
        check_valid(ccd, CLEANERS[cleaner])


@pytest.mark.parametrize(
    "mask",
    [
        np.ma.nomask,
        np.zeros(SHAPE, int),
        np.full(SHAPE, -1),
        np.full(SHAPE, np.nan),
        np.full(SHAPE, "x", object),
        np.zeros(SHAPE, bool, order="F"),
        [[True] * 30] * 24,
    ],
    ids=["nomask", "zeros", "numbers", "NaN", "objects", "F", "list"],
)
@pytest.mark.parametrize("cleaner", CLEANERS)
def test_masks_of_any_kind_are_true_or_false(cleaner, mask):
    ccd, same = frame(sky(1), "std"), frame(sky(1), "std")
    ccd.data[6, 7] = same.data[6, 7] = 3000
    ccd.mask = mask
    if mask is not np.ma.nomask:
        same.mask = np.asarray(mask, dtype=bool)
    with bounded():
        out, wanted = (CLEANERS[cleaner](c) for c in (ccd, same))
    assert_array_equal(out.mask, wanted.mask)
    assert_array_equal(out.data, wanted.data)


@pytest.mark.parametrize("state", ["raise", "warn", "ignore"])
@pytest.mark.parametrize("cleaner", CLEANERS)
def test_what_the_caller_has_told_numpy_does_not_matter(cleaner, state):
    ccd = CCDData(frames_of("f4", SHAPE)["one huge"], unit="adu")
    wanted = CLEANERS[cleaner](ccd)
    with np.errstate(all=state):
        before = np.geterr()
        check_valid(ccd, CLEANERS[cleaner])
        out = CLEANERS[cleaner](ccd)
        assert np.geterr() == before
    assert_array_equal(out.data, wanted.data)


def test_the_other_tests_are_told_where_numbers_end():
    """Without that a mistake could hide behind the silence that users have."""
    assert set(_ccd._ARITHMETIC.values()) == {"ignore"}
    with _ccd.own_arithmetic():
        assert set(np.geterr().values()) == {"ignore"}


# ---- options ----

NUMBERS = {
    "nan": np.nan,
    "inf": np.inf,
    "-inf": -np.inf,
    "0": 0,
    "-1": -1,
    "-0.0": -0.0,
    "denormal": 5e-324,
    "1e308": 1e308,
    "-1e308": -1e308,
    "1e9": 10**9,
    "400 digits": 10**400,
    "-400 digits": -(10**400),
    "5000 digits": 10**5000,
    "complex": 1j,
    "True": True,
    "numpy True": np.True_,
    "f4": np.float32(3),
    "i8": np.int64(3),
    "date": np.datetime64("2020-01-01"),
    "masked": np.ma.masked,
    "0-D": np.array(3.0),
    "one": np.array([3.0]),
    "two": np.array([1, 2]),
    "square": np.ones((3, 3)),
    "NaN square": np.full((3, 3), np.nan),
    "texts": np.array([["a"]]),
    "frame": frame(sky(1)),
    "data": sky(1),
    "mask": sky(1) > 100,
    "small mask": np.zeros((3, 3), bool),
    "seconds": 3 * u.s,
    "adu": 3 * u.adu,
    "electron": 3 * u.electron,
    "gain": 3 * u.electron / u.adu,
    "quantities": [1, 2] * u.adu,
}
OTHERS = {
    "text": "3",
    "no text": "",
    "bytes": b"3",
    "long text": "x" * 10**6,
    "list": [1, 2, 3],
    "no list": [],
    "one of a list": (1,),
    "two of a list": (1, 2),
    "fractions": (0.5, -0.5),
    "far": (1e300, 0),
    "very far": (10**30, 0),
    "nowhere": (np.nan, 0),
    "dict": {},
    "set": set(),
    "object": object(),
    "dots": ...,
    "function": len,
    "class": float,
    "slice": slice(None),
    "slices": (slice(None), slice(None)),
    "no slices": (slice(0, 0), slice(None)),
    "section": "[1:5,1:5]",
    "section from 0": "[0:5,1:5]",
    "large section": "[1:99999999999999999999,1]",
    "auto": "auto",
    "local": "local",
}
VALUES = NUMBERS | OTHERS
DIFFERENCE = ["scale", "gain", "readnoise", "saturation", "grow"]
COMMON = ["sigma_peak", "sigma_tail", "max_size", "region", "exclude", "replacement"]
COMMON += ["add_keyword"]
SINGLE = ["contrast", "dispersion_axis", "reference"]
LACOSMIC = ["sigclip", "sigfrac", "objlim", "niter", "sepmed", "cleantype", "inbkg"]
LACOSMIC += ["fsmode", "psfmodel", "psffwhm", "psfsize", "psfk", "psfbeta"]
LACOSMIC += ["dispersion_axis"]
OPTIONS = {
    "pair": ["shift", "method", *COMMON, *DIFFERENCE],
    "stack": ["shifts", "method", *COMMON, *DIFFERENCE],
    "classic pair": ["shift", *COMMON],
    "median": ["size", "method", *COMMON, *DIFFERENCE[1:], *SINGLE],
    "classic median": ["size", *COMMON, "reference"],
    "lacosmic": [*LACOSMIC, *COMMON[3:], *DIFFERENCE[1:]],
}
CASES = [(cleaner, name) for cleaner, names in OPTIONS.items() for name in names]
NEEDED = {
    "gain": {"readnoise": 2},
    "readnoise": {"gain": 2},
    "psffwhm": {"fsmode": "convolve"},
    "psfsize": {"fsmode": "convolve"},
    "psfk": {"fsmode": "convolve"},
    "psfmodel": {"fsmode": "convolve"},
    "psfbeta": {"fsmode": "convolve", "psfmodel": "moffat"},
}


def clean(cleaner, options, ccd):
    if cleaner == "pair":
        return ccdcr.cosmicray_pair(ccd, frame(sky(2)), **options)[0]
    if cleaner == "stack":
        others = frame(sky(2)), frame(sky(3))
        return ccdcr.cosmicray_stack([others[0], ccd, others[1]], **options)[1]
    if cleaner == "classic pair":
        options = options | {"method": "classic"}
        return ccdcr.cosmicray_pair(ccd, frame(sky(2)), **options)[0]
    if cleaner == "classic median":
        return ccdcr.cosmicray_median(ccd, method="classic", **options)
    return getattr(ccdcr, f"cosmicray_{cleaner}")(ccd, **options)


@pytest.mark.parametrize(("cleaner", "name"), CASES)
def test_options_of_any_kind(cleaner, name):
    """Argument, rule and what came instead, on one line that can be read."""
    ccd = frame(sky(1))
    ccd.data[6, 7] = ccd.data[12, 20] = 3000
    for value in VALUES.values():
        options = NEEDED.get(name, {}) | {name: value}
        text = refusal(check_valid, ccd, functools.partial(clean, cleaner, options))
        if text is None:
            continue
        if text.startswith("the shift must be given"):  # it cannot be measured
            assert value == "auto"
            continue
        assert name in text, text
        assert " must " in text, text
        assert "got " in text, text
        assert "\n" not in text
        assert len(text) < 400, text


@pytest.mark.parametrize(
    ("cleaner", "options"),
    [
        ("pair", {"grow": 10**9}),
        ("stack", {"grow": 10**400}),
        ("median", {"size": (10**9, 10**9)}),
        ("classic median", {"size": (10**9, 1)}),
        ("median", {"grow": 10**400}),
        ("lacosmic", {"niter": 10**9, "grow": 10**9}),
        ("lacosmic", {"niter": 10**400}),
        ("lacosmic", {"fsmode": "convolve", "psfsize": 10**9 + 1}),
        ("lacosmic", {"fsmode": "convolve", "psffwhm": 1e308}),
    ],
)
def test_memory_is_that_of_the_frame(cleaner, options):
    """Whatever the options say."""
    ccd = frame(sky(1))
    ccd.data[6, 7] = 3000
    tracemalloc.start()
    try:
        with bounded(), contextlib.suppress(ValueError):
            clean(cleaner, options, ccd)
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()


def test_growth_beyond_the_frame_is_growth_to_its_borders():
    first, second = frame(sky(1)), frame(sky(2))
    first.data[6, 7] = 3000
    out, wanted = (
        ccdcr.cosmicray_pair(first, second, grow=grow)[0] for grow in (10**9, 40)
    )
    assert wanted.mask.all()
    assert_array_equal(out.mask, wanted.mask)
    assert_array_equal(out.data, wanted.data)


# ---- frames that do not go together ----

PARTNERS = {
    "another shape": (
        frame(sky(2, (24, 31))),
        ValueError,
        r"one shape, got \(24, 30\)",
    ),
    "turned": (frame(sky(2).T), ValueError, r"\(30, 24\)"),
    "another unit": (frame(sky(2), unit="electron"), u.UnitsError, "adu and electron"),
    "no unit": (frame(sky(2), unit=""), u.UnitsError, "adu and dimensionless"),
    "array": (sky(2), TypeError, "got ndarray"),
    "quantity": (sky(2) * u.adu, TypeError, "got Quantity"),
    "class": (CCDData, TypeError, "got .*(ABCMeta|type)"),
    "nothing": (None, TypeError, "got NoneType"),
    "complex": (frame(sky(2), dtype=complex), TypeError, "got dtype complex128"),
    "truth values": (frame(sky(2) > 100, dtype=bool), TypeError, "got dtype bool"),
    "cube": (frame(np.ones((2, 24, 30))), ValueError, r"got shape \(2, 24, 30\)"),
    "no pixels": (frame(np.ones((24, 0))), ValueError, r"got shape \(24, 0\)"),
    "unknown noise": (
        CCDData(sky(2), unit="adu", uncertainty=UnknownUncertainty(sky(2))),
        TypeError,
        "got UnknownUncertainty",
    ),
    "noise in seconds": (
        CCDData(sky(2), unit="adu", uncertainty=StdDevUncertainty(sky(2), unit="adu")),
        u.UnitsError,
        "got adu",
    ),
}
PARTNERS["noise in seconds"][0].unit = u.s
TOGETHER = {
    "pair": lambda one, other: ccdcr.cosmicray_pair(one, other),
    "swapped pair": lambda one, other: ccdcr.cosmicray_pair(other, one),
    "classic pair": lambda a, b: ccdcr.cosmicray_pair(a, b, method="classic"),
    "stack": lambda one, other: ccdcr.cosmicray_stack([one, one, other]),
    "shift": lambda one, other: ccdcr.measure_shift(one, other),
    "report": lambda one, other: ccdcr.cosmicray_report(one, other),
    "restore": lambda one, other: ccdcr.restore_cosmicrays(one, other, [1]),
}


@pytest.mark.parametrize("name", PARTNERS)
@pytest.mark.parametrize("function", TOGETHER)
def test_frames_that_do_not_go_together(function, name):
    other, error, message = PARTNERS[name]
    one = frame(sky(1))
    before = one.data.tobytes()
    message = message.replace(r"one shape, got \(24, 30\)", r"one shape, got \(24, 3")
    message = message.replace("adu and ", "(adu and )?")
    with bounded(), pytest.raises(error, match=f"must .*({message})"):
        TOGETHER[function](one, other)
    assert one.data.tobytes() == before


# ---- values in messages ----


class Rude:
    def __repr__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"),
        ("a\nb", r"'a\nb'"),
        (np.array([1, 2]), "array([1, 2])"),
        (sky(1), "ndarray of shape (24, 30)"),
        (np.eye(2), "array([[1., 0.], [0., 1.]])"),
        (Rude(), "a Rude"),
        pytest.param(10**5000, "a int", id="a number that python does not write"),
        ("x" * 200, "'" + "x" * 79 + "..."),
    ],
)
def test_shown(value, text):
    assert shown(value) == text


# ---- files ----


def small_file(path):
    ccd = frame(sky(1, (6, 7)).astype("i2"), dtype="i2")
    ccd.mask = np.zeros((6, 7), bool)
    ccd.uncertainty = StdDevUncertainty(np.full((6, 7), 5, "f4"))
    ccd.flags = None
    ccd.meta["OBJECT"] = "M 1"
    ccd.write(path)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("mutated") / "a.fits"
    small_file(path)
    return path.rename(path.with_name("whole.fits"))


CARDS = [b"BITPIX", b"NAXIS1", b"NAXIS2", b"NAXIS ", b"BUNIT", b"EXTNAME", b"XTENSION"]
CARDS += [b"PCOUNT", b"GCOUNT", b"BSCALE", b"BZERO", b"END", b"SIMPLE", b"UTYPE"]
VALUES_OF_CARDS = [b"-1", b"0", b"3", b"999", b"99999999999", b"1E400", b"NaN", b"T"]
VALUES_OF_CARDS += [b"'adu'", b"'   '", b"'\xff'", b"", b"'m**'", b"-64", b"1.5"]

spots = st.integers(0, 1 << 20)
mutations = st.lists(
    st.one_of(
        st.tuples(st.just("byte"), spots, st.integers(0, 255)),
        st.tuples(st.just("card"), st.sampled_from(CARDS), spots),
        st.tuples(st.just("cut"), spots, st.integers(1, 3000)),
        st.tuples(st.just("double"), spots, st.integers(1, 3000)),
        st.tuples(st.just("end"), spots, st.just(0)),
    ),
    min_size=1,
    max_size=4,
)


def mutated(content, changes):
    content = bytearray(content)
    for how, what, value in changes:
        at = what % max(1, len(content)) if isinstance(what, int) else 0
        if how == "byte" and content:
            content[at] = value
        elif how == "card" and content.count(what):
            at = content.index(what)
            text = VALUES_OF_CARDS[value % len(VALUES_OF_CARDS)].rjust(20)
            content[at + 8 : at + 30] = b"= " + text
        elif how == "cut":
            del content[at : at + value]
        elif how == "double":
            content[at:at] = content[at : at + value]
        elif how == "end":
            del content[at:]
    return bytes(content)


def read_image(path):
    ccd = files.read(path)
    assert isinstance(ccd, CCDData)
    assert ccd.data.ndim == 2


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=mutations)
@example(changes=[("card", b"BITPIX", 0)])
@example(changes=[("byte", 570, 0)])
@example(changes=[("byte", 2880, 128), ("card", b"BITPIX", 1)])
def test_files_of_any_bytes(file, changes):
    """Read, or refused with the name of the file; neither a crash nor a hang."""
    path = file.with_name("a.fits")
    path.write_bytes(mutated(file.read_bytes(), changes))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        text = refusal(read_image, path)
    assert text is None or "a.fits" in text


@given(content=st.binary(max_size=200), json_like=st.booleans())
def test_decisions_of_any_bytes(tmp_path_factory, content, json_like):
    path = tmp_path_factory.getbasetemp() / "decisions.json"
    path.write_bytes(b'{"frame": "' + content + b'"}' if json_like else content)
    before = frame(sky(1))
    after = ccdcr.cosmicray_median(before)
    with pytest.raises(ValueError, match=r"decisions"):
        review.apply_decisions(after, before, path)
