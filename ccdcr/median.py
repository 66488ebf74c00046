# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""One exposure: what sticks out of its own median-filtered image is a cosmic ray."""

import math

import numpy as np

from ccdcr import _options
from ccdcr._ccd import FLAG_LOCAL, companion, repack, unpack, variance
from ccdcr._frames import check_ccd
from ccdcr._log import check_add_keyword, detection_cards, record
from ccdcr._regions import allowed_pixels, describe
from ccdcr.exceptions import warn_if_quantised
from ccdcr.pixels import filters
from ccdcr.pixels.detect import above, hysteresis
from ccdcr.pixels.difference import middle_and_sigma
from ccdcr.pixels.replace import GAUSSIAN, from_neighbours

__all__ = ["cosmicray_median"]

_SIGMAS = (10, 3)  # the published thresholds of peaks and tails


def cosmicray_median(
    ccd,
    *,
    size=(5, 5),
    method="classic",
    sigma_peak=None,
    sigma_tail=None,
    max_size=None,
    region=None,
    exclude=None,
    reference=None,
    replacement="auto",
    add_keyword=True,
):
    r"""
    Remove cosmic rays from one exposure by its difference from a smooth image.

    The smooth image is the exposure itself after a median filter, or a model that
    you made. What sticks out of it is a cosmic ray.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        The exposure, two-dimensional.
    size : tuple of int, optional
        ``(rows, columns)`` of the window of the median filter, odd or even. It
        must be larger than the cosmic rays and smaller than what must survive.
    method : {'classic'}, optional
        ``'classic'``: one threshold for the whole difference image, as in the
        teareduce cookbook.
    sigma_peak, sigma_tail : float, optional
        A pixel is a peak if the difference exceeds its median by more than
        ``sigma_peak`` robust standard deviations, and belongs to the tail of that
        peak if it is connected with it (through edges, not corners) by pixels
        that exceed ``sigma_tail``. Default: 10 and 3.
    max_size : int, optional
        Detections of more pixels are left alone. Default: no limit.
    region, exclude : optional
        Where to clean and where not to: a FITS section like ``'[1:100,20:40]'``, a
        tuple of two slices in numpy order, a boolean array, a region of the
        ``regions`` package (sky regions need a WCS), or a list of these.
        Statistics are taken over all pixels all the same.
    reference : `~astropy.nddata.CCDData` or `~numpy.ndarray`, optional
        A model of the exposure without cosmic rays, of the same shape, to be
        used in place of the filtered image (``size`` is then not used). An array
        without a unit is in that of the data.
    replacement : {'auto', 'median', 'local', None}, optional
        ``'median'``, which is also ``'auto'``: the smooth image or reference, plus
        the median difference from it. ``'local'``: a Gaussian-weighted mean of
        good neighbours. None: value and uncertainty stay, only the mask tells.
    add_keyword : bool, None or dict, optional
        True: what was done is written into the meta. False or None: nothing is
        written. A dict: its items are written instead.

    Returns
    -------
    cleaned : `~astropy.nddata.CCDData`
        A new frame. What is masked in it and was not in ``ccd`` are the cosmic rays
        (``cosmicray_report(cleaned, ccd).mask``). The bits of ``flags`` tell how each
        pixel was treated (2 replaced, 4 not replaced, 16 not examined).
        Integers come back as floating numbers.

    Raises
    ------
    TypeError
        If an argument is of a wrong kind.
    ValueError
        If shapes or options do not fit.
    astropy.units.UnitsError
        If units do not fit.

    See Also
    --------
    cosmicray_pair, cosmicray_lacosmic, cosmicray_report

    Notes
    -----
    With :math:`d = I - \mathrm{med}(I)`, :math:`m` its median and
    :math:`s = 0.7413\,(p_{75} - p_{25})`, cosmic rays exceed :math:`m + 10 s` at the
    peak and :math:`m + 3 s` in the tail, and are replaced by
    :math:`\mathrm{med}(I) + m`.

    The variance of a replaced pixel is that of a median of the good neighbours in
    the window, :math:`\frac{\pi}{2} \sum V / n^2`, plus their scatter about the new
    value beyond their own noise. A pixel without a good neighbour in the window
    keeps its value, and its uncertainty becomes infinite. With ``reference`` it is
    the uncertainty of the reference, infinite if that has none.

    Pixels that are masked or not finite are never flagged, replaced, or read, by
    the filter or otherwise. A frame without uncertainty gets none.

    A median filter also cuts the tops of stars and of emission lines that are
    narrower than the window: use two exposures (`cosmicray_pair`) where there are
    two, keep lines out with ``exclude``, or choose a window that is long along
    them.

    The method is that of ``cr2images`` of teareduce [1]_ with ``median_size``. Three
    things differ, for the promises made above: masks and non-finite pixels are
    honoured, integers become floating numbers, and outside ``region`` nothing is
    changed even where a cosmic ray reaches out of it.

    References
    ----------
    .. [1] Cardiel N., teareduce cookbook, "Automatic Cosmic Ray Removal in Double
       Exposures".

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.nddata import CCDData
    >>> import ccdcr
    >>> rng = np.random.default_rng(1)
    >>> ccd = CCDData(rng.normal(100, 5, (40, 50)), unit="adu")
    >>> ccd.data[20, 10:13] += 2000
    >>> cleaned = ccdcr.cosmicray_median(ccd, size=(9, 3))
    >>> print(cleaned.mask.sum())
    3
    """
    check_ccd(ccd, "ccd")
    size = _options.check_pair_of_integers("size", size)
    _options.check_choice("method", method, ("classic",))
    sigmas = _options.check_thresholds(sigma_peak, sigma_tail, _SIGMAS)
    max_size = _options.check_max_size(max_size)
    choices = ("auto", "median", "local", None)
    _options.check_choice("replacement", replacement, choices)
    replacement = "median" if replacement == "auto" else replacement
    check_add_keyword(add_keyword)
    allowed = allowed_pixels(region, exclude, ccd)
    model = None if reference is None else companion("reference", reference, ccd)

    data, usable = unpack(ccd)
    examined = usable if model is None else usable & model[1]
    smooth = filters.median(data, size, usable) if model is None else model[0]
    with np.errstate(over="ignore", invalid="ignore"):
        difference = data - smooth
    examined = examined & np.isfinite(difference)
    level, sigma = middle_and_sigma(difference[examined])
    peak, tail = (above(difference, level + s * sigma) & examined for s in sigmas)
    found = hysteresis(peak, tail, allowed=allowed, max_size=max_size)
    warn_if_quantised(sigma, found.flagged.sum(), examined)

    values = variances = None
    if replacement is not None:
        values = smooth[found.flagged] + np.float64(level)
        values, variances = _replace(
            ccd, data, usable, found.flagged, size, values, model, replacement
        )
    if allowed is not None:
        examined &= allowed
    out, counts = repack(
        ccd, found.flagged, values, variances, bit=FLAG_LOCAL, not_examined=~examined
    )
    cards = {
        "CCRMETH": method,
        "CCRSIZEY": size[0] if model is None else None,
        "CCRSIZEX": size[1] if model is None else None,
        "CCRREF": "median filter" if model is None else "reference given",
        "CCRPEAK": sigmas[0],
        "CCRTAIL": sigmas[1],
        "CCRMAXSZ": max_size,
        "CCRREG": describe(region, data.shape),
        "CCREXCL": describe(exclude, data.shape),
        "CCRREPL": replacement,
        "CCRNOISE": "none made" if ccd.uncertainty is None else "uncertainty",
        "CCRLEVEL": level,
        "CCRSIGMA": sigma,
        **detection_cards(found),
        **counts,
    }
    record(out, ccd, "cosmicray_median", cards, add_keyword)
    return out


def _replace(ccd, data, usable, flagged, size, values, model, replacement):
    """
    New values of the flagged pixels, and their variances.

    Those of the filtered image are judged by the good pixels of their window.
    """
    noise = None if ccd.uncertainty is None else variance(ccd)
    donors = usable & ~flagged
    if replacement == "local":
        return from_neighbours(data, noise, donors, flagged, GAUSSIAN)
    if model is None:
        return from_neighbours(
            data,
            noise,
            donors,
            flagged,
            np.ones(size),
            values=values,
            efficiency=math.pi / 2,
        )
    _, _, variances = model
    if variances is None:
        return values, np.full(values.size, np.inf)
    return values, np.nan_to_num(variances[flagged], nan=np.inf, posinf=np.inf)
