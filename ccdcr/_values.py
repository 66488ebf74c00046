# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What is typed after an option, turned into what a function takes."""

import contextlib
import math
import re
from pathlib import Path

from astropy import units as u

from ccdcr._units import parse_unit

__all__ = [
    "card",
    "count",
    "duration",
    "hdu",
    "image_file",
    "picture",
    "plan",
    "positive",
    "region",
    "saturation",
    "table",
    "unit",
    "zero_or_more",
]

_FITS = {".fits", ".fit", ".fts", ".gz", ".fz"}


def _called(name):
    """Name a type as argparse will call it: "invalid <name> value"."""

    def rename(function):
        function.__name__ = name
        return function

    return rename


@_called("positive number")
def positive(text):
    """Check a number; argparse calls it, as all functions here."""
    number = float(text)
    if not 0 < number < math.inf:
        raise ValueError
    return number


@_called("number >= 0")
def zero_or_more(text):
    """Check a number that may be zero."""
    number = float(text)
    if not 0 <= number < math.inf:
        raise ValueError
    return number


@_called("whole number >= 1")
def count(text):
    """Check a number of things."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


@_called("level, mask file, auto or none")
def saturation(text):
    """Tell a level from the file of a mask and from words."""
    if text in {"auto", "none"}:
        return None if text == "none" else text
    try:
        number = float(text)
    except ValueError:
        if Path(text).suffix.lower() not in _FITS:
            raise
        return Path(text)
    return positive(number)


@_called("FITS section or .reg file")
def region(text):
    """Check a part of an image: a section, or a file of regions."""
    if Path(text).suffix.lower() == ".reg":
        return Path(text)
    if re.fullmatch(r"\[[\d\s:*]+,[\d\s:*]+\]", text) is None:
        raise ValueError
    return text


@_called("name of a FITS file")
def image_file(text):
    """Check the name of a file that holds an image."""
    path = Path(text)
    if path.suffix.lower() not in _FITS:
        raise ValueError
    return path


@_called("unit")
def unit(text):
    """Also as headers spell it: ADU, e-/sec."""
    return parse_unit(text).to_string()


@_called("time (30min, 1h)")
def duration(text):
    """Check a length of time; a bare number is in seconds."""
    time = u.Quantity(text)
    time = time * u.s if time.unit == u.dimensionless_unscaled else time
    if not 0 < time.to_value(u.s) < math.inf:
        raise ValueError
    return time


@_called("extension (SCI, SCI,2, 1 or all)")
def hdu(text):
    """Tell the name of an extension, with or without version, from its number."""
    name, comma, version = text.partition(",")
    if not name or (comma and not version.isdecimal()):
        raise ValueError
    return int(text) if text.isdecimal() else text


@_called("card KEY=VALUE (or none)")
def card(text):
    """Take a card apart; numbers are numbers."""
    if text == "none":
        return None
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise ValueError
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return key, kind(value)
    return key, {"T": True, "F": False}.get(value, value)


@_called("name that ends in .ecsv, .fits or .csv")
def table(text):
    """Check the name of a table."""
    if Path(text).suffix not in {".ecsv", ".fits", ".csv"}:
        raise ValueError
    return text


@_called("name that ends in .png, .pdf or .svg")
def picture(text):
    """Check the name of a figure."""
    if Path(text).suffix.lower() not in {".png", ".pdf", ".svg"}:
        raise ValueError
    return text


@_called("name that ends in .ecsv")
def plan(text):
    """Check the name of a plan."""
    if Path(text).suffix != ".ecsv":
        raise ValueError
    return text
