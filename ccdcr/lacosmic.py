# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""One exposure: LACosmic, as astroscrappy does it, around which traps are closed."""

import math
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from ccdcr import _options
from ccdcr._ccd import FLAG_LOCAL, companion, repack, unpack, variance
from ccdcr._frames import check_ccd
from ccdcr._log import check_add_keyword, record
from ccdcr._regions import allowed_pixels, describe
from ccdcr.pixels.detect import not_beside_sources
from ccdcr.pixels.noise import photon_variance, scale_to_unity, scatter
from ccdcr.pixels.replace import GAUSSIAN, fill, from_neighbours
from ccdcr.pixels.saturation import around_saturated

__all__ = ["cosmicray_lacosmic"]

_BORDER = 10  # astroscrappy does not search borders, and fails on tiny images
_SQUARE = np.ones((3, 3), dtype=bool)
_OFFSET = np.arange(-2, 3)
_DISTANCE = np.hypot(_OFFSET[:, None], _OFFSET)
#: For each way of astroscrappy to fill a cosmic ray: the weights of the 5 x 5
#: neighbours, and the variance relative to a mean with these weights. Its fourth
#: way, 'median', reads memory that was never written (1.2 and 1.3).
_CLEANTYPES = {
    "meanmask": (np.ones((5, 5)), 1.0),
    "medmask": (np.ones((5, 5)), math.pi / 2),
    "idw": (1 / np.maximum(_DISTANCE, 1) * (_DISTANCE > 0), 1.0),
}


_CARDS = {
    "sigclip": "CCRSCLIP",
    "sigfrac": "CCRSFRAC",
    "objlim": "CCROBJL",
    "niter": "CCRNITER",
    "sepmed": "CCRSEPM",
    "cleantype": "CCRCLEAN",
    "fsmode": "CCRFSMOD",
    "psfmodel": "CCRPSFM",
    "psffwhm": "CCRPSFW",
    "psfsize": "CCRPSFS",
    "psfk": "CCRPSFK",
    "psfbeta": "CCRPSFB",
}


