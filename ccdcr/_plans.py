# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Plans as files that a person can edit, and the log of what was done."""

import json
import math
import os
import re
from collections import Counter
from collections.abc import Iterable

import numpy as np
from astropy import units as u
from astropy.table import MaskedColumn, Table

from ccdcr._jobs import Job, Record
from ccdcr._pairing import Plan, result_name
from ccdcr._typing import PathLike
from ccdcr._work import RATE

__all__ = ["read_plan", "summary", "write_plan"]

_COLUMNS = ("job", "method", "input", "output", "options", "group", "remark")
_LOG: dict[str, type] = {
    "status": str,
    "group": str,
    "method": str,
    "input": str,
    "output": str,
}
_LOG |= {"n_cosmicrays": int, "n_pixels": int, "fraction": float, "rate": float}
_LOG |= {"on_sources": float, "seconds": float, "message": str, "warnings": str}
_OPTION = re.compile(r"\s*(\w+)\s*=\s*(.*?)\s*", re.DOTALL)
_SECOND = re.compile(r"\s\w+\s*=")  # in what is no JSON: a semicolon is missing


def write_plan(
    path: PathLike, jobs: Plan | Iterable[Job], *, overwrite: bool = False
) -> None:
    """
    Write jobs to a file that can be edited.

    Parameters
    ----------
    path : path-like
        The file; a table in the format ECSV, whatever it is called.
    jobs : `Plan` or iterable of `Job`
        What is to be done.
    overwrite : bool, optional
        Whether a file of this name may be replaced.

    Raises
    ------
    OSError
        If the file cannot be written, or exists and may not be replaced.
    ValueError
        If options cannot be written as text.

    See Also
    --------
    read_plan, plan

    Notes
    -----
    There is a row for each file; those with the same number make a job, whose method,
    options and group are the same. Options look like ``sigma_peak=6; shift=auto``.
    Files that are left out have the number 0 and a remark: to have one cleaned give it
    a number of its own and a method, or those of a job and its options. What has no
    output gets the name that `result_name` makes, in the folder of the others.

    Examples
    --------
    >>> from ccdcr import batch
    >>> job = batch.Job("median", ["a.fits"], ["a2.fits"], {"size": (9, 3)})
    >>> batch.write_plan("plan.ecsv", [job])  # doctest: +SKIP
    """
    plan = jobs if isinstance(jobs, Plan) else Plan(list(jobs))
    rows = []
    for number, job in enumerate(plan.jobs, 1):
        rest = _to_text(job), job.group, ""
        for names in zip(job.inputs, job.outputs, strict=True):
            rows.append((number, job.method, *names, *rest))
    rows += [(0, "", name, "", "", "", why) for name, why in plan.left]
    for text in (text for row in rows for text in row[1:]):
        if not text.isascii() and text != text.encode(errors="replace").decode():
            msg = f"names of files must be in UTF-8 to be written, got {text!r}"
            raise ValueError(msg)
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(_COLUMNS)
    kinds = [int] + [str] * (len(_COLUMNS) - 1)
    table = Table(columns, names=_COLUMNS, dtype=kinds)
    table.write(path, format="ascii.ecsv", delimiter=",", overwrite=overwrite)


def _to_text(job):
    """Options of a job, as `_to_options` understands them."""
    parts = []
    for name, value in job.options.items():
        if isinstance(value, u.UnitBase):
            value = value.to_string()
        try:
            text = json.dumps(value)
            if isinstance(value, str) and _to_value(value) == value:
                text = value
        except TypeError:
            text = None
        if text is None or ";" in text:
            msg = (
                f"options must be numbers, texts or lists of them to be written, "
                f"got {name}={value!r}"
            )
            raise ValueError(msg)
        parts.append(f"{name}={text}")
    return "; ".join(parts)


def _to_value(text):
    try:
        return json.loads(text)
    except ValueError:
        return text


def _to_options(text):
    options = {}
    for part in filter(str.strip, text.split(";")):
        match = _OPTION.fullmatch(part)
        if match is None:
            msg = f"options must be like sigma_peak=6; shift=auto, got {text!r}"
            raise ValueError(msg)
        value = _to_value(match[2])
        if isinstance(value, str) and value == match[2] and _SECOND.search(value):
            msg = f"options must have a semicolon between them, got {part.strip()!r}"
            raise ValueError(msg)
        options[match[1]] = value
    return options


def _renamed(method, options):
    """A shift that is measured is called otherwise in a stack; people forget."""
    here, other = ("shifts", "shift") if method == "stack" else ("shift", "shifts")
    if method in ("pair", "stack") and isinstance(options.get(other), str):
        options = dict(options)
        options.setdefault(here, options.pop(other))
    return options


