# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Make the pictures of this folder: python docs/images/make.py"""

import shutil
import tempfile
from pathlib import Path

import numpy as np
from astropy.visualization import (
    AsinhStretch,
    AsymmetricPercentileInterval,
    ImageNormalize,
)
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

import ccdcr
from ccdcr import simulate
from ccdcr.demo import run

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


if __name__ == "__main__":
    from_demo()
    matched()
