# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""FITS file in, FITS file out; everything else that is in the file is kept."""

import contextlib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

from astropy.nddata import CCDData

from ccdcr._fits import Source
from ccdcr._fits_write import Result, check_targets, write_all
from ccdcr._layout import Layout
from ccdcr._typing import PathLike, Progress
from ccdcr.lacosmic import cosmicray_lacosmic
from ccdcr.median import cosmicray_median
from ccdcr.pair import cosmicray_pair
from ccdcr.report import CosmicRayReport, cosmicray_report
from ccdcr.review import apply_decisions as put_back
from ccdcr.stack import cosmicray_stack

__all__ = [
    "apply_decisions",
    "clean_lacosmic",
    "clean_median",
    "clean_pair",
    "clean_stack",
    "read",
    "write",
]

_Pair: TypeAlias = tuple[CosmicRayReport, CosmicRayReport]

_log = logging.getLogger(__name__)


def clean_pair(
    path1: PathLike,
    path2: PathLike,
    out1: PathLike,
    out2: PathLike,
    *,
    overwrite: bool = False,
    progress: Progress = None,
    stamp: str | None = None,
    **options: Any,
) -> (
    tuple[CosmicRayReport, CosmicRayReport]
    | list[tuple[CosmicRayReport, CosmicRayReport]]
):
    """
    Clean two files with `~ccdcr.cosmicray_pair`.

    Parameters
    ----------
    path1, path2 : path-like
        The exposures, as FITS files.
    out1, out2 : path-like
        Where the results go. Names that end in ``.gz`` are compressed.
    overwrite : bool, optional
        Whether files of these names may be replaced.
    progress : callable, optional
        Is given ``'reading'``, ``'cleaning'`` and ``'writing'``, when each begins.
    stamp : str, optional
        A text that is written as card CCRJOB, to know the results by.
    **options
        Options of `~ccdcr.cosmicray_pair`, and those of `read` and ``dq_bit``.

    Returns
    -------
    reports : tuple of `~ccdcr.CosmicRayReport`
        What was removed from either file.

    Raises
    ------
    OSError
        If a file cannot be read or written, or exists and may not be replaced.
    ValueError
        If a file has no image or no unit, or an option does not fit.
    TypeError
        If an option is of a wrong kind.

    See Also
    --------
    ccdcr.cosmicray_pair, clean_median, clean_lacosmic

    Notes
    -----
    The image is the first two-dimensional one in the file, with its MASK and UNCERT
    extensions. Every other extension is copied. The results get the extensions
    MASK, CRMASK (the cosmic rays alone) and CRFLAGS (how each pixel was treated;
    its header explains the bits). They appear under their names when they are
    complete, both or none.
    """
    return _clean(
        lambda frames, given: cosmicray_pair(*frames, **given),
        ([path1, path2], [out1, out2]),
        (overwrite, progress, stamp),
        options,
        tuple,
    )


def clean_stack(
    paths: Sequence[PathLike],
    outs: Sequence[PathLike],
    *,
    overwrite: bool = False,
    progress: Progress = None,
    stamp: str | None = None,
    **options: Any,
) -> list[CosmicRayReport] | list[list[CosmicRayReport]]:
    """
    Clean files with `~ccdcr.cosmicray_stack`.

    Parameters
    ----------
    paths : sequence of path-like
        The exposures, as FITS files.
    outs : sequence of path-like
        Where the results go, in the same order. Names that end in ``.gz`` are
        compressed.
    overwrite : bool, optional
        Whether files of these names may be replaced.
    progress : callable, optional
        Is given ``'reading'``, ``'cleaning'`` and ``'writing'``, when each begins.
    stamp : str, optional
        A text that is written as card CCRJOB, to know the results by.
    **options
        Options of `~ccdcr.cosmicray_stack`, and those of `read` and ``dq_bit``.

    Returns
    -------
    reports : list of `~ccdcr.CosmicRayReport`
        What was removed from each file.

    Raises
    ------
    OSError
        If a file cannot be read or written, or exists and may not be replaced.
    ValueError
        If there are not as many names for results as files, a file has no image
        or no unit, or an option does not fit.
    TypeError
        If an option is of a wrong kind.

    See Also
    --------
    ccdcr.cosmicray_stack, clean_pair

    Notes
    -----
    Which images are cleaned, and what is in the results, is as in `clean_pair`. They
    appear under their names when they are complete, all or none.
    """
    paths, outs = list(paths), list(outs)
    if len(paths) != len(outs):
        msg = f"outs must be as many as paths, {len(paths)}, got {len(outs)}"
        raise ValueError(msg)
    return _clean(
        lambda frames, given: cosmicray_stack(frames, **given),
        (paths, outs),
        (overwrite, progress, stamp),
        options,
        list,
    )


