# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Checks of the options that several cleaners share: one clear sentence each."""

import copy
import math
import operator

import numpy as np
from astropy import units as u

from ccdcr.exceptions import shown

__all__ = [
    "AUTO_OR_0",
    "check_axis",
    "check_choice",
    "check_classic",
    "check_count",
    "check_grow",
    "check_max_size",
    "check_noise",
    "check_number",
    "check_pair_of_integers",
    "check_saturation",
    "check_thresholds",
]

#: A shift that is measured where that is possible, with a warning where it is not.
AUTO_OR_0 = "auto or 0"
_ENDLESS = 10**18
_MANY = 10**6  # pixels of a window


def check_number(name, value, *, least=0.0, most=math.inf, positive=True):
    """
    Refuse what is not one finite number within limits.

    Parameters
    ----------
    name : str
        Name of the argument, for the message.
    value : object
        What the caller gave.
    least, most : float, optional
        Limits, which are allowed values except for a `least` of a `positive` one.
    positive : bool, optional
        Whether the number must be larger than `least`.

    Returns
    -------
    value : float
        The number.
    """
    try:
        if _is_no_number(value):
            raise TypeError
        number = float(value)
    except (TypeError, ValueError):
        msg = f"{name} must be a number, got {shown(value)}"
        raise TypeError(msg) from None
    except OverflowError:  # an integer of more than 308 digits
        number = math.inf
    inside = least < number <= most if positive else least <= number <= most
    if not (math.isfinite(number) and inside):
        limit = f"{'>' if positive else '>='} {least:g}"
        limit += f" and <= {most:g}" if math.isfinite(most) else ""
        msg = f"{name} must be a finite number {limit}, got {shown(value)}"
        raise ValueError(msg)
    return number


def _is_no_number(value):
    """What float would take all the same: texts, truth values, arrays, masked ones."""
    if isinstance(value, (bool, str, bytes, bytearray)):
        return True
    dtype = getattr(value, "dtype", None)  # of numpy's scalars, too
    return isinstance(dtype, np.dtype) and (
        dtype.kind not in "iuf" or np.ndim(value) > 0 or np.ma.is_masked(value)
    )


def check_axis(axis):
    """
    Refuse a `dispersion_axis` that is no axis of an image.

    Parameters
    ----------
    axis : object
        What the caller gave.

    Returns
    -------
    axis : {0, 1, None}
        The axis.
    """
    if axis is None:
        return None
    msg = (
        "dispersion_axis must be 0 (wavelength along columns), 1 (along rows) or "
        f"None, got {shown(axis)}"
    )
    try:
        if isinstance(axis, (bool, np.bool_)):
            raise TypeError
        number = operator.index(axis)
    except TypeError:
        raise TypeError(msg) from None
    if number not in (0, 1):
        raise ValueError(msg)
    return number


def check_grow(grow, default, *, on):
    """
    Fill in and check how often neighbours are taken in.

    Parameters
    ----------
    grow : int, bool or None
        What the caller gave; None is the default.
    default : int
        That of the method.
    on : int
        What True means.

    Returns
    -------
    grow : int
        The number.
    """
    if grow is None or isinstance(grow, (bool, np.bool_)):
        return default if grow is None else on * int(grow)
    return check_count("grow", grow, least=0)


def check_classic(names, options):
    """
    Refuse options that the classic method does not take.

    Parameters
    ----------
    names : sequence of str
        Their names.
    options : dict
        What the caller gave.

    Raises
    ------
    ValueError
        If one of them is neither None nor ``'auto'``.
    """
    for name in names:
        value = options[name]
        if value is not None and not (isinstance(value, str) and value == "auto"):
            msg = f"{name} must be left out with method='classic', got {shown(value)}"
            raise ValueError(msg)


