# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Any way of naming a part of an image, turned into a boolean array."""

import re

import numpy as np

from ccdcr.exceptions import shown

__all__ = ["allowed_pixels", "describe", "pixels_of"]

_RANGE = re.compile(r"\s*(?:(\*)|(\d+)\s*(?::\s*(\d+))?)\s*")
_FORMS = (
    "a FITS section like '[1:100,20:40]', a tuple of two slices, a boolean array, "
    "a pixel or sky region, or a list of these"
)


def allowed_pixels(region, exclude, ccd):
    """
    Find the pixels that may be cleaned.

    Parameters
    ----------
    region, exclude : object
        What the caller gave; None is everywhere and nowhere.
    ccd : `~astropy.nddata.CCDData`
        The frame whose shape and WCS count.

    Returns
    -------
    allowed : 2D bool `~numpy.ndarray` or None
        None if every pixel is allowed.
    """
    if region is None and exclude is None:
        return None
    shape = ccd.data.shape
    if region is None:
        allowed = np.ones(shape, dtype=bool)
    else:
        allowed = _mask(region, shape, ccd.wcs, "region")
    if exclude is not None:
        allowed &= ~_mask(exclude, shape, ccd.wcs, "exclude")
    return allowed


def pixels_of(region, ccd, name):
    """
    Find the pixels of a region, or of the union of several.

    Parameters
    ----------
    region : object
        What the caller gave.
    ccd : `~astropy.nddata.CCDData`
        The frame whose shape and WCS count.
    name : str
        Name of the argument, for messages.

    Returns
    -------
    mask : 2D bool `~numpy.ndarray`
        The pixels.
    """
    return _mask(region, ccd.data.shape, ccd.wcs, name)


def describe(region, shape):
    """
    Say in a few words what a region is, for the header.

    Parameters
    ----------
    region : object
        Any form that `allowed_pixels` takes.
    shape : tuple of int
        Rows and columns of the image.

    Returns
    -------
    text : str
        Sections and slices as FITS sections; others by class.
    """
    if region is None:
        return "none"
    if isinstance(region, str):
        return region.replace(" ", "")
    if isinstance(region, np.ndarray):
        return f"array of {np.count_nonzero(region)} pixels"
    if _is_slices(region):
        axes = map(_describe_slice, region[::-1], shape[::-1])
        return f"[{','.join(axes)}]"
    if hasattr(region, "__getitem__"):  # regions.Regions has no __iter__
        return ";".join(describe(item, shape) for item in region) or "none"
    return str(region).replace("Region: ", "")


def _describe_slice(item, length):
    if not isinstance(item, slice):
        return str(item + 1 if item >= 0 else item + length + 1)
    start, stop, step = item.indices(length)
    return f"{start + 1}:{stop}" + (f":{step}" if step != 1 else "")


def _is_slices(region):
    return (
        isinstance(region, tuple)
        and len(region) > 0
        and all(isinstance(item, (slice, int, np.integer)) for item in region)
    )


def _mask(region, shape, wcs, name):
    """Boolean array of one region or of the union of several."""
    if isinstance(region, str):
        return _from_slices(_parse_section(region, shape, name), shape, name)
    if isinstance(region, np.ndarray):
        return _from_array(region, shape, name)
    if _is_slices(region):
        return _from_slices(region, shape, name)
    if hasattr(region, "to_pixel") or hasattr(region, "to_mask"):
        return _from_region(region, shape, wcs, name)
    msg = f"{name} must be {_FORMS}, got {type(region).__name__}"
    if isinstance(region, (dict, bytes)) or not hasattr(region, "__getitem__"):
        raise TypeError(msg)
    mask = np.zeros(shape, dtype=bool)
    try:
        items = list(region)
    except TypeError:  # numbers of numpy and frames have __getitem__, too
        raise TypeError(msg) from None
    if not items and name == "region":
        msg = "region must name a part of the image, got an empty list"
        raise ValueError(msg)
    for item in items:
        mask |= _mask(item, shape, wcs, name)
    return mask


def _parse_section(text, shape, name):
    """Slices of a FITS section: 1-based, x first, ends included, inside the image."""
    body = text.strip()
    if not (body.startswith("[") and body.endswith("]")):
        msg = f"{name} must be a FITS section like '[1:100,20:40]', got {shown(text)}"
        raise ValueError(msg)
    axes = body[1:-1].split(",")
    if len(axes) != 2:
        msg = f"{name} must be a FITS section of two axes, x first, got {shown(text)}"
        raise ValueError(msg)
    slices = []
    for axis, length in zip(axes, shape[::-1], strict=True):
        match = _RANGE.fullmatch(axis)
        if match is None:
            msg = (
                f"{name} must be a FITS section of whole numbers like '[1:100,20:40]', "
                f"got {shown(text)}"
            )
            raise ValueError(msg)
        whole, first, last = match.groups()
        start, stop = (1, length) if whole else (int(first), int(last or first))
        if not 1 <= start <= stop <= length:
            msg = (
                f"{name} must lie inside the image (x from 1 to {shape[1]}, y from 1 "
                f"to {shape[0]}, lower limit first), got {shown(text)}"
            )
            raise ValueError(msg)
        slices.append(slice(start - 1, stop))
    return tuple(slices[::-1])


def _from_slices(slices, shape, name):
    mask = np.zeros(shape, dtype=bool)
    if len(slices) != 2:
        msg = f"{name} must be two slices (rows, columns), got {shown(slices)}"
        raise ValueError(msg)
    try:
        mask[slices] = True
    except TypeError:
        msg = f"{name} must be slices of whole numbers, got {shown(slices)}"
        raise TypeError(msg) from None
    except IndexError:
        mask[:] = False  # beyond the image: told below
    return _not_empty(mask, slices, name)


def _from_array(array, shape, name):
    if array.dtype != bool:
        msg = f"{name} must be a boolean array, got dtype {array.dtype}"
        raise TypeError(msg)
    if array.shape != shape:
        msg = f"{name} must have the shape of the data {shape}, got {array.shape}"
        raise ValueError(msg)
    return array.copy()


def _from_region(region, shape, wcs, name):
    """
    Mask of a region of the regions package.

    A sky region goes through the WCS; a pixel belongs to a region if its centre
    does, which is also what DS9 does.
    """
    pixel_region = region
    if hasattr(region, "to_pixel"):
        if wcs is None:
            msg = f"{name} must be in pixels when the frame has no WCS, "
            msg += f"got {shown(region)}"
            raise ValueError(msg)
        pixel_region = region.to_pixel(wcs)
    if getattr(region, "meta", {}).get("include", True) in (False, "-"):
        msg = (
            f"{name} must be a region that includes (give an excluding one without its "
            f"minus sign as exclude), got {shown(region)}"
        )
        raise ValueError(msg)
    try:
        image = pixel_region.to_mask(mode="center").to_image(shape)
    except NotImplementedError:
        msg = f"{name} must be a region with an area, got {shown(region)}"
        raise ValueError(msg) from None
    mask = np.zeros(shape, dtype=bool) if image is None else np.asarray(image) > 0
    return _not_empty(mask, region, name)


def _not_empty(mask, region, name):
    if not mask.any():
        msg = (
            f"{name} must hold pixels of the image, which has shape {mask.shape}, "
            f"got {shown(region)}"
        )
        raise ValueError(msg)
    return mask