def clean_median(
    path: PathLike,
    out: PathLike,
    *,
    overwrite: bool = False,
    progress: Progress = None,
    stamp: str | None = None,
    **options: Any,
) -> CosmicRayReport | list[CosmicRayReport]:
    """
    Clean a file with `~ccdcr.cosmicray_median`.

    Parameters
    ----------
    path : path-like
        The exposure, as a FITS file.
    out : path-like
        Where the result goes. A name that ends in ``.gz`` is compressed.
    overwrite : bool, optional
        Whether a file of this name may be replaced.
    progress : callable, optional
        Is given ``'reading'``, ``'cleaning'`` and ``'writing'``, when each begins.
    stamp : str, optional
        A text that is written as card CCRJOB, to know the results by.
    **options
        Options of `~ccdcr.cosmicray_median`, and those of `read` and ``dq_bit``.

    Returns
    -------
    report : `~ccdcr.CosmicRayReport`
        What was removed.

    Raises
    ------
    OSError
        If a file cannot be read or written, or exists and may not be replaced.
    ValueError
        If the file has no image or no unit, or an option does not fit.
    TypeError
        If an option is of a wrong kind.

    See Also
    --------
    ccdcr.cosmicray_median, clean_pair, clean_lacosmic

    Notes
    -----
    Which image is cleaned, and what is in the result, is as in `clean_pair`.
    """
    return _clean(
        lambda frames, given: [cosmicray_median(*frames, **given)],
        ([path], [out]),
        (overwrite, progress, stamp),
        options,
        lambda reports: reports[0],
    )


def clean_lacosmic(
    path: PathLike,
    out: PathLike,
    *,
    overwrite: bool = False,
    progress: Progress = None,
    stamp: str | None = None,
    **options: Any,
) -> CosmicRayReport | list[CosmicRayReport]:
    """
    Clean a file with `~ccdcr.cosmicray_lacosmic`.

    Parameters
    ----------
    path : path-like
        The exposure, as a FITS file.
    out : path-like
        Where the result goes. A name that ends in ``.gz`` is compressed.
    overwrite : bool, optional
        Whether a file of this name may be replaced.
    progress : callable, optional
        Is given ``'reading'``, ``'cleaning'`` and ``'writing'``, when each begins.
    stamp : str, optional
        A text that is written as card CCRJOB, to know the results by.
    **options
        Options of `~ccdcr.cosmicray_lacosmic`, and those of `read` and ``dq_bit``.

    Returns
    -------
    report : `~ccdcr.CosmicRayReport`
        What was removed.

    Raises
    ------
    OSError
        If a file cannot be read or written, or exists and may not be replaced.
    ValueError
        If the file has no image or no unit, or an option does not fit.
    TypeError
        If an option is of a wrong kind.

    See Also
    --------
    ccdcr.cosmicray_lacosmic, clean_pair, clean_median

    Notes
    -----
    Which image is cleaned, and what is in the result, is as in `clean_pair`.
    """
    return _clean(
        lambda frames, given: [cosmicray_lacosmic(*frames, **given)],
        ([path], [out]),
        (overwrite, progress, stamp),
        options,
        lambda reports: reports[0],
    )


