# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What was done, as cards and HISTORY in the meta of the result."""

import math
import re
import textwrap
from numbers import Real

import numpy as np
from astropy.io import fits

from ccdcr import __version__
from ccdcr._ccd import owns_flags
from ccdcr.exceptions import shown

__all__ = ["CARDS", "check_add_keyword", "detection_cards", "note", "record"]

_WIDTH = 72  # characters that fit on a HISTORY card
_KEYWORD = re.compile(r"[A-Za-z0-9_-]{1,8}")
_LONGEST = 65  # characters of a text that fit on a card

#: Every card that is ever written, with its comment, in the order of the header.
CARDS = {
    "CCRVER": "version of ccdcr",
    "CCRFUNC": "function that removed cosmic rays",
    "CCRMETH": "method",
    "CCRIMAGE": "which image of the set this is",
    "CCRNIMG": "number of images of the set",
    "CCRDY": "[pix] shift along y that was applied",
    "CCRDX": "[pix] shift along x that was applied",
    "CCRDYREQ": "[pix] shift along y as given or measured",
    "CCRDXREQ": "[pix] shift along x as given or measured",
    "CCRSHSIG": "[sigma] significance of a measured shift",
    "CCROVER": "part of this image that was compared",
    "CCRSIZEY": "[pix] rows of the median window",
    "CCRSIZEX": "[pix] columns of the median window",
    "CCRREF": "model that was subtracted",
    "CCRPEAK": "[sigma] threshold of peaks",
    "CCRTAIL": "[sigma] threshold of tails",
    "CCRGROW": "[pix] rows of neighbours that were taken in",
    "CCRDISP": "numpy axis of the dispersion",
    "CCRMAXSZ": "[pix] largest detection that is removed",
    "CCRSCLIP": "LACosmic sigclip",
    "CCRSFRAC": "LACosmic sigfrac",
    "CCROBJL": "LACosmic objlim",
    "CCRNITER": "LACosmic largest number of iterations",
    "CCRSEPM": "LACosmic sepmed",
    "CCRCLEAN": "LACosmic cleantype",
    "CCRFSMOD": "LACosmic fsmode",
    "CCRPSFM": "LACosmic psfmodel",
    "CCRPSFW": "[pix] LACosmic psffwhm",
    "CCRPSFS": "[pix] LACosmic psfsize",
    "CCRPSFK": "LACosmic psfk",
    "CCRPSFB": "LACosmic psfbeta",
    "CCRINBKG": "LACosmic inbkg",
    "CCRGAIN": "[electron/data unit] gain of the noise model",
    "CCRRDN": "[electron] read noise of the noise model",
    "CCRSATUR": "saturation",
    "CCRSATHO": "where the saturation came from",
    "CCRREG": "region that was cleaned",
    "CCREXCL": "region that was left alone",
    "CCRREPL": "replacement",
    "CCRNOISE": "where the noise came from",
    "CCRLEVEL": "[data unit] median of the difference",
    "CCRSIGMA": "[data unit] robust sigma of the difference",
    "CCRNPEAK": "separate peaks above the threshold",
    "CCRNTAIL": "separate tails above the threshold",
    "CCRNOBJ": "cosmic rays: groups of pixels that touch",
    "CCRNBIG": "detections left alone for their size",
    "CCRNPIX": "pixels flagged as cosmic rays",
    "CCRNREPL": "pixels flagged and replaced",
    "CCRNKEPT": "pixels flagged and not replaced",
    "CCRSCALE": "flux of the first image over that of the second",
    "CCRSCLHO": "how the flux scale was found",
    "CCRNOISF": "scatter over noise",
    "CCRCONTR": "least contrast of a peak to fine structure",
    "CCRMISRG": "[pix] mismatch of sources in position",
    "CCRCHANG": "fractional change of sources",
    "CCRCOEXP": "pixels hit in both by chance: expected only",
    "CCRNCOIN": "pixels hit in both images, found",
    "CCRNSUSP": "pixels left alone: they look like sources",
    "CCRDENS": "density of detections on sources over others",
    "CCRNEXAM": "pixels that were not examined",
    "CCRNREST": "cosmic rays put back since",
    "CCRWARN": "what was warned of",
    "CCRDQBIT": "bit of cosmic rays in the DQ extension",
    "CCRJOB": "the job of a batch that made this",
    "CCRFLAGS": "were CCDData.flags set by ccdcr",
}


def detection_cards(found):
    """
    Cards of the counts of a detection.

    Parameters
    ----------
    found : `~ccdcr.pixels.detect.Detection`
        What was found.

    Returns
    -------
    cards : dict
        Values for some keys of `CARDS`.
    """
    return {
        "CCRNPEAK": found.n_peaks,
        "CCRNTAIL": found.n_tails,
        "CCRNBIG": found.n_too_large,
    }


