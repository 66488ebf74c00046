# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Every layout of a FITS file: what is not cleaned survives byte for byte."""

import bz2
import gzip
import lzma
import re
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.nddata import (
    CCDData,
    InverseVariance,
    StdDevUncertainty,
    VarianceUncertainty,
)
from ccdproc import ImageFileCollection
from numpy.testing import assert_array_equal

import ccdcr
from ccdcr import files
from ccdcr.tests.conftest import SHAPE, sky

HIT = (6, 7)
ADDED = ["MASK", "CRMASK", "CRFLAGS"]


def dirty(seed=1, dtype="f4"):
    data = sky(seed).astype(dtype)
    data[HIT] += 3000
    return data


def card(header, **cards):
    header.update(cards)
    return header


def image(kind=fits.ImageHDU, seed=1, name="", ver=None, dtype="f4", **cards):
    hdu = kind(dirty(seed, dtype))
    if name:
        hdu.name = name
    if ver is not None:
        hdu.ver = ver
    hdu.header.update({"BUNIT": "adu", "GAIN": (1.5, "of the amplifier"), **cards})
    hdu.header["HISTORY"] = "taken with care"
    return hdu


def table(name="TELEM"):
    columns = [
        fits.Column("time", "D", array=np.arange(3.0)),
        fits.Column("what", "5A", array=["a", "b", "c"]),
    ]
    return fits.BinTableHDU.from_columns(columns, name=name)


def plane(name, data, ver=None, **cards):
    hdu = fits.ImageHDU(data, name=name)
    if ver is not None:
        hdu.ver = ver
    hdu.header.update(cards)
    return hdu


def noise(dtype="f4"):
    return np.full(SHAPE, 5, dtype)


def quality(dtype="i2"):
    flags = np.zeros(SHAPE, dtype)
    flags[0, :3] = 1, 4, 5
    return flags


def plain():
    return [image(fits.PrimaryHDU), table()]


def integers():
    return [image(fits.PrimaryHDU, dtype="u2"), table()]


def empty_primary():
    guide = fits.ImageHDU(np.arange(6, dtype="i2").reshape(2, 3), name="GUIDE")
    cards = {"OBJECT": "M 1", "SATURATE": 60000, "HIERARCH ESO DET WIN1": 7}
    primary = fits.PrimaryHDU(header=fits.Header(cards))
    return [primary, table(), guide, image(name="SCI", dtype="u2"), table("MORE")]


def ccddata():
    bad = np.zeros(SHAPE, "u1")
    bad[3] = 1
    unc = plane("UNCERT", noise("f8") ** 2, UTYPE="VarianceUncertainty")
    return [image(fits.PrimaryHDU), plane("MASK", bad), unc, table()]


def sci_err_dq():
    planes = plane("ERR", noise(), BUNIT="adu"), plane("DQ", quality())
    return [fits.PrimaryHDU(), image(name="SCI"), *planes, table()]


def chips():
    hdus = [fits.PrimaryHDU()]
    for ver in (1, 2, 3):
        hdus.append(image(name="SCI", ver=ver, seed=ver))
        hdus.append(plane("ERR", noise() + ver / 8, ver))
        hdus.append(plane("DQ", quality(), ver))
    return [*hdus, table()]


def compressed():
    squeezed = fits.CompImageHDU(
        dirty(dtype="i2"), name="SCI", compression_type="RICE_1"
    )
    squeezed.header["BUNIT"] = "adu"
    other = fits.CompImageHDU(sky(5).astype("f4"), name="SKY")
    return [fits.PrimaryHDU(), squeezed, other, table()]


LAYOUTS = [
    plain,
    integers,
    empty_primary,
    ccddata,
    sci_err_dq,
    chips,
    compressed,
]


def save(path, hdus, *, checksum=True):
    fits.HDUList(hdus).writeto(path, checksum=checksum)
    return path


