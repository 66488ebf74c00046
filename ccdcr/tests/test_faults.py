# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What surrounds the work goes wrong: memory, signals, clocks, locales, rights."""

import contextlib
import locale
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from astropy.nddata import CCDData
from numpy.testing import assert_array_equal

import ccdcr
from ccdcr import files
from ccdcr.tests.conftest import frame, sky

PACKAGE = Path(ccdcr.__file__).parent
linux = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="needs the limits of Linux"
)

# what is left of the memory is enough for the frames, not for the work
_NO_MEMORY = """
import resource, sys
import numpy as np
from astropy.nddata import CCDData
import ccdcr
from ccdcr import demo, files
rng = np.random.default_rng(1)
data = [rng.normal(100, 5, (4096, 4096)).astype("f4") for _ in range(2)]
frames = [CCDData(array, unit="adu") for array in data]
sums = [array.sum() for array in data]
small = [CCDData(array[:64, :64].copy(), unit="adu") for array in data]
ccdcr.cosmicray_report(ccdcr.cosmicray_pair(*small)[0], small[0])  # imports all
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * resource.getpagesize()
endless = resource.RLIM_INFINITY
for free in 20, 150, 400:
    resource.setrlimit(resource.RLIMIT_AS, (used + (free << 20), endless))
    try:
        if sys.argv[1:]:
            files.clean_pair(*sys.argv[1:], overwrite=True)
        else:
            ccdcr.cosmicray_pair(*frames)
    except MemoryError:
        print("MemoryError")
    resource.setrlimit(resource.RLIMIT_AS, (endless, endless))
print([array.sum() for array in data] == sums, [c.mask for c in frames])
print(ccdcr.cosmicray_pair(*small)[0].meta["CCRNPIX"] >= 0)
"""

NO_PROXY = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")

# the same work, in whatever surroundings
_WORK = """
import hashlib
import numpy as np
from astropy.nddata import CCDData, StdDevUncertainty
import ccdcr
rng = np.random.default_rng(1)
frames = []
for _ in range(3):
    ccd = CCDData(rng.normal(100, 5, (60, 70)), unit="adu")
    ccd.uncertainty = StdDevUncertainty(np.full((60, 70), 5.0))
    ccd.data[rng.integers(0, 60, 9), rng.integers(0, 70, 9)] += 900
    frames.append(ccd)
results = [*ccdcr.cosmicray_pair(*frames[:2]), *ccdcr.cosmicray_stack(frames)]
results += [ccdcr.cosmicray_median(frames[0]), ccdcr.cosmicray_lacosmic(frames[0])]
digest = hashlib.sha256()
for ccd in results:
    for part in (ccd.data, ccd.mask, ccd.uncertainty.array, ccd.flags):
        digest.update(part.tobytes())
    digest.update(repr(ccd.meta).encode())
    digest.update(str(ccdcr.cosmicray_report(ccd, frames[0])).encode())
print(digest.hexdigest(), sum(ccd.mask.sum() for ccd in results))
"""


