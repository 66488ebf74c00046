# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What ``ccdcr demo`` does: a real frame, and a pair whose truth is known."""

import importlib.resources
import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.nddata import CCDData, VarianceUncertainty
from scipy import ndimage

from ccdcr import files, simulate
from ccdcr._typing import PathLike
from ccdcr.lacosmic import cosmicray_lacosmic

__all__ = ["raw_exposures", "real_frame", "run", "simulated_pair"]

_READNOISE = 4.24  # of the real frame, in electron
_GAIN = 1.9  # of the raw exposures, in electron per adu
_TRACKS = 25


def run(
    folder: PathLike, *, tell: Callable[[str], object], overwrite: bool = False
) -> None:
    """
    Clean the demonstration frames; write files and figures; tell what was done.

    Parameters
    ----------
    folder : path-like
        Where to write; made if it does not exist.
    tell : callable
        Takes the sentences, one or a few lines at a time; ``print`` will do.
    overwrite : bool, optional
        Whether to write into a folder that exists.

    Raises
    ------
    FileExistsError
        If the folder exists and ``overwrite`` is not set.
    """
    folder = Path(folder)
    if folder.exists() and not overwrite:
        msg = f"{folder}: exists; give --overwrite to write into it"
        raise FileExistsError(msg)
    folder.mkdir(parents=True, exist_ok=True)
    figures = _can_draw()
    frame = real_frame()
    frame.write(folder / "gmos.fits", overwrite=True)
    tell(
        "A real frame: part of a long-slit spectrum of 90 s taken with GMOS-S, with "
        "sky lines\nand two long cosmic rays, in electron, with its variance: gmos.fits"
    )
    for cleaner, options in (
        ("lacosmic", {"dispersion_axis": 1, "grow": 2}),
        ("median", {"dispersion_axis": 1}),
    ):
        target = folder / f"gmos_{cleaner}.fits"
        clean = getattr(files, f"clean_{cleaner}")
        report = clean(folder / "gmos.fits", target, overwrite=True, **options)
        tell(f"cosmicray_{cleaner} found {report}: {target.name}")
        _draw(target, folder / "gmos.fits", figures, tell)
    _pair(frame, folder, figures, tell)
    raw_exposures(folder)
    tell(
        "\nFor the examples of the documentation: two raw exposures, a.fits and b.fits,"
        " with a\nshift of four rows, and a DS9 region, keep.reg"
    )
    tell(
        f"\nEverything is in {folder}. In the cleaned files the extension CRMASK "
        "holds the cosmic\nrays, MASK all bad pixels, UNCERT the uncertainty, CRFLAGS "
        "how each pixel was treated,\nand the header what was done (cards CCR..., and "
        "HISTORY)."
    )
    if not figures:
        tell("No figures: they need matplotlib (python -m pip install matplotlib).")
    else:
        tell("Look at the figures (.png) first.")


def _pair(frame, folder, figures, tell):
    """Make the pair, clean it, and compare with what was put in."""
    exposures, charges, noise = simulated_pair(frame)
    paths = [folder / f"pair_{number}.fits" for number in (1, 2)]
    targets = [folder / f"pair_{number}_crclean.fits" for number in (1, 2)]
    for exposure, path in zip(exposures, paths, strict=True):
        exposure.write(path, overwrite=True)
    reports = files.clean_pair(*paths, *targets, overwrite=True)
    tell(
        f"\nA pair whose truth is known: that frame after LACosmic, smoothed along the "
        f"sky lines,\ntwice, with fresh noise and {_TRACKS} simulated muon tracks in "
        f"each: {paths[0].name}, {paths[1].name}"
    )
    for report, charge, target, path in zip(
        reports, charges, targets, paths, strict=True
    ):
        table = target.with_name(f"{path.stem}_cosmics.ecsv")
        report.table.write(table, overwrite=True)
        tell(f"cosmicray_pair found {report}: {target.name}, list in {table.name}")
        hit = charge > 3 * noise
        near = ndimage.binary_dilation(charge > 0, np.ones((3, 3)))
        completeness = (report.mask & hit).sum() / hit.sum()
        purity = (report.mask & near).sum() / max(1, report.n_pixels)
        tell(
            f"    truth: {100 * completeness:.1f} % of the {hit.sum()} pixels that a "
            "track raised by more than 3 sigma\n    were found; "
            f"{100 * purity:.1f} % of the pixels found lie within 1 pixel of a track"
        )
        _draw(target, path, figures, tell)
    tell(f"\nThe first of the {reports[0].n_cosmicrays} of {targets[0].name}:")
    for row in reports[0].table[:5]:
        tell(
            f"    {row['n_pixels']:3} pixels at x = {row['x_centroid']:5.1f}, "
            f"y = {row['y_centroid']:5.1f}: {row['charge']:.0f}"
        )


