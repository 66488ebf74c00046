# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Which pixels stick out: peaks, and the tails that are connected to them."""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

__all__ = ["Detection", "above", "hysteresis"]


class Detection(NamedTuple):
    """Flagged pixels, and the counts that belong in the header."""

    flagged: np.ndarray
    n_peaks: int
    n_tails: int
    n_objects: int
    n_too_large: int


def above(values, threshold):
    """
    Compare exactly, whatever the precision of the image.

    A double precision threshold that is rounded to the single precision of the
    image may be rounded up, and a pixel between the two would be lost.

    Parameters
    ----------
    values : `~numpy.ndarray`
        Floating numbers; NaN is not above anything.
    threshold : float
        The limit, in double precision.

    Returns
    -------
    mask : bool `~numpy.ndarray`
        Where ``values > threshold`` in real numbers.
    """
    limit = values.dtype.type(threshold)
    if float(limit) > threshold:
        limit = np.nextafter(limit, values.dtype.type(-np.inf))
    return values > limit


def hysteresis(peak, tail, *, allowed=None, max_size=None):
    """
    Keep the tail objects that hold a peak.

    Objects are 4-connected, as in the published method. An object counts if one
    of its peak pixels is allowed and if the whole of it, allowed or not, has at
    most `max_size` pixels; of such an object the allowed pixels are flagged.

    Parameters
    ----------
    peak, tail : 2D bool `~numpy.ndarray`
        Pixels above the high and above the low threshold.
    allowed : 2D bool `~numpy.ndarray`, optional
        Where pixels may be flagged; None is everywhere.
    max_size : int, optional
        Largest object that is flagged, in pixels.

    Returns
    -------
    detection : Detection
        The flagged pixels; the number of separate peaks and tails before any
        selection; of objects kept; of objects left alone for their size.
    """
    labels, n_tails = ndimage.label(tail)
    n_peaks = ndimage.label(peak)[1]
    seeds = peak if allowed is None else peak & allowed
    keep = np.zeros(n_tails + 1, dtype=bool)
    keep[labels[seeds]] = True
    keep[0] = False
    n_wanted = np.count_nonzero(keep)
    if max_size is not None:
        keep &= np.bincount(labels.ravel(), minlength=n_tails + 1) <= max_size
    n_objects = np.count_nonzero(keep)
    flagged = keep[labels]
    if allowed is not None:
        flagged &= allowed
    return Detection(flagged, n_peaks, n_tails, n_objects, n_wanted - n_objects)
