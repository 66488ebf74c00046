# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The figures, from arrays and reports that were checked."""

import numpy as np

from ccdcr._panels import (
    BLUE,
    GREY,
    ORANGE,
    RED,
    all_of,
    new_figure,
    outline,
    panel_axes,
    scale_of,
    show,
    show_mask,
)
from ccdcr.pixels.noise import quantisation_step

__all__ = ["draw_cleaning", "draw_difference"]

_MOST_CIRCLES, _MOST_CROSSES = 300, 3000


def draw_cleaning(report, frames, limits, marks, wcs):
    """
    Draw a frame before and after, and the cosmic rays in between.

    Parameters
    ----------
    report : `~ccdcr.CosmicRayReport`
        What was found.
    frames : tuple of `~astropy.nddata.CCDData`
        Before and after.
    limits : tuple of slice or None
        Rows and columns to be seen; None is all.
    marks : dict of 2D bool `~numpy.ndarray`
        Regions to outline: 'region' and 'exclude'.
    wcs : object
        World coordinates, or None.

    Returns
    -------
    figure : `matplotlib.figure.Figure`
        The figure.
    """
    before, after = frames
    part = all_of(report.mask.shape) if limits is None else limits
    rows, columns = (piece.stop - piece.start for piece in part)
    stacked = columns > 2 * rows
    # what the colour bar and the labels leave, and room for titles
    height = np.clip((8.6 if stacked else 10 / 3) * rows / columns, 1, 6)
    figure = (
        new_figure(10, 3 * (height + 0.35) + 0.7)
        if stacked
        else new_figure(11, height + 0.9)
    )
    axes = panel_axes(figure, 3, stacked=stacked, wcs=wcs)
    masked = np.zeros(report.mask.shape, bool)
    if before.mask is not None:
        masked |= before.mask
    scale = scale_of(np.where(masked, np.nan, after.data)[part])
    for axis, ccd, name in ((axes[0], before, "before"), (axes[2], after, "after")):
        image = show(axis, np.asarray(ccd.data), part, norm=scale)
        axis.set_title(name, fontsize="medium")
    show_mask(axes[1], np.maximum(report.mask, 0.25 * masked), part)
    axes[1].set_title(_count(report, part, limits), fontsize="medium")
    _circle(axes[:2], report, part)
    lines = _mark(axes, marks)
    if lines:
        place = "outside lower center"
        figure.legend(handles=lines, loc=place, ncols=2, frameon=False)
    figure.colorbar(
        image,
        ax=list(axes),
        label=str(after.unit),
        shrink=0.9,
        pad=0.02,
        aspect=60 if stacked else 20,
    )
    return figure


def _count(report, part, limits):
    if limits is None:
        return str(report).splitlines()[0].partition(";")[0]
    n = np.count_nonzero(report.mask[part])
    return f"{n} of {report.mask[part].size} pixels"


def _circle(axes, report, part):
    """Circles that are easier to see than a single pixel."""
    n = report.n_cosmicrays
    y, x = (report.table[name][:n] for name in ("y_centroid", "x_centroid"))
    inside = np.ones(n, bool)
    for where, piece in zip((y, x), part, strict=True):
        inside &= (where > piece.start - 0.5) & (where < piece.stop - 0.5)
    if np.count_nonzero(inside) > _MOST_CIRCLES:
        return
    for axis in axes:
        axis.scatter(
            x[inside], y[inside], s=140, facecolors="none", edgecolors=RED, lw=0.8
        )


def _mark(axes, marks):
    """Outline where cleaning was allowed, and where not."""
    looks = {
        "region": ("cleaned here", {"colors": BLUE, "linestyles": "solid"}),
        "exclude": ("excluded", {"colors": ORANGE, "linestyles": "dashed"}),
    }
    lines = []
    for name, mask in marks.items():
        label, look = looks[name]
        for axis in axes:
            line = outline(axis, mask, label=label, linewidths=1.6, **look)
        lines.append(line)
    return lines