def real_frame() -> CCDData:
    """
    Read the GMOS frame that astroscrappy ships.

    Returns
    -------
    frame : `~astropy.nddata.CCDData`
        Part of a long-slit spectrum, in electron, with its variance.
    """
    package = importlib.resources.files("astroscrappy")
    with fits.open(package / "tests" / "data" / "gmos.fits", memmap=False) as hdus:
        header = fits.Header(
            [
                hdus[0].header.cards[key]
                for key in ("OBJECT", "INSTRUME", "TELESCOP", "EXPTIME")
            ]
        )
        return CCDData(
            hdus["SCI"].data.astype(np.float32),
            uncertainty=VarianceUncertainty(hdus["VAR"].data.astype(np.float32)),
            unit="electron",
            meta=header,
        )


def simulated_pair(
    frame: CCDData,
) -> tuple[list[CCDData], list[np.ndarray], np.ndarray]:
    """
    Make two exposures of what a frame shows, with tracks of muons.

    Parameters
    ----------
    frame : `~astropy.nddata.CCDData`
        A frame in electron with an uncertainty.

    Returns
    -------
    exposures : list of `~astropy.nddata.CCDData`
        The two exposures.
    charges : list of `~numpy.ndarray`
        What the tracks added.
    noise : 2D `~numpy.ndarray`
        Standard deviation of either without tracks.
    """
    rng = np.random.default_rng(2001)
    # what is left of the cosmic rays, and the noise, go along the sky lines
    scene = ndimage.median_filter(cosmicray_lacosmic(frame).data, (41, 1)).clip(0)
    variance = scene + _READNOISE**2
    exposures, charges = [], []
    for _ in range(2):
        data = rng.normal(scene, np.sqrt(variance)).astype(np.float32)
        estimate = np.maximum(data, 0) + np.float32(_READNOISE**2)
        exposure = CCDData(
            data,
            uncertainty=VarianceUncertainty(estimate),
            unit="electron",
            meta=frame.meta.copy(),
        )
        exposure, charge = simulate.inject(exposure, _TRACKS, rng=rng)
        exposures.append(exposure)
        charges.append(charge)
    return exposures, charges, np.sqrt(variance)


def raw_exposures(folder: PathLike) -> None:
    """
    Write the two raw exposures that the examples of the documentation use.

    Parameters
    ----------
    folder : path-like
        Where ``a.fits`` and ``b.fits`` go: in adu with 1.9 electrons each, free of
        bias, and the second four rows further up. ``keep.reg`` is a DS9 region.
    """
    folder = Path(folder)
    exposures, _, _ = simulated_pair(real_frame())
    for name, ccd, step in zip("ab", exposures, (0, 4), strict=True):
        # rows that come in again fit, since the sky lines run along y
        data = np.rint(np.roll(ccd.data, step, axis=0) / _GAIN)
        raw = CCDData(data.astype(np.float32), unit="adu", meta=ccd.meta.copy())
        raw.write(folder / f"{name}.fits", overwrite=True)
    (folder / "keep.reg").write_text("image\ncircle(148,46,15)\n", encoding="ascii")


def _can_draw():
    return importlib.util.find_spec("matplotlib") is not None


def _draw(after, before, figures, tell):
    if not figures:
        return
    from ccdcr.plot import plot_cleaning

    frames = files.read(after), files.read(before)
    figure = plot_cleaning(*frames, title=f"{before.name} and {after.name}")
    picture = after.with_suffix(".png")
    figure.savefig(picture, dpi=110, metadata={"Software": None})
    tell(f"    figure: {picture.name}")
