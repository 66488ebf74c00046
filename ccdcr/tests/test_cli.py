# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The command, as a person types it."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.table import QTable

import ccdcr
from ccdcr import cli
from ccdcr._parsers import make_parser
from ccdcr.tests.conftest import frame, sky


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, seed, hit in (("a", 1, (6, 7)), ("b", 2, (9, 20))):
        ccd = frame(sky(seed), "std")
        ccd.data[hit] += 3000
        ccd.write(f"{name}.fits")
    return tmp_path


def run(text, capsys):
    try:
        status = cli.main(text.split())
    except SystemExit as stop:
        status = stop.code
    return status, *capsys.readouterr()


def test_pair(capsys):
    status, out, err = run("pair a.fits b.fits --grow 0", capsys)
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        "a_crclean.fits: 1 cosmic ray on 1 of 720 pixels (0.14 %); "
        "the largest has 1 pixel",
        "b_crclean.fits: 1 cosmic ray on 1 of 720 pixels (0.14 %); "
        "the largest has 1 pixel",
    ]
    assert CCDData.read("b_crclean.fits").mask[9, 20]


def test_pair_options(capsys):
    text = "pair a.fits b.fits --output c.fits d.fits --shift -4 1 --sigma-peak 8 "
    text += "--sigma-tail 2 --max-size 50 --region [1:20,1:20] --region [21,24] "
    text += "--exclude [1:2,1:2] --replacement none --overwrite"
    status, _, _ = run(text, capsys)
    assert status == 0
    header = fits.getheader("c.fits")
    assert (header["CCRDY"], header["CCRDX"]) == (-4, 1)
    assert (header["CCRPEAK"], header["CCRTAIL"]) == (8, 2)
    assert header["CCRMAXSZ"] == 50
    assert header["CCRREG"] == "[1:20,1:20];[21,24]"
    assert header["CCREXCL"] == "[1:2,1:2]"
    assert header["CCRREPL"] == "none"


def test_matched_pair(capsys):
    status, _, _ = run("pair a.fits b.fits --method matched --sigma-peak 6", capsys)
    assert status == 0
    header = fits.getheader("a_crclean.fits")
    assert (header["CCRMETH"], header["CCRPEAK"]) == ("matched", 6)


def test_auto_shift(capsys):
    """Two exposures of sky have nothing in common to measure a shift with."""
    status, _, err = run("pair a.fits b.fits --auto-shift", capsys)
    assert status == 1
    assert "the shift must be given" in err


def test_median(capsys):
    text = "median a.fits b.fits --size 9 3 --unit ADU --output-dir out"
    status, out, _ = run(text, capsys)
    assert status == 0
    assert out.count("1 cosmic ray") == 2
    assert fits.getheader("out/a_crclean.fits")["CCRSIZEY"] == 9


def test_lacosmic(capsys):
    Path("raw.fits").unlink(missing_ok=True)
    fits.writeto("raw.fits", CCDData.read("a.fits").data)
    text = "lacosmic raw.fits --unit adu --gain 4 --readnoise 4 --sigclip 6 "
    text += "--sigfrac 0.4 --objlim 3 --niter 2 --saturation 50000"
    status, _, _ = run(text, capsys)
    assert status == 0
    header = fits.getheader("raw_crclean.fits")
    assert (header["CCRGAIN"], header["CCRRDN"]) == (4, 4)
    assert (header["CCRSCLIP"], header["CCRSFRAC"]) == (6, 0.4)
    assert (header["CCROBJL"], header["CCRNITER"]) == (3, 2)
    assert header["CCRSATUR"] == 50000


def test_one_bad_file_does_not_cost_the_others(capsys):
    Path("junk.fits").write_text("junk")
    status, out, err = run("median junk.fits a.fits missing.fits", capsys)
    assert status == 1
    assert "a_crclean.fits: 1 cosmic ray" in out
    assert len(err.splitlines()) == 2
    assert all(line.startswith("ccdcr: ") for line in err.splitlines())
    assert "junk.fits" in err
    assert "missing.fits: no such file" in err


