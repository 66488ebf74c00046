# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Which exposures of a night belong together."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from astropy import units as u

from ccdcr._equivalent import apart, groups, order, why_alone
from ccdcr._headers import KEYWORDS, NotPlanned, NotReadable, is_fits_name, look_at
from ccdcr._jobs import FILE_OPTIONS, METHODS, Job, option_names
from ccdcr._layout import Layout
from ccdcr._options import AUTO_OR_0
from ccdcr._typing import PathLike, Value

__all__ = ["Plan", "plan", "result_name"]

# Options that mean the same for a single exposure.
_COMMON = {"region", "exclude", "gain", "readnoise", "saturation"}


@dataclass(frozen=True)
class Plan:
    """
    Jobs, and what is not in any.

    Printing it shows all files; it is a sequence of the jobs.

    Parameters
    ----------
    jobs : list of `Job`
        What is to be done.
    left : list of tuple of str, optional
        Path of each file that is left out, and why.
    unreadable : list of str, optional
        Which of these are no complete FITS files.
    """

    jobs: list[Job]
    left: list[tuple[str, str]] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)

    def __iter__(self):
        return iter(self.jobs)

    def __len__(self):
        return len(self.jobs)

    def __getitem__(self, index):
        return self.jobs[index]

    def __str__(self):
        lines = []
        for number, job in enumerate(self.jobs, 1):
            options = "; ".join(f"{key}={job.options[key]}" for key in job.options)
            words = f"{number}. {job.method}: {job.group}", options
            lines.append("; ".join(filter(None, words)))
            lines += [
                f"    {path} -> {out}"
                for path, out in zip(job.inputs, job.outputs, strict=True)
            ]
        if self.left:
            lines.append("left out:")
            lines += [f"    {path}: {why}" for path, why in self.left]
        n = sum(len(job.inputs) for job in self.jobs)
        total = f"{_count(len(self.jobs), 'job')} for {_count(n, 'file')}"
        return "\n".join(
            [*lines, f"{total}; {_count(len(self.left), 'file')} left out"]
        )


def plan(
    paths: PathLike | Iterable[PathLike] | Any,
    *,
    method: str = "pair",
    output: PathLike | None = None,
    single: str | None = None,
    keywords: Iterable[str] = KEYWORDS,
    max_gap: Value = 1 * u.hour,
    max_stack: int = 8,
    calibration: bool = False,
    options: dict[str, Any] | None = None,
) -> Plan:
    """
    Find out which exposures belong together.

    Parameters
    ----------
    paths : path-like, iterable of path-like, or ``ccdproc.ImageFileCollection``
        The exposures; of a folder all files whose names end like those of FITS files.
    method : {'pair', 'stack', 'median', 'lacosmic'}, optional
        Pairs of consecutive equivalent exposures; all that are equivalent; or each by
        itself.
    output : path-like, optional
        Folder of the results; by default that of each exposure. It need not exist.
    single : {'median', 'lacosmic'}, optional
        What to do with exposures that have no equivalent; by default they are left out.
    keywords : sequence of str, optional
        Whose values must agree, where one of the exposures has them. By default these
        are ``ccdcr.batch.KEYWORDS``.
    max_gap : `~astropy.units.Quantity` or float, optional
        Longest time from the end of an exposure to the begin of the next, in seconds if
        it is a number.
    max_stack : int, optional
        Most exposures of a stack; larger groups are cut into equal parts.
    calibration : bool, optional
        Whether bias, dark, flat and arc frames are wanted, too.
    options : dict, optional
        Options of the cleaner for all jobs. Without a shift, that of each pair and in
        each stack is measured (``"auto or 0"``: where that is not possible it is
        (0, 0), and a warning says so).

    Returns
    -------
    plan : `Plan`
        The jobs in the order in which the exposures were taken, and what is left out.

    Raises
    ------
    TypeError
        If an argument is of a wrong kind.
    ValueError
        If an argument has no meaning, or two results would have the same name.

    See Also
    --------
    run, write_plan

    Notes
    -----
    Exposures are equivalent if the values of the keywords are equal (whatever the case
    of letters, and to six digits; what none has does not matter), their exposure times
    to one per cent, and the shapes of their images. The values may be in the primary
    header or in that of the image. The time is that of DATE-OBS (with TIME-OBS or UT),
    or else MJD-OBS; without any, the order is that of the names, and gaps are not seen.
    Files that were exposed at the same time are two versions of one exposure, or two
    chips, and left out of pairs and stacks, if no keyword tells them apart.

    Of an odd number, the last three are a stack, so that none is alone; if the options
    hold a shift or a scale other than ``'auto'``, the last one is left out instead.

    Results of ccdcr are left out, and so is what cannot be read. To combine many bias,
    dark or flat frames with clipping removes their cosmic rays better.

    Examples
    --------
    >>> from ccdcr import batch
    >>> print(batch.plan(["no_such_file.fits"]))
    left out:
        no_such_file.fits: no such file
    0 jobs for 0 files; 1 file left out
    """
    options = _with_shift(method, {} if options is None else options)
    keywords = _check(method, single, keywords, max_stack, options)
    gap, layout = _seconds(max_gap), Layout.split(dict(options))
    exposures, left, unreadable = [], [], []
    seen: dict[str, str] = {}
    for path in _files(paths):
        first = seen.setdefault(os.path.realpath(path), path)
        if first != path:  # by a link, or another way
            left.append((path, f"the same file as {first}"))
            continue
        try:
            one = look_at(path, keywords, calibration, layout)
            _check_known(one, method)
            exposures.append(one)
        except NotPlanned as reason:
            left.append((path, str(reason)))
            if isinstance(reason, NotReadable):
                unreadable.append(path)
    planned = []
    for group in groups(exposures, gap):
        group, twins = apart(group) if method in ("pair", "stack") else (group, [])
        left += twins
        for part in _parts(group, method, max_stack, options):
            try:
                job = _job(part, method, single, output, options)
            except NotPlanned:
                why = why_alone(part[0], exposures, keywords, gap)
                left.append((part[0].path, why))
            else:
                planned.append((order(part[0]), job))
    jobs = [job for _, job in sorted(planned, key=lambda one: one[0])]
    _check_names(jobs)
    return Plan(jobs, sorted(left), unreadable)


