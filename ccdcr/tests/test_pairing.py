# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Which exposures belong together, and plans that a person can edit."""

import datetime
import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits

from ccdcr import batch

START = datetime.datetime(2026, 1, 2, 22, 0, 0, tzinfo=datetime.UTC)


class Night:
    """A folder of small frames, taken one after the other."""

    def __init__(self, folder):
        self.folder = folder
        self.now = START

    def take(self, name, exposure=600.0, pause=30.0, shape=(4, 5), hdu=0, **cards):
        header = {"OBJECT": "M 31", "FILTER": "V", "EXPTIME": exposure}
        header["DATE-OBS"] = f"{self.now:%Y-%m-%dT%H:%M:%S}.25"
        header |= {key.replace("_", "-"): value for key, value in cards.items()}
        header = fits.Header({k: v for k, v in header.items() if v is not None})
        self.now += datetime.timedelta(seconds=(exposure or 0.0) + pause)
        hdus = [fits.PrimaryHDU(np.zeros(shape, np.float32), header)]
        if hdu:
            image = fits.ImageHDU(np.zeros(shape, np.float32), name="SCI")
            hdus = [fits.PrimaryHDU(header=header), image]
        path = self.folder / f"{name}.fits"
        fits.HDUList(hdus).writeto(path)
        return path

    def series(self, names, **options):
        for name in names:
            self.take(name, **options)

    def names(self, **options):
        """What a plan of all of them holds, by the names, and why some are left."""
        plan = batch.plan(self.folder, **options)
        jobs = [(job.method, "".join(Path(p).stem for p in job.inputs)) for job in plan]
        return jobs, {Path(path).stem: why for path, why in plan.left}


@pytest.fixture
def night(tmp_path):
    return Night(tmp_path)


class TestPairs:
    def test_consecutive(self, night):
        night.series("abcd")
        assert night.names() == ([("pair", "ab"), ("pair", "cd")], {})

    def test_by_time_and_not_by_name(self, night):
        night.series("dacb")
        assert night.names()[0] == [("pair", "da"), ("pair", "cb")]

    @pytest.mark.parametrize(
        ("n", "wanted"),
        [(3, ["stack abc"]), (5, ["pair ab", "stack cde"]), (2, ["pair ab"])],
    )
    def test_nobody_stays_alone(self, night, n, wanted):
        night.series("abcde"[:n])
        jobs, left = night.names()
        assert [" ".join(job) for job in jobs] == wanted
        assert not left

    def test_a_single_one_is_told(self, night):
        night.series("ab")
        night.take("c", OBJECT="M 32")
        jobs, left = night.names()
        assert jobs == [("pair", "ab")]
        assert left == {"c": "no equivalent exposure: OBJECT is M 32, of others M 31"}

    def test_why_one_is_alone(self, night):
        """What differs from the nearest, as it is in the header."""
        night.series("ab", GAIN=1.6)
        night.take("c", GAIN=1.7)
        night.take("d", GAIN=1.7, OBJECT="M 32", exposure=300.0)
        night.take("e", GAIN=None, shape=(4, 6))
        night.take("f", GAIN=1.6, pause=9000)
        night.take("g", GAIN=1.6)
        jobs, left = night.names(max_gap=3600)
        assert jobs == [("stack", "abf")]
        assert left == {
            "c": "no equivalent exposure: GAIN is 1.7, of others 1.6",
            "d": "no equivalent exposure: OBJECT is M 32, of others M 31; exposure "
            "time is 300.0, of others 600.0",
            "e": "no equivalent exposure: GAIN is not given, of others 1.6; shape is "
            "(4, 6), of others (4, 5)",
            "g": "no equivalent exposure within 1 h, or all are in pairs",
        }

    def test_a_shift_is_measured_unless_it_is_given(self, night):
        """Nobody knows the dithers of a night."""
        night.series("abcde")
        jobs = batch.plan(night.folder)
        assert [job.options for job in jobs] == [
            {"shift": "auto or 0"},
            {"shifts": "auto or 0"},
        ]
        (job,) = batch.plan(night.folder, method="stack")
        assert job.options == {"shifts": "auto or 0"}
        for shift in ((0, 0), (2, 1), "auto"):
            first = batch.plan(night.folder, options={"shift": shift}).jobs[0]
            assert first.options == {"shift": shift}
        for method in ("median", "lacosmic"):
            assert batch.plan(night.folder, method=method).jobs[0].options == {}

    @pytest.mark.parametrize("single", ["median", "lacosmic"])
    def test_a_single_one_by_another_method(self, night, single):
        night.series("ab")
        night.take("c", OBJECT="M 32")
        options = {"sigma_peak": 7, "unit": "adu", "region": "[1:2,1:2]"}
        plan = batch.plan(night.folder, single=single, options=options)
        assert [job.method for job in plan] == ["pair", single]
        assert plan.jobs[0].options == options | {"shift": "auto or 0"}
        assert plan.jobs[1].options == {"unit": "adu", "region": "[1:2,1:2]"}

    def test_a_shift_of_three(self, night):
        night.series("abc")
        (job,) = batch.plan(night.folder, options={"shift": "auto"})
        assert job.method == "stack"
        assert job.options == {"shifts": "auto"}
        (job,) = batch.plan(night.folder, options={"shift": (0, 0), "grow": 2})
        assert job.options == {"grow": 2}

    @pytest.mark.parametrize(
        "options", [{"shift": (-4, 0)}, {"scale": 1.5}, {"method": "classic"}]
    )
    def test_what_has_no_meaning_for_three(self, night, options):
        night.series("abc")
        jobs, left = night.names(options=options)
        assert jobs == [("pair", "ab")]
        assert list(left) == ["c"]


