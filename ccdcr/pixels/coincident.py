# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Cosmic rays that hit the same place in both exposures."""

import numpy as np

from ccdcr.pixels.filters import CHUNK, neighbours
from ccdcr.pixels.groups import dilated
from ccdcr.pixels.median_network import box_median

__all__ = ["coincident_hits"]

_SHARP = 4.5, 3.0, 1.5  # sigma of the Laplacian: of a hit, of what is beside it
_WIDE, _NEAR = (9, 9), (3, 3)


def coincident_hits(look, variance, flagged, usable, sources, share):
    """
    Find what is sharp in both exposures, next to what was found in one.

    The fainter of both exposures has no cosmic rays but those that hit both. There
    the Laplacian and its contrast to the fine structure are used as in L.A.Cosmic; the
    limit of the contrast is the smallest with which sources of the same frame, far
    from anything that was found, would hardly ever be taken for hits.

    Parameters
    ----------
    look, variance : callable
        Give for arrays of rows and columns the smaller of the first exposure and
        its prediction, and the variance of that.
    flagged : 2D bool `~numpy.ndarray`
        What was found in either exposure.
    usable : 2D bool `~numpy.ndarray`
        Pixels that count.
    sources : 1D int `~numpy.ndarray`
        Pixels of the flat image that are on sources.
    share : float
        Part of all such pixels that these are.

    Returns
    -------
    hits : 2D bool `~numpy.ndarray`
        Pixels that were hit in both.

    References
    ----------
    van Dokkum, P. G. 2001, PASP, 113, 1420, doi:10.1086/323894
    """
    hits = np.zeros(flagged.shape, dtype=bool)
    near = dilated(flagged, 2) & usable
    at = np.flatnonzero(near)
    if at.size == 0:
        return hits
    far = sources[~near.ravel()[sources] & usable.ravel()[sources]]
    n_far = max(1, np.count_nonzero(usable) - at.size)
    at, sharpness, contrast = _sharp(look, variance, at, flagged.shape, _SHARP[-1])
    _, _, others = _sharp(look, variance, far, flagged.shape, _SHARP[0])
    candidates = contrast[sharpness > _SHARP[0]]
    area = np.count_nonzero(near) / n_far
    for limit in 5 * 1.25 ** np.arange(20):
        wrong = area * np.count_nonzero(others > limit) / share
        if wrong <= max(0.5, 0.1 * np.count_nonzero(candidates > limit)):
            break
    else:
        return hits
    beside = np.ones(at.size, dtype=bool)
    for least in _SHARP:
        hits.ravel()[at[beside & (contrast > limit) & (sharpness > least)]] = True
        beside = dilated(hits).ravel()[at]
    return hits


def _sharp(look, variance, at, shape, least):
    """Find sharp pixels among some, by how many sigma, and with which contrast."""
    found = [np.zeros((3, 0))]
    for near in _parts(at, 9):
        rows, columns, _ = neighbours(np.divmod(near, shape[1]), _NEAR, shape)
        light = look(rows, columns).reshape(-1, *_NEAR)
        noise = variance(rows[:, 4], columns[:, 4])
        # what is around can only lower it
        near = near[0.5 * _laplacian(light)[:, 0, 0] > least * np.sqrt(noise)]
        for few in _parts(near, 81):
            sharpness, contrast = _judge(look, variance, few, shape)
            sharp = sharpness > least
            found.append([few[sharp], sharpness[sharp], contrast[sharp]])
    at, sharpness, contrast = np.concatenate(found, axis=1)
    return at.astype(int), sharpness, contrast


def _parts(at, size):
    """Parts of a list of pixels whose windows can be gathered at once."""
    step = CHUNK // size
    return [at[start : start + step] for start in range(0, at.size, step)]


def _judge(look, variance, at, shape):
    """Significance of the Laplacian, and its contrast to the fine structure."""
    rows, columns, _ = neighbours(np.divmod(at, shape[1]), _WIDE, shape)
    light = look(rows, columns).reshape(-1, *_WIDE)
    around = (
        rows.reshape(light.shape)[:, 2:7, 2:7],
        columns.reshape(light.shape)[:, 2:7, 2:7],
    )
    sigma = np.sqrt(variance(*around))
    laplacian = _laplacian(light[:, 1:8, 1:8]) / sigma
    significance = np.sort(laplacian.reshape(-1, 25), axis=1) / 2
    sharpness = laplacian[:, 2, 2] / 2 - significance[:, 12]
    # windows one below the other: a median of 3 x 3 is right inside of each
    smooth = box_median(light.reshape(-1, 9), _NEAR, "nearest").reshape(light.shape)
    smooth = smooth[:, 1:8, 1:8].reshape(-1, 49)
    middle = smooth[:, 24].copy()
    smooth.partition(24, axis=1)
    structure = (middle - smooth[:, 24]) / sigma[:, 2, 2]
    return sharpness, laplacian[:, 2, 2] / np.maximum(structure, 0.01)


def _laplacian(light):
    """
    Mean of the positive parts of the Laplacian at the four corners of pixels.

    That is what L.A.Cosmic gets from an image with each pixel divided into four.
    """
    centre = 2 * light[:, 1:-1, 1:-1]
    beside = [light[:, 1:-1, :-2], light[:, 1:-1, 2:]]
    below = [light[:, :-2, 1:-1], light[:, 2:, 1:-1]]
    corners = [np.maximum(centre - a - b, 0) for a in beside for b in below]
    return sum(corners) / 4
