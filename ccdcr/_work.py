# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Doing a job of a batch wherever there is a worker, and knowing that it is done."""

import contextlib
import hashlib
import json
import math
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.nddata import NDData

import ccdcr
from ccdcr import files
from ccdcr._detections import rate_of
from ccdcr._jobs import FILE_OPTIONS, Record, failure
from ccdcr._pictures import grey, limits, png, reduced
from ccdcr.exceptions import collected

__all__ = ["RATE", "Conditions", "stamp_of", "work"]

#: Unit of the rates of a record.
RATE = u.Unit("1 / (cm2 min)")

_SIDE = 160  # pixels of a thumbnail
_GAP = 4  # pixels between before and after
# What is told of results that were there.
_CARDS = (
    *("CCRIMAGE", "CCRNOBJ", "CCRNPIX", "CCRWARN", "CCRFLAGS", "CCRDENS"),
    *("NAXIS1", "NAXIS2"),
)


@dataclass(frozen=True)
class Conditions:
    """How all jobs of a run are done; the arguments of `ccdcr.batch.run`."""

    overwrite: bool = False
    resume: bool = True
    thumbnails: bool = False
    begun: int = 0  # when: in nanoseconds since 1970


def work(job, conditions, _ticket=None):
    """
    Do a job, wherever this is called; no exception leaves it.

    Parameters
    ----------
    job : `~ccdcr._jobs.Job`
        What to do.
    conditions : Conditions
        How.
    _ticket : object, optional
        Differs from call to call: Dask takes calls that are equal for one.

    Returns
    -------
    record : `~ccdcr._jobs.Record`
        What became of it.
    """
    started = time.perf_counter()
    try:
        with collected() as texts:
            record = _done_before(job, conditions) or _clean(job, conditions)
        record = replace(record, warnings=record.warnings + tuple(texts))
    except Exception as error:
        record = failure(job, error)
    if conditions.thumbnails and record.status != "failed":
        with contextlib.suppress(Exception):  # the frames are what counts
            record = replace(record, thumbnails=_thumbnails(job))
    return replace(record, seconds=time.perf_counter() - started)


def _clean(job, conditions):
    mark = stamp_of(job)
    for out in job.outputs:
        ours = conditions.overwrite or _cards(out, mark, whole=False)
        if os.path.exists(out) and not ours:
            msg = f"{out}: exists, made otherwise; overwrite is not set"
            raise FileExistsError(msg)
        Path(out).parent.mkdir(parents=True, exist_ok=True)
    if job.method == "stack":
        places = job.inputs, job.outputs
    else:
        places = *job.inputs, *job.outputs
    function = getattr(files, f"clean_{job.method}")
    reports = function(*places, overwrite=True, stamp=mark, **job.options)
    found = list(_flat(reports))
    n = len(job.inputs)
    found = [found[k::n] for k in range(n)]  # of each file, one for each of its images
    counts = [sum(report.n_pixels for report in some) for some in found]
    sizes = [sum(report.mask.size for report in some) for some in found]
    return Record(
        job,
        "done",
        n_cosmicrays=tuple(
            sum(int(one.n_cosmicrays) for one in some) for some in found
        ),
        n_pixels=tuple(map(int, counts)),
        fraction=tuple(count / size for count, size in zip(counts, sizes, strict=True)),
        rate=tuple(_mean([report.rate for report in some]) for some in found),
        on_sources=_on_sources(_cards(out, mark, whole=False) for out in job.outputs),
    )


def _flat(reports):
    """Reports of the first image of each file, then those of the second, and so on."""
    if not isinstance(reports, (list, tuple)):
        yield reports
        return
    for one in reports:
        yield from _flat(one)


def _mean(rates):
    if any(rate is None for rate in rates):
        return math.nan
    return float(np.mean([rate.to_value(RATE) for rate in rates]))


def _on_sources(results):
    """For each result the largest number of its images."""
    cards = ([one["CCRDENS"] for one in images] for images in results)
    known = ([one for one in some if isinstance(one, (int, float))] for some in cards)
    return tuple(float(max(some, default=math.nan)) for some in known)


def stamp_of(job):
    """
    Make the text by which results are known to be of a job.

    Parameters
    ----------
    job : `~ccdcr._jobs.Job`
        The job.

    Returns
    -------
    mark : str
        The same on every machine: it knows neither folders nor times.
    """
    names = [os.path.basename(path) for path in job.inputs]
    content = [ccdcr.__version__, job.method, names, _plain(job.options)]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def _plain(value):
    """An option as what JSON can hold; what is equal looks equal."""
    if isinstance(value, dict):
        return sorted([str(key), _plain(item)] for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, u.UnitBase):
        return value.to_string()
    if isinstance(value, u.Quantity):
        return [_plain(np.asarray(value.value)), value.unit.to_string()]
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return _plain_object(value)


