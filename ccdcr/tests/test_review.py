# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The page for review, and what is decided on it."""

import base64
import io
import json
import re
import struct
import zlib

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.table import MaskedColumn, QTable
from astropy.utils.masked import Masked
from hypothesis import given
from hypothesis import strategies as st

import ccdcr
from ccdcr import cli, files, review
from ccdcr._decisions import checksum
from ccdcr._pictures import grey, limits, png, reduced
from ccdcr.tests.conftest import frame, sky

HITS = [(4, 5), (11, 20), (18, 9)]
HOSTILE = "</script><img src=x onerror=alert(1)><!-- & \" ' \u2028 @@script@@"


def pair(kind="std", **options):
    data = sky(1)
    for y, x in HITS:
        data[y, x : x + 2] += 3000
    before = frame(data, kind, **options)
    return ccdcr.cosmicray_median(before), before


def crowd(shape=(4096, 4096), n=72):
    """Many detections, and what a cleaner would return of them."""
    rng = np.random.default_rng(1)
    clean = rng.normal(300, 18, shape).astype(np.float32)
    data, mask = clean.copy(), np.zeros(shape, dtype=bool)
    places = np.linspace(20, shape[0] - 40, n).astype(int)
    for y in places:
        for x in places:
            height, width = rng.integers(1, 9, 2)
            data[y : y + height, x : x + width] += 500
            mask[y : y + height, x : x + width] = True
    return CCDData(clean, unit="electron", mask=mask), CCDData(data, unit="electron")


def content_of(path):
    text = path.read_text(encoding="utf-8")
    found = re.search(r'<script id="content"[^>]*>(.*?)</script>', text, re.DOTALL)
    return text, json.loads(found[1])


def pixels_of(picture):
    """Levels of a PNG, with the first row at the bottom."""
    picture = base64.b64decode(picture)
    columns, rows = struct.unpack(">II", picture[16:24])
    start = picture.index(b"IDAT") + 4
    lines = zlib.decompressobj().decompress(picture[start:])
    levels = np.frombuffer(lines, np.uint8).reshape(rows, columns + 1)
    assert not levels[:, 0].any()
    return levels[::-1, 1:]


