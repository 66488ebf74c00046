# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""A page that shows a night: which frames were cleaned, and which need a look."""

import html
import math
import os
import statistics
from collections import Counter
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from ccdcr._outliers import compare
from ccdcr._pages import as_text, make_page, write_page

__all__ = ["write_index"]

_HEADS = (
    ("before and after", ""),
    ("frame", "text"),
    ("group", "text"),
    ("method", "text"),
    ("cosmic rays", "number"),
    ("pixels", "number"),
    ("%", "number"),
    ("per cm² and minute", "number"),
    ("on sources over others", "number"),
    ("seconds", "number"),
    ("what", "text"),
)
_KINDS = ("failed", "unusual", "warned", "")  # in this order
_DECADES = 2.0  # of the plot, up and down
_SIZE = 1000, 200  # of the plot, in its own units
_FEWEST = 4  # frames of a plot


class _Row(NamedTuple):
    """A frame, or all of a job that has failed."""

    record: object
    frame: int | None
    kind: str
    ratio: float
    reason: str


def write_index(path, records, *, title):
    """
    Write a page that shows what became of a night.

    Parameters
    ----------
    path : path-like
        Where the page goes; what is there is replaced. Results are linked relative to
        its folder.
    records : iterable of `~ccdcr.batch.Record`
        What became of the jobs.
    title : str
        Heading of the page.

    Notes
    -----
    What failed comes first, then frames with far more or fewer cosmic rays than
    comparable ones, then those with warnings. Names, groups, messages and the title are
    texts and nothing else, whatever is in them.
    """
    records = list(records)
    rows = []
    for record, comparisons in zip(records, compare(records), strict=True):
        if record.status == "failed":
            rows.append(_Row(record, None, "failed", math.nan, ""))
        for frame, (ratio, reason) in enumerate(comparisons):
            kind = "unusual" if reason else "warned" if record.warnings else ""
            rows.append(_Row(record, frame, kind, ratio, reason))
    folder = Path(os.path.realpath(path)).parent
    order = sorted(range(len(rows)), key=lambda k: _KINDS.index(rows[k].kind))
    parts = {
        "title": html.escape(title),
        "summary": html.escape(_summary(records, rows)),
        "plot": _plot(rows),
        "head": "".join(_head(name, kind) for name, kind in _HEADS),
        "rows": "\n".join(_row(rows[k], k, folder) for k in order),
    }
    write_page(path, make_page("night", parts))


def _summary(records, rows):
    counts = Counter(record.status for record in records)
    said = [f"{counts[word]} {word}" for word in ("done", "skipped", "failed")]
    numbers = [n for record in records for n in record.n_cosmicrays]
    text = f"{_plural(len(records), 'job')}: {', '.join(said)}."
    if numbers:
        text += f" {_plural(len(numbers), 'frame')}, in the middle one "
        text += f"{_plural(round(statistics.median(numbers)), 'cosmic ray')}."
    alone = sum(row.frame is not None and math.isnan(row.ratio) for row in rows)
    if alone:
        text += f" {_plural(alone, 'frame')} {'has' if alone == 1 else 'have'} too few "
        text += "others to be compared with."
    kinds = Counter(row.kind for row in rows)
    if kinds["unusual"]:
        text += f" {kinds['unusual']} unusual."
    if kinds["warned"]:
        text += f" {kinds['warned']} with warnings."
    return text


def _plural(n, word):
    return f"{n} {word}{'' if n == 1 else 's'}"


def _head(name, kind):
    number = ' class="number"' if kind == "number" else ""
    return f'<th scope="col"{number}{" data-sort" if kind else ""}>{name}</th>'


def _row(row, k, folder):
    record, frame = row.record, row.frame
    failed = frame is None
    known = not failed and frame < len(record.on_sources)
    density = record.on_sources[frame] if known else None
    cells = [
        f'<td class="picture">{_picture(record, frame)}</td>',
        f'<th scope="row">{_names(record, frame, folder)}</th>',
        f'<td data-name="group">{html.escape(record.job.group)}</td>',
        f'<td data-name="method">{html.escape(_method(record.job))}</td>',
        _number("cosmic rays", None if failed else record.n_cosmicrays[frame], "d"),
        _number("pixels", None if failed else record.n_pixels[frame], "d"),
        _number("%", None if failed else 100 * record.fraction[frame], ".2g"),
        _number("per cm² and minute", None if failed else record.rate[frame], ".3g"),
        _number("on sources over others", density, ".2g"),
        _number("seconds", record.seconds, ".1f"),
        f'<td class="notes">{_notes(row)}</td>',
    ]
    cells[4] = cells[4].replace('class="number"', 'class="number count"')
    return f'<tr id="f{k}" class="{row.kind}">{"".join(cells)}</tr>'


