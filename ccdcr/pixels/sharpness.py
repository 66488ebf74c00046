# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""How sharp things are: light falls off slowly, and lights all of its neighbours."""

import numpy as np
from scipy.ndimage import minimum_filter1d

from ccdcr.pixels.filters import box_median_at, boxes, places, strips
from ccdcr.pixels.groups import groups, image_of
from ccdcr.pixels.median_network import box_median

__all__ = ["at_borders", "contrast_of_stars", "is_steep", "safe_contrast", "structure"]

_STEEP = 0.35  # of the height: second difference of light that is 2.5 pixels wide
_FAINTEST = 0.5  # fine structure that noise alone makes, sigma
_STRIP = 20  # rows or columns in which a border is looked at
# The least contrast is raised where stars are narrow. These are known by light in all
# eight neighbours, which 97 % of cosmic rays do not have.
_BRIGHT = 50.0  # sigma of a peak of which the neighbours can be judged
_ROUND = 0.05  # of the peak, that is in its faintest neighbour
_FEWEST, _SHARE = 10, 0.08  # round ones among the bright peaks, if these are stars
_SAFE = 2.0  # contrast of cosmic rays over that of stars
_BROAD = 7, 7  # the box of a median that fine structure is less than


def is_steep(image, height, at):
    """
    Find pixels that fall off too steeply for light.

    Parameters
    ----------
    image : 2D `~numpy.ndarray`
        An image.
    height : 1D `~numpy.ndarray`
        How high some pixels are above what is broad.
    at : tuple of 1D int `~numpy.ndarray`
        Row and column indices of these pixels.

    Returns
    -------
    steep : 1D bool `~numpy.ndarray`
        Where half of the second difference, along the axis where that is larger, is
        more than a third of the height: less than 2.5 pixels wide at half maximum.
    """
    _, above, _, left, middle, right, _, below, _ = boxes(image, (3, 3), at, "mirror").T
    return middle - 0.5 * np.minimum(above + below, left + right) > _STEEP * height


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
            near = np.zeros_like(found)
            near[at_edge] = True
            at, group, n = groups(found)
            close = np.bincount(group[near.ravel()[at]], minlength=n) > 0
            at, group = at[close[group]], group[close[group]]
            where = np.unravel_index(at, found.shape)
            height = strip[where] - box_median_at(strip, _BROAD, where, "mirror")
            steep = is_steep(strip, height, where)
            sharp = np.bincount(group[steep], minlength=n) > 0
            mask[part] |= image_of(~sharp[group], at, found.shape)
    return mask


def structure(narrow, noise, at):
    """
    Measure how much light some pixels hold that is a few pixels wide.

    Parameters
    ----------
    narrow : 2D `~numpy.ndarray`
        Medians of 3 x 3 pixels.
    noise : 1D `~numpy.ndarray`
        Of the pixels.
    at : tuple of 1D int `~numpy.ndarray`
        Their row and column indices.

    Returns
    -------
    structure : 1D `~numpy.ndarray`
        What is a few pixels wide, in sigma.
    broad : 1D `~numpy.ndarray`
        What is broader than that.
    """
    broad = box_median_at(narrow, _BROAD, at, "mirror")
    return np.maximum((narrow[at] - broad) / noise, _FAINTEST), broad


def safe_contrast(image, smooth, narrow, sigma, examined):
    """
    Measure which contrast is safe for stars, if some are known to be there.

    Parameters
    ----------
    image, smooth, narrow : 2D `~numpy.ndarray`
        An exposure; what it is like without cosmic rays; medians of 3 x 3 pixels.
    sigma : callable
        Gives the noise of the pixels that an index stands for.
    examined : 2D bool `~numpy.ndarray`
        Pixels that count.

    Returns
    -------
    contrast : float
        Twice the median contrast of stars; 0 if there are none. Cosmic rays that light
        all of their neighbours are not more than 4 % of all.
    """
    at = _tops(image, narrow, sigma, examined)
    fine, broad = structure(narrow, sigma(at), at)
    height = image[at] - broad
    bright = height > _BRIGHT * sigma(at)
    at, fine, height = (
        tuple(index[bright] for index in at),
        fine[bright],
        height[bright],
    )
    rows, columns = (
        boxes(index, (3, 3), at, "mirror").ravel()
        for index in np.broadcast_arrays(*np.ogrid[: image.shape[0], : image.shape[1]])
    )
    around = image[rows, columns]
    around -= box_median_at(narrow, _BROAD, (rows, columns), "mirror")
    stars = around.reshape(-1, 9).min(axis=1) > _ROUND * height
    if stars.sum() < max(_FEWEST, _SHARE * stars.size):
        return 0.0
    ratio = (image[at] - smooth[at]) / sigma(at) / fine
    return _SAFE * float(np.median(ratio[stars]))


def _tops(image, narrow, sigma, examined):
    """
    Find the highest ones of 3 x 3 pixels that may be bright.

    What is broad is not less than the least of the pixels that it is the median of.
    """
    reach, found = _BROAD[0] // 2, []
    for part in strips(image.shape):
        around = narrow[max(0, part.start - reach) : part.stop + reach]
        floor = minimum_filter1d(around.min(axis=0), _BROAD[1], mode="nearest")
        high = (image[part] - floor > _BRIGHT * sigma(part)) & examined[part]
        y, x = places(high)
        found.append((y + part.start, x))
    at = tuple(np.concatenate(index) for index in zip(*found, strict=True))
    top = image[at] == boxes(image, (3, 3), at).max(axis=1)
    return tuple(index[top] for index in at)


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
        Least contrast that is safe for them, as `~ccdcr.pixels.single.find_sharp` uses
        it.
    """
    noise = np.sqrt(np.median(variance[usable])).astype(image.dtype)
    smooth = box_median(image, (5, 5), "mirror")
    narrow = box_median(image, (3, 3), "mirror")
    sigma = np.broadcast_to(noise, image.shape).__getitem__
    return safe_contrast(image, smooth, narrow, sigma, usable)
