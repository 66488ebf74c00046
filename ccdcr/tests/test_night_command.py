# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``ccdcr batch``: a small night, from the folder to the log."""

import io
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import QTable

import ccdcr
from ccdcr import batch, simulate
from ccdcr._night_log import tell
from ccdcr._progress import NightBar
from ccdcr.tests.test_cli import run
from ccdcr.tests.test_night import failed, record

NIGHT = "batch night --gain 2 --readnoise 6 -o clean"


def expose(path, seed, obj, start, hits=4):
    """A frame of sky with tracks, and a header like that of an observatory."""
    rng = np.random.default_rng(seed)
    image = rng.poisson(400, (128, 160)) / 2 + rng.normal(0, 3, (128, 160))
    for y, x in zip(*rng.integers(5, 120, (2, hits)), strict=True):
        image[y, x : x + 3] += 2000
    header = fits.Header()
    header["OBJECT"], header["FILTER"], header["EXPTIME"] = obj, "R", 300.0
    header["DATE-OBS"] = f"2026-01-05T{20 + start // 60:02d}:{start % 60:02d}:00"
    header["BUNIT"], header["XPIXSZ"], header["YPIXSZ"] = "adu", 13.5, 13.5
    fits.writeto(path, image.astype(np.float32), header, overwrite=True)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Three pairs of one field, and one frame that is alone."""
    monkeypatch.chdir(tmp_path)
    Path("night").mkdir()
    for k in range(6):
        expose(f"night/a{k}.fits", k, "M 1", 6 * k)
    expose("night/b.fits", 9, "M 2", 40)
    return tmp_path


def log():
    return QTable.read("clean/ccdcr-log.ecsv")


def results():
    return sorted(path.name for path in Path("clean").glob("*_crclean.fits"))


def test_a_night(capsys):
    status, out, err = run(NIGHT, capsys)
    assert (status, err) == (0, "")
    assert results() == [f"a{k}_crclean.fits" for k in range(6)]
    lines = out.splitlines()
    assert re.search(r"M 1, R, 300 s +pair +6 +0 +4 +4 - 4 ", lines[2])
    assert "3 done, 0 skipped, 0 failed" in lines
    assert any(line.startswith("left out: night/b.fits: no equiv") for line in lines)
    assert lines[-2:] == [
        f"log: {Path('clean/ccdcr-log.ecsv')}",
        f"index: {Path('clean/index.html')}",
    ]
    assert list(log()["status"]) == ["done"] * 6
    assert list(log()["n_cosmicrays"]) == [4] * 6
    page = Path("clean/index.html").read_text()
    assert page.count("<img ") == 6
    assert 'href="./a0_crclean.fits"' in page
    assert "3 jobs: 3 done" in page
    header = fits.getheader("clean/a0_crclean.fits")
    assert (header["CCRGAIN"], header["CCRRDN"]) == (2, 6)
    assert not list(Path("clean").glob(".*"))  # what was not yet complete


def test_what_cannot_be_read_has_failed(capsys):
    """Others go on; the exit status says so."""
    Path("night/junk.fits").write_bytes(b"junk" * 1000)
    whole = Path("night/b.fits").read_bytes()
    Path("night/cut.fits").write_bytes(whole[:4000])
    status, out, err = run(NIGHT, capsys)
    assert status == 1
    assert "3 done, 0 skipped, 0 failed" in out.splitlines()
    first, second = err.splitlines()
    assert first.startswith("ccdcr: night/cut.fits: not a complete FITS file")
    assert second.startswith("ccdcr: night/junk.fits: not a readable FITS file")
    assert "junk" not in out


def test_results_do_not_depend_on_who_works(capsys):
    assert run(NIGHT, capsys)[0] == 0
    assert run(f"{NIGHT}2 --jobs 2", capsys)[0] == 0
    for name in results():
        one, other = Path("clean", name), Path("clean2", name)
        assert one.read_bytes() == other.read_bytes()


def test_it_goes_on_where_it_was(capsys):
    """What is there is not done again, and the log still knows all of it."""
    assert run(NIGHT, capsys)[0] == 0
    first = log()
    expose("night/a6.fits", 16, "M 1", 36)
    expose("night/a7.fits", 17, "M 1", 42)
    status, out, _ = run(NIGHT, capsys)
    assert status == 0
    assert "1 done, 3 skipped, 0 failed" in out
    second = log()
    assert list(second["status"]) == ["skipped"] * 6 + ["done"] * 2
    for name in ("n_cosmicrays", "n_pixels", "fraction", "rate", "seconds"):
        assert np.array_equal(second[name][:6], first[name])
    status, out, _ = run(f"{NIGHT} --again", capsys)
    assert (status, "4 done, 0 skipped" in out) == (0, True)


def test_a_part_of_the_night(capsys):
    """What else is in the folder stays in log and page; what is gone does not."""
    assert run(NIGHT, capsys)[0] == 0
    first = log()
    Path("clean/a5_crclean.fits").unlink()
    text = NIGHT.replace("night", "night/a0.fits night/a1.fits")
    status, out, _ = run(f"{text} --again", capsys)
    assert (status, "1 done, 0 skipped, 0 failed" in out) == (0, True)
    second = log()
    assert list(second["status"]) == ["done"] * 2 + ["skipped"] * 3
    assert second.colnames == first.colnames
    for name in second.colnames[1:]:
        assert list(second[name][2:]) == list(first[name][2:5])
    page = Path("clean/index.html").read_text()
    assert "3 jobs: 1 done, 2 skipped" in page
    assert 'href="./a4_crclean.fits"' in page
    assert "a5_crclean.fits" not in page


def test_other_options_make_other_results(capsys):
    assert run(NIGHT, capsys)[0] == 0
    status, out, err = run(f"{NIGHT} --sigma-peak 7", capsys)
    assert status == 1
    assert "0 done, 0 skipped, 3 failed" in out
    assert len(err.splitlines()) == 3
    assert run(f"{NIGHT} --sigma-peak 7 --overwrite", capsys)[0] == 0
    assert fits.getheader("clean/a0_crclean.fits")["CCRPEAK"] == 7


def test_one_failure_does_not_cost_the_others(capsys):
    Path("clean").mkdir()
    Path("clean/a1_crclean.fits").write_text("of somebody else")
    status, out, err = run(NIGHT, capsys)
    assert status == 1
    assert "2 done, 0 skipped, 1 failed" in out
    assert err.startswith("ccdcr: ")
    assert "a1_crclean.fits: exists" in err
    assert len(err.splitlines()) == 1
    assert list(log()["status"]) == ["failed"] * 2 + ["done"] * 4
    page = Path("clean/index.html").read_text()
    assert page.index('class="failed"') < page.index('class="warned"')


@pytest.mark.skipif(sys.platform != "linux", reason="names are of letters there")
def test_names_that_are_not_in_utf8(capsys):
    """As old archives have them; they do not cost log and page."""
    for k in range(2):
        old, new = Path(f"night/a{k}.fits"), f"night/\udce9{k}.fits"
        old.rename(new)
    assert run(NIGHT, capsys)[0] == 0
    assert list(log()["status"]) == ["done"] * 6
    assert r"night/\udce90.fits" in log()["input"]
    assert 'href="./%E90_crclean.fits"' in Path("clean/index.html").read_text()


def test_ctrl_c(capsys, monkeypatch):
    """What was done is in the log, and the next run goes on."""

    def interrupted(jobs, **options):
        records = run_all(jobs, **options)
        yield next(records)
        records.close()
        raise KeyboardInterrupt

    run_all = ccdcr.batch.run
    with monkeypatch.context() as patch:
        patch.setattr("ccdcr.batch.run", interrupted)
        status, out, err = run(NIGHT, capsys)
    assert status == 130
    assert err.startswith("ccdcr: interrupted; jobs that are not in the log: 2;")
    assert len(err.splitlines()) == 1
    assert "1 done" in out
    assert len(log()) == 2
    status, out, _ = run(NIGHT, capsys)
    assert (status, "2 done, 1 skipped" in out) == (0, True)
    assert len(log()) == 6


def test_ctrl_c_before_anything_is_done(capsys, monkeypatch):
    """There is no log of nothing."""

    def interrupted(*_, **__):
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr("ccdcr.batch.run", interrupted)
    status, out, err = run(NIGHT, capsys)
    assert status == 130
    assert err.startswith("ccdcr: interrupted; jobs that are not in the log: 3;")
    assert "0 done, 0 skipped, 0 failed" in out
    assert not list(Path("clean").iterdir())


@pytest.mark.parametrize("old", ["other numbers", "other files", "junk"])
def test_a_log_that_is_about_other_results(capsys, old):
    """Its times and warnings are not those of what is there, which says itself."""
    assert run(NIGHT, capsys)[0] == 0
    first, path = log(), Path("clean/ccdcr-log.ecsv")
    known = first.copy()
    known["warnings"] = "told of another"
    if old == "other numbers":
        known["n_cosmicrays"] += 1
    elif old == "other files":
        known["output"] = [f"elsewhere/{k}.fits" for k in range(6)]
    known.write(path, overwrite=True)
    if old == "junk":
        path.write_text("no log")
    assert run(NIGHT, capsys)[0] == 0
    assert list(log()["status"]) == ["skipped"] * 6
    assert list(log()["n_cosmicrays"]) == list(first["n_cosmicrays"])
    assert "told of another" not in list(log()["warnings"])


def test_something_is_out_of_line(capsys):
    expose("night/a6.fits", 16, "M 1", 36, hits=60)
    expose("night/a7.fits", 17, "M 1", 42, hits=60)
    status, out, _ = run(NIGHT, capsys)
    assert status == 0
    unusual = [line for line in out.splitlines() if line.startswith("unusual: ")]
    assert [Path(line.split(": ")[1]).name for line in unusual] == [
        "a6_crclean.fits",
        "a7_crclean.fits",
    ]
    assert "where 4 are expected" in unusual[0]


def test_out_of_line_in_a_small_night(capsys):
    """One of six frames in two stacks."""
    expose("night/a3.fits", 3, "M 1", 18, hits=70)
    _, out, _ = run(f"{NIGHT} --method stack --max-stack 3", capsys)
    (line,) = [line for line in out.splitlines() if line.startswith("unusual: ")]
    assert "a3_crclean.fits" in line
    assert "where 4 are expected, 4 to 4)" in line


def test_too_few_to_compare(capsys):
    _, out, _ = run("batch night/a0.fits night/a1.fits -o clean", capsys)
    assert "too few frames to compare with: 2 (three others are needed)" in out


def test_calibration_frames_are_counted(capsys):
    for k in range(3):
        expose(f"night/bias{k}.fits", k, "bias", 90 + k)
    lines = run(NIGHT, capsys)[1].splitlines()
    assert [line for line in lines if line.startswith("left out")] == [
        "left out: 3 calibration frames",
        "left out: night/b.fits: no equivalent exposure: OBJECT is M 2, of others M 1",
    ]


class TestPlans:
    def test_dry_run(self, capsys):
        status, out, err = run(f"{NIGHT} --dry-run --shift 1 0", capsys)
        assert (status, err) == (0, "")
        assert "night/a0.fits -> clean/a0_crclean.fits" in out.replace("\\", "/")
        assert "3 jobs for 6 files; 1 file left out" in out
        assert not Path("clean").exists()

    def test_an_edited_plan(self, capsys):
        text = "batch night -o clean --gain 2 --readnoise 6 --save-plan plan.ecsv"
        status, out, _ = run(text, capsys)
        assert status == 0
        assert out == "plan.ecsv: 3 jobs for 6 files; 1 file left out\n"
        assert not Path("clean").exists()
        assert run(text, capsys)[0] == 1
        plan = Path("plan.ecsv").read_text().replace("gain=2.0", "gain=1.5")
        Path("plan.ecsv").write_text(plan)
        status, out, _ = run("batch --plan plan.ecsv --dry-run", capsys)
        assert (status, "gain=1.5" in out) == (0, True)
        assert run("batch --plan plan.ecsv", capsys)[0] == 0
        assert fits.getheader("clean/a0_crclean.fits")["CCRGAIN"] == 1.5
        assert len(log()) == 6

    def test_groups(self, capsys):
        text = "batch night --dry-run --keyword FILTER --keyword EXPTIME"
        assert "3 jobs for 7 files" in run(text, capsys)[1]
        assert (
            "7 files left out" in run("batch night --dry-run --max-gap 20s", capsys)[1]
        )
        text = "batch night --dry-run --single median"
        assert "4. median: M 2, R" in run(text, capsys)[1]

    @pytest.mark.parametrize("method", ["stack", "median", "lacosmic"])
    def test_methods(self, method, capsys):
        status, _, _ = run(f"{NIGHT} --method {method}", capsys)
        assert status == 0
        assert fits.getheader("clean/a0_crclean.fits")["CCRFUNC"].endswith(method)
        assert len(results()) == (6 if method == "stack" else 7)

    def test_classic(self, capsys):
        text = "batch night -o clean --method pair:classic --sigma-peak 12"
        assert run(text, capsys)[0] == 0
        header = fits.getheader("clean/a0_crclean.fits")
        assert (header["CCRMETH"], header["CCRPEAK"]) == ("classic", 12)

    def test_shift_and_scale_of_pairs(self, capsys):
        assert run(f"{NIGHT} --shift 2 0 --scale 1.1", capsys)[0] == 0
        header = fits.getheader("clean/a0_crclean.fits")
        assert (header["CCRDY"], header["CCRSCALE"]) == (2, 1.1)

    def test_models_and_regions_from_files(self, capsys):
        mask = np.zeros((128, 160), dtype=np.uint8)
        fits.writeto("saturated.fits", mask)
        text = f"{NIGHT} --saturation saturated.fits --region [1:100,1:100]"
        assert run(text, capsys)[0] == 0
        header = fits.getheader("clean/a0_crclean.fits")
        assert header["CCRSATHO"] == "mask given"
        assert header["CCRREG"] == "[1:100,1:100]"
        status, _, err = run(f"{text} --save-plan plan.ecsv", capsys)
        assert status == 2
        assert "--saturation must not be a file in a plan" in err


class TestConfig:
    def test_a_table_of_its_own(self, capsys):
        Path("c.toml").write_text(
            "sigma-peak = 6\nsigclip = 7\n"
            "[batch]\nmethod = 'pair'\ngain = 2\nreadnoise = 6\noutput-dir = 'clean'\n"
            "[pair]\nsigma-peak = 9\n"
        )
        assert run("batch night --config c.toml", capsys)[0] == 0
        assert fits.getheader("clean/a0_crclean.fits")["CCRPEAK"] == 6

    def test_a_switch_is_true_or_false(self, capsys):
        Path("c.toml").write_text("[batch]\noverwrite = 1\n")
        status, _, err = run("batch night -o clean --config c.toml", capsys)
        assert status == 2
        assert "c.toml: overwrite: must be true or false, got 1" in err

    def test_what_is_meant_for_it_must_fit(self, capsys):
        Path("c.toml").write_text("[batch]\nsigclip = 7\n")
        status, _, err = run("batch night -o clean --config c.toml", capsys)
        assert status == 2
        assert "--sigclip must be left out with --method pair" in err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("batch", "give files or folders, or --plan, and not both"),
        ("batch night --plan p.ecsv", "give files or folders, or --plan, and not"),
        ("batch night", "required: -o/--output-dir"),
        (
            "batch --plan p.ecsv --gain 2",
            "--gain must be in the plan, not beside it: gain=2.0 in its column options",
        ),
        ("batch --plan p.ecsv --unit adu", "unit=adu in its column options"),
        ("batch --plan p.ecsv --auto-shift", "shift=auto (stacks: shifts) in its col"),
        ("batch --plan p.ecsv --method stack", "stack in its column method"),
        (
            "batch --plan p.ecsv --max-gap 2h",
            "--max-gap must be given when the plan is made, with --save-plan",
        ),
        ("batch night -o night/b.fits", "--output-dir must be a folder, got the file"),
        ("batch night -o clean --sigclip 3", "--sigclip must be left out with --meth"),
        ("batch night -o clean --jobs 0", "invalid whole number >= 1 value: '0'"),
        (
            "batch night -o clean --jobs 2 --dask x:1",
            "--jobs must be left out with --dask",
        ),
        ("batch night -o clean --max-gap soon", "invalid time (30min, 1h) value"),
        ("batch night -o clean --sigma-peak -1", "sigma_peak must be a finite number"),
        ("batch night -o clean --shift 1 0 --shift 2 0", "--shift must be given once"),
        ("batch night -o clean --method polish", "invalid choice: 'polish'"),
        ("batch night -o clean --replacement median", "replacement must be"),
    ],
)
def test_wrong_use(text, message, capsys):
    status, out, err = run(text, capsys)
    assert (status, out) == (2, "")
    assert err.startswith("usage: ccdcr batch")
    assert message in err
    assert not Path("clean").exists()


def test_no_dask(capsys, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    status, _, err = run(f"{NIGHT} --dask localhost:8786", capsys)
    assert status == 2
    assert "--dask needs distributed: python -m pip install" in err


def test_dask(capsys):
    distributed = pytest.importorskip("distributed")
    how = {"n_workers": 1, "processes": False, "dashboard_address": ":0"}
    with distributed.LocalCluster(**how) as cluster:
        text = f"{NIGHT} --dask {cluster.scheduler_address}"
        status, out, _ = run(text, capsys)
    assert (status, "3 done" in out) == (0, True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("batch nights -o clean", "nights: no such file or folder"),
        ("batch --plan none.ecsv", "none.ecsv"),
        ("batch night/b.fits -o clean", "nothing to do"),
    ],
)
def test_nothing_to_do(text, message, capsys):
    status, _, err = run(text, capsys)
    assert status == 1
    assert message in err
    assert len(err.splitlines()) == 1


def test_a_page_of_others_stays(capsys):
    Path("clean").mkdir()
    Path("clean/index.html").write_text("my home page")
    status, _, err = run(NIGHT, capsys)
    assert status == 1
    assert "exists and is none of ccdcr" in err
    assert Path("clean/index.html").read_text() == "my home page"
    assert run(f"{NIGHT} --overwrite", capsys)[0] == 0


@pytest.mark.parametrize("name", ["index.html", "ccdcr-log.ecsv"])
def test_folders_in_the_way_are_seen_before_any_work(capsys, name):
    (Path("clean") / name).mkdir(parents=True)
    status, _, err = run(NIGHT, capsys)
    assert (status, err) == (1, f"ccdcr: {Path('clean') / name}: is a folder\n")
    assert results() == []


def test_bar(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    _, out, err = run(NIGHT, capsys)
    assert "0 of 3 jobs" in err
    assert re.search(r"2 of 3 jobs: [\d.e+]+ frames/min, \d+ s left", err)
    assert err.endswith("\r")
    assert "\r" not in out


@pytest.mark.parametrize(
    ("minutes", "left"),
    [(0.25, "15 s"), (1, "1 min"), (89, "89 min"), (90, "1.5 h"), (600, "10.0 h")],
)
def test_time_that_is_left(capsys, monkeypatch, minutes, left):
    """As long as the first of two jobs took."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    with NightBar(2) as bar:
        now[0] += 60 * minutes
        bar.add(record("a", (1, 1)))
    frames = f"{2 / minutes:.3g}"
    assert f"1 of 2 jobs: {frames} frames/min, {left} left " in capsys.readouterr().err


