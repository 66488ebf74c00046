# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Thousands of small jobs in one process: does it grow, does it forget, does it drift.

``python benchmarks/soak.py [jobs]`` prints figures, and ends with 1 if something is
wrong: memory or open files that grow, or a result that a fresh process does not give.
Linux only, for ``/proc``.
"""

import gc
import hashlib
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.nddata import CCDData, InverseVariance, StdDevUncertainty

import ccdcr
from ccdcr import files, review

JOBS = 2000
SAMPLES = 20  # how often memory is looked at
FRESH = 25  # jobs that are done again, each in a process of its own
GROWTH = 0.05  # of the memory after the first tenth, when caches are full


def frames_of(rng, n):
    """Frames of any small shape, dtype, mask and uncertainty."""
    shape = tuple(int(side) for side in rng.integers(5, 120, 2))
    dtype = rng.choice(["u2", "f4", ">f4", "f8"])
    noise = rng.integers(3)
    scene = rng.normal(200, 2, shape)
    frames = []
    for _ in range(n):
        data = np.abs(scene + rng.normal(0, 5, shape))
        hits = rng.integers(0, data.size, data.size // 300)
        data.ravel()[hits] += rng.exponential(800, hits.size)
        ccd = CCDData(data.astype(dtype), unit="adu")
        if noise:
            cls = (StdDevUncertainty, InverseVariance)[noise - 1]
            ccd.uncertainty = cls(np.full(shape, (5.0, 0.04)[noise - 1]))
        if rng.random() < 0.5:
            ccd.mask = rng.random(shape) < 0.02
        frames.append(ccd)
    return frames


def job(number, folder):
    """
    Do one job, which its number alone describes.

    Parameters
    ----------
    number : int
        Which one.
    folder : path-like
        For those with files.

    Returns
    -------
    digest : str
        Of all that came out.
    """
    rng = np.random.default_rng([20, number])
    kind = number % 7
    frames = frames_of(rng, (1, 2)[kind < 4] if kind != 2 else 3)
    results = {
        0: lambda: ccdcr.cosmicray_pair(*frames, shift=(1, -1)),
        1: lambda: ccdcr.cosmicray_pair(*frames, method="classic"),
        2: lambda: ccdcr.cosmicray_stack(frames),
        3: lambda: through_files(frames, Path(folder)),
        4: lambda: [ccdcr.cosmicray_median(*frames)],
        5: lambda: [ccdcr.cosmicray_lacosmic(*frames, grow=int(rng.integers(3)))],
        6: lambda: [ccdcr.cosmicray_median(*frames, dispersion_axis=1)],
    }[kind]()
    digest = hashlib.sha256()
    for after, before in zip(results, frames, strict=True):
        report = ccdcr.cosmicray_report(after, before)
        digest.update(str(report).encode())
        digest.update(repr(report.table).encode())
        for part in (after.data, after.mask, getattr(after.uncertainty, "array", None)):
            digest.update(b"" if part is None else np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()


def through_files(frames, folder):
    """Write, clean, read again, with a page for review."""
    names = [folder / f"{name}.fits" for name in "abcd"]
    for ccd, name in zip(frames, names, strict=False):
        ccd.write(name, overwrite=True)
    files.clean_pair(*names, overwrite=True)
    cleaned = [files.read(name) for name in names[2:]]
    page = folder / "page.html"
    review.write_review(cleaned[0], files.read(names[0]), page, overwrite=True)
    fits.getheader(names[2])
    return cleaned


def memory():
    """Resident bytes, of what is not waiting to be collected."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def open_files():
    return len(os.listdir("/proc/self/fd"))


def fresh(number):
    """The digest that a new process gives."""
    done = subprocess.run(
        [sys.executable, __file__, "--one", str(number)],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def one(number):
    with tempfile.TemporaryDirectory() as folder:
        return job(number, folder)


def soak(jobs):
    """Do all jobs, look at the process now and then, and compare."""
    digests, sizes, handles = [], [], []
    started = time.perf_counter()
    every = max(1, jobs // SAMPLES)
    with tempfile.TemporaryDirectory() as folder:
        for number in range(jobs):
            digests.append(job(number, folder))
            if (number + 1) % every == 0:
                sizes.append(memory())
                handles.append(open_files())
    spent = time.perf_counter() - started
    settled = sizes[max(1, len(sizes) // 10) :]
    slope = np.polyfit(np.arange(len(settled)), settled, 1)[0] / every
    growth = settled[-1] / settled[0] - 1
    chosen = np.random.default_rng(1).choice(jobs, min(FRESH, jobs), replace=False)
    differ = [int(k) for k in chosen if fresh(int(k)) != digests[k]]
    print(f"{jobs} jobs in {spent:.0f} s, {1000 * spent / jobs:.0f} ms each")
    print("memory in MB:", " ".join(f"{size / 1e6:.0f}" for size in sizes))
    print(f"  {growth:+.1%} since the first tenth, {slope:+.0f} bytes a job")
    print(f"open files: {handles[0]} to {handles[-1]}, at most {max(handles)}")
    print(f"results that a fresh process does not give: {differ} of {len(chosen)}")
    return growth > GROWTH or handles[-1] > handles[0] or bool(differ)


def main():
    warnings.simplefilter("ignore")
    if sys.argv[1:2] == ["--one"]:
        print(one(int(sys.argv[2])))
        return 0
    return int(soak(int(sys.argv[1]) if sys.argv[1:] else JOBS))


if __name__ == "__main__":
    sys.exit(main())
