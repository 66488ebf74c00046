# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The wrapper of astroscrappy: the same where it is right, no trap elsewhere."""

import astroscrappy
import numpy as np
import pytest
from astropy import units as u
from astropy.nddata import CCDData, StdDevUncertainty, VarianceUncertainty
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

from ccdcr import CosmicRayWarning, cosmicray_lacosmic
from ccdcr.demo import real_frame
from ccdcr.tests.conftest import frame

SHAPE = (60, 70)
INSIDE = np.s_[10:-10, 10:-10]


def field(seed=1, *, sky=100.0, kind="none", stars=True, hits=True, **options):
    """Stars of FWHM 3, read noise 5, gain 1, and hits of one to five pixels."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    scene = np.full(SHAPE, sky)
    for _ in range(12 * stars):
        y0, x0 = rng.uniform(5, 55, 2)
        scene += rng.uniform(200, 5000) * np.exp(
            -((y - y0) ** 2 + (x - x0) ** 2) / (2 * 1.27**2)
        )
    data = rng.normal(scene, np.sqrt(scene + 25))
    if hits:
        data[20, 0] += 2000
        data[0, 30:33] += 2000
        data[59, 69] += 2000
        data[33, 40:45] += 1500
        data[45, 20] += 800
    ccd = frame(data, **options)
    if kind == "var":
        ccd.uncertainty = VarianceUncertainty(np.maximum(data, 0) + 25)
    return ccd


class TestSameAsAstroscrappy:
    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"sigclip": 6.0, "sigfrac": 0.5, "objlim": 2.0, "niter": 2},
            {"sepmed": False},
            {"cleantype": "medmask"},
            {"cleantype": "idw"},
            {"fsmode": "convolve"},
            {"fsmode": "convolve", "psfmodel": "moffat", "psffwhm": 3.0, "psfsize": 9},
            {"fsmode": "convolve", "psfmodel": "gaussx", "psfsize": 5},
        ],
    )
    @pytest.mark.parametrize("exponent", [0, -60, 40])
    def test_with_an_uncertainty(self, options, exponent):
        """Also in units where astroscrappy itself would underflow."""
        ccd = field(kind="var")
        mask, clean = astroscrappy.detect_cosmics(
            ccd.data.astype("f4"),
            invar=ccd.uncertainty.array.astype("f4"),
            gain=1.0,
            satlevel=np.inf,
            **options,
        )
        scale = 2.0**exponent
        ccd.data *= scale
        ccd.uncertainty.array *= scale**2
        out = cosmicray_lacosmic(ccd, **options)
        assert mask[INSIDE].sum() >= 2
        assert_array_equal(out.mask[INSIDE], mask[INSIDE])
        found = mask.copy()
        found[:10] = found[-10:] = found[:, :10] = found[:, -10:] = False
        assert_allclose(out.data[found], clean[found] * scale, rtol=1e-6)

    @pytest.mark.parametrize("gain", [1.0, 2.5])
    def test_with_gain_and_readnoise(self, gain):
        ccd = field()
        mask, clean = astroscrappy.detect_cosmics(
            ccd.data.astype("f4"), gain=gain, readnoise=5.0
        )
        out = cosmicray_lacosmic(ccd, gain=gain, readnoise=5.0)
        assert_array_equal(out.mask[INSIDE], mask[INSIDE])
        assert out.unit == u.adu  # and in adu
        assert_allclose(out.data[33, 40:45], clean[33, 40:45], rtol=1e-6)
        quantities = {"gain": gain * u.electron / u.adu, "readnoise": 5 * u.electron}
        assert_array_equal(cosmicray_lacosmic(ccd, **quantities).mask, out.mask)
        assert (out.meta["CCRGAIN"], out.meta["CCRRDN"]) == (gain, 5)

    def test_with_a_kernel(self):
        kernel = np.ones((3, 3))
        ccd = field(kind="var")
        mask, _ = astroscrappy.detect_cosmics(
            ccd.data.astype("f4"),
            invar=ccd.uncertainty.array.astype("f4"),
            fsmode="convolve",
            psfk=kernel.astype("f4"),
            satlevel=np.inf,
        )
        out = cosmicray_lacosmic(ccd, fsmode="convolve", psfk=kernel)
        assert_array_equal(out.mask[INSIDE], mask[INSIDE])

    def test_with_a_background(self):
        """The real long-slit frame with its sky model."""
        from pathlib import Path

        from astropy.io import fits

        path = Path(astroscrappy.__file__).parent / "tests" / "data" / "gmos.fits"
        background = fits.getdata(path, "SKYFIT").astype("f4")
        ccd = real_frame()
        mask, _ = astroscrappy.detect_cosmics(
            ccd.data, invar=ccd.uncertainty.array, inbkg=background, satlevel=np.inf
        )
        for inbkg in (background, background.astype(float) * u.electron):
            out = cosmicray_lacosmic(ccd, inbkg=inbkg)
            assert_array_equal(out.mask[INSIDE], mask[INSIDE])
        assert out.meta["CCRINBKG"] == "image given"


class TestTraps:
    """Each is a trap of astroscrappy, ccdproc or lacosmic that was measured."""

    @pytest.mark.parametrize("at", [0, 1, 2, 3, -1, -2, -3])
    def test_borders_are_searched(self, at):
        rng = np.random.default_rng(at % 100)
        data = rng.normal(100, 5, (40, 50))
        for place in ((20, at), (at, 25)):
            ccd = frame(data, "std")
            ccd.data[place] += 1000
            assert cosmicray_lacosmic(ccd).mask[place]
        ccd = frame(data, "std")
        ccd.data[20:26, at] += 1000
        assert cosmicray_lacosmic(ccd).mask[20:26, at].all()

    def test_corners_are_searched(self):
        ccd = frame(np.random.default_rng(0).normal(100, 5, (40, 50)), "std")
        for corner in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
            ccd.data[corner] += 1000
        out = cosmicray_lacosmic(ccd)
        assert out.mask[[0, 0, -1, -1], [0, -1, 0, -1]].all()

    def test_hits_beside_masked_pixels_are_found(self):
        ccd = field(kind="var", stars=False)
        ccd.mask = np.zeros(SHAPE, bool)
        ccd.mask[44, 20] = ccd.mask[33, 45] = ccd.mask[20, 1] = True
        ccd.data[ccd.mask] = 50000
        out = cosmicray_lacosmic(ccd)
        assert out.mask[45, 20]
        assert out.mask[33, 40:45].all()
        assert out.mask[20, 0]

    def test_a_bad_column_and_a_bad_corner(self):
        ccd = field(kind="var", stars=False)
        ccd.mask = np.zeros(SHAPE, bool)
        ccd.mask[:, 21] = ccd.mask[:15, :15] = True
        ccd.data[ccd.mask] = np.nan
        out = cosmicray_lacosmic(ccd)
        found = out.mask & ~ccd.mask
        assert found[(ccd.data > 700) & ~ccd.mask].all()
        assert found.sum() < 16
        assert np.isnan(out.data[:, 21]).all()
        # beside wide gaps nothing is examined, and the result says so
        assert (out.flags[:16, :16] == 16).all()
        assert not out.flags[16, :16].any()

    @pytest.mark.parametrize("fwhm", [2.5, 3, 4, 5])
    @pytest.mark.parametrize("masked", ["cores", "grown", "columns", "pixels"])
    def test_stars_with_masked_pixels_are_not_eaten(self, masked, fwhm):
        """No cosmic ray at all; masks of saturated cores, bad columns and pixels."""
        rng = np.random.default_rng(3)
        y, x = np.mgrid[:200, :200]
        scene = np.full((200, 200), 300.0)
        for _ in range(30):
            y0, x0 = rng.uniform(5, 195, 2)
            peak = 10 ** rng.uniform(2, 4.5)
            width = 2 * (fwhm / 2.355) ** 2
            scene += peak * np.exp(-((y - y0) ** 2 + (x - x0) ** 2) / width)
        data = rng.normal(scene, np.sqrt(scene + 25))
        ccd = frame(data, unit="electron")
        ccd.uncertainty = VarianceUncertainty(np.maximum(data, 0) + 25)
        mask = {
            "cores": scene > 3000,
            "grown": ndimage.binary_dilation(scene > 3000, np.ones((5, 5))),
            "columns": np.broadcast_to(np.arange(200) % 20 == 0, (200, 200)),
            "pixels": rng.random((200, 200)) < 0.05,
        }[masked]
        without = cosmicray_lacosmic(ccd).mask.sum()
        ccd.mask = mask.copy()
        ccd.data[mask] = 65535
        out = cosmicray_lacosmic(ccd)
        assert np.count_nonzero(out.mask & ~mask) <= without < 10

    @pytest.mark.parametrize("masked", ["columns", "pixels"])
    def test_most_hits_beside_masked_pixels_are_found(self, masked):
        """astroscrappy finds none of them."""
        rng = np.random.default_rng(5)
        data = rng.normal(300, 18, (200, 200))
        mask = np.broadcast_to(np.arange(200) % 20 == 0, (200, 200)).copy()
        if masked == "pixels":
            mask = rng.random((200, 200)) < 0.03
        beside = ndimage.binary_dilation(mask, np.ones((3, 3))) & ~mask
        hits = np.zeros((200, 200), bool)
        hits[5::9, 1::10] = hits[7::9, 2::11] = True
        data[hits] += 1000
        ccd = frame(data, "std", sigma=18, mask=mask)
        ccd.data[mask] = 65535
        many = pytest.warns(CosmicRayWarning, match=r"2\..% of the pixels were flagged")
        with many:
            found = cosmicray_lacosmic(ccd).mask
        assert (hits & beside).sum() > 20
        assert found[hits & beside].mean() > 0.95
        ccd.data[mask] = -1e6
        with many:
            assert_array_equal(cosmicray_lacosmic(ccd).mask, found)

    def test_values_beside_masked_pixels_come_from_good_ones(self):
        """Not from what was filled in for the masked ones."""
        ccd = frame(np.full((30, 30), 100.0), "std", mask=np.zeros((30, 30), bool))
        ccd.data[:, 15:] += 40
        ccd.mask[:, 14] = True
        ccd.data[15, 12] += 3000
        out = cosmicray_lacosmic(ccd)
        assert out.mask[15, 12]
        assert_allclose(out.data[15, 12], 100)

    def test_transposed_frames(self):
        """Arrays in Fortran order."""
        ccd = field(kind="var", stars=False)
        turned = frame(ccd.data.T)
        turned.uncertainty = VarianceUncertainty(ccd.uncertainty.array.T)
        assert cosmicray_lacosmic(turned).mask.sum() >= 12

    @pytest.mark.parametrize("value", [1e20, 1e30])
    def test_huge_uncertainties_and_infinite_neighbours(self, value):
        ccd = field(kind="var")
        ccd.uncertainty.array[30, 30] = value**2
        assert cosmicray_lacosmic(ccd).mask[33, 42]
        ccd = field()
        ccd.data[5:7, 5] = np.inf
        assert cosmicray_lacosmic(ccd).mask[33, 42]

    def test_uncertainty_of_zero_is_no_information(self):
        ccd = field(stars=False)
        ccd.uncertainty = StdDevUncertainty(np.zeros(SHAPE))
        with pytest.warns(CosmicRayWarning, match="mostly zero or not numbers"):
            out = cosmicray_lacosmic(ccd)
        assert out.meta["CCRNOISE"] == "scatter of neighbouring pixels"
        assert out.mask.sum() < 20

    def test_masked_hot_pixel_does_no_harm_around(self):
        clean = field(kind="var", hits=False)
        ccd = clean.copy()
        ccd.mask = np.zeros(SHAPE, bool)
        ccd.mask[30, 30] = True
        ccd.data[30, 30] = -3000
        out = cosmicray_lacosmic(ccd)
        assert not (out.mask & ~ccd.mask)[25:36, 25:36].any()

    def test_uncertainty_is_used(self):
        ccd = field(kind="var")
        few = ccd.copy()
        few.uncertainty.array *= 10000
        with pytest.warns(CosmicRayWarning, match="0.01 times as much as its uncert"):
            n_few = cosmicray_lacosmic(few).mask.sum()
        assert cosmicray_lacosmic(ccd).mask.sum() > 10 > n_few

    def test_unit_and_numbers_stay_in_adu(self):
        out = cosmicray_lacosmic(field(kind="var"), gain=2 * u.electron / u.adu)
        assert out.unit == u.adu
        assert_allclose(np.median(out.data), 105, atol=8)

    @pytest.mark.parametrize("unit", ["DN", "ct", "", "electron / s", "Jy"])
    def test_any_unit(self, unit):
        ccd = field(kind="var", unit=u.Unit(unit) if unit != "DN" else u.DN)
        out = cosmicray_lacosmic(ccd)
        assert out.mask[33, 42]
        gain = 3 * u.electron / ccd.unit
        out = cosmicray_lacosmic(field(unit=ccd.unit), gain=gain, readnoise=4)
        assert out.mask[33, 42]

    def test_sky_subtracted(self):
        """The noise comes from the uncertainty, so the sky may be gone."""
        ccd = field(kind="var", stars=False)
        with_sky = cosmicray_lacosmic(ccd)
        ccd.data -= 100
        without = cosmicray_lacosmic(ccd)
        assert_array_equal(without.mask, with_sky.mask)

    def test_double_precision_is_kept_outside_the_hits(self):
        ccd = field(kind="var")
        ccd.data += 1e-10
        out = cosmicray_lacosmic(ccd)
        assert_array_equal(out.data[~out.mask], ccd.data[~out.mask])

    def test_uncertainty_of_replaced_pixels_is_renewed(self):
        ccd = field(kind="var", stars=False)
        out = cosmicray_lacosmic(ccd)
        new = out.uncertainty.array[45, 20]
        window = np.s_[43:48, 18:23]
        others = out.uncertainty.array[window][~out.mask[window]]
        values = out.data[window][~out.mask[window]]
        explained = others.mean() * (1 + np.sqrt(2 / others.size))
        excess = np.mean((values - out.data[45, 20]) ** 2) - explained
        assert_allclose(new, others.sum() / others.size**2 + max(excess, 0), rtol=1e-5)

    @pytest.mark.parametrize(
        ("cleantype", "factor"), [("meanmask", 1), ("medmask", np.pi / 2)]
    )
    def test_variance_by_hand(self, cleantype, factor):
        ccd = frame(np.full((30, 30), 100.0), "var", sigma=4)
        ccd.data[15, 15] += 1000
        out = cosmicray_lacosmic(ccd, cleantype=cleantype)
        assert out.mask.sum() == 1
        assert_allclose(out.data[15, 15], 100)
        assert_allclose(out.uncertainty.array[15, 15], factor * 16 / 24)

    def test_mask_alone(self):
        ccd = field(kind="var")
        out = cosmicray_lacosmic(ccd, replacement=None)
        assert_array_equal(out.data, ccd.data)
        assert_array_equal(out.mask, cosmicray_lacosmic(ccd).mask)

    def test_local(self):
        out = cosmicray_lacosmic(field(kind="var"), replacement="local")
        assert out.meta["CCRREPL"] == "local"
        assert_allclose(out.data[45, 20], 100, atol=20)

    def test_single_precision_limits(self):
        """Numbers that single precision does not hold count as not finite."""
        ccd = field()
        ccd.data[5, 60] = 1e300
        out = cosmicray_lacosmic(ccd)
        assert not out.mask[5, 60]
        assert out.mask[33, 42]


class TestSaturation:
    def saturated(self, **options):
        """A star that is cut off at 4000 over 30 pixels, and a hit that is, too."""
        y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
        star = 100 + 60000 * np.exp(-((y - 30) ** 2 + (x - 25) ** 2) / (2 * 1.27**2))
        data = np.random.default_rng(2).normal(star, np.sqrt(star + 25))
        data[33, 60:62] += 9000
        data = np.rint(np.minimum(data, 4000))
        return frame(data, **options)

    def test_level(self):
        ccd = self.saturated()
        near = np.hypot(*(np.mgrid[: SHAPE[0], : SHAPE[1]].T - (30, 25)).T) < 5
        for level in (4000, 4.0 * u.Unit("1000 adu")):
            options = {"gain": 1, "readnoise": 5, "saturation": level}
            out = cosmicray_lacosmic(ccd, **options)
            assert out.mask[33, 60]
            assert not out.mask[near].any()
            assert (out.flags[near] == 16).all()
            assert out.meta["CCRSATUR"] == 4000
        out = cosmicray_lacosmic(ccd, gain=1, readnoise=5, saturation=None)
        assert out.meta["CCRSATUR"] == "none"

    def test_level_is_in_the_data_unit(self):
        """astroscrappy's is in electron; ours does not depend on the gain."""
        ccd = self.saturated()
        masks = [
            cosmicray_lacosmic(ccd, gain=gain, readnoise=5, saturation=4000).flags & 16
            for gain in (1, 4)
        ]
        assert masks[0].any()
        assert_array_equal(*masks)

    def test_mask(self):
        ccd = self.saturated()
        saturation = ccd.data >= 4000
        saturation[33, 60:62] = False
        out = cosmicray_lacosmic(ccd, gain=1, readnoise=5, saturation=saturation)
        assert out.mask[33, 60]
        assert (out.flags[saturation] == 16).all()
        assert out.meta["CCRSATHO"] == "mask given"

    def test_everything_saturated(self):
        ccd = frame(np.full((20, 20), 65535), dtype="u2")
        out = cosmicray_lacosmic(ccd)
        assert out.meta["CCRNEXAM"] == 400

    @pytest.mark.parametrize("card", ["SATURATE", "SATLEVEL"])
    def test_auto_takes_the_card_of_data_in_adu(self, card):
        out = cosmicray_lacosmic(self.saturated(meta={card: 4000}))
        assert (out.meta["CCRSATUR"], out.meta["CCRSATHO"]) == (4000, f"card {card}")
        electrons = self.saturated(meta={card: 4000}, unit="electron")
        assert cosmicray_lacosmic(electrons).meta["CCRSATUR"] == "none"

    @pytest.mark.parametrize("value", ["n/a", -1, None, True])
    def test_auto_ignores_a_card_of_no_use(self, value):
        out = cosmicray_lacosmic(self.saturated(meta={"SATURATE": value}))
        assert out.meta["CCRSATUR"] == "none"

    def test_auto_takes_the_limit_of_integers(self):
        out = cosmicray_lacosmic(self.saturated(dtype="u2"))
        assert out.meta["CCRSATUR"] == 65535
        assert out.meta["CCRSATHO"] == "limit of uint16"


