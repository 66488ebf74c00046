# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What the header of an exposure says: what it is, its set-up, when it was taken."""

import datetime
import math
import os
import re
import warnings
from pathlib import Path
from typing import NamedTuple

from astropy.io import fits
from astropy.utils.exceptions import AstropyUserWarning

from ccdcr._layout import chips_of

__all__ = [
    "KEYWORDS",
    "Exposure",
    "NotPlanned",
    "NotReadable",
    "is_fits_name",
    "look_at",
]

#: Keywords whose values must agree for two exposures to be equivalent.
KEYWORDS = (
    *("OBJECT", "IMAGETYP", "OBSTYPE", "PRODTYPE"),
    *("FILTER", "FILTER1", "FILTER2", "FILTER3"),
    *("XBINNING", "YBINNING", "CCDSUM", "CCDXBIN", "CCDYBIN", "BINNING"),
    *("TELESCOP", "INSTRUME", "DETECTOR", "CAMERA", "ARM"),
    *("CHIP", "CHIPID", "CCDNAME", "CCDNUM"),
    *("GRATING", "GRISM", "DISPERSR", "DISPERSER", "SLIT", "SLITWID", "SLITNAME"),
    *("READMODE", "RDMODE", "GAIN", "BUNIT"),
)

_EXPOSURE = ("EXPTIME", "EXPOSURE", "ITIME")
_TIMES = ("TIME-OBS", "UT", "UTC", "UTSTART", "UT-START")
_KIND = ("IMAGETYP", "OBSTYPE", "OBJECT")
_CALIBRATION = re.compile(
    r"(master )?(bias|zero|dark|((dome|sky|twilight|lamp|internal)[ -]?)?flat|arc|comp|"
    r"comparison|lamp|wave|focus)s?\b(?! (neb|cloud|gal))",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"[+-]?\d+\.?\d*")
_SUFFIXES = (".fits", ".fit", ".fts")
_BLOCK = 2880  # bytes; all parts of a FITS file are multiples of it
_EPOCH = 40587.0  # MJD of 1970


class NotPlanned(ValueError):  # noqa: N818 - nothing is wrong with some of them
    """Why an exposure is not in a plan."""


class NotReadable(NotPlanned):
    """Why a file is not in a plan that ought to be."""


class Exposure(NamedTuple):
    """What is known of a file before it is cleaned."""

    path: str
    setup: tuple  # equal for those that are equivalent
    exposure: float | None  # seconds
    start: float | None  # seconds since 1970
    name: str  # for people: object and filter
    texts: tuple = ()  # for people: values of keywords, exposure time, shape

    @property
    def end(self):
        """Seconds since 1970."""
        return self.start + (self.exposure or 0.0)


def is_fits_name(name):
    """
    Tell whether a name in a folder is that of an exposure.

    Parameters
    ----------
    name : str
        Without its folder.

    Returns
    -------
    answer : bool
        Whether it ends like that of a FITS file and is not hidden.
    """
    path = Path(name.lower())
    if path.suffix in {".gz", ".fz"}:
        path = path.with_suffix("")
    return path.suffix in _SUFFIXES and not name.startswith(".")


