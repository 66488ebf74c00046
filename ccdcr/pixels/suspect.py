# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What is new in an exposure and looks as if it had come through the telescope."""

from typing import NamedTuple

import numpy as np

from ccdcr.pixels.groups import dilated, groups, image_of

__all__ = ["source_like"]

_AROUND = 2  # pixels around a detection that are looked at, too
_SHARPEST = 0.4  # of what comes through a telescope, for a FWHM of 2.5 pixels or more
_SOURCE = 0.5  # sharpest source that an excess can be said to follow
_BIAS = 0.35  # sigma, about half of what noise alone makes a pixel sharper by
_BLUNT = 0.3  # of a piece of a trail
_PIECE, _PIECES = 8, 2  # rows, columns and least pixels of a piece; how many
_UNEXPLAINED = 0.2  # of an excess that follows the source beneath it


def source_like(flagged, look):
    """
    Find detections that look as if they were light.

    Light is spread by seeing and optics in all directions; charge that a cosmic ray
    leaves is spread by a pixel at most, and so it falls off steeply at least across
    its track. A star that has changed, a new one, a trail of an asteroid or of a
    satellite does not. A star that has changed a little, of which the noise leaves
    no shape to be seen, still is bright where the star is.

    Parameters
    ----------
    flagged : 2D bool `~numpy.ndarray`
        What was found, 8-connected pixels being one detection.
    look : callable
        Gives for an array of rows and one of columns how much brighter these pixels
        are than they should be, the variance of that, and how bright they should
        be above the sky; NaN where that is not known.

    Returns
    -------
    mask : 2D bool `~numpy.ndarray`
        The pixels of such detections.

    Notes
    -----
    The sharpness of a pixel is half of its second difference, along that axis of the
    image where it is larger, as a part of its excess; that of a detection is the mean
    over its pixels above half of its maximum, by weight of their excess. Stars have
    0.26 for a FWHM of 3 pixels and 0.33 for 2.5, trails less, 99 % of cosmic
    rays more than 0.45.
    """
    at, group, n = groups(flagged)
    if n == 0:
        return flagged
    patch = _Patch.around(flagged, look)
    light, steep = _steepness(patch, at, 0)
    blunt = _sharpness(group, light, steep, n) < _SHARPEST
    follows = _unexplained(patch, at, group, n) < _UNEXPLAINED
    # two hits in one place follow each other, too
    follows &= _sharpness(group, *_steepness(patch, at, 2), n) < _SOURCE
    suspect = (blunt | follows)[group]
    suspect |= _parts_of_trails(group, light, steep, *np.divmod(at, flagged.shape[1]))
    return image_of(suspect, at, flagged.shape)


class _Patch(NamedTuple):
    """What is seen of detections and of two pixels around them."""

    shape: tuple  # of the image
    at: np.ndarray  # the pixels, in ascending order of the flat image
    seen: np.ndarray  # of each the excess, its variance, and the source

    @classmethod
    def around(cls, flagged, look):
        """Look at all of them."""
        at = np.flatnonzero(dilated(flagged, _AROUND))
        return cls(flagged.shape, at, look(*np.divmod(at, flagged.shape[1])))

    def places(self, at, rows, columns):
        """Find pixels beside some; and whether they are in the image."""
        y, x = np.divmod(at, self.shape[1])
        for dy in rows:
            place = np.searchsorted(self.at, at + dy * self.shape[1])
            above = (y + dy >= 0) & (y + dy < self.shape[0])
            for dx in columns:  # which are next to each other in the list
                inside = above & (x + dx >= 0) & (x + dx < self.shape[1])
                yield np.where(inside, place + dx, 0), inside


def _steepness(patch, at, which):
    """Light of pixels, and half of its second difference where that is larger."""
    seen = patch.seen[:, np.searchsorted(patch.at, at)]
    light = seen[which]
    # the larger of two noisy numbers is too large
    bias = _BIAS * np.sqrt(seen[1])
    steps = []
    for sides in (((-1, 1), (0,)), ((0,), (-1, 1))):
        total = np.zeros_like(light)
        for place, inside in patch.places(at, *sides):
            one = patch.seen[which, place]
            # what is not known is as bright as the pixel itself
            unknown = np.isnan(one) | ~inside
            total += np.where(unknown, light, one)
            bias[unknown] = 0.0
        steps.append(light - 0.5 * total)
    return light, np.maximum(*steps) - bias


def _sharpness(label, light, steep, n):
    """Sharpness of each group of pixels; infinite where nothing is known."""
    known = ~np.isnan(light)
    brightest = np.zeros(n)
    np.maximum.at(brightest, label[known], light[known])
    core = known & (light > 0.5 * brightest[label])
    total = np.bincount(label[core], light[core], n)
    sharp = np.bincount(label[core], steep[core], n)
    return np.divide(sharp, total, out=np.full(n, np.inf), where=total > 0)


def _parts_of_trails(label, light, steep, y, x):
    """
    Find trails that a cosmic ray has crossed.

    The brighter cosmic ray makes the whole look sharp; piece by piece the rest of the
    trail does not.
    """
    keys = np.stack([label, y // _PIECE, x // _PIECE])
    pieces, piece, size = np.unique(
        keys, axis=1, return_inverse=True, return_counts=True
    )
    piece = piece.ravel()
    blunt = _sharpness(piece, light, steep, size.size) < _BLUNT
    blunt &= size >= _PIECE
    of_trail = np.bincount(pieces[0], blunt) >= _PIECES
    return (blunt & of_trail[pieces[0]])[piece]


def _unexplained(patch, at, group, n):
    """Part of the excess that is not a multiple of the source; noise taken off."""
    reach = range(-_AROUND, _AROUND + 1)
    around = np.full(patch.at.size, -1)
    for place, inside in patch.places(at, reach, reach):
        place = place[inside]
        around[place] = np.maximum(around[place], group[inside])
    light, noise, source = patch.seen
    known = np.isfinite(light) & (noise > 0)
    label = around[known]
    light, source = (a[known] / np.sqrt(noise[known]) for a in (light, source))
    pairs = (light, light), (light, source), (source, source), (1.0, 1.0)
    square, common, template, count = (
        np.bincount(label, a * b * np.ones(label.size), n) for a, b in pairs
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        explained = np.maximum(common, 0) ** 2 / template
        rest = (square - explained - count) / (square - count)
    return np.where((square > 2 * count) & (template > 25), rest, np.inf)
