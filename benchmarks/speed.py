# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
What the cleaners cost, as ratios to an anchor that is timed in the same run.

Every row is timed in turn with its anchor, by the CPU clock of this process and its
threads; the median of the ratios is printed. Peak memory is the high-water mark of
numpy's allocations (tracemalloc), less what is returned, in images of float32. Run it
with OMP_NUM_THREADS=1:

    python benchmarks/speed.py [--size 2048] [--repeat 5]
"""

import argparse
import subprocess
import sys
import time
import tracemalloc
import warnings

import numpy as np
from astropy.nddata import CCDData, StdDevUncertainty
from scipy import ndimage

import ccdcr
from ccdcr.pixels.median_network import box_median


def exposure(size, n_hits, seed):
    """Sky of 300 electrons, read noise 5, hits of three pixels."""
    rng = np.random.default_rng(seed)
    data = rng.normal(300, 18, (size, size)).astype(np.float32)
    y, x = rng.integers(0, size - 3, (2, n_hits))
    for step in range(3):
        data[y, x + step] += rng.uniform(500, 5000, n_hits).astype(np.float32)
    return CCDData(
        data,
        unit="electron",
        mask=rng.random(data.shape) < 0.001,
        uncertainty=StdDevUncertainty(np.full(data.shape, 18, np.float32)),
    )


def ratio(work, anchor, repeat):
    """Median over interleaved runs of the CPU time of work over that of anchor."""
    work(), anchor()
    ratios, times = [], []
    for _ in range(repeat):
        started = time.process_time()
        work()
        between = time.process_time()
        anchor()
        ratios.append((between - started) / (time.process_time() - between))
        times.append(between - started)
    return np.median(ratios), np.median(times)


def peak(work, size):
    """High-water mark of memory in float32 images, less what is returned."""
    tracemalloc.start()
    result = work()
    now, high = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del result
    return (high - now) / (4 * size**2)


def import_ratio(repeat):
    """Import of ccdcr over that of astropy.nddata, in new processes."""

    def run(module):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", f"import {module}"], check=True)
        return time.perf_counter() - started

    run("astropy.nddata"), run("ccdcr")
    return np.median([run("ccdcr") / run("astropy.nddata") for _ in range(repeat)])


def rows(size):
    """Name of a row, the work, the anchor and its name."""
    import astroscrappy

    first, second = exposure(size, 2000, 1), exposure(size, 2000, 2)
    few = exposure(size, 20, 1), exposure(size, 20, 2)
    variance = np.full(first.data.shape, 324, np.float32)
    cleaned = ccdcr.cosmicray_pair(first, second)[0]

    def floor():
        first.copy(), second.copy(), first.data - second.data

    def classic(*pair):
        return ccdcr.cosmicray_pair(*pair or (first, second), method="classic")

    def matched(*pair):
        return ccdcr.cosmicray_pair(*pair or (first, second))

    def scrappy():
        return astroscrappy.detect_cosmics(
            first.data, inmask=first.mask, invar=variance, gain=1.0
        )

    def scipy_median():
        return ndimage.median_filter(first.data, (9, 3))

    yield "pair, classic", classic, floor, "copy() of both + subtraction"
    yield (
        "pair, classic, 2000 hits",
        classic,
        lambda: classic(*few),
        "the same with 20 hits",
    )
    yield "pair, matched", matched, scrappy, "astroscrappy on one of the frames"
    yield (
        "pair, matched, 2000 hits",
        matched,
        lambda: matched(*few),
        "the same with 20 hits",
    )
    yield (
        "median filter (9, 3)",
        lambda: box_median(first.data, (9, 3)),
        scipy_median,
        "scipy.ndimage.median_filter",
    )
    yield (
        "median, classic, (9, 3)",
        lambda: ccdcr.cosmicray_median(first, size=(9, 3), method="classic"),
        scipy_median,
        "scipy.ndimage.median_filter",
    )
    yield (
        "median, matched",
        lambda: ccdcr.cosmicray_median(first),
        scrappy,
        "astroscrappy",
    )
    yield (
        "lacosmic",
        lambda: ccdcr.cosmicray_lacosmic(first),
        scrappy,
        "astroscrappy, same mask and variance",
    )
    yield (
        "lacosmic, grown",
        lambda: ccdcr.cosmicray_lacosmic(first, grow=2),
        scrappy,
        "astroscrappy, same mask and variance",
    )
    yield (
        "report, table",
        lambda: ccdcr.cosmicray_report(cleaned, first).table,
        lambda: catalog(cleaned, first),
        "photutils SourceCatalog, the same columns",
    )


def catalog(after, before):
    """Table of the same columns by photutils."""
    from photutils.segmentation import SourceCatalog, detect_sources

    mask = after.mask & ~before.mask
    labels = detect_sources(mask.astype(np.float32), 0.5, 1)
    columns = ["label", "area", "xcentroid", "ycentroid", "segment_flux"]
    columns += ["bbox_xmin", "bbox_xmax", "bbox_ymin", "bbox_ymax"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old names of columns
        return SourceCatalog(before.data - after.data, labels).to_table(columns)


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--size", type=int, default=2048, help="pixels on a side")
    parser.add_argument("--repeat", type=int, default=5, help="runs of each row")
    options = parser.parse_args()
    print(f"{options.size} x {options.size} float32, mask and uncertainty, 2000 hits")
    print(f"{'what':26}{'CPU s':>7}{'ratio':>7}{'peak':>7}  to")
    for name, work, anchor, anchor_name in rows(options.size):
        times, seconds = ratio(work, anchor, options.repeat)
        memory = peak(work, options.size)
        print(f"{name:26}{seconds:7.2f}{times:7.2f}{memory:7.1f}  {anchor_name}")
    times = import_ratio(options.repeat)
    print(f"{'import ccdcr':26}{'':7}{times:7.2f}{'':7}  import astropy.nddata")


if __name__ == "__main__":
    main()