class TestEquivalent:
    @pytest.mark.parametrize(
        "cards",
        [
            {"OBJECT": "M 32"},
            {"FILTER": "R"},
            {"FILTER": None},
            {"FILTER2": "grey"},
            {"exposure": 607.0},
            {"exposure": None},
            {"XBINNING": 2},
            {"CCDSUM": "2 2"},
            {"INSTRUME": "other"},
            {"GRATING": "300V"},
            {"SLIT": 1.5},
            {"GAIN": 2.0},
            {"shape": (4, 6)},
        ],
        ids=str,
    )
    def test_differs(self, night, cards):
        night.series("ab")
        night.series("cd", **cards)
        night.take("e")
        night.take("f", **cards)
        jobs = night.names(max_gap=1e5)[0]
        assert sorted(jobs) == [("stack", "abe"), ("stack", "cdf")]

    @pytest.mark.parametrize(
        "cards",
        [
            {"OBJECT": " m  31 "},
            {"exposure": 603.0},
            {"exposure": 597.0},
            {"AIRMASS": 1.2},
            {"hdu": 1},
        ],
        ids=str,
    )
    def test_does_not(self, night, cards):
        night.take("a")
        night.take("b", **cards)
        assert night.names() == ([("pair", "ab")], {})

    @pytest.mark.parametrize("text", ["600 s", "inf", "nan"])
    def test_exposure_times_that_are_no_numbers(self, night, text):
        """Equal texts are equal times, and no others."""
        night.series("ab", EXPTIME=text)
        night.series("cd", EXPTIME="60 s")
        night.series("ef", EXPTIME=0.0)
        night.series("gh", exposure=None)
        night.series("ij", EXPTIME="60.0")
        pairs = [name for _, name in night.names(max_gap=1e5)[0]]
        assert pairs == ["ab", "cd", "ef", "gh", "ij"]

    def test_numbers_as_they_are_written(self, night):
        night.take("a", GAIN=2, SLITWID=1.0)
        night.take("b", GAIN=2.0, SLITWID=1.00000001)
        night.take("c", GAIN="2", SLITWID=" 1.00")
        night.take("d", GAIN=" 2.0 ", SLITWID=1)
        assert night.names(method="stack")[0] == [("stack", "abcd")]

    def test_names_that_are_numbers(self, night):
        """Those of asteroids, or of stars, have many digits."""
        night.series("ab", OBJECT="20260101")
        night.series("cd", OBJECT="20260102")
        night.series("ef", OBJECT=20260103)
        night.series("gh", OBJECT=20260104)
        assert len(night.names(method="stack")[0]) == 4

    def test_other_keywords(self, night):
        night.series("ab", POSANG=0)
        night.series("cd", POSANG=90)
        assert night.names(method="stack")[0] == [("stack", "abcd")]
        keywords = (*batch.KEYWORDS, "POSANG")
        jobs = night.names(method="stack", keywords=keywords)[0]
        assert jobs == [("stack", "ab"), ("stack", "cd")]
        night.take("e", FILTER="R")
        assert len(night.names(method="stack", keywords=["OBJECT"])[0]) == 1


