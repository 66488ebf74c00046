# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Pictures; matplotlib is needed here and nowhere else."""

import numpy as np
from astropy.visualization import AsinhStretch, ImageNormalize

from ccdcr.report import cosmicray_report

_MOST_CIRCLES = 300

__all__ = ["plot_cleaning"]

__doctest_requires__ = {"plot_cleaning": ["matplotlib"]}


def plot_cleaning(after, before, *, title=None):
    """
    Draw a frame before and after cleaning, and the cosmic rays in between.

    Parameters
    ----------
    after : `~astropy.nddata.CCDData`
        What a cleaner returned.
    before : `~astropy.nddata.CCDData`
        What the cleaner was given.
    title : str, optional
        Heading of the figure.

    Returns
    -------
    figure : `matplotlib.figure.Figure`
        Not known to pyplot: nothing is shown or kept; use its ``savefig``.

    Raises
    ------
    TypeError
        If a frame is not a CCDData of numbers.
    ValueError
        If the shapes differ.
    ModuleNotFoundError
        If matplotlib is not installed: ``pip install ccdcr[plot]``.

    See Also
    --------
    ccdcr.cosmicray_report

    Notes
    -----
    Both frames have the same grey scale, which holds 99 percent of the cleaned
    frame and compresses what is bright. Cosmic rays are black in the middle, and
    circled in red if they are at most 300; pixels that were masked on input are
    grey. Non-finite pixels are left white.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.nddata import CCDData
    >>> import ccdcr
    >>> ccd = CCDData(np.random.default_rng(1).normal(100, 5, (40, 50)), unit="adu")
    >>> ccd.data[20, 10:13] += 2000
    >>> cleaned = ccdcr.cosmicray_median(ccd)
    >>> from ccdcr import plot
    >>> figure = plot.plot_cleaning(cleaned, ccd)
    >>> [axis.get_title() for axis in figure.axes[::2]]
    ['before', 'after']
    """
    from matplotlib.figure import Figure

    report = cosmicray_report(after, before)
    rows, columns = report.mask.shape
    stacked = columns > 2 * rows
    height = np.clip(10 * rows / columns / (1 if stacked else 3), 1.2, 6)
    figure = Figure(
        figsize=(10, 3 * height + 1) if stacked else (11, height + 0.9),
        layout="constrained",
    )
    axes = figure.subplots(*((3, 1) if stacked else (1, 3)), sharex=True, sharey=True)
    options = {"origin": "lower", "cmap": "gray_r", "interpolation": "nearest"}
    scale = _scale(after.data)
    for axis, ccd, name in ((axes[0], before, "before"), (axes[2], after, "after")):
        image = axis.imshow(ccd.data, norm=scale, **options)
        axis.set_title(name, fontsize="medium")
    masked = np.zeros(report.mask.shape) if before.mask is None else before.mask
    axes[1].imshow(np.maximum(report.mask, 0.25 * masked), vmin=0, vmax=1, **options)
    axes[1].set_title(str(report).partition(";")[0], fontsize="medium")
    _circle(axes[:2], report)
    figure.colorbar(image, ax=list(axes), label=str(after.unit), shrink=0.9, pad=0.02)
    for axis in axes:
        axis.set(xlabel="x (pixel)", ylabel="y (pixel)")
        axis.label_outer()
    if title is not None:
        figure.suptitle(title, fontsize="medium")
    return figure


def _scale(data):
    """From the first to the last few pixels, bright ones compressed."""
    finite = data[np.isfinite(data)]
    low, high = np.percentile(finite, [0.5, 99.5]) if finite.size else (0, 1)
    high = high if high > low else low + 1
    return ImageNormalize(vmin=low, vmax=high, stretch=AsinhStretch(0.3), clip=False)


def _circle(axes, report):
    """Circles that are easier to see than a single pixel."""
    if report.n_cosmicrays > _MOST_CIRCLES:
        return
    where = report.table["x_centroid"], report.table["y_centroid"]
    for axis in axes:
        axis.scatter(*where, s=90, facecolors="none", edgecolors="tab:red", lw=0.8)
