# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The matched difference on frames: noise, saturation, replacement, header."""

from functools import partial
from itertools import combinations
from typing import NamedTuple

import numpy as np
from astropy.nddata import CCDData
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
from ccdcr._health import look_for_trouble
from ccdcr._regions import describe
from ccdcr.pixels.detect import choose
from ccdcr.pixels.difference import middle_and_sigma, overlap
from ccdcr.pixels.exposure import exposure
from ccdcr.pixels.filters import median_around, strips
from ccdcr.pixels.level import lattice
from ccdcr.pixels.matched import match
from ccdcr.pixels.median_network import box_median
from ccdcr.pixels.noise import (
    dithered,
    few_rows,
    photon_variance,
    quantisation_step,
    scale_to_unity,
)
from ccdcr.pixels.photometry import photon_transfer
from ccdcr.pixels.replace import GAUSSIAN, fill, from_neighbours

__all__ = ["matched_difference"]

_SQUARE = np.ones((3, 3), dtype=bool)
_BRIGHT = 3.0  # sigma above the sky from which on light has noise of its own
_ENOUGH = 0.5  # part of the uncertainties that must be positive numbers
_FEWEST = 25  # pixels in common below which nothing can be told
_WITNESSES = 4  # other exposures that each is compared with, at most


class _Frame(NamedTuple):
    """A frame as the method reads it, in the unit of the first."""

    ccd: CCDData
    unit: float  # what brings its data to the unit of the first, with noise about 1
    good: np.ndarray  # usable pixels
    image: np.ndarray  # with plausible values where not usable
    given: np.ndarray | None  # its variance, likewise
    known: np.ndarray | None  # where the variance is a number, if not everywhere
    saturated: np.ndarray | None  # if there are such pixels


def matched_difference(ccds, shifts, factors, allowed, options):
    """
    Clean frames by the matched difference.

    Parameters
    ----------
    ccds : sequence of `~astropy.nddata.CCDData`
        Two or more checked frames.
    shifts : tuple of sequences of tuple
        Of each relative to the first, as wanted and as whole numbers.
    factors : sequence of float
        What brings the data of each to the unit of the first.
    allowed : 2D bool `~numpy.ndarray` or None
        Where pixels of the first may be flagged.
    options : dict
        ``sigmas``, ``max_size``, ``grow``, ``scales``, ``gain``, ``readnoise``,
        ``saturation``, ``replacement``; ``unmeasured``: for each whether its shift
        was given.

    Returns
    -------
    results : list of tuple
        For each frame the result and its cards.
    cautions : dict
        What to warn of, by a word for the header.
    """
    wanted, shifts = shifts
    scale = _power_of_two(ccds[0])
    frames = [
        _frame(ccd, unit * scale, options)
        for ccd, unit in zip(ccds, factors, strict=True)
    ]
    parts = _parts(frames, shifts)
    variances, source = _variances(frames, parts, options)
    usable = [
        _without_saturated(i, frames, variances, parts) for i in range(len(frames))
    ]
    parts = {
        (i, j): at
        for (i, j), at in parts.items()
        if np.count_nonzero(usable[i][at[0]] & usable[j][at[1]]) >= _FEWEST
    }
    found = exposures = None
    if parts:
        exposures = [
            exposure(frame.image, noise, count)
            for frame, noise, count in zip(frames, variances, usable, strict=True)
        ]
        scales = {
            (i, j): options["scales"] and options["scales"][j] / options["scales"][i]
            for i, j in parts
        }
        found = match(exposures, parts, options["sigmas"], scales, options["grow"])
    options["noise_known"] = not source.startswith("scatter")
    cautions, densities = look_for_trouble(frames, found, wanted, options)
    changes = []
    for own, frame in enumerate(frames):
        here = allowed
        if allowed is not None and own:
            here = np.zeros_like(allowed)
            at = overlap(allowed.shape, shifts[own])
            here[at[1]] = allowed[at[0]]
        change, numbers = _change(own, frames, found, here, options)
        level, _, how = _options.check_saturation(options["saturation"], frame.ccd)
        cards = {
            "CCRGROW": options["grow"],
            "CCRGAIN": options["gain"],
            "CCRRDN": options["readnoise"],
            "CCRSATUR": level,
            "CCRSATHO": how,
            "CCRIMAGE": own + 1,
            "CCROVER": _compared(own, parts, frame),
            "CCRNOISE": source,
            **numbers,
        }
        if found is not None and found.views[own]:
            cards["CCRDENS"] = densities[own]
        changes.append((change, cards))
    # before copies are made
    del frames, frame, variances, usable, found, exposures
    results = []
    for ccd, (change, cards) in zip(ccds, changes, strict=True):
        out, numbers = repack(ccd, **change)
        results.append((out, cards | numbers))
    return results, cautions


