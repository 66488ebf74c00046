# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The figures of a report: thumbnails, and how many of which size there are."""

import numpy as np
from astropy.visualization import AsinhStretch, ImageNormalize

from ccdcr._panels import BLUE, GREY, KINDS, RED, new_figure, outline, show
from ccdcr.pixels.difference import middle_and_sigma

__all__ = ["chosen_rows", "draw_distribution", "draw_thumbnails"]

_MOST_ROWS = 8  # of detections that nobody has chosen
_LONG = 1.5  # length over width of what has a direction
_MARGIN, _LEAST = 5, 21  # pixels around a detection, and across a thumbnail


def chosen_rows(report, labels):
    """
    Find rows of the table.

    Parameters
    ----------
    report : `~ccdcr.CosmicRayReport`
        The report.
    labels : sequence of int or None
        Their labels; None is the largest cosmic rays, or the largest suspects where
        there is nothing else.

    Returns
    -------
    rows : 1D int `~numpy.ndarray`
        Indices, in the order of the labels, or by falling size.
    """
    if labels is not None:
        return _rows_of(report, labels)
    n = report.n_cosmicrays
    size = np.asarray(report.table["n_pixels"])
    size = size[:n] if n else size
    return np.argsort(-size, kind="stable")[:_MOST_ROWS]


def _rows_of(report, labels):
    known = np.asarray(report.table["label"])
    msg = f"labels must be labels of the report's table, got {labels!r}"
    try:
        wanted = np.atleast_1d(np.asarray(labels))
    except ValueError:  # lists of different lengths
        raise TypeError(msg) from None
    if wanted.size == 0:
        return np.zeros(0, dtype=int)
    if wanted.ndim != 1 or wanted.dtype.kind not in "iu":
        raise TypeError(msg)
    unknown = wanted[~np.isin(wanted, known)]
    if unknown.size:
        msg = (
            f"labels must be labels of the report's table, 1 to {known.size}, "
            f"got {unknown[0]}"
        )
        raise ValueError(msg)
    return np.searchsorted(known, wanted)


