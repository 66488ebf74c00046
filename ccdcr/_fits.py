# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Reading FITS files: images with what belongs to them, and raw extensions."""

import contextlib
import io
import logging
import os
import threading
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.nddata import CCDData, bitfield_to_boolean_mask
from astropy.utils.data import get_readable_fileobj

from ccdcr._layout import chips_of
from ccdcr._units import parse_unit

__all__ = ["TILES", "Source", "check_source"]

_PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ")  # how gzip, bzip2 and xz files begin
#: Whether tiles are looked into is one switch for all threads, in older astropy.
TILES = threading.RLock()

_log = logging.getLogger(__name__)
_VAGUE = (u.ct, u.dimensionless_unscaled)  # units that may be any
_BLOCK = 1 << 24  # bytes that are copied at once


class Source:
    """
    An open FITS file; to be used in a ``with`` statement.

    Parameters
    ----------
    path : path-like
        The file; also one compressed as a whole.
    layout : `~ccdcr._layout.Layout`
        What the caller says about it.

    Attributes
    ----------
    hdus : `~astropy.io.fits.HDUList`
        Its extensions, tile-compressed images as images.
    chips : list of `~ccdcr._layout.Chip`
        The images that are meant.
    others : list of int
        Extensions with images that are not.
    """

    def __init__(self, path, layout):
        check_source(path)
        self.path, self._layout = path, layout
        self._closing = contextlib.ExitStack()
        try:
            self._content = _unpacked(path)
            self._stream = self._closing.enter_context(self._bytes())
            with TILES:
                self.hdus = self._opened()
                self._tiled = any(
                    isinstance(hdu, fits.CompImageHDU) for hdu in self.hdus
                )
                self._raw = self._opened(
                    do_not_scale_image_data=True,
                    **({"disable_image_compression": True} if self._tiled else {}),
                )
            self._check_complete()
        except BaseException as error:
            self._closing.close()
            raise _clearer(error, path) from None
        try:
            self.chips, self.others = chips_of(self.hdus, layout, path)
        except BaseException as error:
            self._closing.close()
            raise _of_broken_header(error, path) from None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._closing.close()

    def _file(self):
        """What may be opened any number of times."""
        return self.path if self._content is None else io.BytesIO(self._content)

    def _bytes(self):
        return self._file() if self._content is not None else open(self.path, "rb")

    def _opened(self, **how):
        """All extensions; all headers are read at once."""
        hdus = fits.open(self._file(), memmap=False, lazy_load_hdus=False, **how)
        return self._closing.enter_context(hdus)

    def _check_complete(self):
        """Refuse a truncated file now, not halfway; all headers are read."""
        self._size = self._stream.seek(0, os.SEEK_END)
        last = len(self._raw) - 1
        _, start, end = self._place(last)
        if start + self._raw[last].size > self._size:
            msg = f"it ends in extension {last}"
            raise OSError(msg)
        for rest in self._blocks(end, self._size):  # tapes are padded with zeros
            if rest.strip(b"\0 "):
                msg = f"what follows extension {last} is no other"
                raise OSError(msg)

    def read(self, chip):
        """
        Read an image.

        Parameters
        ----------
        chip : `~ccdcr._layout.Chip`
            Which one.

        Returns
        -------
        ccd : `~astropy.nddata.CCDData`
            With mask, uncertainty and flags, and the primary header.
        """
        try:
            with TILES if self._tiled else contextlib.nullcontext():
                ccd = CCDData.read(
                    self._file(),
                    format="fits",
                    memmap=False,
                    hdu=chip.number,
                    unit=self._unit(chip),
                    **dict.fromkeys(("hdu_mask", "hdu_uncertainty", "hdu_flags")),
                )
            planes = {role: self.data(at) for role, at in chip.planes.items()}
        except Exception as error:
            raise _clearer(error, self.path) from None
        ccd.mask = _mask_of(planes, self._layout)
        if "UNCERT" in planes:
            ccd.uncertainty = chip.noise(planes["UNCERT"])
        if chip.number:  # where multi-extension files keep what cleaners look up
            primary = self.hdus[0].header.copy(strip=True)
            primary.update(ccd.meta)
            ccd.meta = primary
        if ccd.meta.get("CCRFLAGS") is True:
            ccd.flags = planes.get("CRFLAGS")
        return ccd

    def _unit(self, chip):
        """The unit, unless astropy finds it by itself."""
        given = self._layout.unit
        text = str(self.hdus[chip.number].header.get("BUNIT", ""))
        text = str(CCDData.known_invalid_fits_unit_strings.get(text, text))
        try:
            unit = parse_unit(text) if text.strip() else None
        except ValueError:
            unit = None  # without one that is given, astropy says what is wrong
        if given is not None and (unit is None or unit in (given, *_VAGUE)):
            return given
        if given is not None:  # which is for files that do not tell it
            words = "%s: BUNIT says %s, so the unit that was given, %s, is not used"
            _log.warning(words, self.path, text.strip(), given)
        known = unit is None or text.strip().lower() == "adu" or str(unit) == text
        return None if known else unit

    def packed(self, chip):
        """
        Tell whether an image is tile-compressed.

        Parameters
        ----------
        chip : `~ccdcr._layout.Chip`
            Which one.

        Returns
        -------
        packed : bool
            Whether it is.
        """
        return isinstance(self.hdus[chip.number], fits.CompImageHDU)

    def data(self, index):
        """
        Data of an extension as they are in the file.

        Parameters
        ----------
        index : int
            Which one.

        Returns
        -------
        data : `~numpy.ndarray`
            Scaled, in the byte order of the file.
        """
        return self.hdus[index].data

    def stored(self, index):
        """
        Give an extension that may be changed, with its data as stored.

        Parameters
        ----------
        index : int
            Which one.

        Returns
        -------
        hdu : `~astropy.io.fits` extension
            Not scaled; whatever is done to it, `copy` gives the old bytes.
        """
        return self._raw[index].copy()

    def datasum(self, index):
        """
        Checksum of the data of an extension, as a DATASUM card gives it.

        Parameters
        ----------
        index : int
            Which one.

        Returns
        -------
        total : str
            The sum in ones' complement.
        """
        _, start, end = self._place(index)
        total = 0
        for block in self._blocks(start, end):
            block += bytes(-len(block) % 4)
            total += int(np.frombuffer(block, ">u4").sum(dtype=np.uint64))
        while total >> 32:
            total = (total & 0xFFFFFFFF) + (total >> 32)
        return str(total)

    def copy(self, index, stream):
        """
        Copy an extension as it is, byte for byte.

        Parameters
        ----------
        index : int
            Which one.
        stream : file object
            Where to.
        """
        begin, _, end = self._place(index)
        for block in self._blocks(begin, end):
            stream.write(block)
        stream.write(bytes(max(0, end - self._size)))  # some leave out the last bytes

    def _place(self, index):
        """Where header and data of an extension begin, and where it ends."""
        place = self._raw[index].fileinfo()
        return place["hdrLoc"], place["datLoc"], place["datLoc"] + place["datSpan"]

    def _blocks(self, begin, end):
        for start in range(begin, min(end, self._size), _BLOCK):
            self._stream.seek(start)
            yield self._stream.read(min(_BLOCK, end - start))