def cosmicray_lacosmic(
    ccd,
    *,
    sigclip=4.5,
    sigfrac=0.3,
    objlim=5.0,
    niter=4,
    gain=None,
    readnoise=None,
    saturation="auto",
    inbkg=None,
    replacement="auto",
    sepmed=True,
    cleantype="meanmask",
    fsmode="median",
    psfmodel=None,
    psffwhm=None,
    psfsize=None,
    psfk=None,
    psfbeta=None,
    region=None,
    exclude=None,
    add_keyword=True,
):
    """
    Remove cosmic rays from one exposure with LACosmic.

    A thin wrapper of `astroscrappy.detect_cosmics`: the sharp edges of cosmic rays
    tell them from stars and lines. Data stay in their unit; the noise comes from
    the uncertainty of the frame.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        The exposure, two-dimensional. The sky should still be in it (or come as
        ``inbkg``).
    sigclip : float, optional
        Detection limit of the Laplacian, in sigma.
    sigfrac : float, optional
        Limit for neighbours of a cosmic ray, as a fraction of ``sigclip``; at most 1.
    objlim : float, optional
        Least contrast between Laplacian and fine structure. Raise it (to 20 and
        more) where stars are narrower than 2 pixels; 3 to 5 suits wider ones.
    niter : int, optional
        Largest number of iterations.
    gain : float or `~astropy.units.Quantity`, optional
        Electrons per data unit. Used for the noise if the frame has no
        uncertainty, and together with ``inbkg``; the data are never multiplied with
        it. For data in electron it can only be 1.
    readnoise : float or `~astropy.units.Quantity`, optional
        Read noise in electron, for the noise if the frame has no uncertainty.
    saturation : float, `~astropy.units.Quantity`, bool array, 'auto' or None, optional
        Level in the data unit from which pixels are saturated, or the saturated
        pixels: the stars around them are left alone. ``'auto'``: the card SATURATE or
        SATLEVEL if the unit is adu, else the largest number of integer data, else
        none.
    inbkg : `~astropy.nddata.CCDData` or `~numpy.ndarray`, optional
        A model of the background (sky lines, continuum) without cosmic rays, of
        the shape of the data; an array without a unit is in that of the data.
    replacement : {'auto', 'lacosmic', 'local', None}, optional
        ``'lacosmic'``, which is also ``'auto'``: what astroscrappy puts there.
        ``'local'``: a Gaussian-weighted mean of good neighbours. None: value and
        uncertainty stay, only the mask tells.
    sepmed : bool, optional
        Use separable medians: about 3 times faster, nearly the same result.
    cleantype : {'meanmask', 'medmask', 'idw'}, optional
        How astroscrappy fills: mean, median, or inverse-distance weighted mean of
        the good ones among the 5 x 5 pixels.
    fsmode : {'median', 'convolve'}, optional
        How the fine structure is made: by medians, or with a point source.
    psfmodel : {'gauss', 'gaussx', 'gaussy', 'moffat'}, optional
        Point source for ``fsmode='convolve'``. Default: ``'gauss'``.
    psffwhm : float, optional
        Its full width at half maximum in pixels. Default: 2.5.
    psfsize : int, optional
        Size of its image in pixels, odd. Default: 7.
    psfk : 2D `~numpy.ndarray`, optional
        An image of the point source, in place of a model; odd in both directions.
    psfbeta : float, optional
        Exponent of ``psfmodel='moffat'``. Default: 4.765.
    region, exclude : optional
        Where to clean and where not to: a FITS section like ``'[1:100,20:40]'``, a
        tuple of two slices in numpy order, a boolean array, a region of the
        ``regions`` package (sky regions need a WCS), or a list of these.
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
    cosmicray_pair, cosmicray_median, cosmicray_report

    Notes
    -----
    Please cite van Dokkum (2001) [1]_ and astroscrappy [2]_.

    The noise is, in this order: the uncertainty of the frame; ``gain`` and
    ``readnoise``; the scatter between neighbouring pixels, one number for the whole
    frame, which is too small on bright sources. Which it was is in the header.

    Pixels that are masked or not finite are never flagged, replaced or read. They
    are filled from their neighbours before astroscrappy sees them, so that a hit
    beside them is found where the image around is flat. Beside gaps of 2 x 2 pixels
    and more, such as masked cores of stars, nothing is examined. Borders are
    searched too: the frame is reflected at its edges.

    The variance of a replaced pixel is that of the mean (or median) of its good
    neighbours, plus their scatter about the new value beyond their own noise. A
    pixel without a good neighbour keeps its value, and its uncertainty becomes
    infinite. A frame without uncertainty gets none.

    No method that has one exposure only is safe for stars of less than 2 pixels
    FWHM. astroscrappy works in single precision, with OpenMP: set
    ``OMP_NUM_THREADS=1`` where many processes run at once.

    References
    ----------
    .. [1] van Dokkum, P. G. 2001, PASP, 113, 1420, doi:10.1086/323894
    .. [2] McCully, C., et al. 2018, Astropy/Astroscrappy, doi:10.5281/zenodo.1482018

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.nddata import CCDData, StdDevUncertainty
    >>> import ccdcr
    >>> rng = np.random.default_rng(1)
    >>> ccd = CCDData(rng.normal(100, 5, (40, 50)), unit="adu",
    ...               uncertainty=StdDevUncertainty(np.full((40, 50), 5.0)))
    >>> ccd.data[20, 10:13] += 2000
    >>> cleaned = ccdcr.cosmicray_lacosmic(ccd)
    >>> print(cleaned.mask[20, 10:13], cleaned.unit)
    [ True  True  True] adu
    """
    check_ccd(ccd, "ccd")
    options = _check_detection(sigclip, sigfrac, objlim, niter, sepmed, cleantype)
    options |= _check_fine_structure(fsmode, psfmodel, psffwhm, psfsize, psfk, psfbeta)
    choices = ("auto", "lacosmic", "local", None)
    _options.check_choice("replacement", replacement, choices)
    replacement = "lacosmic" if replacement == "auto" else replacement
    check_add_keyword(add_keyword)
    gain, readnoise = _options.check_noise(
        gain, readnoise, ccd.unit, needed=ccd.uncertainty is None
    )
    level, saturated, saturation_source = _options.check_saturation(saturation, ccd)
    background = None if inbkg is None else _check_background(inbkg, ccd)
    allowed = allowed_pixels(region, exclude, ccd)

    data, usable = unpack(ccd)
    noise = None if ccd.uncertainty is None else variance(ccd)
    model = _noise_model(data, usable, noise, gain, readnoise, background)
    with np.errstate(over="ignore"):
        usable &= np.isfinite((data * model.scale).astype(np.float32))
    examined = usable & ~around_saturated(data, usable, level, saturated)
    wide = ndimage.binary_opening(~examined, np.ones((2, 2)))
    examined &= ~ndimage.binary_dilation(wide, _SQUARE)  # astroscrappy is blind there
    hits, clean = _astroscrappy(data, usable, examined, background, model, options)
    flagged = hits if allowed is None else hits & allowed

    donors = examined & ~hits
    if level is not None:
        donors &= data < level
    values, variances = None, None
    if replacement == "local":
        values, variances = from_neighbours(data, noise, donors, flagged, GAUSSIAN)
    elif replacement == "lacosmic":
        near = ndimage.binary_dilation(~usable, np.ones((5, 5)))
        values, variances = _judge(data, noise, donors, flagged, clean, near, cleantype)
    if allowed is not None:
        examined &= allowed
    out, counts = repack(
        ccd, flagged, values, variances, bit=FLAG_LOCAL, not_examined=~examined
    )
    cards = {
        "CCRMETH": "LACosmic (astroscrappy)",
        **{_CARDS[key]: value for key, value in options.items()},
        "CCRPSFK": None if psfk is None else "image given",
        "CCRINBKG": None if inbkg is None else "image given",
        "CCRGAIN": gain,
        "CCRRDN": readnoise,
        "CCRSATUR": level,
        "CCRSATHO": saturation_source,
        "CCRREG": describe(region, data.shape),
        "CCREXCL": describe(exclude, data.shape),
        "CCRREPL": replacement,
        "CCRNOISE": model.source,
        "CCRNOBJ": ndimage.label(flagged, _SQUARE)[1],
        **counts,
    }
    record(out, ccd, "cosmicray_lacosmic", cards, add_keyword)
    return out


