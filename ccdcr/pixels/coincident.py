# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Cosmic rays that hit the same place in both exposures."""

import numpy as np
from scipy import ndimage

from ccdcr.pixels.median_network import box_median

__all__ = ["coincident_hits"]

_SQUARE = np.ones((3, 3), dtype=bool)
_CROSS = np.array([[0, -1, 0], [-1, 4, -1], [0, -1, 0]], dtype=float)


def coincident_hits(fainter, variance, flagged, usable):
    """
    Find what is sharp in both exposures, next to what was found in one.

    The fainter of both exposures has no cosmic rays but those that hit both. There
    the Laplacian and its contrast to the fine structure are used as in L.A.Cosmic; the
    limit of the contrast is the smallest with which sources of the same frame, far
    from anything that was found, would hardly ever be taken for hits.

    Parameters
    ----------
    fainter : 2D `~numpy.ndarray`
        The smaller of the first exposure and its prediction.
    variance : 2D `~numpy.ndarray`
        Its variance.
    flagged : 2D bool `~numpy.ndarray`
        What was found in either exposure.
    usable : 2D bool `~numpy.ndarray`
        Pixels that count.

    Returns
    -------
    hits : 2D bool `~numpy.ndarray`
        Pixels that were hit in both.

    References
    ----------
    van Dokkum, P. G. 2001, PASP, 113, 1420, doi:10.1086/323894
    """
    if not flagged.any():
        return np.zeros(fainter.shape, dtype=bool)
    sharpness, contrast = _laplacian(fainter, np.sqrt(variance))
    near = ndimage.binary_dilation(flagged, _SQUARE, iterations=2) & usable
    far = usable & ~near
    sharp = sharpness > 4.5
    candidates, sources = contrast[sharp & near], contrast[sharp & far]
    area = np.count_nonzero(near) / max(1, np.count_nonzero(far))
    for limit in 5 * 1.25 ** np.arange(20):
        wrong = area * np.count_nonzero(sources > limit)
        if wrong <= max(0.5, 0.1 * np.count_nonzero(candidates > limit)):
            break
    else:
        return np.zeros(fainter.shape, dtype=bool)
    contrasted = near & (contrast > limit)
    hits = sharp & contrasted
    for least in (3.0, 1.5):
        grown = ndimage.binary_dilation(hits, _SQUARE)
        hits |= grown & contrasted & (sharpness > least)
    return hits


def _laplacian(image, sigma):
    """Significance of the Laplacian, and its contrast to the fine structure."""
    rows, columns = image.shape
    fine = np.repeat(np.repeat(image, 2, axis=0), 2, axis=1)
    positive = ndimage.convolve(fine, _CROSS, mode="nearest").clip(0)
    laplacian = positive.reshape(rows, 2, columns, 2).mean(axis=(1, 3)) / sigma
    significance = laplacian / 2
    significance = significance - box_median(significance, (5, 5), "nearest")
    smooth = box_median(image, (3, 3), "nearest")
    structure = smooth - box_median(smooth, (7, 7), "nearest")
    return significance, laplacian / np.maximum(structure / sigma, 0.01)
