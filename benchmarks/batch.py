# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Measure what a night costs: alone, with threads, processes and Dask.

``python benchmarks/batch.py`` prints a table. Times are those of the clock on the wall,
so that they mean something only where nothing else runs; CPU times are better.
"""

import argparse
import os
import resource
import shutil
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from astropy.nddata import CCDData

import ccdcr
from ccdcr import batch, files, simulate

_DISTINCT = 6  # pairs that are simulated; the others are copies


def make_night(folder, n, size):
    """Write pairs of exposures with uncertainty and mask, in float32."""
    folder.mkdir()
    pairs = []
    for k in range(n):
        paths = [folder / f"{k:03}{name}.fits" for name in "ab"]
        if k < _DISTINCT:
            scene = simulate.imaging_scene(rng=k, shape=(size, size))
            for ccd, path in zip(scene.exposures, paths, strict=True):
                ccd.data = ccd.data.astype("f4")
                ccd.uncertainty.array = ccd.uncertainty.array.astype("f4")
                ccd.write(path)
        else:
            for path, name in zip(paths, "ab", strict=True):
                shutil.copy(folder / f"{k % _DISTINCT:03}{name}.fits", path)
        pairs.append(paths)
    return pairs


def jobs_of(pairs, out):
    return [
        batch.Job("pair", paths, [out / path.name for path in paths]) for paths in pairs
    ]


def wall(work):
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def read_and_write(pairs, out):
    for path in (path for paths in pairs for path in paths):
        CCDData.read(path, memmap=False).write(out / path.name)


def plain_loop(pairs, out):
    for paths in pairs:
        files.clean_pair(*paths, *(out / path.name for path in paths))


def run(jobs, executor=None):
    records = list(batch.run(jobs, executor=executor))
    assert all(record.status == "done" for record in records)


def usage(_=None):
    """Of this process so far: its number, CPU seconds, highest memory in MB."""
    time.sleep(0.1)  # such that each worker is asked
    spent = resource.getrusage(resource.RUSAGE_SELF)
    highest = spent.ru_maxrss
    status = Path("/proc/self/status")
    if status.exists():  # the other one has that of the parent in it
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        highest = int(lines["VmHWM"].split()[0])
    return os.getpid(), (spent.ru_utime + spent.ru_stime, highest / 1024)


def imported(_=None):
    """Be a worker that has begun."""
    import ccdcr._work

    time.sleep(0.5)
    return ccdcr.__version__


def timed(work, folder, *arguments):
    """Seconds of something that writes to a folder, which is removed."""
    folder.mkdir()
    os.sync()
    seconds = wall(lambda: work(*arguments))
    shutil.rmtree(folder)
    return seconds


def overhead(pairs, folder, repeat):
    """Ratio of a run to a plain loop, in turn, by the CPU clock."""
    ratios = []
    out = folder / "overhead"
    for k in range(repeat):
        works = [
            lambda: plain_loop(pairs, out),
            lambda: run(jobs_of(pairs, out)),
        ]
        spent = [0.0, 0.0]
        for which in (0, 1) if k % 2 else (1, 0):
            out.mkdir()
            started = time.process_time()
            works[which]()
            spent[which] = time.process_time() - started
            shutil.rmtree(out)
        ratios.append(spent[1] / spent[0])
    return ratios


def empty_jobs(executor, n):
    """Milliseconds for a job that has nothing to do."""
    jobs = [batch.Job("median", ["none.fits"], [f"{k}.fits"]) for k in range(n)]
    return 1000 * wall(lambda: list(batch.run(jobs, executor=executor))) / n


def say(name, value, unit, note=""):
    print(f"{name:44} {value:9.2f} {unit:14} {note}", flush=True)


def row(name, seconds, n, base, one=None):
    note = f"{base[0]}: {seconds / base[1]:.2f} x"
    if one is not None:
        note += f"; one after the other: {one / seconds:.2f} x as fast"
    say(name, seconds, "s", f"{seconds / n:.3f} s a pair; {note}")


def executors(wanted):
    """Each kind with two workers that have begun, and how to ask for their memory."""
    yield "2 threads", ThreadPoolExecutor(2), lambda: dict([usage()])
    pool = batch.process_pool(2)
    list(pool.map(imported, range(2)))
    yield "2 processes", pool, lambda: dict(pool.map(usage, range(8)))
    if not wanted:
        return
    from dask.distributed import Client, LocalCluster

    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
    with LocalCluster(**options) as cluster, Client(cluster) as client:
        client.run(imported)
        ask = lambda: dict(client.run(usage).values())  # noqa: E731
        yield "Dask, 2 workers", client.get_executor(), ask


def measure(folder, arguments):
    n, size = arguments.pairs, arguments.size
    print(f"ccdcr {ccdcr.__version__}, Python {sys.version.split()[0]}, ", end="")
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    print(f"{n} pairs of {size} x {size}, float32, with uncertainty and mask\n")
    pairs = make_night(folder / "night", n, size)
    files.clean_pair(*pairs[0], folder / "a.fits", folder / "b.fits")  # to warm up
    out = folder / "out"
    alone = timed(read_and_write, out, pairs, out)
    base = "reading and writing alone", alone
    row("reading and writing alone (CCDData)", alone, n, base)
    row("a loop of files.clean_pair", timed(plain_loop, out, pairs, out), n, base)
    before = usage()[1][0]
    one = timed(run, out, jobs_of(pairs, out))
    row("run, no executor", one, n, base, one)
    spent, memory = usage()[1]
    say("  CPU time", (spent - before) / n, "s a pair")
    say("  highest memory", memory, "MB")
    say("  an empty job", empty_jobs(None, 2000), "ms")
    for name, executor, ask in executors(arguments.dask):
        before = ask()
        seconds = timed(run, out, jobs_of(pairs, out), executor)
        row(f"run, {name}", seconds, n, base, one)
        after = ask()
        spent = sum(after[pid][0] - before.get(pid, (0, 0))[0] for pid in after)
        say("  CPU time", spent / n, "s a pair")
        say("  highest memory of a worker", max(now[1] for now in after.values()), "MB")
        say("  an empty job", empty_jobs(executor, 2000), "ms")
        executor.shutdown()
    shutil.rmtree(folder / "night")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--repeat", type=int, default=9)
    parser.add_argument("--no-dask", dest="dask", action="store_false")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measure(folder, arguments)
        few = make_night(folder / "few", 4, arguments.size)
        ratios = overhead(few, folder, arguments.repeat)
        middle = statistics.median(ratios)
        note = f"of the CPU time of a loop; {min(ratios):.3f} to {max(ratios):.3f}"
        print()
        say("run over a plain loop", middle, "x", note)
        jobs = jobs_of(few, folder / "again")
        run(jobs)
        skipping = wall(lambda: list(batch.run(jobs))) / len(jobs)
        say("a pair that is skipped", 1000 * skipping, "ms")
        paths = [path for paths in few for path in paths]
        say("planning, for a frame", 1000 * wall(lambda: batch.plan(paths)) / 8, "ms")


if __name__ == "__main__":
    main()