def check_thresholds(sigma_peak, sigma_tail, defaults):
    """
    Fill in and check the thresholds of peaks and tails.

    Parameters
    ----------
    sigma_peak, sigma_tail : float or None
        What the caller gave.
    defaults : tuple of float
        The values of the method.

    Returns
    -------
    sigma_peak, sigma_tail : float
        Positive, the second not larger than the first.
    """
    given = (sigma_peak, sigma_tail)
    peak, tail = (
        default if value is None else value
        for value, default in zip(given, defaults, strict=True)
    )
    peak = check_number("sigma_peak", peak)
    tail = check_number("sigma_tail", tail)
    if tail > peak:
        msg = f"sigma_tail must not be above sigma_peak, got {tail:g} with {peak:g}"
        raise ValueError(msg)
    return peak, tail


def check_count(name, value, *, least=1):
    """
    Refuse what is not a whole number of at least one.

    Parameters
    ----------
    name : str
        Name of the argument, for the message.
    value : object
        What the caller gave.
    least : int, optional
        The smallest that is allowed.

    Returns
    -------
    value : int
        The number.
    """
    msg = f"{name} must be a whole number >= {least}, got {shown(value)}"
    try:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise TypeError(msg) from None
    if number < least:
        raise ValueError(msg)
    if number >= _ENDLESS:  # which no card holds
        msg = f"{name} must be a whole number < 1e18, got {shown(value)}"
        raise ValueError(msg)
    return number


def check_max_size(max_size):
    """
    Refuse a `max_size` that is neither None nor a whole number of at least one.

    Parameters
    ----------
    max_size : object
        What the caller gave.

    Returns
    -------
    max_size : int or None
        The number.
    """
    return None if max_size is None else check_count("max_size", max_size)


def check_pair_of_integers(name, value):
    """
    Refuse what is not two whole numbers of at least one, as (rows, columns).

    Windows of a million pixels and more take more memory than any frame.

    Parameters
    ----------
    name : str
        Name of the argument, for the message.
    value : object
        What the caller gave.

    Returns
    -------
    value : tuple of int
        The two numbers.
    """
    msg = f"{name} must be two integers >= 1 as (rows, columns), got {shown(value)}"
    try:
        if isinstance(value, (set, dict)):  # which have no order
            raise TypeError
        value = tuple(value)
        if any(isinstance(number, (bool, np.bool_)) for number in value):
            raise TypeError
        pair = tuple(operator.index(number) for number in value)
    except TypeError:
        raise TypeError(msg) from None
    if len(pair) != 2 or min(pair) < 1:
        raise ValueError(msg)
    if pair[0] * pair[1] >= _MANY:
        msg = f"{name} must have fewer than {_MANY} pixels, got {shown(value)}"
        raise ValueError(msg)
    return pair


def check_choice(name, value, choices):
    """
    Refuse what is not one of the choices.

    Parameters
    ----------
    name : str
        Name of the argument, for the message.
    value : object
        What the caller gave.
    choices : tuple
        What is allowed.

    Raises
    ------
    ValueError
        If the value is not among the choices.
    """
    if not any(value is choice or _same_text(value, choice) for choice in choices):
        listed = ", ".join(repr(choice) for choice in choices)
        msg = f"{name} must be one of {listed}, got {shown(value)}"
        raise ValueError(msg)


def _same_text(value, choice):
    return isinstance(value, str) and isinstance(choice, str) and value == choice


