# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Which extensions of a FITS file belong to which image."""

from numbers import Integral
from typing import NamedTuple

import numpy as np
from astropy.nddata import (
    InverseVariance,
    StdDevUncertainty,
    UnknownUncertainty,
    VarianceUncertainty,
)

from ccdcr._units import parse_unit

__all__ = ["MARK", "Chip", "Layout", "chips_of"]

MARK = "written by ccdcr"  # in the header of extensions that are ours

_OURS = ("MASK", "UNCERT", "CRMASK", "CRFLAGS")
# Where noise is kept, and what it is if no card says so.
_NOISE = {
    "UNCERT": StdDevUncertainty,
    "ERR": StdDevUncertainty,
    "VAR": VarianceUncertainty,
    "IVAR": InverseVariance,
}
_NO_IMAGES = (*_OURS, *_NOISE, "DQ", "PSFIMAGE")
_CLASSES = {
    "std": StdDevUncertainty,
    "var": VarianceUncertainty,
    "ivar": InverseVariance,
}
_NAMES = _CLASSES | {
    cls.__name__: cls
    for cls in (
        StdDevUncertainty,
        VarianceUncertainty,
        InverseVariance,
        UnknownUncertainty,
    )
}


class Layout(NamedTuple):
    """What the caller says about a file; `ccdcr.files.read` explains it."""

    hdu: object = None
    unit: object = None
    hdu_uncertainty: str | None = None
    uncertainty_type: str | None = None
    hdu_dq: str = "DQ"
    dq_ignore: int = 0
    dq_bit: int | None = None

    @classmethod
    def split(cls, options):
        """
        Take what is about files out of the options of a function.

        Parameters
        ----------
        options : dict
            Options; those taken are removed.

        Returns
        -------
        layout : Layout
            Checked, as far as can be without a file.
        """
        names = [name for name in cls._fields if name in options]
        layout = cls(**{name: options.pop(name) for name in names})
        return layout._checked()

    def _checked(self):
        if self.uncertainty_type not in (None, *_CLASSES):
            choices = ", ".join(map(repr, _CLASSES))
            msg = (
                f"uncertainty_type must be one of {choices}, "
                f"got {self.uncertainty_type!r}"
            )
            raise ValueError(msg)
        for name in ("hdu_uncertainty", "hdu_dq"):
            value = getattr(self, name)
            if not isinstance(value, str) and (value is not None or name == "hdu_dq"):
                msg = f"{name} must be the name of an extension, got {value!r}"
                raise TypeError(msg)
        bit, ignored = self.dq_bit, self.dq_ignore
        if not isinstance(ignored, Integral) or ignored < 0:
            msg = f"dq_ignore must be a whole number >= 0, got {ignored!r}"
            raise ValueError(msg)
        if bit is not None and (
            not isinstance(bit, Integral) or bit < 1 or bit & (bit - 1)
        ):
            msg = f"dq_bit must be a power of two like 4096, got {bit!r}"
            raise ValueError(msg)
        unit = parse_unit(self.unit) if isinstance(self.unit, str) else self.unit
        return self._replace(unit=unit)

    @property
    def several(self):
        """Whether the caller asks for more than one image, or may get more."""
        if isinstance(self.hdu, str):
            return self.hdu.lower() == "all"
        return isinstance(self.hdu, list)


class Chip(NamedTuple):
    """An image of a file, and what belongs to it."""

    number: int  # of its extension
    version: int  # EXTVER of the extensions that are added to it
    planes: dict  # index of MASK, UNCERT, CRMASK, CRFLAGS, DQ where there are such
    noise: type | None  # class of the uncertainty


def chips_of(hdus, layout, path):
    """
    Find the images that are meant.

    Parameters
    ----------
    hdus : `~astropy.io.fits.HDUList`
        An open file.
    layout : Layout
        What the caller says.
    path : path-like
        Its name, for messages.

    Returns
    -------
    chips : list of Chip
        In the order asked for, or that of the file.
    others : list of int
        Extensions with images that are not meant.
    """
    science = _science(hdus, layout)
    wanted = _wanted(hdus, layout.hdu, science, path)
    numbers = [hdus[index].ver for index in science]
    own = len(set(numbers)) == len(numbers)  # their EXTVER tell them apart
    chips = []
    for index in wanted:
        if index not in science:
            planes, version = {}, 1000 + index  # belongs to nothing
        else:
            place = science.index(index)
            version = numbers[place] if own else place + 1
            planes = _planes(hdus, layout, science, place, version, own)
        chips.append(_chip(hdus, layout, index, version, planes, path))
    return chips, [index for index in science if index not in wanted]


def _science(hdus, layout):
    """Extensions that hold images: those named SCI, or else all that may."""
    other = {*_NO_IMAGES, layout.hdu_dq.upper()}
    other.add((layout.hdu_uncertainty or "").upper() or "UNCERT")
    images = [
        index
        for index, hdu in enumerate(hdus)
        if hdu.is_image and hdu.header.get("NAXIS") == 2 and hdu.name not in other
    ]
    return [index for index in images if hdus[index].name == "SCI"] or images