class TestPage:
    def test_content(self, tmp_path):
        after, before = pair()
        report = review.write_review(after, before, tmp_path / "page.html")
        text, content = content_of(tmp_path / "page.html")
        assert str(report).replace("\n", "<br>") in text
        assert content["shape"] == [24, 30]
        assert content["removed"] == report.n_cosmicrays == 3
        assert content["frame"] == checksum(after, before)
        assert content["ccdcr"] == ccdcr.__version__
        columns = {one["name"]: one for one in content["columns"]}
        assert list(columns) == report.table.colnames
        assert columns["charge"]["unit"] == "adu"
        np.testing.assert_allclose(
            columns["charge"]["values"], report.table["charge"].value, rtol=1e-5
        )
        assert columns["suspect"]["values"] == ["", "", ""]
        assert [card[0] for card in content["cards"]][:2] == ["CCRVER", "CCRFUNC"]

    def test_pictures(self, tmp_path):
        after, before = pair()
        before.data[0, 29] = after.data[0, 29] = np.nan
        review.write_review(after, before, tmp_path / "page.html")
        _, content = content_of(tmp_path / "page.html")
        scale = limits(after.data)
        for name, ccd in (("before", before), ("after", after)):
            levels = pixels_of(content[name])
            assert np.array_equal(levels, grey(ccd.data, *scale))
            assert levels[0, 29] == 0
        assert content["step"] == 1

    def test_thumbnails(self, tmp_path):
        """Cut out, and changed as the page does it: the frames before and after."""
        after, before = pair()
        report = review.write_review(after, before, tmp_path / "page.html")
        _, content = content_of(tmp_path / "page.html")
        thumbs, scale = content["thumbnails"], limits(after.data)
        side = thumbs["side"]
        levels, changes = (
            np.frombuffer(base64.b64decode(thumbs[key]), np.uint8)
            for key in ("levels", "changes")
        )
        levels, changes = levels.reshape(-1, side, side).copy(), changes.reshape(-1, 3)
        assert thumbs["rows"] == [0, 1, 2]
        assert thumbs["step"] == [1, 1, 1]
        for k, label in enumerate(report.table["label"]):
            y, x = thumbs["y"][k], thumbs["x"][k]
            wide = [
                np.pad(image, 2 * side, constant_values=outside)[
                    y + 2 * side : y + 3 * side, x + 2 * side : x + 3 * side
                ]
                for image, outside in (
                    (before.data, np.nan),
                    (after.data, np.nan),
                    (report.segmentation.data, 0),
                )
            ]
            assert np.array_equal(levels[k], grey(wide[0], *scale))
            part = changes[thumbs["start"][k] : thumbs["start"][k + 1]].astype(int)
            places = part[:, 0] + 256 * (part[:, 1] & 127)
            levels[k].ravel()[places] = part[:, 2]
            assert np.array_equal(levels[k], grey(wide[1], *scale))
            own = np.zeros(side * side, dtype=bool)
            own[places] = part[:, 1] > 127
            assert np.array_equal(own.reshape(side, side), wide[2] == label)

    def test_columns_of_any_kind(self):
        table = QTable(
            {
                "label": [1, 2],
                "angle": Masked([12.3456789, 7.0] * u.deg, mask=[False, True]),
                "error": [np.nan, 2.5] * u.electron,
                "known": MaskedColumn([True, False], mask=[True, False]),
                "kind": MaskedColumn(["spot", "worm"], mask=[False, True]),
                "shape": np.zeros((2, 2)),
            }
        )
        columns = {one.pop("name"): one for one in review._columns(table)}
        assert columns == {
            "label": {"unit": "", "kind": "number", "values": [1, 2]},
            "angle": {"unit": "deg", "kind": "number", "values": [12.3457, None]},
            "error": {"unit": "electron", "kind": "number", "values": [None, 2.5]},
            "known": {"unit": "", "kind": "truth", "values": [None, False]},
            "kind": {"unit": "", "kind": "text", "values": ["spot", None]},
        }

    def test_nothing_hostile(self, tmp_path):
        after, before = pair()
        after.meta["OBJECT"] = HOSTILE
        after.meta["FILTER"] = HOSTILE
        for name, title in (("a.html", HOSTILE), ("b.html", None)):
            review.write_review(after, before, tmp_path / name, title=title)
            text, content = content_of(tmp_path / name)
            assert "<img" not in text
            assert "\u2028" not in text.partition('<script id="content"')[2]
            assert text.count("</script>") == 2
            assert ["FILTER", HOSTILE, ""] in content["cards"]
            assert "@@script@@" in text  # as a word of the title, not replaced

    def test_nothing_from_elsewhere(self, tmp_path):
        after, before = pair()
        review.write_review(after, before, tmp_path / "page.html")
        text, _ = content_of(tmp_path / "page.html")
        assert re.search(r"[hH][tT][tT][pP]s?:|//\w+\.|@import|\burl\(", text) is None
        assert re.search(r"innerHTML|outerHTML|insertAdjacent|eval\(", text) is None
        policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
        assert policy.startswith("default-src 'none'; ")
        assert "unsafe" not in policy

    def test_units_that_convert(self, tmp_path):
        after, before = pair("none")
        review.write_review(after, before, tmp_path / "a.html")
        kilo = CCDData(before.data / 1000, unit=u.def_unit("kiloadu", 1000 * u.adu))
        review.write_review(after, kilo, tmp_path / "b.html")
        one, other = (content_of(tmp_path / name)[1] for name in ("a.html", "b.html"))
        assert np.array_equal(pixels_of(one["before"]), pixels_of(other["before"]))

    @pytest.mark.parametrize("value", [100.0, np.nan])
    def test_nothing_found(self, tmp_path, value):
        ccd = CCDData(np.full((5, 7), value), unit="")
        review.write_review(ccd, ccd, tmp_path / "page.html")
        _, content = content_of(tmp_path / "page.html")
        assert content["removed"] == 0
        assert content["thumbnails"]["levels"] == ""

    def test_suspects_are_listed(self, tmp_path):
        after, before = pair()
        after.flags[20:22, 25:28] |= 32
        review.write_review(after, before, tmp_path / "page.html")
        _, content = content_of(tmp_path / "page.html")
        assert content["removed"] == 3
        assert content["columns"][0]["values"] == [1, 2, 3, 4]

    def test_many(self, tmp_path):
        after, before = crowd()
        report = review.write_review(after, before, tmp_path / "page.html")
        assert report.n_cosmicrays == 72**2 > 5000
        assert (tmp_path / "page.html").stat().st_size < 15e6
        _, content = content_of(tmp_path / "page.html")
        assert content["step"] == 3
        assert pixels_of(content["before"]).shape == (1366, 1366)
        rows = content["thumbnails"]["rows"]
        assert len(rows) == 5000
        left_out = np.delete(report.table["n_pixels"], rows)
        assert left_out.max() <= report.table["n_pixels"][rows].min()
        assert "5000 of 5184 detections have pictures" in content["notes"][2]

    def test_a_large_one_is_reduced(self, tmp_path):
        data = sky(1, (100, 100))
        mask = np.zeros(data.shape, dtype=bool)
        mask[10, 5:95] = True
        after = CCDData(data, unit="adu", mask=mask)
        before = CCDData(data + 1000 * mask, unit="adu")
        review.write_review(after, before, tmp_path / "page.html")
        _, content = content_of(tmp_path / "page.html")
        thumbs = content["thumbnails"]
        assert thumbs["step"] == [4]
        assert thumbs["start"] == [0, 24]  # 90 pixels in blocks of 4

    def test_nothing_is_overwritten(self, tmp_path):
        after, before = pair()
        path = tmp_path / "page.html"
        path.write_text("mine")
        with pytest.raises(FileExistsError, match="exists, and overwrite is not set"):
            review.write_review(after, before, path)
        assert path.read_text() == "mine"
        review.write_review(after, before, path, overwrite=True)
        first = path.read_bytes()
        review.write_review(after, before, path, overwrite=True)
        assert path.read_bytes() == first
        assert list(tmp_path.iterdir()) == [path]
        with pytest.raises(FileNotFoundError, match="its folder does not exist"):
            review.write_review(after, before, tmp_path / "no" / "page.html")

    def test_bad_arguments(self, tmp_path):
        after, before = pair()
        with pytest.raises(TypeError, match="title must be a text or None, got int"):
            review.write_review(after, before, tmp_path / "page.html", title=3)
        with pytest.raises(ValueError, match="must have one shape"):
            review.write_review(after, before[1:], tmp_path / "page.html")
        assert not list(tmp_path.iterdir())