class TestShifts:
    """A night that was dithered, as all are, with stars to be harmed."""

    @pytest.fixture(autouse=True)
    def dithered(self):
        options = {"shape": (200, 200), "n_stars": 40, "n_saturated": 0, "n_hits": 5}
        shifts = [(0, 0), (3, -2), (-1, 4)]
        scene = simulate.imaging_scene(rng=4, shifts=shifts, **options)
        Path("stars").mkdir()
        for k, ccd in enumerate(scene.exposures):
            ccd.meta["OBJECT"], ccd.meta["EXPTIME"] = "M 3", 300.0
            ccd.meta["DATE-OBS"] = f"2026-01-05T20:{6 * k:02d}:00"
            ccd.write(f"stars/{k}.fits")
        return scene

    @pytest.mark.parametrize("method", ["pair", "stack"])
    def test_measured(self, method, capsys):
        """Of three exposures a pair makes a stack, too."""
        status, out, _ = run(f"batch stars -o clean --method {method}", capsys)
        assert (status, "1 done" in out, "warning" in out) == (0, True, False)
        cards = [fits.getheader(f"clean/{k}_crclean.fits") for k in range(3)]
        assert [(c["CCRDY"], c["CCRDX"]) for c in cards] == [(0, 0), (3, -2), (-1, 4)]

    def test_given(self, capsys):
        """Then it is what was said, and that it is wrong is said, too."""
        Path("stars/2.fits").unlink()
        _, out, _ = run("batch stars -o clean --shift 0 0", capsys)
        header = fits.getheader("clean/1_crclean.fits")
        assert (header["CCRDY"], header["CCRDYREQ"]) == (0, 0)
        assert "warning: clean/0_crclean.fits: the sources of exposure 2 are" in out

    def test_nothing_to_measure(self, capsys):
        """The frames of the other night have no star."""
        status, out, _ = run(NIGHT, capsys)
        (line, *_) = [one for one in out.splitlines() if one.startswith("warning: ")]
        assert status == 0
        assert line.startswith(
            "warning: clean/a0_crclean.fits: the shift of ccd2 could"
        )
        assert line.endswith("(0, 0) was taken")
        status, _, err = run(f"{NIGHT}2 --auto-shift", capsys)
        assert status == 1
        assert "too little in common to measure it" in err