def _power_of_two(ccd):
    """What makes the noise about 1, so that no power of it is lost in float32."""
    data, good = unpack(ccd)
    rows = few_rows(data.shape)
    noise = np.zeros(1) if ccd.uncertainty is None else variance(ccd, rows)[good[rows]]
    noise = noise[np.isfinite(noise)]
    return scale_to_unity(data, good, noise if noise.size else np.zeros(1))


def _frame(ccd, unit, options):
    data, good = unpack(ccd)
    level, mask, _ = _options.check_saturation(options["saturation"], ccd)
    full = mask if level is None else good & (data >= level)
    image = fill(data, good) if good.any() else np.zeros_like(data)
    if unit != 1:
        image *= image.dtype.type(unit)
    given = known = None
    if ccd.uncertainty is not None:
        given, known = _given_variance(ccd, unit, image.dtype)
        usable = good & known
        usable &= given > 0
        if np.count_nonzero(usable) > _ENOUGH * np.count_nonzero(good):
            given = given if usable.all() else fill(given, usable)
        else:  # without a good pixel it does not matter
            given = None if good.any() else np.ones_like(image)
        known = None if known.all() else known
    full = full if full is not None and full.any() else None
    return _Frame(ccd, unit, good, image, given, known, full)


def _given_variance(ccd, unit, dtype):
    """Computed in double precision, kept in that of the image; where it is known."""
    given = np.empty(ccd.data.shape, dtype)
    known = np.empty(ccd.data.shape, dtype=bool)
    for rows in strips(given.shape):
        noise = variance(ccd, rows)
        noise *= unit**2
        with np.errstate(over="ignore"):
            given[rows] = noise
        known[rows] = np.isfinite(noise)
    return given, known


def _parts(frames, shifts):
    """For each pair that is compared where they overlap; neighbours in order first."""
    n = len(frames)
    pairs = list(combinations(range(n), 2))
    if n > _WITNESSES + 1:
        near = [(i, (i + step) % n) for step in (1, 2) for i in range(n)]
        pairs = [tuple(sorted(pair)) for pair in near]
    parts = {}
    for i, j in pairs:
        shift = tuple(b - a for a, b in zip(shifts[i], shifts[j], strict=True))
        at = overlap(frames[i].image.shape, shift)
        if at is not None:
            parts[i, j] = at
    return parts


def _variances(frames, parts, options):
    """Variance of each exposure, in the unit of the first, and where it comes from."""
    if all(frame.given is not None for frame in frames):
        return [frame.given for frame in frames], "uncertainty"
    gain, readnoise = options["gain"], options["readnoise"]
    modelled = all(frame.ccd.uncertainty is None for frame in frames)
    if modelled and gain is not None and readnoise is not None:
        noises = []
        for frame in frames:
            light = box_median(frame.image, (5, 5), "nearest")
            everywhere = np.ones(light.shape, dtype=bool)
            g = gain / frame.unit  # electrons per unit of the first
            noises.append(photon_variance(light, everywhere, g, readnoise))
        return noises, "gain and readnoise"
    measured = {}
    for (i, j), (at_i, at_j) in parts.items():
        both = frames[i].good[at_i] & frames[j].good[at_j]
        if np.count_nonzero(both) < _FEWEST:
            continue
        images = frames[i].image[at_i], frames[j].image[at_j]
        where = lattice(both.shape)
        difference = where.of(images[0]) - where.of(images[1])
        use = where.of(both)
        rows = few_rows(both.shape)
        # a bias that was taken off both hides the steps in either
        step = quantisation_step(images[0][rows] - images[1][rows], both[rows])
        difference -= where.of(where.level(difference, use))
        sigma = middle_and_sigma(dithered(difference[use], step))[1] / np.sqrt(2)
        slope = photon_transfer(*images, sigma, both, step) if sigma > 0 else 0.0
        for n in (i, j):
            measured.setdefault(n, []).append((np.hypot(sigma, step / 12**0.5), slope))
    noises = []
    for n, frame in enumerate(frames):
        sigma, slope = np.median(measured.get(n, [(0.0, 0.0)]), axis=0).tolist()
        if not sigma > 0:  # what cannot be resolved is the noise of constant frames
            brightest = max(float(np.abs(other.image).max()) for other in frames)
            sigma = 1e-6 * (brightest or 1.0)
        noise = np.full_like(frame.image, sigma**2)
        if slope > 0 and frame.good.any():
            light = box_median(frame.image, (3, 3), "nearest")
            light -= np.median(light[frame.good])
            noise += slope * np.where(light > _BRIGHT * sigma, light, 0)
        noises.append(noise)
    return noises, "scatter of the difference"


