# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Make the pictures of this folder.

    python docs/images/make.py [--real FOLDER]

The pictures of hot pixels and of reports need a folder with frames of an SBIG ST-402
and of WFPC2, that of the page for review needs Chromium.
"""

import argparse
import shutil
import tempfile
import warnings
from pathlib import Path

import numpy as np
import stages
from astropy.io import fits
from astropy.nddata import CCDData, StdDevUncertainty
from astropy.visualization import (
    AsinhStretch,
    AsymmetricPercentileInterval,
    ImageNormalize,
)
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from scipy import ndimage

import ccdcr
from ccdcr import files, plot, simulate
from ccdcr.demo import raw_exposures, run
from ccdcr.pixels.median_network import box_median
from ccdcr.pixels.single import find_sharp

HERE = Path(__file__).parent


def from_demo():
    """Pictures that ``ccdcr demo`` draws."""
    with tempfile.TemporaryDirectory() as folder:
        run(folder, tell=print, overwrite=True)
        for made, name in (
            ("pair_1_crclean", "pair"),
            ("gmos_lacosmic", "gmos_lacosmic"),
        ):
            shutil.copy(Path(folder) / f"{made}.png", HERE / f"{name}.png")


def matched():
    """A star field in two seeings and a spectrum with flexure, before and after."""
    field = simulate.imaging_scene(
        rng=4, shape=(300, 300), seeing=[3.0, 3.6], n_stars=90, n_hits=150
    )
    slit = simulate.spectrum_scene(
        rng=4,
        shape=(200, 300),
        shifts=[(0, 0), (-4.2, 0.15)],
        seeing=[2.6, 2.9],
        sky_factor=[1, 1.06],
        n_hits=90,
    )
    figure = Figure(figsize=(10, 5.6), layout="constrained")
    rows = figure.subplots(2, 3, height_ratios=[3, 2])
    for axes, scene in zip(rows, (field, slit), strict=True):
        before = scene.exposures[0]
        after, _ = ccdcr.cosmicray_pair(*scene.exposures, shift=scene.shifts[1])
        norm = ImageNormalize(
            before.data[~before.mask],
            interval=AsymmetricPercentileInterval(5, 99),
            stretch=AsinhStretch(),
        )
        found = ccdcr.cosmicray_report(after, before).mask
        look = {"origin": "lower", "interpolation": "nearest"}
        for ccd in (before, after):  # bad columns
            ccd.data[before.mask] = np.nan
        axes[0].imshow(before.data, norm=norm, cmap="gray_r", **look)
        axes[1].imshow(found, cmap=ListedColormap(["white", "C3"]), **look)
        axes[2].imshow(after.data, norm=norm, cmap="gray_r", **look)
        for panel, title in zip(axes, ("before", "found", "after"), strict=True):
            panel.set_title(title)
            panel.set_xticks([])
            panel.set_yticks([])
    figure.savefig(HERE / "matched.png", dpi=100, metadata={"Software": None})


def page():
    """The page for review, as a browser shows it."""
    from ccdcr.tests.browser import Browser

    scene = simulate.imaging_scene(rng=8, shape=(700, 700), n_stars=250, n_hits=150)
    before = scene.exposures[0]
    after, _ = ccdcr.cosmicray_pair(*scene.exposures)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "review.html"
        ccdcr.review.write_review(after, before, path, title="a_crclean.fits")
        with Browser(Path(folder) / "profile", width=1240, height=780) as browser:
            browser.open(path)
            heading = "document.querySelector('[data-name=n_pixels] button')"
            browser.ask(f"{heading}.click()")
            browser.ask(f"{heading}.click()")  # largest first
            for key in ("Home", "a", *3 * ("ArrowDown", "a"), "ArrowDown", "r"):
                browser.key(key)
            for key in (*3 * ("ArrowDown", "a"), *2 * ("ArrowUp",)):
                browser.key(key)
            browser.wait("document.getElementById('status').textContent === ''")
            browser.picture(HERE / "review.png")


def _show(panels, images, titles):
    for panel, (image, look), title in zip(panels, images, titles, strict=True):
        panel.imshow(image, origin="lower", interpolation="nearest", **look)
        panel.set_title(title, fontsize="medium")
        panel.set_xticks([])
        panel.set_yticks([])


def median():
    """The stages of the matched median on a part of a star field."""
    scene = simulate.imaging_scene(rng=11, shape=(260, 260), n_stars=60, n_hits=60)
    before = scene.exposures[0]
    after = ccdcr.cosmicray_median(before, saturation=65000)
    noise = before.uncertainty.array
    found = find_sharp(
        before.data,
        noise**2,
        ~before.mask,
        ~before.mask,
        size=(5, 5),
        sigmas=(5, 2.5),
        axis=None,
        reference=None,
    )
    sigma = np.sqrt(found.variance)
    excess = (before.data - box_median(before.data, (5, 5))) / sigma
    narrow = box_median(before.data, (3, 3))
    structure = (narrow - box_median(narrow, (7, 7))) / sigma
    both = np.minimum(excess / 5, excess / np.maximum(structure, 0.5) / 3.3)
    part = np.s_[60:200, 60:200]
    for ccd in (before, after):
        ccd.data[before.mask] = np.nan
    norm = ImageNormalize(
        after.data[part],
        interval=AsymmetricPercentileInterval(5, 99.3),
        stretch=AsinhStretch(),
    )
    images = [
        (before.data[part], {"norm": norm, "cmap": "gray_r"}),
        (excess[part], {"vmin": 0, "vmax": 10, "cmap": "magma_r"}),
        (both[part], {"vmin": 0, "vmax": 2, "cmap": "magma_r"}),
        (after.data[part], {"norm": norm, "cmap": "gray_r"}),
    ]
    titles = (
        "exposure",
        "excess over the median (0 to 10 sigma)",
        "the smaller of this and the contrast",
        "after cleaning",
    )
    figure = Figure(figsize=(12, 3.3), layout="constrained")
    _show(figure.subplots(1, 4), images, titles)
    figure.savefig(HERE / "median.png", dpi=100, metadata={"Software": None})


def landing():
    """The picture of the first page, which the README shows, too."""
    from matplotlib import pyplot

    stages.landing()
    pyplot.savefig(HERE / "landing.png", dpi=100, metadata={"Software": None})


def _save(figure, name):
    figure.savefig(HERE / name, dpi=80, metadata={"Software": None})


def pictures():
    """What ``ccdcr.plot`` draws of the exposures of the examples, and of stars."""
    with tempfile.TemporaryDirectory() as folder:
        raw_exposures(folder)
        a, b = (files.read(Path(folder) / f"{name}.fits") for name in "ab")
    part = "[100:170,1:80]"
    first, _ = ccdcr.cosmicray_pair(a, b, shift=(-4, 0), exclude=part)
    zoom = "[60:190,1:130]"
    _save(plot.plot_cleaning(first, a, zoom=zoom, exclude=part), "cleaning.png")
    field = simulate.imaging_scene(
        rng=4, shape=(150, 150), seeing=[3.0, 3.6], n_stars=30, n_hits=40
    )
    _save(plot.plot_difference(*field.exposures), "difference.png")


def _dark_subtracted(folder):
    """A real exposure of 1200 s in which the dark was subtracted, and the dark."""
    folder = Path(folder) / "st402_sets"
    data, *darks = (
        fits.getdata(folder / f"{name}.fits.gz").astype(np.float32)
        for name in (
            "L2-sci-neon-1200.0",
            *(f"L2-dark-neon-1200.{k}" for k in range(5)),
        )
    )
    dark = np.median(darks, axis=0)
    noise = np.sqrt((data - 1020).clip(0) / 1.49 + (14 / 1.49) ** 2)
    ccd = CCDData(data - dark, uncertainty=StdDevUncertainty(noise), unit="adu")
    return ccd, CCDData(dark, unit="adu")


def reports(folder):
    """Thumbnails beside a dark, and how many cosmic rays there are in WFPC2."""
    ccd, dark = _dark_subtracted(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ccdcr.CosmicRayWarning)
        after = ccdcr.cosmicray_median(ccd, dispersion_axis=1, saturation=65000)
    report = ccdcr.cosmicray_report(after, ccd, dark=dark)
    table = report.table[: report.n_cosmicrays]
    hot = table["suspect"] == "hot pixel"
    largest = np.argsort(-table["n_pixels"], kind="stable")[:3]
    labels = [*table["label"][largest], *table["label"][hot][:2]]
    frames = {"mask": report.mask, "science": ccd, "after": after, "dark": dark}
    _save(plot.plot_thumbnails(report, frames, labels), "thumbnails.png")
    name = "WFPC2u5780205r_c0fx.fits.gz"
    data = fits.getdata(Path(folder) / "wfpc2_sample" / name)[0]
    chip = CCDData(data.astype(np.float32), unit="adu")
    report = ccdcr.cosmicray_report(
        ccdcr.cosmicray_median(chip, gain=7, readnoise=5), chip
    )
    _save(plot.plot_distribution(report), "distribution.png")


def hot_pixels(folder):
    """A real exposure of 1200 s, with and without dark and mask."""
    ccd, dark = _dark_subtracted(folder)
    dark = dark.data
    data, noise = ccd.data + dark, ccd.uncertainty.array
    folder = Path(folder) / "st402_sets"
    hot = dark - ndimage.median_filter(dark, (15, 15)) > 5 * noise
    known = fits.getdata(folder / "truth_sci-neon-1200.fits.gz", 1) & 1 > 0
    part = np.s_[90:250, 420:700]
    images = [(data[part], {"vmin": 1050, "vmax": 1400, "cmap": "gray_r"})]
    look = {"cmap": ListedColormap(["white", "C3"]), "vmin": 0, "vmax": 1}
    for image, mask, clean in (
        (data, None, ccdcr.cosmicray_lacosmic),
        (data - dark, None, ccdcr.cosmicray_lacosmic),
        (data - dark, hot, ccdcr.cosmicray_lacosmic),
        (data - dark, hot, ccdcr.cosmicray_median),
    ):
        ccd = CCDData(image, unit="adu", mask=mask)
        ccd.uncertainty = StdDevUncertainty(noise)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ccdcr.CosmicRayWarning)
            after = clean(ccd, dispersion_axis=1, grow=2, saturation=65000)
        found = ccdcr.cosmicray_report(after, ccd).mask
        images.append((found[part], look))
    look = {"cmap": ListedColormap(["white", "C2"]), "vmin": 0, "vmax": 1}
    images.append((known[part], look))
    titles = (
        "exposure, 1200 s",
        "LACosmic",
        "... with the dark subtracted",
        "... and hot pixels masked",
        "median, likewise",
        "known cosmic rays",
    )
    figure = Figure(figsize=(12, 4.6), layout="constrained")
    _show(figure.subplots(2, 3).ravel(), images, titles)
    figure.savefig(HERE / "hot_pixels.png", dpi=100, metadata={"Software": None})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make the pictures of this folder.")
    parser.add_argument("--real", metavar="FOLDER", help="where real frames are")
    real = parser.parse_args().real
    from_demo()
    landing()
    matched()
    median()
    page()
    pictures()
    if real:
        reports(real)
        hot_pixels(real)
