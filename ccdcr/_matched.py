# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The matched difference on frames: what is compared, replaced, and put in cards."""

from functools import partial
from itertools import combinations

import numpy as np

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
from ccdcr._matched_frames import (
    FEWEST,
    estimate_variances,
    power_of_two,
    read_frame,
    without_saturated,
)
from ccdcr._regions import describe
from ccdcr.pixels.detect import choose
from ccdcr.pixels.difference import overlap
from ccdcr.pixels.exposure import exposure
from ccdcr.pixels.matched import match
from ccdcr.pixels.replace import GAUSSIAN, from_neighbours

__all__ = ["matched_difference"]

_WITNESSES = 4  # other exposures that each is compared with, at most


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
    scale = power_of_two(ccds[0])
    frames = [
        read_frame(ccd, unit * scale, options)
        for ccd, unit in zip(ccds, factors, strict=True)
    ]
    parts = _parts(frames, shifts)
    variances, source = estimate_variances(frames, parts, options)
    usable = [
        without_saturated(i, frames, variances, parts) for i in range(len(frames))
    ]
    parts = {
        (i, j): at
        for (i, j), at in parts.items()
        if np.count_nonzero(usable[i][at[0]] & usable[j][at[1]]) >= FEWEST
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
        if frame.ccd.uncertainty is not None:
            for _ in range(2):  # its square may be too small a number
                variances /= frame.unit
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
