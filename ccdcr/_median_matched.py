# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The matched median method on a frame: noise of each pixel, contrast, skirts."""

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
from ccdcr.pixels.filters import median_at
from ccdcr.pixels.noise import quantisation_step, scale_to_unity
from ccdcr.pixels.replace import fill
from ccdcr.pixels.saturation import around_saturated
from ccdcr.pixels.single import find_sharp
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
    flagged = suspects = np.zeros_like(examined)
    work = found = None
    if examined.any():
        work, found = _find(data, usable, examined, noise.variance, model, options)
        suspects = left_alone(found.hits, star)
        flagged = take_in_skirts(
            work.image - found.model,
            found.variance,
            found.hits & ~suspects,
            examined & ~suspects,
            options["grow"],
        )
    flagged, n_too_large = choose(flagged, allowed, options["max_size"])
    values = variances = None
    if found is not None:
        donors = examined & ~flagged & ~suspects
        flagged, values, variances = _replace(
            ccd, noise.variance, donors, flagged, work, found, model, options
        )
    if allowed is not None:
        examined = examined & allowed
    out, counts = repack(
        ccd,
        flagged,
        values,
        variances,
        bit=FLAG_LOCAL,
        not_examined=~examined,
        suspects=suspects & examined,
    )
    cautions = noise.cautions | _cautions(flagged, examined, found, options)
    cards = {
        "CCRGROW": options["grow"],
        "CCRDISP": options["axis"],
        "CCRGAIN": options["gain"],
        "CCRRDN": options["readnoise"],
        "CCRSATUR": level,
        "CCRSATHO": how,
        "CCRNOISE": noise.source,
        "CCRNBIG": n_too_large,
        "CCRNSUSP": np.count_nonzero(suspects & examined),
        **counts,
    }
    return out, cards | _measured(found), cautions


class _Work(NamedTuple):
    """A frame without gaps, such that its noise is about 1."""

    unit: float  # what the frame was multiplied with
    image: np.ndarray


def _find(data, usable, examined, noise, model, options):
    """What stands out, and the frame in which it was looked for."""
    unit = scale_to_unity(data, usable, noise)
    image, noise = _plausible(data, usable, noise, unit)
    found = find_sharp(
        image,
        noise,
        usable,
        examined,
        size=options["size"],
        sigmas=options["sigmas"],
        axis=options["axis"],
        contrast=options["contrast"],
        reference=None if model is None else _filled(model, unit, image.dtype),
    )
    return _Work(unit, image), found


def _measured(found):
    """Cards of what was measured, if anything was examined."""
    if found is None:
        return {}
    return {
        "CCRNOISF": found.noise_factor,
        "CCRCONTR": found.contrast,
        "CCRNPEAK": found.n_peaks,
    }


def _plausible(data, usable, noise, unit):
    """The image without gaps, and its variance, such that the noise is about 1."""
    image = fill(data if unit == 1 else data * data.dtype.type(unit), usable)
    limit = np.finfo(image.dtype).max ** 0.5  # a huge one says that nothing is known
    noise = np.minimum(noise * unit**2, limit).astype(image.dtype)
    if not noise.any():  # what cannot be resolved is the noise of a constant frame
        noise += 1e-12 * (float(np.abs(image).max()) or 1.0) ** 2
    return image, noise + quantisation_step(image, usable) ** 2 / 12


def _filled(model, unit, dtype):
    values, usable, _ = model
    return (fill(values, usable) * unit).astype(dtype)


def _replace(ccd, noise, donors, flagged, work, found, model, options):
    """What is plausible; its new values, and their variances if there are any."""
    image, unit = work.image, work.unit
    given = noise if ccd.uncertainty is None else variance(ccd)
    flat = image - found.model
    flagged, values, variances = fill_if_plausible(
        flat, given * unit**2, found.variance, donors, flagged
    )
    lines = np.broadcast_to(found.model, image.shape)[flagged]
    if options["replacement"] is None:
        return flagged, None, None
    if options["replacement"] == "local":
        values = (values + lines) / unit
        if options["axis"] is not None:
            variances += variance_of_lines_and_traces(flat, found.variance, flagged)
        variances = variances / unit**2
    else:
        if model is None:
            values = median_at(flat, options["size"], donors, np.nonzero(flagged))
            values = (values + lines) / np.float64(unit)
        else:
            values = model[0][flagged]
        values, variances = from_window(
            unpack(ccd)[0], given, donors, flagged, options["size"], values, model
        )
    return flagged, values, None if ccd.uncertainty is None else variances


def _cautions(flagged, examined, found, options):
    numbers = np.count_nonzero(flagged), np.count_nonzero(examined)
    cautions = caution_of_many(*numbers, options["axis"] is not None, least=50)
    if found is not None:
        cautions |= caution_of_lines(found.misfit)
    if found is not None and options["axis"] is options["contrast"] is None:
        cautions |= caution_of_stars(
            found.contrast,
            f"the least contrast was raised to {found.contrast:.1f}, so that fainter "
            "and broader cosmic rays were left, and some stars may be harmed",
        )
    return cautions