def look_at(path, keywords, calibration, layout):
    """
    Read what matters of the headers of a file.

    Parameters
    ----------
    path : str
        The file.
    keywords : sequence of str
        Which values tell the set-up.
    calibration : bool
        Whether frames that are no exposures of the sky are wanted, too.
    layout : `~ccdcr._layout.Layout`
        Which image is meant.

    Returns
    -------
    exposure : Exposure
        What it says.

    Raises
    ------
    NotPlanned
        If it is nothing to be cleaned.
    """
    header, shape = _header(path, layout)
    if "CCRVER" in header or "_crclean" in os.path.basename(path):
        msg = "a result of ccdcr"
        raise NotPlanned(msg)
    kind = next((str(header[key]) for key in _KIND if header.get(key)), "")
    if _CALIBRATION.match(kind.strip()) and not calibration:
        msg = f"a calibration frame ({kind.strip()}): combine those with clipping"
        raise NotPlanned(msg)
    setup = tuple(_plain(header.get(key)) for key in keywords)
    filters = [
        str(header[key])
        for key in keywords
        if key.startswith("FILTER") and key in header
    ]
    name = ", ".join(filter(None, [str(header.get("OBJECT", "")).strip(), *filters]))
    time = next((header[key] for key in _EXPOSURE if key in header), None)
    seconds = _number(time)
    start = _start(header)
    said = None if seconds is not None else _plain(time)  # "300 s" is not "600 s"
    texts = [str(header.get(key, "")).strip() for key in keywords]
    texts += ["" if time is None else str(time).strip(), str(shape)]
    return Exposure(path, (*setup, said, shape), seconds, start, name, tuple(texts))


def _header(path, layout):
    """Cards of the primary header and of the image, which win, and its shape."""
    if os.path.exists(path) and not os.path.isfile(path):
        msg = "not a file"  # to open a pipe would be to wait for ever
        raise NotPlanned(msg)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AstropyUserWarning)
            with fits.open(path, memmap=False) as hdus:
                chip = chips_of(hdus, layout, path)[0][0]
                image = hdus[chip.number]
                _check_length(hdus, chip.number, path)
                return dict(hdus[0].header) | dict(image.header), image.shape
    except NotPlanned:
        raise
    except FileNotFoundError:
        msg = "no such file"
        raise NotReadable(msg) from None
    except Exception as error:  # junk has many faces
        text = " ".join(str(error).split()) or type(error).__name__
        own = f"{path}: "
        if text.startswith(own):  # it is one, but not what is wanted
            raise NotPlanned(text.removeprefix(own)) from None
        msg = f"not a readable FITS file ({text})"
        raise NotReadable(msg) from None


def _check_length(hdus, index, path):
    """Refuse a file that was cut off, if that can be seen without reading it."""
    place = hdus.fileinfo(index)
    if getattr(place["file"], "compression", None) is not None:
        return
    size = hdus[index].size
    if isinstance(hdus[index], fits.CompImageHDU):  # which tells that of its pixels
        size = place["datSpan"] - _BLOCK + 1  # with its padding
    needed, there = place["datLoc"] + size, os.path.getsize(path)
    if there < needed:
        msg = f"not a complete FITS file ({there} of at least {needed} bytes)"
        raise NotReadable(msg)


def _plain(value):
    """A value such that those are equal that mean the same."""
    if isinstance(value, str):
        if _NUMBER.fullmatch(value.strip()):
            number = _plain(float(value))
            if number == float(value):  # else it is a name of many digits
                return number
        return " ".join(value.split()).casefold() or None
    if isinstance(value, int):
        return float(value)
    if isinstance(value, float):  # 1 and 1.0, and what was rounded
        return float(f"{value:.6g}")
    return None  # undefined


def _number(value):
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _start(header):
    """Seconds since 1970 at which the exposure began, or None."""
    text = str(header.get("DATE-OBS", "")).strip()
    day = re.fullmatch(r"\d{4}-\d\d-\d\d", text)
    clocks = (str(header[key]).strip() for key in _TIMES if key in header)
    clock = next((one for one in clocks if re.match(r"\d{1,2}:\d\d:\d\d", one)), None)
    if day and clock:
        text = f"{text}T{clock.zfill(len(clock) + (clock[1] == ':'))}"
    if not day or clock:
        try:
            date = datetime.datetime.fromisoformat(text.removesuffix("Z"))
        except ValueError:
            pass
        else:
            zone = date.tzinfo or datetime.UTC
            return date.replace(tzinfo=zone).timestamp()
    days = _number(header.get("MJD-OBS", header.get("MJD")))
    return None if days is None else 86400 * (days - _EPOCH)
