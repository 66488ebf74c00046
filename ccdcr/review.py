# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""A page on which a person says no to a detection, and the frame that obeys."""

import html
import json
from typing import Any

import numpy as np
from astropy.nddata import CCDData

from ccdcr import __version__
from ccdcr._decisions import checksum, rejected
from ccdcr._fits_write import check_targets
from ccdcr._frames import check_pair
from ccdcr._log import CARDS
from ccdcr._pages import as_text, make_page, write_page
from ccdcr._pictures import grey, limits, png, reduced, thumbnails
from ccdcr._typing import Image, PathLike
from ccdcr.report import CosmicRayReport, cosmicray_report
from ccdcr.restore import restore_cosmicrays

__all__ = ["apply_decisions", "write_review"]

_WIDEST = 1600  # pixels of the picture of the frame
_SIDE = 32  # pixels of a thumbnail
_PICTURED = 5000  # detections with thumbnails
_ABOUT = ("OBJECT", "DATE-OBS", "EXPTIME", "FILTER", "INSTRUME", "TELESCOP")
_BOX = ("bbox_xmin", "bbox_xmax", "bbox_ymin", "bbox_ymax")


def write_review(
    after: CCDData,
    before: CCDData,
    path: PathLike,
    *,
    title: str | None = None,
    dark: Image | None = None,
    overwrite: bool = False,
) -> CosmicRayReport:
    """
    Write a page on which detections are looked at, and rejected.

    Parameters
    ----------
    after : `~astropy.nddata.CCDData`
        What a cleaner returned, also after a round trip through a file.
    before : `~astropy.nddata.CCDData`
        What the cleaner was given; of the same shape, in a unit that converts.
    path : path-like
        Where the page goes: one HTML file that needs nothing else, no network either.
    title : str, optional
        Heading of the page; by default the object of the header.
    dark : `~astropy.nddata.CCDData` or `~numpy.ndarray`, optional
        A dark frame, as for `~ccdcr.cosmicray_report`.
    overwrite : bool, optional
        Whether a file of this name may be replaced.

    Returns
    -------
    report : `~ccdcr.CosmicRayReport`
        What is listed on the page.

    Raises
    ------
    OSError
        If the file cannot be written, or exists and may not be replaced.
    TypeError
        If a frame is not a CCDData of numbers, or the title is no text.
    ValueError
        If the shapes differ.
    astropy.units.UnitsError
        If the units do not convert into each other.

    See Also
    --------
    apply_decisions, ccdcr.restore_cosmicrays, ccdcr.cosmicray_report

    Notes
    -----
    Any browser opens the page from disk. It shows the frame before and after with one
    grey scale; frames of more than 1600 pixels on a side are reduced by means of
    blocks. Up to 5000 detections have pictures of their own, those in doubt, then the
    largest first. Decisions stay in the browser and are saved as a small file, which
    `apply_decisions` takes. The page appears under its name when it is complete.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.nddata import CCDData
    >>> import ccdcr
    >>> from ccdcr import review
    >>> ccd = CCDData(np.random.default_rng(1).normal(100, 5, (40, 50)), unit="adu")
    >>> ccd.data[20, 10:13] += 2000
    >>> cleaned = ccdcr.cosmicray_median(ccd)
    >>> report = review.write_review(cleaned, ccd, "review.html")  # doctest: +SKIP
    """
    factor = check_pair(after, before, ("after", "before"))
    if title is not None and not isinstance(title, str):
        msg = f"title must be a text or None, got {type(title).__name__}"
        raise TypeError(msg)
    check_targets([], [path], overwrite)
    report = cosmicray_report(after, before, dark=dark)
    given = np.asarray(before.data)
    given = given if factor == 1 else given * np.float64(factor)
    content = _content(report, after, given, checksum(after, before))
    title = f"Cosmic rays {after.meta.get('OBJECT', '')}" if title is None else title
    write_page(path, _page(title.strip(), str(report), content))
    return report


def apply_decisions(
    after: CCDData, before: CCDData, decisions: PathLike | dict[str, Any]
) -> CCDData:
    """
    Put back what was rejected on a review page.

    Parameters
    ----------
    after, before : `~astropy.nddata.CCDData`
        The frames that the page was made of, also read from files.
    decisions : path-like or dict
        The file that the page has saved, or what is in it.

    Returns
    -------
    restored : `~astropy.nddata.CCDData`
        As from `~ccdcr.restore_cosmicrays`.

    Raises
    ------
    OSError
        If the file cannot be read.
    TypeError
        If a frame is no CCDData of numbers, or ``decisions`` neither path nor dict.
    ValueError
        If the decisions are of another frame, or were not saved by a review page.

    See Also
    --------
    write_review, ccdcr.restore_cosmicrays

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.nddata import CCDData
    >>> import ccdcr
    >>> from ccdcr import review
    >>> ccd = CCDData(np.random.default_rng(1).normal(100, 5, (40, 50)), unit="adu")
    >>> cleaned = ccdcr.cosmicray_median(ccd)
    >>> decisions = {"ccdcr": "0.1", "frame": 64 * "0", "rejected": [1]}
    >>> review.apply_decisions(cleaned, ccd, decisions)
    Traceback (most recent call last):
        ...
    ValueError: decisions must be of this frame and what it was made from, got ...
    """
    check_pair(after, before, ("after", "before"))
    labels = rejected(decisions, checksum(after, before))
    return restore_cosmicrays(after, before, labels)


