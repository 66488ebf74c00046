# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What the cleaners of single exposures share: noise, warnings, pixels to look at."""

from typing import NamedTuple

import numpy as np

from ccdcr._ccd import variance
from ccdcr.exceptions import warn
from ccdcr.pixels.difference import middle_and_sigma
from ccdcr.pixels.filters import strips
from ccdcr.pixels.level import lattice
from ccdcr.pixels.median_network import box_median
from ccdcr.pixels.noise import few_rows, photon_variance, scale_to_unity, scatter
from ccdcr.pixels.photometry import noise_factor
from ccdcr.pixels.replace import fill

__all__ = [
    "Noise",
    "caution_of_lines",
    "caution_of_many",
    "caution_of_stars",
    "centre",
    "measure_noise",
    "tell",
]

_FACTORS = 1 / 3, 3.0  # of the scatter over the noise, that need no warning
_BIASED = 0.6  # below which a bias is in what was taken for light
_NO_SKY = 1.3, 3.0  # such factors, and sigma of a median of zero, if a sky is gone
_MISFIT = 2.0  # of lines and traces, likewise
_NARROW = 4.0  # least contrast from which on the user should know
_MANY = 0.01  # part of the pixels that may be flagged without one
_ENOUGH = 768  # rows and columns
_SAMPLE = 1 << 17  # pixels that are enough to choose a unit
_FLOOR = 0.1  # of the typical variance: less is not believed