def apply_decisions(
    after: PathLike,
    before: PathLike,
    decisions: PathLike,
    out: PathLike,
    *,
    overwrite: bool = False,
    **options: Any,
) -> CosmicRayReport:
    """
    Put back what was rejected on a review page.

    Parameters
    ----------
    after : path-like
        The cleaned file.
    before : path-like
        The file it was made from.
    decisions : path-like
        The file that the page has saved.
    out : path-like
        Where the result goes. A name that ends in ``.gz`` is compressed.
    overwrite : bool, optional
        Whether a file of this name may be replaced.

    **options
        Those of `read`.

    Returns
    -------
    report : `~ccdcr.CosmicRayReport`
        What is still removed.

    Raises
    ------
    OSError
        If a file cannot be read or written, or exists and may not be replaced.
    ValueError
        If a file has no image or no unit, or the decisions are not of these two.
    TypeError
        If an option is of a wrong kind.

    See Also
    --------
    ccdcr.review.write_review, ccdcr.restore_cosmicrays

    Notes
    -----
    The result is the cleaned file, with the rejected detections as they were: in the
    image, UNCERT, MASK, CRMASK and CRFLAGS. Every other extension is copied.
    """
    layout = _only_layout(options)
    check_targets([after, before, decisions], [out], overwrite)
    with Source(after, layout) as source, Source(before, layout) as other:
        if len(source.chips) > 1 or len(other.chips) > 1:
            msg = "hdu must be one image: decisions are of one"
            raise ValueError(msg)
        (chip,) = source.chips
        cleaned, given = source.read(chip), other.read(other.chips[0])
        final = put_back(cleaned, given, decisions)
        report = cosmicray_report(final, given)
        result = Result(chip, cleaned, final, report.mask, [])
        write_all([source], [[result]], [out], layout, overwrite=overwrite)
    return report


def _clean(cleaner, paths, target, options, form):
    """
    Clean files that need each other, image by image.

    What is returned for one image of each file, ``form`` makes of a list of reports;
    for several images of each file it is a list of these.
    """
    (paths, outs), (overwrite, progress, stamp) = paths, target
    layout = Layout.split(options)
    check_targets(paths, outs, overwrite)
    tell = progress or _nobody
    tell("reading")
    with contextlib.ExitStack() as opened:
        sources = [opened.enter_context(Source(path, layout)) for path in paths]
        _check_alike(sources, outs)
        results, reports = [[] for _ in sources], []
        for chips in zip(*(source.chips for source in sources), strict=True):
            if reports:
                tell("reading")
            work = list(zip(sources, chips, strict=True))
            before = [source.read(chip) for source, chip in work]
            tell("cleaning")
            after = cleaner(before, options)
            found = list(map(cosmicray_report, after, before))
            inputs = [
                (Path(source.path).name, source.datasum(chip.number))
                for source, chip in work
            ]
            for k, chip in enumerate(chips):
                result = Result(chip, before[k], after[k], found[k].mask, inputs)
                results[k].append(result)
            reports.append(form(found))
        tell("writing")
        write_all(sources, results, outs, layout, overwrite=overwrite, stamp=stamp)
    return reports if layout.several else reports[0]


def _check_alike(sources, outs):
    """Refuse files that have not as many images each, and names that mislead."""
    first = sources[0]
    for source in sources[1:]:
        if len(source.chips) != len(first.chips):
            msg = (
                f"{source.path}: must have as many images as {first.path}, "
                f"{len(first.chips)}, got {len(source.chips)}"
            )
            raise ValueError(msg)
    for source, out in zip(sources, outs, strict=True):
        packed = all(source.packed(chip) for chip in source.chips)
        if Path(out).suffix.lower() == ".fz" and not packed:
            msg = f"{out}: a name may end in .fz if the images in {source.path} are"
            msg += " tile-compressed, which they are not"
            raise ValueError(msg)
        if source.others:
            _log.warning(
                "%s: only the image in extension %s was cleaned, those in %s were not",
                source.path,
                ", ".join(str(chip.number) for chip in source.chips),
                ", ".join(map(str, source.others)),
            )


def _only_layout(options):
    """Options of files, and no others."""
    layout = Layout.split(options)
    if options:
        msg = f"unknown option {next(iter(options))!r}"
        raise TypeError(msg)
    return layout


def _nobody(stage):
    """Nobody wants to know."""