class TestTime:
    def test_a_gap_cuts(self, night):
        night.take("a")
        night.take("b", pause=3601)
        night.series("cd")
        jobs = night.names(method="stack")[0]
        assert jobs == [("stack", "ab"), ("stack", "cd")]
        for gap in (4000, 4000.0, 2 * u.h, 80 * u.min):
            assert night.names(method="stack", max_gap=gap)[0] == [("stack", "abcd")]

    def test_long_exposures_are_no_gap(self, night):
        night.series("ab", exposure=7200.0)
        assert night.names()[0] == [("pair", "ab")]

    @pytest.mark.parametrize(
        "cards",
        [
            lambda k: {"DATE_OBS": "2026-01-02", "TIME_OBS": f"0{k}:00:00.5"},
            lambda k: {"DATE_OBS": "2026-01-02", "UT": f"{k}:00:00"},
            lambda k: {"DATE_OBS": None, "MJD_OBS": 61042.0 + k / 24},
            lambda k: {"DATE_OBS": "2026-01-02", "MJD_OBS": 61042.0 + k / 24},
            lambda k: {"DATE_OBS": f"2026-01-02T0{k}:00:00Z"},
        ],
    )
    def test_other_ways_to_tell_it(self, night, cards):
        for k, name in ((3, "a"), (1, "b"), (7, "c"), (5, "d")):
            night.take(name, **cards(k))
        assert night.names(max_gap=3 * u.h)[0] == [("pair", "ba"), ("pair", "dc")]
        assert not night.names()[0]  # two hours lie between them

    def test_unknown(self, night):
        night.series("ab", DATE_OBS=None)
        night.series("cd", DATE_OBS="yesterday")
        night.series("ef")
        assert night.names(method="stack")[0] == [("stack", "ef"), ("stack", "abcd")]

    def test_two_versions_of_one_exposure(self, night):
        night.series("ab")
        night.now = START
        night.take("c")
        jobs, left = night.names()
        assert jobs == []
        assert left.keys() == {"a", "b", "c"}
        assert left["c"].startswith("exposed at the same time as ")
        night.take("d", CCDNUM=2)
        assert night.names(keywords=["CCDNUM"], single="median")[0] == [
            ("median", "b"),
            ("median", "d"),
        ]


class TestStacks:
    @pytest.mark.parametrize(("n", "sizes"), [(8, [8]), (9, [4, 5]), (17, [5, 6, 6])])
    def test_at_most(self, night, n, sizes):
        night.series("abcdefghijklmnopq"[:n])
        plan = batch.plan(night.folder, method="stack")
        assert [len(job.inputs) for job in plan] == sizes
        assert {job.method for job in plan} == {"stack"}

    def test_single_frames(self, night):
        night.series("ab")
        night.take("c", FILTER="R")
        jobs = [("median", "a"), ("median", "b"), ("median", "c")]
        assert night.names(method="median") == (jobs, {})


