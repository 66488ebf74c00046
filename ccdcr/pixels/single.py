# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The matched median: what sticks out of an exposure, and is too sharp for light."""

from typing import NamedTuple

import numpy as np

from ccdcr.pixels.detect import not_beside_sources
from ccdcr.pixels.filters import box_median_at, near, places, reached, strips
from ccdcr.pixels.groups import count_groups, groups, image_of
from ccdcr.pixels.level import lattice, local_level
from ccdcr.pixels.median_network import box_median
from ccdcr.pixels.noise import few_rows
from ccdcr.pixels.photometry import (
    expected_variance,
    noise_factor,
    photon_slope,
)
from ccdcr.pixels.sharpness import is_steep, safe_contrast, structure
from ccdcr.pixels.slit import lines_and_traces

__all__ = ["Measured", "Single", "expected_noise", "find_sharp"]

_CONTRAST = {False: 3.3, True: 4.0}  # of an image, of a spectrum less its lines
_TAIL = 0.5  # contrast of a tail, relative to that of a peak
_ROUNDS = 3  # each uncovers what the cosmic rays of the former had hidden
_NARROW = 3, 3  # the box of a median that leaves light, but no cosmic ray
_REACH = 9, 9  # pixels that have a part in the fine structure of the middle one
_PLATEAU, _LARGE = 10.0, 6  # sigma and pixels of a hit that is completed by its outline
_DROP, _ALL_AROUND = 0.15, 0.8  # what is left one pixel outside; on that part of it
_SAMPLE = 1 << 20  # pixels that are enough for a median


class Single(NamedTuple):
    """What was found in one exposure."""

    hits: np.ndarray
    model: np.ndarray | float  # of the user; or lines and traces; 0 for images
    flat: np.ndarray  # the exposure less these
    variance: np.ndarray  # at the expected level
    measured: "Measured"


class Measured(NamedTuple):
    """Numbers that tell about the frame, and about the search."""

    n_peaks: int
    noise_factor: float
    contrast: float  # least one of peaks; stars may have raised it
    misfit: float  # of lines and traces


def expected_noise(image, variance, usable, smooth, around=None):
    """
    Find the variance that pixels have at the level of their surroundings.

    Parameters
    ----------
    image, variance : 2D `~numpy.ndarray`
        An exposure and its variance, plausible ones also where not usable. The
        variance is overwritten.
    usable : 2D bool `~numpy.ndarray`
        Pixels that count.
    smooth : 2D `~numpy.ndarray`
        What the exposure is like without cosmic rays.
    around : 2D `~numpy.ndarray`, optional
        The median of 5 x 5 pixels of the exposure, where it is at hand.

    Returns
    -------
    variance : 2D `~numpy.ndarray`
        The same array: at the middle one of the pixel, the median of 5 x 5 around
        it, and the smooth image; larger where the image scatters more than that.
    factor : float
        The scatter over the noise, of the whole image.
    """
    if around is None:
        around = box_median(image, (5, 5), "mirror")
    slope = photon_slope(image, variance, usable)
    rows = few_rows(image.shape, _SAMPLE)
    known = variance[rows][usable[rows]]
    floor = 0.1 * float(np.median(known if known.size else variance[rows]))
    for part in strips(image.shape):
        low = np.minimum(smooth[part], around[part])
        high = np.maximum(smooth[part], around[part])
        level = np.clip(image[part], low, high)  # the middle one of three
        variance[part] = expected_variance(
            image[part], variance[part], level, slope, floor
        )
    where = lattice(image.shape, usable=usable)
    difference = where.of(image) - where.of(smooth)
    scatter = noise_factor(difference, where.of(variance), where.of(usable), where)
    least = np.finfo(variance.dtype).tiny
    for part in strips(image.shape):
        # a median follows its own pixel a little
        larger = variance[part] * np.maximum(scatter.rows(part), 1.0) ** 2
        np.maximum(larger, least, out=variance[part])
    return variance, scatter.factor


def find_sharp(
    image, variance, usable, examined, *, size, sigmas, axis, reference, contrast=None
):
    """
    Find what sticks out of the smooth image more than out of the fine structure.

    Parameters
    ----------
    image, variance : 2D `~numpy.ndarray`
        The exposure and its variance, plausible ones also where not usable. The
        variance is overwritten.
    usable, examined : 2D bool `~numpy.ndarray`
        Pixels that count; those of them that may be flagged.
    size : tuple of int
        Rows and columns of the median that makes the smooth image.
    sigmas : tuple of float
        Of peaks and of tails.
    axis : {0, 1, None}
        Along which wavelength runs; None for images.
    reference : 2D `~numpy.ndarray` or None
        A model in place of the smooth image.
    contrast : float, optional
        Least ratio of a peak to fine structure; None: as the frame needs it.

    Returns
    -------
    single : Single
        What was found.

    Notes
    -----
    As in LACosmic the fine structure is a median of 3 x 3 pixels less the median of
    7 x 7 of that: light is spread over neighbours and has it, a sharp hit has not.
    """
    model, misfit = 0.0, 1.0
    flat = image
    if axis is not None:
        model, misfit = lines_and_traces(image, variance, usable, axis)
        flat = image - model
    around = None
    if reference is not None:
        smooth = reference - model
    else:
        smooth = box_median(flat, size, "mirror")
        if axis is None and tuple(size) == (5, 5):
            around = smooth
    expected, factor = expected_noise(
        image, variance, usable, smooth if axis is None else smooth + model, around
    )

    def sigma(at):
        return np.sqrt(expected[at])

    narrow = box_median(flat, _NARROW, "mirror")
    if contrast is None:
        contrast = _CONTRAST[axis is not None]
        if axis is None:
            stars = safe_contrast(flat, smooth, narrow, sigma, examined)
            contrast = max(contrast, stars)
    search = _Search(flat, smooth, narrow, size if reference is None else None)
    hits = search.run(sigma, examined, sigmas, contrast)
    if reference is not None:  # what it holds is no part of a hit, nor missing below it
        model, flat = reference, np.subtract(flat, smooth, out=smooth)
    del search, smooth, narrow, around
    hits |= _plateaus(flat, local_level(flat, usable), sigma, hits) & examined
    hits = not_beside_sources(hits, ~usable, image, expected)
    measured = Measured(count_groups(hits), factor, contrast, misfit)
    return Single(hits, model, flat, expected, measured)