def _content(report, after, given, frame):
    """All that the page shows, as what JSON can hold."""
    cleaned = np.asarray(after.data)
    scale = limits(cleaned)
    step = -(-max(cleaned.shape) // _WIDEST)
    table = report.table
    chosen = _pictured(table)
    notes = [_note_on_scale(scale, after.unit)]
    if step > 1:
        notes.append(
            f"The frame is reduced: each of its pixels is the mean of {step} x {step}. "
            "Detections have their pixels in their own pictures."
        )
    if len(chosen) < len(table):
        notes.append(
            f"{len(chosen)} of {len(table)} detections have pictures of their own: "
            "those in doubt, then those with the most pixels."
        )
    return {
        "ccdcr": __version__,
        "frame": frame,
        "shape": cleaned.shape,
        "removed": report.n_cosmicrays,
        "columns": _columns(table),
        "cards": _cards(after.meta),
        "notes": notes,
        "step": step,
        "before": as_text(png(grey(reduced(given, step), *scale))),
        "after": as_text(png(grey(reduced(cleaned, step), *scale))),
        "thumbnails": _thumbnails(report, given, cleaned, chosen, scale),
    }


def _note_on_scale(scale, unit):
    low, high = (f"{value:.4g}" for value in scale)
    return f"White is {low} and below, black {high} and above, in {unit or 'no unit'}."


def _pictured(table):
    """Rows of the table that get pictures, in ascending order."""
    doubtful = np.array([text != "" for text in table["suspect"]], dtype=bool)
    order = np.lexsort((-np.asarray(table["n_pixels"]), ~doubtful))
    return np.sort(order[:_PICTURED])


def _thumbnails(report, given, cleaned, chosen, scale):
    table = report.table[chosen]
    boxes = np.array([np.asarray(table[name]) for name in _BOX]).T
    labels, numbers = report.segmentation.data, np.asarray(table["label"])
    cut = thumbnails(given, cleaned, labels, numbers, boxes, side=_SIDE, scale=scale)
    # one change: place and owner in two bytes, level in the third
    changes = np.zeros((cut.place.size, 3), dtype=np.uint8)
    where = cut.place + 0x8000 * cut.own
    changes.T[:] = where & 0xFF, where >> 8, cut.level
    return {
        "side": _SIDE,
        "rows": chosen.tolist(),
        "y": cut.corner[:, 0].tolist(),
        "x": cut.corner[:, 1].tolist(),
        "step": cut.step.tolist(),
        "levels": as_text(cut.levels.tobytes()),
        "start": cut.start.tolist(),
        "changes": as_text(changes.tobytes()),
    }


def _columns(table):
    """Whatever columns there are, with their units."""
    columns = []
    for name in table.colnames:
        column = table[name]
        values = getattr(column, "value", column)  # of a quantity
        missing = np.broadcast_to(getattr(values, "mask", False), len(table))
        values = np.asarray(getattr(values, "unmasked", np.ma.getdata(values)))
        unit = getattr(column, "unit", None)
        if values.ndim != 1 or values.dtype.kind not in "biufU":
            continue
        kinds = {"b": "truth", "U": "text"}
        columns.append(
            {
                "name": name,
                "unit": "" if unit is None else unit.to_string(),
                "kind": kinds.get(values.dtype.kind, "number"),
                "values": [
                    None if no else _plain(value)
                    for value, no in zip(values.tolist(), missing, strict=True)
                ],
            }
        )
    return columns


def _plain(value):
    """Numbers with six digits: enough to read, and half of the file."""
    if isinstance(value, float):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return value


def _cards(meta):
    keys = [key for key in (*_ABOUT, *CARDS) if key in meta]
    return [[key, str(meta[key]), CARDS.get(key, "")] for key in keys]


def _page(title, summary, content):
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    for character in "<>&":  # nothing can end the element that holds it
        text = text.replace(character, f"\\u{ord(character):04x}")
    parts = {"title": html.escape(title), "summary": _lines(summary)}
    return make_page("review", {**parts, "content": text})


def _lines(text):
    return html.escape(text).replace("\n", "<br>")
