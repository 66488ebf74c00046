# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Real frames, where they are at hand."""

import contextlib
import io

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData
from numpy.testing import assert_allclose, assert_array_equal

import ccdcr
from ccdcr.demo import real_frame


def read(path):
    with fits.open(path) as hdus:
        return CCDData(hdus[0].data.astype(np.float64), unit="adu")


PAIRS = {
    "sprat": ("sprat_set/v_e_20180810_12_{}_0_0.fits.gz", 1, 2, (0, 0)),
    "sprat shifted": ("sprat_set/v_e_20180810_12_{}_0_0.fits.gz", 3, 5, (2, -3)),
    "dark": ("st402_sets/L2-dark-neon-1200.{}.fits.gz", 0, 1, (0, 0)),
    "nebula": ("st402_sets/L2-sci-neon-1200.{}.fits.gz", 0, 1, (0, 0)),
    "lamp": ("st402_sets/L2-sci-hg-240.{}.fits.gz", 0, 1, (-1, 0)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_pair_equals_teareduce(name, real_data):
    tea = pytest.importorskip("teareduce")
    pattern, one, two, (dy, dx) = PAIRS[name]
    first, second = (read(real_data / pattern.format(number)) for number in (one, two))
    with contextlib.redirect_stdout(io.StringIO()):
        theirs = tea.cr2images(
            first.data,
            second.data,
            ioffx=dx,
            ioffy=dy,
            tsigma_peak=10,
            tsigma_tail=3,
            return_masks=True,
        )
    ours = ccdcr.cosmicray_pair(first, second, shift=(dy, dx), method="classic")
    for number, after in enumerate(ours):
        assert_array_equal(after.mask, theirs[2 + number].astype(bool))
        assert_allclose(after.data, theirs[number], rtol=0, atol=1e-9)
        assert after.mask.any()


@pytest.mark.parametrize("size", [(9, 3), (5, 5)])
def test_median_equals_teareduce(size, real_data):
    tea = pytest.importorskip("teareduce")
    ccd = read(real_data / "sprat_set" / "v_e_20180810_12_1_0_0.fits.gz")
    with contextlib.redirect_stdout(io.StringIO()):
        clean, _, mask, _ = tea.cr2images(
            ccd.data, median_size=size, tsigma_peak=10, tsigma_tail=3, return_masks=True
        )
    ours = ccdcr.cosmicray_median(ccd, size=size, method="classic")
    assert_array_equal(ours.mask, mask.astype(bool))
    assert_allclose(ours.data, clean, rtol=0, atol=1e-9)


def test_pair_finds_the_labelled_cosmic_rays_of_a_dark(real_data):
    """The labels come from a difference method, too: a test of agreement."""
    frames = [
        read(real_data / "st402_sets" / f"L2-dark-neon-1200.{n}.fits.gz")
        for n in (0, 1)
    ]
    out, _ = ccdcr.cosmicray_pair(*frames, method="classic")
    with fits.open(real_data / "st402_sets" / "truth_dark-neon-1200.fits.gz") as hdus:
        labels = hdus["DARK0"].data
    truth = (labels & 1 > 0) & (labels & 2 == 0)
    from scipy import ndimage

    objects, n = ndimage.label(truth, np.ones((3, 3)))
    seen = np.unique(objects[out.mask & truth])
    assert n == 37
    assert len(seen) >= 0.9 * n


@pytest.mark.parametrize(
    ("kind", "extension", "n_labels"),
    [("dark", "DARK0", 37), ("sci", 1, 35)],
)
def test_matched_pair_on_labelled_frames(kind, extension, n_labels, real_data):
    """No uncertainty, 2500 hot pixels: hardly a hit missed, and none invented."""
    from scipy import ndimage

    folder = real_data / "st402_sets"
    frames = [read(folder / f"L2-{kind}-neon-1200.{n}.fits.gz") for n in (0, 1)]
    out, _ = ccdcr.cosmicray_pair(*frames)
    with fits.open(folder / f"truth_{kind}-neon-1200.fits.gz") as hdus:
        labels = hdus[extension].data
    square = np.ones((3, 3))
    objects, n = ndimage.label((labels & 1 > 0) & (labels & 2 == 0), square)
    assert n == n_labels
    assert len(np.unique(objects[out.mask])) - 1 >= 0.9 * n
    near = ndimage.binary_dilation(labels > 0, square)
    found, n_found = ndimage.label(out.mask, square)
    assert n_found - (np.unique(found[near]) > 0).sum() <= 1


def test_lacosmic_stays_inside_the_label_of_a_survey(real_data):
    """DECam community pipeline, dilated labels: independent of us."""
    path = real_data / "decam_cp_labelled" / "c4d_170316_062107_ccddata.fits.gz"
    ccd = CCDData.read(path, unit="adu")
    with fits.open(path) as hdus:
        truth = hdus["CRTRUTH"].data > 0
    out = ccdcr.cosmicray_lacosmic(ccd)
    found = ccdcr.cosmicray_report(out, ccd).mask
    assert found.any()
    assert (found & truth).sum() >= 0.9 * found.sum()


@pytest.mark.parametrize("chip", range(4))
def test_lacosmic_on_an_hst_frame(chip, real_data):
    with fits.open(real_data / "wfpc2_sample" / "WFPC2u5780205r_c0fx.fits.gz") as hdus:
        ccd = CCDData(hdus[0].data[chip], unit="adu")
    out = ccdcr.cosmicray_lacosmic(ccd, gain=7, readnoise=5)
    report = ccdcr.cosmicray_report(out, ccd)
    assert 20 < report.n_cosmicrays < 120
    assert out.data.max() < ccd.data.max()


def test_both_tracks_of_the_gmos_frame():
    """A real frame that every installation has."""
    ccd = real_frame()
    for out in (
        ccdcr.cosmicray_lacosmic(ccd),
        ccdcr.cosmicray_lacosmic(ccd, dispersion_axis=1, grow=2),
        ccdcr.cosmicray_median(ccd, size=(15, 5), method="classic"),
        ccdcr.cosmicray_median(ccd),
        ccdcr.cosmicray_median(ccd, dispersion_axis=1),
    ):
        report = ccdcr.cosmicray_report(out, ccd)
        large = report.table["n_pixels"] > 60  # one may be in two pieces
        assert report.n_cosmicrays <= 3
        assert_allclose(report.table["x_centroid"][large], [150, 38], atol=5)
