# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What two equivalent images have in common, and how much their difference scatters."""

import numpy as np

__all__ = ["middle_and_sigma", "overlap"]

_SAMPLE = 1 << 16  # numbers that tell about where quantiles are


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
    last = values.size - 1
    positions = 0.25 * last, 0.5 * last, 0.75 * last
    pairs = _on_both_sides(values.ravel(), positions)
    lower, upper = (_between(*pairs[k], positions[k] % 1) for k in (0, 2))
    return 0.5 * sum(pairs[1]), 0.7413 * (upper - lower)


def _between(below, above, weight):
    """Linear interpolation between order statistics, rounded as numpy rounds it."""
    if weight < 0.5:
        return below + (above - below) * weight
    return above - (above - below) * (1.0 - weight)


def _on_both_sides(values, positions):
    """
    Find the order statistics before and after some positions in ascending order.

    A part of the numbers tells between which two the wanted ones are, but for bad luck;
    those few are then selected from. That is exact, and in much less memory than a
    sorted copy.
    """
    ranks = [(int(p), int(np.ceil(p))) for p in positions]
    sample = np.sort(values[:: max(1, values.size // _SAMPLE)])
    if values.size < 4 * _SAMPLE:
        ordered = sample if sample.size == values.size else np.sort(values)
        return [tuple(float(ordered[rank]) for rank in pair) for pair in ranks]
    brackets = [_bracket(sample, p / values.size) for p in positions]
    before, between = [0] * len(ranks), [[] for _ in ranks]
    for start in range(0, values.size, _SAMPLE):
        part = values[start : start + _SAMPLE]
        for k, (low, high) in enumerate(brackets):
            above = part > low
            before[k] += part.size - np.count_nonzero(above)
            between[k].append(part[above & (part < high)])
    return [
        tuple(
            _pick(values, rank, bracket, n, np.sort(np.concatenate(few)))
            for rank in pair
        )
        for pair, bracket, n, few in zip(ranks, brackets, before, between, strict=True)
    ]


def _pick(values, rank, bracket, n_before, between):
    """An order statistic, from the sorted numbers between others, or one of these."""
    low, high = bracket
    if n_before <= rank < n_before + between.size:
        return float(between[rank - n_before])
    if np.count_nonzero(values < low) <= rank < n_before:
        return float(low)
    if n_before <= rank < np.count_nonzero(values <= high):
        return float(high)
    return float(np.partition(values, rank)[rank])  # bad luck


def _bracket(sample, fraction):
    """Numbers of a sample between which a quantile of the whole is, by 5 sigma."""
    margin = 5 * np.sqrt(sample.size * fraction * (1 - fraction))
    middle = fraction * sample.size
    low, high = max(0, int(middle - margin)), int(middle + margin) + 1
    return sample[low], sample[min(high, sample.size - 1)]