def _with_shift(method, options):
    """Options that say what a night is sure to need: nobody knows the dithers of it."""
    name = {"pair": "shift", "stack": "shifts"}.get(method)
    if name is None or not isinstance(options, dict):
        return options
    return {**options, name: options.get(name, AUTO_OR_0)}


def _check_known(exposure, method):
    """Refuse to take what says nothing for equivalent to what says nothing."""
    *setup, said, _ = exposure.setup
    known = any((*setup, said)) or (exposure.start, exposure.exposure) != (None, None)
    if method in ("pair", "stack") and not known:
        msg = "the header does not tell what it is"
        raise NotPlanned(msg)


def _check(method, single, keywords, max_stack, options):
    alone = [name for name, (_, most) in METHODS.items() if most == 1]
    for name, value, choices in (
        ("method", method, list(METHODS)),
        ("single", single, [None, *alone]),
    ):
        if value not in choices:
            text = ", ".join(map(repr, choices))
            msg = f"{name} must be one of {text}, got {value!r}"
            raise ValueError(msg)
    if isinstance(keywords, str) or not isinstance(keywords, Iterable):
        msg = f"keywords must be a sequence of keywords, got {keywords!r}"
        raise TypeError(msg)
    if not isinstance(max_stack, int) or max_stack < 3:
        msg = f"max_stack must be an integer >= 3, got {max_stack!r}"
        raise ValueError(msg)
    names = ["no.fits"] * (1 if method in alone else 2)
    Job(method, names, names, options)  # which says what is wrong with them
    return tuple(keywords)


def _seconds(gap):
    if isinstance(gap, u.Quantity):
        gap = gap.to_value(u.s)
    if not isinstance(gap, (int, float)) or not gap > 0:
        msg = f"max_gap must be a positive time, got {gap!r}"
        raise ValueError(msg)
    return gap


def _files(paths):
    if hasattr(paths, "files_filtered"):  # a collection of ccdproc
        return list(map(str, paths.files_filtered(include_path=True)))
    if not isinstance(paths, (str, os.PathLike)):
        return sorted({os.fspath(path) for path in paths})
    if not os.path.isdir(paths):
        return [os.fspath(paths)]
    folder = Path(paths)
    return sorted(str(path) for path in folder.iterdir() if is_fits_name(path.name))


def _parts(group, method, max_stack, options):
    """Cut a group into what is cleaned together."""
    n = len(group)
    if method == "stack":
        pieces = -(-n // max_stack)
        cuts = [n * k // pieces for k in range(pieces + 1)]
    elif method == "pair":
        cuts = [*range(0, n, 2), n]
        if n % 2 and n > 1 and _stack_options(options) is not None:
            del cuts[-2]
    else:
        cuts = range(n + 1)
    return [group[first:last] for first, last in pairwise(cuts)]


def _stack_options(options):
    """Options of a pair for a stack of three; None if they have no meaning there."""
    options = dict(options)
    shift = options.pop("shift", None)
    if isinstance(shift, str):
        options["shifts"] = shift
    elif shift is not None and tuple(shift) != (0, 0):
        return None
    if not isinstance(options.get("scale", "auto"), str):
        return None  # it is that of two exposures
    return None if options.get("method") == "classic" else options


def _job(part, method, single, output, options):
    if len(part) == 1 and method in ("pair", "stack"):
        if single is None:
            raise NotPlanned
        method, taken = single, option_names(single) & (_COMMON | FILE_OPTIONS)
        options = {key: options[key] for key in options if key in taken}
    elif len(part) > 2 and method == "pair":
        method, options = "stack", _stack_options(options)
    first = part[0]
    seconds = None if first.exposure is None else f"{first.exposure:g} s"
    return Job(
        method,
        [one.path for one in part],
        [result_name(one.path, output) for one in part],
        dict(options),
        ", ".join(filter(None, [first.name, seconds])),
    )


def result_name(path: PathLike, folder: PathLike | None = None) -> str:
    """
    Make the name of a result: that of the exposure, with _crclean before the suffixes.

    Parameters
    ----------
    path : path-like
        The exposure.
    folder : path-like, optional
        Where the result goes; by default where the exposure is.

    Returns
    -------
    name : str
        With the suffixes of the exposure, so that it is compressed if that is; with
        ``.fits`` if there are none.
    """
    path = Path(path)
    suffixes = ""
    while path.suffix.lower() in {".gz", ".fits", ".fit", ".fts", ".fz"}:
        suffixes = path.suffix + suffixes
        path = path.with_suffix("")
    name = f"{path.name}_crclean{suffixes or '.fits'}"
    return str((path.parent if folder is None else Path(folder)) / name)


def _check_names(jobs):
    outs = [out for job in jobs for out in job.outputs]
    seen = set()
    for out in outs:
        if out in seen:
            msg = f"results must have different names, got twice: {out}"
            raise ValueError(msg)
        seen.add(out)


def _count(n, word):
    return f"{n} {word}{'' if n == 1 else 's'}"
