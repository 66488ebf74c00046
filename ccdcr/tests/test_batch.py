# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Many files: each job whatever becomes of the others, and nothing twice."""

import logging
import multiprocessing
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import (
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.table import QTable
from ccdproc import Keyword

from ccdcr import _crew, batch, files, simulate
from ccdcr._crew import Crew
from ccdcr._work import Conditions, stamp_of, work
from ccdcr.tests.conftest import frame, sky

SPOILT = {
    "truncated": "not a complete FITS file",
    "empty": "not a complete FITS file",
    "junk": "not a complete FITS file",
    "missing": "no such file",
}
EXECUTORS = ["serial", "threads", "processes", "dask"]
N_PAIRS = 4


class Deadly:
    """A region that kills who looks at it."""

    def to_mask(self, **_):
        time.sleep(0.3)  # such that its neighbour is at work
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """Four pairs, and files that are none."""
    folder = tmp_path_factory.mktemp("night")
    for k in range(N_PAIRS):
        scene = simulate.imaging_scene(
            rng=k, shape=(64, 80), n_stars=5, n_galaxies=1, n_saturated=0, n_hits=6
        )
        for name, ccd in zip("ab", scene.exposures, strict=True):
            ccd.meta["EXPTIME"] = 600.0
            ccd.meta["XPIXSZ"] = ccd.meta["YPIXSZ"] = 15.0
            ccd.write(folder / f"{k}{name}.fits")
    content = (folder / "0a.fits").read_bytes()
    (folder / "truncated.fits").write_bytes(content[: len(content) // 2])
    (folder / "empty.fits").write_bytes(b"")
    (folder / "junk.fits").write_bytes(b"no FITS" * 1000)
    return folder


@pytest.fixture(scope="module")
def cluster():
    """Two workers of Dask in processes of their own."""
    dask = pytest.importorskip("dask")
    distributed = pytest.importorskip("distributed")
    dask.config.set({"distributed.scheduler.allowed-failures": 0})
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
    with (
        distributed.LocalCluster(**options, silence_logs=logging.CRITICAL) as workers,
        distributed.Client(workers) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def pool():
    with batch.process_pool(2) as executor:
        yield executor


@pytest.fixture
def executor(request):
    name = request.param
    if name == "serial":
        yield None
    elif name == "threads":
        with ThreadPoolExecutor(2) as threads:
            yield threads
    elif name == "processes":
        yield request.getfixturevalue("pool")
    else:
        yield request.getfixturevalue("cluster").get_executor()


def pairs(night, out, n=N_PAIRS, **options):
    return [
        batch.Job(
            "pair",
            [night / f"{k}{name}.fits" for name in "ab"],
            [out / f"{k}{name}.fits" for name in "ab"],
            options,
        )
        for k in range(n)
    ]


def spoilt(night, out):
    return [
        batch.Job("median", [night / f"{name}.fits"], [out / f"{name}.fits"])
        for name in SPOILT
    ]


def contents(folder):
    """Also of hidden files."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def run(jobs, **options):
    """Records in the order of the jobs."""
    records = {record.job: record for record in batch.run(jobs, **options)}
    assert len(records) == len(jobs)
    return [records[job] for job in jobs]


def statuses(records):
    return [record.status for record in records]


def python(code, *arguments, **options):
    """A process of its own that runs the code, in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **options,
    )


@pytest.fixture(scope="module")
def undisturbed(night, tmp_path_factory):
    """What one job after the other, with nothing in the way, gives."""
    out = tmp_path_factory.mktemp("undisturbed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", "86400")
        assert statuses(run(pairs(night, out))) == ["done"] * N_PAIRS
    return contents(out)


@pytest.fixture(autouse=True, scope="module")
def _date():
    """The same for all workers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", "86400")
        yield


class TestJob:
    def test_paths_are_texts(self, tmp_path):
        job = batch.Job("median", [tmp_path / "a.fits"], ["b.fits"])
        assert job.inputs == (str(tmp_path / "a.fits"),)
        assert {job: 1}[pickle.loads(pickle.dumps(job))] == 1
        assert batch.Job("median", [b"a.fits"], ["b.fits"]).inputs == ("a.fits",)

    @pytest.mark.parametrize(
        ("method", "inputs", "outputs", "options", "text"),
        [
            ("mean", ["a"], ["b"], {}, "method must be one of pair, .*got 'mean'"),
            ("pair", ["a"], ["b"], {}, "inputs of method 'pair' must be 2, got 1"),
            ("stack", ["a"], ["b"], {}, "'stack' must be 2 or more, got 1"),
            ("median", ["a"], ["b", "c"], {}, "as many as inputs, 1, got 2"),
            ("median", "a", ["b"], {}, "inputs must be a sequence of paths, got 'a'"),
            ("median", ["a"], ["b"], [], "options must be a dict, got list"),
            ("median", ["a"], ["b"], {"shift": 1}, "cosmicray_median, got 'shift'"),
            ("median", ["a"], ["b"], {"overwrite": True}, "got 'overwrite'"),
            ("stack", [*"ab"], [*"cd"], {"shift": 1}, r"\(did you mean shifts\?\)"),
            ("pair", [*"ab"], [*"cd"], {"shift": "yes"}, "'auto or 0' or numbers, go"),
        ],
    )
    def test_refused(self, method, inputs, outputs, options, text):
        with pytest.raises((TypeError, ValueError), match=text):
            batch.Job(method, inputs, outputs, options)


class TestRun:
    @pytest.mark.parametrize("executor", EXECUTORS, indirect=True)
    def test_same_bytes_and_records(self, night, tmp_path, executor, undisturbed):
        jobs = pairs(night, tmp_path / "out")
        records = run(jobs, executor=executor)
        assert contents(tmp_path / "out") == undisturbed
        reports = files.clean_pair(*jobs[1].inputs, tmp_path / "a", tmp_path / "b")
        assert records[1].status == "done"
        assert records[1].message == ""
        assert records[1].seconds > 0
        assert records[1].n_cosmicrays == tuple(r.n_cosmicrays for r in reports)
        assert records[1].n_pixels == tuple(report.n_pixels for report in reports)
        assert records[1].fraction == tuple(report.fraction for report in reports)
        wanted = [report.rate.to_value("1 / (cm2 min)") for report in reports]
        assert records[1].rate == pytest.approx(wanted)
        assert min(records[1].n_cosmicrays) > 0
        densities = [fits.getheader(out)["CCRDENS"] for out in jobs[1].outputs]
        assert records[1].on_sources == tuple(densities)

    @pytest.mark.parametrize("executor", EXECUTORS, indirect=True)
    @pytest.mark.filterwarnings("ignore:File may have been truncated")
    def test_failures_stay_alone(self, night, tmp_path, executor, undisturbed):
        bad = spoilt(night, tmp_path / "out")
        good = pairs(night, tmp_path / "out")
        mixed = [job for both in zip(bad, good, strict=True) for job in both]
        records = run(mixed, executor=executor)
        assert statuses(records) == ["failed", "done"] * 4
        for job, record, text in zip(bad, records[::2], SPOILT.values(), strict=True):
            assert record.message.startswith(f"{job.inputs[0]}: {text}")
            assert "\n" not in record.message
            assert record.n_cosmicrays == ()
        assert contents(tmp_path / "out") == undisturbed

    def test_the_other_methods(self, night, tmp_path):
        paths = [night / f"{name}.fits" for name in ("0a", "0b", "1a")]
        outs = [tmp_path / path.name for path in paths]
        jobs = [
            batch.Job("stack", paths, outs, {"shifts": [(0, 0)] * 3}),
            batch.Job("median", [paths[0]], [tmp_path / "m.fits"], {"size": (3, 3)}),
            batch.Job("lacosmic", [paths[0]], [tmp_path / "l.fits"]),
        ]
        records = run(jobs)
        assert statuses(records) == ["done"] * 3
        assert [len(record.n_pixels) for record in records] == [3, 1, 1]

    @pytest.mark.parametrize("executor", ["serial", "threads"], indirect=True)
    def test_warnings_are_in_the_record(self, tmp_path, executor):
        """And nowhere else: here a warning would be an error."""
        for k, meta in enumerate(({"EXPTIME": 10.0}, {"EXPTIME": 20.0}) * 3):
            frame(sky(k), "std", meta=fits.Header(meta)).write(tmp_path / f"{k}.fits")
        jobs = [
            batch.Job(
                "pair",
                [tmp_path / f"{k}.fits", tmp_path / f"{k + step}.fits"],
                [tmp_path / f"out{k}{step}{n}.fits" for n in range(2)],
            )
            for k, step in ((0, 1), (2, 2), (1, 4))
        ]
        told = [record.warnings for record in run(jobs, executor=executor)]
        assert "exposure" in " ".join(told[0])
        assert told[1] == told[2] == ()

    def test_failures_that_are_no_fault_of_the_files(
        self, night, tmp_path, monkeypatch
    ):
        """They cost the job, not the night; what they are is said, and of what."""

        def no_memory(*_, **__):
            raise MemoryError

        monkeypatch.setattr(files, "clean_pair", no_memory)
        (record,) = run(pairs(night, tmp_path, 1))
        assert record.status == "failed"
        assert record.message == f"{night / '0a.fits'}: MemoryError"

    def test_progress(self, night, tmp_path):
        told = []
        jobs = [*pairs(night, tmp_path, 1), *spoilt(night, tmp_path)[1:]]
        records = list(batch.run(jobs, progress=lambda *now: told.append(now)))
        assert told == [(record, k, 4) for k, record in enumerate(records, 1)]

    def test_thumbnails(self, night, tmp_path):
        jobs = [*pairs(night, tmp_path, 1), *spoilt(night, tmp_path)[1:2]]
        for _ in range(2):  # also of what is there already
            good, bad = run(jobs, thumbnails=True)
            assert bad.thumbnails is None
            for picture in good.thumbnails:
                assert picture.startswith(b"\x89PNG")
                width, height = np.frombuffer(picture[16:24], ">u4")
                assert (width, height) == (2 * 80 + 4, 64)
        assert good.status == "skipped"
        assert run(jobs)[0].thumbnails is None

    def test_little_crosses_the_wire(self, night, tmp_path):
        (job,) = pairs(night, tmp_path, 1)
        assert len(pickle.dumps((work, job))) < 2000
        assert len(pickle.dumps(run([job])[0])) < 2000

    def test_relative_paths(self, night, tmp_path, pool, monkeypatch):
        """Whatever folder the workers are in."""
        monkeypatch.chdir(tmp_path)
        shutil.copy(night / "0a.fits", "a.fits")
        jobs = [
            batch.Job("median", [name], [f"out/{name}"]) for name in ("a.fits", "no")
        ]
        records = run(jobs, executor=pool)
        assert statuses(records) == ["done", "failed"]
        assert records[1].message == "no: no such file"
        assert os.listdir("out") == ["a.fits"]

    def test_not_too_many_are_handed_over(self):
        crowd = Counting(3)
        jobs = [batch.Job("median", ["no.fits"], [f"{k}.fits"]) for k in range(50)]
        assert statuses(run(jobs, executor=crowd)) == ["failed"] * 50
        assert 3 < crowd.most <= 6

    def test_how_many_workers(self):
        conditions = Conditions()
        assert Crew(Counting(5), None, conditions).width == 5
        assert Crew(Counting(5), 7, conditions).width == 7
        assert Crew(Executor(), None, conditions).width == 32

    def test_of_a_cluster(self, cluster):
        assert Crew(cluster.get_executor(), None, Conditions()).width == 2

    @pytest.mark.parametrize(("known", "wanted"), [(None, 1), (4, 4), (96, 61)])
    def test_as_many_processes_as_processors(self, monkeypatch, known, wanted):
        """As far as the system tells of them; Windows has 61 at the same time."""
        if hasattr(os, "sched_getaffinity"):
            with batch.process_pool() as executor:
                assert executor._max_workers == len(os.sched_getaffinity(0))
            monkeypatch.delattr(os, "sched_getaffinity")
        monkeypatch.setattr(os, "cpu_count", lambda: known)
        with batch.process_pool() as executor:
            assert executor._max_workers == wanted


class Broken(Executor):
    """As one is whose processes have been killed while nothing was to do."""

    def __init__(self, workers):
        self._max_workers = workers

    def submit(self, *_):
        raise BrokenExecutor


class Dying(Broken):
    """One that does its first job, and dies of the others a while later."""

    def submit(self, function, *arguments):
        future = Future()
        future.set_running_or_notify_cancel()
        if arguments[0].inputs[0].endswith("0a.fits"):
            future.set_result(function(*arguments))
        else:
            threading.Timer(0.3, future.set_exception, [BrokenExecutor()]).start()
        return future


class Counting(Executor):
    """An executor that ends jobs late, and counts those that wait."""

    def __init__(self, workers):
        self._max_workers = workers
        self.waiting, self.most = [], 0

    def submit(self, function, *arguments):
        future = Future()
        self.waiting.append((future, function, arguments))
        self.most = max(self.most, len(self.waiting))
        if len(self.waiting) == 1:
            threading.Timer(0.02, self._end).start()
        return future

    def _end(self):
        waiting, self.waiting = self.waiting, []
        for future, function, arguments in waiting:
            future.set_result(function(*arguments))


class TestRefused:
    """Before any work."""

    def test_outputs_twice(self, night, tmp_path):
        jobs = [*pairs(night, tmp_path), *pairs(night, tmp_path, 1)]
        with pytest.raises(ValueError, match=r"different files, got .*0a.fits twice"):
            batch.run(jobs)
        assert not contents(tmp_path)

    def test_outputs_that_are_inputs(self, night, tmp_path):
        (tmp_path / "link").symlink_to(night)
        job = batch.Job("median", [night / "0a.fits"], [tmp_path / "link" / "1a.fits"])
        before = contents(night)
        with pytest.raises(ValueError, match=r"must not be inputs, got .*1a.fits as"):
            batch.run([job, *pairs(night, tmp_path)])
        assert contents(night) == before

    def test_arguments(self, pool):
        job = batch.Job("median", ["a"], ["b"])
        with pytest.raises(TypeError, match=r"jobs must be ccdcr\.batch\.Job, got t"):
            batch.run([("a", "b")])
        with pytest.raises(TypeError, match="executor must have a method submit, got"):
            batch.run([job], executor=2)
        with pytest.raises(ValueError, match="workers must be a positive integer or"):
            batch.run([job], executor=pool, workers=0)

    def test_options_that_cannot_travel(self, night, tmp_path, pool):
        lock = batch.Job("median", ["a.fits"], ["b"], {"region": threading.Lock()})
        with pytest.raises(TypeError, match=r"survive pickling, got .*a.fits: cannot"):
            batch.run([*pairs(night, tmp_path), lock], executor=pool)
        assert not contents(tmp_path)


class TestResume:
    @pytest.fixture
    def done(self, night, tmp_path):
        """Inputs of its own, and what was made of them."""
        inputs, out = tmp_path / "in", tmp_path / "out"
        inputs.mkdir()
        for path in night.glob("[01]?.fits"):
            shutil.copy(path, inputs)
        jobs = pairs(inputs, out, 2)
        return jobs, run(jobs), out

    @pytest.mark.parametrize("executor", EXECUTORS, indirect=True)
    def test_done_is_done(self, done, executor):
        jobs, first, out = done
        times = [path.stat().st_mtime_ns for path in out.iterdir()]
        again = run(jobs, executor=executor)
        assert statuses(again) == ["skipped"] * 2
        assert times == [path.stat().st_mtime_ns for path in out.iterdir()]
        for old, new in zip(first, again, strict=True):
            assert new.n_cosmicrays == old.n_cosmicrays
            assert new.n_pixels == old.n_pixels
            assert new.fraction == old.fraction
            assert new.rate == pytest.approx(old.rate)
            assert new.on_sources == old.on_sources

    def test_on_demand_all_is_done_again(self, done):
        jobs, _, out = done
        before = contents(out)
        assert statuses(run(jobs, resume=False)) == ["done"] * 2
        assert contents(out) == before

    def test_what_changed_is_done_again(self, done):
        jobs, _, out = done
        before = contents(out)
        with fits.open(jobs[1].inputs[0], mode="update") as hdus:
            hdus[0].data[5, 5] += 1
        assert statuses(run(jobs)) == ["skipped", "done"]
        changed = {name for name, old in before.items() if contents(out)[name] != old}
        assert "1a.fits" in changed
        assert not changed & {"0a.fits", "0b.fits"}

    def test_a_copy_with_an_old_time_is_seen(self, done, night):
        jobs, _, _ = done
        shutil.copy2(night / "3a.fits", jobs[0].inputs[0])  # keeps its time
        assert os.path.getmtime(jobs[0].inputs[0]) < os.path.getmtime(
            jobs[0].outputs[0]
        )
        assert statuses(run(jobs)) == ["done", "skipped"]

    def test_one_of_two_is_missing(self, done, undisturbed):
        jobs, _, out = done
        (out / "0b.fits").unlink()
        assert statuses(run(jobs)) == ["done", "skipped"]
        assert contents(out)["0b.fits"] == undisturbed["0b.fits"]

    def test_other_options_are_another_job(self, done):
        jobs, _, out = done
        before = contents(out)
        other = [
            batch.Job("pair", job.inputs, job.outputs, {"sigma_peak": 7})
            for job in jobs
        ]
        for record, job in zip(run(other), other, strict=True):
            assert record.status == "failed"
            assert record.message == (
                f"{job.outputs[0]}: exists, made otherwise; overwrite is not set"
            )
        assert contents(out) == before
        assert statuses(run(other, overwrite=True)) == ["done"] * 2
        assert contents(out) != before
        assert statuses(run(other, overwrite=True)) == ["skipped"] * 2

    @pytest.mark.parametrize("content", [b"", b"junk" * 2000, None])
    def test_files_of_others_are_safe(self, done, content, night):
        jobs, _, out = done
        content = (night / "2a.fits").read_bytes() if content is None else content
        (out / "0b.fits").write_bytes(content)
        records = run(jobs)
        assert statuses(records) == ["failed", "skipped"]
        assert "0b.fits: exists, made otherwise" in records[0].message
        assert (out / "0b.fits").read_bytes() == content

    @pytest.mark.filterwarnings("ignore:File may have been truncated")
    @pytest.mark.parametrize("part", ["block", "extension", "half", "most"])
    def test_results_that_were_cut_off(self, done, undisturbed, part):
        """By a full disk, or in a copy: a header at the begin is not a result."""
        jobs, _, out = done
        content = (out / "0b.fits").read_bytes()
        with fits.open(out / "0b.fits") as hdus:
            last = hdus.fileinfo(len(hdus) - 1)["hdrLoc"]
            first = hdus.fileinfo(0)["datLoc"]
        size = {"extension": last, "half": len(content) // 2, "most": first + 2880}
        (out / "0b.fits").write_bytes(content[: size.get(part, len(content) - 2880)])
        assert statuses(run(jobs)) == ["done", "skipped"]
        assert contents(out) == {name: undisturbed[name] for name in contents(out)}

    def test_results_that_changed_places(self, done, undisturbed):
        jobs, _, out = done
        (out / "0a.fits").rename(out / "x")
        (out / "0b.fits").rename(out / "0a.fits")
        (out / "x").rename(out / "0b.fits")
        assert statuses(run(jobs)) == ["done", "skipped"]
        assert contents(out) == {name: undisturbed[name] for name in contents(out)}

    @pytest.mark.parametrize("suffix", [".fits.gz", ".fit"])
    def test_other_suffixes(self, night, tmp_path, suffix):
        outs = [tmp_path / f"{name}{suffix}" for name in "ab"]
        job = batch.Job("pair", [night / "0a.fits", night / "0b.fits"], outs)
        assert statuses(run([job]) + run([job])) == ["done", "skipped"]

    def test_compressed_in_tiles(self, night, tmp_path):
        """As archives keep raw frames: planned, cleaned, compressed again, known."""
        for name in "ab":
            with fits.open(night / f"0{name}.fits") as hdus:
                image = fits.CompImageHDU(hdus[0].data, hdus[0].header, name="SCI")
                image.header["OBJECT"] = "M 31"
                packed = fits.HDUList([fits.PrimaryHDU(), image])
                packed.writeto(tmp_path / f"{name}.fits.fz")
        plan = batch.plan(tmp_path, output=tmp_path / "clean", options={"grow": 0})
        assert plan.left == []
        done, again = run(plan) + run(plan)
        assert (done.status, again.status) == ("done", "skipped"), done.message
        assert again.n_cosmicrays == done.n_cosmicrays
        assert min(done.n_cosmicrays) > 0
        assert sorted(contents(tmp_path / "clean")) == [
            "a_crclean.fits.fz",
            "b_crclean.fits.fz",
        ]
        with fits.open(tmp_path / "clean" / "a_crclean.fits.fz") as hdus:
            assert isinstance(hdus["SCI"], fits.CompImageHDU)

    def test_two_images_in_a_file(self, night, tmp_path):
        for name in "ab":
            hdus = [fits.PrimaryHDU()]
            for k in range(2):
                with fits.open(night / f"{k}{name}.fits") as source:
                    hdus.append(fits.ImageHDU(source[0].data, name="SCI", ver=k + 1))
            fits.HDUList(hdus).writeto(tmp_path / f"{name}.fits")
        job = batch.Job(
            "pair",
            [tmp_path / "a.fits", tmp_path / "b.fits"],
            [tmp_path / "c.fits", tmp_path / "d.fits"],
            {"hdu": "all", "unit": "electron"},
        )
        reports = files.clean_pair(
            *job.inputs, tmp_path / "e.fits", tmp_path / "f.fits", **job.options
        )
        for status in ("done", "skipped"):
            (record,) = run([job], thumbnails=True)
            assert record.status == status
            for k in range(2):
                wanted = [report[k].n_cosmicrays for report in reports]
                assert record.n_cosmicrays[k] == sum(wanted)
                assert min(wanted) > 0
                n = sum(report[k].n_pixels for report in reports)
                assert record.n_pixels[k] == n
                assert record.fraction[k] == n / (2 * 64 * 80)
            assert len(record.thumbnails) == 2
        whole = record.thumbnails
        for number, hdu in ((2, 2), (3, [1, 2]), (4, [2])):
            outs = [tmp_path / f"{name}{number}.fits" for name in "ab"]
            options = {"hdu": hdu, "unit": "electron"}
            (record,) = run(
                [batch.Job("pair", job.inputs, outs, options)], thumbnails=True
            )
            assert (record.thumbnails == whole) == (number == 3)  # the first it has

    def test_an_image_in_an_extension(self, night, tmp_path):
        with fits.open(night / "0a.fits") as hdus:
            image = fits.ImageHDU(hdus[0].data, hdus[0].header, name="SCI")
            fits.HDUList([fits.PrimaryHDU(), image]).writeto(tmp_path / "a.fits")
        job = batch.Job("median", [tmp_path / "a.fits"], [tmp_path / "b.fits"])
        assert statuses(run([job]) + run([job])) == ["done", "skipped"]

    def test_the_stamp_knows_models(self):
        """Large arrays, of which a text shows a part only."""
        models = [np.zeros((100, 100)) for _ in range(3)]
        models[1][50, 50] = 1
        stamps = [
            stamp_of(batch.Job("median", ["a"], ["o"], {"reference": model}))
            for model in (CCDData(model, unit="adu") for model in models)
        ]
        assert stamps[0] == stamps[2] != stamps[1]

    def test_the_stamp_knows_no_machine(self):
        def stamp(folder="x", name="a.fits", **options):
            return stamp_of(batch.Job("median", [f"{folder}/{name}"], ["o"], options))

        assert stamp() == stamp("/elsewhere/y")
        assert stamp(size=(3, 3)) == stamp(size=[3, 3])  # as from a file
        assert stamp(grow=1, max_size=9) == stamp(max_size=9, grow=1)
        other = {
            stamp(name="b.fits"),
            stamp(size=(3, 5)),
            stamp(grow=1),
            stamp(region=np.eye(3, dtype=bool)),
            stamp(region=np.ones((3, 3), dtype=bool)),
            stamp(),
        }
        assert len(other) == 6

    def test_the_stamp_knows_units(self):
        """And a number is a number, whatever library holds it."""

        def stamp(**options):
            return stamp_of(batch.Job("median", ["a.fits"], ["o"], options))

        assert stamp(grow=np.int64(1)) == stamp(grow=1) != stamp(grow=2)
        gains = [2.0, 2 * u.electron / u.adu, 2 * u.adu / u.electron]
        gains += [Keyword(name, u.electron / u.adu) for name in ("GAIN", "EGAIN")]
        stamps = [stamp(gain=gain) for gain in gains]
        assert len(set(stamps)) == 5
        assert stamp(gain=Keyword("GAIN", u.electron / u.adu)) == stamps[3]
        units = [stamp(unit=unit) for unit in (u.adu, u.electron, "adu")]
        assert units[0] == units[2] != units[1]

    def test_the_stamp_knows_all_of_an_option(self):
        """Also what is far from the edges, where printing leaves it out."""

        def stamp(**options):
            return stamp_of(batch.Job("median", ["a.fits"], ["o"], options))

        frames = [frame(np.zeros((1500, 20)), "std") for _ in range(4)]
        frames[1].data[700, 10] = 1
        frames[2].uncertainty.array[700, 10] = 1
        frames[3].mask = np.zeros((1500, 20), bool)
        assert len({stamp(reference=one) for one in frames}) == 4
        assert stamp(reference=frames[0]) == stamp(reference=frames[0].copy())
        swapped = frame(np.zeros((1500, 20)), "std", dtype=">f8")
        assert stamp(reference=swapped) == stamp(reference=frames[0])  # on the wire
        arrays = [np.ma.masked_equal(np.arange(4.0).reshape(2, 2), k) for k in (1, 2)]
        assert len({stamp(reference=one) for one in arrays}) == 2

    def test_the_stamp_knows_all_of_a_region(self):
        regions = pytest.importorskip("regions")
        x, y = np.arange(2000.0), np.zeros(2000)
        stamps = set()
        for height in (0, 0, 1, 1 + 1e-12):
            y[1000] = height
            region = regions.PolygonPixelRegion(regions.PixCoord(x, y.copy()))
            job = batch.Job("median", ["a.fits"], ["o"], {"region": region})
            stamps.add(stamp_of(job))
        assert len(stamps) == 3


class TestDeath:
    """A worker that dies costs its own job."""

    @pytest.mark.parametrize("own", [False, True])
    def test_of_a_process(self, night, tmp_path, undisturbed, own):
        jobs = pairs(night, tmp_path)
        jobs[1] = pairs(night, tmp_path, 2, region=Deadly())[1]
        if own:
            executor = ProcessPoolExecutor(2, multiprocessing.get_context("spawn"))
        else:
            executor = batch.process_pool(2)
        with executor:
            records = run(jobs, executor=executor)
        assert statuses(records) == ["done", "failed", "done", "done"]
        assert records[1].message == (
            f"{jobs[1].inputs[0]}: the worker that cleaned it died, and so did another "
            "(ended by SIGKILL, as when memory runs out)"
        )
        left = {name: undisturbed[name] for name in undisturbed if name[0] != "1"}
        assert contents(tmp_path) == left

    def test_in_a_cluster(self, night, tmp_path, undisturbed, cluster):
        jobs = pairs(night, tmp_path)
        jobs[2] = pairs(night, tmp_path, 3, region=Deadly())[2]
        records = run(jobs, executor=cluster.get_executor())
        assert statuses(records) == ["done", "done", "failed", "done"]
        assert records[2].message.endswith("and so did another (KilledWorker)")
        left = {name: undisturbed[name] for name in undisturbed if name[0] != "2"}
        assert contents(tmp_path) == left

    def test_of_all(self, night, tmp_path):
        with batch.process_pool(2) as executor:
            jobs = pairs(night, tmp_path, 2, region=Deadly())
            records = run(jobs, executor=executor)
        assert statuses(records) == ["failed"] * 2
        assert not contents(tmp_path)

    def test_of_an_executor_before_it_is_used(self, night, tmp_path, monkeypatch):
        """Others do the work: as many as it had, if this machine has as many."""
        asked = []

        def others(workers):
            asked.append(workers)
            return ThreadPoolExecutor(workers)

        monkeypatch.setattr(_crew, "process_pool", others)
        monkeypatch.setattr(_crew, "_processors", lambda: 3)
        for workers in (2, 1000):
            out = tmp_path / str(workers)
            records = run(pairs(night, out, 2), executor=Broken(workers))
            assert statuses(records) == ["done"] * 2
        assert asked == [2, 3]

    @pytest.mark.parametrize(
        ("code", "words"),
        [
            (3, "exit status 3"),
            (-signal.SIGTERM, "ended by SIGTERM"),
            (-64000, "ended by signal 64000"),  # those of real time have no names
        ],
    )
    def test_how_is_told(self, code, words):
        assert _crew._ending(code) == words

    def test_of_those_that_cannot_live(self, night, tmp_path):
        """In a script without a guard: to go on would only take long."""
        code = SLOW.replace('__name__ == "__main__"', "True")
        assert code != SLOW
        (tmp_path / "script.py").write_text(code)
        command = [sys.executable, "script.py", night, tmp_path / "out", "9"]
        ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert ended.returncode == 1
        # the resource tracker of Python may tell of the dead after it
        errors = [k for k in ended.stderr.splitlines() if "all workers ended" in k]
        assert len(errors) == 1
        assert errors[0].startswith("RuntimeError: all workers ended before they had")
        assert 'below if __name__ == "__main__"' in errors[0]
        assert not (tmp_path / "out").exists()


KILLED = """
import os, sys
from ccdcr import batch
from ccdcr.tests.test_batch import pairs
from pathlib import Path
night, out = map(Path, sys.argv[1:])

def deadly(function, moment):
    def replacement(*arguments, **options):
        counts[0] += 1
        if counts[0] == moment:
            os.kill(os.getpid(), 9)
        return function(*arguments, **options)
    return replacement

for moment in range(1, 100):
    child = os.fork()
    if not child:
        counts = [0]
        os.fsync = deadly(os.fsync, moment)
        os.replace = deadly(os.replace, moment)
        list(batch.run(pairs(night, out / str(moment), 2)))
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:  # it was not killed
        break
print(moment)
"""

SLOW = """
import sys
from pathlib import Path
from ccdcr import batch
from ccdcr.tests.test_batch import pairs
if __name__ == "__main__":
    night, out, n = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    jobs = [job for k in range(n) for job in pairs(night, out / str(k))]
    try:
        with batch.process_pool(2) as executor:
            for record in batch.run(jobs, executor=executor):
                print(record.status, *executor._processes, flush=True)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


EARLY = """
import os, sys
from pathlib import Path
from ccdcr import batch
from ccdcr.tests.test_batch import pairs
if __name__ == "__main__":
    night, out = Path(sys.argv[1]), Path(sys.argv[2])
    try:
        with batch.process_pool(2) as executor:
            executor.submit(os.getpid)
            print("they begin", flush=True)
            list(batch.run(pairs(night, out) , executor=executor))
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


class TestKilled:
    def test_at_every_moment_of_writing(self, night, tmp_path, undisturbed):
        """Every output is absent or whole, and the next run makes it good."""
        process = python(KILLED, night, tmp_path)
        moments = int(process.communicate(timeout=300)[0])
        assert moments - 1 >= 2 * 2 * 2  # two jobs, two files, written and moved
        hidden, again = 0, 0
        for moment in range(1, moments):
            found = contents(tmp_path / str(moment))
            assert len(found) > 0
            for name, content in found.items():
                assert name.startswith(".") or content == undisturbed[name]
            hidden += any(name.startswith(".") for name in found)
            jobs = pairs(night, tmp_path / str(moment), 2)
            again += "done" in statuses(run(jobs))
            now = contents(tmp_path / str(moment))
            assert now == {
                f"{k}{n}.fits": undisturbed[f"{k}{n}.fits"]
                for k in range(2)
                for n in "ab"
            }
        assert hidden > 2
        assert again >= 2 * 2 * 2 - 1  # there is nothing to do after the very last

    def test_with_its_workers(self, night, tmp_path, undisturbed):
        """Nobody goes on after the one who gave the orders."""
        process = python(SLOW, night, tmp_path, 50)
        workers = process.stdout.readline().split()[1:]
        assert len(workers) == 2
        process.kill()
        process.communicate()
        wait_for(lambda: not any(alive(int(pid)) for pid in workers))
        n_there = len(list(tmp_path.glob("*/??.fits")))
        assert 0 < n_there < 50 * len(undisturbed)
        for path in tmp_path.glob("*/??.fits"):
            assert path.read_bytes() == undisturbed[path.name]
        jobs = [job for k in range(2) for job in pairs(night, tmp_path / str(k))]
        assert "skipped" in statuses(run(jobs))  # that of which it was told, if no more
        for k in range(2):
            assert contents(tmp_path / str(k)) == undisturbed

    def test_interrupted(self, night, tmp_path, undisturbed):
        """Ctrl-C reaches all processes of a terminal."""
        process = python(SLOW, night, tmp_path, 50, stderr=subprocess.PIPE)
        assert process.stdout.readline().startswith("done")
        os.killpg(process.pid, signal.SIGINT)
        out, errors = process.communicate(timeout=300)
        assert out.splitlines()[-1] == "interrupted"
        assert "Traceback" not in errors
        found = list(tmp_path.glob("*/*"))
        assert 0 < len(found) < 50 * len(undisturbed)
        for path in found:  # hidden ones would not be known
            assert path.read_bytes() == undisturbed[path.name]

    def test_interrupted_while_workers_begin(self, night, tmp_path):
        """They do not hear it, not even while they import."""
        process = python(EARLY, night, tmp_path, stderr=subprocess.PIPE)
        assert process.stdout.readline() == "they begin\n"
        os.killpg(process.pid, signal.SIGINT)
        out, errors = process.communicate(timeout=300)
        assert (out, errors) == ("interrupted\n", "")

    @pytest.mark.parametrize("masks", [True, False])
    def test_interrupted_while_it_starts_processes(self, monkeypatch, masks):
        """It starts them, then hears; Windows cannot block signals."""
        if not masks:
            monkeypatch.delattr(signal, "pthread_sigmask", raising=False)
        started = []

        def start(*_):
            signal.raise_signal(signal.SIGINT)
            started.append(threading.current_thread())

        monkeypatch.setattr(ProcessPoolExecutor, "submit", start)
        before = signal.getsignal(signal.SIGINT)
        with batch.process_pool(1) as executor:
            with pytest.raises(KeyboardInterrupt):
                executor.submit(os.getpid)
            assert started == [threading.main_thread()]
            assert signal.getsignal(signal.SIGINT) is before

    def test_other_threads_start_processes(self, pool):
        """Where Python lets nobody decide what becomes of Ctrl-C."""
        with ThreadPoolExecutor(1) as threads:
            pid = threads.submit(pool.submit, os.getpid).result().result()
        assert pid != os.getpid()

    @pytest.mark.parametrize("executor", EXECUTORS, indirect=True)
    def test_closed(self, night, tmp_path, executor, undisturbed):
        jobs = [job for k in range(9) for job in pairs(night, tmp_path / str(k))]
        records = batch.run(jobs, executor=executor)
        assert next(records).status == "done"
        records.close()
        if executor is not None and hasattr(executor, "_client"):
            wait_for(lambda: not list(tmp_path.glob("*/.*")))  # left to themselves
        found = list(tmp_path.glob("*/*"))
        assert 0 < len(found) < len(undisturbed) * 9
        for path in found:
            assert path.read_bytes() == undisturbed[path.name]

    @pytest.mark.parametrize("executor", ["threads", "processes"], indirect=True)
    def test_what_ends_later_is_told(self, night, tmp_path, executor):
        """All that is there afterwards has been told of."""
        jobs = [job for k in range(9) for job in pairs(night, tmp_path / str(k))]
        told = []
        records = batch.run(
            jobs, executor=executor, progress=lambda *now: told.append(now)
        )
        next(records)
        records.close()
        outputs = {out for record, _, _ in told for out in record.job.outputs}
        assert outputs == set(map(str, tmp_path.glob("*/*")))
        assert [k for _, k, _ in told] == list(range(1, len(told) + 1))
        assert 1 < len(told) < len(jobs)

    def test_who_dies_while_nobody_asks_is_not_told(self, night, tmp_path):
        told = []
        records = batch.run(
            pairs(night, tmp_path),
            executor=Dying(2),
            progress=lambda record, *_: told.append(record.job),
        )
        first = next(records)
        records.close()
        assert told == [first.job]

    def test_what_was_left_of_others_stays(self, night, tmp_path):
        (job,) = pairs(night, tmp_path, 1)
        ours = tmp_path / f".0a.fits.{'0f' * 16}"
        others = [
            tmp_path / f".other.fits.{'0f' * 16}",
            tmp_path / ".0a.fits.swp",
            tmp_path / f"0a.fits.{'0f' * 16}",
        ]
        for path in (ours, *others):
            path.touch()
        batch.run([job])
        assert not ours.exists()
        assert all(path.exists() for path in others)


def alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_for(condition):
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail("this does not come true")


class TestSummary:
    @pytest.fixture
    def log(self, night, tmp_path):
        jobs = [*pairs(night, tmp_path, 1), *spoilt(night, tmp_path)[1:2]]
        return batch.summary(run(jobs)), jobs

    def test_a_row_for_each_exposure(self, log):
        log, jobs = log
        assert list(log["status"]) == ["done", "done", "failed"]
        assert list(log["input"]) == [*jobs[0].inputs, *jobs[1].inputs]
        assert list(log["method"]) == ["pair", "pair", "median"]
        assert list(log["n_pixels"].mask) == [False, False, True]
        assert log["n_cosmicrays"][:2].min() > 0
        assert re.search("not a complete FITS file", log["message"][2])

    def test_a_file(self, log, tmp_path):
        log, _ = log
        log.write(tmp_path / "ccdcr-log.ecsv")
        back = QTable.read(tmp_path / "ccdcr-log.ecsv")
        assert back.colnames == log.colnames
        assert back["rate"].unit == "1 / (cm2 min)"
        assert (back["seconds"] > 0).all()
        assert list(back["status"]) == list(log["status"])

    def test_of_nothing(self):
        assert len(batch.summary([])) == 0