class _Search:
    """
    Rounds of finding, and of taking away what was found.

    After the first round only what is near to something taken away can be found, and
    medians change there only.
    """

    def __init__(self, flat, smooth, narrow, size):
        self.flat = self.clean = flat
        self.smooth, self.narrow = smooth, narrow
        self.size = size  # of the median that the smooth image is, if it is one

    def run(self, sigma, examined, sigmas, contrast):
        """Find hits."""
        peak, tail, hits = (np.zeros(self.flat.shape, dtype=bool) for _ in range(3))
        zone = None
        for _ in range(_ROUNDS):
            at = self._outstanding(sigma, examined, sigmas[1], zone)
            noise = sigma(at)
            excess = (self.flat[at] - self.smooth[at]) / noise
            fine, broad = structure(self.narrow, noise, at)
            ratio = excess / fine
            high = (excess > sigmas[0]) & (ratio > contrast)
            height = self.flat[at] - broad
            high[high] = is_steep(
                self.flat, height[high], tuple(index[high] for index in at)
            )
            peak[at] = high  # what has stuck out still does: others need no look
            tail[at] = ratio > _TAIL * contrast
            tail |= hits
            new = reached(peak, tail)
            if not (new & ~hits).any():
                break
            hits |= new
            zone = self._take_away(hits)
        return hits

    def _outstanding(self, sigma, examined, least, zone):
        """Pixels that exceed the smooth image by some sigma."""
        if zone is not None:
            at = places(zone & examined)
            out = (self.flat[at] - self.smooth[at]) / sigma(at) > least
            return tuple(index[out] for index in at)
        found = []
        for part in strips(self.flat.shape):
            excess = (self.flat[part] - self.smooth[part]) / sigma(part)
            y, x = places((excess > least) & examined[part])
            found.append((y + part.start, x))
        return tuple(np.concatenate(index) for index in zip(*found, strict=True))

    def _take_away(self, hits):
        """Put the smooth image where hits are; the pixels that may look different."""
        if self.clean is self.flat:
            self.clean = self.flat.copy()
        at = places(hits)
        changed = np.zeros_like(hits)
        changed[at] = self.clean[at] != self.smooth[at]
        self.clean[at] = self.smooth[at]
        at = places(near(changed, _NARROW))
        self.narrow[at] = box_median_at(self.clean, _NARROW, at, "mirror")
        zone = near(changed, _REACH)
        if self.size is not None:
            around = near(changed, [length // 2 * 2 + 1 for length in self.size])
            at = places(around)
            self.smooth[at] = box_median_at(self.clean, self.size, at, "mirror")
            zone |= around
        return zone


def _plateaus(flat, level, sigma, hits):
    """
    Complete large hits of which a median sees no more than the corners.

    Their inner parts look like sources; but all around, the charge ends within a pixel.
    """
    high = np.empty_like(hits)
    for part in strips(hits.shape):
        high[part] = flat[part] - level.rows(part) > _PLATEAU * sigma(part)
    at, group, n = groups(high)
    hit = np.bincount(group[hits.ravel()[at]], minlength=n) > 0
    at, group = at[hit[group]], group[hit[group]]
    light, lowest = _light_and_lowest(flat, level, np.unravel_index(at, hits.shape))
    half = np.full(n, -np.inf)
    np.maximum.at(half, group, light)
    half *= 0.5
    core = light > half[group]
    edge = core & (lowest <= half[group])
    size, n_edge, n_sharp, n_hits = (
        np.bincount(group[which], minlength=n)
        for which in (
            core,
            edge,
            edge & (lowest < _DROP * light),
            core & hits.ravel()[at],
        )
    )
    large = (size >= _LARGE) & (n_hits > 0) & (n_sharp >= _ALL_AROUND * n_edge)
    return image_of(core & large[group], at, hits.shape)


def _light_and_lowest(flat, level, at):
    """Light of some pixels, and the least of it and that of the four neighbours."""
    light = flat[at] - level.at(*at)
    lowest, (rows, columns) = light, flat.shape
    for dy, dx in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        y, x = (at[0] + dy).clip(0, rows - 1), (at[1] + dx).clip(0, columns - 1)
        lowest = np.minimum(lowest, flat[y, x] - level.at(y, x))
    return light, lowest
