# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What the matched difference knows of one exposure by itself."""

from typing import NamedTuple

import numpy as np

from ccdcr.pixels.filters import median_around
from ccdcr.pixels.level import Level, local_level
from ccdcr.pixels.noise import few_rows, quantisation_step
from ccdcr.pixels.photometry import expected_variance, photon_slope

__all__ = ["Exposure", "exposure"]

_DEAD = 6.0, 2.0  # sigma below all that is around, of the darkest and their rims


class Exposure(NamedTuple):
    """One exposure, with plausible values where it is not usable."""

    image: np.ndarray
    variance: np.ndarray
    usable: np.ndarray
    sky: Level
    slope: float  # variance per data unit
    typical: float  # variance

    def part(self, where):
        """Take a part of all images."""
        images = (image[where] for image in self[:3])
        return Exposure(*images, self.sky.part(where), *self[4:])

    def smooth(self, y, x):
        """Median of 5 x 5 around some pixels."""
        return median_around(self.image, (5, 5), y, x)

    def without(self, at):
        """
        Do not use some pixels, which get plausible values.

        Parameters
        ----------
        at : 1D int `~numpy.ndarray`
            Their places in the flat image.

        Returns
        -------
        exposure : Exposure
            Another one.
        """
        image, variance, usable = (array.copy() for array in self[:3])
        image.ravel()[at] = self.smooth(*np.divmod(at, image.shape[1]))
        variance.ravel()[at] = np.maximum(variance.ravel()[at], self.typical)
        usable.ravel()[at] = False
        return self._replace(image=image, variance=variance, usable=usable)

    def darkness(self, y, x, factor):
        """
        Tell whether pixels are far below the sky and all that is around.

        No light is so dark.

        Parameters
        ----------
        y, x : 1D int `~numpy.ndarray`
            The pixels.
        factor : float
            Scatter over noise.

        Returns
        -------
        dead, dim : 1D bool `~numpy.ndarray`
            Whether they are, and whether they would be beside such a pixel.
        """
        noise = np.maximum(self.variance[y, x], self.typical)  # theirs may be none
        depth = np.minimum(self.smooth(y, x), self.sky.at(y, x)) - self.image[y, x]
        depth /= factor * np.sqrt(noise)
        return tuple(depth > limit for limit in _DEAD)

    def noise(self, y, x, seen):
        """
        Variance of some pixels at the level that is expected of them.

        Parameters
        ----------
        y, x : 1D int `~numpy.ndarray`
            The pixels.
        seen : 1D `~numpy.ndarray`
            What another exposure says of them.

        Returns
        -------
        variance : 1D `~numpy.ndarray`
            At the middle of what a pixel, its neighbourhood and the other exposure say.
        """
        image, variance = self.image[y, x], self.variance[y, x]
        if self.slope == 0:  # then it is the same at every level
            return variance
        smooth = self.smooth(y, x)
        low, high = np.minimum(smooth, seen), np.maximum(smooth, seen)
        level = np.clip(image, low, high)
        return expected_variance(image, variance, level, self.slope, self.floor)

    @property
    def floor(self):
        """Least variance that is left of a larger one."""
        return 0.1 * self.typical


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
    rows = few_rows(image.shape)
    known = variance[rows][usable[rows]] if usable[rows].any() else variance[rows]
    step = quantisation_step(image, usable)  # within which a value is not known
    return Exposure(
        image,
        variance + step**2 / 12 if step else variance,
        usable,
        local_level(image, usable),
        photon_slope(image, variance, usable),
        float(np.median(known)),
    )