BAD = [
    ({"sigclip": -1}, ValueError, "sigclip must be a finite number > 0, got -1"),
    ({"sigclip": np.nan}, ValueError, "sigclip"),
    ({"sigfrac": 1.5}, ValueError, "sigfrac must be a finite number > 0 and <= 1"),
    ({"objlim": 0}, ValueError, "objlim"),
    ({"niter": 0}, ValueError, "niter must be a whole number >= 1, got 0"),
    ({"niter": 1.5}, TypeError, "niter must be a whole number"),
    ({"sepmed": "yes"}, TypeError, "sepmed must be True or False, got 'yes'"),
    (
        {"fsmode": "convolve", "psfk": np.ones((3, 3)), "psffwhm": 2},
        ValueError,
        "psfk must come without options of a model, got psffwhm, too",
    ),
    (
        {"fsmode": "convolve", "psfbeta": 2},
        ValueError,
        "psfbeta must come with psfmodel='moffat'",
    ),
    ({"cleantype": "mean"}, ValueError, "cleantype must be one of 'meanmask'"),
    ({"cleantype": "median"}, ValueError, "cleantype must be one of 'meanmask'"),
    ({"fsmode": "psf"}, ValueError, "fsmode must be one of 'median', 'convolve'"),
    ({"psfmodel": "gauss"}, ValueError, "psfmodel must come with fsmode='convolve'"),
    ({"psfk": np.ones((3, 3))}, ValueError, "psfk must come with fsmode='convolve'"),
    ({"fsmode": "convolve", "psfmodel": "airy"}, ValueError, "psfmodel must be one of"),
    ({"fsmode": "convolve", "psfsize": 6}, ValueError, "psfsize must be odd, got 6"),
    ({"fsmode": "convolve", "psffwhm": 0}, ValueError, "psffwhm must be a finite"),
    ({"fsmode": "convolve", "psfk": np.ones((6, 7))}, ValueError, "psfk must be two-d"),
    ({"fsmode": "convolve", "psfk": np.ones(7)}, ValueError, "psfk must be two-dim"),
    (
        {"fsmode": "convolve", "psfk": [["a"]]},
        TypeError,
        "psfk must be an array of num",
    ),
    ({"replacement": "other"}, ValueError, "replacement must be one of 'auto', 'laco"),
    ({"gain": 0, "readnoise": 1}, ValueError, "gain must be a finite number > 0"),
    ({"gain": 2}, ValueError, "readnoise must be given with gain"),
    ({"readnoise": 5}, ValueError, "gain must be given with readnoise"),
    (
        {"gain": 2, "readnoise": -5},
        ValueError,
        "readnoise must be a finite number >= 0",
    ),
    ({"gain": 2 * u.s}, u.UnitsError, "gain must be in electron / adu or a plain num"),
    ({"readnoise": 2 * u.s, "gain": 1}, u.UnitsError, "readnoise must be in electron"),
    ({"saturation": -5}, ValueError, "saturation must be a finite number > 0"),
    ({"saturation": "full"}, ValueError, "saturation must be a number, a boolean"),
    ({"saturation": 5 * u.s}, u.UnitsError, "saturation must be in adu"),
    (
        {"saturation": np.ones((2, 2), bool)},
        ValueError,
        "saturation mask must have the",
    ),
    ({"saturation": [1, 2]}, TypeError, "saturation must be a number"),
    ({"inbkg": np.ones((2, 2))}, ValueError, "inbkg must have the shape of the data"),
    ({"inbkg": 5}, TypeError, "inbkg must be a CCDData, a Quantity or an array"),
    ({"inbkg": np.full(SHAPE, np.nan)}, ValueError, "inbkg must hold finite pixels"),
]