def _judge(data, noise, donors, flagged, clean, near, cleantype):
    """
    New values of astroscrappy, and their variances.

    Near bad pixels it has read what was filled in for them: there the mean of the
    good neighbours, with the same weights, is taken.
    """
    weights, efficiency = _CLEANTYPES[cleantype]
    own, _ = from_neighbours(data, None, donors, flagged, weights)
    values = np.where(near[flagged], own, clean[flagged])
    return from_neighbours(
        data, noise, donors, flagged, weights, values=values, efficiency=efficiency
    )


class _NoiseModel(NamedTuple):
    """The noise, in the words of astroscrappy."""

    scale: float  # the image is multiplied with it first
    arguments: dict
    variance: np.ndarray  # in the square of the data unit
    source: str


def _noise_model(data, usable, given, gain, readnoise, background):
    """
    Choose where the noise comes from.

    With a variance the scale of the image is free. It is made such that the noise
    is about 1: astroscrappy holds variances below 1e-5 for zero, which a frame in
    physical units would be. A background is taken for electrons by astroscrappy:
    then the scale is the gain, or if that is not known, what makes the noise of the
    background all photon noise.
    """
    known = usable if given is None else usable & np.isfinite(given)
    typical = np.median(given[known]) if given is not None and known.any() else 0.0
    if typical > 0:
        source = "uncertainty"
        noise = np.maximum(fill(given, known), 0.1 * typical)
    elif gain is not None and readnoise is not None:
        arguments = {"gain": gain, "readnoise": readnoise}
        noise = photon_variance(data, usable, gain, readnoise)
        return _NoiseModel(1.0, arguments, noise, "gain and readnoise")
    else:
        source = "scatter of neighbouring pixels"
        noise = np.full(data.shape, scatter(data, usable) ** 2)
    if background is None:
        scale = scale_to_unity(data, usable, noise)
    elif gain is not None:
        scale = gain
    else:
        light = np.median(background)
        scale = light / np.median(noise) if light > 0 and noise.any() else 1.0
    arguments = {"gain": 1.0, "invar": noise * scale**2}
    return _NoiseModel(scale, arguments, noise, source)


