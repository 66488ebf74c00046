# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What the matched difference reads of frames: values without gaps, and their noise."""

from typing import NamedTuple

import numpy as np
from astropy.nddata import CCDData

from ccdcr import _options
from ccdcr._ccd import unpack, variance
from ccdcr.pixels.difference import middle_and_sigma
from ccdcr.pixels.filters import median_around, near, reached, strips
from ccdcr.pixels.level import lattice
from ccdcr.pixels.median_network import box_median
from ccdcr.pixels.noise import (
    dithered,
    few_rows,
    photon_variance,
    quantisation_step,
    scale_to_unity,
)
from ccdcr.pixels.photometry import photon_transfer
from ccdcr.pixels.replace import fill

__all__ = [
    "FEWEST",
    "Frame",
    "estimate_variances",
    "power_of_two",
    "read_frame",
    "without_saturated",
]

_BRIGHT = 3.0  # sigma above the sky from which on light has noise of its own
_ENOUGH = 0.5  # part of the uncertainties that must be positive numbers
FEWEST = 25  # pixels in common below which nothing can be told


class Frame(NamedTuple):
    """A frame as the method reads it, in the unit of the first."""

    ccd: CCDData
    unit: float  # what brings its data to the unit of the first, with noise about 1
    good: np.ndarray  # usable pixels
    image: np.ndarray  # with plausible values where not usable
    given: np.ndarray | None  # its variance, likewise
    known: np.ndarray | None  # where the variance is a number, if not everywhere
    saturated: np.ndarray | None  # if there are such pixels


def power_of_two(ccd):
    """
    Find a power of two that makes the noise about 1: none is lost in float32.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        A frame.

    Returns
    -------
    scale : float
        What its data are to be multiplied with.
    """
    data, good = unpack(ccd)
    rows = few_rows(data.shape)
    noise = np.zeros(1) if ccd.uncertainty is None else variance(ccd, rows)[good[rows]]
    noise = noise[np.isfinite(noise)]
    return scale_to_unity(data, good, noise if noise.size else np.zeros(1))


def read_frame(ccd, unit, options):
    """
    Read a frame.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        The checked frame.
    unit : float
        What its data are to be multiplied with.
    options : dict
        ``saturation``.

    Returns
    -------
    frame : Frame
        What is read of it.
    """
    data, good = unpack(ccd)
    level, mask, _ = _options.check_saturation(options["saturation"], ccd)
    full = mask if level is None else good & (data >= level)
    image = fill(data, good) if good.any() else np.zeros_like(data)
    if unit != 1:
        image *= image.dtype.type(unit)
    given = known = None
    if ccd.uncertainty is not None:
        given, known = _given_variance(ccd, unit, image.dtype)
        usable = good & known
        usable &= given > 0
        if np.count_nonzero(usable) > _ENOUGH * np.count_nonzero(good):
            given = given if usable.all() else fill(given, usable)
        else:  # without a good pixel it does not matter
            given = None if good.any() else np.ones_like(image)
        known = None if known.all() else known
    full = full if full is not None and full.any() else None
    return Frame(ccd, unit, good, image, given, known, full)


def _given_variance(ccd, unit, dtype):
    """Computed in double precision, kept in that of the image; where it is known."""
    given = np.empty(ccd.data.shape, dtype)
    known = np.empty(ccd.data.shape, dtype=bool)
    for rows in strips(given.shape):
        noise = variance(ccd, rows)
        noise *= unit**2
        with np.errstate(over="ignore"):
            given[rows] = noise
        known[rows] = np.isfinite(noise)
    return given, known