def test_interrupted(capsys, monkeypatch):
    """Ctrl-C: one line, the exit status that shells know, and nothing is written."""

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("ccdcr.files.clean_median", interrupt)
    assert run("median a.fits", capsys) == (130, "", "ccdcr: interrupted\n")
    assert sorted(path.name for path in Path().iterdir()) == ["a.fits", "b.fits"]


def test_nothing_is_overwritten(capsys):
    assert run("median a.fits", capsys)[0] == 0
    before = Path("a_crclean.fits").read_bytes()
    status, _, err = run("median a.fits --size 3 3", capsys)
    assert status == 1
    assert err == "ccdcr: a_crclean.fits: exists, and overwrite is not set\n"
    assert Path("a_crclean.fits").read_bytes() == before
    assert run("median a.fits --overwrite", capsys)[0] == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "required: command"),
        ("polish a.fits", "invalid choice"),
        ("pair a.fits", "required: file2"),
        ("pair a.fits b.fits --sigclip 3", "usage: ccdcr pair"),
        ("median a.fits --over", "unrecognized arguments: --over"),
        ("median a.fits --hdu SCI,x", "invalid extension (SCI, SCI,2, 1 or all) value"),
        ("median a.fits --hdu all --plot p.png", "--plot must come with one --hdu"),
        ("median a.fits --saturation much", "invalid level, mask file, auto or none"),
        ("median a.fits --add-keyword A", "invalid card KEY=VALUE (or none) value"),
        ("median a.fits --add-keyword A=1 --add-keyword none", "none or cards, got"),
        ("stack a.fits b.fits --scale 1 --scale 1", "scale must"),
        ("median a.fits --size 9", "expected 2 arguments"),
        ("median a.fits --size 9 0", "size must be two integers >= 1"),
        ("median a.fits --sigma-peak -1", "sigma_peak must be a finite number > 0"),
        ("pair a.fits b.fits --sigma-tail 20", "sigma_tail must not be above"),
        ("pair a.fits b.fits --max-size 0", "max_size must be a whole number >= 1"),
        ("lacosmic a.fits --niter 0", "niter must be a whole number >= 1"),
        ("lacosmic a.fits --gain one", "invalid positive number value"),
        ("lacosmic a.fits --gain -1", "invalid positive number value"),
        ("median a.fits --region [1:5]", "invalid FITS section or .reg file value"),
        ("median a.fits --unit foo", "invalid unit value"),
        ("median a.fits --output-dir b.fits", "must be a folder, got the file"),
        ("median a.fits ./a.fits x/a.fits --output-dir .", "got twice: a_crclean.fits"),
        ("pair a.fits b.fits --output o.fits o.fits", "got twice: o.fits"),
        ("report a.fits b.fits --output t.foo", "invalid name that ends in .ecsv"),
        ("median a.fits --replacement other", "invalid choice"),
        ("median a.fits --readnoise -1", "invalid number >= 0 value: '-1'"),
        ("median a.fits --reference a.txt", "invalid name of a FITS file value"),
        ("batch . -o out --max-gap 0min", "invalid time (30min, 1h) value: '0min'"),
        ("batch . --save-plan p.txt", "invalid name that ends in .ecsv value"),
    ],
)
def test_wrong_use(text, message, capsys):
    status, _, err = run(text, capsys)
    assert status == 2
    assert message in err
    assert not list(Path().glob("*_crclean*"))