class TestWhatIsTold:
    """Some lines, however long the night; all of it is in the log."""

    @staticmethod
    def told(capsys, records, left=(), unreadable=()):
        tell(records, batch.Plan([record.job for record in records], left, unreadable))
        return capsys.readouterr()

    def test_many_groups_are_one_for_each_method(self, capsys):
        """The mean night has a few; 21 are those of a survey."""

        def lines(n):
            groups = [record(f"{k}_", (k, k), group=f"field {k}") for k in range(n)]
            single = record("m", (7,), group="field 0", method="median")
            return self.told(capsys, [*groups, single]).out.splitlines()

        assert [line.split()[:2] for line in lines(19)[2:21]] == [
            ["field", str(k)] for k in range(19)
        ]
        table = lines(21)[2:4]
        assert re.match(r" *all +pair +42 +0 +10 +0 - 20 ", table[0])
        assert re.match(r" *all +median +1 +0 +7 +7 - 7 ", table[1])

    def test_a_group_that_failed_has_no_numbers(self, capsys):
        out, err = self.told(capsys, [failed("a", "night/a0.fits: no image in it")])
        assert out.splitlines()[2].split()[-7:] == ["pair", "2", "2", *"----"]
        assert out.splitlines()[3] == "0 done, 0 skipped, 1 failed"
        assert err == "ccdcr: night/a0.fits: no image in it\n"

    def test_many_warnings(self, capsys):
        """Ten jobs, and of each what fits in some lines of a terminal."""
        texts = ["x" * 250, "y" * 251, *["the noise does not fit"] * 9]
        records = [
            record(f"{k}_", (5, 5), warnings=(text,)) for k, text in enumerate(texts)
        ]
        lines = self.told(capsys, records).out.splitlines()
        told = [line for line in lines if line.startswith("warning: ")]
        assert told[0] == f"warning: clean/0_0_crclean.fits: {'x' * 250}"
        assert told[1] == f"warning: clean/1_0_crclean.fits: {'y' * 250} ..."
        assert told[10:] == ["warning: 1 more jobs (all are in the log)"]

    def test_many_that_are_left_out(self, capsys):
        left = [(f"{k}.fits", "alone") for k in range(12)]
        left += [("b.fits", "a calibration frame"), ("c.fits", "a result of ccdcr")]
        left += [("junk.fits", "not a readable FITS file")]
        out, err = self.told(capsys, [], left, {"junk.fits"})
        lines = out.splitlines()
        assert lines[0] == "0 done, 0 skipped, 0 failed"  # and no table of nothing
        assert lines[1:3] == [
            "left out: 1 calibration frame",
            "left out: 1 cleaned frame",
        ]
        assert lines[3:13] == [f"left out: {k}.fits: alone" for k in range(10)]
        assert lines[13:] == ["left out: 2 more (--dry-run lists them)"]
        assert err == "ccdcr: junk.fits: not a readable FITS file\n"

    @pytest.mark.parametrize(
        ("encoding", "shown"), [("ascii", r"\xe9"), ("utf-8", "é"), ("latin-1", "é")]
    )
    def test_letters_that_a_terminal_has_not(self, monkeypatch, encoding, shown):
        output = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        monkeypatch.setattr("sys.stdout", output)
        tell([], batch.Plan([], [("é.fits", "alone")]))
        output.flush()
        text = output.buffer.getvalue().decode(encoding)
        assert text.endswith(f"left out: {shown}.fits: alone{os.linesep}")

    def test_to_what_is_no_terminal_at_all(self, monkeypatch):
        """As an editor has it, of which Python knows no encoding."""
        monkeypatch.setattr("sys.stdout", io.StringIO())
        tell([], batch.Plan([], [("é.fits", "alone")]))
        assert sys.stdout.getvalue().endswith("left out: é.fits: alone\n")