def _picture(record, frame):
    if frame is None or not record.thumbnails or frame >= len(record.thumbnails):
        return ""
    picture = record.thumbnails[frame]
    if picture is None:
        return ""
    alt = html.escape(f"{Path(record.job.outputs[frame]).name} before and after")
    return f'<img alt="{alt}" src="data:image/png;base64,{as_text(picture)}">'


def _names(record, frame, folder):
    job = record.job
    if frame is None:
        return "<br>".join(html.escape(Path(path).name) for path in job.inputs)
    out = job.outputs[frame]
    name = html.escape(Path(out).name)
    source = f"<small>from {html.escape(Path(job.inputs[frame]).name)}</small>"
    try:
        place = os.path.relpath(os.path.realpath(out), folder)
    except ValueError:  # on another drive
        return name + source
    # quoted, with the dot in front: nothing but a path
    address = html.escape(f"./{quote(os.fsencode(Path(place).as_posix()), safe='/')}")
    return f'<a href="{address}">{name}</a>{source}'


def _method(job):
    return job.method + (":classic" if job.options.get("method") == "classic" else "")


def _number(name, value, form):
    start = f'<td class="number" data-name="{name}" data-value='
    if value is None or not math.isfinite(value):
        return f'{start}""></td>'
    return f'{start}"{value!r}">{value:{form}}</td>'


def _notes(row):
    record = row.record
    word = {"unusual": "unusual", "warned": "warning"}.get(row.kind, record.status)
    notes = [f'<span class="state">{word}</span>']
    notes += map(html.escape, filter(None, (row.reason, record.message)))
    notes += map(html.escape, record.warnings)
    return f"<ul>{''.join(f'<li>{note}</li>' for note in notes)}</ul>"


def _plot(rows):
    """Draw all frames in their order: what is out of line is seen at once."""
    dots = [(k, row) for k, row in enumerate(rows) if math.isfinite(row.ratio)]
    dots += [(k, row) for k, row in enumerate(rows) if row.ratio == math.inf]
    if len(dots) < _FEWEST:
        return ""
    width, height = _SIZE
    lines = [
        f'<line class="{kind}" x1="0" x2="{width}" y1="{y:.1f}" y2="{y:.1f}"/>'
        for kind, y in (
            ("middle", _height(1)),
            ("limit", _height(5)),
            ("limit", _height(0.2)),
        )
    ]
    for k, row in dots:
        x, y = (k + 0.5) / len(rows) * width, _height(row.ratio)
        name = html.escape(Path(row.record.job.outputs[row.frame]).name)
        kind = "dot unusual" if row.kind == "unusual" else "dot"
        # a line without length is a dot that stays round when the plot is stretched
        lines.append(
            f'<a href="#f{k}"><title>{name}</title><line class="{kind}" x1="{x:.1f}" '
            f'x2="{x:.1f}" y1="{y:.1f}" y2="{y:.1f}"/></a>'
        )
    scale = "".join(f"<span>{text}</span>" for text in ("× 100", "× 1", "× 0.01"))
    return (
        f'<figure class="plot"><div class="scale" aria-hidden="true">{scale}</div>'
        f'<svg viewBox="0 0 {width} {height}" preserveAspectRatio="none" role="img" '
        f'aria-label="Cosmic rays of each frame">{"".join(lines)}</svg>'
        "<figcaption>Cosmic rays of each frame, in the order of the night, over those "
        "of comparable frames; dashed: five times more and less. A dot leads to its "
        "frame.</figcaption></figure>"
    )


def _height(ratio):
    """Where a ratio is in the plot, on a logarithmic scale that ends somewhere."""
    decades = math.log10(ratio) if 0 < ratio < math.inf else math.copysign(9, ratio - 1)
    decades = max(-0.95 * _DECADES, min(0.95 * _DECADES, decades))
    return _SIZE[1] * (1 - decades / _DECADES) / 2
