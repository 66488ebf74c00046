# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The edge: CCDData in, arrays out, and back again; here alone units are known."""

import copy

import numpy as np
from astropy.nddata import CCDData

from ccdcr._frames import UNIT_POWER, check_ccd, same_unit
from ccdcr.pixels.groups import groups

__all__ = [
    "FLAGS",
    "FLAG_COINCIDENT",
    "FLAG_LOCAL",
    "FLAG_NOT_EXAMINED",
    "FLAG_NOT_REPLACED",
    "FLAG_OTHER",
    "FLAG_SUSPECT",
    "OTHER_FLAGS",
    "companion",
    "own_arithmetic",
    "owns_flags",
    "repack",
    "unpack",
    "variance",
    "with_variance",
]

FLAG_OTHER = 1
FLAG_LOCAL = 2
FLAG_NOT_REPLACED = 4
FLAG_COINCIDENT = 8
FLAG_NOT_EXAMINED = 16
FLAG_SUSPECT = 32

#: What the bits of ``flags`` mean.
FLAGS = {
    1: "replaced from another exposure",
    2: "replaced from the same exposure",
    4: "cosmic ray, not replaced",
    8: "cosmic ray in both exposures",
    16: "not examined",
    32: "suspect, left alone",
}

#: All but those of cosmic rays.
OTHER_FLAGS = ~np.uint8(FLAG_OTHER | FLAG_LOCAL | FLAG_NOT_REPLACED | FLAG_COINCIDENT)

# For each class of uncertainty: how an array of it becomes a variance, and back.
_CONVERSION = {
    "std": (np.square, np.sqrt),
    "var": (np.positive, np.positive),
    "ivar": (np.reciprocal, np.reciprocal),
}


# Beyond the range of numbers there is infinity, and what comes of it is not a number:
# both mean that nothing is known. Tests of ordinary frames make that an error.
_ARITHMETIC = dict.fromkeys(("divide", "over", "under", "invalid"), "ignore")


def own_arithmetic():
    """
    Set what numpy does where numbers end, whatever the caller has set.

    Returns
    -------
    context : `numpy.errstate`
        For the work between frames in and frames out; checks belong before it.
    """
    return np.errstate(**_ARITHMETIC)


def companion(name, image, ccd):
    """
    Take the arrays out of an image that goes with a frame.

    Parameters
    ----------
    name : str
        Name of the argument, for messages.
    image : `~astropy.nddata.CCDData`, `~astropy.units.Quantity` or `~numpy.ndarray`
        What the caller gave; a bare array is in the unit of the frame.
    ccd : `~astropy.nddata.CCDData`
        The checked frame.

    Returns
    -------
    data : 2D `~numpy.ndarray`
        Values in the unit of the frame.
    usable : 2D bool `~numpy.ndarray`
        As from `unpack`.
    variances : 2D `~numpy.ndarray` or None
        Variances in the square of that unit.
    """
    if not isinstance(image, CCDData):
        if not isinstance(image, np.ndarray) or image.dtype.kind not in "iuf":
            msg = (
                f"{name} must be a CCDData, a Quantity or an array of numbers, "
                f"got {type(image).__name__}"
            )
            raise TypeError(msg)
        mask = np.ma.getmask(image)
        unit = getattr(image, "unit", ccd.unit)
        image = CCDData(np.asarray(image), unit=unit)
        image.mask = mask
    check_ccd(image, name)
    if image.data.shape != ccd.data.shape:
        msg = (
            f"{name} must have the shape of the data, "
            f"got {image.data.shape} with data of {ccd.data.shape}"
        )
        raise ValueError(msg)
    factor = same_unit(ccd, image, ("ccd", name))
    data, usable = unpack(image)
    variances = None if image.uncertainty is None else variance(image) * factor**2
    return (data if factor == 1 else data * factor), usable, variances


def unpack(ccd):
    """
    Take the arrays out of a frame.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        A checked frame.

    Returns
    -------
    data : 2D `~numpy.ndarray`
        float32 or float64 in native byte order; may be the frame's own, so it
        must not be written to.
    usable : 2D bool `~numpy.ndarray`
        Neither masked, nor not finite, nor of infinite uncertainty (which is
        how a frame says that a pixel holds no information).
    """
    given = np.asarray(ccd.data)
    dtype = _float_dtype(given.dtype)
    if dtype.itemsize not in (4, 8):  # scipy has no filters for the others
        dtype = np.dtype(np.float32 if dtype.itemsize < 4 else np.float64)
    data = given.astype(dtype, copy=False)
    usable = np.isfinite(data)
    if ccd.mask is not None:
        usable &= ~np.asarray(ccd.mask, dtype=bool)
    if ccd.uncertainty is not None:
        array = np.asarray(ccd.uncertainty.array)
        ivar = ccd.uncertainty.uncertainty_type == "ivar"
        usable &= (array != 0) if ivar else ~np.isinf(array)
    return data, usable


def _float_dtype(dtype):
    """Floating type of the output: exact for every number of the input type."""
    if dtype.kind == "f":
        return dtype.newbyteorder("=")
    return np.dtype(np.float32 if dtype.itemsize <= 2 else np.float64)


