# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What lines and traces of a long-slit spectrum are, without its cosmic rays."""

import numpy as np

from ccdcr.pixels.median_network import box_median
from ccdcr.pixels.noise import scatter

__all__ = ["lines_and_traces", "variance_of_lines_and_traces"]

_LENGTH = 41  # pixels of a running median: several times the longest cosmic ray is wide
_SIGNIFICANT = 3.0  # sigma from which on a trace is one
_MEDIAN = np.pi / 2  # variance of a median, relative to a mean


def lines_and_traces(image, usable, axis):
    """
    Model a spectrum by what goes on along the slit, and along the dispersion.

    Parameters
    ----------
    image : 2D `~numpy.ndarray`
        The exposure, with plausible values where not usable.
    usable : 2D bool `~numpy.ndarray`
        Pixels that count for the noise.
    axis : {0, 1}
        Along which wavelength runs.

    Returns
    -------
    model : 2D `~numpy.ndarray`
        Running medians of 41 pixels: of the image along the slit (sky lines), and of
        what is left along the dispersion, where that is significant (continua).
    """
    model = _running_median(image, 1 - axis)
    rest = image - model
    trace = _running_median(rest, axis)
    noise = scatter(rest, usable) * np.sqrt(_MEDIAN / _LENGTH)
    trace[np.abs(trace) < _SIGNIFICANT * noise] = 0
    model += trace
    return model


def variance_of_lines_and_traces(variance):
    """
    Variance of the model, if neighbours have the variance of the pixel itself.

    Parameters
    ----------
    variance : `~numpy.ndarray`
        Of the pixels.

    Returns
    -------
    variance : `~numpy.ndarray`
        Of a median of 41 pixels: most pixels have no trace.
    """
    return _MEDIAN / _LENGTH * variance


def _running_median(image, axis):
    size = [1, 1]
    size[axis] = _LENGTH
    return box_median(image, tuple(size))
