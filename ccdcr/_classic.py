# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The classic difference on frames: one threshold for the whole image."""

from functools import partial
from typing import NamedTuple

import numpy as np
from astropy.nddata import CCDData

from ccdcr._ccd import FLAG_LOCAL, FLAG_OTHER, repack, unpack, variance
from ccdcr._log import detection_cards
from ccdcr._regions import describe
from ccdcr.exceptions import warn_if_quantised
from ccdcr.pixels.detect import above, below, hysteresis
from ccdcr.pixels.difference import middle_and_sigma
from ccdcr.pixels.replace import GAUSSIAN, from_neighbours

__all__ = ["classic_pair"]


def classic_pair(frames, parts, factor, allowed, options):
    """
    Clean two frames by the classic difference.

    Parameters
    ----------
    frames : tuple of `~astropy.nddata.CCDData`
        Two checked frames.
    parts : tuple of tuple of slice
        Where they overlap.
    factor : float
        What brings the data of the second to the unit of the first.
    allowed : 2D bool `~numpy.ndarray` or None
        Where pixels of the first may be flagged.
    options : dict
        ``sigmas``, ``max_size``, ``replacement``.

    Returns
    -------
    results : list of tuple
        For each frame the result and its cards.
    """
    replacement = options["replacement"]
    first = _Exposure(frames[0], *unpack(frames[0]), parts[0], 1.0)
    second = _Exposure(frames[1], *unpack(frames[1]), parts[1], factor)
    compared = _compare(first, second, options["sigmas"], allowed, options["max_size"])
    n_flagged = sum(np.count_nonzero(f.flagged) for f in compared.found.values())
    warn_if_quantised(compared.sigma, n_flagged, compared.examined)
    results = []
    for own, other, sign in ((first, second, 1), (second, first, -1)):
        out, counts = _clean(own, other, compared, sign, replacement)
        cards = {
            "CCRIMAGE": 1 if sign > 0 else 2,
            "CCROVER": describe(own.part, own.data.shape),
            "CCRNOISE": _noise_source(own.ccd, other.ccd, replacement),
            **compared.cards(),
            **detection_cards(compared.found[sign]),
            **counts,
        }
        results.append((out, cards))
    return results


class _Exposure(NamedTuple):
    """One exposure: its frame, its arrays, and where it overlaps with the other."""

    ccd: CCDData
    data: np.ndarray
    usable: np.ndarray
    part: tuple
    factor: float  # brings its data to the unit of the first exposure

    def overlap(self):
        data = self.data[self.part]
        return data if self.factor == 1 else data * self.factor

    def full(self, mask):
        """Put a mask of the overlap where it belongs in the whole frame."""
        if mask.shape == self.data.shape:
            return mask
        whole = np.zeros(self.data.shape, dtype=bool)
        whole[self.part] = mask
        return whole


class _Comparison(NamedTuple):
    """What the difference of two exposures tells."""

    level: float
    sigma: float
    examined: np.ndarray
    found: dict  # by the sign of the cosmic ray in the difference

    def cards(self):
        numbers = [np.count_nonzero(f.flagged) for f in self.found.values()]
        n_pixels = max(1, np.count_nonzero(self.examined))
        return {
            "CCRLEVEL": self.level,
            "CCRSIGMA": self.sigma,
            "CCRCOEXP": numbers[0] * numbers[1] / n_pixels,
        }


def _compare(first, second, sigmas, allowed, max_size):
    """Find what sticks out of the difference, on either side."""
    usable = first.usable[first.part] & second.usable[second.part]
    with np.errstate(over="ignore", invalid="ignore"):
        difference = first.overlap() - second.overlap()
    usable &= np.isfinite(difference)
    flat = difference.ravel()
    level, sigma = middle_and_sigma(flat if usable.all() else difference[usable])
    if allowed is not None:
        allowed = allowed[first.part]
    found = {}
    for sign in (1, -1):
        compare = above if sign > 0 else below
        limits = [level + sign * s * sigma for s in sigmas]
        found[sign] = hysteresis(
            compare(difference, limits[1]) & usable,
            lambda at, limit=limits[0], compare=compare: compare(flat[at], limit),
            allowed=allowed,
            max_size=max_size,
        )
    examined = usable if allowed is None else usable & allowed
    return _Comparison(level, sigma, examined, found)


def _clean(own, other, compared, sign, replacement):
    """Replace what sticks out of one exposure, from the other or from around it."""
    found = compared.found[sign].flagged
    flagged = own.full(found)
    values = variances = None
    if replacement == "other":
        offset = sign * compared.level / own.factor
        y, x = np.divmod(np.flatnonzero(found), found.shape[1])
        at = y + other.part[0].start, x + other.part[1].start
        ratio = other.factor / own.factor
        values = other.data[at] * np.float64(ratio) + offset
        if own.ccd.uncertainty is not None and other.ccd.uncertainty is not None:
            variances = variance(other.ccd, at) * ratio**2
            values[np.isnan(variances)] = np.nan
        elif own.ccd.uncertainty is not None:
            noise = (compared.sigma / own.factor) ** 2 / 2
            variances = np.full(values.size, noise if noise > 0 else np.inf)
    elif replacement == "local":
        noise = None if own.ccd.uncertainty is None else partial(variance, own.ccd)
        donors = own.usable & ~flagged
        values, variances = from_neighbours(own.data, noise, donors, flagged, GAUSSIAN)
    return repack(
        own.ccd,
        flagged,
        values,
        variances,
        bit=FLAG_OTHER if replacement == "other" else FLAG_LOCAL,
        not_examined=~own.full(compared.examined),
    )


def _noise_source(own, other, replacement):
    """Where the variance of a replaced pixel comes from, for the header."""
    if own.uncertainty is None:
        return "none given, none made"
    if replacement is None:
        return "not used"
    if replacement == "other" and other.uncertainty is None:
        return "scatter of the difference"
    return "uncertainty"
