# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What lines and traces of a long-slit spectrum are, without its cosmic rays."""

from typing import NamedTuple

import numpy as np

from ccdcr.pixels.filters import median
from ccdcr.pixels.level import local_level
from ccdcr.pixels.median_network import box_median
from ccdcr.pixels.noise import scatter

__all__ = ["Spectrum", "lines_and_traces", "variance_of_lines_and_traces"]

_LENGTH = 41  # pixels of a running median: several times the longest cosmic ray is wide
_SHORT = 9  # pixels of a running median in bright light
_BRIGHT, _FEWEST = 10.0, 100  # sigma of such light; pixels to measure the misfit with
_FITS = 1.3  # misfit of lines that are straight
_TENTH = 1.645  # that a tenth of normal numbers exceeds, up or down
_SIGNIFICANT = 5.0  # sigma from which on a trace is one
_MIDDLE = 0.6745  # that half of normal numbers exceed, up or down
_MEDIAN = np.pi / 2  # variance of a median, relative to a mean


class Spectrum(NamedTuple):
    """What goes on along an axis of a spectrum."""

    model: np.ndarray
    misfit: float  # scatter in bright light over the noise; 1 if there is none


def lines_and_traces(image, variance, usable, axis):
    """
    Model a spectrum by what goes on along the slit, and along the dispersion.

    Parameters
    ----------
    image, variance : 2D `~numpy.ndarray`
        The exposure and its variance, plausible ones also where not usable.
    usable : 2D bool `~numpy.ndarray`
        Pixels that count for the noise.
    axis : {0, 1}
        Along which wavelength runs.

    Returns
    -------
    spectrum : Spectrum
        Running medians of 41 pixels: of the image along the slit (sky lines), and of
        what is left along the dispersion, where that is significant (continua). If
        light above 10 sigma scatters too much about that (lines are tilted, continua
        have bands), what is left, as a part of the light, is taken away by medians of
        9 pixels along the slit.
    """
    model = _running_median(image, 1 - axis)
    rest = image - model
    trace = _running_median(rest, axis)
    noise = scatter(rest, usable)
    faint = np.abs(trace) < _SIGNIFICANT * np.sqrt(_MEDIAN / _LENGTH) * noise
    trace[faint] = 0
    model += trace
    rest -= trace
    light = model - local_level(model, usable).rows()
    bright = light > _BRIGHT * noise
    misfit = _misfit(rest, variance, bright & usable)
    if misfit > _FITS:
        part = np.divide(rest, light, out=np.zeros_like(rest), where=bright)
        size = [1, 1]
        size[1 - axis] = _SHORT
        common = np.where(bright, median(part, tuple(size), bright) * light, 0)
        model += common
        misfit = _misfit(rest - common, variance, bright & usable)
    return Spectrum(model, misfit)


def _misfit(rest, variance, bright):
    """Scatter over noise, of the wings rather than of the middle."""
    if np.count_nonzero(bright) < _FEWEST:
        return 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        pulls = np.abs(rest[bright]) / np.sqrt(variance[bright])
    pulls = pulls[np.isfinite(pulls)]
    return float(np.percentile(pulls, 90) / _TENTH) if pulls.size else 1.0


def variance_of_lines_and_traces(flat, variance, at):
    """
    Variance of the model in some pixels.

    Parameters
    ----------
    flat, variance : 2D `~numpy.ndarray`
        The exposure less the model, and the variance of the exposure.
    at : 2D bool `~numpy.ndarray`
        The pixels.

    Returns
    -------
    variance : 1D `~numpy.ndarray`
        What the exposure scatters less about the model than its noise says, the model
        has followed. That is as in a median of 41 pixels at least, and where the light
        has a slope all of it.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        pulls = np.abs(flat) / np.sqrt(variance)
    known = np.isfinite(pulls)
    if not known.any():
        return np.zeros(np.count_nonzero(at))
    scatters = (local_level(pulls, known).at(*np.nonzero(at)) / _MIDDLE) ** 2
    followed = np.maximum(1 - scatters, _MEDIAN / _LENGTH)
    return followed * variance[at]


def _running_median(image, axis):
    """
    Over what there is of a window at the ends.

    In a mirror a cosmic ray would be there twice, and the median would follow it.
    """
    rows = np.moveaxis(image, axis, 0)
    n, half = len(rows), _LENGTH // 2
    if n <= _LENGTH:
        middle = np.median(image, axis=axis, keepdims=True)
        return np.repeat(middle, n, axis=axis).astype(image.dtype, copy=False)
    size = [1, 1]
    size[axis] = _LENGTH
    smooth = box_median(image, tuple(size))
    out = np.moveaxis(smooth, axis, 0)
    for k in range(half):
        out[k] = np.median(rows[: k + half + 1], axis=0)
        out[-k - 1] = np.median(rows[-k - half - 1 :], axis=0)
    return smooth
