# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Checks of frames: what is refused, in one clear sentence."""

import numpy as np
from astropy import units as u
from astropy.nddata import CCDData

__all__ = ["UNIT_POWER", "check_ccd", "check_pair", "same_unit"]

#: For each class of uncertainty: its unit as a power of the data unit.
UNIT_POWER = {"std": 1, "var": 2, "ivar": -2}


def check_ccd(ccd, name):
    """
    Refuse what is not a two-dimensional CCDData of real numbers.

    Parameters
    ----------
    ccd : object
        What the caller gave.
    name : str
        Name of the argument, for the message.

    Raises
    ------
    TypeError
        If it is no CCDData, or its numbers or uncertainty are of a wrong kind.
    ValueError
        If its parts have wrong shapes.
    astropy.units.UnitsError
        If the unit of the uncertainty does not go with the data.
    """
    if not isinstance(ccd, CCDData):
        msg = (
            f"{name} must be an astropy.nddata.CCDData (wrap an array as "
            f"CCDData(array, unit='adu')), got {type(ccd).__name__}"
        )
        raise TypeError(msg)
    data = np.asarray(ccd.data)
    if data.dtype.kind not in "iuf":
        msg = f"{name} must hold integers or real numbers, got dtype {data.dtype}"
        raise TypeError(msg)
    if data.ndim != 2 or data.size == 0:
        msg = f"{name} must have two dimensions and some pixels, got shape {data.shape}"
        raise ValueError(msg)
    if ccd.mask is not None and np.shape(ccd.mask) != data.shape:
        msg = (
            f"the mask of {name} must have the shape of its data, "
            f"got {np.shape(ccd.mask)} with data of {data.shape}"
        )
        raise ValueError(msg)
    if ccd.uncertainty is not None:
        _check_uncertainty(ccd, name)


def _check_uncertainty(ccd, name):
    kind = ccd.uncertainty.uncertainty_type
    if kind not in UNIT_POWER:
        msg = (
            f"the uncertainty of {name} must be a StdDevUncertainty, "
            "VarianceUncertainty or InverseVariance (wrap its array in the class that "
            f"it is, or set it to None), got {type(ccd.uncertainty).__name__}"
        )
        raise TypeError(msg)
    shape = np.shape(ccd.uncertainty.array)
    if shape != np.shape(ccd.data):
        msg = (
            f"the uncertainty of {name} must have the shape of its data, "
            f"got {shape} with data of {np.shape(ccd.data)}"
        )
        raise ValueError(msg)
    kind_of_numbers = np.asarray(ccd.uncertainty.array).dtype
    if kind_of_numbers.kind not in "iuf":
        msg = (
            f"the uncertainty of {name} must hold real numbers, "
            f"got dtype {kind_of_numbers}"
        )
        raise TypeError(msg)
    wanted = ccd.unit ** UNIT_POWER[kind]
    unit = ccd.uncertainty.unit
    if unit is not None and not unit.is_equivalent(wanted):
        msg = (
            f"the uncertainty of {name} must be in a unit that goes with data in "
            f"{_text(ccd.unit)}, got {_text(unit)} (after a change of ccd.unit the "
            "uncertainty must be set anew)"
        )
        raise u.UnitsError(msg)


def _text(unit):
    return unit.to_string() or "dimensionless"


def same_unit(ccd, other, names):
    """
    Factor that brings the data of `other` to the unit of `ccd`.

    Parameters
    ----------
    ccd, other : `~astropy.nddata.CCDData`
        Checked frames.
    names : tuple of str
        Their names, for the message.

    Returns
    -------
    factor : float
        Usually 1.
    """
    try:
        return float(other.unit.to(ccd.unit))
    except u.UnitConversionError:
        msg = (
            f"{names[0]} and {names[1]} must have units that convert into each other, "
            f"got {_text(ccd.unit)} and {_text(other.unit)}"
        )
        raise u.UnitsError(msg) from None


def check_pair(ccd1, ccd2, names=("ccd1", "ccd2")):
    """
    Refuse two frames that cannot be compared pixel by pixel.

    Parameters
    ----------
    ccd1, ccd2 : object
        What the caller gave.
    names : tuple of str, optional
        Their names, for messages.

    Returns
    -------
    factor : float
        What brings the second to the unit of the first.
    """
    check_ccd(ccd1, names[0])
    check_ccd(ccd2, names[1])
    if ccd1.data.shape != ccd2.data.shape:
        msg = (
            f"{names[0]} and {names[1]} must have one shape, "
            f"got {ccd1.data.shape} and {ccd2.data.shape}"
        )
        raise ValueError(msg)
    return same_unit(ccd1, ccd2, names)
