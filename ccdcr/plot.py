# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Pictures; matplotlib is needed here and nowhere else."""

import numpy as np
from astropy.visualization import ZScaleInterval

from ccdcr.report import cosmicray_report

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
    Both frames have the same grey scale, by the rule of IRAF's zscale on the
    cleaned frame. Pixels that were masked on input are grey in the middle, cosmic
    rays are black; non-finite pixels are left white.

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
    finite = after.data[np.isfinite(after.data)]
    low, high = ZScaleInterval().get_limits(finite) if finite.size else (0, 1)
    high = high if high > low else low + 1
    masked = np.zeros(report.mask.shape) if before.mask is None else before.mask
    rows, columns = report.mask.shape
    stacked = columns > 2 * rows
    height = np.clip(10 * rows / columns / (1 if stacked else 3), 1.2, 6)
    figure = Figure(
        figsize=(10, 3 * height + 1) if stacked else (11, height + 1.2),
        layout="constrained",
    )
    axes = figure.subplots(*((3, 1) if stacked else (1, 3)), sharex=True, sharey=True)
    options = {"origin": "lower", "cmap": "gray_r", "interpolation": "nearest"}
    for axis, ccd, name in ((axes[0], before, "before"), (axes[2], after, "after")):
        image = axis.imshow(ccd.data, vmin=low, vmax=high, **options)
        axis.set_title(name)
    axes[1].imshow(np.maximum(report.mask, 0.25 * masked), vmin=0, vmax=1, **options)
    axes[1].set_title(str(report).replace("; ", "\n"), fontsize="medium")
    figure.colorbar(image, ax=list(axes), label=str(after.unit), shrink=0.7, pad=0.02)
    for axis in axes:
        axis.set(xlabel="x (pixel)", ylabel="y (pixel)")
        axis.label_outer()
    if title is not None:
        figure.suptitle(title)
    return figure
