# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""FITS file in, FITS file out; everything else that is in the file is kept."""

import datetime
import gzip
import logging
import os
import uuid
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.nddata import CCDData

from ccdcr._ccd import FLAGS
from ccdcr._log import CARDS
from ccdcr.lacosmic import cosmicray_lacosmic
from ccdcr.median import cosmicray_median
from ccdcr.pair import cosmicray_pair
from ccdcr.report import cosmicray_report

__all__ = ["clean_lacosmic", "clean_median", "clean_pair", "read"]

_log = logging.getLogger(__name__)
_MARK = "written by ccdcr"  # in the header of extensions that are ours
_OURS = ("MASK", "UNCERT", "CRMASK", "CRFLAGS", "PSFIMAGE")


def clean_pair(path1, path2, out1, out2, *, overwrite=False, unit=None, **options):
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
    _check_targets([path1, path2], [out1, out2], overwrite)
    frames = [read(path, unit=unit) for path in (path1, path2)]
    cleaned = cosmicray_pair(*frames, **options)
    _write_all([path1, path2], frames, cleaned, [out1, out2], unit)
    return tuple(
        cosmicray_report(after, before)
        for after, before in zip(cleaned, frames, strict=True)
    )


def clean_median(path, out, *, overwrite=False, unit=None, **options):
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
    return _clean_one(cosmicray_median, path, out, overwrite, unit, options)


def clean_lacosmic(path, out, *, overwrite=False, unit=None, **options):
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
    return _clean_one(cosmicray_lacosmic, path, out, overwrite, unit, options)


def _clean_one(cleaner, path, out, overwrite, unit, options):
    _check_targets([path], [out], overwrite)
    before = read(path, unit=unit)
    after = cleaner(before, **options)
    _write_all([path], [before], [after], [out], unit)
    return cosmicray_report(after, before)


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
    index, primary, flags = _look_into(path)
    try:
        ccd = CCDData.read(path, hdu=index, unit=unit, format="fits", memmap=False)
    except ValueError as error:
        hint = " (give unit= if BUNIT is missing or not known)"
        msg = f"{path}: {error}{hint if 'unit' in str(error) else ''}"
        raise ValueError(msg) from None
    if primary is not None:  # where multi-extension files keep what cleaners look up
        primary.update(ccd.meta)
        ccd.meta = primary
    if ccd.meta.get("CCRFLAGS") is True:
        ccd.flags = flags
    return ccd


def _look_into(path):
    """Where the image is; the primary header if it is not there; flags of ours."""
    _check_source(path)
    try:
        with fits.open(path, memmap=False) as hdus:
            index = _image_index(hdus, path)
            for hdu in hdus:  # a truncated file fails here, not halfway
                _ = hdu.data
            _check_ours(hdus, hdus[index].shape, path)
            primary = hdus[0].header.copy(strip=True) if index else None
            flags = hdus["CRFLAGS"].data if "CRFLAGS" in hdus else None
    except (TypeError, EOFError) as error:  # how astropy tells a truncated file
        msg = f"{path}: not a complete FITS file ({error})"
        raise OSError(msg) from None
    except (OSError, ValueError) as error:
        if str(path) in str(error):
            raise
        msg = f"{path}: not a complete FITS file ({error})"
        raise OSError(msg) from None
    return index, primary, flags


def _check_ours(hdus, shape, path):
    """Refuse a file that uses the names of our extensions for something else."""
    for name in ("CRMASK", "CRFLAGS"):
        if name in hdus:
            hdu = hdus[name]
            data = hdu.data if hdu.is_image else None
            ours = _MARK in hdu.header.get("COMMENT", "")
            if (
                data is None
                or data.shape != shape
                or data.dtype != np.uint8
                or not ours
            ):
                msg = f"{path}: the extension {name} must be one that ccdcr wrote"
                raise ValueError(msg)


def _image_index(hdus, path):
    for index, hdu in enumerate(hdus):
        if _is_science(hdu):
            return index
    msg = f"{path}: no two-dimensional image in the file"
    raise ValueError(msg)


def _is_science(hdu):
    return hdu.is_image and hdu.header.get("NAXIS") == 2 and hdu.name not in _OURS


def _check_source(path):
    if not os.path.isfile(path):
        msg = f"{path}: no such file"
        raise FileNotFoundError(msg)


def _check_targets(paths, targets, overwrite):
    """Refuse, before any work, what could not be read or written in the end."""
    for path in paths:
        _check_source(path)
    real = [os.path.realpath(target) for target in targets]
    if len(set(real)) < len(real):
        msg = f"outputs must be different files, got {targets[0]} twice"
        raise ValueError(msg)
    for target in targets:
        if os.path.isdir(target):
            msg = f"{target}: is a folder"
            raise IsADirectoryError(msg)
        if os.path.exists(target) and not overwrite:
            msg = f"{target}: exists, and overwrite is not set"
            raise FileExistsError(msg)
        if not os.path.isdir(os.path.dirname(os.path.abspath(target))):
            msg = f"{target}: its folder does not exist"
            raise FileNotFoundError(msg)


