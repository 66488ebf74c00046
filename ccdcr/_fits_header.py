# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Headers of cleaned images in files."""

import datetime
import os
import re

from ccdcr._log import CARDS

__all__ = ["for_card", "header_of"]

_OF_FILES = re.compile(r"CCR(IN|DS)\d+")  # names and checksums of inputs
_ROOM = 40  # characters of a text that leave room for a comment


def header_of(source, result, name, layout, stamp):
    """
    Make the header of a cleaned image: that of the source, and what was done.

    Parameters
    ----------
    source : `~ccdcr._fits.Source`
        The file that was read.
    result : `~ccdcr._fits_write.Result`
        What has become of the image.
    name : str
        Name of the new file.
    layout : `~ccdcr._layout.Layout`
        What the caller says about the file.
    stamp : str or None
        Text of the card CCRJOB.

    Returns
    -------
    header : `~astropy.io.fits.Header`
        Without what only says how the data are stored.
    """
    header = source.hdus[result.chip.number].header.copy(strip=True)
    if layout.unit is not None:
        header["BUNIT"] = result.after.unit.to_string()
    if "FILENAME" in header:
        header["FILENAME"] = for_card(name)
    for key in {key for key in header if key in CARDS or _OF_FILES.fullmatch(key)}:
        header.remove(key)  # cards describe the last run only
    _add_new_cards(header, result.before.meta, result.after.meta)
    if "CCRVER" in result.after.meta:
        _name_inputs(header, result.inputs)
    for key, value in (("CCRDQBIT", layout.dq_bit), ("CCRJOB", stamp)):
        if value is not None:
            header[key] = (value, CARDS[key])
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch is not None:
        date = datetime.datetime.fromtimestamp(int(epoch), datetime.UTC)
        header["DATE"] = (f"{date:%Y-%m-%dT%H:%M:%S}", "file creation (UTC)")
    return header


def for_card(name):
    r"""
    Write a name such that a card can hold it.

    Parameters
    ----------
    name : str
        Of a file, with any letters.

    Returns
    -------
    text : str
        What is not printable ASCII is there as ``\xfc``, as in Python.
    """
    return "".join(
        one if one.isascii() and one.isprintable() else ascii(one)[1:-1] for one in name
    )


def _add_new_cards(header, old, new):
    """Cards that were added or changed, and new lines of HISTORY."""
    there = {}  # a keyword may be there more than once
    for card in old.cards:
        there.setdefault(card.keyword, []).append(card.value)
    for card in new.cards:
        key = card.keyword
        same = card.value in there.get(key, ())
        if key in CARDS or not (same or key in ("", "COMMENT", "HISTORY")):
            header[key] = (card.value, card.comment)
    known = len(old["HISTORY"]) if "HISTORY" in old else 0
    for line in list(new.get("HISTORY", []))[known:]:
        header.add_history(line)


def _name_inputs(header, inputs):
    """Which files the image was made from, as cards and HISTORY."""
    for number, (name, checksum) in enumerate(inputs, 1):
        name = for_card(name)
        comment = "exposure that was used" if len(name) < _ROOM else ""
        header[f"CCRIN{number}"] = (name, comment)
        header[f"CCRDS{number}"] = (checksum, "DATASUM of its image")
        for line in (f"CCRIN{number}={name}", f"CCRDS{number}={checksum}"):
            header.add_history(f"  {line}")
