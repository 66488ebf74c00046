# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Cosmic rays whose truth is known, put into a frame of your own."""

import copy

import numpy as np

from ccdcr import _options
from ccdcr._ccd import repack, unpack, variance
from ccdcr._frames import check_ccd

__all__ = ["inject"]

_THICKNESS = 30.0  # depth of sensitive silicon in micrometres
_PIXEL = 15.0  # its pixels
_STEP = 1.0  # length over which a track is followed in one go
_CHARGE = 75.0  # electrons that a muon frees along a micrometre
_STRAGGLING = 0.2  # relative width of its Moyal distribution from track to track
_DIFFUSION = 0.5  # widest spread of the charge in pixels, at full depth
_SPLITS = 16  # parts of the charge of a step that diffuse by themselves


def inject(ccd, n, *, rng, gain=None):
    r"""
    Add the tracks of muons to a frame.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        Any frame, best one without cosmic rays.
    n : int
        Number of tracks.
    rng : `numpy.random.Generator` or int
        Source of random numbers, or a seed for one.
    gain : float or `~astropy.units.Quantity`, optional
        Electrons per data unit. May be left out if the data are in electron.

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
    ccdcr.cosmicray_report

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
    gain, _ = _options.check_noise(gain, 0.0, ccd.unit)
    rng = np.random.default_rng(rng)
    data, _ = unpack(ccd)
    charge = _tracks(data.shape, n, rng) / gain
    hit = (charge > 0) & np.isfinite(data)
    noise = None
    if ccd.uncertainty is not None:
        noise = variance(ccd, hit) + charge[hit] / gain
    out, _ = repack(
        ccd,
        hit,
        data[hit] + charge[hit],
        noise,
        bit=0,
        not_examined=np.zeros(data.shape, dtype=bool),
    )
    out.mask = None if ccd.mask is None else np.array(ccd.mask)
    out.flags = copy.deepcopy(ccd.flags)
    return out, charge


def _tracks(shape, n, rng):
    """Image in electrons of n muon tracks."""
    # cos^2 times the projected area: the cosine has a density of its third power
    cosine = np.maximum(rng.random(n) ** 0.25, 0.05)
    slope = np.sqrt(1 / cosine**2 - 1)
    azimuth = rng.uniform(0, 2 * np.pi, n)
    start = rng.uniform(-0.5, np.array(shape)[:, None] - 0.5, (2, n))
    moyal = -np.log(rng.normal(size=n) ** 2)  # by its relation to the normal one
    density = _CHARGE * np.maximum(1 + _STRAGGLING * moyal, 0.5)

    n_steps = np.ceil(_THICKNESS / cosine / _STEP).astype(int)
    track = np.repeat(np.arange(n), n_steps * _SPLITS)
    first = np.cumsum(n_steps * _SPLITS) - n_steps * _SPLITS
    fraction = (np.arange(track.size) - first[track]) / (n_steps * _SPLITS)[track]
    along = fraction * _THICKNESS * slope[track] / _PIXEL
    spread = _DIFFUSION * np.sqrt(fraction)
    y, x = (
        begin[track] + along * direction[track] + spread * rng.normal(size=track.size)
        for begin, direction in zip(
            start, (np.sin(azimuth), np.cos(azimuth)), strict=True
        )
    )
    part = density * _THICKNESS / cosine / (n_steps * _SPLITS)
    y, x = np.rint(y).astype(int), np.rint(x).astype(int)
    inside = (y >= 0) & (y < shape[0]) & (x >= 0) & (x < shape[1])
    image = np.zeros(shape)
    np.add.at(image, (y[inside], x[inside]), part[track[inside]])
    return image
