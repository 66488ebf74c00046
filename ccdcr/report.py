# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Which cosmic rays were removed: a table, and a segmentation image."""

from functools import cached_property, partial

import numpy as np
from astropy import units as u

from ccdcr._ccd import FLAG_COINCIDENT, FLAG_SUSPECT, owns_flags
from ccdcr._doubts import check_dark, hot_pixels, negative_cores
from ccdcr._frames import check_pair
from ccdcr.pixels.table import detections, measure, pick

__all__ = ["CosmicRayReport", "cosmicray_report"]

_IN_LINE = 25  # suspects in a row or column, at least, of one that is bad


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
    that has too much of it; sigma is that of the pixel, and at least the scatter of
    neighbouring pixels, of a large frame on sixteen of its rows).

    Examples
    --------
    >>> import numpy as np
    >>>     >>> import ccdcr
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
    mask = _mask_of(after, before)
    at = np.flatnonzero(mask)
    given, left = (pick(np.asarray(ccd.data), at) for ccd in (before, after))
    with np.errstate(invalid="ignore", over="ignore"):
        removed = given * np.float64(factor) - left
    known = after.flags is not None and owns_flags(after)
    single = after.meta.get("CCRFUNC") in ("cosmicray_median", "cosmicray_lacosmic")
    alone = "line" if single else "source-like"
    doubts = {"negative core": partial(negative_cores, before)}
    if dark is not None:
        doubts["hot pixel"] = partial(hot_pixels, check_dark(dark, after), before)
    return CosmicRayReport(
        mask, at, removed, after.unit, after.flags if known else None, doubts, alone
    )


def _mask_of(after, before):
    """What is masked after and was not before."""
    masks = (
        ccd.mask if ccd.mask is None else np.asarray(ccd.mask, bool)
        for ccd in (after, before)
    )
    now, earlier = masks
    if now is None:
        return np.zeros(after.data.shape, dtype=bool)
    if earlier is None:
        return now.copy(order="C")
    return np.greater(now, earlier, order="C")  # True is more than False


class CosmicRayReport:
    """
    The cosmic rays of one frame.

    Made by `cosmicray_report`.

    Parameters
    ----------
    mask : 2D bool `~numpy.ndarray`
        The cosmic rays.
    at : 1D int `~numpy.ndarray`
        Where their pixels are in the flat image, in ascending order.
    removed : 1D `~numpy.ndarray`
        What was taken away from each of these.
    unit : `~astropy.units.Unit`
        Its unit.
    flags : 2D uint8 `~numpy.ndarray`, optional
        How each pixel was treated.
    doubts : dict, optional
        Functions that take cosmic rays and give the numbers of those that may be
        something else, by the word for that.
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
        self, mask, at, removed, unit, flags=None, doubts=None, alone="source-like"
    ):
        self.mask = mask
        self._at = at
        self._doubts = doubts or {}
        self._alone = alone
        self._flags = flags
        self.n_pixels = at.size
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
    def _cosmicrays(self):
        return detections(self._at, self.mask.shape)

    @cached_property
    def _suspects(self):
        """What was left alone."""
        at = self._at[:0]
        if self._flags is not None:
            # the bits above this one are not in use
            at = np.flatnonzero(self._flags >= FLAG_SUSPECT)
            left = (pick(self._flags, at) & FLAG_SUSPECT > 0) & ~pick(self.mask, at)
            at = at[left]
        return detections(at, self.mask.shape)

    @property
    def n_cosmicrays(self):
        """Number of cosmic rays: groups of touching pixels."""
        return self._cosmicrays.n

    @property
    def n_suspects(self):
        """Number of detections that were left alone."""
        return self._suspects.n

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

        width = self.mask.shape[1]
        left = self._suspects
        parts = (
            measure(self._cosmicrays, self._removed, width),
            measure(left, np.zeros(left.at.size), width),
        )
        columns = {
            name: np.concatenate([part[name] for part in parts]) for name in parts[0]
        }
        n = columns["n_pixels"].size
        columns = {"label": np.arange(1, n + 1), **columns}
        columns["charge"] = u.Quantity(columns["charge"], self._unit, copy=False)
        both = np.zeros(n, dtype=bool)
        if self._flags is not None:
            hit_twice = pick(self._flags, self._at) & FLAG_COINCIDENT
            both[self._cosmicrays.of(np.flatnonzero(hit_twice))] = True
        columns["coincident"] = MaskedColumn(both, mask=self._flags is None)
        columns["suspect"] = self._reasons()
        return QTable(columns, copy=False)

    def _reasons(self):
        """Why each detection may be no cosmic ray."""
        n = self._cosmicrays.n
        reasons = np.full(n + self._suspects.n, "", dtype="U13")
        for word, find in self._doubts.items() if n else ():
            reasons[find(self._cosmicrays)] = word
        reasons[n:] = self._alone
        if self._alone == "line" and self._suspects.n:
            at, _, length, group, _ = self._suspects
            y, x = np.divmod(at, self.mask.shape[1])
            many = np.maximum(np.bincount(y)[y], np.bincount(x)[x]) < _IN_LINE
            reasons[n + np.repeat(group, length)[many]] = "saturated"
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
