# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What is left of a night: its log, and some lines for the person who waits."""

import math
import statistics
import sys
import uuid
from collections import Counter

from astropy.table import Table

from ccdcr._outliers import compare

__all__ = ["tell", "write_log"]

_GROUPS = 20  # that are told one by one
_SHOWN = 10  # files that are left out, or have warnings, by name
_LONGEST = 250  # letters of warnings on a line


def write_log(records, path):
    """
    Write the log, which appears under its name when it is complete.

    Parameters
    ----------
    records : list of `~ccdcr.batch.Record`
        What became of the jobs.
    path : `~pathlib.Path`
        Where to; what is there is replaced.
    """
    from ccdcr.batch import summary

    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        summary(records).write(temporary, format="ascii.ecsv")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def tell(records, plan):
    """
    Print what became of a night: a table of groups, and what needs a look.

    Parameters
    ----------
    records : list of `~ccdcr.batch.Record`
        What became of the jobs.
    plan : `~ccdcr.batch.Plan`
        What was to be done.
    """
    counts = Counter(record.status for record in records)
    if records:
        print(*_table(records).pformat(max_lines=-1, max_width=-1), sep="\n")
    print(", ".join(f"{counts[word]} {word}" for word in ("done", "skipped", "failed")))
    alone = 0
    for record, comparisons in zip(records, compare(records), strict=True):
        for out, (ratio, reason) in zip(record.job.outputs, comparisons, strict=False):
            alone += math.isnan(ratio)
            if reason:
                _say(f"unusual: {out}: {reason}")
    if alone:
        _say(f"too few frames to compare with: {alone} (three others are needed)")
    _tell_warnings([record for record in records if record.warnings])
    _tell_what_is_left(plan)
    for record in records:
        if record.status == "failed":
            _say(f"ccdcr: {record.message}", sys.stderr)


def _say(text, stream=None):
    """Print a line; names of files may have letters that the terminal has not."""
    stream = stream or sys.stdout
    encoding = stream.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), file=stream)


def _tell_warnings(records):
    """A line for each job, of which all is in the log."""
    for record in records[:_SHOWN]:
        text = "; ".join(record.warnings)
        text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."
        _say(f"warning: {record.job.outputs[0]}: {text}")
    if len(records) > _SHOWN:
        print(f"warning: {len(records) - _SHOWN} more jobs (all are in the log)")


def _tell_what_is_left(plan):
    left = [(path, why) for path, why in plan.left if path not in plan.unreadable]
    for start, what in (("a calibration", "calibration"), ("a result of", "cleaned")):
        n = sum(why.startswith(start) for _, why in left)
        left = [(path, why) for path, why in left if not why.startswith(start)]
        if n:
            _say(f"left out: {n} {what} frame{'' if n == 1 else 's'}")
    for path, why in left[:_SHOWN]:
        _say(f"left out: {path}: {why}")
    if len(left) > _SHOWN:
        print(f"left out: {len(left) - _SHOWN} more (--dry-run lists them)")
    for path, why in plan.left:
        if path in plan.unreadable:
            _say(f"ccdcr: {path}: {why}", sys.stderr)


def _table(records):
    """A row for each group, or for each method if there are too many groups."""
    groups = {}
    for record in records:
        groups.setdefault((record.job.group, record.job.method), []).append(record)
    if len(groups) > _GROUPS:
        groups = {}
        for record in records:
            groups.setdefault(("all", record.job.method), []).append(record)
    rows = []
    for (group, method), members in groups.items():
        frames = sum(len(record.job.inputs) for record in members)
        failed = sum(
            len(record.job.inputs) for record in members if record.status == "failed"
        )
        numbers = [n for record in members for n in record.n_cosmicrays]
        parts = [100 * part for record in members for part in record.fraction]
        rates = [r for record in members for r in record.rate if math.isfinite(r)]
        extremes = f"{min(numbers)} - {max(numbers)}" if numbers else "-"
        medians = [_median(numbers), extremes, _median(parts, 2), _median(rates)]
        rows.append((group, method, frames, failed, *medians))
    names = ("group", "method", "frames", "failed", "cosmic rays (median)", "from - to")
    return Table(rows=rows, names=(*names, "% of pixels", "per cm2 and minute"))


def _median(values, digits=3):
    """The median as a text; a dash where there is none."""
    return f"{statistics.median(values):.{digits}g}" if values else "-"
