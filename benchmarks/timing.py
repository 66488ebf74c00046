# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Clock and memory for the benchmark of speed."""

import contextlib
import io
import os
import subprocess
import sys
import time
import tracemalloc

import numpy as np

__all__ = ["import_ratio", "interleaved", "peak", "seconds"]

_PATIENCE = 20.0  # CPU seconds that the runs of one row may take


def seconds(work):
    """
    Run something once.

    Parameters
    ----------
    work : callable
        What to run; what it prints is dropped.

    Returns
    -------
    time : float
        CPU seconds of this process and its threads.
    """
    with contextlib.redirect_stdout(io.StringIO()):
        started = time.process_time()
        result = work()
        spent = time.process_time() - started
    del result  # freeing memory is not counted
    return spent


def interleaved(works, repeat):
    """
    Run several things in turn, such that all see the same noise of the machine.

    Parameters
    ----------
    works : list of callable
        What to run. Once to warm up, then as often as patience allows.
    repeat : int
        Runs of each, at most.

    Returns
    -------
    times : 2D `~numpy.ndarray`
        CPU seconds, a row for each run.
    """
    warm = sum(seconds(work) for work in works)
    runs = int(np.clip(_PATIENCE / max(warm, 1e-3), 1, repeat))
    return np.array([[seconds(work) for work in works] for _ in range(runs)])


def peak(work, size):
    """
    Measure the memory that something needs beside what it returns.

    Parameters
    ----------
    work : callable
        What to run.
    size : int
        Rows, and columns, of the frames it works on.

    Returns
    -------
    images : float
        High-water mark of all arrays, less what is returned, in float32 images.
    """
    tracemalloc.start()
    result = work()
    now, high = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del result
    return (high - now) / (4 * size**2)


def import_ratio(repeat):
    """
    Compare the import of ccdcr with that of astropy.nddata, in new processes.

    Parameters
    ----------
    repeat : int
        How often.

    Returns
    -------
    time, ratio : float
        Median CPU seconds of the first, and median of the ratios.
    """

    def run(module):
        before = os.times()
        subprocess.run([sys.executable, "-c", f"import {module}"], check=True)
        after = os.times()
        return sum(after[2:4]) - sum(before[2:4])

    run("astropy.nddata"), run("ccdcr")
    times = np.array([[run("ccdcr"), run("astropy.nddata")] for _ in range(repeat)])
    return np.median(times[:, 0]), np.median(times[:, 0] / times[:, 1])
