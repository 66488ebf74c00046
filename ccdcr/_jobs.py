# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""One job of a batch, and what became of it."""

import functools
import inspect
import math
import os
from dataclasses import dataclass, field

import ccdcr
from ccdcr._layout import Layout
from ccdcr._options import AUTO_OR_0

__all__ = ["FILE_OPTIONS", "METHODS", "Job", "Record", "failure", "option_names"]

#: Least and greatest number of exposures of each method.
METHODS = {
    "pair": (2, 2),
    "stack": (2, math.inf),
    "median": (1, 1),
    "lacosmic": (1, 1),
}
#: Options of jobs that say how files are read and written.
FILE_OPTIONS = frozenset(Layout._fields)
_SHIFTS = {"shift": "shifts", "shifts": "shift"}  # of pairs, and of stacks


@dataclass(frozen=True)
class Job:
    """
    What is to be done with one file, or with some that belong together.

    Parameters
    ----------
    method : {'pair', 'stack', 'median', 'lacosmic'}
        Which cleaner.
    inputs : sequence of path-like
        The exposures: one, or two for a pair, or two and more for a stack.
    outputs : sequence of path-like
        Where the results go, in the same order.
    options : dict, optional
        Options of the function of this method in `ccdcr.files`, and of the cleaner.
        They must survive pickling.
    group : str, optional
        What the exposures are, for people.

    Raises
    ------
    TypeError
        If the paths are one text, or the options no dict.
    ValueError
        If there is no such method or option, or the number of files does not fit.
    """

    method: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    options: dict = field(default_factory=dict, hash=False)
    group: str = ""

    def __post_init__(self):
        if self.method not in METHODS:
            msg = f"method must be one of {', '.join(METHODS)}, got {self.method!r}"
            raise ValueError(msg)
        for name in ("inputs", "outputs"):
            paths = getattr(self, name)
            if isinstance(paths, (str, bytes, os.PathLike)):
                msg = f"{name} must be a sequence of paths, got {paths!r}"
                raise TypeError(msg)
            object.__setattr__(self, name, tuple(map(os.fsdecode, paths)))
        least, most = METHODS[self.method]
        n = len(self.inputs)
        if not least <= n <= most:
            wanted = f"{least}{'' if least == most else ' or more'}"
            msg = f"inputs of method {self.method!r} must be {wanted}, got {n}"
            raise ValueError(msg)
        if len(self.outputs) != n:
            msg = f"outputs must be as many as inputs, {n}, got {len(self.outputs)}"
            raise ValueError(msg)
        _check_options(self.method, self.options)


def _check_options(method, options):
    if not isinstance(options, dict):
        msg = f"options must be a dict, got {type(options).__name__}"
        raise TypeError(msg)
    unknown = sorted(set(options) - option_names(method), key=str)
    if unknown:
        msg = (
            f"options must be those of ccdcr.files.clean_{method} and "
            f"ccdcr.cosmicray_{method}, got {unknown[0]!r}"
        )
        if unknown[0] in _SHIFTS and method in ("pair", "stack"):
            msg += f" (did you mean {_SHIFTS[unknown[0]]}?)"
        raise ValueError(msg)
    for name in _SHIFTS:
        value = options.get(name)
        if isinstance(value, str) and value not in ("auto", AUTO_OR_0):
            msg = f"{name} must be 'auto', {AUTO_OR_0!r} or numbers, got {value!r}"
            raise ValueError(msg)
    Layout.split(dict(options))  # which says what is wrong with them


@functools.cache
def option_names(method):
    """
    Names of the options that jobs of a method may have.

    Parameters
    ----------
    method : str
        The method.

    Returns
    -------
    names : frozenset of str
        Of the cleaner, and of the functions that read and write for it.
    """
    parameters = inspect.signature(getattr(ccdcr, f"cosmicray_{method}")).parameters
    names = (n for n, p in parameters.items() if p.kind is p.KEYWORD_ONLY)
    return FILE_OPTIONS.union(names)


@dataclass(frozen=True)
class Record:
    """
    What became of a job.

    Attributes
    ----------
    job : Job
        The job.
    status : {'done', 'skipped', 'failed'}
        Skipped is what had been done by an earlier run.
    message : str
        Empty, or one sentence that says why it failed.
    n_cosmicrays, n_pixels : tuple of int
        Number of cosmic rays and of their pixels, one for each input; empty if the
        job failed. Of skipped jobs they are those of the header.
    fraction : tuple of float
        Which part of all pixels that is.
    rate : tuple of float
        Cosmic rays per square centimetre and minute; NaN if the header tells no
        exposure time or size of pixels.
    on_sources : tuple of float
        How much denser detections are on sources than elsewhere (the card CCRDENS; of
        some images the largest): far above 1 stars may have been harmed. NaN if that is
        not known.
    seconds : float
        How long it took, on the clock of the wall.
    warnings : tuple of str
        What was warned of; of skipped jobs the words of the card CCRWARN.
    thumbnails : tuple of bytes or None
        For each input a small picture (PNG), before on the left and after on the right;
        None where they were not asked for or cannot be made.
    """

    job: Job
    status: str
    message: str = ""
    n_cosmicrays: tuple[int, ...] = ()
    n_pixels: tuple[int, ...] = ()
    fraction: tuple[float, ...] = ()
    rate: tuple[float, ...] = ()
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()
    thumbnails: tuple[bytes, ...] | None = None
    on_sources: tuple[float, ...] = ()


def failure(job, error):
    """
    Make the record of a job that failed.

    Parameters
    ----------
    job : Job
        The job.
    error : Exception or str
        Why.

    Returns
    -------
    record : Record
        With one sentence that names a file of the job.
    """
    sentence = " ".join(str(error).split())
    if not isinstance(error, (str, OSError, ValueError, TypeError)) or not sentence:
        sentence = f"{type(error).__name__}: {sentence}".removesuffix(": ")
    if not any(path in sentence for path in (*job.inputs, *job.outputs)):
        sentence = f"{job.inputs[0]}: {sentence}"
    return Record(job, "failed", sentence)
