# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Frames whose truth is known, cosmic rays for your own frames, and scores."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from astropy.nddata import CCDData, StdDevUncertainty, VarianceUncertainty

from ccdcr import _options, _scenes
from ccdcr._ccd import repack, unpack, variance
from ccdcr._frames import check_ccd
from ccdcr._scores import Score, score
from ccdcr._tracks import cosmic_rays, footprint_image
from ccdcr._typing import Shift, Value

__all__ = [
    "Scene",
    "Score",
    "dark_scene",
    "imaging_scene",
    "inject",
    "score",
    "spectrum_scene",
]


@dataclass(frozen=True)
class Scene:
    """
    Exposures of one thing, and the truth about them; all in electrons.

    Attributes
    ----------
    exposures : list of `~astropy.nddata.CCDData`
        What an observer has: data, uncertainty, mask of known bad pixels.
    truths : list of `~astropy.nddata.CCDData`
        The same without noise and cosmic rays, and the true variance.
    charges : list of 2D `~numpy.ndarray`
        What cosmic rays added.
    shifts : list of tuple of float
        ``(dy, dx)`` of each exposure relative to the first.
    sources : list of 2D bool `~numpy.ndarray`
        Where sources exceed 5 sigma of the noise of the sky.
    """

    exposures: list = field(default_factory=list)
    truths: list = field(default_factory=list)
    charges: list = field(default_factory=list)
    shifts: list = field(default_factory=list)
    sources: list = field(default_factory=list)


def imaging_scene(
    *,
    rng: np.random.Generator | int,
    shape: tuple[int, int] = (1024, 1024),
    shifts: Sequence[Shift] = ((0, 0), (0, 0)),
    sky: float | Sequence[float] = 300.0,
    seeing: float | Sequence[float] = 3.0,
    transparency: float | Sequence[float] = 1.0,
    n_stars: int = 500,
    n_galaxies: int = 60,
    n_saturated: int = 3,
    n_hits: int | Sequence[int] = 500,
    n_coincident: int = 0,
    readnoise: float = 5.0,
    saturation: float = 65000.0,
) -> Scene:
    """
    Simulate exposures of a field of stars and galaxies.

    Parameters
    ----------
    rng : `numpy.random.Generator` or int
        Source of random numbers, or a seed for one.
    shape : tuple of int, optional
        Rows and columns.
    shifts : list of tuple of float, optional
        ``(dy, dx)`` of each exposure relative to the first, also fractions: one
        exposure is made for each.
    sky, seeing, transparency : float or list of float, optional
        Electrons of sky per pixel; FWHM of stars in pixels; factor on all sources.
        A list gives one for each exposure.
    n_stars, n_galaxies, n_saturated : int, optional
        Number of stars of 600 to 600 000 electrons, of galaxies, and of stars that
        saturate.
    n_hits : int or list of int, optional
        Cosmic rays in each exposure.
    n_coincident : int, optional
        Cosmic rays in each exposure that begin at the same pixels.
    readnoise : float, optional
        Electrons.
    saturation : float, optional
        Electrons at which pixels are full.

    Returns
    -------
    scene : Scene
        The exposures and their truth.

    See Also
    --------
    spectrum_scene, dark_scene, inject

    Examples
    --------
    >>> from ccdcr import simulate
    >>> scene = simulate.imaging_scene(rng=1, shape=(100, 100), n_stars=5, n_hits=10)
    >>> len(scene.exposures), scene.exposures[0].unit
    (2, Unit("electron"))
    """
    rng = np.random.default_rng(rng)
    star = _places(shape, n_stars, rng)
    flux = 600 * (1 - rng.random(n_stars) * (1 - 1000**-0.75)) ** (-1 / 0.75)
    bright = _places(shape, n_saturated, rng)
    bright_flux = rng.uniform(2e6, 5e6, n_saturated)
    galaxy = _places(shape, n_galaxies, rng)
    look = (
        10 ** rng.uniform(3.3, 5, n_galaxies),
        rng.uniform(2, 7, n_galaxies),
        rng.uniform(0.3, 1, n_galaxies),
        rng.uniform(0, np.pi, n_galaxies),
    )
    detector = _bad_pixels(shape, rng)
    common = rng.uniform(0, np.array(shape)[:, None], (2, n_coincident))
    scene = Scene()
    n = len(shifts)
    for k, (dy, dx) in enumerate(shifts):
        fwhm = _each("seeing", seeing, n)[k]
        light = np.zeros(shape)
        _scenes.add_stars(light, star[0] - dy, star[1] - dx, flux, fwhm)
        _scenes.add_stars(light, bright[0] - dy, bright[1] - dx, bright_flux, fwhm)
        _scenes.add_galaxies(light, galaxy[0] - dy, galaxy[1] - dx, *look, fwhm)
        light *= _each("transparency", transparency, n)[k]
        background = _each("sky", sky, n)[k]
        charge = cosmic_rays(shape, _each("n_hits", n_hits, n)[k], rng)
        charge += cosmic_rays(shape, n_coincident, rng, places=common)
        _expose(
            scene,
            light,
            background,
            charge,
            detector,
            readnoise,
            saturation,
            (dy, dx),
            rng,
        )
    return scene


