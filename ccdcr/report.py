# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Which cosmic rays were removed: a table, and a segmentation image."""

from functools import cached_property, partial

import numpy as np
from astropy import units as u
from astropy.nddata import CCDData
from scipy import ndimage

from ccdcr._ccd import (
    FLAG_COINCIDENT,
    FLAG_SUSPECT,
    owns_flags,
    unpack,
    variance,
)
from ccdcr._frames import check_ccd, check_pair
from ccdcr.pixels.filters import windows
from ccdcr.pixels.groups import groups
from ccdcr.pixels.noise import scatter

__all__ = ["CosmicRayReport", "cosmicray_report"]

_SQUARE = np.ones((3, 3), dtype=bool)
_STANDS_OUT = 5.0  # sigma of a hot pixel in the dark, and of a hole in the frame
_IN_LINE = 25  # suspects in a row or column, at least, of one that is bad
_HOT = 4  # pixels, at most, of a detection that is a hot pixel


def cosmicray_report(after, before, *, dark=None):
    """
    List the cosmic rays that a cleaner found.

    Parameters
    ----------
    after : `~astropy.nddata.CCDData`
        What a cleaner returned, also after a round trip through a file.
    before : `~astropy.nddata.CCDData`
        What the cleaner was given; of the same shape, in a unit that converts.
    dark : `~astropy.nddata.CCDData` or `~numpy.ndarray`, optional
        A dark frame of the same shape, in any unit: detections that are pixels
        which are hot in it get a word in the column ``suspect``.

    Returns
    -------
    report : CosmicRayReport
        The list; it is valid, and empty, if nothing was found.

    Raises
    ------
    TypeError
        If a frame is not a CCDData of numbers.
    ValueError
        If the shapes differ.
    astropy.units.UnitsError
        If the units do not convert into each other.

    See Also
    --------
    cosmicray_pair, cosmicray_median, cosmicray_lacosmic

    Notes
    -----
    The cosmic rays are the pixels that are masked after and were not before (a
    mask of None counts as all False). Pixels that touch, also at corners, make one
    cosmic ray. Masked and non-finite input pixels are in no cosmic ray, as no
    cleaner flags them.

    What a cleaner left alone is in the table, too, after the cosmic rays: it is not
    counted as one. This, and whether a cosmic ray is in another exposure as well, comes
    from ``flags``, which some ways of writing a frame lose.

    The column ``suspect`` is empty or says why a detection may be no cosmic ray. Of
    what was left alone: ``source-like`` (by a pair or stack); by methods for single
    exposures ``line`` (it is in a row or column of which half stands out), else
    ``saturated`` (it touches pixels around a saturated star). Of what was removed:
    ``hot pixel`` (at most 4 pixels, of which the brightest is 5 sigma above
    the median of ``dark``), ``negative core`` (in it or beside it is a pixel 5 sigma
    below all that are around, which a hot pixel leaves when a dark is subtracted
    that has too much of it).

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.nddata import CCDData
    >>> import ccdcr
    >>> rng = np.random.default_rng(1)
    >>> first = CCDData(rng.normal(100, 5, (40, 50)), unit="adu")
    >>> second = CCDData(rng.normal(100, 5, (40, 50)), unit="adu")
    >>> first.data[20, 10:13] += 2000
    >>> clean1, clean2 = ccdcr.cosmicray_pair(first, second)
    >>> report = ccdcr.cosmicray_report(clean1, first)
    >>> print(report)
    1 cosmic ray on 15 of 2000 pixels (0.75 %); the largest has 15 pixels
    >>> print(report.table["n_pixels"][0], report.table["y_centroid"][0].round(1))
    15 20.0
    """
    factor = check_pair(after, before, ("after", "before"))
    mask = _mask_of(after) & ~_mask_of(before)
    with np.errstate(invalid="ignore", over="ignore"):
        removed = before.data[mask] * np.float64(factor) - after.data[mask]
    known = after.flags is not None and owns_flags(after)
    single = after.meta.get("CCRFUNC") in ("cosmicray_median", "cosmicray_lacosmic")
    alone = "line" if single else "source-like"
    doubts = {"negative core": partial(_holes, before, mask)}
    if dark is not None:
        doubts["hot pixel"] = partial(_hot, _check_dark(dark, after), before, mask)
    return CosmicRayReport(
        mask, removed, after.unit, after.flags if known else None, doubts, alone
    )


