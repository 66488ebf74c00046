# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The example of a night: raw frames, ccdproc, our cleaning, one combined image."""

import importlib.util

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData

import ccdcr


@pytest.fixture(scope="module")
def night(request):
    """Module of the example; it is beside the package in the repository only."""
    path = request.config.rootpath / "examples" / "night.py"
    if not path.is_file():
        pytest.skip("no examples beside this package")
    spec = importlib.util.spec_from_file_location("night", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module", params=[2, 4], ids=["2 frames", "4 frames"])
def taken(request, night, tmp_path_factory):
    """Folder of raw frames, their truth, the reduced and the cleaned frames."""
    folder = tmp_path_factory.mktemp("night")
    truth, noise = night.take_frames(folder, request.param)
    frames = night.reduce_frames(folder)
    return folder, truth, noise, frames, ccdcr.cosmicray_stack(frames)


def wrong(night, image, taken):
    """Pixels that are off by 5 sigma, and what the others are off."""
    off = night.deviations(image, taken[1], taken[2])
    return np.count_nonzero(np.abs(off) > 5), off[np.abs(off) < 5]


def test_raw_frames_are_what_cameras_write(taken):
    header = fits.getheader(taken[0] / "science00.fits")
    assert header["BITPIX"] == 16
    assert header["BZERO"] == 32768
    assert fits.getdata(taken[0] / "science00.fits").dtype == np.uint16


def test_frames_are_in_electrons_with_errors(taken):
    for frame, cleaned in zip(taken[3], taken[4], strict=True):
        assert frame.unit == cleaned.unit == "electron"
        assert cleaned.meta["CCRFUNC"] == "cosmicray_stack"
        assert 0.9 < cleaned.meta["CCRNOISF"] < 1.1
        kept = ~cleaned.mask
        np.testing.assert_array_equal(cleaned.data[kept], frame.data[kept])


def test_the_combined_image_is_right(night, taken):
    _, truth, noise, _, cleaned = taken
    combined = night.combine(cleaned)
    left, off = wrong(night, combined, taken)
    assert left <= 5
    assert combined.mask.mean() < 0.004
    assert abs(off.mean()) < 0.05  # sigma
    assert off.std() == pytest.approx(1, abs=0.06)
    bright = (truth > 400) & ~combined.mask
    assert bright.sum() > 300
    flux = combined.data[bright].sum() / truth[bright].sum()
    assert flux == pytest.approx(1, abs=0.003)
    pull = (combined.data - truth)[~combined.mask]
    pull = pull / combined.uncertainty.array[~combined.mask]
    assert pull[np.abs(pull) < 5].std() == pytest.approx(1, abs=0.07)
    assert np.median(combined.uncertainty.array / noise) == pytest.approx(1, abs=0.1)


def test_without_us_cosmic_rays_are_left(night, taken):
    frames = taken[3]
    ours, _ = wrong(night, night.combine(taken[4]), taken)
    mean, _ = wrong(night, night.combine(frames), taken)
    clipped, _ = wrong(night, night.combine(frames, **night.CLIPPING), taken)
    assert mean > 800
    assert clipped > 10 * (ours + 1)


def test_a_cosmic_ray_in_all_frames_leaves_no_value(night, taken):
    cleaned = taken[4]
    combined = night.combine(cleaned)
    everywhere = np.all([frame.mask for frame in cleaned], axis=0)
    np.testing.assert_array_equal(combined.mask, everywhere)
    assert np.isinf(combined.uncertainty.array[everywhere]).all()


def test_the_page_has_these_numbers(request, night, taken):
    page = request.config.rootpath / "docs" / "tutorials" / "night.rst"
    lines = [line.split() for line in page.read_text(encoding="utf-8").splitlines()]
    n = str(len(taken[3]))
    (row,) = (line for line in lines if len(line) == 6 and line[0] == n)
    images = (
        night.combine(taken[3]),
        night.combine(taken[3], **night.CLIPPING),
        night.ccdproc.combine(taken[3], method="median"),
        night.combine(taken[4]),
    )
    counts = [wrong(night, image, taken)[0] for image in images]
    missing = np.count_nonzero(images[-1].mask)
    for told, measured in zip(row[1:], [*counts, missing], strict=True):
        assert int(told) == pytest.approx(measured, rel=0.05, abs=2)


def test_the_script_runs(night, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "night"
    argv = ["night.py", "--frames", "2", "--folder", str(folder)]
    monkeypatch.setattr("sys.argv", argv)
    night.main()
    lines = capsys.readouterr().out.splitlines()
    assert [line[:4] for line in lines[-4:]] == ["mean", "mean", "medi", "ccdc"]
    assert CCDData.read(folder / "combined.fit").unit == "electron"
