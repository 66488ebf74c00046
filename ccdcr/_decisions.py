# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What a person decided on a review page: a small JSON, tied to its frame."""

import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Mapping

import numpy as np

__all__ = ["checksum", "rejected"]

_LARGEST = 10_000_000  # bytes of a file: a million labels


def checksum(after, before):
    """
    Tell frames apart, in memory or read from a file.

    Parameters
    ----------
    after, before : `~astropy.nddata.CCDData`
        Checked frames.

    Returns
    -------
    digest : str
        SHA-256 of the data of both and the mask of ``after``.
    """
    digest = hashlib.sha256()
    mask = np.zeros(after.data.shape, bool) if after.mask is None else after.mask
    images = (after.data, np.asarray(mask, dtype=bool), before.data)
    for image in map(np.asarray, images):
        # neither byte order nor order in memory is part of what a frame is
        little = image.dtype.newbyteorder("<")
        digest.update(f"{little.str} {image.shape}\n".encode())
        digest.update(np.ascontiguousarray(image, dtype=little).data.cast("B"))
    return digest.hexdigest()


def rejected(decisions, frame):
    """
    Labels that were rejected.

    Parameters
    ----------
    decisions : path-like or dict
        A file that a review page has saved, or what is in it.
    frame : str
        Checksum of the frame they must be of.

    Returns
    -------
    labels : list of int
        Positive and different; whether there are such detections is not checked.

    Raises
    ------
    TypeError
        If it is neither a path nor a dict.
    ValueError
        If it is no such file, or of another frame.
    """
    if isinstance(decisions, str | os.PathLike):
        decisions = _load(decisions)
    elif not isinstance(decisions, Mapping):
        msg = f"decisions must be a path or a dict, got {type(decisions).__name__}"
        raise TypeError(msg)
    for key, kind in (("ccdcr", str), ("frame", str), ("rejected", list)):
        if not isinstance(decisions.get(key), kind):
            what = "a text" if kind is str else "a list"
            got = type(decisions[key]).__name__ if key in decisions else "none"
            msg = f"decisions must have {what} as {key!r}, got {got}"
            raise ValueError(msg)  # noqa: TRY004 - of a file it is the content
    given = decisions["frame"]
    if not re.fullmatch("[0-9a-f]{64}", given):
        msg = f"decisions must have a SHA-256 as 'frame', got {given!r:.80}"
        raise ValueError(msg)
    if given != frame:
        msg = (
            "decisions must be of this frame and what it was made from, got those of "
            f"another one ({given[:8]}..., this is {frame[:8]}...)"
        )
        raise ValueError(msg)
    return _labels(decisions["rejected"])


def _labels(labels):
    for label in labels:
        if type(label) is not int or label < 1:  # True is an int, too
            msg = f"decisions must list positive integers, got {label!r:.40}"
            raise ValueError(msg)
    if len(set(labels)) < len(labels):
        twice = Counter(labels).most_common(1)[0][0]
        msg = f"decisions must list a label once, got {twice} again"
        raise ValueError(msg)
    return labels


def _load(path):
    """Read with suspicion: the file may have come by mail."""
    with open(path, "rb") as file:
        text = file.read(_LARGEST + 1)
    if len(text) > _LARGEST:
        msg = f"{path}: decisions must be a file of at most {_LARGEST} bytes, got more"
        raise ValueError(msg)
    try:
        found = json.loads(
            text.decode("utf-8-sig"),
            parse_constant=_refuse_constant,
            object_pairs_hook=_once,
        )
    except RecursionError:
        msg = f"{path}: decisions must be plain JSON, got lists within lists"
        raise ValueError(msg) from None
    except ValueError as error:
        msg = f"{path}: decisions must be JSON that a review page saved, got: {error}"
        raise ValueError(msg) from None
    if not isinstance(found, dict):
        msg = f"{path}: decisions must be a JSON object, got {type(found).__name__}"
        raise ValueError(msg)  # noqa: TRY004 - as above
    return found


def _refuse_constant(name):
    msg = f"{name} is no JSON"
    raise ValueError(msg)


def _once(pairs):
    found = dict(pairs)
    if len(found) < len(pairs):
        msg = "a key is there twice"
        raise ValueError(msg)
    return found