def _astroscrappy(data, usable, examined, background, model, options):
    """
    Call astroscrappy on a frame that has no borders and no bad pixels.

    Returns the hits among the pixels that are examined, and the cleaned image.
    """
    import astroscrappy

    if not examined.any():
        return np.zeros(data.shape, dtype=bool), data
    sky = 0.0 if background is None else background
    image = fill(data - sky, usable) + sky
    arguments = dict(options)
    for name, value in model.arguments.items():
        arguments[name] = _padded(value) if name == "invar" else value
    if background is not None:
        arguments["inbkg"] = _padded(background * model.scale)
    # astroscrappy grows this mask by one pixel, and is blind there: bad pixels that
    # stand alone or in a line are filled instead, so that hits beside them are found
    wide = ndimage.binary_opening(_padded(~examined, bool), _SQUARE)
    inmask = ndimage.binary_erosion(wide, _SQUARE)
    with np.errstate(all="ignore"):
        hits, clean = astroscrappy.detect_cosmics(
            _padded(image * model.scale), inmask=inmask, satlevel=math.inf, **arguments
        )
    inside = np.s_[_BORDER:-_BORDER, _BORDER:-_BORDER]
    hits = not_beside_sources(hits[inside] & examined, ~usable, image, model.variance)
    return hits, clean[inside] / np.float64(model.scale)


def _padded(image, dtype=np.float32):
    with np.errstate(over="ignore"):
        padded = np.pad(image, _BORDER, mode="reflect").astype(dtype)
    return np.ascontiguousarray(padded)


def _check_detection(sigclip, sigfrac, objlim, niter, sepmed, cleantype):
    _options.check_choice("cleantype", cleantype, tuple(_CLEANTYPES))
    if not isinstance(sepmed, (bool, np.bool_)):
        msg = f"sepmed must be True or False, got {sepmed!r}"
        raise TypeError(msg)
    return {
        "sigclip": _options.check_number("sigclip", sigclip),
        "sigfrac": _options.check_number("sigfrac", sigfrac, most=1.0),
        "objlim": _options.check_number("objlim", objlim),
        "niter": _options.check_count("niter", niter),
        "sepmed": bool(sepmed),
        "cleantype": cleantype,
    }


def _check_fine_structure(fsmode, psfmodel, psffwhm, psfsize, psfk, psfbeta):
    """Options of the point source: only those that were given, and that are used."""
    _options.check_choice("fsmode", fsmode, ("median", "convolve"))
    given = {
        "psfmodel": psfmodel,
        "psffwhm": psffwhm,
        "psfsize": psfsize,
        "psfk": psfk,
        "psfbeta": psfbeta,
    }
    given = {name: value for name, value in given.items() if value is not None}
    if given and fsmode != "convolve":
        msg = f"{', '.join(given)} must come with fsmode='convolve', got {fsmode!r}"
        raise ValueError(msg)
    if psfk is not None and len(given) > 1:
        others = ", ".join(name for name in given if name != "psfk")
        msg = f"psfk must come without options of a model, got {others}, too"
        raise ValueError(msg)
    if psfbeta is not None and psfmodel != "moffat":
        msg = f"psfbeta must come with psfmodel='moffat', got {psfmodel!r}"
        raise ValueError(msg)
    if psfmodel is not None:
        models = ("gauss", "gaussx", "gaussy", "moffat")
        _options.check_choice("psfmodel", psfmodel, models)
    for name in {"psffwhm", "psfbeta"} & set(given):
        given[name] = _options.check_number(name, given[name])
    if psfsize is not None and _options.check_count("psfsize", psfsize) % 2 == 0:
        msg = f"psfsize must be odd, got {psfsize!r}"
        raise ValueError(msg)
    if psfk is not None:
        given["psfk"] = _check_kernel(psfk)
    return {"fsmode": fsmode, **given}


def _check_kernel(psfk):
    kernel = np.asarray(psfk)
    if kernel.dtype.kind not in "iuf":
        msg = f"psfk must be an array of numbers, got dtype {kernel.dtype}"
        raise TypeError(msg)
    odd = kernel.ndim == 2 and all(length % 2 for length in kernel.shape)
    if not (odd and np.isfinite(kernel).all()):
        msg = (
            "psfk must be two-dimensional, odd in both directions and finite, "
            f"got shape {kernel.shape}"
        )
        raise ValueError(msg)
    return np.ascontiguousarray(kernel, dtype=np.float32)


def _check_background(inbkg, ccd):
    """The background in the unit of the data; holes in it are filled."""
    values, usable, _ = companion("inbkg", inbkg, ccd)
    if not usable.any():
        msg = "inbkg must hold finite pixels, got none"
        raise ValueError(msg)
    return fill(values, usable)