def spectrum_scene(
    *,
    rng: np.random.Generator | int,
    shape: tuple[int, int] = (250, 1024),
    shifts: Sequence[Shift] = ((0, 0), (0, 0)),
    seeing: float | Sequence[float] = 2.6,
    object_factor: float | Sequence[float] = 1.0,
    sky_factor: float | Sequence[float] = 1.0,
    line_scatter: float = 0.0,
    tilt: float = 0.3,
    curvature: float = 0.0,
    n_hits: int | Sequence[int] = 120,
    readnoise: float = 4.0,
    saturation: float = 65000.0,
) -> Scene:
    """
    Simulate exposures of a long-slit spectrum.

    Forty-five sky lines, the continuum of a point source, nine emission lines of an
    extended object, and a slit with defects, which a flat field has corrected.

    Parameters
    ----------
    rng : `numpy.random.Generator` or int
        Source of random numbers, or a seed for one.
    shape : tuple of int, optional
        Rows (along the slit) and columns (along the wavelength).
    shifts : list of tuple of float, optional
        ``(dy, dx)`` of each exposure relative to the first, also fractions: one
        exposure is made for each.
    seeing : float or list of float, optional
        FWHM in pixels, along the slit and of the lines.
    object_factor, sky_factor : float or list of float, optional
        Factors on the object and on the sky, one for each exposure.
    line_scatter : float, optional
        Each sky line varies between exposures by this fraction, by itself.
    tilt : float, optional
        Tilt of the lines in degrees.
    curvature : float, optional
        Columns by which the ends of the slit lie off.
    n_hits : int or list of int, optional
        Cosmic rays in each exposure.
    readnoise : float, optional
        Electrons.
    saturation : float, optional
        Electrons at which pixels are full.

    Returns
    -------
    scene : Scene
        The exposures and their truth.

    See Also
    --------
    imaging_scene, dark_scene, inject

    Examples
    --------
    >>> from ccdcr import simulate
    >>> scene = simulate.spectrum_scene(rng=1, shifts=[(0, 0), (-4, 0)])
    >>> scene.exposures[1].shape
    (250, 1024)
    """
    rng = np.random.default_rng(rng)
    line_x = rng.uniform(0, shape[1], 45)
    line_flux = 50 * 100 ** (rng.random(45) ** 2)
    lines = _object_lines(shape, rng)
    colour = tuple(rng.permutation([800.0, 2500.0]))
    transmission = np.ones(shape[0])
    defects = rng.random(shape[0]) < 0.05
    transmission[defects] = rng.uniform(0.45, 0.85, defects.sum())
    detector = _bad_pixels(shape, rng)
    scene = Scene()
    n = len(shifts)
    for k, shift in enumerate(shifts):
        fwhm = _each("seeing", seeing, n)[k]
        strengths = line_flux * (1 + line_scatter * rng.normal(size=45) * (k > 0))
        background = 15.0 + _scenes.sky_lines(
            shape, line_x, strengths, fwhm, np.tan(np.radians(tilt)), curvature, shift
        )
        background *= _each("sky_factor", sky_factor, n)[k]
        light = _scenes.trace(shape, shape[0] * 0.4, colour, fwhm, shift)
        light += _scenes.emission_lines(shape, lines, fwhm, shift)
        light *= _each("object_factor", object_factor, n)[k]
        charge = cosmic_rays(shape, _each("n_hits", n_hits, n)[k], rng)
        _expose(
            scene,
            light,
            background,
            charge / transmission[:, None],
            detector,
            readnoise,
            saturation,
            shift,
            rng,
            transmission[:, None],
        )
    return scene


