# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What a user should be warned of before a matched result is trusted."""

import math

import numpy as np

from ccdcr.pixels.groups import count_groups
from ccdcr.pixels.guard import LIMITS
from ccdcr.pixels.health import BRIGHT, better_shift, source_density

__all__ = ["look_for_trouble"]

_NOISE = 0.7, 1.5  # noise factors that need no warning
_DENSER = 3.0  # ratio of densities
_SURE = 5.0  # and its significance
_SUSPECTS = 10, 0.1  # how many need no warning, at least, and of all detections
_TIME = 0.01  # relative difference of exposure times


def look_for_trouble(frames, found, wanted, options):
    """
    Look for signs that a result is not to be trusted.

    Parameters
    ----------
    frames : list
        The frames with their images, as the method reads them.
    found : `~ccdcr.pixels.matched.Match` or None
        What was found; None if there was nothing to compare.
    wanted : list of tuple of float
        The shifts.
    options : dict
        ``unmeasured``, ``scales``, ``noise_known``.

    Returns
    -------
    cautions : dict
        Sentences, each by a word for the header.
    densities : list of float
        For each exposure how many times as dense detections are on sources as
        elsewhere; NaN where that is not known.
    """
    densities = [math.nan] * len(frames)
    cautions = _set_up(frames, found, options)
    for number, frame in enumerate(frames):
        if frame.ccd.uncertainty is not None and frame.given is None:
            cautions["uncertainty"] = (
                f"the uncertainties of exposure {number + 1} are mostly zero or not "
                "numbers: the noise is estimated from the scatter of the difference"
            )
    if found is None:
        return cautions, densities
    cautions |= _shifts(found, wanted, options)
    cautions |= _mismatches(found, options)
    for own in range(len(frames)):
        densities[own], significance = _density_on_sources(own, found)
        if densities[own] > _DENSER and significance > _SURE:
            cautions["density"] = (
                f"in exposure {own + 1} detections are {_times(densities[own])} as "
                "dense on sources as elsewhere: they are probably not cosmic rays"
            )
        n, n_rays = (
            count_groups(mask[own]) for mask in (found.suspects, found.flagged)
        )
        if n > max(_SUSPECTS[0], _SUSPECTS[1] * (n + n_rays)):
            cautions["suspects"] = (
                f"in exposure {own + 1} {n} detections look like sources that have "
                "changed and were left alone"
            )
    return cautions, densities


def _mismatches(found, options):
    """Exposures that scatter more than they should, and sources that do not match."""
    cautions = {}
    compared = [view.compared for views in found.views for view in views.values()]
    factors = [one.scatter.factor for one in compared]
    factor = max(factors, key=lambda f: max(f, 1 / f))
    if options["noise_known"] and not _NOISE[0] <= factor <= _NOISE[1]:
        cautions["noise"] = (
            f"the exposures scatter {factor:.2f} times as much as their uncertainties, "
            "or gain and readnoise, say: they were taken at that for the detection, "
            "not for the result"
        )
    worst = [
        max(getattr(one.guard, name) for one in compared)
        for name in ("misregistration", "change")
    ]
    if any(value >= most for value, most in zip(worst, LIMITS, strict=True)):
        cautions["mismatch"] = (
            f"sources do not match (by {worst[0]:.1f} pixels and {worst[1]:.0%} of "
            "their light): cosmic rays on them are not found; shift, seeing or "
            "brightness differ by more than can be allowed for"
        )
    return cautions


def _times(ratio):
    return f"{ratio:.1f} times" if math.isfinite(ratio) else "far more than 100 times"


def _density_on_sources(own, found):
    """Compare the density of all that sticks out on sources with that elsewhere."""

    def is_source(y, x):
        """Large cosmic rays are bright in one only, or known to be in both."""
        here = _bright(found.exposures[own], y, x) & ~found.coincident[own][y, x]
        y, x = y[here], x[here]
        elsewhere = np.zeros(y.size, dtype=bool)
        for other, view in found.views[own].items():
            inside, at = view.inside(y, x)
            theirs = tuple(k + s.start for k, s in zip(at, view.its, strict=True))
            elsewhere[inside] |= _bright(found.exposures[other], *theirs)
        here[here] = elsewhere
        return here

    return source_density(
        (found.flagged[own] | found.suspects[own]) & found.examined[own],
        is_source,
        found.examined[own],
    )


def _bright(exposure, y, x):
    light = exposure.smooth(y, x) - exposure.sky.at(y, x)
    return light > BRIGHT * np.sqrt(exposure.typical)


def _set_up(frames, found, options):
    """Cards that say that the exposures are not equivalent."""
    cautions = {}
    first = frames[0].ccd.meta
    for frame in frames[1:]:
        meta = frame.ccd.meta
        for key in _names(first) & _names(meta):
            values = [str(_value(m, key)).strip() for m in (first, meta)]
            if values[0].upper() != values[1].upper():
                cautions["setup"] = (
                    f"the exposures differ in {key}: {values[0]!r} and {values[1]!r}"
                )
        times = [m.get("EXPTIME", m.get("EXPOSURE")) for m in (first, meta)]
        if not all(isinstance(t, (int, float)) and t > 0 for t in times):
            continue
        measured = found is not None and all(found.scales.values())
        differ = abs(times[0] - times[1]) > _TIME * max(times)
        if differ and not (measured or options["scales"]):
            cautions["exptime"] = (
                f"the exposure times differ ({times[0]:g} and {times[1]:g} s) and "
                "there are too few sources to measure how the flux does: give scale"
            )
    return cautions


def _names(meta):
    """Cards that tell what an exposure shows."""
    names = {str(key).upper() for key in meta}
    return {key for key in names if key == "OBJECT" or key.startswith("FILTER")}


def _value(meta, name):
    return next(meta[key] for key in meta if str(key).upper() == name)


def _shifts(found, wanted, options):
    images = [
        (one.image, one.usable & ~mask)
        for one, mask in zip(found.exposures, found.flagged, strict=True)
    ]
    told = []
    for k in range(1, len(images)):
        if not options["unmeasured"][k]:
            continue
        shift = better_shift(images[0], images[k], wanted[k])
        if shift is not None:
            told.append(
                f"the sources of exposure {k + 1} are shifted by ({shift[0]:.1f}, "
                f"{shift[1]:.1f}) pixels, and ({wanted[k][0]:g}, {wanted[k][1]:g}) "
                "was given"
            )
    return {"shift": "; ".join(told)} if told else {}
