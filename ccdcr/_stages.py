# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The classic difference step by step, as it is computed and as it is drawn."""

from typing import NamedTuple

import numpy as np

from ccdcr._ccd import unpack
from ccdcr.pixels import filters
from ccdcr.pixels.detect import above, hysteresis
from ccdcr.pixels.difference import middle_and_sigma

__all__ = ["Stages", "median_stages", "stages"]


class Stages(NamedTuple):
    """What a difference tells; dictionaries by the sign of cosmic rays in it."""

    difference: np.ndarray
    usable: np.ndarray  # pixels that count
    level: float
    sigma: float
    thresholds: dict  # of peaks and of tails, in the unit of the difference
    peak: dict
    tail: dict
    found: dict


def stages(difference, usable, sigmas, *, signs=(1, -1), allowed=None, max_size=None):
    """
    Find what sticks out of a difference.

    Parameters
    ----------
    difference : 2D `~numpy.ndarray`
        One image minus another.
    usable : 2D bool `~numpy.ndarray`
        Pixels that are good in both.
    sigmas : tuple of float
        Thresholds of peaks and of tails.
    signs : tuple of int, optional
        1 for cosmic rays of the first image, -1 for those of the second.
    allowed : 2D bool `~numpy.ndarray`, optional
        Where pixels may be flagged; None is everywhere.
    max_size : int, optional
        Largest object that is flagged, in pixels.

    Returns
    -------
    stages : Stages
        All that was computed on the way.
    """
    usable = usable & np.isfinite(difference)
    level, sigma = middle_and_sigma(difference[usable])
    thresholds, peak, tail, found = {}, {}, {}, {}
    for sign in signs:
        signed = difference if sign > 0 else -difference
        limits = [sign * level + s * sigma for s in sigmas]
        peak[sign], tail[sign] = (above(signed, limit) & usable for limit in limits)
        found[sign] = hysteresis(
            peak[sign], tail[sign], allowed=allowed, max_size=max_size
        )
        thresholds[sign] = tuple(sign * limit for limit in limits)
    return Stages(difference, usable, level, sigma, thresholds, peak, tail, found)


def median_stages(ccd, size, sigmas, *, allowed=None, max_size=None):
    """
    Find what sticks out of the median-filtered image of a frame.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        A checked frame.
    size : tuple of int
        Rows and columns of the window.
    sigmas : tuple of float
        Thresholds of peaks and of tails.
    allowed : 2D bool `~numpy.ndarray`, optional
        Where pixels may be flagged; None is everywhere.
    max_size : int, optional
        Largest object that is flagged, in pixels.

    Returns
    -------
    stages : Stages
        All that was computed on the way.
    """
    data, usable = unpack(ccd)
    smooth = filters.median(data, size, usable)
    with np.errstate(over="ignore", invalid="ignore"):
        difference = data - smooth
    return stages(
        difference, usable, sigmas, signs=(1,), allowed=allowed, max_size=max_size
    )