def _plain_object(value):
    """What has a repr that leaves out what is in the middle."""
    if isinstance(value, NDData):
        noise = value.uncertainty
        parts = value.data, value.mask, value.unit
        parts += getattr(noise, "array", None), getattr(noise, "unit", None)
        return [*map(_plain, parts), type(noise).__name__]
    if callable(getattr(value, "value_from", None)):  # a keyword of ccdproc
        return ["card", value.name, str(value.unit)]
    if callable(getattr(value, "serialize", None)):  # a region
        with contextlib.suppress(Exception):
            return [type(value).__name__, value.serialize(format="ds9", precision=16)]
    if isinstance(value, np.ma.MaskedArray):
        return [_plain(np.ma.getdata(value)), _plain(np.ma.getmaskarray(value))]
    if isinstance(value, np.ndarray):
        # on the way to a process frames may change the order of their bytes
        value = np.ascontiguousarray(value, value.dtype.newbyteorder("<"))
        digest = hashlib.sha256(value.tobytes()).hexdigest()
        return [value.dtype.str, list(value.shape), digest]
    return repr(value)


def _cards(path, mark, *, whole):
    """Of the images that carry the stamp, in a file that may be anything."""
    found, names = [], []
    try:
        with fits.open(path, memmap=False) as hdus:
            for hdu in hdus:
                names.append(hdu.name)
                if hdu.header.get("CCRJOB") == mark:
                    cards = dict(hdus[0].header) | dict(hdu.header)
                    found.append({key: cards.get(key) for key in _CARDS})
                    n, shape = cards.get("CCRNOBJ") or 0, hdu.shape
                    found[-1]["rate"] = rate_of(n, cards, shape)
            if whole:
                np.asarray(hdus[-1].data)  # fails if the file was cut off later
    except Exception:  # whatever it is, this job has not made it, or not all of it
        return [] if whole else found
    flagged = sum(cards["CCRFLAGS"] is True for cards in found)
    # the last of what is added: cut off between extensions a file is still one
    return [] if whole and names.count("CRFLAGS") < flagged else found


def _done_before(job, conditions):
    """The record of a job whose results are there and up to date, or None."""
    made = _made(job) if conditions.resume else None
    if made is None:
        return None
    mark = stamp_of(job)
    found = [_cards(out, mark, whole=True) for out in job.outputs]
    for k, images in enumerate(found, 1):
        if not images or any((cards["CCRIMAGE"] or k) != k for cards in images):
            return None
    texts = [cards["CCRWARN"] or "none" for images in found for cards in images]
    counts = [sum(cards["CCRNPIX"] or 0 for cards in images) for images in found]
    sizes = [sum(one["NAXIS1"] * one["NAXIS2"] for one in images) for images in found]
    return Record(
        job,
        # a cluster repeats what a worker has done that died before it could say so
        "skipped" if made < conditions.begun else "done",
        n_cosmicrays=tuple(
            sum(cards["CCRNOBJ"] or 0 for cards in images) for images in found
        ),
        n_pixels=tuple(counts),
        fraction=tuple(count / size for count, size in zip(counts, sizes, strict=True)),
        rate=tuple(_mean([cards["rate"] for cards in images]) for images in found),
        on_sources=_on_sources(found),
        warnings=tuple(dict.fromkeys(text for text in texts if text != "none")),
    )


def _made(job):
    """When the results were made; None if any is older than an input, as for make."""
    try:
        status = [os.stat(path) for path in job.inputs]
        made = min(os.stat(out).st_mtime_ns for out in job.outputs)
    except OSError:  # what is missing is told when it is read
        return None
    # a copy may keep the time of its content, but not that of its arrival
    changed = max(max(one.st_mtime_ns, one.st_ctime_ns) for one in status)
    return made if changed < made else None  # in doubt it is done again


def _thumbnails(job):
    given = {key: job.options[key] for key in FILE_OPTIONS & set(job.options)}
    given.pop("dq_bit", None)
    hdu = given.pop("hdu", None)
    if isinstance(hdu, list):
        hdu = hdu[0]
    if hdu not in (None, "all"):  # or else the first image stands for them
        given["hdu"] = hdu
    pictures = []
    for path, out in zip(job.inputs, job.outputs, strict=True):
        before, after = (files.read(name, **given) for name in (path, out))
        bad = False if before.mask is None else before.mask
        pictures.append(
            _picture(*(np.where(bad, np.nan, ccd.data) for ccd in (before, after)))
        )
    return tuple(pictures)


def _picture(before, after):
    """
    Before and after, side by side.

    A hit would vanish in the mean of a block, so each block of the frame before shows
    that after and the largest change in it.
    """
    step = max(1, -(-max(after.shape) // _SIDE))
    small = reduced(after, step)
    with np.errstate(invalid="ignore"):
        lost = np.nan_to_num(before - after, posinf=0, neginf=0)
    for axis in (0, 1):
        starts = np.arange(0, lost.shape[axis], step)
        lost = np.maximum.reduceat(lost, starts, axis=axis)
    scale = limits(small)
    gap = np.ones((len(small), _GAP), np.uint8)  # as white as the sky can be
    return png(np.hstack([grey(small + lost, *scale), gap, grey(small, *scale)]))