class Noise(NamedTuple):
    """The noise of one exposure, in the unit and precision in which it is looked at."""

    unit: float  # a power of two: data times this have a noise of about 1
    variance: np.ndarray  # of all pixels, of such data
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
        neighbouring pixels. If the sky was subtracted before the noise was computed,
        what is missing is added.
    """
    cautions = {}
    if ccd.uncertainty is not None:
        unit, noise = _given(ccd, data, usable)
        if noise is not None:
            return _with_sky(
                data, usable, unit, noise, "uncertainty", "its uncertainty says"
            )
        if usable.any():
            cautions["uncertainty"] = (
                "the uncertainties are mostly zero or not numbers: the noise is "
                "estimated from the scatter of neighbouring pixels"
            )
    elif gain is not None and readnoise is not None:
        noise = np.empty_like(data)
        for part in strips(data.shape):
            noise[part] = photon_variance(data[part], usable[part], gain, readnoise)
        unit = scale_to_unity(data, usable, noise[_sample(noise)])
        noise *= unit**2
        words = "gain and readnoise say"
        return _with_sky(data, usable, unit, noise, "gain and readnoise", words)
    sigma = scatter(data, usable)
    unit = scale_to_unity(data, usable, np.array([sigma * sigma]))
    sigma *= unit
    noise = np.full_like(data, sigma * sigma)
    return Noise(unit, noise, "scatter of neighbouring pixels", cautions)


def _given(ccd, data, usable):
    """The unit, and the variance that the frame says; None where that is mostly 0."""
    rows = _sample(data)
    given = variance(ccd, rows)[usable[rows]]
    given = given[np.isfinite(given) & (given > 0)]
    unit = scale_to_unity(data, usable, given) if given.size else 1.0
    limit = float(np.finfo(data.dtype).max) ** 0.5  # a huge one: nothing is known
    noise, known = np.empty_like(data), usable.copy()
    for part in strips(data.shape):
        given = variance(ccd, part)
        known[part] &= np.isfinite(given)
        with np.errstate(over="ignore"):
            noise[part] = np.minimum(given * unit**2, limit)
    typical = middle_and_sigma(noise[known])[0]
    if not typical > 0:
        return unit, None
    if not known.all():
        noise = fill(noise, known)
    return unit, np.maximum(noise, _FLOOR * typical, out=noise)


def _sample(image):
    """Rows that are enough to know what is typical."""
    return few_rows(image.shape, _SAMPLE)


def centre(shape):
    """
    Cut out the middle of an image, which is enough to measure what all of it has.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the image.

    Returns
    -------
    part : tuple of slice
        At most 768 of each.
    """
    starts = [max(0, (n - _ENOUGH) // 2) for n in shape]
    return tuple(slice(start, start + _ENOUGH) for start in starts)


def _with_sky(data, usable, unit, noise, source, words):
    """Add the noise of a sky that has been subtracted."""
    factor = _scatter_over_noise(data, unit, noise, usable)
    least, zero = _NO_SKY
    if factor > least:
        typical = float(np.median(noise[usable]))
        sigma = factor * np.sqrt(typical) / unit
        if abs(np.median(data[usable])) < zero * sigma:
            noise += (factor**2 - 1) * typical
            caution = (
                f"the frame scatters {factor:.2f} times as much as {words}, as if its "
                "sky (or a dark) had been subtracted before the noise was computed: "
                "what is missing was added to find cosmic rays"
            )
            return Noise(unit, noise, f"{source}, and scatter", {"noise": caution})
    return Noise(unit, noise, source, _caution_of_noise(factor, words))


def _scatter_over_noise(data, unit, noise, usable):
    """Scatter about a median filter, over the noise; 1 where there is none."""
    data, noise, usable = (image[centre(data.shape)] for image in (data, noise, usable))
    if not (usable.any() and noise.any()):
        return 1.0
    image = fill(data, usable) * unit
    with np.errstate(over="ignore", invalid="ignore"):
        rest = image - box_median(image, (5, 5), "mirror")
    where = lattice(rest.shape, usable=usable)
    return noise_factor(*(where.of(a) for a in (rest, noise, usable)), where).factor


def _caution_of_noise(factor, words):
    biased = factor < _BIASED and words.startswith("gain")
    if _FACTORS[0] <= factor <= _FACTORS[1] and not biased:
        return {}
    hint = " (is a bias left in it?)" if biased else ""
    return {
        "noise": f"the frame scatters {factor:.2f} times as much as {words}{hint}: "
        "what is found and the new uncertainties may be wrong"
    }


def caution_of_many(n_flagged, n_examined, spectrum, *, least):
    """
    Say what may be wrong if a large part of a frame was flagged.

    Parameters
    ----------
    n_flagged : int
        Pixels that were flagged.
    n_examined : int
        Pixels that were looked at.
    spectrum : bool
        Whether the dispersion axis was given.
    least : int
        Flagged pixels that need no warning, however small the frame.

    Returns
    -------
    cautions : dict
        Empty, or a sentence that names remedies, by a word for the header.
    """
    if n_flagged <= max(least, _MANY * n_examined):
        return {}
    spectra = "" if spectrum else "give dispersion_axis for spectra, "
    share = n_flagged / n_examined
    return {
        "many": f"{share:.1%} of the pixels were flagged, more than cosmic rays "
        "usually hit: mask hot pixels first (from a dark, or ccdproc.ccdmask), "
        f"{spectra}check the noise, and use two exposures (cosmicray_pair) where "
        "stars are narrow"
    }


def caution_of_stars(contrast, advice):
    """
    Say that stars are narrow.

    Parameters
    ----------
    contrast : float
        Least contrast that is safe for them.
    advice : str
        What that means.

    Returns
    -------
    cautions : dict
        Empty, or a sentence by a word for the header.
    """
    if contrast < _NARROW:
        return {}
    return {
        "sharp": f"stars are nearly as sharp as cosmic rays: {advice}; two exposures "
        "(cosmicray_pair) are safe"
    }


def caution_of_lines(misfit):
    """
    Say that a spectrum is not made of straight lines.

    Parameters
    ----------
    misfit : float
        Scatter about lines and traces, over the noise.

    Returns
    -------
    cautions : dict
        Empty, or a sentence by a word for the header.
    """
    if misfit < _MISFIT:
        return {}
    return {
        "lines": f"bright lines or continua scatter {misfit:.1f} times as much about "
        "what dispersion_axis takes away as their noise says: they are tilted or "
        "curved, or the axis or the noise is wrong; do not trust detections there"
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
        warn(caution, stacklevel=3)
    return ", ".join(cautions) or "none"
