# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What other exposures say of the pixels of one."""

from typing import NamedTuple

import numpy as np

from ccdcr.pixels.compare import Comparison
from ccdcr.pixels.replace import GAUSSIAN, from_neighbours

__all__ = ["Prediction", "View", "combine", "significance"]

_SHARPER = 4.0  # ratio of variances from which on another need not be asked
_MATCHES = 1e-3  # of the variance: where sources match so well neighbours tell no more
_LOW = 5.0  # sigma below its surroundings that a pixel may be dead


class Prediction(NamedTuple):
    """Some pixels of one exposure as another one shows them."""

    value: np.ndarray
    variance: np.ndarray  # of the value
    mismatch: np.ndarray  # variance of what does not match about sources
    significance: np.ndarray  # by how many sigma the exposure is brighter

    def is_low(self, smooth):
        """Where the other shows far less than there is around: dead pixels do."""
        return smooth - self.value > _LOW * np.sqrt(self.variance + self.mismatch)


class View(NamedTuple):
    """One exposure as another one shows it."""

    compared: Comparison
    own: int  # 0 if the exposure is the first of the two, 1 if the second
    part: tuple  # where they overlap, in the exposure
    its: tuple  # and in the other

    def inside(self, y, x):
        """Tell which pixels of the exposure are in the overlap, and where there."""
        rows, columns = self.part
        inside = (y >= rows.start) & (y < rows.stop)
        inside &= (x >= columns.start) & (x < columns.stop)
        return inside, (y[inside] - rows.start, x[inside] - columns.start)

    def usable(self):
        """Pixels of the overlap that count in both."""
        return self.compared.first.usable & self.compared.second.usable

    def seen(self, y, x):
        """Tell what pixels of the overlap should be, and the variance of that."""
        _, donor = self._exposures()
        factor = self.compared.scale if self.own == 0 else 1 / self.compared.scale
        return self._value(y, x), factor**2 * donor.variance[y, x]

    def _value(self, y, x):
        """From the other alone: a hit may be so bright that no digit is left."""
        if self.own == 0:
            return self.compared.images(y, x)[1]
        first = self.compared.first.image[y, x]
        return (first - self.compared.level.at(y, x)) / self.compared.scale

    def predict(self, y, x):
        """Tell the same with care, in the unit of the exposure."""
        unit, sign = self._unit()
        found = self.compared.excess(y, x)
        noise = (found.first + found.second) * self.compared.scatter.at(y, x) ** 2
        with np.errstate(divide="ignore", invalid="ignore"):
            pulls = sign * found.difference / np.sqrt(noise + found.mismatch)
        tested, donor = self._exposures()
        pulls[~(tested.usable[y, x] & donor.usable[y, x]) | np.isnan(pulls)] = -np.inf
        theirs = found.second if self.own == 0 else found.first
        return Prediction(
            self._value(y, x),
            theirs / unit**2,
            found.mismatch / unit**2,
            pulls,
        )

    def corrected(self, y, x, prediction, donors):
        """
        Improve what is said of cosmic rays by how their neighbours differ.

        Where a source has faded or has moved, its pixels differ alike. Their mean
        difference counts by how well it is known, compared with how much it may be.
        Of that, what has been measured of the frame stays: with another seeing the
        rim of a star, which is all that is left, tells nothing of its core.
        """
        unit, sign = self._unit()
        where = prediction.mismatch > _MATCHES * prediction.variance
        mean, error = from_neighbours(
            lambda at: sign / unit * self.compared.difference(*at),
            lambda at: sum(self.compared.variances(*at)) / unit**2,
            donors,
            (y[where], x[where]),
            GAUSSIAN,
        )
        known = np.isfinite(mean)
        where[where] = known
        may_be = prediction.mismatch[where]
        share = may_be / (may_be + error[known])
        prediction.value[where] += share * mean[known]
        prediction.mismatch[where] *= np.maximum(
            1 - share, self.compared.guard.measured
        )
        return prediction

    def _unit(self):
        """What differences are divided by, and the sign of cosmic rays in them."""
        return (1.0, 1) if self.own == 0 else (self.compared.scale, -1)

    def _exposures(self):
        return self.compared[self.own], self.compared[1 - self.own]