class TestLeftOut:
    @pytest.mark.parametrize(
        "cards",
        [
            {"IMAGETYP": "zero"},
            {"IMAGETYP": "Dark Frame"},
            {"OBSTYPE": "ARC"},
            {"IMAGETYP": "sky flat"},
            {"OBSTYPE": "FLAT,LAMP"},
            {"IMAGETYP": "comp"},
            {"OBJECT": "dome flat R"},
        ],
        ids=str,
    )
    def test_calibration_frames(self, night, cards):
        night.series("ab", **cards)
        jobs, left = night.names()
        assert jobs == []
        assert left["a"].startswith("a calibration frame (")
        assert night.names(calibration=True) == ([("pair", "ab")], {})

    @pytest.mark.parametrize("text", ["Flatiron", "Arcturus", "Dark cloud", "Zerona"])
    def test_objects_with_such_names(self, night, text):
        night.series("ab", OBJECT=text)
        assert night.names()[0] == [("pair", "ab")]

    def test_a_file_that_is_given_twice(self, night, monkeypatch):
        night.series("ab")
        monkeypatch.chdir(night.folder)
        plan = batch.plan(["a.fits", "b.fits", str(night.folder / "b.fits")])
        assert [job.inputs for job in plan] == [
            ("a.fits", str(night.folder / "b.fits"))
        ]
        assert plan.left == [("b.fits", f"the same file as {night.folder / 'b.fits'}")]

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes")
    def test_what_is_no_file(self, night):
        os.mkfifo(night.folder / "pipe.fits")
        (night.folder / "folder.fits").mkdir()
        assert night.names()[1] == {"pipe": "not a file", "folder": "not a file"}

    def test_results(self, night):
        night.series("ab")
        shape = (20, 20)
        night.series("cd", shape=shape, BUNIT="adu", FILTER="R")
        for record in batch.run(batch.plan(night.folder, options={"unit": "adu"})):
            assert record.status == "done", record.message
        result = night.folder / "c_crclean.fits"
        result.rename(night.folder / "other_name.fits")
        jobs, left = night.names()
        assert jobs == [("pair", "ab"), ("pair", "cd")]
        wanted = ("a_crclean", "b_crclean", "d_crclean", "other_name")
        assert left == dict.fromkeys(wanted, "a result of ccdcr")

    def test_what_cannot_be_read(self, night):
        whole = night.take("a", shape=(100, 100)).read_bytes()
        night.take("b", shape=(100, 100))
        (night.folder / "cut.fits").write_bytes(whole[: len(whole) // 2])
        (night.folder / "empty.fits").touch()
        (night.folder / "junk.fits.gz").write_bytes(b"junk" * 1000)
        table = fits.BinTableHDU.from_columns([fits.Column("t", "D", array=[1.0])])
        table.writeto(night.folder / "table.fits")
        fits.PrimaryHDU(np.zeros((9, 9))).writeto(night.folder / "bare.fits")
        (night.folder / "notes.txt").write_text("clouds")
        jobs, left = night.names()
        assert jobs == [("pair", "ab")]
        assert left.pop("cut").startswith("not a complete FITS file (")
        assert left.pop("empty").startswith("not a readable FITS file (")
        assert left.pop("junk.fits").startswith("not a readable FITS file (")
        assert left.pop("table") == "no two-dimensional image in the file"
        assert left.pop("bare") == "the header does not tell what it is"
        assert not left
        names = [Path(name).name for name in batch.plan(night.folder).unreadable]
        assert names == ["cut.fits", "empty.fits", "junk.fits.gz"]
        # what is cleaned by itself need not be known
        alone = batch.plan(night.folder, method="median")
        assert any(job.inputs[0].endswith("bare.fits") for job in alone)


class TestArguments:
    @pytest.mark.parametrize(
        ("options", "text"),
        [
            ({"method": "mean"}, "method must be one of 'pair', .*got 'mean'"),
            ({"single": "pair"}, "single must be one of None, 'median', .*got 'pair'"),
            ({"keywords": "OBJECT"}, "keywords must be a sequence .*got 'OBJECT'"),
            ({"max_gap": 0}, "max_gap must be a positive time, got 0"),
            ({"max_gap": 3 * u.m}, "not convertible"),
            ({"max_stack": 2}, "max_stack must be an integer >= 3, got 2"),
            ({"options": {"sigma": 3}}, "options must be those of .*got 'sigma'"),
        ],
    )
    def test_refused(self, tmp_path, options, text):
        with pytest.raises((TypeError, ValueError), match=text):
            batch.plan(tmp_path, **options)

    def test_paths(self, night):
        night.series("abcd")
        collection = pytest.importorskip("ccdproc").ImageFileCollection(night.folder)
        whole = batch.plan(night.folder)
        assert batch.plan(collection) == whole
        assert batch.plan(sorted(night.folder.iterdir(), reverse=True)) == whole
        assert batch.plan(str(night.folder)) == whole
        one = batch.plan(night.folder / "c.fits", single="median")
        assert [job.inputs for job in one] == [(str(night.folder / "c.fits"),)]
        night.take("e", exposure=60.0)
        part = type(collection)(night.folder).filter(exptime=600.0)
        assert batch.plan(part) == whole
        assert [len(job.inputs) for job in whole] == [2, 2]

    def test_where_results_go(self, night, tmp_path):
        night.series("ab")
        (job,) = batch.plan(night.folder)
        assert job.outputs[0] == str(night.folder / "a_crclean.fits")
        (job,) = batch.plan(night.folder, output=tmp_path / "new")
        assert job.outputs[1] == str(tmp_path / "new" / "b_crclean.fits")
        assert job.group == "M 31, V, 600 s"
        assert batch.result_name("x/a.fits.fz") == str(Path("x/a_crclean.fits.fz"))
        assert batch.result_name("x/a.fits.FZ") == str(Path("x/a_crclean.fits.FZ"))
        assert batch.result_name("a.FIT.gz", "y") == str(Path("y/a_crclean.FIT.gz"))

    def test_compressed(self, night):
        """Their files are smaller than their images."""
        for path in (night.take("a", shape=(300, 300)), night.take("b")):
            with fits.open(path) as hdus:
                shape = (300, 300)
                image = fits.CompImageHDU(np.zeros(shape, "f4"), hdus[0].header)
            target = path.with_name(f"{path.name}.fz")
            fits.HDUList([fits.PrimaryHDU(), image]).writeto(target)
            assert target.stat().st_size < 4 * 300 * 300
            path.unlink()
        assert night.names() == ([("pair", "a.fitsb.fits")], {})
        content = target.read_bytes()
        target.write_bytes(content[:-2880])
        assert night.names()[1]["b.fits"].startswith("not a ")

    def test_gzip(self, night):
        """Whether all of it is there is seen when it is read."""
        for name in "ab":
            path = night.take(name)
            content = gzip.compress(path.read_bytes())
            path.with_name(f"{path.name}.gz").write_bytes(content)
            path.unlink()
        assert night.names() == ([("pair", "a.fitsb.fits")], {})

    def test_results_of_one_name(self, night):
        night.series("ab")
        (night.folder / "x").mkdir()
        (night.folder / "a.fits").rename(night.folder / "x" / "b.fits")
        paths = [night.folder / "b.fits", night.folder / "x" / "b.fits"]
        with pytest.raises(
            ValueError, match=r"different names, got twice: .*b_crclean"
        ):
            batch.plan(paths, output="new")

    def test_a_sequence_of_jobs(self, night):
        night.series("abcd")
        plan = batch.plan(night.folder)
        assert plan[0] is plan.jobs[0]
        assert plan[-1:] == list(plan)[1:] == plan.jobs[1:]

    def test_printed(self, night):
        night.series("ab")
        night.take("c", OBJECT="M 32")
        options = {"grow": 2, "shift": "auto"}
        assert str(batch.plan(night.folder, options=options)).splitlines() == [
            "1. pair: M 31, V, 600 s; grow=2; shift=auto",
            *(
                f"    {night.folder / name}.fits -> {night.folder / name}_crclean.fits"
                for name in "ab"
            ),
            "left out:",
            f"    {night.folder / 'c'}.fits: no equivalent exposure: OBJECT is M 32, "
            "of others M 31",
            "1 job for 2 files; 1 file left out",
        ]


class TestPlanFile:
    OPTIONS = (
        {},
        {"sigma_peak": 6, "sigma_tail": 2.5},
        {"shift": "auto", "replacement": None, "unit": "adu"},
        {"region": "[1:20,3:40]", "add_keyword": False, "hdu": "0"},
        {"unit": u.electron / u.s, "gain": 2.0},
        {"shift": [-4, 0], "exclude": ["[1:2,3:4]", "[5:6,7:8]"]},
    )

    @pytest.mark.parametrize("options", OPTIONS, ids=str)
    def test_round_trip(self, night, options):
        night.series("abcd")
        night.take("é ß, x", OBJECT='say "M 32"; or not')
        night.take("single", OBJECT="M 33")
        single = {"single": "median"} if options else {}
        plan = batch.plan(night.folder, options=options, **single)
        assert len(plan) >= 2
        batch.write_plan(night.folder / "plan.ecsv", plan)
        assert batch.read_plan(night.folder / "plan.ecsv") == plan

    def test_empty(self, tmp_path):
        batch.write_plan(tmp_path / "plan.ecsv", [])
        assert batch.read_plan(tmp_path / "plan.ecsv") == batch.Plan([], [])

    def test_edited(self, night):
        night.series("abcd")
        night.take("e", OBJECT="M 32")
        path = night.folder / "plan.ecsv"
        batch.write_plan(path, batch.plan(night.folder, options={"grow": 2}))
        old = "grow=2; shift=auto or 0"
        text = path.read_text().replace(old, '"grow=1; shift=[1, 0]"', 2)
        text = text.replace("\n2,", "\n0,")  # not these
        text = text.replace(f"0,,{night.folder}/e.fits,,,", "7,median,e.fits,f.fits,,")
        path.write_text(text)
        plan = batch.read_plan(path)
        assert [job.method for job in plan] == ["pair", "median"]
        assert plan.jobs[0].options == {"grow": 1, "shift": [1, 0]}
        assert plan.jobs[1].outputs == ("f.fits",)
        assert [Path(path).stem for path, _ in plan.left] == ["c", "d"]

    def test_pairs_that_become_a_stack(self, night):
        """Their shifts are measured, whatever that is called."""
        night.series("abcd")
        path = night.folder / "plan.ecsv"
        batch.write_plan(path, batch.plan(night.folder))
        text = (
            path.read_text().replace("1,pair", "1,stack").replace("2,pair", "1,stack")
        )
        path.write_text(text)
        (job,) = batch.read_plan(path)
        assert (job.method, len(job.inputs)) == ("stack", 4)
        assert job.options == {"shifts": "auto or 0"}
        path.write_text(text.replace("shift=", "shifts="))
        assert batch.read_plan(path).jobs == [job]

    def test_outputs_have_a_name_where_the_others_go(self, night):
        night.series("ab")
        night.take("c", OBJECT="M 32")
        path = night.folder / "plan.ecsv"
        batch.write_plan(path, batch.plan(night.folder, output="new"))
        text = path.read_text().replace(
            f"0,,{night.folder}", f"3,median,{night.folder}"
        )
        path.write_text(text.replace(str(Path("new", "a_crclean.fits")), ""))
        plan = batch.read_plan(path)
        assert [job.outputs for job in plan] == [
            (str(Path("new/a_crclean.fits")), str(Path("new/b_crclean.fits"))),
            (str(Path("new/c_crclean.fits")),),
        ]

    @pytest.mark.parametrize(
        ("old", "new", "text"),
        [
            (
                "1,pair",
                "1,stack",
                "job 1: method must be the same in all rows of a job",
            ),
            ("a.fits,", "a.fits,,", "not a plan of ccdcr"),
            (",a.fits,", ",,", "job 1: input must be given in all rows of a job"),
            ("1,pair", "5,pair", "job 1: inputs of method 'pair' must be 2, got 1"),
            ("grow=2", "grow=3", "job 1: options must be the same in all rows of a"),
            ("method", "methods", "not a plan of ccdcr"),
        ],
    )
    def test_wrongly(self, night, old, new, text, monkeypatch):
        night.series("ab")
        monkeypatch.chdir(night.folder)
        paths = "a.fits", "b.fits"
        plan = batch.plan(paths, options={"grow": 2})
        batch.write_plan("plan.ecsv", plan)
        content = Path("plan.ecsv").read_text()
        assert old in content
        Path("plan.ecsv").write_text(content.replace(old, new, 1))
        with pytest.raises(ValueError, match=rf"plan\.ecsv: {text}"):
            batch.read_plan("plan.ecsv")

    def test_without_a_column(self, tmp_path):
        path = tmp_path / "plan.ecsv"
        batch.write_plan(path, [])
        path.write_text(path.read_text().replace("options", "choices"))
        with pytest.raises(ValueError, match=r"ccdcr \(no column options\)"):
            batch.read_plan(path)

    @pytest.mark.parametrize(
        ("options", "text"),
        [
            (
                "grow",
                "job 1: options must be like sigma_peak=6; shift=auto, got 'grow'",
            ),
            ("size=3", "job 1: options must be those of .*got 'size'"),
            (
                "shift=auto unit=adu",
                "options must have a semicolon between them, got 'shift=auto unit=adu'",
            ),
            ("shifts=[0]", r"got 'shifts' \(did you mean shift\?\)"),
        ],
    )
    def test_options_without_meaning(self, tmp_path, options, text):
        path = tmp_path / "plan.ecsv"
        batch.write_plan(path, [batch.Job("pair", ["a", "b"], ["c", "d"], {"grow": 2})])
        path.write_text(path.read_text().replace("grow=2", options))
        with pytest.raises(ValueError, match=text):
            batch.read_plan(path)

    def test_names_that_are_not_in_utf8(self, tmp_path):
        job = batch.Job("median", [os.fsdecode(b"\xe9.fits")], ["b"])
        with pytest.raises(ValueError, match="names of files must be in UTF-8"):
            batch.write_plan(tmp_path / "plan.ecsv", [job])
        assert not (tmp_path / "plan.ecsv").exists()

    def test_what_cannot_be_written(self, tmp_path):
        options = {"gain": 2 * u.electron / u.adu}
        job = batch.Job("median", ["a"], ["b"], options)
        with pytest.raises(ValueError, match=r"options must be numbers, .*got gain="):
            batch.write_plan(tmp_path / "plan.ecsv", [job])
        assert not list(tmp_path.iterdir())

    def test_files_of_others(self, tmp_path):
        path = tmp_path / "plan.ecsv"
        path.write_text("clouds")
        with pytest.raises(OSError, match="exists"):
            batch.write_plan(path, [])
        with pytest.raises(ValueError, match=r"plan\.ecsv: not a plan of ccdcr"):
            batch.read_plan(path)
        with pytest.raises(FileNotFoundError):
            batch.read_plan(tmp_path / "no.ecsv")
