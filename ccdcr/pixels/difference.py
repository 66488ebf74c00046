# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What two equivalent images have in common, and how much their difference scatters."""

import numpy as np

__all__ = ["middle_and_sigma", "overlap"]


def overlap(shape, shift):
    """
    Find the part that two images of one shape have in common.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of either image.
    shift : tuple of int
        ``(dy, dx)``: pixel ``[y, x]`` of the first image is compared with pixel
        ``[y - dy, x - dx]`` of the second.

    Returns
    -------
    first, second : tuple of slice or None
        Where the common part lies in either image; None if there is none.
    """
    if any(abs(step) >= length for length, step in zip(shape, shift, strict=True)):
        return None
    first = tuple(
        slice(max(step, 0), length + min(step, 0))
        for length, step in zip(shape, shift, strict=True)
    )
    second = tuple(
        slice(max(-step, 0), length + min(-step, 0))
        for length, step in zip(shape, shift, strict=True)
    )
    return first, second


def middle_and_sigma(values):
    """
    Median and robust standard deviation, as double precision numbers.

    The robust standard deviation is 0.7413 times the distance between the
    quartiles, which are interpolated as in `numpy.percentile`.

    Parameters
    ----------
    values : 1D or 2D `~numpy.ndarray`
        Finite numbers, as many as wanted.

    Returns
    -------
    middle, sigma : float
        NaN when there are no values.
    """
    if values.size == 0:
        return np.nan, np.nan
    # numpy sorts floats with SIMD: faster than any selection of several ranks
    ordered = np.sort(values, axis=None)
    last = ordered.size - 1
    middle = 0.5 * (float(ordered[last // 2]) + float(ordered[last - last // 2]))
    lower, upper = (_quantile(ordered, fraction) for fraction in (0.25, 0.75))
    return middle, 0.7413 * (upper - lower)


def _quantile(ordered, fraction):
    """Linear interpolation between order statistics, rounded as numpy rounds it."""
    position = fraction * (ordered.size - 1)
    rank = int(position)
    weight = position - rank
    below = float(ordered[rank])
    above = float(ordered[min(rank + 1, ordered.size - 1)])
    if weight < 0.5:
        return below + (above - below) * weight
    return above - (above - below) * (1.0 - weight)