def pieces(path):
    """Name, version and bytes of header and data of each extension."""
    with open(path, "rb") as file:
        content = file.read()
    for start, unpack in ((b"\x1f\x8b", gzip), (b"BZh", bz2), (b"\xfd7zXZ", lzma)):
        if content.startswith(start):
            content = unpack.decompress(content)
    found = []
    while content:
        end = 0
        while not re.search(rb"END {77}", content[end : end + 2880]):
            end += 2880
        header = fits.Header.fromstring(content[: end + 2880].decode())
        size = abs(header["BITPIX"]) // 8 if header["NAXIS"] else 0
        for axis in range(header["NAXIS"]):
            size *= header[f"NAXIS{axis + 1}"]
        size += header.get("PCOUNT", 0) * abs(header["BITPIX"]) // 8
        end += 2880 + -(-size // 2880) * 2880
        key = header.get("EXTNAME", ""), header.get("EXTVER", 1)
        found.append((key, content[:end]))
        content = content[end:]
    return found


def check_sums(path, *, missing=False):
    """What fitscheck says; compressed images hide their checksum from it."""
    command = [sys.executable, "-m", "astropy.io.fits.scripts.fitscheck", str(path)]
    if missing:
        command.append("--ignore-missing")
    code = "import sys; from astropy.io.fits.scripts.fitscheck import main; "
    code += "sys.exit(main(sys.argv[1:]))"
    command[1:3] = ["-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_what_is_not_cleaned_survives(tmp_path, layout):
    path = save(tmp_path / "a.fits", layout())
    files.clean_median(path, tmp_path / "b.fits")
    old, new = pieces(path), pieces(tmp_path / "b.fits")
    with fits.open(path) as hdus:
        science = next(i for i, hdu in enumerate(hdus) if "BUNIT" in hdu.header)
    changed = {science}
    for index, (before, after) in enumerate(zip(old, new, strict=False)):
        if before[0][0] in ("ERR", "UNCERT", "MASK") and before[0][1] == 1:
            changed.add(index)  # belongs to the image
        assert before[0] == after[0]
        assert (before[1] == after[1]) == (index not in changed), before[0]
    present = [name for (name, _), _ in old]
    added = [name for (name, _), _ in new[len(old) :]]
    assert added == [name for name in ADDED if name not in present]
    check_sums(tmp_path / "b.fits", missing=layout is compressed)


def test_columns_of_variable_length(tmp_path):
    """Their data are in a heap after the table."""
    rows = [np.arange(2.0), np.arange(5.0), []]
    columns = [fits.Column("trace", "PE()", array=rows)]
    heap = fits.BinTableHDU.from_columns(columns, name="HEAP")
    path = save(tmp_path / "a.fits", [image(fits.PrimaryHDU), heap], checksum=False)
    files.clean_median(path, tmp_path / "b.fits")
    before, after = dict(pieces(path)), dict(pieces(tmp_path / "b.fits"))
    assert before["HEAP", 1] == after["HEAP", 1]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_cards_of_the_cleaned_image_stay(tmp_path, layout):
    path = save(tmp_path / "a.fits", layout())
    files.clean_median(path, tmp_path / "b.fits")
    with fits.open(path) as old, fits.open(tmp_path / "b.fits") as new:
        index = next(i for i, hdu in enumerate(old) if "BUNIT" in hdu.header)
        before, after = old[index].header, new[index].header
        stored = {"BITPIX", "BZERO", "BSCALE", "CHECKSUM", "DATASUM", "EXTEND"}
        for kept in before.cards:
            if kept.keyword not in stored | {"HISTORY"} and "NAXIS" not in kept.keyword:
                assert after.cards[kept.keyword].image == kept.image
        assert list(after["HISTORY"])[: len(before.get("HISTORY", []))] == list(
            before.get("HISTORY", [])
        )
        assert after["BITPIX"] in (-32, -64)
        assert "BZERO" not in after
        assert not isinstance(new[index], fits.CompImageHDU)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_values_are_those_of_the_function(tmp_path, layout):
    path = save(tmp_path / "a.fits", layout())
    report = files.clean_median(path, tmp_path / "b.fits")
    before = files.read(path)
    wanted = ccdcr.cosmicray_median(before)
    after = files.read(tmp_path / "b.fits")
    assert_array_equal(after.data, wanted.data)
    assert_array_equal(after.mask, wanted.mask)
    assert_array_equal(after.flags, wanted.flags)
    assert report.mask[HIT]
    assert (after.uncertainty is None) == (wanted.uncertainty is None)
    if after.uncertainty is not None:
        assert type(after.uncertainty) is type(wanted.uncertainty)
        assert_array_equal(after.uncertainty.array, wanted.uncertainty.array)
    assert_array_equal(ccdcr.cosmicray_report(after, before).mask, report.mask)


@pytest.mark.parametrize("layout", [plain, ccddata, empty_primary])
def test_others_read_it(tmp_path, layout):
    path = save(tmp_path / "a.fits", layout())
    files.clean_median(path, tmp_path / "b.fits")
    with fits.open(path) as hdus:
        index = next(i for i, hdu in enumerate(hdus) if "BUNIT" in hdu.header)
    ccd = CCDData.read(tmp_path / "b.fits", hdu=index)
    ours = files.read(tmp_path / "b.fits")
    assert_array_equal(ccd.data, ours.data)
    assert_array_equal(ccd.mask, ours.mask)
    assert ccd.unit == ours.unit
    collection = ImageFileCollection(tmp_path, ext=index)
    assert list(collection.files_filtered(ccrver=ccdcr.__version__)) == ["b.fits"]


class TestNoiseAndQuality:
    def test_err_is_a_standard_deviation(self, tmp_path):
        path = save(tmp_path / "a.fits", sci_err_dq())
        files.clean_median(path, tmp_path / "b.fits")
        with fits.open(tmp_path / "b.fits") as hdus:
            errors = hdus["ERR"].data
            assert errors.dtype == ">f4"
            assert hdus["ERR"].header["BUNIT"] == "adu"
            assert "UTYPE" not in hdus["ERR"].header
            assert "UNCERT" not in hdus
            cosmic = hdus["CRMASK"].data == 1
        assert_array_equal(errors != 5, cosmic)
        assert type(files.read(path).uncertainty) is StdDevUncertainty

    @pytest.mark.parametrize(
        ("name", "cards", "said", "kind"),
        [
            ("VAR", {}, None, VarianceUncertainty),
            ("IVAR", {}, None, InverseVariance),
            ("ERR", {}, "var", VarianceUncertainty),
            ("ERR", {"UTYPE": "VarianceUncertainty"}, None, VarianceUncertainty),
            ("ERR", {"UTYPE": "var"}, None, VarianceUncertainty),
            ("VAR", {"UTYPE": "StdDevUncertainty"}, "ivar", InverseVariance),
        ],
    )
    def test_what_it_holds(self, tmp_path, name, cards, said, kind):
        array = noise() ** {"std": 1, "var": 2, "ivar": -2}[kind(0).uncertainty_type]
        hdus = [fits.PrimaryHDU(), image(name="SCI"), plane(name, array, **cards)]
        path = save(tmp_path / "a.fits", hdus)
        options = {} if said is None else {"uncertainty_type": said}
        assert type(files.read(path, **options).uncertainty) is kind
        files.clean_median(path, tmp_path / "b.fits", **options)
        # what the caller said is in the file then
        again = files.read(tmp_path / "b.fits", **({} if said else options))
        assert type(again.uncertainty) is kind

    def test_names_of_the_caller(self, tmp_path):
        hdus = [
            image(fits.PrimaryHDU),
            plane("STAT", noise()),
            plane("QUAL", quality()),
        ]
        path = save(tmp_path / "a.fits", hdus)
        names = {"hdu_uncertainty": "STAT", "hdu_dq": "QUAL"}
        with pytest.raises(ValueError, match="uncertainty_type must say what STAT"):
            files.read(path, **names)
        names["uncertainty_type"] = "var"
        ccd = files.read(path, **names)
        assert type(ccd.uncertainty) is VarianceUncertainty
        assert_array_equal(np.flatnonzero(ccd.mask), [0, 1, 2])
        files.clean_median(path, tmp_path / "b.fits", dq_bit=64, **names)
        with fits.open(tmp_path / "b.fits") as hdus:
            assert_array_equal(hdus["QUAL"].data & 64 > 0, hdus["CRMASK"].data)

    def test_flags_that_do_not_mean_bad(self, tmp_path):
        path = save(tmp_path / "a.fits", sci_err_dq())
        mask = files.read(path, dq_ignore=4).mask
        assert_array_equal(np.flatnonzero(mask), [0, 2])
        mask = files.read(path, dq_ignore=5).mask
        assert not mask.any()

    @pytest.mark.parametrize("dtype", ["i2", "u2", "i4", "u1"])
    def test_the_flag_of_cosmic_rays(self, tmp_path, dtype):
        hdus = [
            fits.PrimaryHDU(),
            image(name="SCI"),
            plane("DQ", quality(dtype), W="x"),
        ]
        path = save(tmp_path / "a.fits", hdus)
        files.clean_median(path, tmp_path / "b.fits", dq_bit=128)
        with fits.open(tmp_path / "b.fits") as hdus:
            flags, cosmic = hdus["DQ"].data, hdus["CRMASK"].data
            assert flags.dtype.newbyteorder("=") == np.dtype(dtype)
            assert_array_equal(flags, quality(dtype) | cosmic.astype(dtype) * 128)
            assert hdus["SCI"].header["CCRDQBIT"] == 128
            assert hdus["DQ"].header["W"] == "x"
        assert cosmic[HIT]
        check_sums(tmp_path / "b.fits")

    def test_without_a_flag_quality_survives(self, tmp_path):
        path = save(tmp_path / "a.fits", sci_err_dq())
        files.clean_median(path, tmp_path / "b.fits")
        before, after = dict(pieces(path)), dict(pieces(tmp_path / "b.fits"))
        assert before["DQ", 1] == after["DQ", 1]

    def test_other_bits_of_a_mask_stay(self, tmp_path):
        bits = np.zeros(SHAPE, "i2")
        bits[2, 2], bits[HIT] = 512, 0
        hdus = [image(fits.PrimaryHDU), plane("MASK", bits)]
        path = save(tmp_path / "a.fits", hdus)
        report = files.clean_median(path, tmp_path / "b.fits")
        mask = fits.getdata(tmp_path / "b.fits", "MASK")
        assert_array_equal(mask, bits + report.mask)


class TestSeveralChips:
    def test_all(self, tmp_path):
        path = save(tmp_path / "a.fits", chips())
        reports = files.clean_median(path, tmp_path / "b.fits", hdu="all", dq_bit=4096)
        assert len(reports) == 3
        with fits.open(tmp_path / "b.fits") as hdus:
            for ver, report in enumerate(reports, 1):
                assert_array_equal(hdus["CRMASK", ver].data, report.mask)
                assert hdus["CRFLAGS", ver].data[HIT] & 2
                assert_array_equal(hdus["DQ", ver].data & 4096 > 0, report.mask)
                assert_array_equal(hdus["ERR", ver].data != 5 + ver / 8, report.mask)
                assert_array_equal(hdus["SCI", ver].data != dirty(ver), report.mask)
                one = files.read(tmp_path / "b.fits", hdu=("SCI", ver))
                assert_array_equal(one.mask, report.mask | (quality() != 0))
            assert len(hdus) == len(chips()) + 9
        check_sums(tmp_path / "b.fits")

    @pytest.mark.parametrize("hdu", ["SCI,2", "sci, 2", ("SCI", 2), 4, "4", -7])
    def test_one(self, tmp_path, hdu):
        path = save(tmp_path / "a.fits", chips())
        report = files.clean_median(path, tmp_path / "b.fits", hdu=hdu)
        assert report.mask[HIT]
        before, after = dict(pieces(path)), dict(pieces(tmp_path / "b.fits"))
        differ = [key for key in before if before[key] != after[key]]
        assert differ == [("SCI", 2), ("ERR", 2)]
        added = [("MASK", 2), ("CRMASK", 2), ("CRFLAGS", 2)]
        assert [key for key in after if key not in before] == added

    def test_some_and_then_another(self, tmp_path):
        path = save(tmp_path / "a.fits", chips())
        reports = files.clean_median(path, tmp_path / "b.fits", hdu=["SCI,3", "SCI,1"])
        assert len(reports) == 2
        files.clean_median(tmp_path / "b.fits", tmp_path / "c.fits", hdu="SCI,2")
        with fits.open(tmp_path / "c.fits") as hdus:
            masks = [hdus["CRMASK", ver].data for ver in (1, 2, 3)]
        assert all(mask[HIT] for mask in masks)

    def test_chips_without_numbers(self, tmp_path):
        """Planes follow their image; what is added is numbered."""
        hdus = [fits.PrimaryHDU()]
        for seed in (1, 2):
            hdus += [
                image(name=f"CHIP{seed}", seed=seed),
                plane("ERR", noise() + seed / 8),
            ]
        path = save(tmp_path / "a.fits", hdus)
        assert files.read(path, hdu="CHIP2").uncertainty.array[0, 0] == 5.25
        reports = files.clean_median(path, tmp_path / "b.fits", hdu="all")
        for ver, report in enumerate(reports, 1):
            after = files.read(tmp_path / "b.fits", hdu=f"CHIP{ver}")
            assert_array_equal(after.mask, report.mask)
        with fits.open(tmp_path / "b.fits") as hdus:
            assert (hdus[4].data != 5.25).sum() == reports[1].n_pixels

    @pytest.mark.parametrize("order", ["beside", "after"])
    def test_planes_without_numbers(self, tmp_path, order):
        """As many planes as images: the first of one kind is of the first image."""
        images = [image(name="SCI", seed=seed) for seed in (1, 2)]
        masks, noises = [], []
        for k in range(2):
            bad = np.zeros(SHAPE, "u1")
            bad[k] = 1
            masks.append(plane("MASK", bad))
            noises.append(plane("ERR", noise() + k))
        sets = zip(images, masks, noises, strict=True)
        if order == "after":
            sets = images, masks, noises
        hdus = [fits.PrimaryHDU(), *(hdu for one in sets for hdu in one)]
        path = save(tmp_path / "a.fits", hdus)
        with fits.open(path) as opened:
            science = [i for i, hdu in enumerate(opened) if hdu.name == "SCI"]
        for k, number in enumerate(science):
            ccd = files.read(path, hdu=number)
            assert ccd.mask[k].all()
            assert ccd.mask.sum() == SHAPE[1]
            assert ccd.uncertainty.array[0, 0] == 5 + k

    def test_a_pair(self, tmp_path):
        paths = [save(tmp_path / f"{name}.fits", chips()) for name in "ab"]
        with fits.open(paths[1], mode="update") as hdus:
            for ver in (1, 2, 3):
                hdus["SCI", ver].data = sky(10 + ver).astype("f4")
        outs = [tmp_path / "c.fits", tmp_path / "d.fits"]
        reports = files.clean_pair(*paths, *outs, hdu="all")
        assert [len(chip) for chip in reports] == [2, 2, 2]
        assert all(first.mask[HIT] for first, _ in reports)
        header = fits.getheader(outs[1], "SCI", 3)
        assert (header["CCRIN1"], header["CCRIN2"]) == ("a.fits", "b.fits")

    def test_as_many_images(self, tmp_path):
        first = save(tmp_path / "a.fits", chips())
        second = save(tmp_path / "b.fits", plain())
        with pytest.raises(ValueError, match=r"b.fits: must have as many images"):
            files.clean_pair(
                first, second, tmp_path / "c.fits", tmp_path / "d.fits", hdu="all"
            )


class TestNames:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"hdu": "FOO"}, "hdu must be an extension of the file .*1 SCI.*'FOO'"),
            ({"hdu": 20}, "hdu must be an extension of the file"),
            ({"hdu": ("SCI", 9)}, "hdu must be an extension of the file"),
            ({"hdu": "TELEM"}, "hdu must be a two-dimensional image, got 'TELEM'"),
            ({"hdu": 0}, "hdu must be a two-dimensional image, got 0"),
            ({"hdu": ["SCI", "SCI,1"]}, "hdu must be one or more different extensions"),
            ({"hdu": []}, "hdu must be one or more different extensions"),
            ({"uncertainty_type": "sigma"}, "uncertainty_type must be one of 'std'"),
            ({"hdu_uncertainty": "FOO"}, "hdu_uncertainty must be an extension"),
            ({"dq_bit": 3}, "dq_bit must be a power of two like 4096, got 3"),
            ({"dq_bit": 1 << 15}, "dq_bit must fit into int16, got 32768"),
            ({"hdu_dq": "FOO", "dq_bit": 4}, "dq_bit needs an extension FOO"),
            ({"dq_ignore": -1}, "dq_ignore must be a whole number >= 0, got -1"),
            ({"unit": "furlong"}, "unit must be a unit, got 'furlong'"),
        ],
    )
    def test_wrong_values(self, tmp_path, options, message):
        path = save(tmp_path / "a.fits", sci_err_dq())
        with pytest.raises(ValueError, match=message):
            files.clean_median(path, tmp_path / "b.fits", **options)
        assert not (tmp_path / "b.fits").exists()

    @pytest.mark.parametrize(
        "options", [{"hdu": 1.5}, {"hdu_dq": None}, {"hdu_uncertainty": 3}, {"foo": 1}]
    )
    def test_wrong_kinds(self, tmp_path, options):
        path = save(tmp_path / "a.fits", sci_err_dq())
        with pytest.raises(TypeError, match=next(iter(options))):
            files.read(path, **options)
        with pytest.raises(TypeError, match=next(iter(options))):
            files.clean_median(path, tmp_path / "b.fits", **options)

    def test_planes_of_another_shape(self, tmp_path):
        hdus = [fits.PrimaryHDU(), image(name="SCI"), plane("ERR", noise()[1:])]
        path = save(tmp_path / "a.fits", hdus)
        with pytest.raises(ValueError, match="ERR must have the shape of the image"):
            files.read(path)

    @pytest.mark.parametrize("suffix", [".gz", ".GZ"])
    def test_the_suffix_says_what_is_in_it(self, tmp_path, suffix):
        path = save(tmp_path / "a.fits", plain())
        out = tmp_path / f"b.fits{suffix}"
        files.clean_median(path, out)
        assert out.read_bytes().startswith(b"\x1f\x8b")

    @pytest.mark.parametrize("name", ["MASK", "UNCERT", "DQ"])
    def test_the_shape_is_told_with_the_file(self, tmp_path, name):
        wrong = plane(name, quality()[1:])
        path = save(tmp_path / "a.fits", [image(fits.PrimaryHDU), wrong])
        message = rf"a.fits: {name} must have the shape of the image, \(24, 30\), got"
        with pytest.raises(ValueError, match=message):
            files.clean_median(path, tmp_path / "b.fits")

    def test_flags_are_whole_numbers(self, tmp_path):
        hdus = [image(fits.PrimaryHDU), plane("DQ", quality("f4"))]
        path = save(tmp_path / "a.fits", hdus)
        with pytest.raises(ValueError, match=r"a.fits: DQ must hold whole numbers"):
            files.clean_median(path, tmp_path / "b.fits")

    def test_planes_that_are_only_headers(self, tmp_path):
        """As in raw files of the Space Telescope: there is no plane."""
        names = "ERR", "DQ", "MASK"
        empty = [fits.ImageHDU(name=name) for name in names]
        path = save(tmp_path / "a.fits", [fits.PrimaryHDU(), image(name="SCI"), *empty])
        files.clean_median(path, tmp_path / "b.fits")
        before, after = pieces(path), pieces(tmp_path / "b.fits")
        assert after[2:5] == before[2:]
        again = files.read(tmp_path / "b.fits")
        assert again.uncertainty is None
        assert again.mask[HIT]
        with pytest.raises(ValueError, match="dq_bit needs an extension DQ"):
            files.clean_median(path, tmp_path / "c.fits", dq_bit=4096)

    def test_one_image_to_read(self, tmp_path):
        path = save(tmp_path / "a.fits", chips())
        with pytest.raises(ValueError, match="hdu must be one image, got 'all'"):
            files.read(path, hdu="all")


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("ADU", u.adu),
        ("adus", u.adu),
        ("ADU/s", u.adu / u.s),
        ("DN", u.DN),
        ("dn", u.DN),
        ("COUNTS", u.ct),
        ("Counts", u.ct),
        ("counts/sec", u.ct / u.s),
        ("cts s-1", u.ct / u.s),
        ("e-", u.electron),
        ("e", u.electron),
        ("E-", u.electron),
        ("electrons", u.electron),
        ("ELECTRONS/S", u.electron / u.s),
        ("e-/sec", u.electron / u.s),
        ("electron s**-1", u.electron / u.s),
        ("photons", u.photon),
        ("mJy", u.mJy),
    ],
)
def test_units_of_the_wild(tmp_path, text, unit):
    hdu = image(fits.PrimaryHDU, BUNIT=text)
    path = save(tmp_path / "a.fits", [hdu])
    assert files.read(path).unit == unit
    files.clean_median(path, tmp_path / "b.fits")
    assert fits.getheader(tmp_path / "b.fits")["BUNIT"] == text
    assert files.read(tmp_path / "b.fits").unit == unit


