# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What the benchmark of speed runs: frames, the cleaners, and what they are held to."""

import functools
import warnings

import astroscrappy
import numpy as np
from astropy.nddata import CCDData, StdDevUncertainty

import ccdcr

__all__ = [
    "FRAMES",
    "METHODS",
    "bare_pair",
    "catalog",
    "copies",
    "copy_and_subtract",
    "exposure",
    "lacosmic",
    "median",
    "pair",
    "scrappy",
    "shots",
    "table",
    "teareduce",
]

SKY, SIGMA = 300, 18  # electrons
COLUMNS = ["label", "area", "xcentroid", "ycentroid", "segment_flux"]
COLUMNS += ["bbox_xmin", "bbox_xmax", "bbox_ymin", "bbox_ymax"]


@functools.lru_cache(maxsize=6)
def exposure(size, n_hits, seed, dtype="f4"):
    """
    Make a frame of sky with hits of three pixels.

    Parameters
    ----------
    size : int
        Rows, and columns.
    n_hits : int
        Number of hits.
    seed : int
        Of the random numbers.
    dtype : str, optional
        Of data and uncertainty.

    Returns
    -------
    ccd : `~astropy.nddata.CCDData`
        With mask (one pixel of a thousand) and uncertainty.
    """
    rng = np.random.default_rng(seed)
    data = rng.normal(SKY, SIGMA, (size, size)).astype(dtype)
    y, x = rng.integers(0, size - 3, (2, n_hits))
    for step in range(3):
        data[y, x + step] += rng.uniform(500, 5000, n_hits).astype(dtype)
    return CCDData(
        data,
        unit="electron",
        mask=rng.random(data.shape) < 0.001,
        uncertainty=StdDevUncertainty(np.full(data.shape, SIGMA, dtype)),
    )


def copies(*ccds):
    """
    Read frames and write them: the physical limit of any cleaner.

    Parameters
    ----------
    *ccds : `~astropy.nddata.CCDData`
        The frames.

    Returns
    -------
    arrays : list of `~numpy.ndarray`
        Copies of data, mask and uncertainty.
    """
    return [
        array.copy()
        for ccd in ccds
        for array in (ccd.data, ccd.mask, ccd.uncertainty.array)
    ]


def shots(size, n_hits):
    """Two exposures of one scene."""
    return exposure(size, n_hits, 1), exposure(size, n_hits, 2)


def pair(method, size, n_hits):
    """Clean two exposures."""
    return ccdcr.cosmicray_pair(*shots(size, n_hits), method=method)


def bare_pair(size, n_hits):
    """Clean two exposures of which nothing is known but their values."""
    frames = (CCDData(ccd.data, unit="electron") for ccd in shots(size, n_hits))
    return ccdcr.cosmicray_pair(*frames, method="classic")


def median(method, size, n_hits):
    """Clean one exposure, with the box that is usual for the method."""
    box = (5, 5) if method == "matched" else (9, 3)
    return ccdcr.cosmicray_median(exposure(size, n_hits, 1), method=method, size=box)


def lacosmic(size, n_hits, **options):
    """Clean one exposure by LACosmic."""
    return ccdcr.cosmicray_lacosmic(exposure(size, n_hits, 1), **options)


def scrappy(size, n_hits):
    """Run astroscrappy with the same mask, variance and number of iterations."""
    ccd = exposure(size, n_hits, 1)
    variance = np.full(ccd.shape, SIGMA**2, np.float32)
    return astroscrappy.detect_cosmics(
        ccd.data, inmask=ccd.mask, invar=variance, gain=1.0, niter=4
    )


def teareduce(size, n_hits):
    """Run the package that has the classic method, as in its cookbook."""
    import teareduce as tea

    data = (ccd.data for ccd in shots(size, n_hits))
    return tea.cr2images(*data, tsigma_peak=10, tsigma_tail=3, return_masks=True)


def copy_and_subtract(size, n_hits):
    """What a user who subtracts two exposures does anyway."""
    first, second = shots(size, n_hits)
    return first.copy(), second.copy(), first.data - second.data


@functools.lru_cache(maxsize=1)
def cleaned(size, n_hits):
    """A frame after and before; its cosmic rays as photutils numbers them."""
    before = exposure(size, n_hits, 1)
    after = ccdcr.cosmicray_pair(before, exposure(size, 20, 2))[0]
    report = ccdcr.cosmicray_report(after, before)
    return after, before, report.segmentation.data


def table(size, n_hits):
    """List what was removed."""
    return ccdcr.cosmicray_report(*cleaned(size, n_hits)[:2]).table


def catalog(size, n_hits, *, detect):
    """The same columns by photutils, which may have to find what touches."""
    from photutils.segmentation import SegmentationImage, SourceCatalog, detect_sources

    after, before, labels = cleaned(size, n_hits)
    if detect:
        mask = after.mask & ~before.mask
        labels = detect_sources(mask.astype(np.float32), 0.5, 1).data
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old names of columns
        found = SourceCatalog(before.data - after.data, SegmentationImage(labels))
        return found.to_table(COLUMNS)


#: What is compared with the physical limit, and drawn.
METHODS = {
    "LACosmic": lacosmic,
    "matched median": functools.partial(median, "matched"),
    "classic median": functools.partial(median, "classic"),
    "matched pair": functools.partial(pair, "matched"),
    "classic pair": functools.partial(pair, "classic"),
}
#: How many frames each cleans.
FRAMES = {name: 2 if "pair" in name else 1 for name in METHODS}
