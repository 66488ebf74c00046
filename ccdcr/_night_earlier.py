# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What the log of an earlier run knows, and would be lost when it is replaced."""

import math
import os
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from astropy.table import Table

from ccdcr._jobs import Record

__all__ = ["remember", "with_earlier"]

_OF_FRAMES = ("n_cosmicrays", "n_pixels", "fraction", "rate", "on_sources")
_TEXTS = ("status", "group", "method", "input", "output", "warnings")


class _Job(NamedTuple):
    """What a log tells of a job; some of its frames may be gone."""

    method: str
    inputs: tuple
    outputs: tuple
    options: dict
    group: str


def _rows(path):
    """Rows of a log, as dictionaries; none of a file that is no log."""
    try:
        log = Table.read(path, format="ascii.ecsv")
        columns = [log[name].tolist() for name in log.colnames]
        rows = [
            dict(zip(log.colnames, values, strict=True))
            for values in zip(*columns, strict=True)
        ]
        for row in rows:
            row |= {name: row[name] or "" for name in _TEXTS}
            row["seconds"] = float(row["seconds"] or 0)
            for name in _OF_FRAMES:  # which logs of old have not all
                row[name] = math.nan if row.get(name) is None else row[name]
    except Exception:  # whatever it is, it is replaced
        return []
    return rows


def remember(records, path):
    """
    Give skipped jobs what the log of the run that did them knows.

    Parameters
    ----------
    records : list of `~ccdcr.batch.Record`
        What became of the jobs.
    path : path-like
        The log of an earlier run, if there is one.

    Returns
    -------
    records : list of `~ccdcr.batch.Record`
        The skipped ones with times and warnings, if the log is about the same results.
    """
    known = {os.path.abspath(row["output"]): row for row in _rows(path)}
    return [
        _with(record, known) if record.status == "skipped" else record
        for record in records
    ]


def _with(record, known):
    rows = [known.get(os.path.abspath(out)) for out in record.job.outputs]
    if None in rows:
        return record
    if tuple(row["n_cosmicrays"] for row in rows) != record.n_cosmicrays:
        return record
    # the card of a result has but the names of what was warned of
    texts = rows[0]["warnings"]
    warnings = (texts,) if texts else record.warnings
    return replace(record, seconds=rows[0]["seconds"], warnings=warnings)


def with_earlier(records, path):
    """
    Add what an earlier run left in the same folder, and this one did not touch.

    Parameters
    ----------
    records : list of `~ccdcr.batch.Record`
        What became of the jobs.
    path : path-like
        The log of an earlier run, if there is one.

    Returns
    -------
    records : list of `~ccdcr.batch.Record`
        These, then skipped ones for results that are in that log and still there.
    """
    mine = {os.path.abspath(out) for record in records for out in record.job.outputs}
    jobs = {}
    for row in _rows(path):
        out = row["output"]
        if not os.path.exists(out):  # that run was started in another folder
            out = str(Path(path).parent / os.path.basename(out))
        known = os.path.abspath(out) in mine or row["status"] == "failed"
        if not known and os.path.exists(out):
            # no two jobs last equally long, to the microsecond
            key = row["method"], row["group"], row["seconds"]
            jobs.setdefault(key, []).append(row | {"output": out})
    return [*records, *map(_earlier, jobs.values())]


def _earlier(rows):
    first = rows[0]
    inputs, outputs = (tuple(row[name] for row in rows) for name in ("input", "output"))
    return Record(
        _Job(first["method"], inputs, outputs, {}, first["group"]),
        "skipped",
        **{name: tuple(row[name] for row in rows) for name in _OF_FRAMES},
        seconds=first["seconds"],
        warnings=tuple(filter(None, [first["warnings"]])),
    )
