# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""FITS file in, FITS file out; everything else that is in the file is kept."""

import contextlib
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
    _write_all([path1, path2], frames, cleaned, [out1, out2])
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
    _write_all([path], [before], [after], [out])
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
    ccd, _ = _read(path, unit)
    return ccd


def _read(path, unit):
    """The image as CCDData, and which extension it is in."""
    index, primary, flags = _look_into(path)
    try:
        ccd = CCDData.read(path, hdu=index, unit=unit, format="fits", memmap=False)
    except ValueError as error:
        msg = f"{path}: {error} (unit= names the unit if the file has no usable BUNIT)"
        raise ValueError(msg) from None
    if primary is not None:  # where multi-extension files keep what cleaners look up
        primary.update(ccd.meta)
        ccd.meta = primary
    if flags is not None and flags.shape == ccd.data.shape:
        ccd.flags = flags.astype(np.uint8)
    return ccd, index


def _look_into(path):
    """Where the image is; the primary header if it is not there; flags of ours."""
    try:
        with fits.open(path, memmap=False) as hdus:
            index = _image_index(hdus, path)
            for hdu in hdus:  # a truncated file fails here, not halfway
                _ = hdu.data
            primary = hdus[0].header.copy(strip=True) if index else None
            flags = hdus["CRFLAGS"].data if "CRFLAGS" in hdus else None
    except (TypeError, ValueError, EOFError) as error:
        if str(path) in str(error):
            raise
        msg = f"{path}: not a complete FITS file ({error})"
        raise OSError(msg) from None
    except OSError as error:
        if str(path) in str(error):
            raise
        msg = f"{path}: {error}"
        raise OSError(msg) from None
    return index, primary, flags


def _image_index(hdus, path):
    for index, hdu in enumerate(hdus):
        named = hdu.name in _OURS
        if hdu.is_image and hdu.header.get("NAXIS") == 2 and not named:
            return index
    msg = f"{path}: no two-dimensional image in the file"
    raise ValueError(msg)


def _check_targets(paths, targets, overwrite):
    """Refuse, before any work, what could not be written in the end."""
    for path in paths:
        if not os.path.exists(path):
            msg = f"{path}: no such file"
            raise FileNotFoundError(msg)
    real = [os.path.realpath(target) for target in targets]
    if len(set(real)) < len(real):
        msg = f"outputs must be different files, got {targets[0]} twice"
        raise ValueError(msg)
    for target in targets:
        if os.path.exists(target) and not overwrite:
            msg = f"{target}: exists, and overwrite is not set"
            raise FileExistsError(msg)
        if not os.path.isdir(os.path.dirname(os.path.abspath(target))):
            msg = f"{target}: its folder does not exist"
            raise FileNotFoundError(msg)


def _write_all(paths, before, cleaned, targets):
    """Write beside the targets first; then move all into place."""
    temporary = [
        os.fspath(Path(target).with_name(f".{Path(target).name}.{uuid.uuid4().hex}"))
        for target in targets
    ]
    try:
        for path, old, new, target, name in zip(
            paths, before, cleaned, targets, temporary, strict=True
        ):
            hdus = _assemble(path, old, new)
            _write(hdus, name, compress=os.fspath(target).endswith(".gz"))
        for name, target in zip(temporary, targets, strict=True):
            os.replace(name, target)
            _log.info("wrote %s", target)
    finally:
        for name in temporary:
            with contextlib.suppress(FileNotFoundError):
                os.remove(name)


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


def _assemble(path, before, after):
    """All extensions of the source, with the cleaned image in its place."""
    with fits.open(path, memmap=False) as source:
        index = _image_index(source, path)
        hdus = fits.HDUList([hdu.copy() for hdu in source])
    image = hdus[index]
    if isinstance(image, fits.CompImageHDU):  # its compression would lose precision
        image = hdus[index] = fits.ImageHDU(header=image.header, name=image.name)
    image.data = after.data
    _log_to(image.header, before.meta, after.meta)
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch is not None:
        date = datetime.datetime.fromtimestamp(int(epoch), datetime.UTC)
        image.header["DATE"] = (f"{date:%Y-%m-%dT%H:%M:%S}", "file creation (UTC)")
    _put(hdus, "MASK", after.mask.astype(np.uint8))
    if after.uncertainty is not None:
        _put(hdus, "UNCERT", after.uncertainty.array)
        hdus["UNCERT"].header["UTYPE"] = type(after.uncertainty).__name__
    found = cosmicray_report(after, before).mask
    if "CRMASK" in hdus and hdus["CRMASK"].shape == found.shape:
        found = found | (hdus["CRMASK"].data != 0)
    _put(hdus, "CRMASK", found.astype(np.uint8))
    hdus["CRMASK"].header["COMMENT"] = "1: cosmic ray"
    _put(hdus, "CRFLAGS", after.flags)
    for bit, meaning in FLAGS.items():
        hdus["CRFLAGS"].header["COMMENT"] = f"{bit}: {meaning}"
    for hdu in (hdus[index], *(hdus[name] for name in _OURS if name in hdus)):
        hdu.add_checksum(when="written by ccdcr")  # in place of the time
    return hdus


def _put(hdus, name, data):
    """Replace the data of an extension, or append a new one."""
    if name in hdus:
        position = hdus.index_of(name)
        header = hdus[position].header.copy(strip=True)
        header.remove("COMMENT", ignore_missing=True, remove_all=True)
        hdus[position] = fits.ImageHDU(data, header, name=name)
    else:
        hdus.append(fits.ImageHDU(data, name=name))


def _log_to(header, before, after):
    """Our cards, and the HISTORY that was added, into the header of the image."""
    for key in CARDS:
        header.remove(key, ignore_missing=True)
    for card in after.cards:
        if card.keyword in CARDS:
            header.append(card)
    old = len(before["HISTORY"]) if "HISTORY" in before else 0
    for line in list(after.get("HISTORY", []))[old:]:
        header.add_history(line)
