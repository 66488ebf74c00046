# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The classic median method on a frame: one threshold for the whole image."""

import functools
import math

import numpy as np

from ccdcr._ccd import FLAG_LOCAL, repack, unpack, variance
from ccdcr._log import detection_cards
from ccdcr.exceptions import warn_if_quantised
from ccdcr.pixels import filters
from ccdcr.pixels.detect import above, hysteresis
from ccdcr.pixels.difference import middle_and_sigma
from ccdcr.pixels.replace import GAUSSIAN, from_neighbours

__all__ = ["classic_median", "from_window"]


def classic_median(ccd, model, allowed, options):
    """
    Clean a frame by the classic difference from its median filter, or from a model.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        The checked frame.
    model : tuple or None
        Values, usable pixels and variances of a model, in place of the filter.
    allowed : 2D bool `~numpy.ndarray` or None
        Where pixels may be flagged.
    options : dict
        ``size``, ``sigmas``, ``max_size``, ``replacement``.

    Returns
    -------
    out : `~astropy.nddata.CCDData`
        The result.
    cards : dict
        What was measured.
    cautions : dict
        What to warn of: nothing.
    """
    size, replacement = options["size"], options["replacement"]
    data, usable = unpack(ccd)
    examined = usable if model is None else usable & model[1]
    smooth = filters.median(data, size, usable) if model is None else model[0]
    with np.errstate(over="ignore", invalid="ignore"):
        difference = data - smooth
    examined = examined & np.isfinite(difference)
    level, sigma = middle_and_sigma(difference[examined])
    high, low = (level + s * sigma for s in options["sigmas"])
    found = hysteresis(
        above(difference, low) & examined,
        lambda at, image=difference: above(image.ravel()[at], high),
        allowed=allowed,
        max_size=options["max_size"],
    )
    del difference
    flagged = found.flagged
    warn_if_quantised(sigma, flagged.sum(), examined)

    values = variances = None
    noise = None if ccd.uncertainty is None else functools.partial(variance, ccd)
    donors = usable & ~flagged
    if replacement == "local":
        values, variances = from_neighbours(data, noise, donors, flagged, GAUSSIAN)
    elif replacement == "median":
        values = smooth[flagged] + np.float64(level)
        values, variances = from_window(
            data, noise, donors, flagged, size, values, model
        )
    del smooth, donors
    if allowed is not None:
        examined &= allowed
    out, counts = repack(
        ccd, flagged, values, variances, bit=FLAG_LOCAL, not_examined=~examined
    )
    cards = {
        "CCRNOISE": "none made" if ccd.uncertainty is None else "uncertainty",
        "CCRLEVEL": level,
        "CCRSIGMA": sigma,
        **detection_cards(found),
        **counts,
    }
    return out, cards, {}


def from_window(data, noise, donors, flagged, size, values, model):
    """
    Judge new values that come from a median filter, or from a model.

    Parameters
    ----------
    data : 2D `~numpy.ndarray`
        The exposure.
    noise : 2D `~numpy.ndarray`, callable or None
        Its variance, or what gives it for arrays of rows and columns.
    donors, flagged : 2D bool `~numpy.ndarray`
        Pixels that were read; pixels that are replaced.
    size : tuple of int
        Rows and columns of the window of the filter.
    values : 1D `~numpy.ndarray`
        The new values.
    model : tuple or None
        The model, if they come from one.

    Returns
    -------
    values, variances : 1D `~numpy.ndarray`
        As from `~ccdcr.pixels.replace.from_neighbours`. Those of the filter are judged
        by the good pixels of the window; those of a model have its variance, and an
        infinite one if it has none.
    """
    if model is None:
        return from_neighbours(
            data,
            noise,
            donors,
            flagged,
            np.ones(size),
            values=values,
            efficiency=math.pi / 2,
        )
    _, _, variances = model
    if variances is None:
        return values, np.full(values.size, np.inf)
    return values, np.nan_to_num(variances[flagged], nan=np.inf, posinf=np.inf)