def read_plan(path: PathLike) -> Plan:
    """
    Read what `write_plan` wrote, and a person may have edited.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    plan : `Plan`
        Jobs in the order of their numbers, and what is left out.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is no such table, or a job has no meaning.

    See Also
    --------
    write_plan, run
    """
    try:
        table = Table.read(path, format="ascii.ecsv")
        for name in _COLUMNS:
            if name not in table.colnames:
                msg = f"no column {name}"
                raise ValueError(msg)
        rows = {name: table[name].tolist() for name in _COLUMNS}
        numbers = [int(number or 0) for number in rows.pop("job")]
    except OSError:
        raise
    except Exception as error:  # tables of others fail in many ways
        text = " ".join(str(error).split())
        msg = f"{os.fspath(path)}: not a plan of ccdcr ({text})"
        raise ValueError(msg) from None
    jobs: dict[int, list] = {}
    left = []
    for k, number in enumerate(numbers):
        row = {name: _text(rows[name][k]) for name in rows}
        if number < 1:
            left.append((row["input"], row["remark"]))
        else:
            jobs.setdefault(number, []).append(row)
    _name_outputs(jobs)
    return Plan([_job(path, number, jobs[number]) for number in sorted(jobs)], left)


def _name_outputs(jobs):
    """Name the outputs of rows that have none, where most of the others go."""
    rows = [row for job in jobs.values() for row in job]
    folders = Counter(os.path.dirname(row["output"]) for row in rows if row["output"])
    folder = folders.most_common(1)[0][0] if folders else None
    for row in rows:
        if row["input"] and not row["output"]:
            row["output"] = result_name(row["input"], folder)


def _text(value):
    return "" if value is None else str(value)


def _job(path, number, rows):
    try:
        for name in ("method", "options", "group"):
            given = {row[name] for row in rows}
            if len(given) > 1:
                text = " and ".join(sorted(map(repr, given)))
                msg = f"{name} must be the same in all rows of a job, got {text}"
                raise ValueError(msg)
        if not all(row["input"] for row in rows):
            msg = "input must be given in all rows of a job"
            raise ValueError(msg)
        places = ([row[name] for row in rows] for name in ("input", "output"))
        first = rows[0]
        options = _renamed(first["method"], _to_options(first["options"]))
        return Job(first["method"], *places, options, first["group"])
    except ValueError as error:
        msg = f"{os.fspath(path)}: job {number}: {error}"
        raise ValueError(msg) from None


def summary(records: Iterable[Record]) -> Table:
    """
    Make the log of a run.

    Parameters
    ----------
    records : iterable of `Record`
        From `run`.

    Returns
    -------
    log : `~astropy.table.Table`
        A row for each exposure, in the order of their names: ``status``, ``group``,
        ``method``, ``input``, ``output``, ``n_cosmicrays``, ``n_pixels``, ``fraction``,
        ``rate``, ``on_sources`` (masked where the job has failed, or the header does
        not tell), the ``seconds`` of the whole job, ``message`` and ``warnings``.

    See Also
    --------
    run

    Examples
    --------
    >>> from ccdcr import batch
    >>> job = batch.Job("median", ["no.fits"], ["a.fits"])
    >>> log = batch.summary(batch.run([job]))
    >>> print(log["status", "input", "message"])
    status  input         message
    ------ ------- ---------------------
    failed no.fits no.fits: no such file
    >>> log.write("ccdcr-log.ecsv")  # doctest: +SKIP
    """
    rows = [
        _row(record, k) for record in records for k in range(len(record.job.inputs))
    ]
    rows.sort(key=lambda row: (row["input"], row["output"]))
    log = Table()
    for name, kind in _LOG.items():
        values = [row[name] for row in rows]
        if kind is str:  # names of files need not be UTF-8
            values = [v.encode(errors="backslashreplace").decode() for v in values]
        unknown = [value is None for value in values]
        values = [kind() if value is None else value for value in values]
        log[name] = np.array(values, dtype=kind)
        if any(unknown):
            log[name] = MaskedColumn(log[name], mask=unknown)
    log["rate"].unit, log["seconds"].unit = RATE, u.s
    return log


def _row(record, k):
    row = {name: getattr(record, name) for name in ("status", "message", "seconds")}
    row |= {name: getattr(record.job, name) for name in ("group", "method")}
    row |= {"input": record.job.inputs[k], "output": record.job.outputs[k]}
    for name in ("n_cosmicrays", "n_pixels", "fraction", "rate", "on_sources"):
        values = getattr(record, name)
        known = values and math.isfinite(values[k])
        row[name] = values[k] if known else None
    return row | {"warnings": "; ".join(record.warnings)}
