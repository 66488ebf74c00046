# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Where a person says no to a detection: the pixels as they were."""

import contextlib
import copy
from numbers import Integral

import numpy as np
from astropy.nddata import CCDData

from ccdcr._ccd import OTHER_FLAGS, owns_flags, variance, with_variance
from ccdcr._frames import UNIT_POWER, check_pair
from ccdcr._log import note
from ccdcr._typing import Labels
from ccdcr.pixels.table import detections
from ccdcr.report import cosmicray_report

__all__ = ["restore_cosmicrays"]


def restore_cosmicrays(after: CCDData, before: CCDData, labels: Labels) -> CCDData:
    """
    Put detections back that are no cosmic rays.

    Parameters
    ----------
    after : `~astropy.nddata.CCDData`
        What a cleaner returned, also after a round trip through a file.
    before : `~astropy.nddata.CCDData`
        What the cleaner was given; of the same shape, in a unit that converts.
    labels : int or sequence of int
        Which ones: numbers from the column ``label`` of
        ``cosmicray_report(after, before).table``. What was left alone cannot be put
        back, as nothing was taken.

    Returns
    -------
    restored : `~astropy.nddata.CCDData`
        A copy of ``after``, with its dtype, in which the pixels of these detections
        have the data, uncertainty and mask that they had in ``before``, to the bit.

    Raises
    ------
    TypeError
        If a frame is not a CCDData of numbers, or the labels are no integers.
    ValueError
        If the shapes differ, a label is given twice or is not that of a cosmic ray, or
        ``before`` has no uncertainty and ``after`` has one.
    astropy.units.UnitsError
        If the units do not convert into each other.

    See Also
    --------
    cosmicray_report : the labels
    ccdcr.review.write_review : a page to choose them on

    Notes
    -----
    In ``flags`` these pixels lose the bits of cosmic rays (1, 2, 4, 8), not the others.
    The card CCRNREST counts what was put back, and HISTORY lists the labels; the other
    cards still tell what the cleaner did. Labels are those of this pair of frames:
    what is left is numbered anew.

    If the uncertainty of ``before`` is of another class than that of ``after``, or a
    unit differs, it is converted.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.nddata import CCDData
    >>> import ccdcr
    >>> ccd = CCDData(np.random.default_rng(1).normal(100, 5, (40, 50)), unit="adu")
    >>> ccd.data[20, 10:13] += 2000
    >>> ccd.data[30, 40] += 900
    >>> cleaned = ccdcr.cosmicray_median(ccd)
    >>> restored = ccdcr.restore_cosmicrays(cleaned, ccd, [2])
    >>> print(restored.data[30, 40] == ccd.data[30, 40], restored.mask[30, 40])
    True False
    >>> print(ccdcr.cosmicray_report(restored, ccd).n_cosmicrays)
    1
    """
    factor = check_pair(after, before, ("after", "before"))
    if after.uncertainty is not None and before.uncertainty is None:
        msg = "before must have an uncertainty if after has one, got none"
        raise ValueError(msg)
    report = cosmicray_report(after, before)
    numbers = _check(labels, report.n_cosmicrays, report.n_suspects)
    found = detections(np.flatnonzero(report.mask), report.mask.shape)
    wanted = np.isin(np.repeat(found.group, found.length), numbers - 1)
    at = np.unravel_index(found.at[wanted], report.mask.shape)
    out = after.copy()
    out.data = _own(out.data)
    out.data[at] = _values(before, at, factor, out.data.dtype)
    if after.uncertainty is not None:
        out.uncertainty.array = _own(out.uncertainty.array)
        out.uncertainty.array[at] = _uncertainty(after, before, at, factor)
    # what is not masked afterwards has no detections: there a mask of None is as good
    out.mask = report.mask.copy() if after.mask is None else np.array(after.mask, bool)
    out.mask[at] = False
    _clear_flags(out, after, at)
    _tell(out, numbers)
    return out


def _check(labels, n, n_suspects):
    """The labels, as a sorted array."""
    if isinstance(labels, Integral) and not isinstance(labels, bool):
        labels = [labels]
    given = _as_list(labels)
    for label in given:
        if not isinstance(label, Integral) or isinstance(label, bool | np.bool_):
            msg = f"labels must be integers, got {label!r:.40}"
            raise TypeError(msg)
        if not 1 <= label <= n + n_suspects:
            msg = f"labels must be from 1 to {n}, the cosmic rays found, got {label}"
            raise ValueError(msg)
        if label > n:
            msg = (
                f"labels must be of cosmic rays that were removed (1 to {n}), "
                f"got {label}: it was left alone, so there is nothing to put back"
            )
            raise ValueError(msg)
    unique = np.unique(np.array([int(label) for label in given], dtype=np.int64))
    if unique.size < len(given):
        msg = f"labels must be given once each, got {len(given) - unique.size} again"
        raise ValueError(msg)
    return unique


def _as_list(labels):
    if not isinstance(labels, str | bytes):  # which are iterable, too
        with contextlib.suppress(TypeError):
            return list(labels)
    msg = (
        "labels must be an integer or a sequence of integers, "
        f"got {type(labels).__name__}"
    )
    raise TypeError(msg)


def _own(array):
    """In native byte order and C order, as cleaners return it."""
    array = np.asarray(array)
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))


def _values(before, at, factor, dtype):
    given = np.asarray(before.data)[at]
    values = given if factor == 1 else given * np.float64(factor)
    with np.errstate(invalid="ignore", over="ignore"):
        new = values.astype(dtype)
    if dtype.kind != "f" and not np.array_equal(new, values):
        msg = f"after must have a dtype that holds the data of before, got {dtype}"
        raise ValueError(msg)
    return new


def _uncertainty(after, before, at, factor):
    """As before, bit by bit; converted where class or unit differ."""
    new, old = after.uncertainty, before.uncertainty
    power = UNIT_POWER[new.uncertainty_type]
    units = [
        ccd.unit**power if ccd.uncertainty.unit is None else ccd.uncertainty.unit
        for ccd in (after, before)
    ]
    if new.uncertainty_type == old.uncertainty_type and units[0] == units[1]:
        return np.asarray(old.array)[at]
    return with_variance(after, variance(before, at) * factor**2)


def _clear_flags(out, after, at):
    out.flags = copy.deepcopy(after.flags)  # which CCDData.copy does not do
    if out.flags is not None and owns_flags(after):
        out.flags = _own(out.flags)
        out.flags[at] &= OTHER_FLAGS


def _tell(out, labels):
    earlier = out.meta.get("CCRNREST", 0)
    earlier = earlier if isinstance(earlier, Integral) else 0
    text = " ".join(map(str, labels)) if labels.size else "none"
    cards = {"CCRNREST": labels.size + earlier}
    note(out, "restore_cosmicrays", cards, f"labels put back: {text}")
