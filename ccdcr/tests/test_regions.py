# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""All forms of a region."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ccdcr._regions import allowed_pixels, describe
from ccdcr.tests.conftest import SHAPE, frame, simple_wcs, sky

INSIDE = np.zeros(SHAPE, bool)
INSIDE[2:5, 9:20] = True


def allowed(region=None, exclude=None, wcs=None):
    return allowed_pixels(region, exclude, frame(sky(1), wcs=wcs))


@pytest.mark.parametrize(
    "region",
    [
        "[10:20,3:5]",
        " [ 10 : 20 , 3 : 5 ] ",
        np.s_[2:5, 9:20],
        np.s_[-22:-19, 9:20],
        INSIDE,
        ["[10:15,3:5]", np.s_[2:5, 15:20]],
        (np.s_[2:5, 9:15], "[12:20,3:5]"),
        [INSIDE],
        [[INSIDE], "[10,3]"],
    ],
)
def test_forms_are_equal(region):
    assert_array_equal(allowed(region), INSIDE)
    assert_array_equal(allowed(exclude=region), ~INSIDE)
    assert_array_equal(
        allowed("[1:30,1:4]", region), ~INSIDE & (np.arange(24) < 4)[:, None]
    )


def test_nothing_given():
    assert allowed() is None
    assert allowed(exclude=[]).all()


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ("[*,*]", np.s_[:, :]),
        ("[*,3]", np.s_[2:3, :]),
        ("[1,*]", np.s_[:, :1]),
        ("[30:30,24:24]", np.s_[23:, 29:]),
    ],
)
def test_sections(section, expected):
    wanted = np.zeros(SHAPE, bool)
    wanted[expected] = True
    assert_array_equal(allowed(section), wanted)


@pytest.mark.parametrize("region", [np.s_[3, 4:7], np.s_[::2, 1:3], np.s_[:, 8:99]])
def test_slices_are_those_of_numpy(region):
    wanted = np.zeros(SHAPE, bool)
    wanted[region] = True
    assert_array_equal(allowed(region), wanted)


def test_an_array_of_the_caller_is_not_changed():
    region = INSIDE.copy()
    allowed(region, exclude=region)
    assert_array_equal(region, INSIDE)


@pytest.mark.parametrize("name", ["region", "exclude"])
@pytest.mark.parametrize(
    ("region", "error", "message"),
    [
        ("[1:4]", ValueError, "of two axes, x first, got"),
        ("[1:4,1:4,1:4]", ValueError, "of two axes"),
        ("1:4,1:4", ValueError, "must be a FITS section like"),
        ("box(3,4,5,6)", ValueError, "must be a FITS section like"),
        ("[0:4,1:4]", ValueError, r"inside the image \(x from 1 to 30, y from 1 to 24"),
        ("[1:31,1:4]", ValueError, "inside the image"),
        ("[1:4,1:25]", ValueError, "inside the image"),
        ("[4:1,1:4]", ValueError, "lower limit first"),
        ("[1:4,-1:4]", ValueError, "whole numbers"),
        ("[1.5:4,1:4]", ValueError, "whole numbers"),
        ("[a:b,1:4]", ValueError, "whole numbers"),
        ("[,]", ValueError, "whole numbers"),
        (np.s_[100:200, :], ValueError, "must hold pixels of the image"),
        (np.s_[5:5, :], ValueError, "must hold pixels of the image"),
        (np.s_[100, 4], ValueError, "must hold pixels of the image"),
        (np.s_[1:2, 1:2, 1:2], ValueError, r"must be two slices \(rows, columns\)"),
        (np.ones((3, 3), bool), ValueError, "must have the shape of the data"),
        (np.ones(SHAPE), TypeError, "must be a boolean array, got dtype float64"),
        (5, TypeError, "got int"),
        (slice(3, 4), TypeError, "got slice"),
        ([slice(3, 4), slice(5, 6)], TypeError, "got slice"),
        (np.s_["a":, :], TypeError, "must be slices of whole numbers"),
        (3.5, TypeError, "got float"),
        ({"a": 1}, TypeError, "got dict"),
        ([3.5], TypeError, "got float"),
    ],
)
def test_refused(name, region, error, message):
    with pytest.raises(error, match=f"{name} .*{message}"):
        allowed(**{name: region})


def test_an_empty_list_is_no_region():
    with pytest.raises(ValueError, match="region must name a part of the image"):
        allowed([])


class TestRegionsPackage:
    @pytest.fixture(autouse=True)
    def regions(self):
        self.regions = pytest.importorskip("regions")

    def circle(self, x=15, y=10, radius=4.3):
        return self.regions.CirclePixelRegion(self.regions.PixCoord(x, y), radius)

    def test_pixel_region(self):
        y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
        expected = np.hypot(x - 15, y - 10) < 4.3
        assert_array_equal(allowed(self.circle()), expected)

    def test_partly_outside(self):
        assert allowed(self.circle(x=0)).sum() < allowed(self.circle()).sum()

    def test_sky_region_goes_through_the_wcs(self):
        wcs = simple_wcs()
        sky_region = self.circle().to_sky(wcs)
        assert_array_equal(allowed(sky_region, wcs=wcs), allowed(self.circle()))

    def test_sky_region_without_wcs(self):
        with pytest.raises(
            ValueError, match="must be in pixels when the frame has no WCS"
        ):
            allowed(self.circle().to_sky(simple_wcs()))

    def test_list_and_compound(self):
        two = [self.circle(), self.circle(x=5)]
        union = allowed(self.circle()) | allowed(self.circle(x=5))
        assert_array_equal(allowed(two), union)
        assert_array_equal(allowed(self.regions.Regions(two)), union)
        assert_array_equal(allowed(two[0] | two[1]), union)

    def test_ds9(self):
        text = "image\ncircle(16,11,4)\nbox(6,6,3,5,0)\n"
        parsed = self.regions.Regions.parse(text, format="ds9")
        y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
        box = (abs(x - 5) <= 1) & (abs(y - 5) <= 2)
        assert_array_equal(allowed(parsed), (np.hypot(x - 15, y - 10) < 4) | box)

    def test_excluding_region_is_not_guessed_at(self):
        parsed = self.regions.Regions.parse("image\n-circle(16,11,4)\n", format="ds9")
        with pytest.raises(ValueError, match="without its minus sign as exclude"):
            allowed(parsed)

    def test_outside(self):
        with pytest.raises(ValueError, match="must hold pixels of the image"):
            allowed(self.circle(x=500))

    def test_without_area(self):
        point = self.regions.PointPixelRegion(self.regions.PixCoord(3, 4))
        with pytest.raises(ValueError, match="must be a region with an area"):
            allowed(point)

    def test_description(self):
        assert describe(self.circle(), SHAPE).startswith("CirclePixelRegion")


@pytest.mark.parametrize(
    ("region", "text"),
    [
        (None, "none"),
        ([], "none"),
        ("[1:3, 2:4]", "[1:3,2:4]"),
        (np.s_[1:4, 0:3], "[1:3,2:4]"),
        (np.s_[1:4, :], "[1:30,2:4]"),
        (np.s_[5:, :7], "[1:7,6:24]"),
        (np.s_[5:99, -7:], "[24:30,6:24]"),
        (np.s_[5, -3], "[28,6]"),
        (np.s_[::2, -3:], "[28:30,1:24:2]"),
        (INSIDE, "array of 33 pixels"),
        (["[1,2]", INSIDE], "[1,2];array of 33 pixels"),
    ],
)
def test_descriptions(region, text):
    assert describe(region, SHAPE) == text
