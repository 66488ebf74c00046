# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The classic difference step by step, as it is drawn.

It is that of `ccdcr._classic` and `ccdcr._median_classic`, which keep no step longer
than they need it; a test holds that the numbers are the same.
"""

from typing import NamedTuple

import numpy as np

from ccdcr._ccd import unpack
from ccdcr.pixels import filters
from ccdcr.pixels.detect import above, below, hysteresis
from ccdcr.pixels.difference import middle_and_sigma

__all__ = ["Stages", "median_stages", "pair_stages"]


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


def pair_stages(first, second, parts, factor, options):
    """
    Find what sticks out of the difference of two frames, on either side.

    Parameters
    ----------
    first, second : `~astropy.nddata.CCDData`
        Two checked frames.
    parts : tuple of tuple of slice
        Where they overlap.
    factor : float
        What brings the data of the second to the unit of the first.
    options : dict
        ``sigmas``, ``max_size``, and ``allowed``: where pixels of the first may be
        flagged, or None.

    Returns
    -------
    stages : Stages
        All that was computed on the way, in the overlap.
    """
    data, usable = (array[parts[0]] for array in unpack(first))
    other, good = (array[parts[1]] for array in unpack(second))
    with np.errstate(over="ignore", invalid="ignore"):
        difference = data - (other if factor == 1 else other * factor)
    if options["allowed"] is not None:
        options = options | {"allowed": options["allowed"][parts[0]]}
    return _stages(difference, usable & good, options, (1, -1))


def median_stages(ccd, size, options):
    """
    Find what sticks out of the median-filtered image of a frame.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        A checked frame.
    size : tuple of int
        Rows and columns of the window.
    options : dict
        As for `pair_stages`.

    Returns
    -------
    stages : Stages
        All that was computed on the way.
    """
    data, usable = unpack(ccd)
    smooth = filters.median(data, size, usable)
    with np.errstate(over="ignore", invalid="ignore"):
        difference = data - smooth
    return _stages(difference, usable, options, (1,))


def _stages(difference, usable, options, signs):
    usable = usable & np.isfinite(difference)
    level, sigma = middle_and_sigma(difference[usable])
    thresholds, peak, tail, found = {}, {}, {}, {}
    for sign in signs:
        compare = above if sign > 0 else below
        limits = tuple(level + sign * s * sigma for s in options["sigmas"])
        peak[sign], tail[sign] = (
            compare(difference, limit) & usable for limit in limits
        )
        found[sign] = hysteresis(
            tail[sign],
            lambda at, image=peak[sign]: image.ravel()[at],
            allowed=options["allowed"],
            max_size=options["max_size"],
        )
        thresholds[sign] = limits
    return Stages(difference, usable, level, sigma, thresholds, peak, tail, found)
