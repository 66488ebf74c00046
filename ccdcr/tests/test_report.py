# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The list of what was removed."""

import numpy as np
import pytest
from astropy import units as u
from astropy.nddata import CCDData
from numpy.testing import assert_allclose, assert_array_equal

from ccdcr import CosmicRayReport, cosmicray_median, cosmicray_report
from ccdcr.tests.conftest import SHAPE, frame, sky


def cleaned():
    """Three cosmic rays: a diagonal pair, a single pixel, a row of three."""
    before = frame(np.full(SHAPE, 100.0), "std", mask=np.zeros(SHAPE, bool))
    before.mask[0, 0] = True
    after = before.copy()
    after.mask = before.mask.copy()
    for y, x, charge in (
        (3, 4, 300),
        (4, 5, 100),
        (10, 20, 50),
        (15, 7, 10),
        (15, 8, 30),
        (15, 9, -5),
    ):
        before.data[y, x] += charge
        after.mask[y, x] = True
    return after, before


def test_table_by_hand():
    report = cosmicray_report(*cleaned())
    assert isinstance(report, CosmicRayReport)
    table = report.table
    assert table.colnames == [
        "label",
        "n_pixels",
        "x_centroid",
        "y_centroid",
        "bbox_xmin",
        "bbox_xmax",
        "bbox_ymin",
        "bbox_ymax",
        "length",
        "width",
        "angle",
        "charge",
        "charge_error",
        "significance",
        "kind",
        "coincident",
        "on_edge",
        "suspect",
    ]
    assert_array_equal(table["label"], [1, 2, 3])
    assert_array_equal(table["n_pixels"], [2, 1, 3])
    assert_allclose(table["x_centroid"], [4.25, 20, 7.75])
    assert_allclose(table["y_centroid"], [3.25, 10, 15])
    assert_array_equal(table["bbox_xmin"], [4, 20, 7])
    assert_array_equal(table["bbox_xmax"], [5, 20, 9])
    assert_array_equal(table["bbox_ymin"], [3, 10, 15])
    assert_array_equal(table["bbox_ymax"], [4, 10, 15])
    assert_allclose(table["charge"], [400, 50, 35] * u.adu)
    assert (report.n_cosmicrays, report.n_pixels) == (3, 6)
    assert_allclose(report.fraction, 6 / 720)
    assert str(report) == (
        "3 cosmic rays on 6 of 720 pixels (0.83 %); the largest has 3 pixels\n3 spots"
    )
    assert repr(report).startswith("<CosmicRayReport: 3 cosmic rays")


def test_segmentation_is_that_of_photutils():
    from photutils.segmentation import SegmentationImage

    report = cosmicray_report(*cleaned())
    assert isinstance(report.segmentation, SegmentationImage)
    assert_array_equal(report.segmentation.data > 0, report.mask)
    areas = np.bincount(report.segmentation.data.ravel())[1:]
    assert_array_equal(areas, report.table["n_pixels"])


def test_agrees_with_the_catalogue_of_photutils():
    from photutils.segmentation import SourceCatalog

    before = frame(sky(1))
    before.data[5, 5:9] += [1000, 2000, 500, 400]
    before.data[15, 20] += 700
    after = cosmicray_median(before)
    report = cosmicray_report(after, before)
    catalog = SourceCatalog(before.data - after.data, report.segmentation)
    x = getattr(catalog, "x_centroid", None)
    if x is None:
        x = catalog.xcentroid
    assert_allclose(report.table["x_centroid"], x)
    assert_allclose(report.table["bbox_xmax"], catalog.bbox_xmax)
    assert_allclose(report.table["charge"].value, catalog.segment_flux)


def test_nothing_found():
    ccd = frame(sky(1))
    after = cosmicray_median(ccd, sigma_peak=100)
    report = cosmicray_report(after, ccd)
    assert report.n_cosmicrays == 0
    assert len(report.segmentation.labels) == 0
    assert len(report.table) == 0
    assert report.table["charge"].unit == u.adu
    assert str(report) == "0 cosmic rays on 0 of 720 pixels (0 %)"


def test_mask_alone_has_no_charge_and_a_plain_centroid():
    ccd = frame(sky(1))
    ccd.data[5, 5:7] += [1000, 3000]
    report = cosmicray_report(
        cosmicray_median(ccd, replacement=None, method="classic"), ccd
    )
    assert_allclose(report.table["x_centroid"], 5.5)
    assert_allclose(report.table["charge"].value, 0)


def test_after_a_round_trip_through_files(tmp_path):
    after, before = cleaned()
    after.write(tmp_path / "after.fits")
    before.write(tmp_path / "before.fits")
    read = [CCDData.read(tmp_path / f"{n}.fits") for n in ("after", "before")]
    again = cosmicray_report(*read)
    assert_array_equal(again.mask, cosmicray_report(after, before).mask)
    assert again.table.meta == {}
    for name in again.table.colnames:
        assert_array_equal(
            again.table[name], cosmicray_report(after, before).table[name]
        )