def _without_saturated(own, frames, variances, parts):
    """
    Pixels of an exposure that count.

    A saturated pixel does not, nor what is within 2 pixels of it, unless another
    exposure shows plain sky there: then a cosmic ray has saturated it.
    """
    frame = frames[own]
    if frame.saturated is None:
        return frame.good
    star = frame.saturated.copy()
    for (i, j), at in parts.items():
        if own not in (i, j):
            continue
        other, at = (j, at) if i == own else (i, at[::-1])
        seen, noise = frames[other].image[at[1]], variances[other][at[1]]
        y, x = np.divmod(np.flatnonzero(star[at[0]]), seen.shape[1])
        light = median_around(seen, (3, 3), y, x)
        light -= np.median(seen[few_rows(seen.shape)])
        star[at[0]][y, x] = light > 10 * np.sqrt(noise[y, x])
    # the whole of a star, where only its core is bright in the other
    star = ndimage.binary_propagation(star, _SQUARE, mask=frame.saturated)
    return frame.good & ~ndimage.binary_dilation(star, _SQUARE, iterations=2)


def _compared(own, parts, frame):
    """What of an exposure is in some other."""
    at = [p[pair.index(own)] for pair, p in parts.items() if own in pair]
    if not at:
        return "nothing"
    around = tuple(
        slice(min(s[k].start for s in at), max(s[k].stop for s in at)) for k in (0, 1)
    )
    return describe(around, frame.image.shape)


def _change(own, frames, found, allowed, options):
    """What is to be changed in one frame; and the cards that are its own."""
    frame = frames[own]
    flagged, cards = _selected(own, found, frame, allowed, options)
    at = np.divmod(np.flatnonzero(flagged), flagged.shape[1])
    values, variances, bits = _new_values(own, frames, found, flagged, at, options)
    examined, suspects = np.zeros(flagged.shape, dtype=bool), None
    if found is not None:
        bits[found.coincident[own][at]] |= FLAG_COINCIDENT
        examined = found.examined[own]
        if allowed is not None:
            examined = examined & allowed
        suspects = found.suspects[own] & examined
    change = {
        "flagged": flagged,
        "values": values,
        "variances": variances,
        "bit": bits,
        "not_examined": ~examined,
        "suspects": suspects,
    }
    return change, cards


def _new_values(own, frames, found, flagged, at, options):
    """From other exposures, or else from around; variances if there are any."""
    frame = frames[own]
    bits = np.full(at[0].size, FLAG_LOCAL, dtype=np.uint8)
    if options["replacement"] is None:
        return None, None, bits
    values, variances = np.full((2, bits.size), np.nan)
    if options["replacement"] == "other" and found is not None:
        # whose own noise is not known cannot give it
        known = [None if frame.ccd.uncertainty is None else f.known for f in frames]
        values, variances = found.replacements(own, known, at)
        values /= frame.unit
        variances /= frame.unit**2
    other = np.isfinite(values)
    bits[other] = FLAG_OTHER
    rest = tuple(index[~other] for index in at)
    values[~other], noise = _local(frame, flagged, rest)
    if noise is None:
        return values, None, bits
    variances[~other] = noise
    return values, variances, bits


def _local(frame, flagged, at):
    """New values from good neighbours, and their variances if there are any."""
    noise = None
    if frame.ccd.uncertainty is not None:
        noise = partial(variance, frame.ccd)
    donors = frame.good & ~flagged
    return from_neighbours(unpack(frame.ccd)[0], noise, donors, at, GAUSSIAN)


def _selected(own, found, frame, allowed, options):
    """Flagged pixels within the region and the size limit; what was measured."""
    if found is None:
        return np.zeros(frame.good.shape, dtype=bool), {
            "CCRNCOIN": 0,
            "CCRNBIG": 0,
            "CCRNSUSP": 0,
        }
    chosen, n_big = choose(found.flagged[own], allowed, options["max_size"])
    given = options["scales"] is not None
    return chosen, _measured(own, found, given) | {"CCRNBIG": n_big}


def _measured(own, found, given):
    """Cards of what was measured of an exposure and the others."""
    compared = [view.compared for view in found.views[own].values()]
    scales = [scale for pair, scale in found.scales.items() if own in pair]
    how = "given" if given else "measured" if all(scales) else "not measurable: 1"
    sizes = [np.count_nonzero(mask) for mask in found.flagged]
    others = sum(sizes[other] for other in found.views[own])
    if not compared:
        return {"CCRNCOIN": 0, "CCRNSUSP": 0}
    return {
        "CCRSCALE": np.median([scale or 1.0 for scale in scales]),
        "CCRSCLHO": how,
        "CCRNOISF": np.median([c.scatter.factor for c in compared]),
        "CCRMISRG": np.median([c.guard.misregistration for c in compared]),
        "CCRCHANG": np.median([c.guard.change for c in compared]),
        "CCRNPEAK": found.n_peaks[own],
        "CCRCOEXP": sizes[own] * others / max(1, np.count_nonzero(found.examined[own])),
        "CCRNCOIN": np.count_nonzero(found.coincident[own]),
        "CCRNSUSP": np.count_nonzero(found.suspects[own]),
    }