class TestPictures:
    def test_reduced(self):
        image = np.arange(35.0).reshape(5, 7)
        image[0, 0] = image[4, 6] = np.nan
        small = reduced(image, 3)
        assert small.shape == (2, 3)
        assert small[0, 0] == np.nanmean(image[:3, :3])
        assert small[1, 1] == image[3:, 3:6].mean()
        assert np.isnan(reduced(image, 2)[2, 3])

    def test_grey(self):
        levels = grey(np.array([-9, 0, 5, 10, 99, np.nan, np.inf]), 0, 10)
        assert levels[[0, 1, 3, 4]].tolist() == [1, 1, 255, 255]
        assert 128 < levels[2] < 200
        assert levels[5:].tolist() == [0, 0]

    def test_png(self):
        image = pytest.importorskip("matplotlib.image")
        levels = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
        drawn = image.imread(io.BytesIO(png(levels)))
        shades = np.rint(255 * drawn[::-1, :, 0]).astype(int)
        assert np.array_equal(shades[levels > 0], 255 - levels[levels > 0])


class TestChecksum:
    def test_a_file_does_not_change_it(self, tmp_path):
        for dtype in ("f4", "f8", "i2", "u2", ">f4"):
            after, before = pair(dtype=np.dtype(dtype))
            first = checksum(after, before)
            for name, ccd in (("a", after), ("b", before)):
                ccd.write(tmp_path / f"{name}.fits", overwrite=True)
            again = [files.read(tmp_path / f"{name}.fits") for name in "ab"]
            assert checksum(*again) == first
            before.data = np.asfortranarray(before.data)
            after.data = after.data.astype(after.data.dtype.newbyteorder(">"))
            assert checksum(after, before) == first

    def test_everything_counts(self):
        after, before = pair()
        seen = {checksum(after, before), checksum(before, after)}
        for image in (after.data, before.data, after.mask):
            image[0, 0] = True
            seen.add(checksum(after, before))
        assert len(seen) == 5

    def test_shape_counts_and_no_mask_is_an_empty_one(self):
        wide, high = (CCDData(np.zeros(s), unit="adu") for s in ((2, 8), (8, 2)))
        assert checksum(wide, wide) != checksum(high, high)
        masked = CCDData(wide, mask=np.zeros((2, 8), dtype=bool))
        assert checksum(masked, wide) == checksum(wide, wide)


