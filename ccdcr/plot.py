# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Pictures; matplotlib is needed for them and for nothing else."""

from typing import TYPE_CHECKING, Literal

import numpy as np
from astropy.nddata import CCDData

from ccdcr import _figures, _options, _report_figures
from ccdcr._difference import SIGMAS, check_shift
from ccdcr._frames import check_ccd, check_pair
from ccdcr._panels import limits_of
from ccdcr._regions import allowed_pixels, pixels_of
from ccdcr._stages import median_stages, pair_stages
from ccdcr._typing import Image, Labels, Region, Shift
from ccdcr.pixels.difference import overlap
from ccdcr.report import CosmicRayReport, cosmicray_report
from ccdcr.shift import measure_shift

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_cleaning", "plot_difference", "plot_distribution", "plot_thumbnails"]

__doctest_requires__ = {"plot_*": ["matplotlib"]}


def plot_cleaning(
    after: CCDData,
    before: CCDData,
    *,
    title: str | None = None,
    zoom: Region | None = None,
    region: Region | None = None,
    exclude: Region | None = None,
    wcs: bool = True,
) -> "Figure":
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
    zoom : optional
        The part to be seen, in any form that ``region`` of the cleaners has: the
        smallest rectangle that holds it. Default: all of the frame.
    region, exclude : optional
        Where was cleaned and where not, in the same forms: they are outlined.
    wcs : bool, optional
        Whether the axes show the sky if the frame has a celestial WCS. Pixels are
        counted from zero, as in the table of the report.

    Returns
    -------
    figure : `matplotlib.figure.Figure`
        Not known to pyplot: nothing is shown or kept; use its ``savefig``.

    Raises
    ------
    TypeError
        If a frame is not a CCDData of numbers, or a region of a wrong kind.
    ValueError
        If the shapes differ, or a region is not in the frame.
    astropy.units.UnitsError
        If the units do not convert into each other.
    ModuleNotFoundError
        If matplotlib is not installed: ``pip install ccdcr[plot]``.

    See Also
    --------
    plot_difference, plot_thumbnails, ccdcr.cosmicray_report

    Notes
    -----
    Both frames have the same grey scale, which holds 99 percent of the cleaned
    frame, as far as it is seen, and compresses what is bright. Cosmic rays are black
    in the middle, and circled if they are at most 300; pixels that were masked
    on input are grey. Where there are more pixels than fit, each dot of the mask
    stands for a few of them, none of which is lost; frames are thinned out.
    Non-finite pixels are left white; neither these nor masked ones count for the
    grey scale.

    ``region`` is outlined in blue, ``exclude`` in orange and dashed. For the second
    frame of a pair with a shift they are elsewhere: give them in its pixels.

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
    report = cosmicray_report(after, before)
    limits = None if zoom is None else limits_of(pixels_of(zoom, before, "zoom"))
    marks = _marks(before, region, exclude)
    sky = before.wcs if wcs else None
    figure = _figures.draw_cleaning(report, (before, after), limits, marks, sky)
    if title is not None:
        figure.suptitle(title, fontsize="medium")
    return figure


def _marks(ccd, region, exclude):
    return {
        name: pixels_of(given, ccd, name)
        for name, given in (("region", region), ("exclude", exclude))
        if given is not None
    }


