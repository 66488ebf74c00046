# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The matched difference on frames: noise, saturation, replacement, header."""

import warnings

import numpy as np
from scipy import ndimage

from ccdcr import _options
from ccdcr._ccd import (
    FLAG_COINCIDENT,
    FLAG_LOCAL,
    FLAG_OTHER,
    repack,
    unpack,
    variance,
)
from ccdcr._regions import describe
from ccdcr.exceptions import CosmicRayWarning
from ccdcr.pixels.difference import middle_and_sigma
from ccdcr.pixels.matched import match
from ccdcr.pixels.noise import photon_variance
from ccdcr.pixels.replace import GAUSSIAN, fill, from_neighbours

__all__ = ["matched_pair"]

_SQUARE = np.ones((3, 3), dtype=bool)
_HEALTHY = 0.7, 1.5  # noise factors that need no warning
_FEWEST = 9  # pixels in common below which nothing can be told


def matched_pair(frames, parts, factor, allowed, options):
    """
    Clean two frames by the matched difference.

    Parameters
    ----------
    frames : tuple of `~astropy.nddata.CCDData`
        Two checked frames.
    parts : tuple of tuple of slice
        Where they overlap.
    factor : float
        What brings the data of the second to the unit of the first.
    allowed : 2D bool `~numpy.ndarray` or None
        Where pixels of the first may be flagged.
    options : dict
        ``sigmas``, ``max_size``, ``scale``, ``gain``, ``readnoise``,
        ``saturation``, ``replacement``.

    Returns
    -------
    results : list of tuple
        For each frame the result and its cards.
    """
    arrays = [unpack(ccd) for ccd in frames]
    units = 1.0, factor
    usable, images = [], []
    for ccd, (data, good), part, unit in zip(frames, arrays, parts, units, strict=True):
        level, mask, _ = _options.check_saturation(options["saturation"], ccd)
        full = mask if level is None else good & (data >= level)
        usable.append((good, full, part))
        cut = good[part]
        values = data[part].astype(float) * unit
        images.append(fill(values, cut) if cut.any() else np.zeros(cut.shape))
    variances, source = _variances(frames, parts, units, images, usable, options)
    counts = _without_saturated(images, variances, usable)
    both = counts[0] & counts[1]
    if np.count_nonzero(both) < _FEWEST:
        found = None
        both = np.zeros(both.shape, dtype=bool)
    else:
        found = match(images, variances, counts, options["sigmas"], options["scale"])
        _warn_of_noise(found)
    if allowed is not None:
        allowed = allowed[parts[0]]
    results = []
    for own in (0, 1):
        result = _clean(
            own, frames, arrays, parts, units, counts, both, found, allowed, options
        )
        level, _, how = _options.check_saturation(options["saturation"], frames[own])
        cards = {
            "CCRGAIN": options["gain"],
            "CCRRDN": options["readnoise"],
            "CCRSATUR": level,
            "CCRSATHO": how,
            "CCRIMAGE": own + 1,
            "CCROVER": describe(parts[own], frames[own].data.shape),
            "CCRNOISE": source,
            **result[1],
        }
        results.append((result[0], cards))
    return results


def _variances(frames, parts, units, images, usable, options):
    """Variance of either exposure where they overlap, in the unit of the first."""
    with_noise = [ccd.uncertainty is not None for ccd in frames]
    if all(with_noise):
        noises = []
        for ccd, part, unit, (good, _, _) in zip(
            frames, parts, units, usable, strict=True
        ):
            given = variance(ccd)[part] * unit**2
            known = good[part] & np.isfinite(given)
            noises.append(fill(given, known) if known.any() else None)
        if all(noise is not None for noise in noises):
            return noises, "uncertainty"
    gain, readnoise = options["gain"], options["readnoise"]
    if not any(with_noise) and gain is not None and readnoise is not None:
        noises = []
        for image, unit in zip(images, units, strict=True):
            light = ndimage.median_filter(image, 5, mode="nearest")
            everywhere = np.ones(image.shape, dtype=bool)
            g = gain / unit  # electrons per unit of the first
            noises.append(photon_variance(light, everywhere, g, readnoise))
        return noises, "gain and readnoise"
    both = usable[0][0][parts[0]] & usable[1][0][parts[1]]
    _, sigma = middle_and_sigma((images[0] - images[1])[both])
    if not sigma > 0:  # what cannot be resolved is the noise of constant frames
        sigma = 1e-6 * max(float(np.abs(image).max()) for image in images)
    return [np.full(image.shape, sigma**2 / 2) for image in images], (
        "scatter of the difference"
    )