@pytest.mark.parametrize(("options", "error", "message"), BAD)
def test_bad_options(options, error, message):
    with pytest.raises(error, match=message):
        cosmicray_lacosmic(field(), **options)


class TestNoise:
    def test_gain_of_data_in_electron(self):
        ccd = field(unit="electron")
        wanted = cosmicray_lacosmic(ccd, readnoise=5)
        assert_array_equal(
            cosmicray_lacosmic(ccd, readnoise=5, gain=1).mask, wanted.mask
        )
        assert wanted.meta["CCRNOISE"] == "gain and readnoise"
        with pytest.raises(ValueError, match=r"gain must be left out or be 1 .* got 2"):
            cosmicray_lacosmic(ccd, readnoise=5, gain=2)

    def test_beside_an_uncertainty_they_are_recorded_and_not_used(self):
        ccd = field(kind="var")
        out = cosmicray_lacosmic(ccd, gain=50, readnoise=1)
        assert_array_equal(out.mask, cosmicray_lacosmic(ccd).mask)
        assert out.meta["CCRNOISE"] == "uncertainty"
        assert out.meta["CCRGAIN"] == 50

    def test_from_neighbours(self):
        out = cosmicray_lacosmic(field(stars=False))
        assert out.mask[33, 42]
        assert out.uncertainty is None
        assert out.meta["CCRNOISE"] == "scatter of neighbouring pixels"

    def test_uncertainty_that_is_nowhere_a_number(self):
        ccd = field()
        ccd.uncertainty = StdDevUncertainty(np.full(SHAPE, np.nan))
        with pytest.warns(CosmicRayWarning, match="mostly zero or not numbers"):
            out = cosmicray_lacosmic(ccd)
        assert out.meta["CCRNOISE"] == "scatter of neighbouring pixels"
        assert out.mask[33, 42]
        assert out.uncertainty.array[33, 42] == np.inf  # no neighbour is known

    def test_background_in_physical_units(self):
        """The same hits, whatever the unit."""
        ccd = field(kind="var", stars=False)
        wanted = cosmicray_lacosmic(ccd, inbkg=np.full(SHAPE, 100.0)).mask
        assert wanted[33, 42]
        ccd = CCDData(
            ccd.data * 1e-17,
            unit="erg / (s cm2)",
            uncertainty=VarianceUncertainty(ccd.uncertainty.array * 1e-34),
        )
        out = cosmicray_lacosmic(ccd, inbkg=np.full(SHAPE, 100e-17))
        assert_array_equal(out.mask, wanted)

    def test_a_background_with_holes(self):
        ccd = field(kind="var", stars=False)
        background = np.full(SHAPE, 100.0)
        background[10, 10] = np.nan
        masked = np.ma.masked_invalid(np.where(np.isnan(background), -1e6, 100.0))
        masked[10, 10] = np.ma.masked
        for inbkg in (CCDData(background, unit="adu"), masked):
            out = cosmicray_lacosmic(ccd, inbkg=inbkg)
            assert out.mask[33, 42]
            assert not out.mask[9:12, 9:12].any()