def test_spellings_of_a_given_unit(tmp_path):
    path = save(tmp_path / "a.fits", [fits.PrimaryHDU(dirty())])
    assert files.read(path, unit="e-").unit == u.electron
    files.clean_median(path, tmp_path / "b.fits", unit="ADU")
    assert fits.getheader(tmp_path / "b.fits")["BUNIT"] == "adu"


def test_a_unit_is_given_where_there_is_none(tmp_path, caplog):
    """Of a night in which one file lacks it: the others keep theirs."""
    path = save(tmp_path / "a.fits", [image(fits.PrimaryHDU, BUNIT="ELECTRONS")])
    assert files.read(path, unit="adu").unit == u.electron
    assert "BUNIT says electron, so the unit that was given, adu, is" in caplog.text
    files.clean_median(path, tmp_path / "b.fits", unit="adu")
    assert fits.getheader(tmp_path / "b.fits")["BUNIT"] == "ELECTRONS"
    caplog.clear()
    files.clean_median(path, tmp_path / "c.fits", unit="electron")
    assert fits.getheader(tmp_path / "c.fits")["BUNIT"] == "ELECTRONS"
    assert "BUNIT says" not in caplog.text


def test_a_blank_unit_may_be_any(tmp_path):
    path = save(tmp_path / "a.fits", [image(fits.PrimaryHDU, BUNIT=" ")])
    assert files.read(path).unit == u.dimensionless_unscaled  # as CCDData.read says
    assert files.read(path, unit="adu").unit == u.adu


