# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""How well cosmic rays were removed where the truth is known."""

from dataclasses import asdict, dataclass

import numpy as np
from astropy.nddata import CCDData
from scipy import ndimage

from ccdcr._ccd import companion, variance
from ccdcr._frames import check_ccd
from ccdcr.pixels.difference import middle_and_sigma
from ccdcr.report import cosmicray_report

__all__ = ["Score", "score"]

_SQUARE = np.ones((3, 3), dtype=bool)
_APERTURE = 7  # pixels of the side of the box in which the flux of a source is taken


@dataclass(frozen=True)
class Score:
    """
    How well cosmic rays were removed from one frame; NaN where nothing counts.

    Attributes
    ----------
    completeness, completeness_10 : float
        Part found of the pixels that were hit by more than 3 and 10 sigma.
    completeness_sources : float
        The former on sources.
    objects : float
        Part of the hits of which at least one pixel was found.
    purity, purity_near : float
        Part of the pixels found that were hit, and that lie within 1 pixel of one.
    n_false_objects, n_false_on_sources : int
        Groups of pixels found without any hit near them; pixels found on sources
        without a hit within 1 pixel.
    n_bad_left : int
        Pixels of the product that are more than 5 sigma from the truth.
    pull_width : float
        Robust width of (new value - truth) / sigma at replaced pixels.
    bias : float
        Median of the same.
    flux_rms : float
        Change of the fluxes of sources (of boxes of 7 x 7 pixels around their tops)
        from what they would be without cosmic rays: the root of the mean square, in
        sigma of these fluxes.
    flux_changed : float
        Part of the sources that have changed by more than 2 sigma.
    """

    completeness: float
    completeness_10: float
    completeness_sources: float
    objects: float
    purity: float
    purity_near: float
    n_false_objects: int
    n_false_on_sources: int
    n_bad_left: int
    pull_width: float
    bias: float
    flux_rms: float
    flux_changed: float

    def __str__(self):
        return ", ".join(
            f"{name} {value:.3f}" if isinstance(value, float) else f"{name} {value}"
            for name, value in asdict(self).items()
        )


def score(
    after: CCDData,
    before: CCDData,
    charge: np.ndarray,
    truth: CCDData,
    *,
    sources: np.ndarray | None = None,
) -> Score:
    """
    Compare a cleaned frame with the truth.

    Parameters
    ----------
    after : `~astropy.nddata.CCDData`
        What a cleaner returned.
    before : `~astropy.nddata.CCDData`
        What it was given.
    charge : 2D `~numpy.ndarray`
        What cosmic rays had added.
    truth : `~astropy.nddata.CCDData`
        The frame without them and, at best, without noise; its uncertainty is the
        true noise.
    sources : 2D bool `~numpy.ndarray`, optional
        Where sources are.

    Returns
    -------
    score : Score
        The numbers.

    Raises
    ------
    TypeError
        If a frame is not a CCDData of numbers.
    ValueError
        If shapes differ, or ``truth`` has no uncertainty.
    astropy.units.UnitsError
        If units do not fit.

    See Also
    --------
    ccdcr.simulate.inject

    Notes
    -----
    Pixels that are masked before or in the truth do not count, except that a group
    of pixels is false only if no hit is near it. A hit is what exceeds 1 sigma of the
    true noise. With your own frame as the truth its noise is in both, and pulls and
    bad pixels mean little.

    Examples
    --------
    >>> import ccdcr
    >>> from ccdcr import simulate
    >>> scene = simulate.imaging_scene(rng=1, shape=(200, 200), n_hits=20)
    >>> after, _ = ccdcr.cosmicray_pair(*scene.exposures)
    >>> score = simulate.score(
    ...     after, scene.exposures[0], scene.charges[0], scene.truths[0]
    ... )
    >>> print(score.objects > 0.9)
    True
    """
    check_ccd(truth, "truth")
    if truth.uncertainty is None:
        msg = "truth must have an uncertainty, got None"
        raise ValueError(msg)
    if np.shape(charge) != truth.data.shape:
        msg = (
            f"charge must have the shape of truth {truth.data.shape}, "
            f"got {np.shape(charge)}"
        )
        raise ValueError(msg)
    found = cosmicray_report(after, before).mask
    values, counts, noise = companion("truth", truth, after)
    sigma = np.sqrt(noise)
    if before.mask is not None:
        counts &= ~before.mask
    sources = np.zeros(counts.shape, bool) if sources is None else sources
    hit = charge > sigma
    near = ndimage.binary_dilation(hit, _SQUARE)
    raised = counts & (charge > 3 * sigma)
    found_here = found & counts
    return Score(
        completeness=_part(found, raised),
        completeness_10=_part(found, raised & (charge > 10 * sigma)),
        completeness_sources=_part(found, raised & sources),
        objects=_part_of_groups(found, raised),
        purity=_part(hit, found_here),
        purity_near=_part(near, found_here),
        n_false_objects=_groups_without(found, near),
        n_false_on_sources=int((found_here & ~near & sources).sum()),
        n_bad_left=int((counts & (np.abs(after.data - values) > 5 * sigma)).sum()),
        **_pulls(after, before, found_here, values),
        **_fluxes(after, before, charge, sources, counts, values, noise),
    )


def _part(mask, of):
    n = np.count_nonzero(of)
    return float(np.count_nonzero(mask & of) / n) if n else np.nan


def _part_of_groups(found, hits):
    labels, n = ndimage.label(hits, _SQUARE)
    return float((np.unique(labels[found]) > 0).sum() / n) if n else np.nan


def _groups_without(found, near):
    labels, n = ndimage.label(found, _SQUARE)
    return n - int((np.unique(labels[near]) > 0).sum())


def _pulls(after, before, found, values):
    """Width and bias of the errors that were made, in the errors that were given."""
    replaced = found & (after.data != before.data)
    if after.uncertainty is None or not replaced.any():
        return {"pull_width": np.nan, "bias": np.nan}
    error = after.data[replaced] - values[replaced]
    pulls = error / np.sqrt(variance(after, replaced))
    middle, width = middle_and_sigma(pulls)
    return {"pull_width": width, "bias": middle}


def _fluxes(after, before, charge, sources, counts, values, noise):
    """What cleaning has done to sources, in sigma of their fluxes."""
    sources = sources & counts
    brightest = ndimage.maximum_filter(np.where(sources, values, -np.inf), _APERTURE)
    tops = sources & (values == brightest)
    if not tops.any():
        return {"flux_rms": np.nan, "flux_changed": np.nan}
    with np.errstate(invalid="ignore"):
        change = after.data - (before.data - charge)
    change, mean_noise = (
        ndimage.uniform_filter(np.where(counts, array, 0.0), _APERTURE)[tops]
        for array in (change, noise)
    )
    pulls = change * _APERTURE / np.sqrt(mean_noise)
    return {
        "flux_rms": float(np.sqrt(np.mean(pulls**2))),
        "flux_changed": float(np.mean(np.abs(pulls) > 2)),
    }
