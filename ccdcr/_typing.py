# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Names for the types of arguments that many functions take."""

import os
from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from astropy import units as u
from astropy.nddata import CCDData

__all__ = [
    "Image",
    "Keyword",
    "Labels",
    "PathLike",
    "Progress",
    "Region",
    "Saturation",
    "Shift",
    "Value",
]


class _Keyword(Protocol):
    """A card of the header with its unit, like ``ccdproc.Keyword``."""

    def value_from(self, header: Any) -> Any: ...


#: A number in the unit that the documentation says, or with its unit, or in a card.
Value: TypeAlias = float | u.Quantity | _Keyword
#: An image that goes with a frame.
Image: TypeAlias = CCDData | np.ndarray
#: FITS section, slices, boolean array, region of the package regions; or a list.
Region: TypeAlias = str | tuple[slice, slice] | np.ndarray | Sequence[Any] | Any
#: A level, a boolean array, or how to find the level.
Saturation: TypeAlias = Value | np.ndarray | Literal["auto"] | None
#: Rows and columns.
Shift: TypeAlias = tuple[float, float]
#: Whether to write cards, or which.
Keyword: TypeAlias = bool | dict[str, Any] | None
#: Numbers of detections in the table of a report.
Labels: TypeAlias = int | Sequence[int] | np.ndarray
#: Name of a file.
PathLike: TypeAlias = str | os.PathLike[str]
#: Is told what is being done.
Progress: TypeAlias = Callable[[str], object] | None
