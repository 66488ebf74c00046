# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Files in, files out: nothing lost, nothing half done."""

import os
import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.nddata import CCDData
from numpy.testing import assert_array_equal

import ccdcr
from ccdcr import _fits_write, files
from ccdcr.tests.conftest import SHAPE, frame, simple_wcs, sky


def dirty(seed=1, **options):
    data = sky(seed)
    data[6, 7:9] += 3000
    options.setdefault("meta", fits.Header({"OBJECT": "M 1", "EXPTIME": 30.0}))
    return frame(data, **options)


def write_mef(path):
    """An instrument's file: empty primary, image of unsigned integers, a table."""
    primary = fits.PrimaryHDU(header=fits.Header({"SATURATE": 60000, "TELESCOP": "x"}))
    image = fits.ImageHDU(dirty().data.astype("u2"), name="SCI")
    image.header["BUNIT"] = "ADU"
    image.header.update(simple_wcs().to_header())
    table = fits.BinTableHDU.from_columns(
        [fits.Column("t", "D", array=np.arange(3.0))], name="TELEM"
    )
    guide = fits.ImageHDU(np.arange(6, dtype="i2").reshape(2, 3), name="GUIDE")
    fits.HDUList([primary, image, table, guide]).writeto(path, checksum=True)


def verify(path):
    """Checksums are right: astropy would warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with fits.open(path, checksum=True) as hdus:
            for hdu in hdus:
                present = "CHECKSUM" in hdu.header
                assert present or hdu.name in ("PRIMARY", "TELEM", "GUIDE")
                assert hdu.verify_checksum() == (1 if present else 2)


def test_median_of_a_ccddata_file(tmp_path):
    before = dirty(kind="var", mask=sky(1) > 112)
    before.write(tmp_path / "a.fits", checksum=True)
    datasum = fits.getheader(tmp_path / "a.fits")["DATASUM"]
    report = files.clean_median(tmp_path / "a.fits", tmp_path / "b.fits")
    wanted = ccdcr.cosmicray_median(before)
    after = CCDData.read(tmp_path / "b.fits")
    assert_array_equal(after.data, wanted.data)
    assert_array_equal(after.mask, wanted.mask)
    assert_array_equal(after.uncertainty.array, wanted.uncertainty.array)
    assert type(after.uncertainty) is type(before.uncertainty)
    assert after.unit == before.unit
    for key in ("OBJECT", "CCRFUNC", "CCRNPIX", "CCRCONTR"):
        assert after.meta[key] == wanted.meta[key]
    lines = [*wanted.meta["HISTORY"], "  CCRIN1=a.fits", f"  CCRDS1={datasum}"]
    assert list(after.meta["HISTORY"]) == lines
    with fits.open(tmp_path / "b.fits") as hdus:
        assert_array_equal(hdus["CRMASK"].data, report.mask)
        assert_array_equal(hdus["CRFLAGS"].data, wanted.flags)
        assert "16: not examined" in str(hdus["CRFLAGS"].header)
    verify(tmp_path / "b.fits")
    again = ccdcr.cosmicray_report(after, CCDData.read(tmp_path / "a.fits"))
    assert_array_equal(again.mask, report.mask)


def test_pair(tmp_path):
    for name, seed in (("a", 1), ("b", 2)):
        dirty(seed).write(tmp_path / f"{name}.fits")
    paths = [tmp_path / f"{name}.fits" for name in ("a", "b", "a2", "b2")]
    reports = files.clean_pair(*paths, shift=(2, 0), grow=0)
    assert [report.n_cosmicrays for report in reports] == [1, 1]
    for path in paths[2:]:
        assert_array_equal(np.argwhere(CCDData.read(path).mask), [(6, 7), (6, 8)])
        verify(path)


def test_other_extensions_are_kept(tmp_path):
    write_mef(tmp_path / "a.fits")
    files.clean_lacosmic(tmp_path / "a.fits", tmp_path / "b.fits")
    with fits.open(tmp_path / "a.fits") as old, fits.open(tmp_path / "b.fits") as new:
        assert [hdu.name for hdu in new] == [
            *("PRIMARY", "SCI", "TELEM", "GUIDE", "MASK", "CRMASK", "CRFLAGS")
        ]
        for name in ("PRIMARY", "TELEM", "GUIDE"):
            difference = fits.HDUDiff(old[name], new[name])
            assert difference.identical, difference.report()
        header = new["SCI"].header
        assert "BZERO" not in header
        assert header["BITPIX"] == -32
        assert header["CTYPE1"] == "RA---TAN"
        assert header["CCRSATUR"] == 60000  # from the primary header
        assert header["CCRSATHO"] == "card SATURATE"
        clean = ~new["MASK"].data.astype(bool)
        assert_array_equal(new["SCI"].data[clean], old["SCI"].data[clean])
    verify(tmp_path / "b.fits")


def test_compressed_image(tmp_path):
    """Found, and written without loss."""
    data = np.float32(dirty().data + 0.123)
    image = fits.CompImageHDU(np.rint(data).astype("i2"), name="SCI")
    image.header["BUNIT"] = "adu"
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(tmp_path / "a.fits.fz")
    files.clean_median(tmp_path / "a.fits.fz", tmp_path / "b.fits")
    read = files.read(tmp_path / "b.fits")
    assert read.mask.sum() == 2
    assert_array_equal(read.data[~read.mask], np.rint(data)[~read.mask])


def test_gzip_and_same_bytes(tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    dirty().write(tmp_path / "a.fits.gz")
    contents = []
    for name in ("b.fits.gz", "c.fits.gz"):
        files.clean_median(tmp_path / "a.fits.gz", tmp_path / name)
        contents.append((tmp_path / name).read_bytes())
    assert contents[0][:2] == b"\x1f\x8b"
    assert contents[0] == contents[1]
    assert fits.getheader(tmp_path / "b.fits.gz")["DATE"] == "1970-01-02T00:00:00"


def test_second_run_adds_up(tmp_path):
    dirty().write(tmp_path / "a.fits")
    options = {"region": "[1:30,1:5]"}
    files.clean_median(tmp_path / "a.fits", tmp_path / "b.fits", **options)
    files.clean_median(tmp_path / "b.fits", tmp_path / "c.fits", region="[8,7]")
    files.clean_median(tmp_path / "c.fits", tmp_path / "c.fits", overwrite=True)
    with fits.open(tmp_path / "c.fits") as hdus:
        assert hdus["CRMASK"].data.sum() == 2
        assert hdus["CRFLAGS"].data[6, 7] & 2
        assert sum("cosmicray_" in line for line in hdus[0].header["HISTORY"]) == 3
        names = [hdu.name for hdu in hdus]
        assert len(names) == len(set(names))
        header = hdus["CRFLAGS"].header
        assert sum("not examined" in text for text in header["COMMENT"]) == 1
    verify(tmp_path / "c.fits")


class TestRead:
    def test_unit(self, tmp_path):
        fits.writeto(tmp_path / "a.fits", sky(1))
        with pytest.raises(ValueError, match=r"a.fits: .*unit"):
            files.read(tmp_path / "a.fits")
        assert files.read(tmp_path / "a.fits", unit="electron").unit == u.electron

    def test_no_unit_at_all(self, tmp_path):
        fits.writeto(tmp_path / "a.fits", sky(1), fits.Header({"BUNIT": "FURLONGS"}))
        with pytest.raises(ValueError, match=r"a.fits: .*give the unit if BUNIT"):
            files.read(tmp_path / "a.fits")

    @pytest.mark.parametrize("content", [b"", b"junk" * 1000], ids=["empty", "junk"])
    def test_no_fits_file(self, tmp_path, content):
        (tmp_path / "a.fits").write_bytes(content)
        with pytest.raises(OSError, match=r"a.fits"):
            files.read(tmp_path / "a.fits", unit="adu")

    def test_truncated(self, tmp_path):
        dirty().write(tmp_path / "a.fits")
        content = (tmp_path / "a.fits").read_bytes()
        (tmp_path / "a.fits").write_bytes(content[:-3000])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises(OSError, match=r"a.fits: not a complete FITS file"):
                files.read(tmp_path / "a.fits", unit="adu")

    def test_no_image(self, tmp_path):
        fits.writeto(tmp_path / "a.fits", np.arange(5))
        with pytest.raises(ValueError, match="no two-dimensional image"):
            files.read(tmp_path / "a.fits", unit="adu")


class TestTargets:
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path):
        self.folder = tmp_path
        dirty().write(tmp_path / "a.fits")
        dirty(2).write(tmp_path / "b.fits")

    def clean(self, *names, **options):
        files.clean_pair(*(self.folder / name for name in names), **options)

    def test_nothing_is_overwritten(self):
        (self.folder / "c.fits").write_text("mine")
        with pytest.raises(FileExistsError, match=r"c.fits: exists"):
            self.clean("a.fits", "b.fits", "c.fits", "d.fits")
        assert (self.folder / "c.fits").read_text() == "mine"
        assert not (self.folder / "d.fits").exists()
        self.clean("a.fits", "b.fits", "c.fits", "d.fits", overwrite=True)
        assert CCDData.read(self.folder / "c.fits").meta["CCRIMAGE"] == 1

    def test_refused_before_work(self):
        with pytest.raises(ValueError, match="outputs must be different files"):
            self.clean("a.fits", "b.fits", "c.fits", "c.fits")
        with pytest.raises(FileNotFoundError, match="its folder does not exist"):
            self.clean("a.fits", "b.fits", "c.fits", "no/d.fits")
        with pytest.raises(FileNotFoundError, match=r"z.fits: no such file"):
            self.clean("a.fits", "z.fits", "c.fits", "d.fits")
        assert sorted(os.listdir(self.folder)) == ["a.fits", "b.fits"]

    def test_a_folder_is_no_target(self):
        (self.folder / "d.fits").mkdir()
        (self.folder / "c.fits").write_text("mine")
        with pytest.raises(IsADirectoryError, match=r"d.fits: is a folder"):
            self.clean("a.fits", "b.fits", "c.fits", "d.fits", overwrite=True)
        assert (self.folder / "c.fits").read_text() == "mine"

    def test_links_and_modes_stay(self):
        target = self.folder / "real.fits"
        target.write_text("old")
        target.chmod(0o640)
        (self.folder / "c.fits").symlink_to(target)
        self.clean("a.fits", "b.fits", "c.fits", "d.fits", overwrite=True)
        assert (self.folder / "c.fits").is_symlink()
        assert target.stat().st_mode & 0o777 == 0o640
        assert fits.getheader(target)["CCRIMAGE"] == 1

    def test_both_or_none(self, monkeypatch):
        """A failure while the second is written leaves no trace."""
        write, calls = _fits_write._write, []

        def fails_on_the_second(*arguments, **options):
            calls.append(arguments)
            write(*arguments, **options)
            if len(calls) == 2:
                msg = "disk full"
                raise OSError(msg)

        monkeypatch.setattr(_fits_write, "_write", fails_on_the_second)
        with pytest.raises(OSError, match="disk full"):
            self.clean("a.fits", "b.fits", "c.fits", "d.fits")
        assert sorted(os.listdir(self.folder)) == ["a.fits", "b.fits"]

    def test_permissions_follow_the_umask(self):
        self.clean("a.fits", "b.fits", "c.fits", "d.fits")
        plain = self.folder / "plain"
        plain.write_text("x")
        assert (self.folder / "c.fits").stat().st_mode == plain.stat().st_mode


@pytest.mark.parametrize("name", ["CRMASK", "CRFLAGS"])
@pytest.mark.parametrize(
    "extension",
    [
        fits.ImageHDU(np.full(SHAPE, 300, "i2")),
        fits.ImageHDU(np.zeros(SHAPE, "u1")),
        fits.ImageHDU(np.zeros((2, 2), "u1")),
        fits.BinTableHDU.from_columns([fits.Column("t", "D", array=np.arange(3.0))]),
    ],
)
def test_foreign_extensions_of_our_names_are_not_destroyed(tmp_path, extension, name):
    dirty().write(tmp_path / "a.fits")
    extension = extension.copy()
    extension.name = name
    with fits.open(tmp_path / "a.fits", mode="append") as hdus:
        hdus.append(extension)
    with pytest.raises(ValueError, match=f"extension {name} must be one that ccdcr"):
        files.clean_median(tmp_path / "a.fits", tmp_path / "b.fits")
    assert not (tmp_path / "b.fits").exists()


def test_other_compressed_images_keep_their_bits(tmp_path, caplog):
    chips = [
        fits.CompImageHDU(sky(seed).astype("f4") + 0.3, name=name)
        for seed, name in ((1, "CHIP1"), (2, "CHIP2"))
    ]
    for chip in chips:
        chip.header["BUNIT"] = "adu"
    fits.HDUList([fits.PrimaryHDU(), *chips]).writeto(tmp_path / "a.fits")
    files.clean_median(tmp_path / "a.fits", tmp_path / "b.fits")
    with fits.open(tmp_path / "a.fits") as old, fits.open(tmp_path / "b.fits") as new:
        assert_array_equal(old["CHIP2"].data, new["CHIP2"].data)
        assert isinstance(new["CHIP2"], fits.CompImageHDU)
    assert (
        "only the image in extension 1 was cleaned, those in 2 were not" in caplog.text
    )


@pytest.mark.parametrize("card", [{}, {"BUNIT": "counts"}])
def test_the_unit_that_was_given_is_written(tmp_path, card):
    fits.writeto(tmp_path / "a.fits", sky(1), fits.Header(card))
    files.clean_median(tmp_path / "a.fits", tmp_path / "b.fits", unit="adu")
    assert CCDData.read(tmp_path / "b.fits").unit == u.adu


def test_cards_of_the_caller_and_blank(tmp_path):
    header = fits.Header({"BUNIT": "adu", "BLANK": -32768, "WHO": "you"})
    fits.writeto(tmp_path / "a.fits", sky(1).astype("i2"), header)
    cards = {"WHO": "me", "WHEN": (2026, "a year")}
    files.clean_median(tmp_path / "a.fits", tmp_path / "b.fits", add_keyword=cards)
    header = fits.getheader(tmp_path / "b.fits")
    assert (header["WHO"], header["WHEN"]) == ("me", 2026)
    assert header.comments["WHEN"] == "a year"
    assert "BLANK" not in header
    assert "CCRVER" not in header
