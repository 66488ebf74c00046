# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Which frames of a night have far more, or fewer, cosmic rays than others."""

import math
import statistics
from typing import NamedTuple

__all__ = ["Comparison", "compare"]

_FACTOR = 5.0  # that is too much, or too little
_SIGMA = 5.0  # of a Poisson distribution, at least
_ENOUGH = 3  # other jobs that can be compared with, or else other frames
_MANY = 100  # of which one more or less does not matter


class Comparison(NamedTuple):
    """A frame beside others: by what factor it has more, and whether that is odd."""

    ratio: float  # NaN where there is not enough to compare with
    reason: str  # empty if nothing is odd


def compare(records):
    """
    Compare each frame with those that can be compared with it.

    Parameters
    ----------
    records : sequence of `~ccdcr.batch.Record`
        What became of the jobs of a night.

    Returns
    -------
    comparisons : list of list of Comparison
        For each record one for each of its frames; none if it failed.

    Notes
    -----
    A frame is compared with the median of the frames of other jobs, since a job that
    went wrong makes all of its frames odd. These are those of the same method and
    group, if there are three such jobs, else those of the same method (stacks and
    pairs are the same). In a small night, where there are not, it is compared with
    three or more other frames, of its own job, too; with fewer it is not compared.
    Where the rate is known, of the frame and of enough others, rates are compared,
    else numbers. Odd is what differs by more than a factor of 5, and by more than 5
    sigma of the Poisson distribution around what is expected.
    """
    kinds, groups = {}, {}
    for record in records:
        kinds.setdefault(_kind(record.job), []).append(record)
        groups.setdefault((_kind(record.job), record.job.group), []).append(record)
    known = {}
    comparisons = []
    for record in records:
        alike = kinds[_kind(record.job)]
        near = groups[_kind(record.job), record.job.group]
        beside = {
            (by_rate, of is near): _beside(record, of, by_rate, known)
            for by_rate in (True, False)
            for of in (near, alike)
        }
        comparisons.append(
            [
                _judge(n, _choices(record, i, near, alike, beside))
                for i, n in enumerate(record.n_cosmicrays)
            ]
        )
    return comparisons


def _choices(record, i, near, alike, beside):
    """With what a frame can be compared, the best first: its value, what is usual."""
    for by_rate in (True, False):
        value = _rate(record, i) if by_rate else record.n_cosmicrays[i]
        if not math.isfinite(value):
            continue
        for of in (near, alike):
            yield value, beside[by_rate, of is near]
        for of in (near, alike):
            if len(of) <= _MANY:
                yield value, _typical(of, by_rate=by_rate, without=(record, i))


def _kind(job):
    """What finds the same cosmic rays: a stack and a pair do."""
    method = "pair" if job.method == "stack" else job.method
    return method, job.options.get("method")


def _beside(record, records, by_rate, known):
    """What is typical of other jobs; of very many one counts for nothing."""
    if len(records) <= _MANY:
        others = [one for one in records if one is not record]
        return _typical(others, by_rate=by_rate)
    key = id(records), by_rate
    if key not in known:
        known[key] = _typical(records, by_rate=by_rate)
    return known[key]


def _rate(record, i):
    return record.rate[i] if i < len(record.rate) else math.nan


def _typical(records, *, by_rate, without=None):
    """Median, least and largest of a value, and median of numbers; None if too few."""
    pairs, jobs = [], 0
    for record in records:
        known = [
            (_rate(record, i) if by_rate else n, n)
            for i, n in enumerate(record.n_cosmicrays)
            if without is None or i != without[1] or record is not without[0]
        ]
        known = [pair for pair in known if math.isfinite(pair[0])]
        pairs += known
        jobs += bool(known)
    if (jobs if without is None else len(pairs)) < _ENOUGH:
        return None
    values, numbers = zip(*pairs, strict=True)
    middle, number = statistics.median(values), statistics.median(numbers)
    return middle, min(values), max(values), number


def _judge(n, choices):
    """Use the first comparison that can be made."""
    for value, usual in choices:
        if usual is None:
            continue
        middle, least, most, number = usual
        if middle == 0:
            ratio, expected = (math.inf if value else 1.0), 0.0
        else:
            ratio = value / middle
            # without a single hit nothing tells how long the frame was exposed
            expected = n / ratio if ratio else number
        # numbers that a frame like this would have with the rates of the others
        unit = n / value if value else expected / middle if middle else 1.0
        return Comparison(ratio, _reason(n, expected, unit * least, unit * most))
    return Comparison(math.nan, "")


def _reason(n, expected, least, most):
    sigma = math.sqrt(max(expected, 1.0))
    if abs(n - expected) <= _SIGMA * sigma:
        return ""
    if n > _FACTOR * expected:
        times = f"{n / expected:.3g} times as many as" if expected else "more than"
    elif n < expected / _FACTOR:
        times = "far fewer than"
    else:
        return ""
    return (
        f"{times} in comparable frames ({n}, where {expected:.3g} are expected, "
        f"{least:.3g} to {most:.3g})"
    )
