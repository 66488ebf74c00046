# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Two exposures of the same: what differs, and by how much more than it may."""

from typing import NamedTuple

import numpy as np

from ccdcr.pixels.exposure import Exposure
from ccdcr.pixels.filters import strips
from ccdcr.pixels.groups import dilated, thin
from ccdcr.pixels.guard import Guard, measure_guard
from ccdcr.pixels.level import Level, lattice
from ccdcr.pixels.noise import few_rows, quantisation_step
from ccdcr.pixels.photometry import Scatter, noise_factor

__all__ = ["Comparison", "Excess", "compare"]

_BRIGHT = 3.0  # sigma of light that may be a source
_SOURCES = 1 << 15  # pixels on sources that are enough to measure something on


class Excess(NamedTuple):
    """By how much pixels of the first exposure are brighter than they should be."""

    difference: np.ndarray
    first: np.ndarray  # variance of the first exposure
    second: np.ndarray  # and of what the second says
    mismatch: np.ndarray  # variance of what does not match about sources


class Comparison(NamedTuple):
    """Two exposures where they overlap, in the unit of the first."""

    first: Exposure
    second: Exposure
    scale: float  # how much brighter sources are in the first
    level: Level  # by how much the first is brighter elsewhere
    scatter: Scatter
    # what is measured last:
    sources: np.ndarray | None = None  # in the flat image: on and around bright ones
    share: float = 1.0  # part of all such pixels that these are
    guard: Guard | None = None

    @property
    def shape(self):
        """Rows and columns of the overlap."""
        return self.first.image.shape

    def images(self, y, x):
        """The first exposure and what the second says of it, in pixels or windows."""
        second = self.scale * self.second.image[y, x]
        second += self.level.at(*_middles(y, x))
        return self.first.image[y, x], second

    def difference(self, y, x):
        """How much brighter the first is."""
        first, second = self.images(y, x)
        return first - second

    def variances(self, y, x):
        """As the exposures say, of the first and of what the second says of it."""
        return self.first.variance[y, x], self.scale**2 * self.second.variance[y, x]

    def fainter(self, y, x):
        """The fainter of both, which has only the cosmic rays that are in both."""
        return np.minimum(*self.images(y, x))

    def expected(self, y, x):
        """Likewise, at the level that is expected."""
        first, second = self.images(y, x)
        seen = (first - self.level.at(y, x)) / self.scale
        theirs = self.second.noise(y, x, seen)
        return self.first.noise(y, x, second), self.scale**2 * theirs

    def excess(self, y, x):
        """
        Compare some pixels with care.

        Parameters
        ----------
        y, x : 1D int `~numpy.ndarray`
            The pixels, in the overlap.

        Returns
        -------
        excess : Excess
            What differs in them.
        """
        noise = self.expected(y, x)
        mismatch = self.guard.variance(self, y, x, np.minimum(*noise))
        return Excess(self.difference(y, x), *noise, mismatch)


def _middles(y, x):
    """Of windows, one in each row, the pixels in the middle: a level is the same."""
    if y.ndim == 1:
        return y, x
    middle = y.shape[1] // 2
    return y[:, middle, None], x[:, middle, None]


def compare(first, second, scale, flagged, limits, *, final):
    """
    Measure how two exposures differ, and find pixels that may differ too much.

    Parameters
    ----------
    first, second : Exposure
        The exposures where they overlap.
    scale : float
        How much brighter sources are in the first.
    flagged : 2D bool `~numpy.ndarray`
        Cosmic rays that are known, in either.
    limits : tuple of float
        Sigma of peaks and of tails.
    final : bool
        Whether cosmic rays are known.

    Returns
    -------
    comparison : Comparison
        The exposures and what was measured.
    peak, tail : 2D bool `~numpy.ndarray`
        Pixels that exceed the limits, on either side, or would if sources did match
        and light in them made no noise: a few too many, and none too few.
    """
    usable = first.usable & second.usable
    use = usable & ~flagged
    use = use if use.any() else usable
    level, scatter, faint = _measure(first, second, scale, usable, use)
    compared = Comparison(first, second, scale, level, scatter)
    bright, peak, tail = _scan(compared, faint, limits)
    peak &= usable
    tail &= usable
    if final:  # the rims of cosmic rays
        use &= ~dilated(flagged, 2)
    sources = np.flatnonzero(dilated(bright) & use)
    few = thin(sources, _SOURCES)
    share = few.size / sources.size if few.size else 1.0
    compared = compared._replace(sources=few, share=share)
    guard = measure_guard(compared, faint, final=final)
    return compared._replace(guard=guard), peak, tail


def _measure(first, second, scale, usable, use):
    """Level of the difference, its scatter, and the level of the fainter one."""
    where = lattice(first.image.shape, usable=use)
    rows = few_rows(first.image.shape)
    step = quantisation_step(
        first.image[rows] - scale * second.image[rows], usable[rows]
    )
    use = where.of(use)
    image, other = where.of(first.image), where.of(second.image)
    other *= scale
    level = where.level(image - other, use)
    other += where.of(level)
    faint = where.level(np.minimum(image, other), use)
    image -= other
    noise = where.of(second.variance)
    noise *= scale * scale
    noise += where.of(first.variance)
    return level, noise_factor(image, noise, use, where, step), faint


def _scan(compared, faint, limits):
    """Look through the whole images, in strips and with what is known at once."""
    first, second, scale = compared[:3]
    shape = compared.shape
    bright, peak, tail = (np.zeros(shape, dtype=bool) for _ in range(3))
    steepest = max(first.slope, scale * second.slope)
    floor = min(first.floor, scale**2 * second.floor)
    for rows in strips(shape):
        image, other = first.image[rows], scale * second.image[rows]
        other += compared.level.rows(rows)
        own, theirs = first.variance[rows], scale**2 * second.variance[rows]
        light = np.minimum(image, other) - faint.rows(rows)
        np.greater(light, _BRIGHT * np.sqrt(np.minimum(own, theirs)), out=bright[rows])
        difference = np.abs(np.subtract(image, other, out=other), out=other)
        noise = own + theirs
        if steepest > 0:  # a cosmic ray has added so much at most
            least = np.minimum(noise, floor)
            with np.errstate(over="ignore", invalid="ignore"):
                noise -= steepest * difference
            np.fmax(noise, least, out=noise)
        # with the noise factor of the whole image, which is the smallest
        pulls = np.sqrt(noise, out=noise)
        pulls *= compared.scatter.factor
        for limit, mask in zip(limits, (peak, tail), strict=True):
            np.greater(difference, limit * pulls, out=mask[rows])
    return bright, peak, tail