def run(code, *arguments, options=(), cwd=None, **environment):
    """What a new process prints."""
    return subprocess.run(
        [sys.executable, *options, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
        cwd=cwd,
        env=os.environ | environment,
        timeout=300,
    ).stdout.strip()


@pytest.fixture(scope="module")
def wanted():
    digest = run(_WORK)
    assert int(digest.split()[1]) > 30
    return digest


@linux
def test_no_memory():
    """Frames are as they were, and the process goes on."""
    words = run(_NO_MEMORY).splitlines()
    assert words == [*["MemoryError"] * 3, "True [None, None]", "True"]


@linux
def test_no_memory_for_files(tmp_path):
    """The target is what it was, and nothing hidden is left."""
    for name in "ab":
        data = np.random.default_rng(ord(name)).normal(100, 5, (4096, 4096))
        CCDData(data.astype("f4"), unit="adu").write(tmp_path / f"{name}.fits")
    (tmp_path / "old.fits").write_bytes(b"what was there")
    paths = [tmp_path / name for name in ("a.fits", "b.fits", "old.fits", "new.fits")]
    assert run(_NO_MEMORY, *paths).splitlines()[:3] == ["MemoryError"] * 3
    assert (tmp_path / "old.fits").read_bytes() == b"what was there"
    assert sorted(os.listdir(tmp_path)) == ["a.fits", "b.fits", "old.fits"]


@pytest.mark.parametrize(
    "surroundings",
    [
        {"options": ["-O", "-B", "-s"], "PYTHONHASHSEED": "7"},
        {"options": ["-OO", "-W", "error"], "TZ": "Pacific/Kiritimati"},
        {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "SOURCE_DATE_EPOCH": "0"},
        {"LC_ALL": "de_DE.UTF-8", "HOME": "/nonexistent", **NO_PROXY},
    ],
    ids=str,
)
def test_surroundings_do_not_matter(surroundings, wanted):
    assert run(_WORK, **surroundings) == wanted


def test_without_a_network(wanted):
    """Not even a socket is made."""
    code = "import socket\nclass Refused(socket.socket):\n    def __init__(self, *_):\n"
    code += "        raise OSError('no network')\nsocket.socket = Refused\n"
    assert run(code + _WORK) == wanted


# Python tells of files, sockets and processes (and threads, from 3.12) before they are
_WATCHED = """
import os, sys, threading
WORDS = "_thread ctypes fcntl ftplib http mmap os pty shutil signal smtplib socket"
WORDS += " sqlite3 ssl subprocess syslog tempfile urllib webbrowser winreg"
done = []
def watch(event, arguments):
    looks = event in ("os.listdir", "os.scandir")
    if event == "open":
        looks = not arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    if event.split(".")[0] in ["open", *WORDS.split()] and not looks:
        done.append(f"{event} {arguments}")
sys.addaudithook(watch)
"""


@pytest.mark.parametrize(
    ("before", "code"),
    [
        ("", "import ccdcr"),
        # after packages that it needs: what these do is theirs
        ("import astropy.nddata, astropy.io.fits, numpy, scipy", "import ccdcr.cli"),
        ("import matplotlib.figure, scipy.stats", "from ccdcr import *"),
    ],
)
def test_importing_looks_and_does_nothing(before, code, tmp_path):
    """No file written, no socket or process made, no thread left, no signal taken."""
    if "matplotlib" in before:
        pytest.importorskip("matplotlib")
    after = "print(*done, len(threading.enumerate()), sep='\\n')"
    lines = f"{before}\n{_WATCHED}\n{code}\n{after}"
    assert run(lines, options=["-B"], cwd=tmp_path) == "1"
    assert list(tmp_path.iterdir()) == []


def test_what_an_import_does_would_be_seen(tmp_path):
    """Writing, connecting, starting: each is told."""
    lines = f"import socket, subprocess\n{_WATCHED}\nopen('a', 'w').close()\n"
    lines += "socket.socket().close()\nsubprocess.run([sys.executable, '-c', ''])\n"
    lines += "print(*(one.split()[0] for one in done))"
    said = run(lines, cwd=tmp_path).split()
    assert said[:3] == ["open", "socket.__new__", "subprocess.Popen"]


def test_a_package_that_may_not_be_written_to(tmp_path, wanted):
    """As system administrators install it; no caches, no locks, no versions."""
    copy = tmp_path / "ccdcr"
    ignored = shutil.ignore_patterns("tests", "__pycache__")
    shutil.copytree(PACKAGE, copy, ignore=ignored)
    before = {path: path.stat().st_mtime_ns for path in copy.rglob("*")}
    for path in (*before, copy):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        code = f"import ccdcr\nassert ccdcr.__file__.startswith({str(copy)!r})\n"
        search = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
        options = ["-B"]  # rights do not bind everybody: python's cache would be told
        assert run(code + _WORK, options=options, PYTHONPATH=search) == wanted
    finally:
        for path in (copy, *before):
            path.chmod(0o755)
    assert {path: path.stat().st_mtime_ns for path in copy.rglob("*")} == before


def hit_pair():
    first, second = frame(sky(1, (200, 200)), "std"), frame(sky(2, (200, 200)), "std")
    first.data[::20, ::20] += 900
    return first, second


@pytest.mark.parametrize("name", ["", "de_DE.UTF-8", "tr_TR.UTF-8", "C"])
def test_locale_of_this_process(name):
    """A comma for the point is nothing that headers or reports know."""
    first, second = hit_pair()
    wanted = ccdcr.cosmicray_pair(first, second)[0]
    before = locale.setlocale(locale.LC_ALL)
    try:
        with contextlib.suppress(locale.Error):
            locale.setlocale(locale.LC_ALL, name)
        out = ccdcr.cosmicray_pair(first, second)[0]
        assert repr(out.meta) == repr(wanted.meta)
        assert str(ccdcr.cosmicray_report(out, first)) == str(
            ccdcr.cosmicray_report(wanted, first)
        )
    finally:
        locale.setlocale(locale.LC_ALL, before)


@pytest.mark.parametrize("jump", [-1e9, 1e9])
def test_a_clock_that_jumps(jump, tmp_path, monkeypatch):
    """Results do not depend on it, nor do files but for their DATE."""
    first, second = hit_pair()
    for name, ccd in (("a", first), ("b", second)):
        ccd.write(tmp_path / f"{name}.fits")
    now, calls = time.time, []

    def clock():
        calls.append(None)
        return now() + jump * (len(calls) % 2)

    wanted = ccdcr.cosmicray_pair(first, second)[0]
    monkeypatch.setattr(time, "time", clock)
    out = ccdcr.cosmicray_pair(first, second)[0]
    assert repr(out.meta) == repr(wanted.meta)
    names = [tmp_path / f"{name}.fits" for name in "abcd"]
    report, _ = files.clean_pair(*names)
    assert_array_equal(report.mask, wanted.mask)


class InterruptedWorkError(Exception):
    pass


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs timers")
@pytest.mark.parametrize("milliseconds", [1, 3, 10, 30])
def test_signals_during_the_work(milliseconds):
    """It ends where it is; what was given, and the next run, know nothing of it."""
    first, second = hit_pair()
    wanted = ccdcr.cosmicray_pair(first, second)[0]
    kept = first.data.tobytes(), second.data.tobytes()
    state = np.geterr()

    def handler(*_):
        raise InterruptedWorkError

    # what measures coverage would be interrupted as well, and does not survive it
    tracer = sys.gettrace()
    before = signal.signal(signal.SIGALRM, handler)
    try:
        sys.settrace(None)
        for _ in range(5):
            signal.setitimer(signal.ITIMER_REAL, milliseconds / 1000)
            with contextlib.suppress(InterruptedWorkError):
                while True:
                    ccdcr.cosmicray_pair(first, second)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        sys.settrace(tracer)
    assert (first.data.tobytes(), second.data.tobytes()) == kept
    assert np.geterr() == state
    assert_array_equal(ccdcr.cosmicray_pair(first, second)[0].data, wanted.data)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs timers")
def test_signals_that_are_handled_do_not_matter():
    """As a progress bar or a profiler sends them."""
    first, second = hit_pair()
    wanted = ccdcr.cosmicray_pair(first, second)[0]
    seen = []
    before = signal.signal(signal.SIGALRM, lambda *_: seen.append(None))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        outs = [ccdcr.cosmicray_pair(first, second)[0] for _ in range(5)]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert seen
    for out in outs:
        assert out.data.tobytes() == wanted.data.tobytes()


def test_one_input_for_many_cleaners_at_once():
    """All at the same time, on the very same frames; also through views."""
    first, second = hit_pair()
    view = CCDData(first.data[:], unit="adu", copy=False)
    view.uncertainty = first.uncertainty
    works = [
        lambda: ccdcr.cosmicray_pair(first, second)[0],
        lambda: ccdcr.cosmicray_pair(second, first, method="classic")[1],
        lambda: ccdcr.cosmicray_stack([second, first, view])[1],
        lambda: ccdcr.cosmicray_median(first),
        lambda: ccdcr.cosmicray_lacosmic(view),
    ]
    wanted = [work().data.tobytes() for work in works]
    kept = first.data.tobytes(), second.data.tobytes()
    barrier = threading.Barrier(len(works))

    def together(work):
        barrier.wait()
        return [work().data.tobytes() for _ in range(3)]

    with ThreadPoolExecutor(len(works)) as pool:
        for results, right in zip(pool.map(together, works), wanted, strict=True):
            assert set(results) == {right}
    assert (first.data.tobytes(), second.data.tobytes()) == kept


def test_arrays_that_may_not_be_written_to():
    """Memory-mapped ones, say: nothing tries to."""
    first, second = hit_pair()
    wanted = [ccd.data for ccd in ccdcr.cosmicray_pair(first, second)]
    for ccd in (first, second):
        ccd.mask = np.zeros(ccd.shape, bool)
        for array in (ccd.data, ccd.mask, ccd.uncertainty.array):
            array.flags.writeable = False
    for out, data in zip(ccdcr.cosmicray_pair(first, second), wanted, strict=True):
        assert_array_equal(out.data, data)
        assert out.data.flags.writeable
    for cleaner in (ccdcr.cosmicray_median, ccdcr.cosmicray_lacosmic):
        out = cleaner(first)
        ccdcr.restore_cosmicrays(out, first, [1])