def read(path: PathLike, **options: Any) -> CCDData:
    """
    Read the image of a FITS file, with its mask, uncertainty and flags.

    Parameters
    ----------
    path : path-like
        The file; also one compressed by gzip, bzip2 or xz, or tile-compressed.
    **options
        What cannot be known from the file:

        ``hdu`` : int, str, tuple or list
            Extension of the image, by number, name, or name and EXTVER, like
            ``("SCI", 2)`` or ``"SCI,2"``. By default the first two-dimensional image,
            if there are such with the name SCI the first of these. `clean_pair` and
            so on take ``"all"`` and lists, too.
        ``unit`` : str or `~astropy.units.Unit`
            Unit of the image; needed if it has no usable BUNIT card.
        ``hdu_uncertainty`` : str
            Name of the extension with the uncertainty; by default UNCERT, ERR, VAR or
            IVAR, the first of these that belongs to the image.
        ``uncertainty_type`` : str
            What is in it: ``'std'`` (standard deviation), ``'var'`` (variance) or
            ``'ivar'`` (inverse variance). By default what its card UTYPE says, else
            what its name says; ERR is a standard deviation.
        ``hdu_dq`` : str
            Name of the extension with flags of data quality, by default DQ.
        ``dq_ignore`` : int
            Sum of its flags that do not mean that a pixel is bad, by default 0.

    Returns
    -------
    ccd : `~astropy.nddata.CCDData`
        The image. Masked is what is not 0 in MASK, or has a flag in DQ.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it has no such image, no unit is known, or an option does not fit.
    TypeError
        If an option is of a wrong kind.

    See Also
    --------
    write, clean_pair

    Notes
    -----
    Unlike `astropy.nddata.CCDData.read` it finds compressed images, knows what belongs
    to which of several images (by EXTVER, or else by their order), reads units as
    they are spelled in the wild (``COUNTS``, ``e-/sec``), and says which file is meant
    when something is wrong with it.
    """
    layout = _only_layout(options)
    with Source(path, layout) as source:
        if len(source.chips) > 1:
            msg = f"hdu must be one image, got {layout.hdu!r}"
            raise ValueError(msg)
        return source.read(source.chips[0])


def write(
    after: CCDData,
    source: PathLike,
    out: PathLike,
    *,
    overwrite: bool = False,
    stamp: str | None = None,
    **options: Any,
) -> CosmicRayReport:
    """
    Write a cleaned image beside all else that is in the file it was read from.

    Parameters
    ----------
    after : `~astropy.nddata.CCDData`
        What a cleaner has made of the image.
    source : path-like
        The file from which `read`, with the same options, has read it.
    out : path-like
        Where it goes. A name that ends in ``.gz`` is compressed.
    overwrite : bool, optional
        Whether a file of this name may be replaced.
    stamp : str, optional
        A text that is written as card CCRJOB, to know the result by.
    **options
        Those of `read`, and

        ``dq_bit`` : int
            Flag of cosmic rays, a power of two, that is set in the extension DQ.

    Returns
    -------
    report : `~ccdcr.CosmicRayReport`
        What was removed.

    Raises
    ------
    OSError
        If a file cannot be read or written, or exists and may not be replaced.
    ValueError
        If ``after`` is not of the shape of the image, or an option does not fit.
    TypeError
        If it is no CCDData, or an option is of a wrong kind.

    See Also
    --------
    read, clean_pair

    Notes
    -----
    What is in the result is as with `clean_pair`.
    """
    layout = _only_layout(options)
    check_targets([source], [out], overwrite)
    with Source(source, layout) as opened:
        if len(opened.chips) > 1:
            msg = f"hdu must be one image, got {layout.hdu!r}"
            raise ValueError(msg)
        _check_alike([opened], [out])
        (chip,) = opened.chips
        before = opened.read(chip)
        report = cosmicray_report(after, before)
        inputs = [(Path(source).name, opened.datasum(chip.number))]
        result = Result(chip, before, after, report.mask, inputs)
        write_all([opened], [[result]], [out], layout, overwrite=overwrite, stamp=stamp)
    return report
