# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What the cleaners of single exposures share: noise, warnings, pixels to look at."""

import warnings
from typing import NamedTuple

import numpy as np

from ccdcr._ccd import variance
from ccdcr.exceptions import CosmicRayWarning
from ccdcr.pixels.median_network import box_median
from ccdcr.pixels.noise import photon_variance, scatter
from ccdcr.pixels.photometry import noise_factor
from ccdcr.pixels.replace import fill

__all__ = ["Noise", "caution_of_many", "measure_noise", "tell"]

_FACTORS = 0.7, 1.5  # of the scatter over the noise, that need no warning
_MANY = 100, 0.01  # flagged pixels that need none, at least, and as a part
_FLOOR = 0.1  # of the typical variance: less is not believed


class Noise(NamedTuple):
    """The noise of one exposure."""

    variance: np.ndarray  # of all pixels, in the square of the data unit
    source: str
    cautions: dict


def measure_noise(ccd, data, usable, gain, readnoise):
    """
    Find the variance of the pixels of a frame.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        The checked frame.
    data : 2D `~numpy.ndarray`
        Its values.
    usable : 2D bool `~numpy.ndarray`
        Pixels that count.
    gain, readnoise : float or None
        Of the noise model, for a frame without uncertainty.

    Returns
    -------
    noise : Noise
        From the uncertainty; or gain and read noise; or the scatter between
        neighbouring pixels. Sky that was subtracted is missing in the noise of the
        second: it is added.
    """
    given, cautions = None, {}
    if ccd.uncertainty is not None:
        given = variance(ccd)
        known = usable & np.isfinite(given)
        typical = np.median(given[known]) if known.any() else 0.0
        if typical > 0:
            noise = np.maximum(fill(given, known), _FLOOR * typical)
            factor = _scatter_over_noise(data, noise, usable)
            return Noise(noise, "uncertainty", _caution_of_noise(factor))
        if usable.any():
            cautions["uncertainty"] = (
                "the uncertainties are mostly zero or not numbers: the noise is "
                "estimated from the scatter of neighbouring pixels"
            )
    elif gain is not None and readnoise is not None:
        noise = photon_variance(data, usable, gain, readnoise)
        factor = _scatter_over_noise(data, noise, usable)
        source = "gain and readnoise"
        if factor > _FACTORS[1]:
            noise += (factor**2 - 1) * np.median(noise[usable])
            source += ", and scatter"
            cautions["noise"] = (
                f"the frame scatters {factor:.2f} times as much as gain and readnoise "
                "say (has its sky been subtracted?): the noise that is missing was "
                "added everywhere"
            )
        return Noise(noise, source, cautions)
    noise = np.full(data.shape, scatter(data, usable) ** 2)
    return Noise(noise, "scatter of neighbouring pixels", cautions)


def _scatter_over_noise(data, noise, usable):
    """Scatter about a median filter, over the noise; 1 where there is none."""
    if not (usable.any() and noise.any()):
        return 1.0
    image = fill(data, usable)
    with np.errstate(over="ignore", invalid="ignore"):
        rest = image - box_median(image, (5, 5), "mirror")
    return noise_factor(rest, noise, usable)[0]


def _caution_of_noise(factor):
    if _FACTORS[0] <= factor <= _FACTORS[1]:
        return {}
    return {
        "noise": f"the frame scatters {factor:.2f} times as much as its uncertainty "
        "says: what is found and the new uncertainties may be wrong"
    }


def caution_of_many(n_flagged, examined, spectrum):
    """
    Say what may be wrong if a large part of a frame was flagged.

    Parameters
    ----------
    n_flagged : int
        Pixels that were flagged.
    examined : 2D bool `~numpy.ndarray`
        Pixels that were looked at.
    spectrum : bool
        Whether the dispersion axis was given.

    Returns
    -------
    cautions : dict
        Empty, or a sentence that names remedies, by a word for the header.
    """
    n = max(1, np.count_nonzero(examined))
    if n_flagged <= max(_MANY[0], _MANY[1] * n):
        return {}
    spectra = "" if spectrum else "give dispersion_axis for spectra, "
    return {
        "many": f"{n_flagged / n:.1%} of the pixels were flagged, more than cosmic rays "
        f"usually hit: mask hot pixels first (from a dark, or ccdproc.ccdmask), {spectra}"
        "check the noise, and use two exposures (cosmicray_pair) where stars are narrow"
    }


def tell(cautions):
    """
    Warn the user of a public function that called this one.

    Parameters
    ----------
    cautions : dict
        Sentences, by a word for the header.

    Returns
    -------
    words : str
        For the header.
    """
    for caution in cautions.values():
        warnings.warn(caution, CosmicRayWarning, stacklevel=3)
    return ", ".join(cautions) or "none"