def check_source(path):
    """
    Refuse a file that is not there.

    Parameters
    ----------
    path : path-like
        The file.
    """
    if not os.path.isfile(path):
        msg = f"{path}: no such file"
        raise FileNotFoundError(msg)


def _unpacked(path):
    """Content of a file that is compressed as a whole; None for others."""
    with open(path, "rb") as file:
        if not file.read(8).startswith(_PACKED):
            return None
    with get_readable_fileobj(Path(path), encoding="binary") as file:
        return file.read()


def _mask_of(planes, layout):
    mask = planes.get("MASK")
    if mask is not None:
        mask = mask.astype(bool)
    if "DQ" in planes:
        bad = bitfield_to_boolean_mask(
            planes["DQ"], ignore_flags=layout.dq_ignore, dtype=bool
        )
        mask = bad if mask is None else mask | bad
    return mask


def _clearer(error, path):
    """The same failure with the name of the file, if it is one of the file."""
    if str(path) in str(error) or not isinstance(error, Exception):
        return error
    if isinstance(error, ValueError) and "unit" in str(error):
        hint = " (give the unit if BUNIT is missing or not known; as a command --unit)"
        return ValueError(f"{path}: {error}{hint}")
    if isinstance(error, (OSError, EOFError, TypeError, ValueError)):
        return OSError(f"{path}: not a complete FITS file ({error})")
    return _of_broken_header(error, path)


def _of_broken_header(error, path):
    """What it makes of astropy, which does not say what it has looked for."""
    told = OSError, TypeError, ValueError, u.UnitsError, MemoryError
    if isinstance(error, told) or not isinstance(error, Exception):
        return error
    what = f"{type(error).__name__}: {error}"
    return OSError(f"{path}: not a complete FITS file ({what})")