def test_stack(capsys):
    frame(sky(3), "std").write("c.fits")
    status, out, err = run(
        "stack a.fits b.fits c.fits --output-dir new --grow 0", capsys
    )
    assert (status, err) == (0, "")
    assert [line.split(":")[0] for line in out.splitlines()] == [
        f"{Path('new') / name}_crclean.fits" for name in "abc"
    ]
    noise = "pair a.fits b.fits --gain 2 --readnoise 4 --saturation 60000 --overwrite"
    assert run(noise, capsys)[0] == 0
    header = CCDData.read("a_crclean.fits").meta
    assert (header["CCRGAIN"], header["CCRRDN"], header["CCRSATUR"]) == (2, 4, 60000)
    shifted = "stack a.fits b.fits c.fits --shift 1 0 --shift 0 0 --overwrite"
    assert run(shifted, capsys)[0] == 0
    assert CCDData.read("b_crclean.fits").meta["CCRDY"] == 1
    for wrong, message in (
        ("stack a.fits", "ccds must be two or more exposures, got 1"),
        ("stack a.fits b.fits --shift 1 0 --shift 1 0", "shifts must be"),
        ("stack a.fits b.fits --shift 1 0 --auto-shift", "not allowed with"),
        ("pair a.fits b.fits --auto-shift --shift 1 0", "not allowed with"),
        ("stack a.fits b.fits --auto-shift", "the shift must be given"),
    ):
        status, _, err = run(wrong + " --overwrite", capsys)
        assert status in (1, 2)
        assert message in err


def test_report(capsys):
    run("pair a.fits b.fits --grow 0", capsys)
    status, out, _ = run("report a_crclean.fits a.fits", capsys)
    assert status == 0
    assert out.startswith("1 cosmic ray on 1 of 720 pixels")
    assert "n_pixels" in out
    status, out, _ = run("report a_crclean.fits a.fits --output t.ecsv", capsys)
    assert status == 0
    assert len(QTable.read("t.ecsv")) == 1
    status, _, err = run("report a_crclean.fits a.fits --output t.ecsv", capsys)
    assert status == 1
    assert err == "ccdcr: t.ecsv: exists; give --overwrite to replace it\n"
    status, _, err = run("report a_crclean.fits none.fits", capsys)
    assert (status, err) == (1, "ccdcr: none.fits: no such file\n")


@pytest.mark.parametrize("command", list(cli._RUN))
def test_help_has_an_example(command, capsys):
    status, out, _ = run(f"{command} --help", capsys)
    assert status == 0
    assert f"example: ccdcr {command}" in out


def test_version(capsys):
    assert run("--version", capsys)[:2] == (0, f"ccdcr {ccdcr.__version__}\n")


@pytest.mark.parametrize(
    ("path", "folder", "result"),
    [
        ("a.fits", None, "a_crclean.fits"),
        ("x/a.b.fits.gz", None, "x/a.b_crclean.fits.gz"),
        ("x/a.fits.fz", "y", "y/a_crclean.fits.fz"),
        ("A.FITS.GZ", None, "A_crclean.FITS.GZ"),
        ("a.dat", None, "a.dat_crclean.fits"),
    ],
)
def test_names_of_results(path, folder, result):
    assert Path(cli.result_name(path, folder)) == Path(result)


def test_errors_are_not_lost_below_the_usage(capsys):
    status, out, err = run("batch night", capsys)
    assert (status, out) == (2, "")
    assert err == (
        "usage: ccdcr batch ...; see ccdcr batch --help\n"
        "ccdcr batch: error: the following arguments are required: -o/--output-dir\n"
    )


