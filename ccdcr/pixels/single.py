# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The matched median: what sticks out of an exposure, and is too sharp for light."""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from ccdcr.pixels.detect import not_beside_sources
from ccdcr.pixels.groups import count_groups, groups, image_of
from ccdcr.pixels.level import lattice, local_level
from ccdcr.pixels.median_network import box_median
from ccdcr.pixels.photometry import (
    expected_variance,
    noise_factor,
    photon_slope,
)
from ccdcr.pixels.slit import lines_and_traces

__all__ = [
    "Single",
    "at_borders",
    "contrast_of_stars",
    "expected_noise",
    "find_sharp",
    "is_steep",
]

_SQUARE = np.ones((3, 3), dtype=bool)
_CONTRAST = {False: 3.3, True: 4.0}  # of an image, of a spectrum less its lines
_STEEP = 0.35  # of the height: second difference of light that is 2.5 pixels wide
_TAIL = 0.5  # contrast of a tail, relative to that of a peak
_FAINTEST = 0.5  # fine structure that noise alone makes, sigma
_ROUNDS = 3  # each uncovers what the cosmic rays of the former had hidden
_STRIP = 20  # rows or columns in which a border is looked at
_CROSS = ndimage.generate_binary_structure(2, 1)
_PLATEAU, _LARGE = 10.0, 6  # sigma and pixels of a hit that is completed by its outline
_DROP, _ALL_AROUND = 0.15, 0.8  # what is left one pixel outside; on that part of it
# The least contrast is raised where stars are narrow. These are known by light in all
# eight neighbours, which 97 % of cosmic rays do not have.
_BRIGHT = 50.0  # sigma of a peak of which the neighbours can be judged
_ROUND = 0.05  # of the peak, that is in its faintest neighbour
_FEWEST, _SHARE = 10, 0.08  # round ones among the bright peaks, if these are stars
_SAFE = 2.0  # contrast of cosmic rays over that of stars


class Single(NamedTuple):
    """What was found in one exposure."""

    hits: np.ndarray
    n_peaks: int
    model: np.ndarray | float  # lines and traces; 0 for images
    variance: np.ndarray  # at the expected level
    noise_factor: float
    contrast: float  # least one of peaks; stars may have raised it
    misfit: float  # of lines and traces


def expected_noise(image, variance, usable, smooth):
    """
    Find the variance that pixels have at the level of their surroundings.

    Parameters
    ----------
    image, variance : 2D `~numpy.ndarray`
        An exposure and its variance, plausible ones also where not usable.
    usable : 2D bool `~numpy.ndarray`
        Pixels that count.
    smooth : 2D `~numpy.ndarray`
        What the exposure is like without cosmic rays.

    Returns
    -------
    variance : 2D `~numpy.ndarray`
        At the middle one of the pixel, the median of 5 x 5 around it, and the smooth
        image; larger where the image scatters more than that.
    factor : float
        The scatter over the noise, of the whole image.
    """
    around = box_median(image, (5, 5), "mirror")
    low, high = np.minimum(smooth, around), np.maximum(smooth, around)
    level = np.clip(image, low, high)  # the middle one of three
    slope = photon_slope(image, variance, usable)
    known = variance[usable] if usable.any() else variance
    floor = 0.1 * float(np.median(known))
    expected = expected_variance(image, variance, level, slope, floor)
    where = lattice(image.shape)
    on_lattice = (where.of(a) for a in (image - smooth, expected, usable))
    scatter = noise_factor(*on_lattice, where)
    # a median follows its own pixel a little
    expected *= np.maximum(scatter.rows(), 1.0) ** 2
    return np.maximum(expected, np.finfo(expected.dtype).tiny), scatter.factor


def find_sharp(
    image, variance, usable, examined, *, size, sigmas, axis, reference, contrast=None
):
    """
    Find what sticks out of the smooth image more than out of the fine structure.

    Parameters
    ----------
    image, variance : 2D `~numpy.ndarray`
        The exposure and its variance, plausible ones also where not usable.
    usable, examined : 2D bool `~numpy.ndarray`
        Pixels that count; those of them that may be flagged.
    size : tuple of int
        Rows and columns of the median that makes the smooth image.
    sigmas : tuple of float
        Of peaks and of tails.
    axis : {0, 1, None}
        Along which wavelength runs; None for images.
    reference : 2D `~numpy.ndarray` or None
        A model in place of the smooth image.
    contrast : float, optional
        Least ratio of a peak to fine structure; None: as the frame needs it.

    Returns
    -------
    single : Single
        What was found.

    Notes
    -----
    As in LACosmic the fine structure is a median of 3 x 3 pixels less the median of
    7 x 7 of that: light is spread over neighbours and has it, a sharp hit has not.
    """
    model, misfit = 0.0, 1.0
    if axis is not None:
        model, misfit = lines_and_traces(image, variance, usable, axis)
    flat = image - model
    clean, hits = flat.copy(), np.zeros(image.shape, dtype=bool)
    noise = None
    for _ in range(_ROUNDS):
        smooth = _smooth(clean, size, model, reference)
        if noise is None:
            expected, factor = expected_noise(image, variance, usable, smooth + model)
            noise = np.sqrt(expected)
        excess = (flat - smooth) / noise
        structure, broad = _fine_structure(clean, noise)
        ratio = excess / structure
        if contrast is None:
            contrast = _CONTRAST[axis is not None]
            if axis is None:
                stars = _contrast_of_stars(flat, broad, ratio, noise, examined)
                contrast = max(contrast, _SAFE * stars)
        peak = (excess > sigmas[0]) & (ratio > contrast) & examined
        peak &= is_steep(flat, flat - broad)
        tail = (excess > sigmas[1]) & (ratio > _TAIL * contrast) & examined
        new = ndimage.binary_propagation(peak, _SQUARE, mask=tail | peak | hits)
        if not (new & ~hits).any():
            break
        hits |= new
        clean[hits] = smooth[hits]
    hits |= _plateaus(flat - local_level(flat, usable).rows(), noise, hits) & examined
    hits = not_beside_sources(hits, ~usable, image, expected)
    n_peaks = count_groups(hits)
    return Single(hits, n_peaks, model, expected, factor, contrast, misfit)


