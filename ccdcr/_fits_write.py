# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Writing FITS files: the cleaned images beside all else, complete or not at all."""

import contextlib
import gzip
import io
import logging
import os
import uuid
from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy.io import fits
from astropy.nddata import CCDData

from ccdcr._ccd import FLAGS, OTHER_FLAGS
from ccdcr._fits import TILES, check_source
from ccdcr._fits_header import for_card, header_of
from ccdcr._layout import MARK

__all__ = ["Result", "check_targets", "write_all"]

_GZIP = b"\x1f\x8b"  # how what it made begins

_log = logging.getLogger(__name__)


class Result(NamedTuple):
    """What has become of one image of a file."""

    chip: object  # as from `chips_of`
    before: CCDData
    after: CCDData
    found: np.ndarray  # the cosmic rays, as booleans
    inputs: list  # name and checksum of all exposures of the set


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
        check_source(path)
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
        folder = os.path.dirname(os.path.realpath(target))
        if not os.path.isdir(folder):
            msg = f"{target}: its folder does not exist"
            raise FileNotFoundError(msg)
        if not os.access(folder, os.W_OK):
            msg = f"{target}: its folder may not be written to"
            raise PermissionError(msg)


def write_all(sources, results, targets, layout, *, overwrite, stamp=None):
    """
    Write beside the targets first; then move all into place.

    Parameters
    ----------
    sources : list of `~ccdcr._fits.Source`
        The files that were read.
    results : list of list of Result
        For each file what became of its images.
    targets : list of path-like
        Where they go.
    layout : `~ccdcr._layout.Layout`
        What the caller says about the files.
    overwrite : bool
        Whether targets may be replaced.
    stamp : str, optional
        Text of the card CCRJOB.
    """
    targets = [Path(os.path.realpath(target)) for target in targets]  # links stay
    temporary = [
        target.with_name(f".{target.name}.{uuid.uuid4().hex}") for target in targets
    ]
    done = []
    try:
        for source, chips, target, name in zip(
            sources, results, targets, temporary, strict=True
        ):
            _write(source, chips, target, name, layout, stamp)
            if target.exists():
                name.chmod(target.stat().st_mode)
        for name, target in zip(temporary, targets, strict=True):
            _move(name, target, overwrite)
            done.append(target)
    except BaseException:
        for target in () if overwrite else done:  # all or none
            target.unlink(missing_ok=True)
        raise
    finally:
        for name in temporary:
            name.unlink(missing_ok=True)
    for folder in {target.parent for target in targets}:
        _sync(folder)


def _move(name, target, overwrite):
    """Into place; what has come there in the meantime is not replaced."""
    if not overwrite:
        try:
            os.link(name, target)
        except FileExistsError:
            msg = f"{target}: exists, and overwrite is not set"
            raise FileExistsError(msg) from None
        except OSError:  # a file system without links
            if target.exists():
                msg = f"{target}: exists, and overwrite is not set"
                raise FileExistsError(msg) from None
        else:
            return
    name.replace(target)


