# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The matched median method on a frame: noise of each pixel, contrast, skirts."""

import functools
from typing import NamedTuple

import numpy as np

from ccdcr._ccd import FLAG_LOCAL, repack, unpack, variance
from ccdcr._median_classic import from_window
from ccdcr._options import check_saturation
from ccdcr._single import (
    caution_of_lines,
    caution_of_many,
    caution_of_stars,
    measure_noise,
)
from ccdcr.pixels.detect import choose, left_alone
from ccdcr.pixels.filters import median_at, places
from ccdcr.pixels.noise import quantisation_step
from ccdcr.pixels.replace import fill
from ccdcr.pixels.saturation import around_saturated
from ccdcr.pixels.single import Measured, find_sharp
from ccdcr.pixels.skirt import fill_if_plausible, take_in_skirts
from ccdcr.pixels.slit import variance_of_lines_and_traces

__all__ = ["matched_median"]


def matched_median(ccd, model, allowed, options):
    """
    Clean a frame by its significant and sharp difference from its median filter.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        The checked frame.
    model : tuple or None
        Values, usable pixels and variances of a model, in place of the filter.
    allowed : 2D bool `~numpy.ndarray` or None
        Where pixels may be flagged.
    options : dict
        ``size``, ``sigmas``, ``contrast``, ``max_size``, ``grow``, ``axis``,
        ``gain``, ``readnoise``, ``saturation``, ``replacement``.

    Returns
    -------
    out : `~astropy.nddata.CCDData`
        The result.
    cards : dict
        What was measured.
    cautions : dict
        What to warn of, by a word for the header.
    """
    data, usable = unpack(ccd)
    level, mask, how = check_saturation(options["saturation"], ccd)
    noise = measure_noise(ccd, data, usable, options["gain"], options["readnoise"])
    star = around_saturated(data, usable, level, mask)
    examined = usable & ~star
    if model is not None:
        examined &= model[1]
    images = data, usable, examined, star, noise
    result = _Result(*[np.zeros_like(examined)] * 2)
    if examined.any():
        result = _examine(ccd, images, allowed, model, options)
    if allowed is not None:
        examined = examined & allowed
    suspects = result.suspects & examined
    out, counts = repack(
        ccd,
        result.flagged,
        result.values,
        result.variances,
        bit=FLAG_LOCAL,
        not_examined=~examined,
        suspects=suspects,
    )
    cautions = _cautions(counts["CCRNPIX"], examined, result.measured, options)
    cards = {
        "CCRGROW": options["grow"],
        "CCRDISP": options["axis"],
        "CCRGAIN": options["gain"],
        "CCRRDN": options["readnoise"],
        "CCRSATUR": level,
        "CCRSATHO": how,
        "CCRNOISE": noise.source,
        "CCRNBIG": result.n_too_large,
        "CCRNSUSP": np.count_nonzero(suspects),
        **counts,
        **_cards(result.measured),
    }
    return out, cards, noise.cautions | cautions


class _Result(NamedTuple):
    """What was found in a frame."""

    flagged: np.ndarray
    suspects: np.ndarray
    values: np.ndarray | None = None  # new ones of the flagged pixels
    variances: np.ndarray | None = None
    n_too_large: int = 0
    measured: Measured | None = None


def _examine(ccd, images, allowed, model, options):
    """Find and replace cosmic rays; large arrays end here."""
    data, usable, examined, star, noise = images
    found = _find(ccd, data, usable, examined, noise, model, options)
    suspects = left_alone(found.hits, star)
    may_be = examined & ~suspects
    flagged = take_in_skirts(
        found.flat, found.variance, found.hits & may_be, may_be, options["grow"]
    )
    flagged, n_too_large = choose(flagged, allowed, options["max_size"])
    flagged, values, variances = _replace(
        ccd, data, noise, may_be & ~flagged, flagged, found, model, options
    )
    return _Result(flagged, suspects, values, variances, n_too_large, found.measured)


def _find(ccd, data, usable, examined, noise, model, options):
    """What stands out of the frame, when that has no gaps and a noise of about 1."""
    image, variance = fill(data, usable), noise.variance
    image *= noise.unit
    if ccd.uncertainty is None:  # it is overwritten, but new values are judged by it
        variance = variance.copy()
    if not variance.any():  # what cannot be resolved is the noise of a constant frame
        least = 1e-6 * (float(np.abs(image).max()) or 1.0)
        variance = variance + least * least
    step = quantisation_step(image, usable)
    if step > 0:
        variance = variance + step**2 / 12
    reference = None
    if model is not None:
        reference = (fill(*model[:2]) * noise.unit).astype(image.dtype)
    return find_sharp(
        image,
        variance,
        usable,
        examined,
        size=options["size"],
        sigmas=options["sigmas"],
        axis=options["axis"],
        contrast=options["contrast"],
        reference=reference,
    )


def _cards(measured):
    """What was measured, if anything was examined."""
    if measured is None:
        return {}
    return {
        "CCRNOISF": measured.noise_factor,
        "CCRCONTR": measured.contrast,
        "CCRNPEAK": measured.n_peaks,
    }


def _replace(ccd, data, noise, donors, flagged, found, model, options):
    """What is plausible; its new values, and their variances if there are any."""
    unit, given = noise.unit, None
    if ccd.uncertainty is not None:
        given = functools.partial(variance, ccd)
    flagged, values, variances = fill_if_plausible(
        found.flat,
        noise.variance if given is None else lambda at: given(at) * unit**2,
        found.variance,
        donors,
        flagged,
    )
    if options["replacement"] is None:
        return flagged, None, None
    lines = np.broadcast_to(found.model, data.shape)[flagged]
    if options["replacement"] == "local":
        values = (values + lines) / unit
        if model is None and options["axis"] is not None:
            variances += variance_of_lines_and_traces(
                found.flat, found.variance, flagged
            )
        variances = variances / unit**2
        if model is not None and model[2] is not None:
            variances += model[2][flagged]
    else:
        size = options["size"]
        if model is None:
            values = median_at(found.flat, size, donors, places(flagged))
            values = (values + lines) / np.float64(unit)
        else:
            values = model[0][flagged]
        values, variances = from_window(
            data, given, donors, flagged, size, values, model
        )
    return flagged, values, None if given is None else variances


def _cautions(n_flagged, examined, measured, options):
    n, spectrum = np.count_nonzero(examined), options["axis"] is not None
    cautions = caution_of_many(n_flagged, n, spectrum, least=50)
    if measured is None:
        return cautions
    cautions |= caution_of_lines(measured.misfit)
    if options["axis"] is options["contrast"] is None:
        least = measured.contrast
        cautions |= caution_of_stars(
            least,
            f"the least contrast was raised to {least:.1f}, so that fainter and "
            "broader cosmic rays were left, and some stars may be harmed",
        )
    return cautions