def test_copies_of_one_exposure_are_told_of(tmp_path):
    """Nothing is in one that is not in the other."""
    paths = [save(tmp_path / f"{name}.fits", [image(fits.PrimaryHDU)]) for name in "ab"]
    with pytest.warns(ccdcr.CosmicRayWarning, match=r"a.fits and b.fits hold the same"):
        files.clean_pair(*paths, tmp_path / "c.fits", tmp_path / "d.fits")


class TestCompressed:
    def test_images_stay_compressed_without_loss(self, tmp_path):
        path = save(tmp_path / "a.fits.fz", compressed())
        files.clean_median(path, tmp_path / "b.fits.fz")
        wanted = ccdcr.cosmicray_median(files.read(path))
        with fits.open(tmp_path / "b.fits.fz") as hdus:
            for name in ("SCI", "MASK", "CRMASK", "CRFLAGS"):
                assert isinstance(hdus[name], fits.CompImageHDU)
            assert_array_equal(hdus["SCI"].data, wanted.data)
            assert_array_equal(hdus["MASK"].data, wanted.mask)
            assert_array_equal(hdus["CRFLAGS"].data, wanted.flags)
        check_sums(tmp_path / "b.fits.fz", missing=True)
        with fits.open(tmp_path / "b.fits.fz", disable_image_compression=True) as hdus:
            assert all(hdu.verify_checksum() == 1 for hdu in hdus)
        again = files.read(tmp_path / "b.fits.fz")
        assert_array_equal(again.data, wanted.data)

    def test_the_same_bytes_at_any_time(self, tmp_path, monkeypatch):
        """Each tile would say when it was compressed."""
        path = save(tmp_path / "a.fits.fz", compressed())
        contents = []
        for seconds in (1e9, 1.5e9):
            monkeypatch.setattr("gzip.time.time", lambda now=seconds: now)
            files.clean_median(path, tmp_path / "b.fits.fz", overwrite=True)
            contents.append((tmp_path / "b.fits.fz").read_bytes())
        assert contents[0] == contents[1]

    def test_not_everything_can_be(self, tmp_path):
        path = save(tmp_path / "a.fits", plain())
        with pytest.raises(ValueError, match=r"b.fits.fz: a name may end in .fz if"):
            files.clean_median(path, tmp_path / "b.fits.fz")

    @pytest.mark.parametrize(("unpack", "suffix"), [(bz2, "bz2"), (lzma, "xz")])
    def test_other_packers(self, tmp_path, unpack, suffix):
        path = save(tmp_path / "a.fits", chips())
        packed = tmp_path / f"a.fits.{suffix}"
        packed.write_bytes(unpack.compress(path.read_bytes()))
        files.clean_median(path, tmp_path / "b.fits", hdu=4)
        files.clean_median(packed, tmp_path / "c.fits", hdu=4)
        one, two = (dict(pieces(tmp_path / name)) for name in ("b.fits", "c.fits"))
        for key in one:
            if key != ("SCI", 2):  # which has the name of the file
                assert one[key] == two[key]

    @pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
    def test_gzip(self, tmp_path, layout):
        save(tmp_path / "a.fits", layout())
        packed = tmp_path / "a.fits.gz"
        packed.write_bytes(gzip.compress((tmp_path / "a.fits").read_bytes()))
        packed.rename(tmp_path / "x.gz")  # known by what is in it
        (tmp_path / "x.gz").rename(tmp_path / "a.fits")
        files.clean_median(tmp_path / "a.fits", tmp_path / "b.fits.gz")
        (tmp_path / "a.fits").write_bytes(
            gzip.decompress((tmp_path / "a.fits").read_bytes())
        )
        files.clean_median(tmp_path / "a.fits", tmp_path / "b.fits")
        assert pieces(tmp_path / "b.fits.gz") == pieces(tmp_path / "b.fits")


