# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""FITS files: finding the image in one, and writing the result beside all else."""

import datetime
import gzip
import logging
import os
import uuid
from pathlib import Path

import numpy as np
from astropy.io import fits

from ccdcr._ccd import FLAGS, OTHER_FLAGS
from ccdcr._log import CARDS
from ccdcr.report import cosmicray_report

__all__ = ["check_targets", "look_into", "write_all"]

_log = logging.getLogger(__name__)
_MARK = "written by ccdcr"  # in the header of extensions that are ours
_OURS = ("MASK", "UNCERT", "CRMASK", "CRFLAGS", "PSFIMAGE")


def look_into(path):
    """
    Find the image of a file, and make sure that the file is complete.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    index : int
        Extension of the first two-dimensional image.
    primary : `~astropy.io.fits.Header` or None
        The primary header, if the image is not there.
    flags : 2D uint8 `~numpy.ndarray` or None
        Flags of an earlier run.
    """
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


def check_targets(paths, targets, overwrite):
    """
    Refuse, before any work, what could not be read or written in the end.

    Parameters
    ----------
    paths, targets : list of path-like
        Files to read and to write.
    overwrite : bool
        Whether targets may be replaced.
    """
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


def write_all(paths, before, cleaned, targets, unit, found=None, stamp=None):
    """
    Write beside the targets first; then move all into place.

    Parameters
    ----------
    paths, targets : list of path-like
        Files that were read and are to be written.
    before, cleaned : list of `~astropy.nddata.CCDData`
        What was in them, and what is to go there.
    unit : str, `~astropy.units.Unit` or None
        Unit that the caller gave; it is then written.
    found : list of 2D bool `~numpy.ndarray`, optional
        The cosmic rays; by default what is masked in ``cleaned`` and not ``before``.
    stamp : str, optional
        Text of the card CCRJOB.
    """
    if found is None:
        found = [
            cosmicray_report(new, old).mask
            for new, old in zip(cleaned, before, strict=True)
        ]
    targets = [Path(os.path.realpath(target)) for target in targets]  # links stay
    temporary = [
        target.with_name(f".{target.name}.{uuid.uuid4().hex}") for target in targets
    ]
    try:
        for path, old, new, rays, target, name in zip(
            paths, before, cleaned, found, targets, temporary, strict=True
        ):
            # compressed images stay as they are: to compress again changes them
            with fits.open(path, memmap=False, disable_image_compression=True) as hdus:
                _put_into(hdus, path, old, new, rays, unit, stamp)
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


def _put_into(hdus, path, before, after, found, unit, stamp):
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
    if stamp is not None:
        header["CCRJOB"] = (stamp, CARDS["CCRJOB"])
    kind = fits.ImageHDU if index else fits.PrimaryHDU
    hdus[index] = kind(after.data, header)
    hdus[index].name = name
    _put(hdus, "MASK", after.mask.astype(np.uint8))
    if after.uncertainty is not None:
        _put(hdus, "UNCERT", after.uncertainty.array)
        hdus["UNCERT"].header["UTYPE"] = type(after.uncertainty).__name__
    kept = ~_restored(before, after)
    _put(hdus, "CRMASK", cosmics * kept | found, "1: cosmic ray")
    if after.flags is not None or "CRFLAGS" in hdus:
        flags = flags & np.where(kept, np.uint8(255), OTHER_FLAGS)
        flags = flags if after.flags is None else flags | after.flags
        meanings = [f"{bit}: {meaning}" for bit, meaning in FLAGS.items()]
        _put(hdus, "CRFLAGS", flags, *meanings)
    hdus.update_extend()
    for hdu in (hdus[index], *(hdus[name] for name in _OURS if name in hdus)):
        hdu.add_checksum(when=_MARK)  # in place of the time


def _restored(before, after):
    """Pixels that are masked no longer: they were put back."""
    earlier = False if before.mask is None else np.asarray(before.mask, bool)
    return earlier & ~after.mask


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