def draw_difference(seen, images, origins, sigmas, limits, marks, words):
    """
    Draw a difference, its histogram, and the steps from it to cosmic rays.

    Parameters
    ----------
    seen : ~ccdcr._stages.Stages
        The numbers.
    images : dict of 2D `~numpy.ndarray`
        The frames, by the sign of their cosmic rays in the difference.
    origins : dict of tuple of int
        Row and column of each frame at which the difference begins.
    sigmas : tuple of float
        Thresholds of peaks and of tails.
    limits : tuple of slice or None
        Rows and columns of the first frame to be seen; None is all.
    marks : dict of 2D bool `~numpy.ndarray`
        Regions of the first frame to outline: 'region' and 'exclude'.
    words : dict of str
        'unit', and what the difference is: 'difference'.

    Returns
    -------
    figure : `matplotlib.figure.Figure`
        The figure.
    """
    part = all_of(images[1].shape) if limits is None else limits
    rows, columns = (piece.stop - piece.start for piece in part)
    figure, axes = _difference_panels(list(images), columns / rows)
    _difference(figure, axes["difference"], seen, part, origins[1], sigmas, words)
    draw_histogram(axes["histogram"], seen, sigmas, words["unit"])
    lines = _mark([axes["difference"], axes["frame 1"]], marks)
    if lines:
        axes["difference"].legend(handles=lines, fontsize="small")
    lit = np.any([found.flagged for found in seen.found.values()], axis=0)
    for sign, image in images.items():
        shift = np.subtract(origins[sign], origins[1])
        there = tuple(
            slice(piece.start + step, piece.stop + step)
            for piece, step in zip(part, shift, strict=True)
        )
        word = {1: "first: ", -1: "second: "}[sign] if len(images) > 1 else ""
        found = seen.found[sign]
        flagged = found.flagged
        good = np.full(image.shape, np.nan)
        inner = all_of(flagged.shape, origins[sign])
        good[inner] = np.where(seen.usable & ~lit, image[inner], np.nan)
        axis = axes[f"frame {sign}"]
        show(axis, image, there, norm=scale_of(good[_inside(there, image.shape)]))
        y, x = np.nonzero(flagged) + np.array(origins[sign])[:, None]
        crosses = {"marker": "+", "markersize": 4, "markeredgewidth": 0.6}
        dots = {"marker": ".", "markersize": 1, "rasterized": True}
        look = crosses if y.size <= _MOST_CROSSES else dots
        axis.plot(x, y, ls="none", color=RED, **look)
        n = np.count_nonzero(flagged)
        axis.set_title(f"{word}{n} pixels flagged", fontsize="medium")
        peaks, tails = found.n_peaks, found.n_tails
        for stage, mask, color, title in (
            ("peak", seen.peak[sign], RED, f"{peaks} peaks above {sigmas[0]:g} sigma"),
            ("tail", seen.tail[sign], BLUE, f"{tails} tails above {sigmas[1]:g} sigma"),
            ("kept", flagged, "black", "tails that hold a peak"),
        ):
            axis = axes[f"{stage} {sign}"]
            show_mask(axis, mask, there, origins[sign], color)
            axis.set_title(f"{word}{title}", fontsize="medium")
    return figure


def _inside(limits, shape):
    """Limits as slices that do not count from the end."""
    return tuple(
        slice(max(piece.start, 0), min(max(piece.stop, 0), length))
        for piece, length in zip(limits, shape, strict=True)
    )