class TestHeader:
    def test_provenance(self, tmp_path):
        """Which files, with checksums of their images; of the last run only."""
        first = save(tmp_path / "a.fits", empty_primary())
        other = empty_primary()
        other[3].data = sky(9).astype("u2")
        second = save(tmp_path / "b.fits", other)
        outs = [tmp_path / "c.fits", tmp_path / "d.fits"]
        files.clean_pair(first, second, *outs)
        for out in outs:
            header = fits.getheader(out, "SCI")
            for number, path in enumerate((first, second), 1):
                assert header[f"CCRIN{number}"] == path.name
                datasum = fits.getheader(path, "SCI")["DATASUM"]
                assert header[f"CCRDS{number}"] == datasum
        files.clean_median(outs[0], tmp_path / "e.fits", region="[1:2,1:2]")
        header = fits.getheader(tmp_path / "e.fits", "SCI")
        assert header["CCRIN1"] == "c.fits"
        assert "CCRIN2" not in header
        assert "  CCRIN2=b.fits" in list(header["HISTORY"])
        files.clean_median(first, tmp_path / "f.fits", add_keyword=None, overwrite=True)
        assert not any(
            key.startswith("CCR") for key in fits.getheader(tmp_path / "f.fits", 3)
        )

    def test_strange_names(self, tmp_path):
        name = "Übersicht " + "x" * 90 + ".fits"
        path = save(tmp_path / name, plain())
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            files.clean_median(path, tmp_path / "b.fits")
        assert fits.getheader(tmp_path / "b.fits")["CCRIN1"].startswith("\\xdcber")

    @pytest.mark.parametrize("checksum", [True, False])
    def test_filename(self, tmp_path, checksum):
        primary = fits.PrimaryHDU(header=fits.Header([("FILENAME", "a.fits", "me")]))
        science = image(name="SCI", FILENAME="a.fits")
        path = save(tmp_path / "a.fits", [primary, science, table()], checksum=checksum)
        files.clean_median(path, tmp_path / "b.fits.gz")
        with fits.open(tmp_path / "b.fits.gz") as hdus:
            assert hdus[0].header["FILENAME"] == "b.fits.gz"
            assert hdus[0].header.comments["FILENAME"] == "me"
            assert hdus[1].header["FILENAME"] == "b.fits.gz"
            assert ("CHECKSUM" in hdus[0].header) == checksum
        check_sums(tmp_path / "b.fits.gz", missing=not checksum)

    def test_scaled_floats(self, tmp_path):
        """BSCALE and BZERO say how integers are stored; the result has none."""
        hdu = image(fits.PrimaryHDU)
        hdu.scale("int16", bscale=0.1, bzero=1000)
        path = save(tmp_path / "a.fits", [hdu])
        files.clean_median(path, tmp_path / "b.fits")
        before, after = files.read(path), files.read(tmp_path / "b.fits")
        clean = ~after.mask
        assert_array_equal(after.data[clean], before.data[clean])
        assert not {"BSCALE", "BZERO"} & set(fits.getheader(tmp_path / "b.fits"))

    def test_an_image_before_it_stays_as_stored(self, tmp_path):
        """Also if a card of its header must say how the file is called."""
        preview = image(fits.PrimaryHDU, FILENAME="a.fits")
        preview.scale("int16", bscale=0.1, bzero=1000)
        path = save(tmp_path / "a.fits", [preview, image(name="SCI")])
        files.clean_median(path, tmp_path / "b.fits")
        (_, old), (_, new) = pieces(path)[0], pieces(tmp_path / "b.fits")[0]
        assert len(old) == 2 * 2880
        assert old[2880:] == new[2880:]
        header = fits.getheader(tmp_path / "b.fits")
        assert header["FILENAME"] == "b.fits"
        check_sums(tmp_path / "b.fits")

    @pytest.mark.parametrize("name", ["Übersicht.fits", "two\nlines.fits"])
    @pytest.mark.parametrize("extension", [False, True])
    def test_filename_in_any_letters(self, tmp_path, name, extension):
        hdus = [image(fits.PrimaryHDU, FILENAME="a.fits")]
        if extension:
            primary = fits.PrimaryHDU(header=fits.Header({"FILENAME": "a.fits"}))
            hdus = [primary, image(name="SCI")]
        path = save(tmp_path / "a.fits", hdus)
        files.clean_median(path, tmp_path / name)
        escaped = name.replace("Ü", "\\xdc").replace("\n", "\\n")
        assert fits.getheader(tmp_path / name)["FILENAME"] == escaped
        files.clean_median(tmp_path / name, tmp_path / "c.fits")
        header = fits.getheader(tmp_path / "c.fits", int(extension))
        assert header["CCRIN1"] == escaped

    def test_keywords_that_are_there_twice(self, tmp_path):
        """Each with a value of its own, or none, in the header of image or file."""
        odd = [("AMP", 1, "left"), ("AMP", 2, "right"), ("UNKNOWN", None)]
        alone = image(fits.PrimaryHDU)
        for card in odd:
            alone.header.append(card, end=True)
        path = save(tmp_path / "a.fits", [alone])
        files.clean_median(path, tmp_path / "b.fits")
        header = fits.getheader(tmp_path / "b.fits")
        assert [card.value for card in header.cards if card.keyword == "AMP"] == [1, 2]

        primary = fits.PrimaryHDU()
        for card in odd:
            primary.header.append(card, end=True)
        path = save(tmp_path / "c.fits", [primary, image(name="SCI")])
        files.clean_median(path, tmp_path / "d.fits")
        assert not {"AMP", "UNKNOWN"} & set(fits.getheader(tmp_path / "d.fits", "SCI"))

    def test_cards_that_no_standard_knows(self, tmp_path):
        """In other extensions they are neither judged nor mended."""
        more = table()
        more.header["GAIN"] = 1.5
        path = save(tmp_path / "a.fits", [image(fits.PrimaryHDU), more])
        content = path.read_bytes()
        start = content.rindex(b"GAIN    =")
        odd = b"GAIN    = 1,5 / a comma".ljust(80)
        path.write_bytes(content[:start] + odd + content[start + 80 :])
        files.clean_median(path, tmp_path / "b.fits")
        before, after = dict(pieces(path)), dict(pieces(tmp_path / "b.fits"))
        assert before["TELEM", 1] == after["TELEM", 1]

    def test_last_block_may_be_short(self, tmp_path):
        """Some writers leave out the zeros after the last data."""
        path = save(tmp_path / "a.fits", [image(fits.PrimaryHDU), table()])
        content = path.read_bytes()
        (tmp_path / "s.fits").write_bytes(content[:-2700])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            files.clean_median(tmp_path / "s.fits", tmp_path / "b.fits")
        files.clean_median(path, tmp_path / "c.fits")
        one, two = (dict(pieces(tmp_path / name)) for name in ("b.fits", "c.fits"))
        for key in one:
            assert one[key] == two[key] or key == ("", 1)
        check_sums(tmp_path / "b.fits")


