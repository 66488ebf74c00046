# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Pages that need nothing else: one file, in which only our own script may run."""

import base64
import hashlib
import os
import re
import uuid
from importlib import resources
from pathlib import Path

__all__ = ["as_text", "make_page", "write_page"]


def make_page(name, parts):
    """
    Put a page together.

    Parameters
    ----------
    name : str
        Name of its HTML, its style and its script in the folder ``data``.
    parts : dict of str
        What goes in place of ``@@key@@``: HTML, in which all texts from elsewhere are
        escaped.

    Returns
    -------
    page : str
        A policy in it forbids all but its own style and script, by their hashes.
    """
    files = resources.files("ccdcr") / "data"
    page, style, script = (
        (files / f"{name}.{kind}").read_text(encoding="utf-8")
        for kind in ("html", "css", "js")
    )
    policy = (
        f"default-src 'none'; img-src data:; style-src {_hash(style)}; "
        f"script-src {_hash(script)}; base-uri 'none'; form-action 'none'"
    )
    parts = {**parts, "policy": policy, "style": style, "script": script}
    # in one pass: what is put in is not looked through again
    return re.sub("@@([a-z]+)@@", lambda found: parts[found[1]], page)


def as_text(content):
    """
    Write bytes with letters.

    Parameters
    ----------
    content : bytes
        For example a picture.

    Returns
    -------
    text : str
        Base64.
    """
    return base64.b64encode(content).decode()


def _hash(text):
    """What a browser compares an element with before it obeys it."""
    return f"'sha256-{as_text(hashlib.sha256(text.encode()).digest())}'"


def write_page(path, text):
    """
    Write a file that appears under its name when it is complete.

    Parameters
    ----------
    path : path-like
        Where to; what is there is replaced.
    text : str
        What is in it.
    """
    target = Path(os.path.realpath(path))  # links stay
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        how = {"encoding": "utf-8", "errors": "backslashreplace", "newline": "\n"}
        with temporary.open("x", **how) as file:  # names of files need not be UTF-8
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
