# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""One exposure: LACosmic, as astroscrappy does it, around which traps are closed."""

import functools
from typing import Literal, NamedTuple

import numpy as np
from astropy.nddata import CCDData

from ccdcr import _options
from ccdcr._astroscrappy import detect
from ccdcr._ccd import FLAG_LOCAL, companion, own_arithmetic, repack, unpack, variance
from ccdcr._frames import check_ccd
from ccdcr._lacosmic_options import (
    CARDS,
    CLEANTYPES,
    check_detection,
    check_fine_structure,
)
from ccdcr._log import check_add_keyword, record
from ccdcr._regions import allowed_pixels, describe
from ccdcr._single import (
    caution_of_lines,
    caution_of_many,
    caution_of_stars,
    centre,
    measure_noise,
    tell,
)
from ccdcr._typing import Image, Keyword, Region, Saturation, Value
from ccdcr.pixels.detect import choose, left_alone
from ccdcr.pixels.filters import near, strips
from ccdcr.pixels.median_network import box_median
from ccdcr.pixels.replace import fill, from_neighbours
from ccdcr.pixels.saturation import around_saturated
from ccdcr.pixels.sharpness import contrast_of_stars
from ccdcr.pixels.single import expected_noise
from ccdcr.pixels.skirt import fill_if_plausible, take_in_skirts
from ccdcr.pixels.slit import lines_and_traces, variance_of_lines_and_traces

__all__ = ["cosmicray_lacosmic"]

_SHARP_STARS = 20.0  # objlim that is meant for them; half of it for less sharp ones
_SHARP = 5.0  # least contrast that is safe for the former


def cosmicray_lacosmic(
    ccd: CCDData,
    *,
    sigclip: float = 4.5,
    sigfrac: float = 0.3,
    objlim: float = 5.0,
    niter: int = 4,
    gain: Value | None = None,
    readnoise: Value | None = None,
    saturation: Saturation = "auto",
    inbkg: Image | None = None,
    dispersion_axis: Literal[0, 1] | None = None,
    grow: int | None = None,
    replacement: Literal["auto", "lacosmic", "local"] | None = "auto",
    sepmed: bool = True,
    cleantype: Literal["meanmask", "medmask", "idw"] = "meanmask",
    fsmode: Literal["median", "convolve"] = "median",
    psfmodel: Literal["gauss", "gaussx", "gaussy", "moffat"] | None = None,
    psffwhm: float | None = None,
    psfsize: int | None = None,
    psfk: np.ndarray | None = None,
    psfbeta: float | None = None,
    region: Region | None = None,
    exclude: Region | None = None,
    add_keyword: Keyword = True,
) -> CCDData:
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
    gain : float, `~astropy.units.Quantity` or ``ccdproc.Keyword``, optional
        Electrons per data unit. Used for the noise if the frame has no
        uncertainty, and together with ``inbkg``; the data are never multiplied with
        it. For data in electron it can only be 1.
    readnoise : float, `~astropy.units.Quantity` or ``ccdproc.Keyword``, optional
        Read noise in electron, for the noise if the frame has no uncertainty.
    saturation : float, `~astropy.units.Quantity`, bool array, 'auto' or None, optional
        Level in the data unit from which pixels are saturated, or the saturated
        pixels: the stars around them are left alone. ``'auto'``: the card SATURATE or
        SATLEVEL if the unit is adu, else the largest number of integer data, else
        none.
    inbkg : `~astropy.nddata.CCDData` or `~numpy.ndarray`, optional
        A model of the background (sky lines, continuum) without cosmic rays, of
        the shape of the data; an array without a unit is in that of the data.
    dispersion_axis : {0, 1}, optional
        For long-slit spectra: the numpy axis along which wavelength runs, 1 if it
        runs along rows. What goes on along the slit (sky lines) and along the
        dispersion (continua) is subtracted first and put back at the end, in place
        of ``inbkg``. Default: an image.
    grow : int, optional
        How often neighbours of cosmic rays that stick out by 2 sigma of what is around
        are taken in: astroscrappy leaves the faint rims. 2 is a good number.
        Default: 0, never.
    replacement : {'auto', 'lacosmic', 'local', None}, optional
        ``'lacosmic'``: what astroscrappy puts there; within two pixels of bad or of
        grown ones, whose values it has read, a mean with the same weights.
        ``'local'``: a Gaussian-weighted mean of good neighbours, on plain sky of those
        that are not beside a cosmic ray. None: value and uncertainty stay, only the
        mask tells. ``'auto'``: lacosmic, and local with ``grow``.
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
        or stars are too sharp for ``objlim``.

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
    options = check_detection(sigclip, sigfrac, objlim, niter, sepmed, cleantype)
    options |= check_fine_structure(fsmode, psfmodel, psffwhm, psfsize, psfk, psfbeta)
    choices = ("auto", "lacosmic", "local", None)
    _options.check_choice("replacement", replacement, choices)
    grow = _options.check_grow(grow, 0, on=2)
    if replacement == "auto":
        replacement = "local" if grow else "lacosmic"
    check_add_keyword(add_keyword)
    gain, readnoise = _options.check_noise(
        gain, readnoise, ccd, needed=ccd.uncertainty is None
    )
    level, saturated, saturation_source = _options.check_saturation(saturation, ccd)
    axis = _options.check_axis(dispersion_axis)
    if axis is not None and inbkg is not None:
        msg = "inbkg must be left out with dispersion_axis, got both"
        raise ValueError(msg)
    with own_arithmetic():
        background = None if inbkg is None else _check_background(inbkg, ccd)
    allowed = allowed_pixels(region, exclude, ccd)

    settings = {
        "grow": grow,
        "axis": axis,
        "gain": gain,
        "readnoise": readnoise,
        "level": level,
        "saturated": saturated,
        "replacement": replacement,
    }
    with own_arithmetic():
        out, measured, cautions = _clean(ccd, allowed, background, settings, options)
    cards = {
        "CCRMETH": "LACosmic (astroscrappy)",
        **{CARDS[key]: value for key, value in options.items()},
        "CCRPSFK": None if psfk is None else "image given",
        "CCRINBKG": None if inbkg is None else "image given",
        "CCRGROW": grow,
        "CCRDISP": axis,
        "CCRGAIN": gain,
        "CCRRDN": readnoise,
        "CCRSATUR": level,
        "CCRSATHO": saturation_source,
        "CCRREG": describe(region, ccd.data.shape),
        "CCREXCL": describe(exclude, ccd.data.shape),
        "CCRREPL": replacement,
        "CCRWARN": tell(cautions),
        **measured,
    }
    record(out, ccd, "cosmicray_lacosmic", cards, add_keyword)
    return out


