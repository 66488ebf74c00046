# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
A night from raw frames to one image: ccdproc, with the cosmic rays taken out by ccdcr.

    python night.py [--frames 4] [--folder night]

Raw frames are simulated first, so that the result can be compared with the truth.
"""

import argparse
import warnings
from pathlib import Path

import ccdproc
import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.nddata import StdDevUncertainty
from astropy.stats import mad_std

import ccdcr
from ccdcr import simulate

GAIN = 1.6 * u.electron / u.adu
READNOISE = 6.0 * u.electron
CLIPPING = {
    "sigma_clip": True,
    "sigma_clip_low_thresh": 5,
    "sigma_clip_high_thresh": 5,
    "sigma_clip_func": np.ma.median,
    "sigma_clip_dev_func": mad_std,
}


def take_frames(folder, n, *, seed=1, shape=(200, 200)):
    """
    Write raw bias, dark, flat and n science frames.

    Returns the mean of the science frames without noise and cosmic rays, in electrons,
    and the noise that this mean must have after reduction.
    """
    rng = np.random.default_rng(seed)
    seeing = 3.0 + 0.2 * np.sin(np.arange(n))
    field = simulate.imaging_scene(
        rng=rng,
        shape=shape,
        shifts=[(0, 0)] * n,
        sky=200.0,
        seeing=list(seeing),
        n_stars=60,
        n_galaxies=6,
        n_saturated=0,
        n_hits=60,
    )
    hits = simulate.dark_scene(rng=rng, shape=shape, n=9, n_hits=60).charges
    response = rng.normal(1, 0.01, shape) * np.linspace(1.05, 0.95, shape[1])
    current = np.full(shape, 0.05)
    warm = rng.random(shape) < 0.002
    current[warm] = rng.uniform(0.5, 5, warm.sum())

    def write(name, kind, seconds, light=0.0, charge=0.0):
        electrons = rng.poisson(light * response + current * seconds) + charge
        electrons = electrons + rng.normal(0, READNOISE.value, shape)
        counts = np.rint(1000 + electrons / GAIN.value).clip(0, 65535)
        hdu = fits.PrimaryHDU(counts.astype(np.uint16))  # BZERO = 32768
        hdu.header.update(IMAGETYP=kind, EXPTIME=seconds, OBJECT="field", FILTER="r")
        hdu.writeto(Path(folder) / f"{name}.fits")

    for k in range(15):
        write(f"bias{k:02}", "BIAS", 0.0)
        write(f"flat{k:02}", "FLAT", 5.0, light=20000.0)
    for k, charge in enumerate(hits):
        write(f"dark{k:02}", "DARK", 300.0, charge=charge)
    for k, truth in enumerate(field.truths):
        write(f"science{k:02}", "LIGHT", 300.0, truth.data, field.charges[k])
    mean = np.mean([truth.data for truth in field.truths], axis=0)
    dark = current * 300.0 + READNOISE.value**2
    variance = (mean * response + dark) / n + dark / len(hits)
    return mean, np.sqrt(variance / response**2 + mean**2 / (15 * 20000.0))


def reduce_frames(folder):
    """Subtract bias and dark, divide by the flat; give errors, and electrons."""
    raw = ccdproc.ImageFileCollection(folder, glob_include="*.fits")

    def each(kind):
        return raw.ccds(imagetyp=kind, ccd_kwargs={"unit": "adu"})

    times = {"exposure_time": "EXPTIME", "exposure_unit": u.s}
    bias = ccdproc.combine(list(each("BIAS")), **CLIPPING)
    # masters come with an error from the scatter of few frames: leave it out
    bias.uncertainty = None
    darks = [ccdproc.subtract_bias(ccd, bias) for ccd in each("DARK")]
    dark = ccdproc.combine(darks, **CLIPPING)
    dark.uncertainty = None
    flats = [
        ccdproc.subtract_dark(
            ccdproc.subtract_bias(ccd, bias), dark, scale=True, **times
        )
        for ccd in each("FLAT")
    ]
    flat = ccdproc.combine(flats, scale=lambda data: 1 / np.median(data), **CLIPPING)
    flat.uncertainty = None
    frames = []
    for ccd in each("LIGHT"):
        frame = ccdproc.subtract_bias(ccd, bias)
        frame = ccdproc.create_deviation(
            frame, gain=GAIN, readnoise=READNOISE, disregard_nan=True
        )
        frame = ccdproc.subtract_dark(frame, dark, **times)
        frame = ccdproc.flat_correct(frame, flat)
        frames.append(ccdproc.gain_correct(frame, GAIN))
    return frames


def combine(frames, **options):
    """Average what is not masked, and give the mean the error that follows."""
    with warnings.catch_warnings():  # about pixels that are masked in all frames
        warnings.simplefilter("ignore", RuntimeWarning)
        combined = ccdproc.combine(frames, method="average", **options)
    bad = [np.zeros(f.shape, bool) if f.mask is None else f.mask for f in frames]
    variance = [frame.uncertainty.array**2 for frame in frames]
    variance = np.ma.array(variance, mask=bad)
    error = np.ma.sqrt(variance.sum(axis=0)) / variance.count(axis=0)
    combined.uncertainty = StdDevUncertainty(error.filled(np.inf))
    combined.mask = np.all(bad, axis=0)
    return combined


def deviations(combined, truth, noise):
    """Return by how many sigma the pixels are off that have a value."""
    off = (combined.data - truth) / noise
    return off if combined.mask is None else off[~combined.mask]


def main():
    """Make a night, reduce it, and tell what is left of the cosmic rays."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[1])
    parser.add_argument("--frames", type=int, default=4, help="science frames")
    parser.add_argument("--folder", default="night", help="a new folder for them")
    options = parser.parse_args()
    folder = Path(options.folder)
    folder.mkdir()
    truth, noise = take_frames(folder, options.frames)
    frames = reduce_frames(folder)
    cleaned = ccdcr.cosmicray_stack(frames)
    images = {
        "mean": combine(frames),
        "mean with clipping": combine(frames, **CLIPPING),
        "median": ccdproc.combine(frames, method="median"),
        "ccdcr, then mean": combine(cleaned),
    }
    for after, before in zip(cleaned, frames, strict=True):
        print(ccdcr.cosmicray_report(after, before))
    for name, image in images.items():
        off = deviations(image, truth, noise)
        left, missing = (np.abs(off) > 5).sum(), truth.size - off.size
        print(
            f"{name:20} {left:5} pixels off by 5 sigma, {missing} without value, "
            f"noise {off[np.abs(off) < 5].std():.3f}"
        )
    images["ccdcr, then mean"].write(folder / "combined.fit")


if __name__ == "__main__":
    main()