def plot_difference(
    first: CCDData,
    second: CCDData | None = None,
    *,
    shift: Shift | Literal["auto"] = (0, 0),
    size: tuple[int, int] = (5, 5),
    sigma_peak: float | None = None,
    sigma_tail: float | None = None,
    max_size: int | None = None,
    region: Region | None = None,
    exclude: Region | None = None,
    zoom: Region | None = None,
    title: str | None = None,
) -> "Figure":
    r"""
    Draw the difference that the classic method looks at, and what it does with it.

    Parameters
    ----------
    first : `~astropy.nddata.CCDData`
        A frame.
    second : `~astropy.nddata.CCDData`, optional
        Another exposure of the same. Default: the first after a median filter.
    shift : tuple of float or 'auto', optional
        ``(dy, dx)`` between two exposures, as for `~ccdcr.cosmicray_pair`.
    size : tuple of int, optional
        Rows and columns of the window of the median filter, where there is no second
        exposure.
    sigma_peak, sigma_tail : float, optional
        Thresholds of peaks and of their tails. Default: 10 and 3.
    max_size : int, optional
        Detections of more pixels are left alone. Default: no limit.
    region, exclude : optional
        Where pixels may be flagged and where not, as for the cleaners.
    zoom : optional
        The part to be seen, in any form that ``region`` has: the smallest
        rectangle that holds it. Numbers are those of the whole frame all the same.
        Default: all of the frame.
    title : str, optional
        Heading of the figure.

    Returns
    -------
    figure : `matplotlib.figure.Figure`
        Not known to pyplot: nothing is shown or kept; use its ``savefig``.

    Raises
    ------
    TypeError
        If an argument is of a wrong kind.
    ValueError
        If shapes or options do not fit, or the shift cannot be measured.
    astropy.units.UnitsError
        If units do not fit.
    ModuleNotFoundError
        If matplotlib is not installed: ``pip install ccdcr[plot]``.

    See Also
    --------
    ccdcr.cosmicray_pair, ccdcr.cosmicray_median, plot_cleaning

    Notes
    -----
    The numbers are those of ``method="classic"`` with the same options: the
    difference of the common part, its median and robust standard deviation; pixels
    that exceed the threshold of peaks; those that exceed that of tails; and the
    tails that hold a peak, which are flagged. Of a pair both exposures are shown,
    each in its own pixels, as cosmic rays of the second are holes in the difference.
    Masks of the stages have a dot for each pixel, or where more than fit for
    a few of them. Flagged pixels are crosses on the frame, dots if they are many.

    Pixels that are masked or not finite in either are left white in the difference
    and counted nowhere. The histogram reaches twice as far as the peaks; its title
    tells how many pixels lie beyond.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.nddata import CCDData
    >>> from ccdcr import plot
    >>> rng = np.random.default_rng(1)
    >>> first = CCDData(rng.normal(100, 5, (40, 50)), unit="adu")
    >>> second = CCDData(rng.normal(100, 5, (40, 50)), unit="adu")
    >>> first.data[20, 10:13] += 2000
    >>> figure = plot.plot_difference(first, second)
    >>> print(figure.axes[2].get_title())
    first: 3 pixels flagged
    """
    check_ccd(first, "first")
    sigmas = _options.check_thresholds(sigma_peak, sigma_tail, SIGMAS["classic"])
    options = {
        "sigmas": sigmas,
        "allowed": allowed_pixels(region, exclude, first),
        "max_size": _options.check_max_size(max_size),
    }
    limits = None if zoom is None else limits_of(pixels_of(zoom, first, "zoom"))
    words = {"unit": str(first.unit)}
    if second is None:
        size = _options.check_pair_of_integers("size", size)
        seen = median_stages(first, size, options)
        images, origins = {1: first.data}, {1: (0, 0)}
        words["difference"] = f"minus the median of {size[0]} x {size[1]}"
    else:
        factor = check_pair(first, second, ("first", "second"))
        if isinstance(shift, str) and shift == "auto":
            shift, _ = measure_shift(first, second)
        _, used = check_shift("shift", shift, first.data.shape)
        parts = overlap(first.data.shape, used)
        seen = pair_stages(first, second, parts, factor, options)
        images = {1: first.data, -1: second.data}
        origins = {
            sign: (part[0].start, part[1].start)
            for sign, part in zip((1, -1), parts, strict=True)
        }
        words["difference"] = "first - second, shift {} {}".format(*used)
    marks = _marks(first, region, exclude)
    figure = _figures.draw_difference(
        seen, images, origins, sigmas, limits, marks, words
    )
    if title is not None:
        figure.suptitle(title, fontsize="medium")
    return figure