def test_write(tmp_path):
    """What a person cleaned with functions goes into the layout of the source."""
    path = save(tmp_path / "a.fits", chips())
    before = files.read(path, hdu="SCI,2")
    after = ccdcr.cosmicray_median(before)
    report = files.write(after, path, tmp_path / "b.fits", hdu="SCI,2", dq_bit=8)
    files.clean_median(path, tmp_path / "c.fits", hdu="SCI,2", dq_bit=8)
    assert report.mask[HIT]
    assert pieces(tmp_path / "b.fits") == pieces(tmp_path / "c.fits")
    with pytest.raises(FileExistsError):
        files.write(after, path, tmp_path / "b.fits", hdu="SCI,2")
    with pytest.raises(ValueError, match="shape"):
        files.write(after[1:], path, tmp_path / "d.fits", hdu="SCI,2")
    with pytest.raises(TypeError, match="after"):
        files.write(after.data, path, tmp_path / "d.fits", hdu="SCI,2")
    assert not (tmp_path / "d.fits").exists()


def test_write_an_uncertainty_that_the_source_has_not(tmp_path):
    """A person has made it; it is there when the result is read."""
    path = save(tmp_path / "a.fits", plain())
    before = files.read(path)
    before.uncertainty = StdDevUncertainty(np.full(before.shape, 5.0))
    after = ccdcr.cosmicray_median(before)
    files.write(after, path, tmp_path / "b.fits")
    back = files.read(tmp_path / "b.fits")
    assert isinstance(back.uncertainty, StdDevUncertainty)
    assert_array_equal(back.uncertainty.array, after.uncertainty.array)
    check_sums(tmp_path / "b.fits")


