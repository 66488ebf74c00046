# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
What the cleaners cost, as ratios to an anchor that is timed in the same run.

Every row is run in turn with its anchor, by the CPU clock of this process and its
threads; the median of the ratios is printed, what it should be, and whether it is.
Memory is the high-water mark of all arrays less what is returned, in images of float32.

    OMP_NUM_THREADS=1 python benchmarks/speed.py [--only WORD] [--repeat 5]
    OMP_NUM_THREADS=1 python benchmarks/speed.py --plot docs/images/speed.png
    OMP_NUM_THREADS=1 python benchmarks/speed.py --large

The second draws cost against pixels and number of hits, the third cleans a pair of
9216 x 9216 pixels and needs some gigabytes.
"""

import argparse
import importlib.util
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy import ndimage
from timing import import_ratio, interleaved, peak, seconds
from workloads import (
    FRAMES,
    METHODS,
    bare_pair,
    catalog,
    copies,
    copy_and_subtract,
    exposure,
    lacosmic,
    median,
    pair,
    scrappy,
    shots,
    table,
    teareduce,
)

import ccdcr
from ccdcr.pixels.median_network import box_median

LINE = "{:<38}{:>9}{:>9}  {:<9}{:<7}{}"
DENSITY = 2000 / 2048**2  # hits of a pixel, where the size of frames changes
LARGE = 9216
LOOKS = {  # colours that differ in brightness, too
    "LACosmic": ("#000000", "s"),
    "matched median": ("#d55e00", "^"),
    "matched pair": ("#0072b2", "o"),
    "classic pair": ("#56b4e9", "v"),
    "data copied": ("#999999", "x"),
}


class Row(NamedTuple):
    """A line of the table."""

    name: str
    work: object
    anchor: object
    anchor_name: str
    most: float = 0.0  # times as long as the anchor
    faster: float = 0.0  # times faster than the anchor, at least
    same: bool = False  # whether the results must be equal


def rows_of_pairs():
    """Rows of both methods for two exposures."""
    classic, matched = (partial(pair, method) for method in ("classic", "matched"))
    for n_hits, bound in ((200, 25), (2000, 100)):
        work, anchor = (partial(run, 1024, n_hits) for run in (bare_pair, teareduce))
        yield Row(
            f"classic pair, 1k, {n_hits} hits", work, anchor, "teareduce", 0, bound
        )
    many, few = partial(classic, 4096, 2000), partial(classic, 4096, 20)
    copying = partial(copy_and_subtract, 4096, 2000)
    yield Row("classic pair, 4k", many, copying, "copy() of both + subtraction", 6)
    yield Row("classic pair, 4k, 2000 hits", many, few, "20 hits", 1.3)
    large, small = (partial(classic, size, hits(size)) for size in (4096, 1024))
    yield Row("classic pair, 4k, as dense", large, small, "1k", 18)
    many, few = partial(matched, 2048, 2000), partial(matched, 2048, 20)
    own = partial(scrappy, 2048, 2000)
    yield Row("matched pair, 2k", many, own, "astroscrappy on one of them", 0.3)
    yield Row("matched pair, 2k, 2000 hits", many, few, "20 hits", 1.5)
    large, small = (partial(matched, size, hits(size)) for size in (4096, 1024))
    yield Row("matched pair, 4k, as dense", large, small, "1k", 18)


def rows_of_single():
    """Rows of the methods for one exposure."""
    of_scipy = "scipy.ndimage.median_filter"
    for dtype, name, bound in (("f4", "float32", 8), ("f8", "float64", 5)):
        for box in ((9, 3), (5, 5)):
            work, anchor = (
                partial(filtered, function, box, dtype)
                for function in (box_median, ndimage.median_filter)
            )
            what = f"median filter {box}, 2k, {name}"
            yield Row(what, work, anchor, f"{of_scipy}, identical", 0, bound, True)
    work, anchor = (partial(run, 2048, 2000) for run in (lacosmic, scrappy))
    yield Row("LACosmic, 2k", work, anchor, "astroscrappy, same mask, variance", 1.1)
    yield Row("LACosmic, 2k, grow=2", partial(work, grow=2), anchor, "astroscrappy")
    work = partial(median, "matched", 2048, 2000)
    yield Row("matched median, 2k", work, anchor, "astroscrappy")
    work = partial(median, "classic", 2048, 2000)
    anchor = partial(filtered, ndimage.median_filter, (9, 3), "f4")
    yield Row("classic median (9, 3), 2k", work, anchor, of_scipy)


def rows_of_report():
    """Rows of the table of about 15 000 detections."""
    for size, name in ((2048, "2k"), (4096, "4k")):
        work = partial(table, size, 15_500)
        anchor = partial(catalog, size, 15_500, detect=True)
        what = f"report, table of 15 000, {name}"
        yield Row(what, work, anchor, "detect_sources + SourceCatalog", 0, 30)
        anchor = partial(anchor, detect=False)
        yield Row(what, work, anchor, "SourceCatalog of known labels", 0, 30)


def filtered(function, box, dtype):
    """A median filter on the data of a frame."""
    return function(exposure(2048, 2000, 1, dtype).data, box)


def hits(size):
    """Number of hits, of one density, on a frame."""
    return round(DENSITY * size**2)


def print_times(only, repeat):
    """Print how long things take."""
    print(LINE.format("time", "CPU s", "ratio", "bound", "holds", "to"))
    for row in (*rows_of_pairs(), *rows_of_single(), *rows_of_report()):
        if only not in row.name:
            continue
        if row.anchor_name == "teareduce" and not importlib.util.find_spec("teareduce"):
            print(f"{row.name}: teareduce is not installed")
            continue
        times = interleaved([row.work, row.anchor], repeat)
        if row.same and not np.array_equal(row.work(), row.anchor()):
            msg = f"{row.name} differs from {row.anchor_name}"
            raise AssertionError(msg)
        print_row(row, np.median(times[:, 0]), np.median(times[:, 0] / times[:, 1]))
    if only in "import ccdcr":
        row = Row("import ccdcr", None, None, "import astropy.nddata", 1.15)
        print_row(row, *import_ratio(repeat))


def print_row(row, time, ratio):
    """Print a line, with the ratio the way its bound is meant."""
    bound, holds = "", ""
    if row.most:
        bound, holds = f"<= {row.most:g}", "yes" if ratio <= row.most else "NO"
    if row.faster:
        ratio = 1 / ratio
        bound, holds = f">= {row.faster:g}", "yes" if ratio >= row.faster else "NO"
    name = f"{'faster than ' if row.faster else 'x '}{row.anchor_name}"
    print(LINE.format(row.name, f"{time:.4f}", f"{ratio:.2f}", bound, holds, name))


def print_memory(only, size=2048):
    """Print the peak memory of each method."""
    if not any(only in name for name in METHODS):
        return
    print("\n" + LINE.format("memory, 2k", "images", "", "bound", "holds", "").rstrip())
    own = peak(partial(scrappy, size, 2000), size)
    bounds = {"classic pair": 3, "matched pair": 8, "classic median": 3}
    bounds |= {"matched median": 6, "LACosmic": own + 3}
    for name, most in bounds.items():
        if only in name:
            images = peak(partial(METHODS[name], size, 2000), size)
            holds = "yes" if images <= most else "NO"
            note = f"astroscrappy itself {own:.1f}" if name == "LACosmic" else ""
            line = LINE.format(name, f"{images:.1f}", "", f"<= {most:.1f}", holds, note)
            print(line.rstrip())


def print_limit(only, repeat, size=2048):
    """Print how far each method is from reading and writing its frames once."""
    if not any(only in name for name in METHODS):
        return
    print("\n" + LINE.format("the physical limit, 2k", "CPU s", "ratio", "", "", "to"))
    for name, work in METHODS.items():
        if only in name:
            limit = partial(copies, *shots(size, 2000)[: FRAMES[name]])
            times = interleaved([partial(work, size, 2000), limit], repeat)
            time, ratio = np.median(times[:, 0]), np.median(times[:, 0] / times[:, 1])
            what = "x data, mask and uncertainty copied"
            print(LINE.format(name, f"{time:.4f}", f"{ratio:.1f}", "", "", what))


def print_large():
    """Print time and memory of a pair of a size that mosaic cameras have."""
    print(LINE.format(f"{LARGE} x {LARGE}", "CPU s", "images", "", "", ""))
    limit = partial(copies, *shots(LARGE, 2000))
    print(LINE.format("copied", f"{seconds(limit):.2f}", "", "", "", ""))
    for method in ("classic", "matched"):
        work = partial(pair, method, LARGE, 2000)
        time, images = seconds(work), peak(work, LARGE)
        print(LINE.format(f"{method} pair", f"{time:.2f}", f"{images:.1f}", "", "", ""))


def draw(path):
    """Draw the CPU time for each frame against its pixels and its number of hits."""
    from matplotlib.figure import Figure

    sizes, numbers = (512, 1024, 2048, 4096), (20, 200, 2000, 20_000)
    figure = Figure(figsize=(10, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for name, (colour, marker) in LOOKS.items():
        look = {"color": colour, "marker": marker, "label": name}
        look["linestyle"] = "--" if name == "data copied" else "-"
        time = [cost(name, size, hits(size)) for size in sizes]
        left.plot([size**2 / 1e6 for size in sizes], time, **look)
        right.plot(numbers, [cost(name, 2048, n) for n in numbers], **look)
    left.set_xlabel("million pixels, 477 hits in each")
    right.set_xlabel("hits on 2048 x 2048 pixels")
    left.set_ylabel("CPU seconds for each frame")
    for panel in (left, right):
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.grid(color="0.9")
    left.set_xticks([size**2 / 1e6 for size in sizes], ["0.26", "1.0", "4.2", "16.8"])
    right.set_xticks(numbers, [str(n) for n in numbers])
    for panel in (left, right):
        panel.minorticks_off()
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", frameon=False)
    figure.savefig(path, dpi=100, metadata={"Software": None})


def cost(name, size, n_hits):
    """CPU seconds of a method for each frame."""
    if name == "data copied":
        return np.median(interleaved([partial(copies, exposure(size, n_hits, 1))], 9))
    work = partial(METHODS[name], size, n_hits)
    return np.median(interleaved([work], 3)) / FRAMES[name]


def main():
    """Print the tables, or draw."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--only", default="", help="rows that have this in their names")
    parser.add_argument("--repeat", type=int, default=5, help="runs of each row")
    parser.add_argument("--plot", metavar="FILE", help="draw, and print nothing")
    parser.add_argument("--large", action="store_true", help="9k x 9k alone")
    options = parser.parse_args()
    if options.plot:
        draw(options.plot)
    elif options.large:
        print_large()
    else:
        print(f"ccdcr {ccdcr.__version__}; float32 with mask and uncertainty; ", end="")
        print("1k, 2k, 4k: 1024, 2048, 4096 pixels on a side")
        print_times(options.only, options.repeat)
        print_memory(options.only)
        print_limit(options.only, options.repeat)


if __name__ == "__main__":
    main()