def _sync(folder):
    """Names of files, too, are on the disk then; not every system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _write(source, results, target, name, layout, stamp):
    """To disk; the same content gives the same bytes."""
    try:
        new = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        with os.fdopen(new, "wb") as file:
            if target.suffix.lower() == ".gz":
                with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as stream:
                    _put_together(source, results, target, stream, layout, stamp)
            else:
                _put_together(source, results, target, file, layout, stamp)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:  # in the words of the caller: a full disk, no rights
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(target)) from None


def _put_together(source, results, target, stream, layout, stamp):
    """Write the extensions of the source, cleaned images in place of their own."""
    packed = target.suffix.lower() == ".fz"
    new, added = {}, []
    for result in results:
        chip, planes = result.chip, _planes(source, result, layout)
        for role, (name, data, cards) in planes.items():
            if role in chip.planes:
                new[chip.planes[role]] = (name, data, cards)
            else:
                added.append((name, data, [("EXTVER", chip.version), *cards]))
        new[chip.number] = None, result.after.data, []
    headers = {
        result.chip.number: header_of(source, result, target.name, layout, stamp)
        for result in results
    }
    for index, hdu in enumerate(source.hdus):
        if index in new:
            name, data, cards = new[index]
            header = headers.get(index) or hdu.header.copy(strip=True)
            _set(header, cards)
            extension = hdu.name if name is None else name
            stream.write(_rendered(data, header, extension, index, packed))
        elif index == 0 and "FILENAME" in hdu.header:
            stream.write(_renamed(source.stored(index), target.name))
        else:
            source.copy(index, stream)
    for name, data, cards in added:
        header = fits.Header()
        _set(header, cards)
        stream.write(_rendered(data, header, name, len(source.hdus), packed))


def _planes(source, result, layout):
    """What goes beside the image: for each role name, data and cards; if changed."""
    chip, before, after, found, _ = result
    old = {role: source.data(index) for role, index in chip.planes.items()}
    kept = ~_restored(before, after)
    planes = {}
    mask = old.get("MASK", np.zeros(after.data.shape, np.uint8))
    if mask.dtype.kind in "iu":  # other bits of it stay
        mask = np.where(kept, mask, mask.dtype.type(0)) | (after.mask & (mask == 0))
    else:
        mask = after.mask.astype(np.uint8)
    if not np.array_equal(mask, old.get("MASK")):
        planes["MASK"] = "MASK", mask, []
    if after.uncertainty is not None:
        planes["UNCERT"] = _noise_plane(source, result, old.get("UNCERT"), layout)
    cosmics = old.get("CRMASK", np.uint8(0)) * kept | found
    comments = [("COMMENT", MARK), ("COMMENT", "1: cosmic ray")]
    planes["CRMASK"] = "CRMASK", cosmics.astype(np.uint8), comments
    if after.flags is not None or "CRFLAGS" in old:
        flags = old.get("CRFLAGS", np.uint8(0))
        flags = flags & np.where(kept, np.uint8(255), OTHER_FLAGS)
        flags = flags if after.flags is None else flags | after.flags
        comments = [("COMMENT", f"{bit}: {meaning}") for bit, meaning in FLAGS.items()]
        planes["CRFLAGS"] = "CRFLAGS", flags, [("COMMENT", MARK), *comments]
    bit = _dq_bit(result, layout)
    if bit is not None:
        quality = old["DQ"]
        bit = quality.dtype.type(bit)
        new = np.where(kept, quality, quality & ~bit)
        planes["DQ"] = None, np.where(found, new | bit, new), []
    return {role: plane for role, plane in planes.items() if plane is not None}


def _noise_plane(source, result, old, layout):
    """The uncertainty; None if it has not changed."""
    chip, array = result.chip, result.after.uncertainty.array
    kind = type(result.after.uncertainty).__name__
    if old is None:
        return "UNCERT", array, [("UTYPE", kind)]
    if np.array_equal(old, array, equal_nan=True):
        return None
    name = source.hdus[chip.planes["UNCERT"]].name
    said = name == "UNCERT" or layout.uncertainty_type is not None
    return None, array, [("UTYPE", kind)] if said else []


def _dq_bit(result, layout):
    """Flag of cosmic rays in DQ: as said, or as an earlier run was told."""
    if layout.dq_bit is None and "DQ" in result.chip.planes:
        return result.before.meta.get("CCRDQBIT")
    return layout.dq_bit


def _restored(before, after):
    """Pixels that are masked no longer: they were put back."""
    earlier = False if before.mask is None else np.asarray(before.mask, bool)
    return earlier & ~after.mask


def _set(header, cards):
    if any(key == "COMMENT" for key, _ in cards):  # ours, in place of our own
        header.remove("COMMENT", ignore_missing=True, remove_all=True)
    for key, value in cards:
        if key == "COMMENT":
            header.add_comment(value)
        else:
            header[key] = value


def _rendered(data, header, name, index, packed):
    """Bytes of an extension, or of a primary image."""
    for key in ("BSCALE", "BZERO", "BLANK"):  # of integers in the source
        header.remove(key, ignore_missing=True)
    if index == 0:
        hdu = fits.PrimaryHDU(data, header)
        hdu.header.set("EXTEND", True, after=f"NAXIS{data.ndim}")
    elif packed:
        return _packed(data, header, name)
    else:
        hdu = fits.ImageHDU(data, header)
        if name:
            hdu.name = name
    hdu.add_checksum(when=MARK)  # in place of the time
    return _bytes(hdu)


def _packed(data, header, name):
    """Bytes of a tile-compressed image; nothing is lost."""
    kind = {
        "compression_type": "GZIP_2" if data.dtype.kind == "f" else "GZIP_1",
        "quantize_level": 0,
    }
    hdu = fits.CompImageHDU(np.ascontiguousarray(data), header, name or None, **kind)
    content = bytearray(b"".join((_bytes(fits.PrimaryHDU()), _bytes(hdu))))
    how = {"disable_image_compression": True, "lazy_load_hdus": False}
    with TILES:
        # the table that it becomes has the checksum that the file needs
        with fits.open(io.BytesIO(content), **how) as hdus:
            _without_times(content, hdus[1])
        with fits.open(io.BytesIO(content), **how) as hdus:
            hdus[1].add_checksum(when=MARK)
            return _bytes(hdus[1])


def _without_times(content, hdu):
    """Tiles say when they were compressed, as gzip does; ours do not."""
    place, header = hdu.fileinfo(), hdu.header
    heap = header.get("THEAP", header["NAXIS1"] * header["NAXIS2"]) + place["datLoc"]
    rows = hdu.data.view(np.ndarray)
    for name in rows.dtype.names:
        if rows[name].ndim == 1:  # not lengths of tiles and where they are
            continue
        for start in heap + rows[name][:, 1].astype(int):
            if content[start : start + 2] == _GZIP:
                content[start + 4 : start + 8] = bytes(4)


def _bytes(hdu):
    """An extension as it is in a file; no card that is there is judged."""
    primary = [] if isinstance(hdu, fits.PrimaryHDU) else [fits.PrimaryHDU()]
    stream = io.BytesIO()
    fits.HDUList([*primary, hdu]).writeto(stream, output_verify="ignore")
    return stream.getbuffer()[2880 if primary else 0 :]


def _renamed(hdu, name):
    """Bytes of a primary extension as stored, whose card names the new file."""
    hdu.header["FILENAME"] = for_card(name)
    if "CHECKSUM" in hdu.header:
        hdu.add_checksum(when=hdu.header.comments["CHECKSUM"])
    return _bytes(hdu)