class TestDecisions:
    def decisions(self, after, before, rejected=(2,)):
        return {
            "ccdcr": "0.1",
            "frame": checksum(after, before),
            "rejected": list(rejected),
        }

    def test_they_are_obeyed(self, tmp_path):
        after, before = pair()
        decisions = self.decisions(after, before)
        (tmp_path / "d.json").write_text(json.dumps(decisions), encoding="utf-8-sig")
        wanted = ccdcr.restore_cosmicrays(after, before, [2])
        for given_ in (decisions, tmp_path / "d.json", str(tmp_path / "d.json")):
            restored = review.apply_decisions(after, before, given_)
            assert restored.data.tobytes() == wanted.data.tobytes()
            assert np.array_equal(restored.mask, wanted.mask)

    def test_those_of_another_frame(self):
        after, before = pair()
        decisions = self.decisions(after, before)
        after.data[0, 0] += 1
        with pytest.raises(ValueError, match="got those of another one"):
            review.apply_decisions(after, before, decisions)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"rejected": [4]}, "labels must be from 1 to 3"),
            ({"rejected": [0]}, "decisions must list positive integers, got 0"),
            ({"rejected": [-1]}, "positive integers, got -1"),
            ({"rejected": [1, 1]}, "decisions must list a label once, got 1 again"),
            ({"rejected": [1.0]}, "positive integers, got 1.0"),
            ({"rejected": [True]}, "positive integers, got True"),
            ({"rejected": [None]}, "positive integers, got None"),
            ({"rejected": ["1"]}, "positive integers, got '1'"),
            ({"rejected": [[1]]}, "positive integers, got"),
            ({"rejected": "1"}, "decisions must have a list as 'rejected', got str"),
            ({"rejected": {}}, "a list as 'rejected', got dict"),
            ({"frame": 3}, "decisions must have a text as 'frame', got int"),
            ({"frame": "x" * 10**6}, "decisions must have a SHA-256 as 'frame', got"),
            ({"ccdcr": None}, "decisions must have a text as 'ccdcr', got NoneType"),
        ],
    )
    def test_bad_ones(self, change, message, tmp_path):
        after, before = pair()
        decisions = self.decisions(after, before) | change
        (tmp_path / "d.json").write_text(json.dumps(decisions))
        for given_ in (decisions, tmp_path / "d.json"):
            with pytest.raises(ValueError, match=message) as caught:
                review.apply_decisions(after, before, given_)
            assert len(str(caught.value)) < 300

    @pytest.mark.parametrize("key", ["ccdcr", "frame", "rejected"])
    def test_missing_ones(self, key):
        after, before = pair()
        decisions = self.decisions(after, before)
        del decisions[key]
        with pytest.raises(ValueError, match=f"as {key!r}, got none"):
            review.apply_decisions(after, before, decisions)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (b"", "decisions must be JSON"),
            (b"junk", "decisions must be JSON"),
            (b"\xff\xfe", "decisions must be JSON"),
            (b"[1]", "decisions must be a JSON object, got list"),
            (b"null", "decisions must be a JSON object, got NoneType"),
            (b'{"rejected": [NaN]}', "NaN is no JSON"),
            (b'{"rejected": [-Infinity]}', "-Infinity is no JSON"),
            (b'{"rejected": [1], "rejected": []}', "a key is there twice"),
            (b"[" * 100_000, "lists within lists"),
            (b'{"a":' * 100_000, "lists within lists"),
            (b'{"rejected": [' + b"9" * 5000 + b"]}", "decisions must be JSON"),
            (b" " * 10_000_001, "at most 10000000 bytes, got more"),
        ],
        ids=range(12),
    )
    def test_bad_files(self, text, message, tmp_path):
        after, before = pair()
        path = tmp_path / "d.json"
        path.write_bytes(text)
        with pytest.raises(ValueError, match=message) as caught:
            review.apply_decisions(after, before, path)
        assert str(path) in str(caught.value)

    def test_wrong_kind(self, tmp_path):
        after, before = pair()
        with pytest.raises(TypeError, match="must be a path or a dict, got list"):
            review.apply_decisions(after, before, [2])
        with pytest.raises(FileNotFoundError):
            review.apply_decisions(after, before, tmp_path / "none.json")

    json_values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    )

    @given(json_values)
    def test_any_json(self, value):
        after, before = pair("none")
        decisions = self.decisions(after, before) | {"rejected": value}
        try:
            restored = review.apply_decisions(after, before, decisions)
        except ValueError:
            return
        assert restored.mask.sum() <= after.mask.sum()


