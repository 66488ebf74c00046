# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""How long, wide and straight cosmic rays are, and what they are called."""

import numpy as np
import pytest
from astropy import units as u
from astropy.nddata import CCDData, StdDevUncertainty
from numpy.testing import assert_allclose, assert_array_equal

from ccdcr import _tracks, cosmicray_pair, cosmicray_report
from ccdcr.pixels import shape
from ccdcr.pixels.shape import shapes
from ccdcr.pixels.table import detections


def measured(image):
    image = np.asarray(image, float)
    at = np.flatnonzero(image)
    found = detections(at, image.shape)
    columns = shapes(found, image.ravel()[at], image.shape[1])
    return [columns[name] for name in ("length", "width", "angle", "kind")]


class TestByHand:
    @pytest.mark.parametrize("n", [1, 2, 3, 7, 40])
    def test_a_row(self, n):
        image = np.zeros((5, 60))
        image[2, 3 : 3 + n] = 50
        length, width, angle, kind = measured(image)
        assert_allclose([length, width, angle], [[n], [1], [0]], atol=1e-6)
        assert kind == ("spot" if n < 4 else "track")

    def test_a_column(self):
        length, width, angle, kind = measured(np.ones((6, 1)))
        assert_allclose([length, width, angle], [[6], [1], [90]])
        assert kind == "track"

    @pytest.mark.parametrize(("flip", "angle"), [(False, 45), (True, 135)])
    def test_angles_count_from_x_towards_y(self, flip, angle):
        """Rows are y, and the first row is y = 0."""
        image = np.eye(8)[:, ::-1] if flip else np.eye(8)
        assert_allclose(measured(image)[2], angle)

    def test_a_rectangle(self):
        length, width, _, kind = measured(np.ones((3, 12)))
        assert_allclose([length, width], [[12], [3]])
        assert kind == "track"

    def test_light_that_is_wide_is_a_trail(self):
        y = np.arange(30)[:, None]
        image = np.broadcast_to(np.exp(-((y - 15) ** 2) / 4), (30, 80))
        assert measured(np.where(image > 0.01, image, 0))[3] == "trail"
        assert measured(np.ones((1, 300)))[3] == "trail"

    def test_a_bow_is_a_worm(self):
        image = np.zeros((20, 30))
        x = np.arange(3, 28)
        image[(x - 15) ** 2 // 30 + 3, x] = 100
        assert measured(image)[3] == "worm"

    def test_faint_rims_do_not_count(self):
        image = np.zeros((9, 15))
        image[3:6, 2:13] = 4
        image[4, 3:12] = 100
        length, width, _, _ = measured(image)
        assert_allclose([length, width], [[9], [1]])

    def test_nothing(self):
        assert all(len(column) == 0 for column in measured(np.zeros((4, 4))))

    def test_nothing_removed(self):
        """Then all pixels count alike; also what has become brighter."""
        found = detections(np.arange(5), (1, 5))
        for light in (np.zeros(5), -np.ones(5)):
            assert_allclose(shapes(found, light, 5)["length"], 5)

    def test_each_has_its_own(self):
        rng = np.random.default_rng(1)
        image = np.where(rng.random((40, 50)) < 0.2, rng.uniform(1, 9, (40, 50)), 0)
        together = measured(image)
        at = np.flatnonzero(image)
        found = detections(at, image.shape)
        group = np.repeat(found.group, found.length)
        for k in range(found.n):
            alone = np.zeros(image.size)
            alone[at[group == k]] = image.ravel()[at[group == k]]
            for one, all_of_them in zip(
                measured(alone.reshape(40, 50)), together, strict=True
            ):
                if one.dtype.kind == "f":
                    assert_allclose(one[0], all_of_them[k], rtol=1e-6, atol=1e-6)
                else:
                    assert one[0] == all_of_them[k]


def cleaned(charge, rng):
    """A frame with cosmic rays, cleaned by one that has none."""
    frames = []
    for light in (300 + charge, np.full(charge.shape, 300.0)):
        data = rng.normal(light, np.sqrt(light + 25))
        noise = StdDevUncertainty(np.sqrt(data.clip(0) + 25))
        frames.append(CCDData(data, unit="electron", uncertainty=noise))
    return cosmicray_pair(*frames)[0], frames[0]


@pytest.mark.parametrize(
    ("kind", "shortest", "part"), [("track", 3.5, 0.92), ("worm", 4, 0.85)]
)
def test_simulated_kinds(kind, shortest, part):
    rng = np.random.default_rng(3)
    places = np.indices((18, 18)).reshape(2, -1) * 50.0 + 50
    charge = np.zeros((1000, 1000))
    if kind == "track":
        _tracks._add_tracks(charge, places, rng, 100.0)
    else:
        _tracks._add_worms(charge, places, rng)
    table = cosmicray_report(*cleaned(charge, rng)).table
    kinds = table["kind"][table["length"] >= shortest]
    assert np.mean(kinds == kind) > part
    assert len(kinds) > 100


def test_simulated_spots():
    rng = np.random.default_rng(4)
    places = np.indices((18, 18)).reshape(2, -1) * 50.0 + 50
    charge = np.zeros((1000, 1000))
    _tracks._add_points(charge, places, rng)
    kinds = cosmicray_report(*cleaned(charge, rng)).table["kind"]
    assert np.mean(kinds == "spot") > 0.92


class TestReport:
    @pytest.fixture
    def pair(self):
        before = CCDData(np.full((30, 40), 100.0), unit="adu")
        before.uncertainty = StdDevUncertainty(np.full((30, 40), 3.0))
        after = before.copy()
        after.mask = np.zeros((30, 40), bool)
        after.uncertainty.array[:] = 4
        for at in (np.s_[5, 5:10], np.s_[0, 20], np.s_[12, 12], np.s_[20, 30:32]):
            before.data[at] += 50
            after.mask[at] = True
        before.mask = np.zeros((30, 40), bool)
        before.mask[13, 13] = True
        before.data[20, 33] = np.nan
        return after, before

    def test_errors_and_edges(self, pair):
        report = cosmicray_report(*pair)
        table = report.table
        assert_allclose(table["charge"], [50, 250, 50, 100] * u.adu)
        error = 5 * np.sqrt([1, 5, 1, 2])
        assert_allclose(table["charge_error"], error * u.adu)
        assert_allclose(table["significance"], [50, 250, 50, 100] / error)
        assert_array_equal(table["on_edge"], [True, False, True, False])
        pair[1].data[20, 32] = np.nan
        assert cosmicray_report(*pair).table["on_edge"][3]
        assert str(report).splitlines()[1] == "3 spots, 1 track"

    def test_an_infinite_uncertainty_after_is_none(self, pair):
        pair[0].uncertainty.array[12, 12] = np.inf
        error = cosmicray_report(*pair).table["charge_error"]
        assert error[2] == 3 * u.adu

    def test_without_uncertainty_the_frame_tells(self, pair):
        rng = np.random.default_rng(1)
        for ccd in pair:
            ccd.uncertainty = None
        pair[1].data += rng.normal(0, 7, (30, 40))
        error = cosmicray_report(*pair).table["charge_error"]
        assert_allclose(error.value, 7 * np.sqrt([1, 5, 1, 2]), rtol=0.1)

    def test_min_pixels(self, pair):
        report = cosmicray_report(*pair, min_pixels=2)
        assert_array_equal(report.table["n_pixels"], [5, 2])
        assert_array_equal(report.table["label"], [1, 2])
        assert (report.n_cosmicrays, report.n_small, report.n_pixels) == (2, 2, 9)
        assert_array_equal(np.unique(report.segmentation.data), [0, 1, 2])
        assert report.segmentation.data[20, 30] == 2
        assert "4 cosmic rays on 9" in str(report)
        assert "2 of at least 2 pixels are listed" in str(report)
        none = cosmicray_report(*pair, min_pixels=99)
        assert len(none.table) == 0
        assert not none.segmentation.data.any()
        for wrong in (0, 1.5, "2", True):
            with pytest.raises((TypeError, ValueError), match="min_pixels must be"):
                cosmicray_report(*pair, min_pixels=wrong)

    def test_persistence(self, pair):
        previous = np.random.default_rng(1).normal(100, 3, (30, 40))
        previous[5, 5:10] += 1000
        words = cosmicray_report(*pair, previous=previous).table["suspect"]
        assert list(words) == ["", "persistence", "", ""]
        with pytest.raises(ValueError, match="previous must have the shape"):
            cosmicray_report(*pair, previous=previous[:5])

    def test_rate(self, pair):
        assert cosmicray_report(*pair).rate is None
        pair[1].meta |= {"EXPTIME": 600.0, "XPIXSZ": 15.0, "YPIXSZ": 15.0}
        report = cosmicray_report(*pair)
        expected = 4 / (30 * 40 * 0.0015**2 * 10) / u.cm**2 / u.min
        assert_allclose(report.rate.to_value(expected.unit), expected.value)
        assert str(report).endswith(" per cm2 and minute")
        pair[1].meta["EXPTIME"] = "long"
        assert cosmicray_report(*pair).rate is None

    def test_regions(self, pair, tmp_path):
        report = cosmicray_report(*pair)
        path = tmp_path / "rays.reg"
        report.write_regions(path)
        lines = path.read_text().splitlines()
        assert lines[3] == "ellipse(8.00,6.00,4.00,2.00,0.0) # color=red text={2}"
        with pytest.raises(FileExistsError):
            report.write_regions(path)
        report.write_regions(path, overwrite=True)
        regions = pytest.importorskip("regions")
        read = regions.Regions.read(path, format="ds9")
        ours = report.to_regions()
        assert len(read) == len(ours) == 4
        for a, b in zip(read, ours, strict=True):
            assert_allclose(
                [a.center.x, a.center.y], [b.center.x, b.center.y], atol=0.01
            )
            assert_allclose([a.width, a.height], [b.width, b.height], atol=0.01)
            assert_allclose(a.angle, b.angle)
        assert ours[1].contains(regions.PixCoord(5, 5))
        assert not ours[1].contains(regions.PixCoord(5, 9))

    @pytest.mark.parametrize("suffix", ["ecsv", "fits"])
    def test_tables_can_be_read_back(self, pair, tmp_path, suffix):
        from astropy.table import QTable

        table = cosmicray_report(*pair).table
        table.write(tmp_path / f"t.{suffix}")
        again = QTable.read(tmp_path / f"t.{suffix}")
        assert again.colnames == table.colnames
        assert_allclose(again["angle"].to_value("deg"), table["angle"].value)
        assert [str(kind) for kind in again["kind"]] == list(table["kind"])


def bend_of(found, light, along, across):
    """Slice by slice, in a loop."""
    answer = []
    for k in range(found.n):
        own = np.repeat(found.group, found.length) == k
        first = along[own].min()
        slices = {}
        for weight, a, c in zip(light[own], along[own], across[own], strict=True):
            slices.setdefault(int(a - first), []).append((weight, weight * c))
        sums = [np.sum(pixels, axis=0) for pixels in slices.values()]
        square = sum(moment**2 / total for total, moment in sums if total > 0)
        answer.append(np.sqrt(square / light[own].sum()))
    return answer


class TestLimits:
    @pytest.mark.parametrize("angle", [0.0, 0.4, 2.0, 4.0])
    def test_bends_are_those_of_slices(self, angle):
        rng = np.random.default_rng(1)
        found = detections(np.flatnonzero(rng.random((30, 37)) < 0.3), (30, 37))
        y, x = np.divmod(found.at, 37)
        light = rng.uniform(1, 9, y.size)
        light[rng.random(y.size) < 0.3] = 0.0
        group = np.repeat(found.group, found.length)
        alone = np.bincount(group, light) == 0
        light[alone[group]] = 1.0
        along = x * np.cos(angle) + y * np.sin(angle) - 7
        across = y * np.cos(angle) - x * np.sin(angle) + 3
        assert found.n > 20
        bend = shape._deviation(found, group, light, along, across)
        assert_allclose(bend, bend_of(found, light, along, across), rtol=1e-12)

    def kind(self, length, width, bend):
        numbers = [np.array([value]) for value in (length, width, bend)]
        return shape.KINDS[shape._kinds(*numbers)][0]

    @pytest.mark.parametrize(
        ("length", "width", "bend", "kind"),
        [
            # short ones are spots, however bent
            (3.19, 1, 9, "spot"),
            (3.2, 1, 9, "worm"),
            (3.2, 1, 0, "track"),
            # and round ones that are not bent; others are neither
            (6.9, 5, 0, "spot"),
            (7.0, 5, 0, "track"),
            (6.9, 5, 0.47, "worm"),
            (5, 0.5, 0, "track"),
            # straight ones deviate by less than the largest of three limits
            (10, 1, 0.189, "track"),
            (10, 1, 0.19, "worm"),
            (12, 2.5, 0.2299, "track"),
            (12, 2.5, 0.2301, "worm"),
            (50, 1, 0.599, "track"),
            (50, 1, 0.601, "worm"),
            # wide and slender ones are trails, and very long ones
            (12, 3.0, 0, "track"),
            (12, 3.01, 0, "trail"),
            (12, 4.0, 0, "track"),
            (12, 3.99, 0, "trail"),
            (12, 3.99, 0.5, "worm"),
            (200.0, 1, 0, "track"),
            (200.1, 1, 0, "trail"),
            (200.1, 1, 3, "worm"),
        ],
    )
    def test_kinds(self, length, width, bend, kind):
        assert self.kind(length, width, bend) == kind

    @pytest.mark.parametrize("sign", [-1, 1])
    def test_a_bow_along_a_diagonal_is_a_worm(self, sign):
        image = np.zeros((60, 60))
        step = np.linspace(-20, 20, 200)
        bow = step**2 / 40 - 5
        y, x = np.rint([30 + step + bow, step - bow]).astype(int)
        image[y, 30 + sign * x] = 100
        assert measured(image)[3] == "worm"
        assert measured(np.eye(60)[:, ::sign])[3] == "track"

    @pytest.mark.parametrize("power", [-1000, -10, 10, 1000])
    def test_any_unit(self, power):
        image = np.zeros((9, 15))
        image[3:6, 2:13] = [[4.99], [100], [5.0]]  # a twentieth counts
        length, width, _, _ = measured(image)
        assert width > 1.2
        scaled = measured(2.0**power * image)
        assert_allclose(scaled[:2], [length, width], rtol=1e-9)

    def test_what_is_infinite_counts_nothing(self):
        found = detections(np.arange(6), (1, 6))
        light = np.array([2.0, 2.0, 2.0, 2.0, 2.0, np.inf])
        assert_allclose(shapes(found, light, 6)["length"], 5)
        light[:5] = 0.0
        assert_allclose(shapes(found, light, 6)["length"], 6)

    @pytest.mark.parametrize("light", [0.0, 1e-3, np.inf])
    def test_one_pixel(self, light):
        columns = shapes(detections(np.array([5]), (3, 4)), np.array([light]), 4)
        assert_allclose([columns["length"], columns["width"]], 1)

    @pytest.mark.parametrize("seed", range(3))
    def test_axes_are_those_of_the_moments(self, seed):
        """A uniform line of a length has a variance of a twelfth of its square."""
        rng = np.random.default_rng(seed)
        image = np.zeros((12, 17))
        y, x = np.indices(image.shape)
        image[abs(y - 0.5 * x - 1) < 3] = 1.0
        image *= rng.uniform(1, 9, image.shape)
        for own in (image, image[:, ::-1], image.T):
            at = np.argwhere(own)[:, ::-1]
            moments = np.cov(at.T, aweights=own[own > 0], bias=True)
            (small, large), axes = np.linalg.eigh(moments)
            length, width, angle, _ = measured(own)
            assert_allclose(
                [length[0], width[0]], np.sqrt(12 * np.array([large, small]) + 1)
            )
            turn = np.degrees(np.arctan2(axes[1, 1], axes[0, 1]))
            assert_allclose((angle[0] - turn + 90) % 180, 90)