def variance(ccd, at=...):
    """
    Variance of some or all pixels, in the square of the data unit.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        A checked frame with an uncertainty.
    at : 2D bool `~numpy.ndarray`, optional
        Pixels wanted.

    Returns
    -------
    variance : float64 `~numpy.ndarray`
        NaN where the uncertainty is not a number or negative: not known.
    """
    to_variance, _ = _CONVERSION[ccd.uncertainty.uncertainty_type]
    array = np.asarray(ccd.uncertainty.array)[at].astype(np.float64)
    array[array < 0] = np.nan
    with np.errstate(divide="ignore", over="ignore"):
        return to_variance(array) * _variance_factor(ccd)


def with_variance(ccd, variances):
    """
    Uncertainty of some pixels, in the class and unit of that of a frame.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        A checked frame with an uncertainty.
    variances : `~numpy.ndarray`
        In the square of the data unit.

    Returns
    -------
    array : `~numpy.ndarray`
        What goes into the array of the uncertainty.
    """
    _, from_variance = _CONVERSION[ccd.uncertainty.uncertainty_type]
    with np.errstate(divide="ignore", over="ignore"):
        return from_variance(variances / _variance_factor(ccd))


def _variance_factor(ccd):
    """What the variance in the uncertainty's own unit is multiplied by."""
    power = UNIT_POWER[ccd.uncertainty.uncertainty_type]
    if ccd.uncertainty.unit is None:
        return 1.0
    return float(ccd.uncertainty.unit.to(ccd.unit**power)) ** (2 / power)


def repack(ccd, flagged, values, variances, *, bit, not_examined, suspects=None):
    """
    Make the cleaned frame: a copy, changed at the flagged pixels only.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        The checked input.
    flagged : 2D bool `~numpy.ndarray`
        Cosmic rays.
    values : 1D `~numpy.ndarray` or None
        New values of the flagged pixels, row by row. NaN: nothing honest can
        replace the pixel. None: nothing is to be replaced.
    variances : 1D `~numpy.ndarray` or None
        Their variances; None if the frame has no uncertainty.
    bit : int or 1D uint8 `~numpy.ndarray`
        Flag of the pixels that are replaced.
    not_examined : 2D bool `~numpy.ndarray`
        Pixels that were not looked at.
    suspects : 2D bool `~numpy.ndarray`, optional
        Pixels that stand out and were left alone.

    Returns
    -------
    cleaned : `~astropy.nddata.CCDData`
        Shares nothing with the input.
    counts : dict
        Cards with the numbers of cosmic rays, and of pixels flagged, replaced,
        kept, not examined.
    """
    out = _copy(ccd)
    out.mask = flagged if ccd.mask is None else np.asarray(ccd.mask, bool) | flagged
    at, _, n_objects = groups(flagged)
    replaced = np.zeros(at.size, dtype=bool)
    if values is not None:
        replaced = np.isfinite(values)
        out.data.ravel()[at[replaced]] = values[replaced]
        if ccd.uncertainty is not None:
            new = with_variance(ccd, np.where(replaced, variances, np.inf))
            with np.errstate(over="ignore"):
                out.uncertainty.array.ravel()[at] = new
    bits = np.where(replaced, bit, FLAG_NOT_REPLACED | bit & FLAG_COINCIDENT)
    _set_flags(out, ccd, at, bits, not_examined, suspects)
    counts = {
        "CCRNOBJ": n_objects,
        "CCRNPIX": replaced.size,
        "CCRNREPL": np.count_nonzero(replaced),
        "CCRNKEPT": replaced.size - np.count_nonzero(replaced),
        "CCRNEXAM": np.count_nonzero(not_examined),
    }
    return out, counts


def _copy(ccd):
    """All of a frame but its mask and flags: CCDData.copy copies noise twice."""
    out = type(ccd)(ccd)  # shares everything
    out.data = _own(ccd.data)
    if ccd.uncertainty is not None:
        out.uncertainty.array = _own(ccd.uncertainty.array)
    for name in ("meta", "wcs", "psf"):
        setattr(out, name, copy.deepcopy(getattr(ccd, name)))
    return out


def _own(given):
    """A copy in the floating type of the output."""
    given = np.asarray(given)
    return np.array(given, dtype=_float_dtype(given.dtype), order="C")


def owns_flags(ccd):
    """
    Whether the flags of a frame are those of an earlier run, or free to be set.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        The input of a cleaner.

    Returns
    -------
    owned : bool
        False if the caller keeps flags of another kind there.
    """
    if ccd.flags is None:
        return True
    dtype = getattr(ccd.flags, "dtype", None)
    return dtype == np.uint8 and ccd.meta.get("CCRFLAGS") is True


def _set_flags(out, ccd, at, bits, not_examined, suspects):
    if not owns_flags(ccd):
        out.flags = copy.deepcopy(ccd.flags)  # which CCDData.copy does not do
        return
    flags = not_examined.astype(np.uint8, order="C")
    flags *= FLAG_NOT_EXAMINED
    if ccd.flags is not None:
        flags |= ccd.flags
    # not what an earlier run has left alone, and this one has not
    old = flags.ravel()[at] & ~np.uint8(FLAG_SUSPECT)
    flags.ravel()[at] = old | bits.astype(np.uint8)
    if suspects is not None:
        flags.ravel()[np.flatnonzero(suspects)] |= FLAG_SUSPECT
    out.flags = flags
