# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Which cosmic rays were removed: a table, a segmentation image, regions."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u
from astropy.nddata import CCDData

from ccdcr._ccd import own_arithmetic
from ccdcr._detections import list_detections
from ccdcr._doubts import check_dark
from ccdcr._frames import check_pair
from ccdcr._options import check_count
from ccdcr._typing import Image, PathLike
from ccdcr.pixels.shape import KINDS

if TYPE_CHECKING:
    from astropy.table import QTable
    from photutils.segmentation import SegmentationImage
    from regions import Regions

__all__ = ["CosmicRayReport", "cosmicray_report"]

_DIGITS = {"x_centroid": 2, "y_centroid": 2, "length": 1, "width": 1, "angle": 0}
_DIGITS |= {"charge": 1, "charge_error": 1, "significance": 1}
_MARGIN = 3.0  # pixels of a region around a cosmic ray


def cosmicray_report(
    after: CCDData,
    before: CCDData,
    *,
    dark: Image | None = None,
    previous: Image | None = None,
    min_pixels: int = 1,
) -> "CosmicRayReport":
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
    previous : `~astropy.nddata.CCDData` or `~numpy.ndarray`, optional
        The frame that was taken before, of the same shape, in any unit: detections
        where it was bright get a word there, too.
    min_pixels : int, optional
        List cosmic rays of so many pixels and more only. The mask and the number of
        pixels stay those of all.

    Returns
    -------
    report : CosmicRayReport
        The list; it is valid, and empty, if nothing was found.

    Raises
    ------
    TypeError
        If a frame is not a CCDData of numbers.
    ValueError
        If the shapes differ, or ``min_pixels`` is not positive.
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

    The column ``kind`` tells what a detection looks like. A ``spot`` is shorter than
    3.2 pixels, or round and straight. A ``worm`` is bent: the middles of its slices
    deviate from a straight line by 0.19 pixels, 0.092 of its width and 0.012 of its
    length at least (rms). A ``trail`` is
    straight, wider than 3 pixels and three times as long, as light is and charge is
    not, or longer than 200 pixels. All others are a ``track``.

    The column ``suspect`` is empty or says why a detection may be no cosmic ray. Of
    what was left alone: ``source-like`` (by a pair or stack); by methods for single
    exposures ``line`` (it is in a row or column of which half stands out), else
    ``saturated`` (it touches pixels around a saturated star). Of what was removed:
    ``hot pixel`` (at most 4 pixels, of which the brightest is 5 sigma above
    the median of ``dark``), ``negative core`` (in it or beside it is a pixel 5 sigma
    below all that are around, which a hot pixel leaves when a dark is subtracted
    that has too much of it; sigma is that of the pixel, and at least the scatter of
    neighbouring pixels, of a large frame on sixteen of its rows), ``persistence``
    (where most was removed ``previous``, which must be reduced like the frame, is 100
    sigma above its median). If more than one is true it is ``hot pixel``, or else
    ``persistence``.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.nddata import CCDData
    >>> import ccdcr
    >>> rng = np.random.default_rng(1)
    >>> first = CCDData(rng.normal(100, 5, (40, 50)), unit="adu")
    >>> second = CCDData(rng.normal(100, 5, (40, 50)), unit="adu")
    >>> first.data[20, 10:15] += 2000
    >>> clean1, clean2 = ccdcr.cosmicray_pair(first, second)
    >>> report = ccdcr.cosmicray_report(clean1, first)
    >>> print(report)
    1 cosmic ray on 21 of 2000 pixels (1.1 %); the largest has 21 pixels
    1 track
    >>> print(report.table["n_pixels"][0], report.table["length"][0].round(1))
    21 5.0
    """
    factor = check_pair(after, before, ("after", "before"))
    check_count("min_pixels", min_pixels, least=1)
    others = {
        name: None if frame is None else check_dark(frame, after, name)
        for name, frame in (("dark", dark), ("previous", previous))
    }
    mask = _mask_of(after, before)
    with own_arithmetic():
        listed = list_detections((after, before), factor, mask, others, min_pixels)
    return CosmicRayReport(mask, listed, after.unit, min_pixels)


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
    listed : tuple
        What is known of them.
    unit : `~astropy.units.Unit`
        That of the charge.
    min_pixels : int
        Pixels of a cosmic ray that is listed, at least.

    Attributes
    ----------
    mask : 2D bool `~numpy.ndarray`
        The cosmic rays, and nothing else that may be masked in the frame.
    n_pixels : int
        Pixels in ``mask``.
    fraction : float
        Their share of all pixels.
    n_cosmicrays : int
        Cosmic rays that are listed: groups of touching pixels.
    n_small : int
        Cosmic rays that are not listed, as they have less than ``min_pixels`` pixels.
    n_suspects : int
        Detections that were left alone.
    rate : `~astropy.units.Quantity` or None
        All cosmic rays per area and time, if the header of the frame has the exposure
        time (EXPTIME, EXPOSURE or ITIME, in seconds) and the size of a pixel (XPIXSZ
        and YPIXSZ, or PIXSIZE1 and PIXSIZE2, in micrometres).
    """

    def __init__(self, mask, listed, unit, min_pixels):
        self.mask = mask
        self.n_pixels = int(np.count_nonzero(mask))
        self.fraction = self.n_pixels / mask.size
        self.n_cosmicrays = listed.n_cosmicrays
        self.n_small = listed.n_small
        self.n_suspects = listed.n_suspects
        self.rate = listed.rate
        self._listed = listed
        self._unit = unit
        self._min_pixels = min_pixels

    @cached_property
    def segmentation(self) -> "SegmentationImage":
        """
        The cosmic rays as a photutils segmentation image.

        Made by `photutils.segmentation.detect_sources` on the mask; it has no
        labels if nothing was found. Suspects have the labels after those of the
        cosmic rays.
        """
        from photutils.segmentation import SegmentationImage

        labels = np.zeros(self.mask.shape, dtype=np.int32)
        if self.n_cosmicrays:  # or else detect_sources warns
            labels = _labels(self.mask, self._min_pixels)
        if self.n_suspects:
            left = np.zeros_like(self.mask)
            left.ravel()[self._listed.suspects] = True
            suspects = _labels(left, 1)
            labels = np.where(suspects > 0, suspects + self.n_cosmicrays, labels)
        return SegmentationImage(labels)

    @cached_property
    def table(self) -> "QTable":
        """
        One row for each cosmic ray and each suspect, as a `~astropy.table.QTable`.

        ``label`` is its number in ``segmentation``; ``n_pixels`` its size;
        ``x_centroid`` and ``y_centroid`` its centre in zero-based pixels, weighted
        with the charge that was removed where that is positive (unweighted if
        nothing was removed); ``bbox_xmin bbox_xmax bbox_ymin bbox_ymax`` its limits,
        both included.

        ``length`` and ``width``, in pixels, are those of the rectangle of even charge
        with the same second moments, and ``angle``, in degrees, is that of its longer
        axis, from +x towards +y, 0 to 180 (0 if it is round); pixels with less than a
        twentieth of the charge of the brightest do not count.

        ``charge`` is what was removed, in the data unit: zero if the pixels were
        flagged only, or left alone; ``charge_error`` its standard error from the
        uncertainties of the frame before and after (from the scatter of the frame, if
        it has none); ``significance`` the one over the other.

        ``kind`` is what it looks like, ``spot``, ``track``, ``worm`` or ``trail``;
        ``coincident`` whether another exposure was hit there, too, masked where that is
        not known; ``on_edge`` whether it touches the edge of the frame, or a masked or
        non-finite pixel; ``suspect`` is empty, or says why it may be no cosmic ray (see
        `cosmicray_report`).
        """
        from astropy.table import MaskedColumn, QTable

        columns = dict(self._listed.columns)
        for name in ("charge", "charge_error"):
            columns[name] = u.Quantity(columns[name], self._unit, copy=False)
        columns["angle"] = u.Quantity(columns["angle"], u.deg, copy=False)
        unknown = not self._listed.coincident_known
        columns["coincident"] = MaskedColumn(columns["coincident"], mask=unknown)
        table = QTable(columns, copy=False)
        for name, digits in _DIGITS.items():  # that are shown, not that are kept
            table[name].info.format = f".{digits}f"
        return table

    def to_regions(self) -> "Regions":
        """
        Outline the detections.

        Returns
        -------
        regions : ``regions.Regions``
            An ellipse around each row of ``table``, in zero-based pixels, with its
            label as text; those of suspects are dashed.

        Raises
        ------
        ModuleNotFoundError
            If the package regions is not installed: ``pip install ccdcr[regions]``.
        """
        from regions import EllipsePixelRegion, PixCoord, Regions

        ellipses = []
        for label, x, y, length, width, angle, suspect in self._ellipses():
            style = {"color": "magenta" if suspect else "red", "dashed": bool(suspect)}
            ellipse = EllipsePixelRegion(
                PixCoord(x, y), length, width, angle * u.deg, {"text": str(label)}
            )
            ellipse.visual["color"] = style["color"]
            ellipse.visual["linestyle"] = "--" if style["dashed"] else "-"
            ellipses.append(ellipse)
        return Regions(ellipses)

    def write_regions(self, path: PathLike, *, overwrite: bool = False) -> None:
        """
        Write a region file for DS9; no other package is needed.

        Parameters
        ----------
        path : str or path-like
            Where to.
        overwrite : bool, optional
            Whether a file that is there may be replaced.

        Raises
        ------
        FileExistsError
            If there is such a file, and ``overwrite`` is False.
        """
        lines = ["# Region file format: DS9 version 4.1", "image"]
        for label, x, y, length, width, angle, suspect in self._ellipses():
            style = "magenta dash=1" if suspect else "red"
            lines.append(  # DS9 counts from one, and by half axes
                f"ellipse({x + 1:.2f},{y + 1:.2f},{length / 2:.2f},{width / 2:.2f},"
                f"{angle:.1f}) # color={style} text={{{label}}}"
            )
        with Path(path).open("w" if overwrite else "x", encoding="ascii") as file:
            file.write("\n".join(lines) + "\n")

    def _ellipses(self):
        """Label, centre, axes, angle and suspicion of each."""
        columns = self._listed.columns
        names = "label", "x_centroid", "y_centroid", "length", "width", "angle"
        for *numbers, suspect in zip(
            *(columns[name].tolist() for name in names),
            columns["suspect"],
            strict=True,
        ):
            label, x, y, length, width, angle = numbers
            yield label, x, y, length + _MARGIN, width + _MARGIN, angle, str(suspect)

    def __repr__(self):
        return f"<CosmicRayReport: {str(self).splitlines()[0]}>"

    def __str__(self):
        n, columns = self.n_cosmicrays, self._listed.columns
        text = f"{_count(n + self.n_small, 'cosmic ray')} on {self.n_pixels} of "
        text += f"{self.mask.size} pixels ({100 * self.fraction:.2g} %)"
        if n:
            largest = columns["n_pixels"][:n].max()
            text += f"; the largest has {_count(largest, 'pixel')}"
        if self._min_pixels > 1:
            text += f"; {n} of at least {self._min_pixels} pixels are listed"
        if self.n_suspects:
            text += f"; {_count(self.n_suspects, 'suspect')} left alone"
        doubts = columns["suspect"][:n]
        for word, count in zip(*np.unique(doubts, return_counts=True), strict=True):
            if word:
                text += f"; {count} may be {_some(word, count)}"
        kinds = [
            (np.count_nonzero(columns["kind"][:n] == kind), kind) for kind in KINDS
        ]
        more = [_count(count, kind) for count, kind in kinds if count]
        if self.rate is not None:
            more.append(f"{self.rate.to_value('1 / (cm2 min)'):.2g} per cm2 and minute")
        return text + ("\n" + ", ".join(more) if more else "")


def _some(word, n):
    if word == "persistence":
        return word
    return f"a {word}" if n == 1 else f"{word}s"


def _count(n, word):
    return f"{n} {word}{'' if n == 1 else 's'}"


def _labels(mask, least):
    """Number of the group of touching pixels that each pixel belongs to."""
    from photutils.segmentation import detect_sources

    # by position: the names of these arguments changed in photutils 3
    return detect_sources(mask.astype(np.float32), 0.5, least).data