def estimate_variances(frames, parts, options):
    """
    Find the variance of each exposure.

    Parameters
    ----------
    frames : list of Frame
        The exposures.
    parts : dict
        For each pair of them where they overlap.
    options : dict
        ``gain``, ``readnoise``.

    Returns
    -------
    variances : list of 2D `~numpy.ndarray`
        In the unit of the frames.
    source : str
        Where they come from: uncertainties, gain and read noise, or the scatter
        of the differences.
    """
    if all(frame.given is not None for frame in frames):
        return [frame.given for frame in frames], "uncertainty"
    gain, readnoise = options["gain"], options["readnoise"]
    modelled = all(frame.ccd.uncertainty is None for frame in frames)
    if modelled and gain is not None and readnoise is not None:
        noises = []
        for frame in frames:
            light = box_median(frame.image, (5, 5), "nearest")
            everywhere = np.ones(light.shape, dtype=bool)
            g = gain / frame.unit  # electrons per unit of the first
            noises.append(photon_variance(light, everywhere, g, readnoise))
        return noises, "gain and readnoise"
    return [
        _measured_variance(frame, frames, numbers)
        for frame, numbers in zip(frames, _scatters(frames, parts), strict=True)
    ], "scatter of the difference"


def _scatters(frames, parts):
    """For each frame the noise of the sky, and how the variance grows with light."""
    measured = {}
    for (i, j), (at_i, at_j) in parts.items():
        both = frames[i].good[at_i] & frames[j].good[at_j]
        if np.count_nonzero(both) < FEWEST:
            continue
        images = frames[i].image[at_i], frames[j].image[at_j]
        where = lattice(both.shape, usable=both)
        difference = where.of(images[0]) - where.of(images[1])
        use = where.of(both)
        rows = few_rows(both.shape)
        # a bias that was taken off both hides the steps in either
        step = quantisation_step(images[0][rows] - images[1][rows], both[rows])
        difference -= where.of(where.level(difference, use))
        sigma = middle_and_sigma(dithered(difference[use], step))[1] / np.sqrt(2)
        slope = photon_transfer(*images, sigma, both, step) if sigma > 0 else 0.0
        for n in (i, j):
            measured.setdefault(n, []).append((np.hypot(sigma, step / 12**0.5), slope))
    return [
        np.median(measured.get(n, [(0.0, 0.0)]), axis=0).tolist()
        for n in range(len(frames))
    ]


def _measured_variance(frame, frames, numbers):
    sigma, slope = numbers
    if not sigma > 0:  # what cannot be resolved is the noise of constant frames
        brightest = max(float(np.abs(other.image).max()) for other in frames)
        sigma = 1e-6 * (brightest or 1.0)
    noise = np.full_like(frame.image, sigma * sigma)  # a power may raise an error
    if slope > 0 and frame.good.any():
        light = box_median(frame.image, (3, 3), "nearest")
        light -= np.median(light[frame.good])
        noise += slope * np.where(light > _BRIGHT * sigma, light, 0)
    return noise


def without_saturated(own, frames, variances, parts):
    """
    Find the pixels of an exposure that count.

    A saturated pixel does not, nor what is within 2 pixels of it, unless another
    exposure shows plain sky there: then a cosmic ray has saturated it.

    Parameters
    ----------
    own : int
        Number of the exposure.
    frames : list of Frame
        All exposures.
    variances : list of 2D `~numpy.ndarray`
        Of these.
    parts : dict
        For each pair where they overlap.

    Returns
    -------
    usable : 2D bool `~numpy.ndarray`
        The pixels.
    """
    frame = frames[own]
    if frame.saturated is None:
        return frame.good
    star = frame.saturated.copy()
    for (i, j), at in parts.items():
        if own not in (i, j):
            continue
        other, at = (j, at) if i == own else (i, at[::-1])
        seen, noise = frames[other].image[at[1]], variances[other][at[1]]
        y, x = np.divmod(np.flatnonzero(star[at[0]]), seen.shape[1])
        light = median_around(seen, (3, 3), y, x)
        light -= np.median(seen[few_rows(seen.shape)])
        star[at[0]][y, x] = light > 10 * np.sqrt(noise[y, x])
    # the whole of a star, where only its core is bright in the other
    star = reached(star, frame.saturated)
    return frame.good & ~near(star, (5, 5))
