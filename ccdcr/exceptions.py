# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Warnings and errors; bad input raises TypeError, ValueError or UnitsError."""

import contextlib
import contextvars
import warnings

import numpy as np
from astropy.utils.exceptions import AstropyUserWarning

__all__ = [
    "CosmicRayWarning",
    "ShiftError",
    "collected",
    "shown",
    "warn",
    "warn_if_quantised",
]

_LONGEST = 80  # characters of a value in a message

# Who wants the texts instead: a variable of each thread, which filters are not.
_LISTENER = contextvars.ContextVar("ccdcr_listener", default=None)


class CosmicRayWarning(AstropyUserWarning):
    """A result was made, but the user should know something about it."""


class ShiftError(ValueError):
    """The shift between two exposures cannot be measured."""


def shown(value):
    """
    Show a value in a message, on one line of bounded length whatever it is.

    Parameters
    ----------
    value : object
        What the caller gave.

    Returns
    -------
    text : str
        Its representation if that is short; of arrays and frames else their shape.
    """
    try:
        text = " ".join(repr(value).split())
    except Exception:  # of whatever class: it is not the repr that is to be told of
        text = f"a {type(value).__name__}"
    if len(text) <= _LONGEST:
        return text
    if isinstance(getattr(value, "shape", None), tuple):
        return f"{type(value).__name__} of shape {value.shape}"
    return f"{text[:_LONGEST]}..."


def warn(message, *, stacklevel):
    """
    Warn the user, or tell who collects warnings in this thread.

    Parameters
    ----------
    message : str
        One sentence.
    stacklevel : int
        As for `warnings.warn`, of the function that calls this one.
    """
    texts = _LISTENER.get()
    if texts is None:
        warnings.warn(message, CosmicRayWarning, stacklevel=stacklevel + 1)
    else:
        texts.append(message)


@contextlib.contextmanager
def collected():
    """
    Collect the warnings of ccdcr in this thread, whatever the filters.

    Unlike `warnings.catch_warnings` it leaves other threads alone.

    Yields
    ------
    texts : list of str
        Filled while the context lasts.
    """
    texts = []
    token = _LISTENER.set(texts)
    try:
        yield texts
    finally:
        _LISTENER.reset(token)


def warn_if_quantised(sigma, n_flagged, examined):
    """
    Warn of a scatter of zero that made a large part of a frame look like hits.

    A few hits on a frame without any noise are no reason to warn.

    Parameters
    ----------
    sigma : float
        Robust standard deviation of the difference.
    n_flagged : int
        Pixels that were flagged.
    examined : 2D bool `~numpy.ndarray`
        Pixels that were looked at.
    """
    if sigma == 0 and n_flagged > max(100, 0.01 * np.count_nonzero(examined)):
        msg = (
            "most pixels do not differ at all, so the noise was measured as zero, and "
            f"{n_flagged} pixels were flagged: do not trust this result"
        )
        warn(msg, stacklevel=4)