def test_an_extension_without_a_name(tmp_path):
    """It gets none."""
    path = save(tmp_path / "a.fits", [fits.PrimaryHDU(), image(BUNIT="adu")])
    files.clean_median(path, tmp_path / "b.fits")
    with fits.open(tmp_path / "b.fits") as hdus:
        assert "EXTNAME" not in hdus[1].header
        assert [hdu.name for hdu in hdus][:3] == ["PRIMARY", "", "MASK"]


def test_put_back_clears_the_flag(tmp_path):
    path = save(tmp_path / "a.fits", sci_err_dq())
    report = files.clean_median(path, tmp_path / "b.fits", dq_bit=4096)
    before, after = files.read(path), files.read(tmp_path / "b.fits")
    label = int(report.segmentation.data[HIT])
    restored = ccdcr.restore_cosmicrays(after, before, [label])
    files.write(restored, path, tmp_path / "c.fits")
    assert not fits.getdata(tmp_path / "c.fits", "CRMASK")[HIT]


def test_an_image_that_belongs_to_nothing(tmp_path):
    """Whatever it is called: if it is asked for it is cleaned, without planes."""
    other = plane("ERR", dirty(3), BUNIT="adu")
    path = save(tmp_path / "a.fits", [fits.PrimaryHDU(), image(name="SCI"), other])
    report = files.clean_median(path, tmp_path / "b.fits", hdu="ERR")
    assert report.mask[HIT]
    before, after = dict(pieces(path)), dict(pieces(tmp_path / "b.fits"))
    assert before["SCI", 1] == after["SCI", 1]
    assert before["ERR", 1] != after["ERR", 1]