def check_add_keyword(add_keyword):
    """
    Refuse an `add_keyword` that could not be written to a header.

    Parameters
    ----------
    add_keyword : object
        What the caller gave.

    Raises
    ------
    TypeError
        If it is not True, False, None or a dict.
    ValueError
        If a card of the dict does not go into a FITS header.
    """
    if add_keyword is None or isinstance(add_keyword, bool):
        return
    if not isinstance(add_keyword, dict):
        msg = (
            "add_keyword must be True, False, None or a dict of cards, "
            f"got {type(add_keyword).__name__}"
        )
        raise TypeError(msg)
    for key, value in add_keyword.items():
        value, comment = value if _is_commented(value) else (value, "")
        text = isinstance(value, str) and value.isascii() and value.isprintable()
        number = isinstance(value, Real) and math.isfinite(value)
        good_key = isinstance(key, str) and _KEYWORD.fullmatch(key)
        if not (good_key and (value is None or number or (text and len(value) <= 68))):
            msg = (
                "add_keyword must hold FITS cards (keys of up to 8 characters; finite "
                f"numbers, short ASCII texts or None), got {shown(key)}: {shown(value)}"
            )
            raise ValueError(msg)
        if not (isinstance(comment, str) and comment.isascii()):
            msg = f"add_keyword must have comments of ASCII text, got {shown(comment)}"
            raise ValueError(msg)


def _is_commented(value):
    return isinstance(value, tuple) and len(value) == 2


def record(out, before, function, cards, add_keyword):
    """
    Write what was done into the meta of the result.

    Parameters
    ----------
    out, before : `~astropy.nddata.CCDData`
        The result, whose meta is changed, and the input it was made from.
    function : str
        Name of the public function.
    cards : dict
        Values for some keys of `CARDS`.
    add_keyword : bool, None or dict
        True: write them. False or None: write nothing. A dict: write it instead.
    """
    is_header = isinstance(out.meta, fits.Header)
    if isinstance(add_keyword, dict):
        for key, value in add_keyword.items():
            value, comment = value if _is_commented(value) else (value, "")
            out.meta[key] = _card(value, comment) if is_header else value
        return
    if not add_keyword:
        return
    cards = {"CCRVER": __version__, "CCRFUNC": function, **cards}
    cards["CCRFLAGS"] = owns_flags(before)
    for key in CARDS:  # cards describe the last run only
        if key in out.meta:
            del out.meta[key]
    for key in [key for key in CARDS if key in cards]:
        value = _plain(cards[key])
        if isinstance(value, str) and len(value) > _LONGEST:
            value = value[: _LONGEST - 3] + "..."
        out.meta[key] = _card(value, CARDS[key]) if is_header else value
    _add_history(out, _history(function, cards))


def note(out, function, cards, text):
    """
    Write what was done to a result since; cards of the run before are kept.

    Parameters
    ----------
    out : `~astropy.nddata.CCDData`
        The frame, whose meta is changed.
    function : str
        Name of the public function.
    cards : dict
        Values for some keys of `CARDS`.
    text : str
        For HISTORY, of any length.
    """
    for key, value in cards.items():
        value = _plain(value)
        is_header = isinstance(out.meta, fits.Header)
        out.meta[key] = _card(value, CARDS[key]) if is_header else value
    lines = textwrap.wrap(_plain(text), _WIDTH - 2, break_on_hyphens=False)
    heading = f"ccdcr {__version__} {function}"
    _add_history(out, [heading, *(f"  {line}" for line in lines)])


def _add_history(out, lines):
    if isinstance(out.meta, fits.Header):
        for line in lines:
            out.meta.add_history(line)
    else:
        out.meta["HISTORY"] = _appended(out.meta.get("HISTORY"), lines)


def _card(value, comment):
    """With the comment where there is room for it: a cut comment is a warning."""
    room = 65 - len(value) if isinstance(value, str) else 47
    return (value, comment) if len(comment) <= room else value


def _history(function, cards):
    """One heading, then every value: readable, and no line longer than a card."""
    values = " ".join(
        # only the spaces between the values may be broken at
        f"{key}={_plain(value)}".replace(" ", "\N{NO-BREAK SPACE}")
        for key, value in cards.items()
        if key not in ("CCRVER", "CCRFUNC")
    )
    lines = textwrap.wrap(values, _WIDTH - 2, break_on_hyphens=False)
    lines = [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]
    return [f"ccdcr {cards['CCRVER']} {function}", *(f"  {line}" for line in lines)]


def _appended(history, lines):
    """
    HISTORY of a dict, as a text that astropy can write.

    astropy cuts a long text into cards of 72 characters: filled up to that, each
    line gets a card of its own.
    """
    text = "".join(line.ljust(_WIDTH) for line in lines)
    if not history:
        return text
    if isinstance(history, list):
        return [*history, *lines]
    history = str(history)
    return history.ljust(-(-len(history) // _WIDTH) * _WIDTH) + text


def _plain(value):
    """A number, bool or ASCII text; 'none' for None and for what is not finite."""
    if value is None:
        return "none"
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else "none"
    return " ".join(str(value).encode("ascii", "replace").decode().split())
