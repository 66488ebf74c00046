# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""One exposure: what sticks out of its own median-filtered image is a cosmic ray."""

from typing import Literal

from astropy.nddata import CCDData

from ccdcr import _options
from ccdcr._ccd import companion, own_arithmetic
from ccdcr._frames import check_ccd
from ccdcr._log import check_add_keyword, record
from ccdcr._median_classic import classic_median
from ccdcr._median_matched import matched_median
from ccdcr._regions import allowed_pixels, describe
from ccdcr._single import tell
from ccdcr._typing import Image, Keyword, Region, Saturation, Value

__all__ = ["cosmicray_median"]

#: Options that classic does not take.
_MATCHED = ("contrast", "grow", "dispersion_axis", "gain", "readnoise", "saturation")
#: Thresholds of peaks and tails.
_SIGMAS = {"classic": (10, 3), "matched": (5, 2.5)}


def cosmicray_median(
    ccd: CCDData,
    *,
    size: tuple[int, int] = (5, 5),
    method: Literal["matched", "classic"] = "matched",
    sigma_peak: float | None = None,
    sigma_tail: float | None = None,
    contrast: float | None = None,
    grow: int | None = None,
    max_size: int | None = None,
    region: Region | None = None,
    exclude: Region | None = None,
    dispersion_axis: Literal[0, 1] | None = None,
    reference: Image | None = None,
    gain: Value | None = None,
    readnoise: Value | None = None,
    saturation: Saturation = "auto",
    replacement: Literal["auto", "local", "median"] | None = "auto",
    add_keyword: Keyword = True,
) -> CCDData:
    r"""
    Remove cosmic rays from one exposure by its difference from a smooth image.

    The smooth image is the exposure itself after a median filter, or a model that
    you made. What sticks out of it, and is sharper than light can be, is a cosmic
    ray.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        The exposure, two-dimensional.
    size : tuple of int, optional
        ``(rows, columns)`` of the window of the median filter, odd or even. It
        must be larger than the cosmic rays are wide.
    method : {'matched', 'classic'}, optional
        ``'matched'``: by the noise of each pixel, with a test of the contrast that
        spares stars. ``'classic'``: one threshold for the whole difference image,
        as in the teareduce cookbook; it cuts stars and lines.
    sigma_peak, sigma_tail : float, optional
        A pixel is a peak if it exceeds the smooth image by more than
        ``sigma_peak`` standard deviations, and belongs to the tail of that
        peak if it is connected with it by pixels
        that exceed ``sigma_tail``. Default: 5 and 2.5 (matched), 10 and 3 (classic).
    contrast : float, optional
        A peak must exceed the fine structure of the image by this factor, a tail by
        half of it: raise it where stars are harmed. Default: 3.3, or 4 with
        ``dispersion_axis``, and more where stars are narrow. Not for classic.
    grow : int, optional
        How often neighbours that stick out by 2 sigma of what is around are taken
        in; 0 for never. Default: 2. Not for classic.
    max_size : int, optional
        Detections of more pixels are left alone. Default: no limit.
    region, exclude : optional
        Where to clean and where not to: a FITS section like ``'[1:100,20:40]'``, a
        tuple of two slices in numpy order, a boolean array, a region of the
        ``regions`` package (sky regions need a WCS), or a list of these.
        Statistics are taken over all pixels all the same.
    dispersion_axis : {0, 1}, optional
        For long-slit spectra: the numpy axis along which wavelength runs, 1 if it
        runs along rows. What goes on along the slit (sky lines) and along the
        dispersion (continua) is subtracted first and put back at the end. Not for
        classic. Default: an image.
    reference : `~astropy.nddata.CCDData` or `~numpy.ndarray`, optional
        A model of the exposure without cosmic rays, of the same shape, to be
        used in place of the filtered image (``size`` is then not used); matched, its
        stars and lines are no part of hits, and are in new values. An array without
        a unit is in that of the data.
    gain : float, `~astropy.units.Quantity` or ``ccdproc.Keyword``, optional
        Electrons per data unit, for the noise if the frame has no uncertainty. For
        data in electron it can only be 1. Not for classic.
    readnoise : float, `~astropy.units.Quantity` or ``ccdproc.Keyword``, optional
        Read noise in electron, for the noise if the frame has no uncertainty. Not for
        classic.
    saturation : float, `~astropy.units.Quantity`, bool array, 'auto' or None, optional
        Level in the data unit from which pixels are saturated, or the saturated
        pixels: the stars around them are left alone. ``'auto'``: the card SATURATE or
        SATLEVEL if the unit is adu, else the largest number of integer data, else
        none. Not for classic.
    replacement : {'auto', 'local', 'median', None}, optional
        ``'local'``: a Gaussian-weighted mean of good neighbours, on plain sky of those
        that are not beside a cosmic ray. ``'median'``: the smooth image or reference
        (classic: plus the median difference from it). None: value and uncertainty
        stay, only the mask tells. ``'auto'``: local (matched), median (classic).
    add_keyword : bool, None or dict, optional
        True: what was done is written into the meta. False or None: nothing is
        written. A dict: its items are written instead.

    Returns
    -------
    cleaned : `~astropy.nddata.CCDData`
        A new frame. What is masked in it and was not in ``ccd`` are the cosmic rays
        (``cosmicray_report(cleaned, ccd).mask``). The bits of ``flags`` tell how each
        pixel was treated (2 replaced, 4 not replaced, 16 not examined, 32 suspect and
        left alone).
        Integers come back as floating numbers.

    Raises
    ------
    TypeError
        If an argument is of a wrong kind.
    ValueError
        If shapes or options do not fit.
    astropy.units.UnitsError
        If units do not fit.

    Warns
    -----
    CosmicRayWarning
        If more than 1 % of the pixels were flagged, the noise does not fit the frame,
        or stars are nearly as sharp as cosmic rays.

    See Also
    --------
    cosmicray_pair, cosmicray_lacosmic, cosmicray_report

    Notes
    -----
    Matched. With the smooth image :math:`S`, the variance :math:`V_0` that pixels have
    at the level of their surroundings, and :math:`M_n` a median of
    :math:`n \times n` pixels, a peak has

    .. math:: z = \frac{I - S}{\sqrt{V_0}} > 5 \quad\mathrm{and}\quad
              \frac{z}{F} > 3.3, \qquad
              F = \max\left(\frac{M_3 - M_7(M_3)}{\sqrt{V_0}}, \frac{1}{2}\right),

    tails have half of both. :math:`F` is the fine structure of LACosmic [1]_: light is
    spread over neighbours and has it. Flagged pixels take the smooth value and the
    search is repeated, up to three times. With ``dispersion_axis`` the limit is 4.
    Where stars of the frame themselves reach more than half of the limit (FWHM of about
    2 pixels and less), it is raised to twice their contrast. Large hits are completed
    where their outline falls off within a pixel.

    The noise is, in this order: the uncertainty of the frame; ``gain`` and
    ``readnoise``; the scatter between neighbouring pixels, one number for the whole
    frame. Where a part of a frame scatters more than that, the larger noise is used to
    detect.

    Classic. With :math:`d = I - S`, :math:`m` its median and
    :math:`s = 0.7413\,(p_{75} - p_{25})`, cosmic rays exceed :math:`m + 10 s` at the
    peak and :math:`m + 3 s` in the tail, and are replaced by
    :math:`S + m`. The method is that of ``cr2images`` of teareduce [2]_ with
    ``median_size``. Three things differ: masks and non-finite pixels are
    honoured, integers become floating numbers, and outside ``region`` nothing is
    changed even where a cosmic ray reaches out of it. It uses edges, not corners, to
    connect pixels.

    The variance of a replaced pixel is that of the mean of its good neighbours
    (or of their median, :math:`\frac{\pi}{2} \sum V / n^2`), plus their scatter about
    the new value beyond their own noise. A pixel without a good neighbour keeps its
    value, and its uncertainty becomes infinite. With a ``reference`` and
    ``'median'`` it is the uncertainty of the reference, infinite if that has none;
    with ``'local'`` (matched) that, if there is one, is added.

    Pixels that are masked or not finite are never flagged, replaced, or read, by
    the filter or otherwise. Saturated stars and 4 pixels around are read and not
    examined (matched). A frame without uncertainty gets none.

    No method that has one exposure only is safe where stars are narrower than 2
    pixels FWHM: use two (`cosmicray_pair`) where there are two. Emission knots that are
    compact along the slit, too, are the stars of spectra.

    References
    ----------
    .. [1] van Dokkum, P. G. 2001, PASP, 113, 1420, doi:10.1086/323894
    .. [2] Cardiel N., teareduce cookbook, "Automatic Cosmic Ray Removal in Double
       Exposures".

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.nddata import CCDData
    >>> import ccdcr
    >>> rng = np.random.default_rng(1)
    >>> ccd = CCDData(rng.normal(100, 5, (40, 50)), unit="adu")
    >>> ccd.data[20, 10:13] += 2000
    >>> cleaned = ccdcr.cosmicray_median(ccd)
    >>> print(cleaned.mask.sum())
    3
    """
    check_ccd(ccd, "ccd")
    options = {
        "size": _options.check_pair_of_integers("size", size),
        "sigma_peak": sigma_peak,
        "sigma_tail": sigma_tail,
        "contrast": contrast,
        "grow": grow,
        "max_size": _options.check_max_size(max_size),
        "dispersion_axis": dispersion_axis,
        "gain": gain,
        "readnoise": readnoise,
        "saturation": saturation,
        "replacement": replacement,
    }
    options = _checked(method, options, ccd)
    check_add_keyword(add_keyword)
    allowed = allowed_pixels(region, exclude, ccd)
    with own_arithmetic():
        model = None if reference is None else companion("reference", reference, ccd)
    clean = {"matched": matched_median, "classic": classic_median}[method]
    with own_arithmetic():
        out, measured, cautions = clean(ccd, model, allowed, options)
    cards = {
        "CCRMETH": method,
        "CCRSIZEY": options["size"][0] if model is None else None,
        "CCRSIZEX": options["size"][1] if model is None else None,
        "CCRREF": "median filter" if model is None else "reference given",
        "CCRPEAK": options["sigmas"][0],
        "CCRTAIL": options["sigmas"][1],
        "CCRMAXSZ": options["max_size"],
        "CCRREG": describe(region, ccd.data.shape),
        "CCREXCL": describe(exclude, ccd.data.shape),
        "CCRREPL": options["replacement"],
        "CCRWARN": tell(cautions),
        **measured,
    }
    record(out, ccd, "cosmicray_median", cards, add_keyword)
    return out


def _checked(method, options, ccd):
    """All options with their defaults filled in."""
    _options.check_choice("method", method, tuple(_SIGMAS))
    replacement = options["replacement"]
    choices = ("auto", "median", "local", None)
    _options.check_choice("replacement", replacement, choices)
    if replacement == "auto":
        replacement = "local" if method == "matched" else "median"
    checked = {
        "sigmas": _options.check_thresholds(
            options["sigma_peak"], options["sigma_tail"], _SIGMAS[method]
        ),
        "replacement": replacement,
    }
    if method == "classic":
        _options.check_classic(_MATCHED, options)
        return options | checked
    gain, readnoise = _options.check_noise(
        options["gain"],
        options["readnoise"],
        ccd,
        needed=ccd.uncertainty is None,
    )
    _options.check_saturation(options["saturation"], ccd)
    contrast = options["contrast"]
    if contrast is not None:
        contrast = _options.check_number("contrast", contrast)
    return (
        options
        | checked
        | {
            "gain": gain,
            "readnoise": readnoise,
            "contrast": contrast,
            "grow": _options.check_grow(options["grow"], 2, on=2),
            "axis": _options.check_axis(options["dispersion_axis"]),
        }
    )