@pytest.mark.parametrize("text", ["batch . --dry-run", "report b.fits a.fits"])
def test_nobody_reads(text):
    """As in a pipe to head."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-W", "error", "-m", "ccdcr.cli", *text.split()]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


def test_as_a_process():
    """Exit status, and no more imports than the command needs."""
    command = [sys.executable, "-W", "error", "-m", "ccdcr.cli"]
    done = subprocess.run(
        [*command, "median", "a.fits", "none.fits"], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_demo(capsys):
    pytest.importorskip("matplotlib")
    status, out, err = run("demo", capsys)
    assert (status, err) == (0, "")
    names = {path.name for path in Path("ccdcr-demo").iterdir()}
    assert names == {
        "a.fits",
        "b.fits",
        "keep.reg",
        "gmos.fits",
        "gmos_lacosmic.fits",
        "gmos_lacosmic.png",
        "gmos_median.fits",
        "gmos_median.png",
        "pair_1.fits",
        "pair_1_cosmics.ecsv",
        "pair_1_crclean.fits",
        "pair_1_crclean.png",
        "pair_2.fits",
        "pair_2_cosmics.ecsv",
        "pair_2_crclean.fits",
        "pair_2_crclean.png",
    }
    assert "lie within 1 pixel of a track" in out
    table = QTable.read("ccdcr-demo/pair_1_cosmics.ecsv")
    assert len(table) > 15
    assert np.isfinite(table["charge"]).all()
    status, _, err = run("demo", capsys)
    assert status == 1
    assert "give --overwrite" in err
    assert run("demo --overwrite", capsys)[0] == 0


def test_demo_without_matplotlib(capsys, monkeypatch):
    monkeypatch.setattr("ccdcr.demo._can_draw", lambda: False)
    status, out, _ = run("demo", capsys)
    assert status == 0
    assert "No figures" in out
    assert not list(Path("ccdcr-demo").glob("*.png"))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("pair a.fits b.fits", ["_1", "_2"]),
        ("stack a.fits b.fits c.fits --output-dir new", ["_1", "_2", "_3"]),
        ("median a.fits --region [1:20,1:20]", [""]),
        ("lacosmic a.fits b.fits --gain 1 --readnoise 4", ["_1", "_2"]),
    ],
)
def test_plot_and_report(text, names, capsys):
    pytest.importorskip("matplotlib")
    frame(sky(3), "std").write("c.fits")
    Path("x").mkdir()
    extras = f"{text} --plot x/p.png --report x/t.ecsv"
    status, out, err = run(extras, capsys)
    assert (status, err) == (0, "")
    made = {f"p{name}.png" for name in names} | {f"t{name}.ecsv" for name in names}
    assert {path.name for path in Path("x").iterdir()} == made
    for name in names:
        assert f"table: {Path('x') / f't{name}.ecsv'}" in out
        assert f"figure: {Path('x') / f'p{name}.png'}" in out
    table = QTable.read(f"x/t{names[0]}.ecsv")
    assert table["x_centroid"][0] == pytest.approx(7, abs=0.01)
    before = {path: path.read_bytes() for path in Path("x").iterdir()}
    for path in Path().rglob("*_crclean.fits"):
        path.unlink()
    status, out, err = run(extras, capsys)
    assert (status, out) == (1, "")
    assert "exists; give --overwrite" in err
    assert not list(Path().rglob("*_crclean.fits"))
    assert run(f"{extras} --overwrite", capsys)[0] == 0
    assert {path: path.read_bytes() for path in Path("x").iterdir()} == before


@pytest.mark.parametrize("suffix", ["pdf", "svg", "PNG"])
def test_kinds_of_figures(suffix, capsys):
    pytest.importorskip("matplotlib")
    assert run(f"median a.fits --plot p.{suffix} --report t.fits", capsys)[0] == 0
    head = {"pdf": b"%PDF", "svg": b"<?xml", "PNG": b"\x89PNG"}[suffix]
    assert Path(f"p.{suffix}").read_bytes().startswith(head)
    assert len(QTable.read("t.fits")) == 1


def test_thumbnails_of_a_report(capsys):
    imread = pytest.importorskip("matplotlib.image").imread
    run("median a.fits", capsys)
    text = "report a_crclean.fits a.fits --dark b.fits --plot t.png"
    status, out, err = run(text, capsys)
    assert (status, err) == (0, "")
    assert out.splitlines()[-1] == "figure: t.png"
    assert Path("t.png").stat().st_size > 1000
    status, out, err = run(text, capsys)
    assert (status, out) == (1, "")
    assert err == "ccdcr: t.png: exists; give --overwrite to replace it\n"
    text = "report a_crclean.fits a.fits --plot without.png"
    assert run(text, capsys)[0] == 0
    images = [imread(name) for name in ("t.png", "without.png")]
    assert images[0].shape[1] > images[1].shape[1]  # by the dark


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("median a.fits --plot p.jpg", "invalid name that ends in .png, .pdf or .svg"),
        ("median a.fits --report t.txt", "invalid name that ends in .ecsv, .fits"),
        ("median a.fits --plot no/p.png", "--plot must be in a folder that exists"),
        ("median a.fits --report a.fits", "--report must be a file of its own"),
        ("median a.fits --report a_crclean.fits", "--report must be a file of its"),
        ("median a.fits --overwrite --report x.fits", "must be a file, got the folder"),
        ("report a.fits b.fits --plot no/p.png", "must be in a folder that exists"),
    ],
)
def test_wrong_extras(text, message, capsys):
    """Nothing is read or written."""
    Path("x.fits").mkdir()
    status, out, err = run(text, capsys)
    assert (status, out) == (2, "")
    assert message in err
    assert not list(Path().glob("*_crclean*"))


def test_plot_without_matplotlib(capsys, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    status, out, err = run("median a.fits --plot p.png", capsys)
    assert (status, out) == (2, "")
    assert "--plot needs matplotlib" in err


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("pair a.fits b.fits", ["3: reading a.fits b.fits", "3: writing a.fits"]),
        ("median a.fits none.fits b.fits", ["9: reading a", "8 of 9: writing b.fits"]),
    ],
)
def test_progress_on_a_terminal(text, steps, capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    _, out, err = run(text, capsys)
    for step in steps:
        assert step in err
    assert "\r" not in out
    assert err.endswith("\r")
    assert len(max(err.split("\r"), key=len)) < 80 or "no such file" in err


def test_report_of_large_ones_with_regions(capsys):
    cli.main(["lacosmic", "a.fits", "--gain", "1", "--readnoise", "5", "--grow", "2"])
    names = ["report", "a_crclean.fits", "a.fits"]
    more = ["--min-pixels", "3", "--previous", "a.fits", "--regions", "a.reg"]
    assert cli.main([*names, *more]) == 0
    assert "of at least 3 pixels are listed" in capsys.readouterr().out
    assert Path("a.reg").read_text().startswith("# Region file format: DS9")
    assert cli.main([*names, *more]) == 1
    assert "a.reg: exists; give --overwrite" in capsys.readouterr().err
    assert cli.main([*names, *more, "--overwrite"]) == 0
    assert cli.main([*names, "--min-pixels", "0"]) == 1
    assert "min_pixels must be a whole number >= 1" in capsys.readouterr().err


def commands_of_the_documentation():
    """Lines of the pages that are to be typed, if the pages are there."""
    root = Path(ccdcr.__file__).parents[1]
    for page in [root / "README.rst", *sorted((root / "docs").rglob("*.rst"))]:
        if not page.exists() or "_build" in page.parts:
            continue
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        typed = re.findall(r"^ +(?:\$ )?(ccdcr [a-z].*)$", text, re.MULTILINE)
        typed += re.findall(r"``(ccdcr [a-z]+ [^`]+\.fits[^`]*)``", text)
        for line in typed:
            yield pytest.param(line, id=f"{page.stem}: {line}")


@pytest.mark.parametrize("line", list(commands_of_the_documentation()))
def test_what_the_documentation_types(line):
    """Every option there exists, and is written as it must be."""
    words = shlex.split(line, comments=True)[1:]
    words = [word for word in words if word != "..."]
    _, unknown = make_parser().parse_known_args(words)
    assert not unknown
