# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Measuring the shift between two exposures."""

from astropy.nddata import CCDData

from ccdcr._ccd import own_arithmetic, unpack
from ccdcr._frames import check_pair
from ccdcr._typing import Shift
from ccdcr.exceptions import ShiftError
from ccdcr.pixels.shift import cross_correlate, prepare, refine

__all__ = ["measure_shift"]

_LEAST = 20.0  # significance below which there is nothing to lock on


def measure_shift(ccd1: CCDData, ccd2: CCDData) -> tuple[Shift, float]:
    """
    Measure the shift between two exposures of the same field.

    Parameters
    ----------
    ccd1, ccd2 : `~astropy.nddata.CCDData`
        The exposures, of one shape, in units that convert into each other.

    Returns
    -------
    shift : tuple of float
        ``(dy, dx)`` in pixels: ``ccd1[y, x]`` shows what ``ccd2[y - dy, x - dx]``
        shows. It can be given to `cosmicray_pair`, which rounds it.
    significance : float
        Height of the peak of the cross-correlation, in sigma of its map.

    Raises
    ------
    ccdcr.ShiftError
        If the significance is below 20, or only one or two sources agree: there is
        too little in common.
    TypeError
        If a frame is not a CCDData of numbers.
    ValueError
        If the shapes differ.
    astropy.units.UnitsError
        If the units do not convert into each other.

    See Also
    --------
    cosmicray_pair

    Notes
    -----
    Plain cross-correlation of what is more than 3 sigma above the sky, clipped at 1000
    sigma. Bad columns and rows and single hot pixels, which do not move with the
    sky, are left out, as are masked and non-finite pixels. Sky lines along the slit
    give no shift along themselves: if a spectrum has nothing but them, the shift
    along the slit is 0 whatever it was.

    Examples
    --------
    >>> import ccdcr
    >>> from ccdcr import simulate
    >>> shifts = [(0, 0), (-4, 3)]
    >>> scene = simulate.imaging_scene(rng=1, shape=(300, 300), shifts=shifts)
    >>> (dy, dx), significance = ccdcr.measure_shift(*scene.exposures)
    >>> print(f"{dy:.1f} {dx:.1f}", significance > 20)
    -4.0 3.0 True
    """
    check_pair(ccd1, ccd2)
    with own_arithmetic():
        first, second = (prepare(*unpack(ccd)) for ccd in (ccd1, ccd2))
        shift, significance = cross_correlate(first, second)
    if not significance >= _LEAST:
        msg = (
            "the shift must be given: the exposures have too little in common to "
            f"measure it (significance {significance:.1f}, {_LEAST:g} is needed)"
        )
        raise ShiftError(msg)
    with own_arithmetic():
        return refine(first, second, shift), significance