def plot_thumbnails(
    report: CosmicRayReport,
    frames: dict[str, Image],
    labels: Labels | None = None,
    *,
    size: int | None = None,
    columns: int = 1,
    title: str | None = None,
) -> "Figure":
    """
    Draw detections one by one, as several frames show them.

    Parameters
    ----------
    report : `~ccdcr.CosmicRayReport`
        The report that has found them.
    frames : dict
        What to look at, by the heading of its column:
        `~astropy.nddata.CCDData` or arrays of the shape of the report, like
        ``{"mask": report.mask, "science": before, "dark": dark}``.
    labels : sequence of int, optional
        Labels of the report's table, one row of thumbnails for each. Default: the 8
        largest cosmic rays.
    size : int, optional
        Pixels across a thumbnail. Default: as many as each detection needs, and at
        least 21.
    columns : int, optional
        Detections beside each other. Default: 1.
    title : str, optional
        Heading of the figure.

    Returns
    -------
    figure : `matplotlib.figure.Figure`
        Not known to pyplot: nothing is shown or kept; use its ``savefig``.

    Raises
    ------
    TypeError
        If an argument is of a wrong kind.
    ValueError
        If a frame has another shape, or a label is not in the table.
    ModuleNotFoundError
        If matplotlib is not installed: ``pip install ccdcr[plot]``.

    See Also
    --------
    ccdcr.cosmicray_report, plot_cleaning

    Notes
    -----
    All thumbnails of a frame have one grey scale, that compresses what is bright: one
    detection can be compared with another. It comes from finite pixels. Masked pixels
    are drawn like others; what is outside the frame, and pixels that are not finite,
    are hatched. Boolean frames are white and black. The detection itself is outlined.
    Beside it stand its label, size, kind if the table has it, why it may be no
    cosmic ray, its place, and how many pixels the thumbnail is across.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.nddata import CCDData
    >>> import ccdcr
    >>> ccd = CCDData(np.random.default_rng(1).normal(100, 5, (40, 50)), unit="adu")
    >>> ccd.data[20, 10:13] += 2000
    >>> cleaned = ccdcr.cosmicray_median(ccd)
    >>> report = ccdcr.cosmicray_report(cleaned, ccd)
    >>> frames = {"mask": report.mask, "before": ccd, "after": cleaned}
    >>> figure = ccdcr.plot.plot_thumbnails(report, frames)
    >>> [axis.get_title() for axis in figure.axes[1:]]
    ['mask', 'before', 'after']
    """
    _check_report(report)
    if size is not None:
        size = _options.check_count("size", size, least=3)
    columns = _options.check_count("columns", columns)
    images = _check_frames(frames, report.mask.shape)
    rows = _report_figures.chosen_rows(report, labels)
    figure = _report_figures.draw_thumbnails(report, rows, images, size, columns)
    if title is not None:
        figure.suptitle(title, fontsize="medium")
    return figure


def _check_report(report):
    if not isinstance(report, CosmicRayReport):
        msg = f"report must be a CosmicRayReport, got {type(report).__name__}"
        raise TypeError(msg)


def _check_frames(frames, shape):
    """Arrays of numbers, by their names."""
    if not isinstance(frames, dict) or not frames:
        msg = f"frames must be a dict of one frame or more, got {frames!r:.80}"
        raise TypeError(msg)
    images = {}
    for name, frame in frames.items():
        image = np.asarray(getattr(frame, "data", frame))
        if image.dtype.kind not in "biuf":
            msg = f"frames[{name!r}] must be a CCDData or an array, got {frame!r:.80}"
            raise TypeError(msg)
        if image.shape != shape:
            msg = (
                f"frames[{name!r}] must have the shape of the report {shape}, "
                f"got {image.shape}"
            )
            raise ValueError(msg)
        images[str(name)] = image
    return images


def plot_distribution(report: CosmicRayReport, *, title: str | None = None) -> "Figure":
    """
    Draw how many cosmic rays there are of which size, charge and angle.

    Parameters
    ----------
    report : `~ccdcr.CosmicRayReport`
        The report.
    title : str, optional
        Heading of the figure.

    Returns
    -------
    figure : `matplotlib.figure.Figure`
        Not known to pyplot: nothing is shown or kept; use its ``savefig``.

    Raises
    ------
    TypeError
        If it is not a report.
    ModuleNotFoundError
        If matplotlib is not installed: ``pip install ccdcr[plot]``.

    See Also
    --------
    ccdcr.cosmicray_report, plot_thumbnails

    Notes
    -----
    What was left alone is not counted. Kinds of the table are told apart by colour
    and hatching. Above a panel stands how many cosmic rays have no value that it can
    show: a charge that is not positive (as where pixels were flagged only), or an
    angle of what is not 1.5 times as long as wide. Masked and non-finite pixels are in
    no cosmic ray.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.nddata import CCDData
    >>> import ccdcr
    >>> ccd = CCDData(np.random.default_rng(1).normal(100, 5, (40, 50)), unit="adu")
    >>> ccd.data[20, 10:13] += 2000
    >>> cleaned = ccdcr.cosmicray_median(ccd)
    >>> report = ccdcr.cosmicray_report(cleaned, ccd)
    >>> figure = ccdcr.plot.plot_distribution(report)
    >>> [axis.get_xlabel() for axis in figure.axes[:2]]
    ['size (pixels)', 'charge (adu)']
    """
    _check_report(report)
    figure = _report_figures.draw_distribution(report)
    if title is not None:
        figure.suptitle(title, fontsize="medium")
    return figure
