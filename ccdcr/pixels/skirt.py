# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The faint rim of a cosmic ray: to be taken in, and not to be a donor."""

import numpy as np

from ccdcr.pixels.filters import near
from ccdcr.pixels.groups import groups, image_of
from ccdcr.pixels.replace import GAUSSIAN, from_neighbours

__all__ = ["fill_from_beyond", "fill_if_plausible", "take_in_skirts"]

_SKIRT = 2.0  # sigma by which a pixel of a skirt sticks out
_CAUTION = 4.0  # weight of the scatter of the surroundings: a star has steep flanks
_OFFSET = np.arange(-7, 8)
_WIDE = np.exp(-0.08 * (_OFFSET[:, None] ** 2 + _OFFSET**2))  # sigma of 2.5 pixels
_PLAUSIBLE = 3.0  # sigma by which a cosmic ray exceeds what takes its place
_WORSE = 0.5  # of the variance of a pixel: what donors farther away may cost


def take_in_skirts(image, variance, flagged, usable, times):
    """
    Flag neighbours of cosmic rays that stick out of what is around.

    Parameters
    ----------
    image, variance : 2D `~numpy.ndarray`
        The exposure, and the variance at the expected level.
    flagged : 2D bool `~numpy.ndarray`
        Cosmic rays.
    usable : 2D bool `~numpy.ndarray`
        Pixels that may be read and flagged.
    times : int
        How often the neighbours are looked at.

    Returns
    -------
    flagged : 2D bool `~numpy.ndarray`
        The same and more.

    Notes
    -----
    A neighbour is taken in if it exceeds the Gaussian-weighted mean of the pixels
    beyond all neighbours by 2 sigma of pixel and mean, to whose variance four times the
    scatter is added that noise does not explain.
    """
    for _ in range(times):
        ring = near(flagged) & ~flagged & usable
        mean, error = from_neighbours(
            image, variance, usable & ~flagged & ~ring, ring, GAUSSIAN, caution=_CAUTION
        )
        with np.errstate(invalid="ignore"):
            skirt = image[ring] - mean > _SKIRT * np.sqrt(variance[ring] + error)
        if not skirt.any():
            break
        flagged = flagged.copy()
        flagged[ring] = skirt
    return flagged


def fill_from_beyond(image, variance, expected, donors, flagged):
    """
    Replace pixels by a mean of neighbours that are not beside a cosmic ray.

    Charge below the noise reaches a little farther than what was flagged, and would
    make the mean of the nearest neighbours too bright by a third of its error. Where
    the scene varies much the nearest neighbours are taken all the same. Inside of
    large hits, where none are within 3 pixels, those within 7 are taken.

    Parameters
    ----------
    image : 2D `~numpy.ndarray`
        The exposure.
    variance : 2D `~numpy.ndarray` or callable
        Its variance, or what gives it for arrays of rows and columns.
    expected : 2D `~numpy.ndarray`
        The variance that pixels would have without cosmic rays.
    donors, flagged : 2D bool `~numpy.ndarray`
        Pixels that may be read; pixels that are replaced.

    Returns
    -------
    values, variances : 1D `~numpy.ndarray`
        As from `~ccdcr.pixels.replace.from_neighbours`.
    """
    values, variances = from_neighbours(image, variance, donors, flagged, GAUSSIAN)
    beyond = donors & ~near(flagged)
    far, worse = from_neighbours(image, variance, beyond, flagged, GAUSSIAN)
    use = worse < variances + _WORSE * expected[flagged]
    values, variances = np.where(use, far, values), np.where(use, worse, variances)
    alone = np.isinf(variances)
    if alone.any():
        inside = np.zeros_like(flagged)
        inside[flagged] = alone
        wide = from_neighbours(image, variance, donors, inside, _WIDE)
        values[alone], variances[alone] = wide
    return values, variances


def fill_if_plausible(image, variance, expected, donors, flagged):
    """
    Replace cosmic rays that are brighter than what would take their place.

    Parameters
    ----------
    image, variance, expected
        As in `fill_from_beyond`.
    donors, flagged : 2D bool `~numpy.ndarray`
        Likewise.

    Returns
    -------
    flagged : 2D bool `~numpy.ndarray`
        Groups of which some pixel exceeds its new value by 3 sigma, or has none.
    values, variances : 1D `~numpy.ndarray`
        Of their pixels.
    """
    values, variances = fill_from_beyond(image, variance, expected, donors, flagged)
    at, group, n = groups(flagged)
    with np.errstate(invalid="ignore"):
        excess = (image[flagged] - values) / np.sqrt(expected[flagged] + variances)
    best = np.full(n, -np.inf)
    np.maximum.at(best, group, np.where(np.isfinite(values), excess, np.inf))
    kept = (best > _PLAUSIBLE)[group]
    return image_of(kept, at, flagged.shape), values[kept], variances[kept]