def check_noise(gain, readnoise, ccd, *, needed=True):
    """
    Check the gain and the read noise of a noise model.

    Parameters
    ----------
    gain : float, `~astropy.units.Quantity`, ``ccdproc.Keyword`` or None
        Electrons per data unit.
    readnoise : float, `~astropy.units.Quantity`, ``ccdproc.Keyword`` or None
        Electrons.
    ccd : `~astropy.nddata.CCDData`
        The frame.
    needed : bool, optional
        Whether there is nothing better than them: then one needs the other.

    Returns
    -------
    gain, readnoise : float or None
        Numbers. For data in electrons the gain need not be given.
    """
    unit = ccd.unit
    gain, readnoise = (
        _of_card(name, value, ccd.meta)
        for name, value in (("gain", gain), ("readnoise", readnoise))
    )
    in_electrons = unit.is_equivalent(u.electron)
    gain_unit = u.electron / unit
    if gain is not None:
        bare = not isinstance(gain, u.Quantity)
        gain = check_number("gain", _in_unit("gain", gain, gain_unit))
        if in_electrons and bare and gain != 1:
            msg = (
                "gain must be left out or be 1 when the data are in electron (it was "
                f"applied already), got {gain:g}"
            )
            raise ValueError(msg)
    if readnoise is not None:
        readnoise = _in_unit("readnoise", readnoise, u.electron)
        readnoise = check_number("readnoise", readnoise, positive=False)
    if gain is None and in_electrons:
        gain = float(unit.to(u.electron))
    if needed and (gain is None) != (readnoise is None) and not in_electrons:
        missing, other = (
            ("gain", "readnoise") if gain is None else ("readnoise", "gain")
        )
        msg = f"{missing} must be given with {other} for data in {unit}, got None"
        raise ValueError(msg)
    return gain, readnoise


def _of_card(name, value, meta):
    """What a keyword of ccdproc stands for; others stand for themselves."""
    if not callable(getattr(value, "value_from", None)):
        return value
    try:
        return copy.copy(value).value_from(meta)  # which remembers it
    except KeyError:
        msg = f"{name} must be a card of the header, got {shown(value.name)}"
        raise ValueError(msg) from None
    except ValueError as error:
        msg = f"{name} must be a keyword with a unit, got {shown(value.name)} ({error})"
        raise ValueError(msg) from None


def _in_unit(name, value, unit):
    if not isinstance(value, u.Quantity):
        return value
    try:
        return value.to_value(unit)
    except u.UnitConversionError:
        msg = f"{name} must be in {unit} or a plain number, got {value}"
        raise u.UnitsError(msg) from None


def check_saturation(saturation, ccd):
    """
    Find out at which level pixels are saturated, or which pixels are.

    Parameters
    ----------
    saturation : float, `~astropy.units.Quantity`, Keyword, bool array, "auto" or None
        What the caller gave.
    ccd : `~astropy.nddata.CCDData`
        The frame.

    Returns
    -------
    level : float or None
        Level in the data unit.
    mask : 2D bool `~numpy.ndarray` or None
        Saturated pixels.
    how : str
        Where it came from, for the header.
    """
    saturation = _of_card("saturation", saturation, ccd.meta)
    if saturation is None:
        return None, None, "none given"
    if isinstance(saturation, str):
        if saturation != "auto":
            msg = (
                "saturation must be a number, a boolean array, 'auto' or None, "
                f"got {shown(saturation)}"
            )
            raise ValueError(msg)
        return _automatic_saturation(ccd)
    if isinstance(saturation, np.ndarray) and saturation.dtype == bool:
        if saturation.shape != ccd.data.shape:
            msg = (
                "a saturation mask must have the shape of the data, "
                f"got {saturation.shape} with data of {ccd.data.shape}"
            )
            raise ValueError(msg)
        return None, saturation, "mask given"
    level = check_number("saturation", _in_unit("saturation", saturation, ccd.unit))
    return level, None, "level given"


def _automatic_saturation(ccd):
    """A card, if the data are still in its unit; else the end of the integers."""
    how = "no card and no integer limit"
    for key in ("SATURATE", "SATLEVEL"):
        level = ccd.meta.get(key)
        number = isinstance(level, (int, float)) and not isinstance(level, bool)
        if not (number and 0 < level < math.inf):
            continue
        if ccd.unit == u.adu:
            return float(level), None, f"card {key}"
        how = f"card {key} is not used: the unit is not adu"
    if ccd.data.dtype.kind in "iu":
        limit = np.iinfo(ccd.data.dtype)
        return float(limit.max), None, f"limit of {ccd.data.dtype.name}"
    return None, None, how
