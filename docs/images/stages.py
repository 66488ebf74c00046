# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The stages of each method, drawn when the documentation is built."""

import matplotlib.pyplot as plt
import numpy as np
from astropy.visualization import (
    AsinhStretch,
    AsymmetricPercentileInterval,
    ImageNormalize,
)
from matplotlib.colors import ListedColormap
from scipy import ndimage

import ccdcr
from ccdcr import simulate
from ccdcr.demo import real_frame
from ccdcr.pixels.median_network import box_median

SIGMA = {"vmin": 0, "vmax": 10, "cmap": "magma_r"}
RED = {"cmap": ListedColormap(["white", "C3"])}
FOUND = {"vmin": 0, "vmax": 3, "cmap": ListedColormap(["white", "C1", "C0", "C3"])}


def grey(image):
    """The look of an image: from its sky to its bright sources."""
    norm = ImageNormalize(
        image, interval=AsymmetricPercentileInterval(5, 99), stretch=AsinhStretch()
    )
    return {"norm": norm, "cmap": "gray_r"}


def show(panels, *, columns, part=np.s_[:, :], height=3.2):
    """Draw images with their titles and looks."""
    rows = -(-len(panels) // columns)
    figure = plt.figure(figsize=(3.2 * columns, height * rows), layout="constrained")
    axes = figure.subplots(rows, columns).ravel()
    for axis, (title, image, look) in zip(axes, panels, strict=True):
        axis.imshow(image[part], origin="lower", interpolation="nearest", **look)
        axis.set_title(title, fontsize="medium")
        axis.set_xticks([])
        axis.set_yticks([])


def kinds(z, mask):
    """3: peaks, 2: tails, 1: what was taken in around them."""
    return np.where(mask, 1 + (z > 2.5) + (z > 5), 0)


def pair():
    """Two exposures of stars in different seeing."""
    scene = simulate.imaging_scene(
        rng=5,
        shape=(200, 200),
        seeing=[3.0, 4.5],
        n_stars=400,
        n_galaxies=10,
        n_saturated=0,
        n_hits=50,
    )
    first, second = scene.exposures
    for ccd in scene.exposures:  # bad columns, for the eye
        ccd.data[ccd.mask] = np.median(ccd.data)
    after, _ = ccdcr.cosmicray_pair(first, second)
    one, two = (ccd.data.astype(float) for ccd in scene.exposures)
    expected = [np.minimum(image, box_median(image, (5, 5))) for image in (one, two)]
    noise = sum(expected) + 2 * 25
    z = (one - two) / np.sqrt(noise)
    both = np.minimum(one, two)
    slope = np.zeros(both.shape)
    for axis in (0, 1):
        for step in (-1, 1):
            slope = np.maximum(slope, np.abs(both - np.roll(both, step, axis)))
    slope = np.sqrt((slope**2 - 9 * expected[0]).clip(0))
    above = (both - np.median(both)).clip(0)
    card = after.meta
    guard = (card["CCRMISRG"] * slope) ** 2 + (card["CCRCHANG"] * above) ** 2
    guarded = (one - two) / np.sqrt(noise + guard)
    look = grey(after.data)
    found = ccdcr.cosmicray_report(after, first).mask
    show(
        [
            ("1  exposure", one, look),
            ("what the other shows", two, look),
            ("2-3  difference over noise", z, SIGMA),
            ("4  ... and over mismatch", guarded, SIGMA),
            ("5-7  peaks, tails, neighbours", kinds(guarded, found), FOUND),
            ("8  after cleaning", after.data, look),
        ],
        columns=3,
        part=np.s_[40:160, 40:160],
    )


def median():
    """The real frame."""
    ccd = real_frame()
    after = ccdcr.cosmicray_median(ccd, dispersion_axis=1)
    sigma = np.sqrt(ccd.uncertainty.array)
    lines = ndimage.median_filter(ccd.data, (41, 1))
    flat = ccd.data - lines
    excess = (flat - box_median(flat, (5, 5))) / sigma
    found = ccdcr.cosmicray_report(after, ccd).mask
    look = grey(after.data)
    show(
        [
            ("exposure", ccd.data, look),
            ("without what goes on along the slit", flat, grey(flat)),
            ("excess over the median, 0 to 10 sigma", excess, SIGMA),
            ("found", found, RED),
            ("after cleaning", after.data, look),
            ("what was removed", ccd.data - after.data, grey(flat)),
        ],
        columns=3,
        height=2.7,
    )


def lacosmic():
    """The real frame."""
    ccd = real_frame()
    after = ccdcr.cosmicray_lacosmic(ccd)
    data = ccd.data.astype(float)
    fine = np.kron(data, np.ones((2, 2)))
    kernel = np.array([[0, -1, 0], [-1, 4, -1], [0, -1, 0]])
    edges = ndimage.convolve(fine, kernel).clip(0)
    edges = edges.reshape(data.shape[0], 2, data.shape[1], 2).mean(axis=(1, 3))
    sigma = np.sqrt(ndimage.median_filter(ccd.uncertainty.array, 5))
    sharp = edges / sigma / 2
    sharp -= ndimage.median_filter(sharp, 5)
    structure = ndimage.median_filter(data, 3)
    structure = (structure - ndimage.median_filter(structure, 7)) / sigma
    # astroscrappy looks at these pixels: sigclip=4.5, objlim=5
    both = np.minimum(sharp / 4.5, sharp / structure.clip(0.01) / 5)
    found = ccdcr.cosmicray_report(after, ccd).mask
    look = grey(after.data)
    show(
        [
            ("exposure", data, look),
            ("Laplacian over noise, 0 to 10 sigma", sharp, SIGMA),
            ("fine structure, 0 to 10 sigma", structure, SIGMA),
            ("the smaller of both, over limits", both, SIGMA | {"vmax": 2}),
            ("found", found, RED),
            ("after cleaning", after.data, look),
        ],
        columns=3,
        height=2.7,
    )


def landing():
    """A star field before and after, large enough for a telephone."""
    scene = simulate.imaging_scene(
        rng=4, shape=(300, 300), seeing=[3.0, 3.6], n_stars=90, n_hits=150
    )
    before = scene.exposures[0]
    after, _ = ccdcr.cosmicray_pair(*scene.exposures)
    found = ccdcr.cosmicray_report(after, before).mask
    for ccd in (before, after):  # bad columns, for the eye
        ccd.data[before.mask] = np.median(after.data)
    look = grey(after.data)
    show(
        [
            ("one of two exposures", before.data, look),
            (
                "what the other has not",
                found,
                RED,
            ),
            ("after", after.data, look),
        ],
        columns=3,
        part=np.s_[100:280, 100:280],
        height=3.5,
    )
