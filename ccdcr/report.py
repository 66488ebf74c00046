# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Which cosmic rays were removed: a table, and a segmentation image."""

from functools import cached_property

import numpy as np
from astropy import units as u

from ccdcr._ccd import FLAG_COINCIDENT, FLAG_SUSPECT, owns_flags
from ccdcr._frames import check_pair

__all__ = ["CosmicRayReport", "cosmicray_report"]


def cosmicray_report(after, before):
    """
    List the cosmic rays that a cleaner found.

    Parameters
    ----------
    after : `~astropy.nddata.CCDData`
        What a cleaner returned, also after a round trip through a file.
    before : `~astropy.nddata.CCDData`
        What the cleaner was given; of the same shape, in a unit that converts.

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

    What a cleaner left alone because it looks like a source is in the table, too,
    with a word in the column ``suspect``; it is no cosmic ray and is not counted as
    one. This, and whether a cosmic ray is in another exposure as well, comes from
    ``flags``, which some ways of writing a frame lose.

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
    return CosmicRayReport(mask, removed, after.unit, after.flags if known else None)


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

    Attributes
    ----------
    mask : 2D bool `~numpy.ndarray`
        The cosmic rays, and nothing else that may be masked in the frame.
    n_pixels : int
        Pixels in ``mask``.
    fraction : float
        Their share of all pixels.
    """

    def __init__(self, mask, removed, unit, flags=None):
        self.mask = mask
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
    def n_cosmicrays(self):
        """Number of cosmic rays: groups of touching pixels."""
        return int(self.segmentation.data[self.mask].max(initial=0))

    @property
    def n_suspects(self):
        """Number of detections that were left alone."""
        return len(self.segmentation.labels) - self.n_cosmicrays

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
        there, too, masked where that is not known; ``suspect`` is empty for a cosmic
        ray, and says why it was left alone if it is none.
        """
        from astropy.table import MaskedColumn, QTable

        segments = self.segmentation.data
        y, x = np.nonzero(segments)
        group = segments[y, x] - 1
        n = len(self.segmentation.labels)
        removed = np.zeros(self.mask.shape)
        removed[self.mask] = self._removed
        removed = removed[y, x]
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
        suspect = np.arange(n) >= self.n_cosmicrays
        table["suspect"] = np.where(suspect, "source-like", "")
        return table

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