def test_a_mask_of_floating_numbers(tmp_path):
    bad = np.zeros(SHAPE, "f4")
    bad[0, 0] = 0.5
    path = save(tmp_path / "a.fits", [image(fits.PrimaryHDU), plane("MASK", bad)])
    report = files.clean_median(path, tmp_path / "b.fits")
    mask = fits.getdata(tmp_path / "b.fits", "MASK")
    assert_array_equal(mask != 0, (bad != 0) | report.mask)


def test_one_image_where_there_must_be_one(tmp_path):
    path = save(tmp_path / "a.fits", chips())
    after = ccdcr.cosmicray_median(files.read(path))
    with pytest.raises(ValueError, match="hdu must be one image, got 'all'"):
        files.write(after, path, tmp_path / "b.fits", hdu="all")
    (tmp_path / "d.json").write_text("{}")
    names = [path, path, tmp_path / "d.json", tmp_path / "b.fits"]
    with pytest.raises(ValueError, match="hdu must be one image"):
        files.apply_decisions(*names, hdu="all")
    with pytest.raises(ValueError, match="outs must be as many as paths, 2, got 1"):
        files.clean_stack([path, path], [tmp_path / "b.fits"])
    assert not (tmp_path / "b.fits").exists()


def test_tiles_in_many_threads(tmp_path):
    """Older astropy has one switch for all threads; it must not be left wrong."""
    path = save(tmp_path / "a.fits.fz", compressed())

    def clean(number):
        files.clean_median(path, tmp_path / f"{number}.fits.fz")
        return pieces(tmp_path / f"{number}.fits.fz")

    with ThreadPoolExecutor(4) as threads:
        first, *others = threads.map(clean, range(12))
    assert all(other == first for other in others)
    with fits.open(path) as hdus:
        assert isinstance(hdus[1], fits.CompImageHDU)