def dark_scene(
    *,
    rng: np.random.Generator | int,
    shape: tuple[int, int] = (1024, 1024),
    n: int = 2,
    level: float = 20.0,
    n_hits: int | Sequence[int] = 2000,
    readnoise: float = 5.0,
) -> Scene:
    """
    Simulate dark frames with warm pixels that no mask knows of.

    Parameters
    ----------
    rng : `numpy.random.Generator` or int
        Source of random numbers, or a seed for one.
    shape : tuple of int, optional
        Rows and columns.
    n : int, optional
        Number of frames.
    level : float, optional
        Electrons of dark current.
    n_hits : int or list of int, optional
        Cosmic rays in each frame.
    readnoise : float, optional
        Electrons.

    Returns
    -------
    scene : Scene
        The frames and their truth.

    See Also
    --------
    imaging_scene, spectrum_scene, inject

    Examples
    --------
    >>> from ccdcr import simulate
    >>> scene = simulate.dark_scene(rng=1, shape=(64, 64), n_hits=5)
    >>> len(scene.charges)
    2
    """
    rng = np.random.default_rng(rng)
    warm = np.zeros(shape)
    hot = rng.random(shape) < 0.002
    warm[hot] = 10 ** rng.uniform(1, 3, hot.sum())
    detector = np.zeros(shape), np.zeros(shape, dtype=bool)
    scene = Scene()
    for k in range(n):
        hits = _each("n_hits", n_hits, n)[k]
        charge = cosmic_rays(shape, hits, rng, thickness=40.0)
        _expose(
            scene, warm, level, charge, detector, readnoise, np.inf, (0.0, 0.0), rng
        )
    return scene


def _each(name, value, n):
    """One value for each exposure."""
    values = np.broadcast_to(value, (n,)) if np.ndim(value) == 0 else value
    if len(values) != n:
        msg = f"{name} must be one number or one for each of {n} exposures, got {value}"
        raise ValueError(msg)
    return values


def _places(shape, n, rng):
    return rng.uniform(-10, np.array(shape)[:, None] + 10, (2, n))


def _bad_pixels(shape, rng):
    """Hot pixels and two bad columns: what they add, and where they are."""
    bad = rng.random(shape) < 2e-4
    bad[:, rng.integers(0, shape[1], 2)] = True
    extra = np.where(bad, rng.uniform(500, 50000, shape), 0.0)
    return extra, bad


def _object_lines(shape, rng):
    lines = []
    for flux in np.geomspace(400, 40000, 9):
        clumps = [
            (rng.uniform(-20, 20), rng.uniform(0.3, 2), rng.uniform(1.5, 4))
            for _ in range(3)
        ]
        column = rng.uniform(0.05, 0.95) * shape[1]
        row, extent = shape[0] * 0.65, rng.uniform(3, 12)
        lines.append((row, column, flux, extent, rng.uniform(1, 4), clumps))
    return lines


