# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The shift between two images of the same, from their cross-correlation."""

import numpy as np
from scipy import fft, ndimage

from ccdcr.pixels.difference import middle_and_sigma, overlap
from ccdcr.pixels.replace import fill

__all__ = ["cross_correlate", "prepare", "refine"]

_FAINTEST = 3.0  # in sigma: what is fainter is noise
_BRIGHTEST = 1000.0  # in sigma: what is brighter counts no more than this
_NEAR = 10  # pixels around the peak that belong to it
_DISTINCT = 1.3  # how much higher than any other peak the right one is
_TILES, _PLACES = 8, 2.5  # rows and columns of parts; how many must agree, at least
_SPIKE = 0.1  # a pixel whose neighbours are all fainter than this part is no star


def prepare(image, usable):
    """
    Keep what two exposures have in common: sources, without what is in the detector.

    Parameters
    ----------
    image : 2D `~numpy.ndarray`
        The image.
    usable : 2D bool `~numpy.ndarray`
        Pixels that count.

    Returns
    -------
    sources : 2D float32 `~numpy.ndarray`
        Square root of the sigma above the sky, so that a few bright sources do not
        decide alone; 0 below 3 sigma, in bad columns and rows, and in single pixels
        (hot ones, small cosmic rays).
    """
    middle, sigma = middle_and_sigma(image[usable])
    if not sigma > 0:
        return np.zeros(image.shape, dtype=np.float32)
    excess = np.where(usable, (image - middle) / sigma, 0.0)
    fixed = _bad_columns(excess) | _bad_columns(excess.T).T
    around = ndimage.maximum_filter(
        np.where(fixed, 0.0, excess),
        footprint=[[1, 1, 1], [1, 0, 1], [1, 1, 1]],
        mode="constant",
    )
    fixed |= (excess > _FAINTEST) & (around < np.maximum(_SPIKE * excess, _FAINTEST))
    if not (usable & ~fixed).any():
        return np.zeros(image.shape, dtype=np.float32)
    # a gap through a star would be a feature that does not move with it
    excess = fill(excess, usable & ~fixed)
    excess[excess < _FAINTEST] = 0.0
    return np.sqrt(np.minimum(excess, _BRIGHTEST)).astype(np.float32)


def _bad_columns(excess):
    """Columns that stand out from both their neighbours over most of their length."""
    level = np.median(excess, axis=0)
    bad = np.zeros(excess.shape, dtype=bool)
    if level.size >= 3:
        beside = np.maximum(np.roll(level, 1), np.roll(level, -1))
        _, scatter = middle_and_sigma(np.diff(level))
        # a sky line is wider: its neighbours are bright, too
        sharp = (level - beside > max(1.0, 5 * scatter)) & (beside < 0.3 * level)
        bad[:, sharp] = True
    return bad


def cross_correlate(first, second):
    """
    Find the shift at which two images agree best.

    Plain correlation, not normalised in phase: that would lock on what is sharp,
    and would halve fractions of a pixel.

    Parameters
    ----------
    first, second : 2D `~numpy.ndarray`
        Images of one shape from `prepare`: nothing in them is negative.

    Returns
    -------
    shift : tuple of float
        ``(dy, dx)``: pixel ``[y, x]`` of the first is ``[y - dy, x - dx]`` of the
        second. Fractions come from a parabola through the peak.
    significance : float
        Height of the peak above the median of the map, in robust sigma of the map;
        0 if another peak is nearly as high, or if few sources make it.
    """
    window = _window(first.shape)
    shape = [fft.next_fast_len(2 * n - 1, real=True) for n in first.shape]
    spectrum = fft.rfft2(first * window, shape)
    other = fft.rfft2(second * window, shape)
    spectrum *= np.conj(other, out=other)
    del other
    correlation = fft.irfft2(spectrum, shape, overwrite_x=True)
    del spectrum
    peak = np.unravel_index(np.argmax(correlation), correlation.shape)
    shift = tuple(
        _refine(np.take(correlation, peak[1 - axis], axis=1 - axis), peak[axis])
        for axis in (0, 1)
    )
    middle, sigma = middle_and_sigma(correlation)
    height = float(correlation[peak]) - middle
    for axis in (0, 1):  # ridges through the peak belong to it
        ridge = np.arange(peak[axis] - _NEAR, peak[axis] + _NEAR + 1)
        correlation[(slice(None),) * axis + (ridge % shape[axis],)] = middle
    rival = float(correlation.max()) - middle
    # without sources two large cosmic rays make the highest peak, others the next
    if sigma <= 0 or height < _DISTINCT * rival:
        return shift, 0.0
    if _agreeing(first, second, tuple(round(step) for step in shift)) < _PLACES:
        return shift, 0.0
    return shift, height / sigma


def _agreeing(first, second, shift):
    """
    Number of parts of the images that agree, by weight of what they contribute.

    One bright star upon another, or a few pixels, may do so by chance.
    """
    parts = overlap(first.shape, shift)  # without one nothing makes a peak
    common = (first[parts[0]] * second[parts[1]]).astype(float)
    for axis in (0, 1):
        edges = np.linspace(0, common.shape[axis], _TILES + 1).astype(int)[:-1]
        common = np.add.reduceat(common, np.unique(edges), axis=axis)
    square = np.square(common).sum()
    return common.sum() ** 2 / square if square > 0 else 0.0


def refine(first, second, shift):
    """
    Measure the fraction of a shift again, on the common part alone.

    The window of a large shift pulls it towards zero; here it is centred.

    Parameters
    ----------
    first, second : 2D `~numpy.ndarray`
        Images of one shape from `prepare`.
    shift : tuple of float
        Shift from `cross_correlate`.

    Returns
    -------
    shift : tuple of float
        A better one; the same if it would become another pixel.
    """
    nearest = tuple(round(step) for step in shift)
    parts = overlap(first.shape, nearest)
    if parts is None:
        return shift
    rest, _ = cross_correlate(first[parts[0]], second[parts[1]])
    if max(abs(step) for step in rest) > 1:
        return shift
    return tuple(whole + step for whole, step in zip(nearest, rest, strict=True))


def _window(shape):
    """Fourth root of a Hann window: edges fade, the rest counts fully."""
    sides = (np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 0.5 for n in shape)
    rows, columns = sides
    return (rows[:, None] * columns).astype(np.float32)


def _refine(values, at):
    """Position of the peak with its fraction, negative beyond half of the range."""
    n = values.size
    below, top, above = (float(values[(at + step) % n]) for step in (-1, 0, 1))
    curvature = below - 2 * top + above
    fraction = 0.5 * (below - above) / curvature if curvature < 0 else 0.0
    return float(at - n if at > n // 2 else at) + fraction
