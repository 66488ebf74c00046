# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Parts of figures: images, masks, outlines, axes."""

import numpy as np
from astropy.visualization import AsinhStretch, ImageNormalize
from astropy.wcs import WCS

from ccdcr.pixels.difference import middle_and_sigma

__all__ = [
    "BLUE",
    "GREY",
    "KINDS",
    "ORANGE",
    "RED",
    "all_of",
    "limits_of",
    "new_figure",
    "outline",
    "panel_axes",
    "save_figure",
    "scale_of",
    "show",
    "show_mask",
]

# Okabe and Ito's colours, which all eyes tell apart; vermilion is what was flagged.
RED, BLUE, ORANGE, GREY = "#D55E00", "#0072B2", "#E69F00", "0.75"
KINDS = {"spot": BLUE, "track": ORANGE, "worm": "#009E73", "trail": "#CC79A7"}

# Along an axis: more do not fit on a panel; of images, which are looked at closer.
_MOST_PIXELS, _MOST_OF_IMAGE = 600, 1500
_SAMPLE = 1 << 20  # pixels that are enough for a grey scale
_COORDINATES = {
    "RA": "right ascension",
    "DEC": "declination",
    "GLON": "galactic longitude",
    "GLAT": "galactic latitude",
    "ELON": "ecliptic longitude",
    "ELAT": "ecliptic latitude",
}


def new_figure(width, height):
    """
    Make a figure that pyplot does not know.

    Parameters
    ----------
    width, height : float
        In inches.

    Returns
    -------
    figure : `matplotlib.figure.Figure`
        Empty.
    """
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def save_figure(figure, path):
    """
    Write a figure: the same figure gives the same bytes.

    Parameters
    ----------
    figure : `matplotlib.figure.Figure`
        The figure.
    path : path-like
        Its name, which ends in .png, .pdf or .svg.
    """
    from matplotlib import rc_context

    kind = str(path).lower()[-3:]
    anonymous = {
        "png": {"Software": None},
        "pdf": {"Creator": None, "Producer": None, "CreationDate": None},
        "svg": {"Creator": None, "Date": None},
    }
    with rc_context({"svg.hashsalt": "ccdcr"}):
        figure.savefig(path, dpi=110, metadata=anonymous[kind])


def all_of(shape, origin=(0, 0)):
    """
    Give the limits of a whole image.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    origin : tuple of int, optional
        Row and column at which it begins.

    Returns
    -------
    limits : tuple of slice
        Rows and columns.
    """
    return tuple(
        slice(start, start + length)
        for start, length in zip(origin, shape, strict=True)
    )