def _difference_panels(signs, aspect):
    """Panels: steps beside each other, or on top of each other if they are wide."""
    steps = ("frame", "peak", "tail", "kept")
    wide = aspect > 2
    if not wide:
        names = [[f"{step} {sign}" for step in steps] for sign in signs]
    elif len(signs) > 1:
        names = [[f"{step} {sign}" for sign in signs] for step in steps]
    else:
        names = [["frame 1", "peak 1"], ["tail 1", "kept 1"]]
    width = 12
    height = np.clip(width / len(names[0]) / aspect, 1, 5)
    upper = max(2.8, width / 3 / aspect)
    lower = len(names) * (height + 0.45) + 0.5
    figure = new_figure(width, upper + 0.8 + lower)
    above, below = figure.subfigures(2, 1, height_ratios=[upper + 0.8, lower])
    ratios = [1, 1] if wide else [2, 3]
    axes = dict(
        zip(
            ("difference", "histogram"),
            above.subplots(1, 2, width_ratios=ratios),
            strict=True,
        )
    )
    grid = below.subplots(len(names), len(names[0]), squeeze=False)
    for i, row in enumerate(names):
        for j, name in enumerate(row):
            axis = axes[name] = grid[i, j]
            axis.tick_params(
                labelbottom=not wide or i == len(names) - 1, labelleft=wide or j == 0
            )
            axis.set(
                xlabel="x (pixel)" if i == len(names) - 1 else "",
                ylabel="y (pixel)" if j == 0 else "",
            )
    for name, axis in axes.items():
        axis.set_label(name)
    axes["difference"].set(xlabel="x (pixel)", ylabel="y (pixel)")
    return figure, axes


def _difference(figure, axis, seen, part, origin, sigmas, words):
    """From minus to plus the threshold of peaks."""
    reach = sigmas[0] * seen.sigma
    reach = reach if reach > 0 else 1.0  # also if it is not a number
    level = np.nan_to_num(seen.level)
    shown = np.where(seen.usable, seen.difference, np.nan)
    ends = {"vmin": level - reach, "vmax": level + reach}
    image = show(axis, shown, part, origin, cmap="RdBu_r", **ends)
    axis.set_title(words["difference"], fontsize="medium")
    figure.colorbar(image, ax=axis, label=words["unit"], shrink=0.9, extend="both")


def draw_histogram(axis, seen, sigmas, unit):
    """
    Draw the histogram of a difference with its robust Gaussian and thresholds.

    Parameters
    ----------
    axis : `matplotlib.axes.Axes`
        Where to draw.
    seen : ~ccdcr._stages.Stages
        The numbers.
    sigmas : tuple of float
        Thresholds of peaks and of tails.
    unit : str
        Unit of the difference.
    """
    values = seen.difference[seen.usable].astype(float)
    level, sigma = np.nan_to_num(seen.level), np.nan_to_num(seen.sigma)
    reach = 2 * sigmas[0] * sigma if sigma > 0 else 1.0
    width = sigma / 4 if sigma > 0 else 0.1
    step = quantisation_step(seen.difference, seen.usable)
    if step > 0:  # bins that hold different numbers of steps would look like combs
        width = step * max(1, round(width / step))
    n = int(np.ceil(reach / width))
    edges = level + width * (np.arange(-n, n + 2) - 0.5)
    counts, _ = np.histogram(values, edges)
    axis.stairs(counts, edges, fill=True, color=GREY)
    beyond = values.size - counts.sum()
    if sigma > 0:
        x = np.linspace(edges[0], edges[-1], 1001)
        height = values.size * width / (np.sqrt(2 * np.pi) * sigma)
        label = f"Gaussian: {seen.level:.4g} ± {seen.sigma:.4g}"
        axis.plot(
            x, height * np.exp(-0.5 * ((x - level) / sigma) ** 2), "k", label=label
        )
    for k, name, look in (
        (0, "peak", {"color": RED, "ls": "-"}),
        (1, "tail", {"color": BLUE, "ls": "--"}),
    ):
        limits = [both[k] for both in seen.thresholds.values()]
        text = " and ".join(f"{limit:.4g}" for limit in limits)
        label = f"{name}s: {sigmas[k]:g} sigma, {text}"
        for limit in limits:
            axis.axvline(limit, label=label, **look)
            label = None  # both lines are one entry
    if counts.any():
        axis.set_yscale("log")
    axis.set_ylim(0.5, 60 * max(1, counts.max()))  # with room for the legend
    axis.set_xlim(edges[0], edges[-1])
    axis.set(xlabel=f"difference ({unit})", ylabel="pixels")
    axis.set_title(
        f"{values.size} pixels, {beyond} beyond this axis", fontsize="medium"
    )
    axis.legend(fontsize="small", loc="upper right")
