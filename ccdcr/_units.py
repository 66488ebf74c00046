# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Units as headers spell them."""

import contextlib
import re

from astropy import units as u

__all__ = ["parse_unit"]

# words of headers, and how units call them
_WORDS = (
    (r"(?<![a-z])counts?(?![a-z])|(?<![a-z])cts?(?![a-z])", "ct"),
    (r"(?<![a-z])(electrons?|e-|e)(?![a-z\d+-])", "electron"),
    (r"(?<![a-z])adus?(?![a-z])|data[ _]numbers?", "adu"),
    (r"(?<![a-z])photons?(?![a-z])", "photon"),
    (r"(?<![a-z])(seconds?|secs?)(?![a-z])", "s"),
    (r"(?<=[a-z)])\s*(\^|\*\*)?\s*\(?-1\)?$", "**-1"),
)


def parse_unit(text):
    """
    Read a unit also as headers spell it: ``ADU``, ``COUNTS``, ``e-/sec``.

    Parameters
    ----------
    text : str
        What a card or a person says.

    Returns
    -------
    unit : `~astropy.units.Unit`
        ADU and DN are `~astropy.units.adu` and ``DN``, counts are ``ct``.

    Raises
    ------
    ValueError
        If it is no unit.
    """
    with contextlib.suppress(ValueError):
        return u.Unit(text)
    lower = text.strip().lower()
    for pattern, word in _WORDS:
        lower = re.sub(pattern, word, lower)
    with contextlib.suppress(ValueError):
        return u.Unit(re.sub(r"\bdn\b", "DN", lower))
    msg = f"unit must be a unit, got {text!r}"
    raise ValueError(msg)