def _clean(ccd, allowed, background, settings, options):
    """Clean a checked frame; what was measured for its header, and what to warn of."""
    data, usable = unpack(ccd)
    noise = measure_noise(ccd, data, usable, settings["gain"], settings["readnoise"])
    scale, arguments = _noise_arguments(noise, background, settings)
    for part in strips(data.shape):
        with np.errstate(over="ignore"):
            usable[part] &= np.isfinite((data[part] * scale).astype(np.float32))
    star = around_saturated(data, usable, settings["level"], settings["saturated"])
    examined = _beside_no_gaps(usable & ~star)
    images = data, usable, examined, noise
    hits, clean, work = _search(
        *images, background, scale, arguments, settings, options
    )
    suspects = left_alone(hits, star)
    hits &= ~suspects
    sharp, spectrum = {}, settings["axis"] is not None
    if not spectrum and hits.any() and options["objlim"] < _SHARP_STARS:
        sharp = _caution_of_stars(data, noise, usable, options["objlim"])
    may_be = examined & ~suspects
    flagged, values, variances = _replaced(
        ccd,
        (data, usable, may_be, noise),
        hits,
        clean,
        work,
        allowed,
        settings,
        options,
    )
    if allowed is not None:
        examined = examined & allowed
    out, counts = repack(
        ccd,
        flagged,
        values,
        variances,
        bit=FLAG_LOCAL,
        not_examined=~examined,
        suspects=suspects & examined,
    )
    counts["CCRNSUSP"] = np.count_nonzero(suspects & examined)
    numbers = counts["CCRNPIX"], np.count_nonzero(examined)
    cautions = noise.cautions | ({} if work is None else caution_of_lines(work.misfit))
    cautions |= caution_of_many(*numbers, spectrum, least=1000) | sharp
    return out, {"CCRNOISE": noise.source, **counts}, cautions


def _search(
    data, usable, examined, noise, background, scale, arguments, settings, options
):
    """Hits; what gives the cleaned image in some pixels; a spectrum less its lines."""
    if settings["axis"] is not None and examined.any():
        work = _work(data, usable, noise, settings["axis"])
        return *_of_spectrum(work, usable, examined, noise, options), work
    hits, clean = detect(
        data, usable, examined, noise, background, scale, arguments | options
    )

    def cleaned(at):
        return clean[at] / np.float64(scale)

    return hits, cleaned, None


def _beside_no_gaps(examined):
    """All but gaps of 2 x 2 pixels and what is beside: astroscrappy is blind there."""
    gaps, wide = ~examined, np.zeros_like(examined)
    rows = gaps[1:] & gaps[:-1]
    wide[:-1, :-1] = rows[:, 1:] & rows[:, :-1]
    return examined & ~near(wide, (4, 4)) if wide.any() else examined


def _of_spectrum(work, usable, examined, noise, options):
    """In units of the noise, since astroscrappy smooths a variance across lines."""
    sigma = np.sqrt(work.expected)
    unit, ones = noise.unit, noise._replace(unit=1.0, variance=np.ones_like(sigma))
    arguments = {"gain": 1.0} | options
    hits, clean = detect(
        work.flat / sigma, usable, examined, ones, None, 1.0, arguments
    )

    def cleaned(at):
        return (clean[at] * sigma[at] + work.lines[at]) / np.float64(unit)

    return hits, cleaned


