# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What the pair and the stack share: checks of options, shifts, cards, warnings."""

import math
from collections.abc import Sequence

import numpy as np

from ccdcr import _options
from ccdcr._ccd import own_arithmetic
from ccdcr._classic import classic_pair
from ccdcr._frames import check_pair
from ccdcr._log import check_add_keyword, record
from ccdcr._matched import matched_difference
from ccdcr._regions import allowed_pixels, describe
from ccdcr.exceptions import shown, warn
from ccdcr.pixels.difference import overlap
from ccdcr.shift import measure_shift

__all__ = ["SIGMAS", "check_shift", "difference_method"]

#: Thresholds of peaks and tails.
SIGMAS = {"classic": (10, 3), "matched": (5, 2.5)}


def difference_method(function, ccds, names, shifts, options):
    """
    Clean equivalent exposures by their differences.

    Parameters
    ----------
    function : str
        Name of the public function, for the header.
    ccds : sequence of `~astropy.nddata.CCDData`
        Two or more exposures, not yet checked.
    names : sequence of str
        Their names, and that of the shift or shifts, for messages.
    shifts : sequence
        For each after the first its shift relative to that, or ``'auto'``.
    options : dict
        The other options of the public function.

    Returns
    -------
    cleaned : list of `~astropy.nddata.CCDData`
        The results.
    """
    *names, shift_name = names
    factors = [1.0]
    for ccd, name in zip(ccds[1:], names[1:], strict=True):
        factors.append(check_pair(ccds[0], ccd, (names[0], name)))
    options = _checked(options, ccds)
    region, exclude = options["region"], options["exclude"]
    allowed = allowed_pixels(region, exclude, ccds[0])
    shape = ccds[0].data.shape
    wanted, used, significances = [(0.0, 0.0)], [(0, 0)], [None]
    for ccd, shift in zip(ccds[1:], shifts, strict=True):
        significance = None
        if isinstance(shift, str) and shift == "auto":
            shift, significance = measure_shift(ccds[0], ccd)
        shift, rounded = check_shift(shift_name, shift, shape)
        wanted.append(shift)
        used.append(rounded)
        significances.append(significance)
    cautions = _missing_noise(ccds, names, options["replacement"])
    if options["method"] == "classic":
        parts = overlap(shape, used[1])
        with own_arithmetic():
            results = classic_pair(ccds, parts, factors[1], allowed, options)
    else:
        options["unmeasured"] = [significance is None for significance in significances]
        with own_arithmetic():
            results, more = matched_difference(
                ccds, (wanted, used), factors, allowed, options
            )
        cautions |= more
    for caution in cautions.values():
        warn(caution, stacklevel=3)
    cards = {
        "CCRMETH": options["method"],
        "CCRNIMG": len(ccds),
        "CCRPEAK": options["sigmas"][0],
        "CCRTAIL": options["sigmas"][1],
        "CCRMAXSZ": options["max_size"],
        "CCRREG": describe(region, shape),
        "CCREXCL": describe(exclude, shape),
        "CCRREPL": options["replacement"],
        "CCRWARN": ", ".join(cautions) or "none",
    }
    for k, ((out, own), before) in enumerate(zip(results, ccds, strict=True)):
        k = 1 if len(ccds) == 2 else k  # a pair has one shift
        shift = {
            "CCRDY": used[k][0],
            "CCRDX": used[k][1],
            "CCRDYREQ": wanted[k][0],
            "CCRDXREQ": wanted[k][1],
            "CCRSHSIG": significances[k],
        }
        record(out, before, function, cards | shift | own, options["add_keyword"])
    return [out for out, _ in results]


def _checked(options, ccds):
    """All options but the shifts, with their defaults filled in."""
    method = options["method"]
    _options.check_choice("method", method, tuple(SIGMAS))
    if method == "classic" and len(ccds) > 2:
        msg = (
            "method must be 'matched' for more than two exposures, "
            f"got 'classic' with {len(ccds)}"
        )
        raise ValueError(msg)
    sigmas = _options.check_thresholds(
        options["sigma_peak"], options["sigma_tail"], SIGMAS[method]
    )
    replacement = options["replacement"]
    _options.check_choice("replacement", replacement, ("auto", "other", "local", None))
    check_add_keyword(options["add_keyword"])
    checked = {
        "sigmas": sigmas,
        "max_size": _options.check_max_size(options["max_size"]),
        "replacement": "other" if replacement == "auto" else replacement,
    }
    checked |= _check_matched(method, options, ccds)
    return options | checked


def _check_matched(method, options, ccds):
    """Options of the matched method; classic takes none of them."""
    if method == "classic":
        names = ("scale", "grow", "gain", "readnoise", "saturation")
        _options.check_classic(names, options)
        return {}
    needed = all(ccd.uncertainty is None for ccd in ccds)
    gain, readnoise = _options.check_noise(
        options["gain"], options["readnoise"], ccds[0], needed=needed
    )
    for ccd in ccds:
        _options.check_saturation(options["saturation"], ccd)
    return {
        "scales": _check_scale(options["scale"], len(ccds)),
        "grow": _options.check_grow(options["grow"], 1, on=1),
        "gain": gain,
        "readnoise": readnoise,
    }


def _check_scale(scale, n):
    """Flux of the first over that of each; None where it is to be measured."""
    if scale is None or isinstance(scale, str):
        _options.check_choice("scale", scale, ("auto", None))
        return None
    several = isinstance(scale, Sequence) or np.ndim(scale) == 1
    if n == 2 and not several:
        return 1.0, _check_factor(scale)
    if not several or len(scale) != n or np.ndim(scale[0]) or scale[0] != 1:
        msg = (
            f"scale must be 'auto' or {n} numbers of which the first is 1 (a single "
            f"number is for a pair), got {shown(scale)}"
        )
        raise ValueError(msg)
    return [_check_factor(number) for number in scale]


def _check_factor(number):
    """One of which the square is a number."""
    return _options.check_number("scale", number, most=1e100)


def check_shift(name, shift, shape):
    """
    Refuse what is no shift, or leaves nothing to compare.

    Parameters
    ----------
    name : str
        Name of the argument, for messages.
    shift : object
        What the caller gave.
    shape : tuple of int
        Rows and columns of the images.

    Returns
    -------
    shift : tuple of float
        Two finite numbers.
    used : tuple of int
        Rounded to the nearest pixel.
    """
    msg = f"{name} must be 'auto' or two finite numbers (dy, dx), got {shown(shift)}"
    try:
        dy, dx = (_options.check_number(name, step, least=-math.inf) for step in shift)
        if isinstance(shift, (set, dict)):  # which have no order
            raise TypeError
    except (TypeError, ValueError) as error:
        raise type(error)(msg) from None
    used = round(dy), round(dx)
    if overlap(shape, used) is None:
        msg = f"{name} must leave an overlap of images of {shape} pixels, "
        msg += f"got {shown(shift)}"
        raise ValueError(msg)
    return (dy, dx), used


def _missing_noise(ccds, names, replacement):
    without = [
        name for ccd, name in zip(ccds, names, strict=True) if ccd.uncertainty is None
    ]
    if replacement != "other" or len(without) in (0, len(ccds)):
        return {}
    have = "has" if len(without) == 1 else "have"
    number = "both" if len(ccds) == 2 else "all"
    return {
        "uncertainty": f"{', '.join(without)} {have} no uncertainty: the noise of "
        f"{number} exposures is estimated from the scatter of their difference"
    }