def limits_of(mask):
    """
    Find the smallest rectangle around some pixels.

    Parameters
    ----------
    mask : 2D bool `~numpy.ndarray`
        The pixels; at least one.

    Returns
    -------
    limits : tuple of slice
        Rows and columns.
    """
    return tuple(
        slice(int(at[0]), int(at[-1]) + 1)
        for at in (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    )


def scale_of(data):
    """
    Make a grey scale that holds most pixels, and compresses bright ones.

    Parameters
    ----------
    data : 2D `~numpy.ndarray`
        Numbers; those that are not finite do not count.

    Returns
    -------
    scale : `~astropy.visualization.ImageNormalize`
        From black to white: 99 percent of the pixels, and at least 10 times the noise
        above the median, so that the noise of an empty sky stays light.
    """
    step = -(-data.size // _SAMPLE)
    finite = data[::step]
    finite = finite[np.isfinite(finite)]
    low, middle, high = (
        np.percentile(finite, [0.5, 50, 99.5]) if finite.size else (0, 0, 1)
    )
    high = max(high, middle + 10 * _noise_of(data, step))
    high = high if high > low else low + 1
    return ImageNormalize(vmin=low, vmax=high, stretch=AsinhStretch(0.3), clip=False)


def _noise_of(data, step):
    """Of single pixels: neighbours along lines of a spectrum differ by noise only."""
    sigmas = []
    for lines in (data[::step], data[:, ::step].T):
        with np.errstate(invalid="ignore", over="ignore"):
            steps = np.diff(lines, axis=1)
        steps = steps[np.isfinite(steps)]
        if steps.size:
            sigmas.append(middle_and_sigma(steps)[1] / np.sqrt(2))
    return min(sigmas, default=0.0)


def show(axis, image, limits=None, origin=(0, 0), **look):
    """
    Draw an image in the pixels of its frame.

    Parameters
    ----------
    axis : `matplotlib.axes.Axes`
        Where to draw.
    image : 2D `~numpy.ndarray`
        What to draw; every second pixel, and so on, of one that is larger than any
        panel.
    limits : tuple of slice, optional
        Rows and columns of the frame to be seen; default: the image.
    origin : tuple of int, optional
        Row and column of the frame at which the image begins.
    **look
        As for ``imshow``.

    Returns
    -------
    drawn : `matplotlib.image.AxesImage`
        What was drawn.
    """
    if limits is None:
        limits = all_of(image.shape, origin)
    step = max(1, _longest(limits) // _MOST_OF_IMAGE)
    image = image[step // 2 :: step, step // 2 :: step] if step > 1 else image
    return _draw(axis, image, limits, origin, step, look)


def _longest(limits):
    return max(part.stop - part.start for part in limits)


def _draw(axis, image, limits, origin, step, look):
    """Draw an image of which each pixel stands for some of the frame."""
    y, x = origin
    height, width = (step * length for length in image.shape)
    options = {"origin": "lower", "cmap": "gray_r", "interpolation": "nearest"}
    drawn = axis.imshow(
        image,
        extent=(x - 0.5, x + width - 0.5, y - 0.5, y + height - 0.5),
        **(options | look),
    )
    axis.set_xlim(limits[1].start - 0.5, limits[1].stop - 0.5)
    axis.set_ylim(limits[0].start - 0.5, limits[0].stop - 0.5)
    return drawn


def show_mask(axis, values, limits=None, origin=(0, 0), color="black"):
    """
    Draw a mask so that no pixel of it is lost on a small panel.

    Parameters
    ----------
    axis : `matplotlib.axes.Axes`
        Where to draw.
    values : 2D `~numpy.ndarray`
        From 0 to 1, False to True. If there are more pixels than fit on a panel,
        the largest of each few is drawn.
    limits, origin : tuple, optional
        As in `show`.
    color : str, optional
        Colour of 1.

    Returns
    -------
    drawn : `matplotlib.image.AxesImage`
        What was drawn.
    """
    from matplotlib.colors import LinearSegmentedColormap

    limits = all_of(values.shape) if limits is None else limits
    step = -(-_longest(limits) // _MOST_PIXELS)
    if step > 1:
        values = np.pad(values, [(0, -length % step) for length in values.shape])
        height, width = (length // step for length in values.shape)
        values = values.reshape(height, step, width, step).max(axis=(1, 3))
    values = values.astype(np.float32)
    colours = LinearSegmentedColormap.from_list("mask", ["white", color])
    look = {"cmap": colours, "vmin": 0, "vmax": 1}
    return _draw(axis, values, limits, origin, step, look)


def outline(axis, mask, origin=(0, 0), **look):
    """
    Draw the outline of some pixels, along their edges.

    Parameters
    ----------
    axis : `matplotlib.axes.Axes`
        Where to draw.
    mask : 2D bool `~numpy.ndarray`
        The pixels.
    origin : tuple of int, optional
        Row and column of the frame at which the mask begins.
    **look
        As for `matplotlib.collections.LineCollection`.

    Returns
    -------
    lines : `matplotlib.collections.LineCollection`
        What was drawn.
    """
    from matplotlib.collections import LineCollection

    lines = []
    for turned in (mask, mask.T):
        padded = np.pad(turned, ((0, 0), (1, 1)))
        edge = np.pad(padded[:, 1:] != padded[:, :-1], ((1, 1), (0, 0)))
        # pieces that follow each other are one line, or dashes would not show
        change = np.diff(edge.astype(np.int8), axis=0).T
        across, start = np.nonzero(change > 0)
        stop = np.nonzero(change < 0)[1]
        ends = [np.stack([across, along], axis=1) for along in (start, stop)]
        lines.append(np.stack(ends, axis=1) - 0.5)
    lines[1] = lines[1][..., ::-1]
    lines = np.concatenate(lines) + np.asarray(origin)[::-1]
    drawn = LineCollection(lines, **look)
    axis.add_collection(drawn, autolim=False)
    return drawn


def panel_axes(figure, n, *, stacked, wcs=None):
    """
    Make panels for images of one frame, beside each other or stacked.

    Parameters
    ----------
    figure : `matplotlib.figure.Figure`
        Where they go.
    n : int
        How many.
    stacked : bool
        Whether they are on top of each other.
    wcs : object, optional
        World coordinates of the frame; those which are not celestial are not used.

    Returns
    -------
    axes : 1D `~numpy.ndarray` of `matplotlib.axes.Axes`
        The panels; only the outer ones have labels.
    """
    sky = _is_celestial(wcs)
    axes = figure.subplots(
        *((n, 1) if stacked else (1, n)),
        sharex=True,
        sharey=True,
        subplot_kw={"projection": wcs} if sky else None,
    )
    for k, axis in enumerate(axes):
        if not sky:
            axis.set(xlabel="x (pixel)", ylabel="y (pixel)")
            axis.label_outer()
            continue
        inner = stacked and k < n - 1, not stacked and k > 0
        for coordinate, hide, name in zip(
            axis.coords, inner, wcs.wcs.ctype, strict=True
        ):
            word = name.split("-")[0]
            coordinate.set_axislabel("" if hide else _COORDINATES.get(word, word))
            coordinate.set_ticklabel_visible(not hide)
    return axes


def _is_celestial(wcs):
    try:
        return isinstance(wcs, WCS) and wcs.naxis == 2 and wcs.has_celestial
    except ValueError:  # coordinates that contradict themselves
        return False