def _holes(before, mask):
    """Pixels at or beside cosmic rays that are far below all others; those beside."""
    data, usable = unpack(before)
    holes = np.zeros_like(mask)
    at = np.nonzero(ndimage.binary_dilation(mask, _SQUARE) & usable)
    if at[0].size == 0:
        return holes
    padded = np.pad(np.where(usable, data, np.inf), 3, constant_values=np.inf)
    around = windows(padded, (7, 7), at)
    around[:, around.shape[1] // 2] = np.inf  # itself
    lowest = around.min(axis=1)
    sigma = scatter(data, usable)
    if before.uncertainty is not None:  # which may be zero, as a weight of zero
        sigma = np.fmax(sigma, np.sqrt(variance(before, at)))
    with np.errstate(invalid="ignore"):
        holes[at] = np.isfinite(lowest) & (lowest - data[at] > _STANDS_OUT * sigma)
    return ndimage.binary_dilation(holes, _SQUARE)


def _check_dark(dark, after):
    if not isinstance(dark, CCDData):
        if not isinstance(dark, np.ndarray):
            msg = f"dark must be a CCDData or an array, got {type(dark).__name__}"
            raise TypeError(msg)
        mask = np.ma.getmaskarray(dark) if np.ma.isMA(dark) else None
        dark = CCDData(np.asarray(dark), unit=after.unit, mask=mask)
    check_ccd(dark, "dark")
    if dark.data.shape != after.data.shape:
        msg = (
            "dark must have the shape of after, "
            f"got {dark.data.shape} with {after.data.shape}"
        )
        raise ValueError(msg)
    return dark


def _hot(dark, before, mask):
    """The brightest pixels of cosmic rays, where these stick out of a dark frame."""
    data, usable = unpack(dark)
    if not usable.any():
        return np.zeros_like(usable)
    level = float(np.median(data[usable]))
    # what a dark has masked is no better than what is hot in it
    hot = ~usable | (data - level > _STANDS_OUT * scatter(data, usable))
    light = np.where(mask, before.data, -np.inf)
    return hot & mask & (light == ndimage.maximum_filter(light, 3))


def _mask_of(ccd):
    if ccd.mask is None:
        return np.zeros(ccd.data.shape, dtype=bool)
    return np.asarray(ccd.mask, dtype=bool)


class CosmicRayReport:
    """
    The cosmic rays of one frame.

    Made by `cosmicray_report`.

    Parameters
    ----------
    mask : 2D bool `~numpy.ndarray`
        The cosmic rays.
    removed : 1D `~numpy.ndarray`
        What was taken away from each of their pixels, row by row.
    unit : `~astropy.units.Unit`
        Its unit.
    flags : 2D uint8 `~numpy.ndarray`, optional
        How each pixel was treated.
    doubts : dict, optional
        Functions that make 2D bool arrays of pixels which cast doubt on a cosmic ray,
        by the word for that.
    alone : str, optional
        Word for what was left alone.

    Attributes
    ----------
    mask : 2D bool `~numpy.ndarray`
        The cosmic rays, and nothing else that may be masked in the frame.
    n_pixels : int
        Pixels in ``mask``.
    fraction : float
        Their share of all pixels.
    """

    def __init__(
        self, mask, removed, unit, flags=None, doubts=None, alone="source-like"
    ):
        self.mask = mask
        self._doubts = doubts or {}
        self._alone = alone
        self._flags = flags
        self.n_pixels = int(np.count_nonzero(mask))
        self.fraction = self.n_pixels / mask.size
        self._removed = removed
        self._unit = unit

    @cached_property
    def segmentation(self):
        """
        The cosmic rays as a photutils segmentation image.

        Made by `photutils.segmentation.detect_sources` on the mask; it has no
        labels if nothing was found. Suspects have the labels after those of the
        cosmic rays.
        """
        from photutils.segmentation import SegmentationImage

        labels = _labels(self.mask)
        if self._flags is not None:
            suspects = _labels((self._flags & FLAG_SUSPECT > 0) & ~self.mask)
            labels = np.where(suspects > 0, suspects + labels.max(), labels)
        return SegmentationImage(labels)

    @cached_property
    def _pixels(self):
        """Of each pixel of a detection its place and the number of the detection."""
        at, group, n = groups(self.mask)
        total = n
        if self._flags is not None:
            alone = (self._flags & FLAG_SUSPECT > 0) & ~self.mask
            more, of_more, n_more = groups(alone)
            at, total = np.concatenate([at, more]), n + n_more
            group = np.concatenate([group, of_more + n])
        return np.unravel_index(at, self.mask.shape), group, n, total

    @property
    def n_cosmicrays(self):
        """Number of cosmic rays: groups of touching pixels."""
        return self._pixels[2]

    @property
    def n_suspects(self):
        """Number of detections that were left alone."""
        return self._pixels[3] - self._pixels[2]

    @cached_property
    def table(self):
        """
        One row for each cosmic ray and each suspect, as a `~astropy.table.QTable`.

        ``label`` is its number in ``segmentation``; ``n_pixels`` its size;
        ``x_centroid`` and ``y_centroid`` its centre in zero-based pixels, weighted
        with the charge that was removed where that is positive (unweighted if
        nothing was removed); ``bbox_xmin bbox_xmax bbox_ymin bbox_ymax`` its limits,
        both included; ``charge`` what was removed, in the data unit: zero if the
        pixels were flagged only; ``coincident`` whether another exposure was hit
        there, too, masked where that is not known; ``suspect`` is empty, or says why
        it may be no cosmic ray (see `cosmicray_report`).
        """
        from astropy.table import MaskedColumn, QTable

        (y, x), group, _, n = self._pixels
        removed = np.zeros(group.size)
        removed[: self.n_pixels] = self._removed
        size = np.bincount(group, minlength=n)
        weight = np.where(np.isfinite(removed), removed, 0.0).clip(0)
        dark = np.bincount(group, weight, minlength=n) <= 0
        weight = np.where(dark[group], 1.0, weight)
        total = np.bincount(group, weight, minlength=n)
        low, high = _limits(group, (x, y), n, self.mask.shape)
        table = QTable()
        table["label"] = np.arange(1, n + 1)
        table["n_pixels"] = size
        for axis, name in ((x, "x"), (y, "y")):
            table[f"{name}_centroid"] = np.bincount(group, weight * axis, n) / total
        for name, first, last in zip("xy", low, high, strict=True):
            table[f"bbox_{name}min"] = first
            table[f"bbox_{name}max"] = last
        charge = np.bincount(group, removed, minlength=n)
        table["charge"] = u.Quantity(charge, self._unit)
        both = np.zeros(n, dtype=bool)
        if self._flags is not None:
            both[group[self._flags[y, x] & FLAG_COINCIDENT > 0]] = True
        table["coincident"] = MaskedColumn(both, mask=self._flags is None)
        table["suspect"] = self._reasons()
        return table

    def _reasons(self):
        """Why each detection may be no cosmic ray."""
        at, group, n_cosmicrays, n = self._pixels
        reasons = np.full(n, "", dtype="U13")
        for word, find in self._doubts.items():
            doubtful = np.bincount(group[find()[at]], minlength=n) > 0
            if word == "hot pixel":
                doubtful &= np.bincount(group, minlength=n) <= _HOT
            reasons[doubtful] = word
        left = np.arange(n) >= n_cosmicrays
        reasons[left] = self._alone
        if left.any() and self._alone == "line":
            y, x = (index[group >= n_cosmicrays] for index in at)
            of = group[group >= n_cosmicrays]
            many = np.maximum(np.bincount(y)[y], np.bincount(x)[x]) < _IN_LINE
            reasons[np.unique(of[many])] = "saturated"
        return reasons

    def __repr__(self):
        return f"<CosmicRayReport: {self}>"

    def __str__(self):
        n = self.n_cosmicrays
        text = f"{n} cosmic ray{'' if n == 1 else 's'} on {self.n_pixels} of "
        text += f"{self.mask.size} pixels ({100 * self.fraction:.2g} %)"
        if n:
            largest = self.table["n_pixels"][:n].max()
            text += f"; the largest has {largest} pixel{'' if largest == 1 else 's'}"
        left = self.n_suspects
        if left:
            text += f"; {left} suspect{'' if left == 1 else 's'} left alone"
        doubts = self.table["suspect"][:n] if n else []
        words, counts = np.unique([word for word in doubts if word], return_counts=True)
        for word, count in zip(words, counts, strict=True):
            text += (
                f"; {count} may be a {word}"
                if count == 1
                else f"; {count} may be {word}s"
            )
        return text


def _labels(mask):
    """Number of the group of touching pixels that each pixel belongs to."""
    from photutils.segmentation import detect_sources

    if not mask.any():  # detect_sources would warn and return None
        return np.zeros(mask.shape, dtype=np.int32)
    # by position: the names of these arguments changed in photutils 3
    return detect_sources(mask.astype(np.float32), 0.5, 1).data


def _limits(group, axes, n, shape):
    """Smallest and largest coordinate of each group, along x and along y."""
    low = [np.full(n, max(shape)) for _ in axes]
    high = [np.full(n, -1) for _ in axes]
    for axis, first, last in zip(axes, low, high, strict=True):
        np.minimum.at(first, group, axis)
        np.maximum.at(last, group, axis)
    return low, high
