# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Two exposures of the same: what one has and the other has not is a cosmic ray."""

from typing import Literal

from astropy.nddata import CCDData

from ccdcr._difference import difference_method
from ccdcr._typing import Keyword, Region, Saturation, Shift, Value

__all__ = ["cosmicray_pair"]


def cosmicray_pair(
    ccd1: CCDData,
    ccd2: CCDData,
    *,
    shift: Shift | Literal["auto", "auto or 0"] = (0, 0),
    method: Literal["matched", "classic"] = "matched",
    sigma_peak: float | None = None,
    sigma_tail: float | None = None,
    grow: int | bool | None = None,
    max_size: int | None = None,
    region: Region | None = None,
    exclude: Region | None = None,
    scale: float | Literal["auto"] = "auto",
    gain: Value | None = None,
    readnoise: Value | None = None,
    saturation: Saturation = "auto",
    replacement: Literal["auto", "other", "local"] | None = "auto",
    add_keyword: Keyword = True,
) -> tuple[CCDData, CCDData]:
    r"""
    Remove cosmic rays from two equivalent exposures by their difference.

    What one exposure has and the other has not is a cosmic ray. Its pixels are
    replaced from the other exposure, and carry the uncertainty they have there.

    Parameters
    ----------
    ccd1, ccd2 : `~astropy.nddata.CCDData`
        The exposures: two-dimensional, of one shape, in units that convert into
        each other. Pixels are compared with pixels, as ``shift`` says: the WCS is
        not used. For matched, seeing, sky, transparency and exposure time may
        differ; for classic not.
    shift : tuple of float or 'auto', optional
        ``(dy, dx)`` in pixels: ``ccd1[y, x]`` is compared with
        ``ccd2[y - dy, x - dx]``. It is what `scipy.ndimage.shift` would need to
        move ``ccd2`` onto ``ccd1``: a star at ``(y1, x1)`` and ``(y2, x2)`` means
        ``(y1 - y2, x1 - x2)``. Fractions are rounded to the nearest pixel. ``'auto'``:
        as `measure_shift` finds it; ``'auto or 0'``: where that cannot be measured it
        is (0, 0), and a warning says so.
    method : {'matched', 'classic'}, optional
        ``'matched'``: each exposure against what the other says of it, with the
        noise of each pixel, and sources allowed to differ as much as they are seen
        to. ``'classic'``: one threshold for the whole difference image, as in the
        teareduce cookbook.
    sigma_peak, sigma_tail : float, optional
        A pixel is a peak if the difference exceeds its level by more than
        ``sigma_peak`` standard deviations, and belongs to the tail of that peak if
        it is connected with it by pixels that exceed ``sigma_tail``. Default: 5 and
        2.5 for matched, 10 and 3 for classic.
    grow : int or bool, optional
        For matched: rows of neighbours that are taken in around a cosmic ray, where
        its skirt hides in the noise. Default: 1.
    max_size : int, optional
        Detections of more pixels are left alone. Default: no limit.
    region, exclude : optional
        Where to clean and where not to, in pixels of ``ccd1``: a FITS section like
        ``'[1:100,20:40]'``, a tuple of two slices in numpy order, a boolean array,
        a region of the ``regions`` package (sky regions need a WCS), or a list of
        these. Statistics are taken over all pixels all the same.
    scale : float or 'auto', optional
        For matched: flux of the first exposure over that of the second, above the
        sky; measured by default, 1 where there are too few sources.
    gain : float, `~astropy.units.Quantity` or ``ccdproc.Keyword``, optional
        For matched: electrons per data unit, for the noise if neither frame has an
        uncertainty.
    readnoise : float, `~astropy.units.Quantity` or ``ccdproc.Keyword``, optional
        For matched: read noise in electron, likewise.
    saturation : float, `~astropy.units.Quantity`, bool array, 'auto' or None, optional
        For matched: level in the data unit from which pixels are saturated, or a
        mask for both. ``'auto'``: the card SATURATE or SATLEVEL if the unit is adu,
        else the largest number of integer data, else none.
    replacement : {'auto', 'other', 'local', None}, optional
        ``'other'``, which is also ``'auto'``: the pixel of the other exposure plus
        the difference of level. ``'local'``: a Gaussian-weighted mean of good
        neighbours in the same exposure. None: value and uncertainty stay, only
        the mask tells.
    add_keyword : bool, None or dict, optional
        True: what was done is written into the meta. False or None: nothing is
        written. A dict: its items are written instead.

    Returns
    -------
    cleaned1, cleaned2 : `~astropy.nddata.CCDData`
        New frames. What is masked in ``cleaned1`` and was not in ``ccd1`` are the
        cosmic rays of the first (``cosmicray_report(cleaned1, ccd1).mask``). The bits
        of ``flags`` tell how each pixel was treated (1 replaced from the other
        exposure, 2 replaced from its neighbours, 4 not replaced, 8 hit in both, 16
        not examined, 32 looks like a source and was left alone).
        Integers come back as floating numbers.

    Raises
    ------
    TypeError
        If an argument is of a wrong kind.
    ValueError
        If shapes or options do not fit, or the shift leaves nothing to compare, or
        cannot be measured (`ShiftError`).
    astropy.units.UnitsError
        If units do not fit.

    Warns
    -----
    CosmicRayWarning
        If one exposure has an uncertainty and the other has none. For matched also
        if the noise is not as it was said to be; if the sources agree clearly better
        with another shift, or differ by more than can be allowed for; if OBJECT,
        FILTER or, without a scale, EXPTIME differ; if detections are far denser on
        sources than elsewhere, or many of them look like sources.

    See Also
    --------
    cosmicray_stack, measure_shift, cosmicray_median, cosmicray_lacosmic,
    cosmicray_report

    Notes
    -----
    The matched method is described, step by step, in the documentation. Noise comes
    from the uncertainty, else from ``gain`` and ``readnoise``, else from the scatter
    of the difference. Its Laplacian of hits in both is that of L.A.Cosmic [2]_.

    Classic: with :math:`d = I_1 - I_2` over the overlap, :math:`m` its median and
    :math:`s = 0.7413\,(p_{75} - p_{25})`, cosmic rays of the first exposure
    exceed :math:`m + 10 s` at the peak and :math:`m + 3 s` in the tail; those of
    the second lie as far below. They are replaced by :math:`I_2 + m` and
    :math:`I_1 - m`.

    Pixels that are masked or not finite are never flagged, replaced, read as a
    replacement or counted in a statistic, and make their partner in the other
    exposure not examined. Where the uncertainty of the partner is not a number,
    matched replaces a pixel from its neighbours, and classic keeps its value with
    an infinite uncertainty. If neither frame has an uncertainty, none is made.

    A pair cannot know what a cosmic ray is and what has really changed. Matched
    leaves alone what is no sharper than light: changed and new stars and trails
    where the FWHM is 2.5 pixels or more and they stand out well. Do not use it on
    undersampled time series or on resampled frames. With classic, look at what was
    removed around stars and emission lines when seeing or pointing differ; a pixel
    that is hit in both exposures is not seen.

    Classic is ``cr2images`` of teareduce [1]_. Three things differ,
    for the promises made above: masks and non-finite pixels are honoured, integers
    become floating numbers, and outside ``region`` nothing is changed even where
    a cosmic ray reaches out of it.

    References
    ----------
    .. [1] Cardiel N., teareduce cookbook, "Automatic Cosmic Ray Removal in Double
       Exposures".
    .. [2] van Dokkum, P. G. 2001, PASP, 113, 1420, doi:10.1086/323894

    Examples
    --------
    Two exposures of a flat sky of 100, one of them with a hit of three pixels:

    >>> import numpy as np
    >>> from astropy.nddata import CCDData
    >>> import ccdcr
    >>> rng = np.random.default_rng(1)
    >>> first = CCDData(rng.normal(100, 5, (40, 50)), unit="adu")
    >>> second = CCDData(rng.normal(100, 5, (40, 50)), unit="adu")
    >>> first.data[20, 10:13] += 2000
    >>> clean1, clean2 = ccdcr.cosmicray_pair(first, second)
    >>> print(clean1.mask.sum(), clean2.mask.sum())
    15 0
    >>> print(clean1.meta["CCRNPIX"], clean1.meta["CCRREPL"])
    15 other
    """
    options = {
        "method": method,
        "sigma_peak": sigma_peak,
        "sigma_tail": sigma_tail,
        "grow": grow,
        "max_size": max_size,
        "region": region,
        "exclude": exclude,
        "scale": scale,
        "gain": gain,
        "readnoise": readnoise,
        "saturation": saturation,
        "replacement": replacement,
        "add_keyword": add_keyword,
    }
    names = "ccd1", "ccd2", "shift"
    cleaned = difference_method("cosmicray_pair", (ccd1, ccd2), names, [shift], options)
    return tuple(cleaned)