def test_suspects_are_listed_but_not_counted():
    after, before = cleaned()
    assert cosmicray_report(after, before).table["coincident"].mask.all()
    after.flags = np.zeros(SHAPE, np.uint8)
    after.flags[15, 8] = 1 | 8
    after.flags[20, 3:6] = 32
    assert cosmicray_report(after, before).n_suspects == 0  # flags of someone else
    after.meta["CCRFLAGS"] = True
    report = cosmicray_report(after, before)
    assert (report.n_cosmicrays, report.n_suspects, report.n_pixels) == (3, 1, 6)
    assert list(report.table["suspect"]) == ["", "", "", "source-like"]
    assert list(report.table["coincident"]) == [False, False, True, False]
    assert_array_equal(report.table["n_pixels"], [2, 1, 3, 3])
    assert_array_equal(report.segmentation.data[20, 3:6], 4)
    assert not report.mask[20].any()
    assert report.table["charge"][3] == 0 * u.adu
    assert "the largest has 3 pixels; 1 suspect left alone\n" in str(report)
    after.mask[20, 4] = True  # someone decides that it is one
    report = cosmicray_report(after, before)
    assert (report.n_cosmicrays, report.n_suspects) == (4, 2)
    assert len(report.table) == 6


def test_no_mask_at_all():
    ccd = frame(sky(1))
    assert cosmicray_report(ccd, ccd).n_pixels == 0


def test_integer_input_and_units_that_convert():
    after, before = cleaned()
    integers = frame(before.data, dtype="u2", mask=before.mask)
    assert_allclose(
        cosmicray_report(after, integers).table["charge"].value, [400, 50, 35]
    )
    kilo = CCDData(before.data / 1000, unit=u.Unit("1000 adu"), mask=before.mask)
    assert_allclose(cosmicray_report(after, kilo).table["charge"].value, [400, 50, 35])


def test_table_writes(tmp_path):
    from astropy.table import QTable

    table = cosmicray_report(*cleaned()).table
    for name in ("t.ecsv", "t.fits"):
        table.write(tmp_path / name)
        assert_allclose(QTable.read(tmp_path / name)["charge"], table["charge"])


def test_refused():
    after, before = cleaned()
    with pytest.raises(ValueError, match="after and before must have one shape"):
        cosmicray_report(after, frame(np.ones((3, 3))))
    before = CCDData(before.data, unit="s")
    with pytest.raises(u.UnitsError, match="after and before must have units"):
        cosmicray_report(after, before)


class TestDoubts:
    def clean(self, ccd):
        return cosmicray_median(ccd, method="classic")

    def test_hot_pixels_of_a_dark(self):
        """At most four pixels, of which the brightest is hot; the dark in any unit."""
        ccd, dark = frame(sky(1)), sky(2)
        for at in ((5, 5), (5, 15)):
            ccd.data[at] += 1000
        ccd.data[15, 5:12] += [500, 500, 500, 900, 500, 500, 500]
        dark[5, 15] += 800
        dark[15, 8] += 800
        after = self.clean(ccd)
        for given in (dark, frame(dark, unit=u.electron)):
            report = cosmicray_report(after, ccd, dark=given)
            assert list(report.table["suspect"]) == ["", "hot pixel", ""]
        assert str(report).splitlines()[0].endswith("; 1 may be a hot pixel")
        assert set(cosmicray_report(after, ccd).table["suspect"]) == {""}

    @pytest.mark.parametrize("name", ["dark", "previous"])
    def test_frames_that_say_nothing(self, name):
        """All of it is masked or no number; then nobody is accused."""
        ccd = frame(sky(1))
        ccd.data[5, 5:9] += 1000
        after = self.clean(ccd)
        masked = frame(ccd.data, mask=np.ones(ccd.shape, bool))
        for nothing in (np.full(ccd.shape, np.nan), masked):
            report = cosmicray_report(after, ccd, **{name: nothing})
            assert list(report.table["suspect"]) == [""]

    def test_mask_alone(self):
        ccd, dark = frame(sky(1)), sky(2)
        ccd.data[5, 5] += 1000
        dark[5, 5] += 800
        after = cosmicray_median(ccd, replacement=None)
        assert cosmicray_report(after, ccd, dark=dark).table["suspect"] == ["hot pixel"]

    @pytest.mark.parametrize("kind", ["none", "var"])
    def test_negative_cores(self, kind):
        """What is left of a hot pixel of which a dark took too much away."""
        ccd = frame(sky(1), kind)
        ccd.data[5, 4:7] += [300, -400, 300]
        ccd.data[12, 20:23] += 300
        report = cosmicray_report(self.clean(ccd), ccd)
        assert list(report.table["suspect"]) == ["negative core"] * 2 + [""]

    def test_lines_and_stars_that_are_saturated(self):
        rng = np.random.default_rng(3)
        ccd = frame(rng.normal(300, 18, (80, 90)), "std", sigma=18)
        ccd.data[:, 20] += 900
        ccd.data[40:45, 60:65] = 60000
        ccd.data[30:36, 62] = 4000
        ccd.data[70, 70] += 900
        after = cosmicray_median(ccd, saturation=60000)
        report = cosmicray_report(after, ccd)
        assert report.n_cosmicrays == 1
        words = list(report.table["suspect"])
        assert words[0] == ""
        assert words.count("saturated") == 1
        assert set(words) == {"", "line", "saturated"}

    @pytest.mark.parametrize(
        ("dark", "error", "message"),
        [
            (np.zeros((3, 3)), ValueError, "dark must have the shape of after"),
            ("dark.fits", TypeError, "dark must be"),
            (7.0, TypeError, "dark must be"),
        ],
    )
    def test_bad_dark(self, dark, error, message):
        ccd = frame(sky(1))
        with pytest.raises(error, match=message):
            cosmicray_report(self.clean(ccd), ccd, dark=dark)