def _wanted(hdus, hdu, science, path):
    if not science and (hdu is None or hdu == "all"):
        msg = f"{path}: no two-dimensional image in the file"
        raise ValueError(msg)
    if hdu is None:
        return science[:1]
    if isinstance(hdu, str) and hdu.lower() == "all":
        return science
    keys = hdu if isinstance(hdu, list) else [hdu]
    wanted = [_index_of(hdus, _key(key), path) for key in keys]
    if len(set(wanted)) < len(wanted) or not wanted:
        msg = f"{path}: hdu must be one or more different extensions, got {hdu!r}"
        raise ValueError(msg)
    return wanted


def _key(given):
    """Number, name, or name and version, also as typed: ``'SCI,2'``."""
    if isinstance(given, str):
        name, _, version = (part.strip() for part in given.partition(","))
        if version.isdigit() and name:
            return name, int(version)
        return int(name) if name.isdigit() and not version else given
    pair = isinstance(given, tuple) and len(given) == 2
    if isinstance(given, Integral) or (pair and isinstance(given[0], str)):
        return given
    msg = (
        f"hdu must be a number, a name, (name, version), 'all' or a list, got {given!r}"
    )
    raise TypeError(msg)


def _index_of(hdus, key, path):
    try:
        index = hdus.index_of(key)
        hdu = hdus[index]
    except (KeyError, IndexError):
        names = ", ".join(f"{i} {hdu.name}".strip() for i, hdu in enumerate(hdus))
        msg = f"{path}: hdu must be an extension of the file ({names}), got {key!r}"
        raise ValueError(msg) from None
    if not hdu.is_image or hdu.header.get("NAXIS") != 2:
        msg = f"{path}: hdu must be a two-dimensional image, got {key!r}"
        raise ValueError(msg)
    return index % len(hdus)


def _planes(hdus, layout, science, place, version, own):
    """Where mask, noise and so on of an image are: by version, or by order."""
    last = science[place + 1] if place + 1 < len(science) else len(hdus)
    alone = len(science) == 1
    noise = [*_NOISE] if layout.hdu_uncertainty is None else [layout.hdu_uncertainty]
    names = {name: name for name in _OURS if name != "UNCERT"}
    names |= {name.upper(): "UNCERT" for name in reversed(noise)}
    names[layout.hdu_dq.upper()] = "DQ"
    found = {}
    for name, role in names.items():  # of noise the first of its names is the last here
        those = [
            index
            for index, hdu in enumerate(hdus)
            # some instruments write headers for planes that they leave out
            if hdu.name == name
            and hdu.is_image
            and hdu.shape
            and index != science[place]
        ]
        told = own or (
            name in _OURS and len({hdus[index].ver for index in those}) == len(those)
        )
        if told and not alone:
            those = [index for index in those if hdus[index].ver == version]
        elif len(those) == len(science):  # each has one, wherever they are
            those = [those[place]]
        elif not alone:
            those = [index for index in those if science[place] < index < last]
        if those:
            found[role] = those[0]
    return found


def _chip(hdus, layout, index, version, planes, path):
    noise = None
    shape = hdus[index].shape
    for role, place in planes.items():
        if role in ("CRMASK", "CRFLAGS"):  # which must be ours
            continue
        if hdus[place].shape != shape:
            msg = (
                f"{path}: {hdus[place].name} must have the shape of the image, "
                f"{shape}, got {hdus[place].shape}"
            )
            raise ValueError(msg)
        if role == "DQ" and hdus[place].header["BITPIX"] < 0:
            msg = f"{path}: {layout.hdu_dq} must hold whole numbers, got floating ones"
            raise ValueError(msg)
    if "UNCERT" in planes:
        plane = hdus[planes["UNCERT"]]
        noise = _NAMES.get(plane.header.get("UTYPE"), _NOISE.get(plane.name))
        if layout.uncertainty_type is not None:
            noise = _CLASSES[layout.uncertainty_type]
        if noise is None:
            msg = (
                f"{path}: uncertainty_type must say what {plane.name} holds, which no "
                "UTYPE card says"
            )
            raise ValueError(msg)
    _check_names(hdus, layout, planes, shape, path)
    return Chip(index, version, planes, noise)


def _check_names(hdus, layout, planes, shape, path):
    """Refuse what asks for planes that are not there, or would destroy others."""
    if layout.dq_bit is not None:
        if "DQ" not in planes:
            msg = f"{path}: dq_bit needs an extension {layout.hdu_dq}, there is none"
            raise ValueError(msg)
        dtype = hdus[planes["DQ"]].data.dtype
        if dtype.kind not in "iu" or layout.dq_bit > np.iinfo(dtype).max:
            msg = f"{path}: dq_bit must fit into {dtype.name}, got {layout.dq_bit}"
            raise ValueError(msg)
    if layout.hdu_uncertainty is not None and "UNCERT" not in planes:
        msg = (
            f"{path}: hdu_uncertainty must be an extension of the image, "
            f"got {layout.hdu_uncertainty!r}"
        )
        raise ValueError(msg)
    for name in ("CRMASK", "CRFLAGS"):
        for index, hdu in enumerate(hdus):
            if hdu.name != name:
                continue
            ours = hdu.is_image and MARK in hdu.header.get("COMMENT", "")
            if planes.get(name) == index:
                ours = ours and hdu.shape == shape and hdu.data.dtype == np.uint8
            if not ours:
                msg = f"{path}: the extension {name} must be one that ccdcr wrote"
                raise ValueError(msg)