def _write_all(paths, before, cleaned, targets, unit):
    """Write beside the targets first; then move all into place."""
    targets = [Path(os.path.realpath(target)) for target in targets]  # links stay
    temporary = [
        target.with_name(f".{target.name}.{uuid.uuid4().hex}") for target in targets
    ]
    try:
        for path, old, new, target, name in zip(
            paths, before, cleaned, targets, temporary, strict=True
        ):
            # compressed images stay as they are: to compress again changes them
            with fits.open(path, memmap=False, disable_image_compression=True) as hdus:
                _put_into(hdus, path, old, new, unit)
                _write(hdus, name, compress=target.suffix == ".gz")
            if target.exists():
                name.chmod(target.stat().st_mode)
        for name, target in zip(temporary, targets, strict=True):
            name.replace(target)
    finally:
        for name in temporary:
            name.unlink(missing_ok=True)


def _write(hdus, name, *, compress):
    """To disk; the same content gives the same bytes."""
    new = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    with os.fdopen(new, "wb") as file:
        if compress:
            with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as stream:
                hdus.writeto(stream)
        else:
            hdus.writeto(file)
        file.flush()
        os.fsync(file.fileno())


def _put_into(hdus, path, before, after, unit):
    """Put the cleaned image, and what goes with it, among the source's extensions."""
    with fits.open(path, memmap=False) as images:
        index = _image_index(images, path)
        header, name = images[index].header.copy(strip=True), images[index].name
        cosmics = images["CRMASK"].data if "CRMASK" in images else np.uint8(0)
        flags = images["CRFLAGS"].data if "CRFLAGS" in images else np.uint8(0)
        science = [i for i, hdu in enumerate(images) if _is_science(hdu)]
    others = ", ".join(str(i) for i in science if i != index)
    if others:
        _log.warning(
            "%s: only the image in extension %d was cleaned, those in %s were not",
            *(path, index, others),
        )
    header = _header_of(header, before, after, unit)
    kind = fits.ImageHDU if index else fits.PrimaryHDU
    hdus[index] = kind(after.data, header)
    hdus[index].name = name
    _put(hdus, "MASK", after.mask.astype(np.uint8))
    if after.uncertainty is not None:
        _put(hdus, "UNCERT", after.uncertainty.array)
        hdus["UNCERT"].header["UTYPE"] = type(after.uncertainty).__name__
    _put(
        hdus, "CRMASK", cosmics | cosmicray_report(after, before).mask, "1: cosmic ray"
    )
    meanings = [f"{bit}: {meaning}" for bit, meaning in FLAGS.items()]
    _put(hdus, "CRFLAGS", flags | after.flags, *meanings)
    hdus.update_extend()
    for hdu in (hdus[index], *(hdus[name] for name in _OURS if name in hdus)):
        hdu.add_checksum(when=_MARK)  # in place of the time


def _header_of(header, before, after, unit):
    """Header of the cleaned image: that of the source, and what was done."""
    header.remove("BLANK", ignore_missing=True)  # for integers only
    if unit is not None:
        header["BUNIT"] = after.unit.to_string()
    for key in CARDS:
        header.remove(key, ignore_missing=True)
    old, new = before.meta, after.meta
    for card in new.cards:
        key = card.keyword
        same = key in old and old[key] == card.value
        if key in CARDS or not (same or key in ("", "COMMENT", "HISTORY")):
            header[key] = (card.value, card.comment)
    known = len(old["HISTORY"]) if "HISTORY" in old else 0
    for line in list(new.get("HISTORY", []))[known:]:
        header.add_history(line)
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch is not None:
        date = datetime.datetime.fromtimestamp(int(epoch), datetime.UTC)
        header["DATE"] = (f"{date:%Y-%m-%dT%H:%M:%S}", "file creation (UTC)")
    return header


def _put(hdus, name, data, *comments):
    """Replace the data of an extension, or append a new one."""
    header = hdus[name].header.copy(strip=True) if name in hdus else fits.Header()
    hdu = fits.ImageHDU(data, header, name=name)
    if comments:
        hdu.header.remove("COMMENT", ignore_missing=True, remove_all=True)
        for comment in (_MARK, *comments):
            hdu.header["COMMENT"] = comment
    if name in hdus:
        hdus[hdus.index_of(name)] = hdu
    else:
        hdus.append(hdu)