@pytest.fixture
def cleaned(tmp_path, monkeypatch):
    """The files a.fits and a_crclean.fits."""
    monkeypatch.chdir(tmp_path)
    _, before = pair()
    hdus = before.to_hdu()
    hdus.append(fits.BinTableHDU.from_columns([], name="NOTES"))
    hdus.writeto("a.fits")
    assert cli.main(["median", "a.fits"]) == 0
    return tmp_path


def decide(rejected=(2,)):
    frames = [files.read(name) for name in ("a_crclean.fits", "a.fits")]
    decisions = {"ccdcr": "0.1", "frame": checksum(*frames), "rejected": rejected}
    with open("d.json", "w") as file:
        json.dump(decisions, file)
    return frames


class TestCommand:
    def run(self, text, capsys):
        capsys.readouterr()
        try:
            status = cli.main(f"review {text}".split())
        except SystemExit as stop:
            status = stop.code
        return status, *capsys.readouterr()

    def test_page(self, cleaned, capsys):
        status, out, err = self.run("a_crclean.fits a.fits -o a.html", capsys)
        assert (status, err) == (0, "")
        assert out.startswith("a.html: 3 cosmic rays on ")
        assert "<h1>a_crclean.fits</h1>" in (cleaned / "a.html").read_text("utf-8")
        status, _, err = self.run("a_crclean.fits a.fits -o a.html", capsys)
        assert status == 1
        assert err == "ccdcr: a.html: exists, and overwrite is not set\n"
        text = "a_crclean.fits a.fits -o a.html --overwrite --dark a.fits --title T"
        assert self.run(text, capsys)[0] == 0
        assert "hot pixel" in (cleaned / "a.html").read_text("utf-8").split("<h1>")[1]

    def test_apply(self, cleaned, capsys):
        after, before = decide()
        text = "--apply d.json a_crclean.fits a.fits -o final.fits"
        status, out, err = self.run(text, capsys)
        assert (status, err) == (0, "")
        assert out.startswith("final.fits: 2 cosmic rays on ")
        wanted = ccdcr.restore_cosmicrays(after, before, [2])
        final = files.read("final.fits")
        assert np.array_equal(final.data, wanted.data)
        assert np.array_equal(final.mask, wanted.mask)
        assert np.array_equal(final.uncertainty.array, wanted.uncertainty.array)
        assert np.array_equal(final.flags, wanted.flags)
        header = fits.getheader("final.fits")
        assert header["CCRNREST"] == 1
        assert header["HISTORY"][-1] == "  labels put back: 2"
        with fits.open("final.fits") as hdus:
            assert "NOTES" in hdus
            assert np.array_equal(hdus["CRMASK"].data, wanted.mask)
        status, _, err = self.run(text, capsys)
        assert status == 1
        assert err == "ccdcr: final.fits: exists, and overwrite is not set\n"

    def test_files_that_ccddata_wrote(self, cleaned, capsys):
        """Without CRMASK and CRFLAGS."""
        files.read("a_crclean.fits").write("a_crclean.fits", overwrite=True)
        decide([1, 3])
        text = "--apply d.json a_crclean.fits a.fits -o final.fits"
        assert self.run(text, capsys)[0] == 0
        with fits.open("final.fits") as hdus:
            report = ccdcr.cosmicray_report(*map(files.read, ("final.fits", "a.fits")))
            assert report.n_cosmicrays == 1
            assert np.array_equal(hdus["CRMASK"].data, report.mask)
            assert "CRFLAGS" not in hdus

    def test_failures(self, cleaned, capsys):
        decide()
        text = "--apply d.json a.fits a.fits -o final.fits"
        status, _, err = self.run(text, capsys)
        assert status == 1
        assert err.startswith("ccdcr: d.json: decisions must be of this frame")
        assert len(err.splitlines()) == 1
        status, _, err = self.run("a.fits none.fits -o a.html", capsys)
        assert (status, err) == (1, "ccdcr: none.fits: no such file\n")
        (cleaned / "d.json").write_text("{}")
        assert self.run(text, capsys)[0] == 1
        assert not (cleaned / "final.fits").exists()

    def test_wrong_use(self, cleaned, capsys):
        assert self.run("a_crclean.fits a.fits", capsys)[0] == 2
        text = "--apply d.json --dark a.fits a_crclean.fits a.fits -o final.fits"
        status, _, err = self.run(text, capsys)
        assert status == 2
        assert "--dark and --title are for the page" in err