def significance(exposure, views, known, y, x):
    """
    Tell by how many sigma pixels are brighter than the middle one of the others says.

    Of an even number it is the lower one. If there are others, those are not asked
    that have a cosmic ray there themselves, are lower than what is around it
    (dead pixels), or much noisier than another.

    Parameters
    ----------
    exposure : Exposure
        The one whose pixels these are.
    views : dict
        By the number of the other exposure its `View`.
    known : list of 2D bool `~numpy.ndarray`
        Cosmic rays of each exposure, as far as known.
    y, x : 1D int `~numpy.ndarray`
        The pixels.

    Returns
    -------
    significance : 1D `~numpy.ndarray`
        Minus infinity where no other can be asked.
    """
    said = np.full((len(views), y.size), -np.inf, exposure.image.dtype)
    noise = np.full_like(said, np.inf)
    clean, low = (np.zeros(said.shape, dtype=bool) for _ in range(2))
    smooth = exposure.smooth(y, x) if len(views) > 1 else None
    for n, (other, view) in enumerate(views.items()):
        inside, at = view.inside(y, x)
        prediction = view.predict(*at)
        said[n, inside] = prediction.significance
        if len(views) == 1:
            return said[0]
        noise[n, inside] = prediction.variance + prediction.mismatch
        clean[n, inside] = ~known[other][view.its][at]
        low[n, inside] = prediction.is_low(smooth[inside])
    looked = said > -np.inf
    clean &= looked & ~low
    best = np.where(clean, noise, np.inf).min(axis=0)
    clean &= noise <= _SHARPER * best
    clean |= looked & ~clean.any(axis=0)
    said[~clean] = np.inf
    said.sort(axis=0)
    count = np.count_nonzero(clean, axis=0)
    middle = np.take_along_axis(said, np.maximum(count - 1, 0)[None] // 2, axis=0)[0]
    return np.where(count > 0, middle, -np.inf)


def combine(exposure, views, donors, y, x, *, mismatch=True, corrected=None):
    """
    Mean of what other exposures say of some pixels, by weight of its variance.

    Their noise is independent; what does not match about their sources may be the
    same in all of them, and does not become less. What is low is left out if others
    are not.

    Parameters
    ----------
    exposure : Exposure
        The one whose pixels these are.
    views : dict
        By the number of the other exposure its `View`.
    donors : list of 2D bool `~numpy.ndarray`
        For each exposure the pixels that can be asked.
    y, x : 1D int `~numpy.ndarray`
        The pixels.
    mismatch : bool, optional
        Whether sources that do not match count as a variance.
    corrected : int, optional
        The number of the exposure, if its donors shall improve what is said.

    Returns
    -------
    values, variances : 1D float64 `~numpy.ndarray`
        NaN where no other exposure can be asked.
    """
    said = np.full((len(views), 3, y.size), np.nan)
    low = np.zeros((len(views), y.size), dtype=bool)
    for n, (other, view) in enumerate(views.items()):
        inside, at = view.inside(y, x)
        asked = donors[other][view.its][at]
        inside[inside] = asked
        at = at[0][asked], at[1][asked]
        if len(views) == 1 and not mismatch:  # by a shorter way
            said[n, :2, inside] = np.transpose(view.seen(*at))
            break
        prediction = view.predict(*at)
        if len(views) > 1:
            low[n, inside] = prediction.is_low(exposure.smooth(y[inside], x[inside]))
        if corrected is not None:
            both = donors[corrected][view.part] & donors[other][view.its]
            prediction = view.corrected(*at, prediction, both)
        said[n][:, inside] = prediction[:3]
    low &= (~low & ~np.isnan(said[:, 0])).any(axis=0)
    said[low[:, None].repeat(3, axis=1)] = np.nan
    if not mismatch:
        said[:, 2] = 0.0
    return _mean(*said.transpose(1, 0, 2))


def _mean(value, noise, wrong):
    weight = 1.0 / np.maximum(noise + wrong, np.finfo(float).tiny)
    total = np.nansum(weight, axis=0)
    weight /= np.where(total > 0, total, np.nan)
    values = np.nansum(weight * value, axis=0)
    variances = np.nansum(weight**2 * noise, axis=0)
    # of an exposure that knows nothing the weight is zero, and its share no number
    variances += np.nansum(weight * np.sqrt(wrong), axis=0) ** 2
    nobody = np.isnan(value).all(axis=0)
    values[nobody] = variances[nobody] = np.nan
    return values, variances
