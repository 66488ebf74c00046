# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What goes where a cosmic ray was, and how well it is known."""

import numpy as np
from scipy import ndimage

from ccdcr.pixels.filters import CHUNK, neighbours

__all__ = ["GAUSSIAN", "fill", "from_neighbours"]

_OFFSET = np.arange(-3, 4)
#: Weights of the local fill: a Gaussian of sigma 1 pixel on 7 x 7 pixels.
GAUSSIAN = np.exp(-0.5 * (_OFFSET[:, None] ** 2 + _OFFSET**2))


def from_neighbours(
    image,
    variance,
    donors,
    where,
    weights,
    *,
    values=None,
    efficiency=1.0,
    caution=1.0,
):
    """
    Replace pixels by a mean of their neighbours, or judge a given replacement.

    The variance is that of the weighted mean, plus the scatter of the neighbours
    about the new value as far as their own noise does not explain it: what
    varies from pixel to pixel cannot be known in the pixel that is lost. The first
    standard error of the scatter counts as explained; without that, chance alone
    would make the errors of a flat sky too large by a fifth.

    Parameters
    ----------
    image : 2D `~numpy.ndarray` or callable
        The image, or what gives its pixels for a tuple of rows and columns.
    variance : 2D `~numpy.ndarray`, callable or None
        Its variance, likewise; neighbours whose variance is not known do not count.
    donors : 2D bool `~numpy.ndarray`
        Pixels that may be read.
    where : 2D bool `~numpy.ndarray` or tuple of 1D int `~numpy.ndarray`
        Pixels that are replaced.
    weights : 2D `~numpy.ndarray`
        Weight of each neighbour in a window of that shape.
    values : 1D `~numpy.ndarray`, optional
        Replacements that were made in another way from the same neighbours;
        then only their variance is computed.
    efficiency : float, optional
        Variance of that other estimator relative to the mean (pi/2: median).
    caution : float, optional
        Weight of the scatter that the noise does not explain.

    Returns
    -------
    values : 1D float64 `~numpy.ndarray`
        One per pixel in `where`, row by row; NaN where no neighbour was usable.
    variances : 1D float64 `~numpy.ndarray` or None
        Their variances, infinite where no neighbour was usable.
    """
    at = where if isinstance(where, tuple) else np.nonzero(where)
    image, variance = (
        array.__getitem__ if isinstance(array, np.ndarray) else array
        for array in (image, variance)
    )
    new = np.full(at[0].size, np.nan)
    new_variance = None if variance is None else np.full(at[0].size, np.inf)
    step = max(1, CHUNK // weights.size)
    for start in range(0, new.size, step):
        part = slice(start, start + step)
        near = tuple(index[part] for index in at)
        rows, columns, good = neighbours(near, weights.shape, donors.shape)
        good &= donors[rows, columns]
        if variance is not None:
            noise = variance((rows, columns))
            good &= np.isfinite(noise)
        w = np.where(good, weights.ravel(), 0.0)
        # 0 / 0 where none is usable: NaN, which numpy before 1.26.3 calls a division
        with np.errstate(divide="ignore", invalid="ignore"):
            w /= w.sum(axis=1, keepdims=True)
        pixels = np.where(good, image((rows, columns)), 0.0)
        lone = np.isnan(w[:, 0])
        new[part] = (w * pixels).sum(axis=1)
        if values is not None:
            new[part] = np.where(lone, np.nan, values[part])
        if variance is not None:
            noise = np.where(w > 0, noise, 0.0)
            error = efficiency * (w**2 * noise).sum(axis=1)
            error += caution * _unexplained(w, pixels, noise, new[part])
            new_variance[part] = np.where(lone, np.inf, error)
    return new, new_variance


def _unexplained(w, pixels, noise, values):
    """Scatter of neighbours about the new values, less what their noise explains."""
    scatter = (w * (pixels - values[:, None]) ** 2).sum(axis=1)
    explained = (w * noise).sum(axis=1) * (1 + np.sqrt(2 * (w**2).sum(axis=1)))
    return np.maximum(scatter - explained, 0.0)


def fill(image, usable):
    """
    Put plausible values where pixels are not usable, without reading those pixels.

    Parameters
    ----------
    image : 2D floating `~numpy.ndarray`
        The image.
    usable : 2D bool `~numpy.ndarray`
        Pixels to read and to keep; at least one.

    Returns
    -------
    filled : 2D `~numpy.ndarray`
        A new array. Unusable pixels have a Gaussian-weighted mean of the usable
        ones around them (a median would cut the tops of stars, and their rims
        would then look sharp), or else the value of the nearest filled pixel.
    """
    filled, empty = image.copy(), ~usable
    filled[empty] = from_neighbours(image, None, usable, empty, GAUSSIAN)[0]
    empty[empty] = np.isnan(filled[empty])
    if empty.any():
        nearest = ndimage.distance_transform_edt(
            empty, return_distances=False, return_indices=True
        )
        filled = filled[tuple(nearest)]
    return filled
