# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""One exposure as another one shows it, and how much it differs from that."""

from typing import NamedTuple

import numpy as np

from ccdcr.pixels.guard import measure_guard
from ccdcr.pixels.level import lattice, local_level
from ccdcr.pixels.median_network import box_median
from ccdcr.pixels.noise import quantisation_step
from ccdcr.pixels.photometry import (
    expected_variance,
    noise_factor,
    photon_slope,
)

__all__ = [
    "Exposure",
    "Prediction",
    "combine",
    "exposure",
    "is_low",
    "predict_each_other",
]

_LOW = 5.0  # sigma below its surroundings that a pixel may be dead


class Exposure(NamedTuple):
    """What the method knows of one exposure."""

    image: np.ndarray
    variance: np.ndarray
    usable: np.ndarray
    smooth: np.ndarray  # median of 5 x 5
    sky: np.ndarray  # local level
    slope: float  # variance per data unit
    floor: float  # least variance

    def part(self, where):
        """Take a part of all images."""
        return Exposure(*(image[where] for image in self[:5]), *self[5:])


class Prediction(NamedTuple):
    """One exposure as another one shows it."""

    value: np.ndarray
    variance: np.ndarray  # of the value
    mismatch: np.ndarray  # variance of what does not match about sources
    significance: np.ndarray  # by how many sigma the exposure is brighter
    noise_factor: float
    misregistration: float
    change: float


def exposure(image, variance, usable):
    """
    Collect what the method knows of one exposure.

    Parameters
    ----------
    image, variance : 2D floating `~numpy.ndarray`
        Its values and their variances, plausible ones also where not usable.
    usable : 2D bool `~numpy.ndarray`
        Pixels that count.

    Returns
    -------
    exposure : Exposure
        The same, and what is measured on it.
    """
    known = variance[usable] if usable.any() else variance
    step = quantisation_step(image, usable)  # within which a value is not known
    return Exposure(
        image,
        variance + step**2 / 12 if step else variance,
        usable,
        box_median(image, (5, 5), "nearest"),
        local_level(image, usable).rows(),
        photon_slope(image, variance, usable),
        0.1 * float(np.median(known)),
    )


def predict_each_other(first, second, scale, flagged, *, final):
    """
    Predict each of two exposures from the other.

    Parameters
    ----------
    first, second : Exposure
        The exposures where they overlap.
    scale : float
        How much brighter sources are in the first.
    flagged : 2D bool `~numpy.ndarray`
        Cosmic rays that are known, in either.
    final : bool
        Whether cosmic rays are known.

    Returns
    -------
    first, second : Prediction
        What either should look like.
    """
    usable = first.usable & second.usable
    use = usable & ~flagged
    use = use if use.any() else usable
    offset = float(np.median((first.image - scale * second.image)[use]))
    seen = scale * second.image + offset, (first.image - offset) / scale
    step = quantisation_step(first.image - scale * second.image, usable)
    predictions = []
    pair = first, second
    for own, factor in ((0, scale), (1, 1 / scale)):
        tested, donor = pair[own], pair[1 - own]
        # at the middle of what a pixel, its neighbourhood and the other exposure say
        noise, donated = (
            expected_variance(
                *one[:2], _middle(one.image, one.smooth, seen[number]), *one[5:]
            )
            for number, one in ((own, tested), (1 - own, donor))
        )
        donated *= factor**2
        value = factor * donor.image
        value += local_level(tested.image - value, use).rows()
        predictions.append(
            _judge(
                tested.image,
                value,
                noise,
                donated,
                usable,
                use,
                step if own == 0 else step / scale,
                final=final,
            )
        )
    return predictions


def _middle(a, b, c):
    """Median of three, pixel by pixel."""
    return np.maximum(np.minimum(a, b), np.minimum(np.maximum(a, b), c))


def _judge(image, value, noise, donated, usable, use, step, *, final):
    """Noise factor, guard and significance of a prediction."""
    difference = image - value
    variance = noise + donated
    where = lattice(image.shape)
    scatter = noise_factor(
        *(where.of(a) for a in (difference, variance, use)), where, step
    )
    factor = scatter.factor
    variance *= scatter.rows() ** 2
    guard = measure_guard(image, value, variance, noise, usable, ~use, final=final)
    variance += guard.variance
    with np.errstate(divide="ignore", invalid="ignore"):
        significance = difference / np.sqrt(variance)
    significance[~usable | np.isnan(significance)] = -np.inf
    return Prediction(value, donated, *guard[:1], significance, factor, *guard[1:])


def is_low(prediction, smooth, at=...):
    """
    Find where another exposure shows less than there is around a pixel in this one.

    Parameters
    ----------
    prediction : Prediction
        What it says.
    smooth : `~numpy.ndarray`
        Median of the neighbours in this exposure.
    at : optional
        The pixels wanted.

    Returns
    -------
    low : bool `~numpy.ndarray`
        Where it is lower by 5 sigma, which dead pixels are.
    """
    value, variance, mismatch = (image[at] for image in prediction[:3])
    return smooth - value > _LOW * np.sqrt(variance + mismatch)


def combine(exposure, view, donors, y, x, *, mismatch=True):
    """
    Mean of what other exposures say of some pixels, by weight of its variance.

    Their noise is independent; what does not match about their sources may be the
    same in all of them, and does not become less. What is low is left out if others
    are not.

    Parameters
    ----------
    exposure : Exposure
        The one whose pixels these are.
    view : dict
        By the number of the other exposure: the part of this one that it shows, where
        that is in the other, and the `Prediction`.
    donors : list of 2D bool `~numpy.ndarray`
        For each exposure the pixels that can be asked.
    y, x : 1D int `~numpy.ndarray`
        The pixels.
    mismatch : bool, optional
        Whether sources that do not match count as a variance.

    Returns
    -------
    values, variances : 1D float64 `~numpy.ndarray`
        NaN where no other exposure can be asked.
    """
    said = np.full((len(view), 3, y.size), np.nan)
    low = np.zeros((len(view), y.size), dtype=bool)
    for n, (other, ((rows, columns), its, prediction)) in enumerate(view.items()):
        inside = (y >= rows.start) & (y < rows.stop)
        inside &= (x >= columns.start) & (x < columns.stop)
        at = y[inside] - rows.start, x[inside] - columns.start
        asked = donors[other][its][at]
        inside[inside] = asked
        at = at[0][asked], at[1][asked]
        said[n][:, inside] = [image[at] for image in prediction[:3]]
        if len(view) > 1:
            smooth = exposure.smooth[y[inside], x[inside]]
            low[n, inside] = is_low(prediction, smooth, at)
    low &= (~low & ~np.isnan(said[:, 0])).any(axis=0)
    said[low[:, None].repeat(3, axis=1)] = np.nan
    value, noise, wrong = said.transpose(1, 0, 2)
    if not mismatch:
        wrong = np.where(np.isnan(wrong), wrong, 0.0)
    weight = 1.0 / np.maximum(noise + wrong, np.finfo(float).tiny)
    total = np.nansum(weight, axis=0)
    weight /= np.where(total > 0, total, np.nan)
    values = np.nansum(weight * value, axis=0)
    variances = np.nansum(weight**2 * noise, axis=0)
    variances += np.nansum(weight * np.sqrt(wrong), axis=0) ** 2
    nobody = np.isnan(value).all(axis=0)
    values[nobody] = variances[nobody] = np.nan
    return values, variances