def _without_saturated(images, variances, usable):
    """
    Pixels of either exposure that count.

    A saturated pixel does not, nor what is within 2 pixels of it, unless the other
    exposure shows plain sky there: then a cosmic ray has saturated it.
    """
    counts = []
    for own, other in ((0, 1), (1, 0)):
        good, full, part = usable[own]
        count = good[part].copy()
        if full is not None and full.any():
            seen = images[other]
            seen = ndimage.median_filter(seen, 3, mode="nearest") - np.median(seen)
            star = full[part] & (seen > 10 * np.sqrt(variances[other]))
            # the whole of a star, where only its core is bright in the other
            star = ndimage.binary_propagation(star, _SQUARE, mask=full[part])
            count &= ~ndimage.binary_dilation(star, _SQUARE, iterations=2)
        counts.append(count)
    return counts


def _warn_of_noise(found):
    factor = max(found.first.noise_factor, found.second.noise_factor)
    if not _HEALTHY[0] <= factor <= _HEALTHY[1]:
        msg = (
            f"the exposures scatter {factor:.2f} times as much as their uncertainties "
            "say: they were taken at that for the detection, not for the result"
        )
        warnings.warn(msg, CosmicRayWarning, stacklevel=4)


def _clean(own, frames, arrays, parts, units, counts, both, found, allowed, options):
    """One frame of the pair, and the cards that are its own."""
    ccd, part, other = frames[own], parts[own], 1 - own
    flagged, cards = _selected(own, both, found, allowed, options["max_size"])
    whole = _full(flagged, part, ccd.data.shape)
    data, good = arrays[own]
    noise = None if ccd.uncertainty is None else variance(ccd)
    values = variances = None
    bits = np.full(np.count_nonzero(flagged), FLAG_LOCAL, dtype=np.uint8)
    if options["replacement"] is not None:
        donors = good & ~whole
        if found is not None:
            donors &= ~_full(found.coincident, part, ccd.data.shape)
        values, variances = from_neighbours(data, noise, donors, whole, GAUSSIAN)
    if options["replacement"] == "other" and found is not None:
        direction = found[own]
        clean = counts[other] & ~found[other].flagged & ~found.coincident
        if frames[other].uncertainty is not None and ccd.uncertainty is not None:
            clean &= np.isfinite(variance(frames[other])[parts[other]])
        use = clean[flagged]
        values[use] = direction.prediction[flagged][use] / units[own]
        bits[use] = FLAG_OTHER
        if variances is not None:
            variances[use] = direction.variance[flagged][use] / units[own] ** 2
    if found is not None:
        bits[found.coincident[flagged]] |= FLAG_COINCIDENT
    examined = both if allowed is None else both & allowed
    out, numbers = repack(
        ccd,
        whole,
        values,
        variances,
        bit=bits,
        not_examined=~_full(examined, part, ccd.data.shape),
    )
    return out, cards | numbers


def _selected(own, both, found, allowed, max_size):
    """Flagged pixels within the region and the size limit; what was measured."""
    if found is None:
        return np.zeros(both.shape, dtype=bool), {"CCRNCOIN": 0, "CCRNBIG": 0}
    direction = found[own]
    flagged = direction.flagged | found.coincident
    labels, n = ndimage.label(flagged, _SQUARE)
    keep = np.ones(n + 1, dtype=bool)
    if max_size is not None:
        keep = np.bincount(labels.ravel(), minlength=n + 1) <= max_size
    if allowed is not None:
        keep &= np.isin(np.arange(n + 1), labels[allowed])
    keep[0] = False
    chosen = keep[labels]
    if allowed is not None:
        chosen &= allowed
    sizes = [np.count_nonzero(side.flagged) for side in (found.first, found.second)]
    return chosen, {
        "CCRSCALE": found.scale,
        "CCRSCLHO": "measured" if found.scale_measured else "not measurable: 1",
        "CCRNOISF": direction.noise_factor,
        "CCRMISRG": direction.misregistration,
        "CCRCHANG": direction.change,
        "CCRNPEAK": direction.n_peaks,
        "CCRNBIG": n - np.count_nonzero(keep) if allowed is None else 0,
        "CCRCOEXP": sizes[0] * sizes[1] / max(1, np.count_nonzero(both)),
        "CCRNCOIN": np.count_nonzero(found.coincident),
    }


def _full(mask, part, shape):
    whole = np.zeros(shape, dtype=bool)
    whole[part] = mask
    return whole