def _smooth(clean, size, model, reference):
    if reference is not None:
        return reference - model
    return box_median(clean, size, "mirror")


def _plateaus(height, noise, hits):
    """
    Complete large hits of which a median sees no more than the corners.

    Their inner parts look like sources; but all around, the charge ends within a pixel.
    """
    at, group, n = groups(height > _PLATEAU * noise)
    if n == 0:
        return np.zeros_like(hits)
    light = height.ravel()[at]
    half = np.full(n, -np.inf)
    np.maximum.at(half, group, light)
    half *= 0.5
    lowest = ndimage.minimum_filter(height, footprint=_CROSS, mode="mirror").ravel()[at]
    core = light > half[group]
    edge = core & (lowest <= half[group])
    size, n_edge, n_sharp, n_hits = (
        np.bincount(group[which], minlength=n)
        for which in (
            core,
            edge,
            edge & (lowest < _DROP * light),
            core & hits.ravel()[at],
        )
    )
    large = (size >= _LARGE) & (n_hits > 0) & (n_sharp >= _ALL_AROUND * n_edge)
    return image_of(core & large[group], at, hits.shape)


def is_steep(flat, height):
    """
    Find pixels that fall off too steeply for light.

    Parameters
    ----------
    flat : 2D `~numpy.ndarray`
        An image.
    height : 2D `~numpy.ndarray`
        How high its pixels are above what is broad.

    Returns
    -------
    steep : 2D bool `~numpy.ndarray`
        Where half of the second difference, along the axis where that is larger, is
        more than a third of the height: less than 2.5 pixels wide at half maximum.
    """
    wide = np.pad(flat, 1, mode="reflect")
    rows = wide[:-2, 1:-1] + wide[2:, 1:-1]
    columns = wide[1:-1, :-2] + wide[1:-1, 2:]
    return flat - 0.5 * np.minimum(rows, columns) > _STEEP * height


def at_borders(hits, image):
    """
    Find hits at the borders of an image that are as broad as light.

    The image goes on beyond its borders as in a mirror, in which half of a star looks
    sharper than a whole one.

    Parameters
    ----------
    hits : 2D bool `~numpy.ndarray`
        What was found.
    image : 2D `~numpy.ndarray`
        The image.

    Returns
    -------
    mask : 2D bool `~numpy.ndarray`
        Groups of hits that come within 3 pixels of a border, and of which no pixel is
        steep.
    """
    mask = np.zeros_like(hits)
    whole = slice(None)
    for side, edge in ((np.s_[:_STRIP], np.s_[:3]), (np.s_[-_STRIP:], np.s_[-3:])):
        for part, at_edge in (
            ((side, whole), (edge, whole)),
            ((whole, side), (whole, edge)),
        ):
            found, strip = hits[part], image[part]
            at, group, n = groups(found)
            if n == 0:
                continue
            steep = is_steep(strip, strip - box_median(strip, (7, 7), "mirror"))
            near = np.zeros_like(found)
            near[at_edge] = True
            sharp, close = (
                np.bincount(group[which.ravel()[at]], minlength=n) > 0
                for which in (steep, near)
            )
            mask[part] |= image_of((close & ~sharp)[group], at, found.shape)
    return mask


def _fine_structure(clean, noise):
    """What is a few pixels wide, in sigma; and what is broader than that."""
    middle = box_median(clean, (3, 3), "mirror")
    broad = box_median(middle, (7, 7), "mirror")
    return np.maximum((middle - broad) / noise, _FAINTEST), broad


def _contrast_of_stars(flat, broad, ratio, noise, examined):
    """
    Contrast of stars, if there are any that are known to be some; else 0.

    Cosmic rays that light all of their neighbours are not more than 4 % of all.
    """
    height = flat - broad
    top = (flat == ndimage.maximum_filter(flat, 3)) & examined
    top &= height > _BRIGHT * noise
    at = np.nonzero(top)
    faintest = ndimage.minimum_filter(height, 3, mode="mirror")[at]
    stars = faintest > _ROUND * height[at]
    enough = stars.sum() >= max(_FEWEST, _SHARE * stars.size)
    return float(np.median(ratio[at][stars])) if enough else 0.0


def contrast_of_stars(image, variance, usable):
    """
    Measure how sharp the stars of a frame are.

    Parameters
    ----------
    image, variance : 2D `~numpy.ndarray`
        An exposure and its variance, plausible ones also where not usable.
    usable : 2D bool `~numpy.ndarray`
        Pixels that count.

    Returns
    -------
    contrast : float
        Least contrast that is safe for them, as `find_sharp` uses it.
    """
    excess = image - box_median(image, (5, 5), "mirror")
    noise = np.sqrt(np.median(variance[usable])).astype(image.dtype)
    structure, broad = _fine_structure(image, noise)
    ratio = excess / noise / structure
    return _SAFE * _contrast_of_stars(image, broad, ratio, noise, usable)
