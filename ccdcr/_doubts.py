# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What speaks against a detection being a cosmic ray, from its pixels and a dark."""

from functools import partial

import numpy as np
from astropy.nddata import CCDData

from ccdcr._ccd import unpack, variance
from ccdcr._frames import check_ccd
from ccdcr.pixels.noise import scatter
from ccdcr.pixels.table import holes, peaks, pick, sample, touched

__all__ = [
    "check_dark",
    "frame_scatter",
    "hot_pixels",
    "negative_cores",
    "part_of",
    "persistent",
]

_STANDS_OUT = 5.0  # sigma of a hot pixel in the dark, and of a hole in the frame
_BRIGHT = 100.0  # sigma of a pixel of another frame that may leave some of its light
_HOT = 4  # pixels, at most, of a detection that is a hot pixel


def negative_cores(before, found):
    """
    Find cosmic rays with a pixel in or beside them that is far below all others.

    Parameters
    ----------
    before : `~astropy.nddata.CCDData`
        The frame before it was cleaned.
    found : Detections
        Its cosmic rays.

    Returns
    -------
    numbers : 1D int `~numpy.ndarray`
        Numbers of these.
    """
    image = np.asarray(before.data)
    limit = _STANDS_OUT * frame_scatter(before)
    places, depth = holes(found, image, partial(_look, before), limit)
    deep = np.isfinite(depth)
    if before.uncertainty is not None:  # which may be zero, as a weight of zero
        noise = variance(part_of(before, partial(pick, at=places)))
        deep &= ~(depth <= _STANDS_OUT * np.sqrt(noise))
    return touched(places[deep], found, image.shape)


def hot_pixels(dark, before, found):
    """
    Find small cosmic rays of which the brightest pixels stick out of a dark frame.

    Parameters
    ----------
    dark, before : `~astropy.nddata.CCDData`
        The dark, and the frame before it was cleaned.
    found : Detections
        Its cosmic rays.

    Returns
    -------
    numbers : 1D int `~numpy.ndarray`
        Numbers of these.
    """
    data, usable = unpack(dark)
    if not usable.any():
        return np.zeros(0, dtype=int)
    level = np.median(data if usable.all() else data[usable])
    limit = float(level) + _STANDS_OUT * frame_scatter(dark)
    small = np.bincount(found.group, found.length, found.n) <= _HOT
    # what a dark has masked is no better than what is hot in it
    hot = _look(dark, found.at) > limit
    hot &= np.repeat(small[found.group], found.length)
    light = pick(np.asarray(before.data), found.at)
    return found.of(peaks(light, np.flatnonzero(hot), found.at, before.data.shape))


def persistent(previous, removed, found):
    """
    Find cosmic rays whose brightest pixel was bright in the frame that came before.

    Parameters
    ----------
    previous : `~astropy.nddata.CCDData`
        That frame.
    removed : 1D `~numpy.ndarray`
        What was taken away from each pixel.
    found : Detections
        The cosmic rays.

    Returns
    -------
    numbers : 1D int `~numpy.ndarray`
        Numbers of these.
    """
    data, usable = unpack(previous)
    if not usable.any():
        return np.zeros(0, dtype=int)
    rows = sample(data.shape)
    level = np.median(data[rows][usable[rows]]) if usable[rows].any() else 0.0
    limit = float(level) + _BRIGHT * frame_scatter(previous)
    group = np.repeat(found.group, found.length)
    highest = np.full(found.n, -np.inf)
    np.maximum.at(highest, group, removed)
    light = _look(previous, found.at)
    bright = (removed == highest[group]) & np.isfinite(light) & (light > limit)
    return found.of(np.flatnonzero(bright))


def check_dark(dark, after, name="dark"):
    """
    Refuse what is no dark of a frame.

    Parameters
    ----------
    dark : object
        What the caller gave.
    after : `~astropy.nddata.CCDData`
        The frame.
    name : str, optional
        Name of the argument, for messages.

    Returns
    -------
    dark : `~astropy.nddata.CCDData`
        The same, also if it was an array.
    """
    if not isinstance(dark, CCDData):
        if not isinstance(dark, np.ndarray):
            msg = f"{name} must be a CCDData or an array, got {type(dark).__name__}"
            raise TypeError(msg)
        mask = np.ma.getmaskarray(dark) if np.ma.isMA(dark) else None
        dark = CCDData(np.asarray(dark), unit=after.unit, mask=mask)
    check_ccd(dark, name)
    if dark.data.shape != after.data.shape:
        msg = (
            f"{name} must have the shape of after, "
            f"got {dark.data.shape} with {after.data.shape}"
        )
        raise ValueError(msg)
    return dark


def _look(ccd, at):
    """Values of some pixels; infinite where they are not usable."""
    data, usable = unpack(part_of(ccd, partial(pick, at=at)))
    light = data.astype(float)
    light[~usable] = np.inf
    return light


def part_of(ccd, cut):
    """
    Make a frame of some pixels.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        The frame.
    cut : callable
        Cuts the pixels out of arrays.

    Returns
    -------
    part : `~astropy.nddata.CCDData`
        Data, mask and uncertainty of these, in the order of the cut.
    """
    mask = None if ccd.mask is None else cut(np.asarray(ccd.mask))
    part = CCDData(cut(np.asarray(ccd.data)), unit=ccd.unit, mask=mask)
    if ccd.uncertainty is not None:
        given = ccd.uncertainty
        part.uncertainty = type(given)(cut(np.asarray(given.array)), unit=given.unit)
    return part


def frame_scatter(ccd):
    """
    Measure the scatter of neighbouring pixels, on some of the rows of a large frame.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        The frame.

    Returns
    -------
    sigma : float
        Of one pixel.
    """
    rows = sample(ccd.data.shape)
    return scatter(*unpack(part_of(ccd, lambda array: array[rows])))
