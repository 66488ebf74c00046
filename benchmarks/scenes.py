# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The scenes of the quality benchmark, and real frames with what is known of them."""

from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.nddata import CCDData, StdDevUncertainty

from ccdcr import simulate

__all__ = ["PAIRS", "STACKS", "footprints", "real_frames"]

_STEPS = [(0, 0), (3, -2), (-2, 4), (1, 1), (-3, -3)]


def _bad_frame(rng, n, kind):
    """Exposures of which the second is bad."""
    sky, light = [300.0] * n, [1.0] * n
    if kind == "cloud":
        sky[1], light[1] = 400.0, 0.6
    scene = simulate.imaging_scene(
        rng=rng, shifts=_STEPS[:n], sky=sky, transparency=light
    )
    if kind == "warm":
        rng = np.random.default_rng(rng)
        at = rng.integers(0, 1024, (2, 200))
        scene.exposures[1].data[tuple(at)] += 10 ** rng.uniform(2, 4, 200)
        scene.charges[1][tuple(at)] += 1e4  # the second alone has them
    return scene


PAIRS = {
    "equal exposures": lambda rng: simulate.imaging_scene(rng=rng),
    "integer shift": lambda rng: simulate.imaging_scene(rng=rng, shifts=_STEPS[:2]),
    "0.3 px shift": lambda rng: simulate.imaging_scene(
        rng=rng, shifts=[(0, 0), (0.3, 0)]
    ),
    "seeing 3.0 -> 3.4 px": lambda rng: simulate.imaging_scene(
        rng=rng, seeing=[3.0, 3.4]
    ),
    "sky 500 -> 560, flux x 0.93": lambda rng: simulate.imaging_scene(
        rng=rng, sky=[500, 560], transparency=[1, 0.93]
    ),
    "half the exposure time": lambda rng: simulate.imaging_scene(
        rng=rng, sky=[400, 200], transparency=[1, 0.5], n_hits=[500, 250]
    ),
    "crowded field": lambda rng: simulate.imaging_scene(
        rng=rng, sky=2000, n_stars=4000, n_hits=800
    ),
    "FWHM 1.3 px, 0.3 px shift": lambda rng: simulate.imaging_scene(
        rng=rng, shifts=[(0, 0), (0.3, 0)], seeing=1.3
    ),
    "many coincident hits": lambda rng: simulate.imaging_scene(
        rng=rng, n_hits=300, n_coincident=200
    ),
    "spectrum, 4 px shift": lambda rng: simulate.spectrum_scene(
        rng=rng, shifts=[(0, 0), (-4, 0)]
    ),
    "spectrum, flexure, seeing": lambda rng: simulate.spectrum_scene(
        rng=rng,
        shifts=[(0, 0), (-4.2, 0.15)],
        seeing=[2.6, 2.9],
        sky_factor=[1, 1.06],
    ),
    "spectrum, thin cloud": lambda rng: simulate.spectrum_scene(
        rng=rng, object_factor=[1, 0.8], sky_factor=[1, 1.1]
    ),
    "spectrum, sky lines vary": lambda rng: simulate.spectrum_scene(
        rng=rng, line_scatter=0.1
    ),
    "spectrum, tilted, curved": lambda rng: simulate.spectrum_scene(
        rng=rng, shifts=[(0, 0), (-4.1, 0.1)], tilt=2, curvature=3
    ),
    "darks, 2000 hits": lambda rng: simulate.dark_scene(rng=rng),
    "no cosmic ray, imaging": lambda rng: simulate.imaging_scene(
        rng=rng,
        shifts=[(0, 0), (0.2, 0)],
        seeing=[3, 3.3],
        transparency=[1, 0.95],
        n_hits=0,
    ),
    "no cosmic ray, spectrum": lambda rng: simulate.spectrum_scene(rng=rng, n_hits=0),
}
STACKS = {
    "three exposures": lambda rng: simulate.imaging_scene(rng=rng, shifts=_STEPS[:3]),
    "five exposures": lambda rng: simulate.imaging_scene(rng=rng, shifts=_STEPS),
    "three, one through cloud": lambda rng: _bad_frame(rng, 3, "cloud"),
    "three, one with warm pixels": lambda rng: _bad_frame(rng, 3, "warm"),
    "five, one through cloud": lambda rng: _bad_frame(rng, 5, "cloud"),
    "three darks, 2000 hits": lambda rng: simulate.dark_scene(rng=rng, n=3),
    "three bias frames": lambda rng: simulate.dark_scene(
        rng=rng, n=3, level=0, n_hits=0
    ),
}


def footprints(folder):
    """
    Images of real cosmic rays in electrons, from darks of a thick CCD.

    Parameters
    ----------
    folder : path-like
        Where ``imsim_cr_catalog`` is.

    Returns
    -------
    stamps : list of 2D `~numpy.ndarray`
        One for each.
    """
    path = Path(folder) / "imsim_cr_catalog" / "cosmic_rays_itl_2017.fits.gz"
    with fits.open(path, memmap=False) as hdus:
        spans = hdus[1].data
        rows = np.array([spans["fp_id"], spans["x0"], spans["y0"]])
        values = [np.array(value, dtype=float) for value in spans["pixel_values"]]
    stamps = []
    for number in np.unique(rows[0]):
        which = np.nonzero(rows[0] == number)[0]
        left, low = rows[1:, which].min(axis=1)
        right = max(rows[1, k] + values[k].size for k in which)
        stamp = np.zeros((rows[2, which].max() - low + 1, right - left))
        for k in which:
            start = rows[1, k] - left
            stamp[rows[2, k] - low, start : start + values[k].size] = values[k]
        stamps.append(stamp)
    return stamps


#: Two equivalent exposures: files, shift, gain, read noise.
_REAL = {
    "SPRAT long slit": ("sprat_set/v_e_20180810_12_{}_0_0", (1, 2), (0, 0), 2.45, 5.1),
    "SBIG nebula spectrum": (
        "st402_sets/L2-sci-neon-1200.{}",
        (0, 1),
        (0, 0),
        1.49,
        14,
    ),
    "SBIG darks, 1200 s": ("st402_sets/L2-dark-neon-1200.{}", (0, 1), (0, 0), 1.49, 14),
    "star field, dithered": (
        "hatp32_dither/HATP-3217122001{}",
        None,
        (-1.7, 0.0),
        1.0,
        2.0,
    ),
}


def real_frames(folder):
    """
    Read real pairs, in electrons with a model of their noise.

    Parameters
    ----------
    folder : path-like
        Where the sets are.

    Yields
    ------
    name : str
        What it is.
    frames : list of `~astropy.nddata.CCDData`
        Two exposures.
    shift : tuple of float
        ``(dy, dx)``.
    readnoise : float
        Electrons.
    """
    for name, (pattern, numbers, shift, gain, readnoise) in _REAL.items():
        if numbers is None:
            paths = sorted(Path(folder).glob(pattern.format("*")))[:2]
        else:
            paths = [Path(folder) / f"{pattern.format(n)}.fits.gz" for n in numbers]
        frames = []
        for path in paths:
            data = fits.getdata(path).astype(np.float32)
            data -= np.percentile(data, 1)  # about the bias; sky hardly matters
            data *= gain
            noise = np.sqrt(data.clip(0) + readnoise**2).astype(np.float32)
            frames.append(
                CCDData(
                    data,
                    unit="electron",
                    uncertainty=StdDevUncertainty(noise),
                    mask=np.zeros(data.shape, dtype=bool),
                )
            )
        yield name, frames, shift, readnoise
