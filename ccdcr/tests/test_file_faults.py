# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Files when something goes wrong: a whole result or none, and a clear sentence."""

import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData
from numpy.testing import assert_array_equal

from ccdcr import _fits, _fits_write, files
from ccdcr.tests.conftest import sky

N_KILLED = 12

# writes results again and again until it is killed, from when it has done so once
_WRITER = """
import sys
from ccdcr import files
source, folder = sys.argv[1:]
for number in range(100000):
    out = [f"{folder}/{letter}{number % 7}.fits" for letter in "ab"]
    files.clean_pair(source, source, *out, overwrite=True, method="classic")
    print(flush=True)
"""

# the disk is as large as a file may be
_LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
largest = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, largest))
from ccdcr.cli import main
code = main(sys.argv[1:])
resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
sys.exit(code)
"""


pytestmark = pytest.mark.filterwarnings("ignore:.*hold the same data")


@pytest.fixture
def source(tmp_path):
    data = sky(1, (200, 300)).astype("f4")
    data[50, 60:70] += 3000
    ccd = CCDData(data, unit="adu")
    ccd.write(tmp_path / "source.fits")
    return tmp_path / "source.fits"


def hidden(folder):
    return [name for name in os.listdir(folder) if name.startswith(".")]


def test_killed_while_writing(tmp_path, source):
    """Every result is absent or whole, at whatever moment."""
    folder = tmp_path / "out"
    folder.mkdir()
    rng = random.Random(1)
    for _ in range(N_KILLED):
        command = [sys.executable, "-c", _WRITER, str(source), str(folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            process.stdout.readline()
            time.sleep(rng.uniform(0, 0.2))
            process.send_signal(signal.SIGKILL)
    whole = [path for path in sorted(folder.iterdir()) if path.name[0] != "."]
    assert whole
    for path in whole:
        with fits.open(path, checksum=True) as hdus:
            assert [hdu.name for hdu in hdus[1:]] == ["MASK", "CRMASK", "CRFLAGS"]
            assert all(hdu.verify_checksum() == 1 for hdu in hdus)
            assert_array_equal(hdus[0].data, fits.getdata(source))


@pytest.mark.skipif(sys.platform == "win32", reason="has no such limit")
def test_full_disk(tmp_path, source):
    out = tmp_path / "out"
    command = [sys.executable, "-c", _LIMITED, "median", str(source)]
    command += ["--output-dir", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    target = out / "source_crclean.fits"
    assert done.stderr.startswith("ccdcr: ")
    assert str(target) in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert os.listdir(out) == []


def test_a_folder_that_may_not_be_written_to(tmp_path, source, monkeypatch):
    """Said before any work; for those whom rights do not bind there is no such one."""
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    with pytest.raises(PermissionError, match=r"out.fits: its folder may not be"):
        files.clean_median(source, tmp_path / "out.fits")


def test_a_target_that_appears_meanwhile(tmp_path, source):
    """overwrite was not set, so it stays, and the other result goes."""

    def someone_else(stage):
        if stage == "writing":
            (tmp_path / "b.fits").write_text("mine")

    with pytest.raises(FileExistsError, match=r"b.fits: exists"):
        files.clean_pair(
            *(source, source, tmp_path / "a.fits", tmp_path / "b.fits"),
            progress=someone_else,
        )
    assert (tmp_path / "b.fits").read_text() == "mine"
    assert not (tmp_path / "a.fits").exists()
    assert hidden(tmp_path) == []


def test_a_file_system_without_links(tmp_path, source, monkeypatch):
    def no_links(*_):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(_fits_write.os, "link", no_links)
    files.clean_median(source, tmp_path / "a.fits")
    assert (tmp_path / "a.fits").exists()

    def someone_else(stage):
        if stage == "writing":
            (tmp_path / "b.fits").write_text("mine")

    with pytest.raises(FileExistsError, match=r"b.fits: exists"):
        files.clean_median(source, tmp_path / "b.fits", progress=someone_else)
    assert (tmp_path / "b.fits").read_text() == "mine"
    assert hidden(tmp_path) == []


def test_interrupted(tmp_path, source):
    """Ctrl-C leaves nothing half done."""

    def interrupt(stage):
        if stage == "writing":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        files.clean_median(source, tmp_path / "a.fits", progress=interrupt)
    assert sorted(os.listdir(tmp_path)) == ["source.fits"]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, MemoryError])
def test_interrupted_while_reading(tmp_path, source, monkeypatch, kind):
    """That is no fault of the file, and nobody says it were."""

    def stop(*_):
        raise kind

    monkeypatch.setattr(_fits.Source, "_check_complete", stop)
    with pytest.raises(kind):
        files.clean_median(source, tmp_path / "a.fits")


def test_errors_that_name_the_file_are_left_as_they_are(source, monkeypatch):
    error = PermissionError(13, "Permission denied", str(source))

    def refuse(*_):
        raise error

    monkeypatch.setattr(_fits, "_unpacked", refuse)
    with pytest.raises(PermissionError) as told:
        files.read(source)
    assert told.value is error


def test_errors_of_libraries_while_writing(tmp_path, source, monkeypatch):
    """They have no number of the system; what they say is not lost."""

    def refuse(*_):
        msg = "the header is too large"
        raise OSError(msg)

    monkeypatch.setattr(_fits_write, "_put_together", refuse)
    with pytest.raises(OSError, match="the header is too large"):
        files.clean_median(source, tmp_path / "a.fits")
    assert os.listdir(tmp_path) == ["source.fits"]


def test_interrupted_while_moving(tmp_path, source, monkeypatch):
    move, moved = _fits_write._move, []

    def stop_at_the_second(*arguments):
        if moved:
            raise KeyboardInterrupt
        moved.append(arguments)
        move(*arguments)

    monkeypatch.setattr(_fits_write, "_move", stop_at_the_second)
    outs = [tmp_path / "a.fits", tmp_path / "b.fits"]
    with pytest.raises(KeyboardInterrupt):
        files.clean_pair(source, source, *outs)
    assert sorted(os.listdir(tmp_path)) == ["source.fits"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("part", [0, 1, 80, 2879, 2880, 5000, -2881, -100000])
def test_truncated_anywhere(tmp_path, source, part):
    """A cut file is refused, wherever it was cut."""
    with fits.open(source, mode="append") as hdus:
        hdus.append(fits.ImageHDU(np.ones((10, 300))))
    assert len(source.read_bytes()) > 100000
    cut = tmp_path / "cut.fits"
    cut.write_bytes(source.read_bytes()[:part])
    with pytest.raises(OSError, match=r"cut.fits"):
        files.clean_median(cut, tmp_path / "out.fits")
    assert not (tmp_path / "out.fits").exists()


@pytest.mark.filterwarnings("ignore")
def test_cut_in_the_header_of_an_extension(tmp_path, source):
    """The extension must not be lost, though the image is whole."""
    with fits.open(source, mode="append") as hdus:
        hdus.append(fits.ImageHDU(np.ones((10, 300)), name="MORE"))
    content = source.read_bytes()
    start = content.rindex(b"XTENSION")
    source.write_bytes(content[: start + 200])
    with pytest.raises(OSError, match=r"source.fits: not a complete FITS file"):
        files.clean_median(source, tmp_path / "out.fits")


@pytest.mark.filterwarnings("ignore:Unexpected extra padding")
def test_padding_of_tapes(tmp_path, source):
    source.write_bytes(source.read_bytes() + bytes(2880 * 7))
    assert files.clean_median(source, tmp_path / "out.fits").n_cosmicrays == 1


def test_truncated_gzip(tmp_path, source):
    import gzip

    packed = gzip.compress(source.read_bytes())
    (tmp_path / "a.fits.gz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(OSError, match=r"a.fits.gz: not a complete FITS file"):
        files.clean_median(tmp_path / "a.fits.gz", tmp_path / "out.fits")


def test_cleaned_in_place(tmp_path, source):
    """Only if overwrite is set; and a failure leaves the file as it was."""
    before = source.read_bytes()
    with pytest.raises(FileExistsError):
        files.clean_median(source, source)

    def fail(stage):
        if stage == "writing":
            raise MemoryError

    with pytest.raises(MemoryError):
        files.clean_median(source, source, overwrite=True, progress=fail)
    assert source.read_bytes() == before
    report = files.clean_median(source, source, overwrite=True)
    assert_array_equal(
        np.flatnonzero(fits.getdata(source, "CRMASK")), np.flatnonzero(report.mask)
    )