def draw_thumbnails(report, rows, images, size, columns):
    """
    Draw what is around some detections, in several images.

    Parameters
    ----------
    report : `~ccdcr.CosmicRayReport`
        The report.
    rows : 1D int `~numpy.ndarray`
        Indices of rows of its table.
    images : dict of 2D `~numpy.ndarray`
        The images, by their names.
    size : int or None
        Pixels across a thumbnail; None is what each detection needs.
    columns : int
        Detections beside each other.

    Returns
    -------
    figure : `matplotlib.figure.Figure`
        The figure.
    """
    if rows.size == 0:
        figure = new_figure(4, 1)
        figure.text(0.5, 0.5, "no detections", ha="center", va="center")
        return figure
    columns = min(columns, rows.size)
    height = -(-rows.size // columns)
    figure = new_figure(columns * (1.25 + 1.7 * len(images)), 1.75 * height + 0.4)
    grid = figure.subplots(
        height,
        columns * (1 + len(images)),
        squeeze=False,
        width_ratios=columns * [0.65, *len(images) * [1]],
    )
    for axis in grid.ravel():
        axis.set_axis_off()
    blocks = grid.reshape(height * columns, 1 + len(images))
    windows = [_window(report.table[row], size) for row in rows]
    for k, (name, image) in enumerate(images.items(), 1):
        cuts = [_cut(image, window) for window in windows]
        marks = [_cut(report.mask, window) == 1 for window in windows]
        look = _common_look(cuts, marks, image.dtype == bool)
        for block, cut, window in zip(blocks, cuts, windows, strict=False):
            _thumbnail(block[k], cut, window, look)
        for axis in grid[0, k :: 1 + len(images)]:
            axis.set_title(name, fontsize="medium")
    labels = report.segmentation.data
    for block, row, window in zip(blocks, rows, windows, strict=False):
        own = _cut(labels, window) == report.table["label"][row]
        for axis in block[1:]:
            origin = window[0].start, window[1].start
            outline(axis, own, origin, colors=RED, linewidths=0.9)
        text = _describe(report.table[row], window[0].stop - window[0].start)
        block[0].text(1, 0.5, text, ha="right", va="center", fontsize="small")
        block[0].set_xlim(0, 1)
    return figure


def _window(row, size):
    """A square around the middle of a detection; it may reach out of the frame."""
    ends = [(int(row[f"bbox_{axis}min"]), int(row[f"bbox_{axis}max"])) for axis in "yx"]
    if size is None:
        longest = max(last - first + 1 for first, last in ends)
        size = max(_LEAST, longest + 2 * _MARGIN)
    starts = [(first + last + 1) // 2 - size // 2 for first, last in ends]
    return tuple(slice(start, start + size) for start in starts)


def _cut(image, window):
    """What is in a window; NaN outside the image."""
    cut = np.full([part.stop - part.start for part in window], np.nan)
    inside = tuple(
        slice(max(part.start, 0), min(part.stop, length))
        for part, length in zip(window, image.shape, strict=True)
    )
    there = tuple(
        slice(part.start - whole.start, part.stop - whole.start)
        for part, whole in zip(inside, window, strict=True)
    )
    cut[there] = image[inside]
    return cut


def _common_look(cuts, marks, boolean):
    """One scale: noise is light, and the brighter half of what was found is black."""
    if boolean:
        return {"vmin": 0, "vmax": 1}
    good = [cut[np.isfinite(cut)] for cut in cuts]
    level, sigma = middle_and_sigma(np.concatenate(good))
    hits = np.concatenate(
        [cut[mark & np.isfinite(cut)] for cut, mark in zip(cuts, marks, strict=True)]
    )
    level, sigma = np.nan_to_num([level, sigma])
    high = max(level + 20 * sigma, np.median(hits) if hits.size else 0)
    low = level - 4 * sigma
    high = high if high > low else low + 1
    norm = ImageNormalize(vmin=low, vmax=high, stretch=AsinhStretch(0.2), clip=False)
    return {"norm": norm}


def _thumbnail(axis, cut, window, look):
    axis.set_axis_on()
    axis.set(xticks=[], yticks=[], facecolor="0.9")
    axis.patch.set(hatch="////", edgecolor="0.7")  # seen where there is no image
    show(axis, cut, origin=(window[0].start, window[1].start), **look)


def _describe(row, across):
    """What the table says of a detection, in a few lines."""
    n = row["n_pixels"]
    lines = [f"label {row['label']}", f"{n} pixel{'' if n == 1 else 's'}"]
    if "kind" in row.colnames and str(row["kind"]):
        lines.append(str(row["kind"]))
    if row["suspect"]:
        lines.append(f"{row['suspect']}?")
    lines.append(f"x {row['x_centroid']:.0f}, y {row['y_centroid']:.0f}")
    return "\n".join([*lines, f"{across} across"])


def draw_distribution(report):
    """
    Draw the number of cosmic rays against size, charge and angle.

    Parameters
    ----------
    report : `~ccdcr.CosmicRayReport`
        The report.

    Returns
    -------
    figure : `matplotlib.figure.Figure`
        The figure.
    """
    table = report.table[: report.n_cosmicrays]
    size = np.asarray(table["n_pixels"], dtype=float)
    charge = np.asarray(table["charge"].value, dtype=float)
    panels = [
        ("size", size, _size_edges(size), "pixels", "log"),
        ("charge", charge, _charge_edges(charge), str(table["charge"].unit), "log"),
    ]
    if "angle" in table.colnames:
        angle = _directions(table)
        edges = np.arange(0, 181, 15)
        panels.append(("angle", angle, edges, "degrees from +x to +y", "linear"))
    kinds = {"": np.ones(len(table), dtype=bool)}
    if "kind" in table.colnames:
        names = np.asarray(table["kind"]).astype(str)
        kinds = {name: names == name for name in dict.fromkeys([*KINDS, *names])}
        kinds = {name: own for name, own in kinds.items() if own.any()}
    figure = new_figure(3.8 * len(panels), 3.2)
    axes = figure.subplots(1, len(panels))
    for axis, (name, values, edges, unit, scale) in zip(axes, panels, strict=True):
        axis.set_label(name)
        _bars(axis, values, edges, kinds)
        axis.set_xscale(scale)
        axis.xaxis.set_major_formatter("{x:g}")
        axis.set_xlim(edges[0], edges[-1])
        axis.set(xlabel=f"{name} ({unit})", ylabel="cosmic rays")
        axis.yaxis.get_major_locator().set_params(integer=True)
        missing = values.size - np.count_nonzero(_within(values, edges))
        if missing:
            axis.set_title(f"{missing} without {name}", fontsize="medium")
    if "angle" in table.colnames:
        axes[-1].set_xticks(np.arange(0, 181, 45))
    if len(kinds) > 1 or "" not in kinds:
        handles, _ = axes[0].get_legend_handles_labels()
        figure.legend(
            handles=handles, loc="outside lower center", ncols=4, frameon=False
        )
    return figure


def _directions(table):
    """Angles of what has a direction: the others have one that means nothing."""
    angle = _plain(table["angle"])
    if {"length", "width"} <= set(table.colnames):
        length, width = (_plain(table[name]) for name in ("length", "width"))
        angle[~(length >= _LONG * width)] = np.nan
    return angle


def _plain(column):
    """Numbers of a column that may have a unit or a mask."""
    hidden = np.broadcast_to(getattr(column, "mask", False), len(column))
    values = getattr(column, "unmasked", column)  # as astropy's masked quantities say
    values = np.ma.getdata(getattr(values, "value", values)).astype(float)
    return np.where(hidden, np.nan, values)


def _within(values, edges):
    return (values >= edges[0]) & (values <= edges[-1])


def _bars(axis, values, edges, kinds):
    """Kinds on top of each other, with hatches for those who see no colours."""
    base = np.zeros(len(edges) - 1)
    hatches = dict(zip(KINDS, ("", "///", "...", "xxx"), strict=True))
    for name, own in kinds.items():
        counts, _ = np.histogram(values[own & _within(values, edges)], edges)
        axis.stairs(
            base + counts,
            edges,
            baseline=base,
            fill=True,
            facecolor=KINDS.get(name, GREY if name else BLUE),
            edgecolor="white",
            hatch=hatches.get(name, ""),
            label=name,
        )
        base = base + counts
    axis.stairs(base, edges, color="black", lw=0.8)
    axis.set_ylim(0, 1.08 * max(1, base.max(initial=0)))


def _size_edges(size):
    """Whole numbers of pixels: one by one, then in equal steps of the logarithm."""
    first, last = (size.min(), size.max()) if size.size else (1, 1)
    ends = np.unique(np.round(np.geomspace(first, max(last, first + 3) + 1, 18)))
    return ends - 0.5


def _charge_edges(charge):
    """Over all that is positive, five to a factor of ten and not fewer than five."""
    good = charge[np.isfinite(charge) & (charge > 0)]
    if good.size == 0:
        return np.geomspace(1, 10, 6)
    low, high = 0.99 * good.min(), 1.01 * good.max()
    n = max(5, round(6 * np.log10(high / low)))
    return np.geomspace(low, high, n + 1)
