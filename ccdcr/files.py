# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""FITS file in, FITS file out; everything else that is in the file is kept."""

from astropy.nddata import CCDData

from ccdcr._fits import check_targets, look_into, write_all
from ccdcr.lacosmic import cosmicray_lacosmic
from ccdcr.median import cosmicray_median
from ccdcr.pair import cosmicray_pair
from ccdcr.report import cosmicray_report
from ccdcr.review import apply_decisions as put_back
from ccdcr.stack import cosmicray_stack

__all__ = [
    "apply_decisions",
    "clean_lacosmic",
    "clean_median",
    "clean_pair",
    "clean_stack",
    "read",
]


def clean_pair(
    path1,
    path2,
    out1,
    out2,
    *,
    overwrite=False,
    unit=None,
    progress=None,
    stamp=None,
    **options,
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
    unit : str or `~astropy.units.Unit`, optional
        Unit of the images; needed if they have no usable BUNIT card.
    progress : callable, optional
        Is given ``'reading'``, ``'cleaning'`` and ``'writing'``, when each begins.
    stamp : str, optional
        A text that is written as card CCRJOB, to know the results by.
    **options
        Options of `~ccdcr.cosmicray_pair`.

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
    check_targets([path1, path2], [out1, out2], overwrite)
    tell = progress or _nobody
    tell("reading")
    frames = [read(path, unit=unit) for path in (path1, path2)]
    tell("cleaning")
    cleaned = cosmicray_pair(*frames, **options)
    tell("writing")
    write_all([path1, path2], frames, cleaned, [out1, out2], unit, stamp=stamp)
    return tuple(
        cosmicray_report(after, before)
        for after, before in zip(cleaned, frames, strict=True)
    )


def clean_stack(
    paths, outs, *, overwrite=False, unit=None, progress=None, stamp=None, **options
):
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
    unit : str or `~astropy.units.Unit`, optional
        Unit of the images; needed if they have no usable BUNIT card.
    progress : callable, optional
        Is given ``'reading'``, ``'cleaning'`` and ``'writing'``, when each begins.
    stamp : str, optional
        A text that is written as card CCRJOB, to know the results by.
    **options
        Options of `~ccdcr.cosmicray_stack`.

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
    check_targets(paths, outs, overwrite)
    tell = progress or _nobody
    tell("reading")
    frames = [read(path, unit=unit) for path in paths]
    tell("cleaning")
    cleaned = cosmicray_stack(frames, **options)
    tell("writing")
    write_all(paths, frames, cleaned, outs, unit, stamp=stamp)
    return [
        cosmicray_report(after, before)
        for after, before in zip(cleaned, frames, strict=True)
    ]


def clean_median(
    path, out, *, overwrite=False, unit=None, progress=None, stamp=None, **options
):
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
    unit : str or `~astropy.units.Unit`, optional
        Unit of the image; needed if it has no usable BUNIT card.
    progress : callable, optional
        Is given ``'reading'``, ``'cleaning'`` and ``'writing'``, when each begins.
    stamp : str, optional
        A text that is written as card CCRJOB, to know the results by.
    **options
        Options of `~ccdcr.cosmicray_median`.

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
    return _clean_one(
        cosmicray_median, path, out, overwrite, unit, progress, stamp, options
    )


def clean_lacosmic(
    path, out, *, overwrite=False, unit=None, progress=None, stamp=None, **options
):
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
    unit : str or `~astropy.units.Unit`, optional
        Unit of the image; needed if it has no usable BUNIT card.
    progress : callable, optional
        Is given ``'reading'``, ``'cleaning'`` and ``'writing'``, when each begins.
    stamp : str, optional
        A text that is written as card CCRJOB, to know the results by.
    **options
        Options of `~ccdcr.cosmicray_lacosmic`.

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
    return _clean_one(
        cosmicray_lacosmic, path, out, overwrite, unit, progress, stamp, options
    )


def _clean_one(cleaner, path, out, overwrite, unit, progress, stamp, options):
    check_targets([path], [out], overwrite)
    tell = progress or _nobody
    tell("reading")
    before = read(path, unit=unit)
    tell("cleaning")
    after = cleaner(before, **options)
    tell("writing")
    write_all([path], [before], [after], [out], unit, stamp=stamp)
    return cosmicray_report(after, before)


def apply_decisions(after, before, decisions, out, *, overwrite=False, unit=None):
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
    unit : str or `~astropy.units.Unit`, optional
        Unit of the images; needed if they have no usable BUNIT card.

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

    See Also
    --------
    ccdcr.review.write_review, ccdcr.restore_cosmicrays

    Notes
    -----
    The result is the cleaned file, with the rejected detections as they were: in the
    image, UNCERT, MASK, CRMASK and CRFLAGS. Every other extension is copied.
    """
    check_targets([after, before, decisions], [out], overwrite)
    cleaned, given = (read(path, unit=unit) for path in (after, before))
    final = put_back(cleaned, given, decisions)
    report = cosmicray_report(final, given)
    write_all([after], [cleaned], [final], [out], unit, [report.mask])
    return report


def _nobody(stage):
    """Nobody wants to know."""


def read(path, *, unit=None):
    """
    Read the image of a FITS file, with its mask, uncertainty and flags.

    Parameters
    ----------
    path : path-like
        The file.
    unit : str or `~astropy.units.Unit`, optional
        Unit of the image; needed if it has no usable BUNIT card.

    Returns
    -------
    ccd : `~astropy.nddata.CCDData`
        The first two-dimensional image, with MASK, UNCERT and CRFLAGS if present.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it has no image, or no unit is known.

    See Also
    --------
    clean_pair

    Notes
    -----
    Unlike `astropy.nddata.CCDData.read` it finds compressed images, and says
    which file is meant when something is wrong with it.
    """
    index, primary, flags = look_into(path)
    try:
        ccd = CCDData.read(path, hdu=index, unit=unit, format="fits", memmap=False)
    except ValueError as error:
        hint = " (give the unit if BUNIT is missing or not known; as a command --unit)"
        msg = f"{path}: {error}{hint if 'unit' in str(error) else ''}"
        raise ValueError(msg) from None
    if primary is not None:  # where multi-extension files keep what cleaners look up
        primary.update(ccd.meta)
        ccd.meta = primary
    if ccd.meta.get("CCRFLAGS") is True:
        ccd.flags = flags
    return ccd