def _expose(
    scene,
    light,
    background,
    charge,
    detector,
    readnoise,
    saturation,
    shift,
    rng,
    transmission=1.0,
):
    """Add an exposure to a scene: noise, saturation, uncertainty, mask."""
    truth = light + background
    true_variance = truth / transmission + (readnoise / transmission) ** 2
    data = rng.normal(truth, np.sqrt(true_variance)) + charge + detector[0]
    data = np.minimum(data, saturation)
    estimate = data.clip(0) / transmission + (readnoise / transmission) ** 2
    bad = detector[1]
    scene.exposures.append(
        CCDData(
            data.astype(np.float32),
            unit="electron",
            uncertainty=StdDevUncertainty(np.sqrt(estimate).astype(np.float32)),
            mask=bad.copy(),
            meta={"SATURATE": float(saturation)} if np.isfinite(saturation) else {},
        )
    )
    scene.truths.append(
        CCDData(
            np.minimum(truth, saturation),
            unit="electron",
            uncertainty=VarianceUncertainty(true_variance),
            mask=bad | (truth > 0.9 * saturation),
        )
    )
    scene.charges.append(charge)
    scene.shifts.append(tuple(shift))
    sky_noise = np.sqrt(np.median(true_variance))
    scene.sources.append(light > 5 * sky_noise)


def inject(
    ccd: CCDData,
    n: int,
    *,
    rng: np.random.Generator | int,
    gain: Value | None = None,
    footprints: Sequence[np.ndarray] | None = None,
) -> tuple[CCDData, np.ndarray]:
    r"""
    Add cosmic rays to a frame.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        Any frame, best one without cosmic rays.
    n : int
        Number of cosmic rays.
    rng : `numpy.random.Generator` or int
        Source of random numbers, or a seed for one.
    gain : float or `~astropy.units.Quantity`, optional
        Electrons per data unit. May be left out if the data are in electron.
    footprints : list of 2D `~numpy.ndarray`, optional
        Images of single cosmic rays in electrons, for example real ones, of which
        some are chosen. Default: simulated tracks of muons.

    Returns
    -------
    injected : `~astropy.nddata.CCDData`
        A new frame, in floating numbers. The variance is raised by the photon noise
        of the added charge, as if it had been computed from the frame itself; the
        mask is not touched.
    charge : 2D `~numpy.ndarray`
        What was added, in the data unit: the truth.

    Raises
    ------
    TypeError
        If an argument is of a wrong kind.
    ValueError
        If ``n`` is negative, or the gain is missing or of no use.
    astropy.units.UnitsError
        If units do not fit.

    See Also
    --------
    imaging_scene, spectrum_scene, dark_scene

    Notes
    -----
    Directions follow the cosine law of muons at sea level, :math:`\cos^2\theta`,
    times the area that the detector shows; the charge is 75 electrons per
    micrometre on the way through 30 micrometres of silicon in 15 micrometre
    pixels, with a Moyal distribution [1]_, and diffuses the more the deeper it is
    set free. Masked and non-finite pixels get charge like others; they stay
    masked or not finite.

    References
    ----------
    .. [1] Groom, D. 2002, Experimental Astronomy, 14, 45,
       doi:10.1023/A:1026196806990

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.nddata import CCDData
    >>> from ccdcr import simulate
    >>> ccd = CCDData(np.full((100, 100), 50.0), unit="electron")
    >>> injected, charge = simulate.inject(ccd, 5, rng=1)
    >>> print(np.allclose(injected.data - charge, 50))
    True
    """
    check_ccd(ccd, "ccd")
    n = _options.check_count("n", n, least=0)
    gain, _ = _options.check_noise(gain, 0.0, ccd)
    rng = np.random.default_rng(rng)
    data, _ = unpack(ccd)
    if footprints is None:
        charge = cosmic_rays(data.shape, n, rng, muons_only=True) / gain
    else:
        charge = footprint_image(data.shape, n, rng, footprints) / gain
    hit = (charge > 0) & np.isfinite(data)
    noise = None
    if ccd.uncertainty is not None:
        noise = variance(ccd, hit) + charge[hit] / gain
    nowhere = np.zeros(data.shape, dtype=bool)
    new = data[hit] + charge[hit]
    out, _ = repack(ccd, hit, new, noise, bit=0, not_examined=nowhere)
    out.mask = None if ccd.mask is None else np.array(ccd.mask)
    out.flags = copy.deepcopy(ccd.flags)
    return out, charge
