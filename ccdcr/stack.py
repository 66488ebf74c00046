# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Any number of exposures of the same: what one has and the others have not."""

from collections.abc import Sequence
from typing import Literal

from astropy.nddata import CCDData

from ccdcr._difference import difference_method
from ccdcr._options import AUTO_OR_0
from ccdcr._typing import Keyword, Region, Saturation, Shift, Value
from ccdcr.exceptions import shown

__all__ = ["cosmicray_stack"]


def cosmicray_stack(
    ccds: Sequence[CCDData],
    *,
    shifts: Sequence[Shift] | Literal["auto", "auto or 0"] | None = None,
    method: Literal["matched", "classic"] = "matched",
    sigma_peak: float | None = None,
    sigma_tail: float | None = None,
    grow: int | bool | None = None,
    max_size: int | None = None,
    region: Region | None = None,
    exclude: Region | None = None,
    scale: float | Literal["auto"] = "auto",
    gain: Value | None = None,
    readnoise: Value | None = None,
    saturation: Saturation = "auto",
    replacement: Literal["auto", "other", "local"] | None = "auto",
    add_keyword: Keyword = True,
) -> list[CCDData]:
    """
    Remove cosmic rays from two or more equivalent exposures by their differences.

    Each exposure is compared with up to four others, as `cosmicray_pair` compares
    two. A pixel is as significant as the middle one of them says: one bad exposure
    accuses none of the others. It is replaced by the mean of what those say that
    have no cosmic ray there.

    Parameters
    ----------
    ccds : sequence of `~astropy.nddata.CCDData`
        Two or more exposures: two-dimensional, of one shape, in units that convert
        into each other. With more than five, each is compared with its neighbours in
        this order: best that of time.
    shifts : sequence of tuple of float, 'auto' or None, optional
        ``(dy, dx)`` in pixels for each exposure, relative to the first, which has
        ``(0, 0)``: ``ccds[0][y, x]`` is compared with ``ccds[k][y - dy, x - dx]``.
        ``'auto'``: as `measure_shift` finds them; ``'auto or 0'`` as in
        `cosmicray_pair`. None: no shift.
    method : {'matched', 'classic'}, optional
        As in `cosmicray_pair`; ``'classic'`` is for two exposures only.
    sigma_peak, sigma_tail, grow, max_size : optional
        As in `cosmicray_pair`.
    region, exclude : optional
        As in `cosmicray_pair`, in pixels of the first exposure; they move with the
        shifts. What of another exposure lies outside of the first is left alone
        if either is given.
    scale : sequence of float or 'auto', optional
        For each exposure the flux of the first over its own, the first being 1;
        measured by default.
    gain, readnoise, saturation, replacement, add_keyword : optional
        As in `cosmicray_pair`.

    Returns
    -------
    cleaned : list of `~astropy.nddata.CCDData`
        New frames in the same order, not shifted; masks, uncertainties and flags as
        those of `cosmicray_pair`, which does the same for two, byte for byte.

    Raises
    ------
    TypeError
        If an argument is of a wrong kind.
    ValueError
        If there are fewer than two exposures, shapes or options do not fit, a shift
        leaves nothing to compare, or cannot be measured (`ShiftError`).
    astropy.units.UnitsError
        If units do not fit.

    Warns
    -----
    CosmicRayWarning
        As `cosmicray_pair`.

    See Also
    --------
    cosmicray_pair, measure_shift

    Notes
    -----
    Of an even number of others the lower of the middle two counts: of two, both
    must agree. Those that have a cosmic ray at a pixel themselves are not asked.
    Masked and non-finite pixels are never flagged, replaced or asked.

    The results can be combined by ``ccdproc.combine``. Replaced pixels are copies of
    what is in the others: their masks leave them out of the mean, so that no
    measurement is counted twice.

    Examples
    --------
    Three exposures of a flat sky of 100, one of them with a hit of three pixels:

    >>> import numpy as np
    >>> from astropy.nddata import CCDData
    >>> import ccdcr
    >>> rng = np.random.default_rng(1)
    >>> ccds = [CCDData(rng.normal(100, 5, (40, 50)), unit="adu") for _ in range(3)]
    >>> ccds[1].data[20, 10:13] += 2000
    >>> cleaned = ccdcr.cosmicray_stack(ccds, grow=0)
    >>> print([int(ccd.mask.sum()) for ccd in cleaned])
    [0, 3, 0]
    """
    if not isinstance(ccds, Sequence) or isinstance(ccds, str):
        msg = f"ccds must be a sequence of CCDData, got {type(ccds).__name__}"
        raise TypeError(msg)
    if len(ccds) < 2:
        msg = f"ccds must be two or more exposures, got {len(ccds)}"
        raise ValueError(msg)
    options = {
        "method": method,
        "sigma_peak": sigma_peak,
        "sigma_tail": sigma_tail,
        "grow": grow,
        "max_size": max_size,
        "region": region,
        "exclude": exclude,
        "scale": scale,
        "gain": gain,
        "readnoise": readnoise,
        "saturation": saturation,
        "replacement": replacement,
        "add_keyword": add_keyword,
    }
    names = [f"ccds[{k}]" for k in range(len(ccds))] + ["shifts"]
    shifts = _relative_to_first(shifts, len(ccds))
    return difference_method("cosmicray_stack", ccds, names, shifts, options)


def _relative_to_first(shifts, n):
    """Shift of each exposure after the first."""
    if shifts is None:
        return [(0, 0)] * (n - 1)
    if isinstance(shifts, str) and shifts in ("auto", AUTO_OR_0):
        return [shifts] * (n - 1)
    msg = (
        f"shifts must be 'auto' or {n} pairs (dy, dx) of which the first is (0, 0), "
        f"got {shown(shifts)}"
    )
    try:
        first, *others = shifts
        at_origin = tuple(first) == (0, 0)
    except (TypeError, ValueError):
        raise TypeError(msg) from None
    if not at_origin or len(others) != n - 1:
        raise ValueError(msg)
    return others