class _Work(NamedTuple):
    """A frame less its lines, such that its noise is about 1."""

    flat: np.ndarray
    lines: np.ndarray | float
    expected: np.ndarray  # variance at the level of the surroundings
    misfit: float


def _work(data, usable, noise, axis):
    """Lines, and the expected variance, which overwrites the noise."""
    flat = image = fill(data, usable)
    image *= noise.unit
    lines, misfit = 0.0, 1.0
    if axis is not None:
        lines, misfit = lines_and_traces(image, noise.variance, usable, axis)
        flat = image - lines
    smooth = around = box_median(flat, (5, 5), "mirror")
    if axis is not None:
        smooth, around = lines + smooth, None
    expected, _ = expected_noise(image, noise.variance, usable, smooth, around)
    return _Work(flat, lines, expected, misfit)


def _replaced(ccd, images, hits, clean, work, allowed, settings, options):
    """The pixels to flag; their new values, and their variances if there are any."""
    data, usable, may_be, noise = images
    cleaned, grow, local = hits, settings["grow"], settings["replacement"] == "local"
    if work is None and (grow or local) and hits.any():
        work = _work(data, usable, noise, settings["axis"])
    if grow and hits.any():
        hits = take_in_skirts(work.flat, work.expected, hits, may_be, grow)
    flagged, _ = choose(hits, allowed, None)
    if settings["replacement"] is None:
        return flagged, None, None
    donors = may_be & ~hits
    if settings["level"] is not None:
        donors &= data < settings["level"]
    if local and flagged.any():
        return _local(ccd, work, noise.unit, donors, flagged)
    own = near(~usable | (hits & ~cleaned), (5, 5))
    given = own[flagged], clean(flagged)
    values, variances = _judge(ccd, data, given, donors, flagged, options)
    return flagged, values, variances


def _local(ccd, work, unit, donors, flagged):
    """What is plausible; its values from good neighbours, and variances if any."""
    noise = work.expected
    if ccd.uncertainty is not None:
        noise = functools.partial(_scaled_variance, ccd, unit)
    flagged, values, variances = fill_if_plausible(
        work.flat, noise, work.expected, donors, flagged
    )
    if np.ndim(work.lines):
        values += work.lines[flagged]
        variances += variance_of_lines_and_traces(work.flat, work.expected, flagged)
    values, variances = values / unit, variances / unit**2
    return flagged, values, None if ccd.uncertainty is None else variances


def _scaled_variance(ccd, unit, at):
    return variance(ccd, at) * unit**2


def _judge(ccd, data, given, donors, flagged, options):
    """
    New values of astroscrappy, and their variances if there are any.

    Near bad pixels it has read what was filled in for them, and near what was grown
    its charge: there the mean of the good neighbours, with the same weights, is taken.
    """
    weights, efficiency = CLEANTYPES[options["cleantype"]]
    mean, _ = from_neighbours(data, None, donors, flagged, weights)
    values = np.where(given[0], mean, given[1])
    noise = None if ccd.uncertainty is None else functools.partial(variance, ccd)
    return from_neighbours(
        data, noise, donors, flagged, weights, values=values, efficiency=efficiency
    )


def _caution_of_stars(data, noise, usable, objlim):
    """Look at the centre of the frame."""
    part = centre(data.shape)
    usable = usable[part]
    if not usable.any():
        return {}
    image = fill(data[part], usable) * noise.unit
    contrast = contrast_of_stars(image, noise.variance[part], usable)
    needed = _SHARP_STARS if contrast > _SHARP else _SHARP_STARS / 2
    if objlim >= needed:
        return {}
    return caution_of_stars(
        contrast,
        f"with objlim={objlim:g} many of them are taken for cosmic rays (raise it to "
        f"{needed:g} and more)",
    )


def _noise_arguments(noise, background, settings):
    """
    What the image is multiplied with, and the noise in the words of astroscrappy.

    With a variance the scale of the image is free. It is made such that the noise
    is about 1: astroscrappy holds variances below 1e-5 for zero, which a frame in
    physical units would be. A background is taken for electrons by astroscrappy:
    then the scale is the gain, or if that is not known, what makes the noise of the
    background all photon noise.
    """
    gain, readnoise = settings["gain"], settings["readnoise"]
    if noise.source == "gain and readnoise" and settings["axis"] is None:
        return 1.0, {"gain": gain, "readnoise": readnoise}
    if background is None:
        scale = noise.unit
    elif gain is not None:
        scale = gain
    else:
        light, typical = np.median(background), np.median(noise.variance)
        known = light > 0 and typical > 0
        scale = float(light * noise.unit**2 / typical) if known else 1.0
    return scale, {"gain": 1.0}


def _check_background(inbkg, ccd):
    """The background in the unit of the data; holes in it are filled."""
    values, usable, _ = companion("inbkg", inbkg, ccd)
    if not usable.any():
        msg = "inbkg must hold finite pixels, got none"
        raise ValueError(msg)
    return fill(values, usable)
