# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Figures: what is drawn, and with pytest --mpl how a few of them look."""

from importlib.util import find_spec

import numpy as np
import pytest
from astropy import units as u
from astropy.nddata import CCDData
from astropy.table import MaskedColumn
from astropy.utils.masked import Masked
from numpy.testing import assert_allclose, assert_array_equal

import ccdcr
from ccdcr import plot, simulate
from ccdcr.tests.conftest import frame, simple_wcs, sky

pytest.importorskip("matplotlib")


def panels(figure):
    return {axis.get_label(): axis for axis in figure.axes}


def drawn(axis):
    return np.asarray(axis.images[0].get_array())


@pytest.fixture(scope="module")
def pair():
    """Two exposures with a shift, a mask, another unit and NaN."""
    rng = np.random.default_rng(5)
    first, second = (frame(rng.normal(100, 5, (40, 50))) for _ in range(2))
    for ccd, y, x in ((first, 20, 30), (second, 8, 5)):
        ccd.data[y, x : x + 3] += (40, 2000, 40)
        ccd.data[30, 7 * x % 50] += 30
    first.data[0, 0] = np.nan
    second.mask = np.zeros((40, 50), bool)
    second.mask[:, 12] = True
    return first, CCDData(second.data / 1000, mask=second.mask, unit=1000 * u.adu)


@pytest.mark.parametrize("shape", [(40, 50), (20, 100), (100, 20), (1, 1)])
def test_before_mask_after(shape, tmp_path):
    ccd = frame(sky(1, shape), mask=np.zeros(shape, bool))
    ccd.data[0, 0] += 1000
    ccd.mask[-1, -1] = shape != (1, 1)
    after = ccdcr.cosmicray_median(ccd)
    figure = ccdcr.plot.plot_cleaning(after, ccd, title="a title")
    images = [axis.images[0].get_array() for axis in figure.axes[:3]]
    assert_array_equal(np.asarray(images[0]), ccd.data)
    assert_array_equal(
        np.asarray(images[1]) == 1, ccdcr.cosmicray_report(after, ccd).mask
    )
    assert_array_equal(np.asarray(images[2]), after.data)
    assert figure.axes[0].images[0].norm is figure.axes[2].images[0].norm
    assert len(figure.axes[0].collections) == 1  # circles
    assert figure.get_suptitle() == "a title"
    figure.savefig(tmp_path / "figure.png")


@pytest.mark.parametrize(
    ("gone", "left"),
    [
        (["kind"], ["size", "charge", "angle"]),
        (["length"], ["size", "charge", "angle"]),
        (["angle", "kind", "length", "width"], ["size", "charge"]),
    ],
)
def test_distribution_of_what_is_left_of_a_table(found, gone, left):
    """Its columns are the user's, who may have taken some out."""
    before, after, _ = found
    report = ccdcr.cosmicray_report(after, before)
    report.table.remove_columns(gone)
    figure = plot.plot_distribution(report)
    assert list(panels(figure)) == left
    assert len(figure.legends) == ("kind" not in gone)
    if "length" in gone and "angle" in left:  # any may have a direction then
        assert panels(figure)["angle"].patches[-1].get_data().values.sum() == 4
    thumbnails = plot.plot_thumbnails(report, {"a": before}, [1])
    lines = thumbnails.axes[0].texts[0].get_text().split("\n")
    assert len(lines) == 4 + ("kind" not in gone)


@pytest.mark.parametrize(("n", "circles"), [(300, 1), (301, 0)])
def test_circles_are_left_out_where_they_would_hide_the_frame(n, circles):
    ccd = frame(np.zeros((80, 80)))
    after = ccd.copy()
    after.mask = np.zeros(ccd.shape, bool)
    after.mask[3 * (np.arange(n) // 27), 3 * (np.arange(n) % 27)] = True
    figure = plot.plot_cleaning(after, ccd)
    assert len(figure.axes[0].collections) == circles


def test_difference_at_a_measured_shift():
    options = {"shape": (120, 140), "n_stars": 30, "n_galaxies": 0, "n_hits": 5}
    scene = simulate.imaging_scene(rng=1, shifts=[(0, 0), (3, -5)], **options)
    auto = plot.plot_difference(*scene.exposures, shift="auto")
    given = plot.plot_difference(*scene.exposures, shift=(3, -5))
    assert drawn(panels(auto)["difference"]).shape == (117, 135)
    for one, other in zip(auto.axes, given.axes, strict=True):
        assert one.get_title() == other.get_title()


def test_nothing_finite(tmp_path):
    ccd = frame(np.full((5, 5), np.nan))
    figures = [plot.plot_cleaning(ccd, ccd), plot.plot_difference(ccd, ccd)]
    figures.append(plot.plot_difference(ccd))
    report = ccdcr.cosmicray_report(ccd, ccd)
    figures.append(plot.plot_thumbnails(report, {"frame": ccd}))
    figures.append(plot.plot_distribution(report))
    for figure in figures:
        figure.savefig(tmp_path / "figure.png")
    assert figures[3].texts[0].get_text() == "no detections"


def test_pyplot_does_not_know_it():
    import sys

    ccd = frame(sky(1))
    ccdcr.plot.plot_cleaning(ccd, ccd)
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()


@pytest.mark.parametrize(
    "zoom", ["[11:20,6:15]", np.s_[5:15, 10:20], [np.s_[5, 10], np.s_[14, 19]]]
)
def test_zoom(zoom):
    ccd = frame(sky(1))
    ccd.data[8, 12] += 3000
    ccd.data[20, 28] += 3000
    after = ccdcr.cosmicray_median(ccd)
    figure = plot.plot_cleaning(after, ccd, zoom=zoom)
    for axis in figure.axes[:3]:
        assert axis.get_xlim() == (9.5, 19.5)
        assert axis.get_ylim() == (4.5, 14.5)
    assert figure.axes[1].get_title() == "1 of 100 pixels"
    assert len(figure.axes[0].collections[0].get_offsets()) == 1
    with pytest.raises(ValueError, match="zoom must lie inside"):
        plot.plot_cleaning(after, ccd, zoom="[1:500,1:5]")


def corners(lines):
    return {tuple(point) for segment in lines.get_segments() for point in segment}


def test_outlined_regions():
    ccd = frame(sky(1))
    disc = np.hypot(*(np.indices(ccd.shape) - 12)) < 5
    figure = plot.plot_cleaning(ccd, ccd, region="[1:20,1:15]", exclude=disc)
    for axis in figure.axes[:3]:
        region, exclude = axis.collections[-2:]
        assert len(region.get_segments()) == 4
        box = {(-0.5, -0.5), (19.5, -0.5), (-0.5, 14.5), (19.5, 14.5)}
        assert corners(region) == box
        length = sum(
            np.abs(np.subtract(*segment)).sum() for segment in exclude.get_segments()
        )
        sides = [np.diff(np.pad(disc, 1).astype(int), axis=axis) for axis in (0, 1)]
        assert length == sum(np.count_nonzero(side) for side in sides)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "cleaned here",
        "excluded",
    ]


@pytest.mark.parametrize("shape", [(24, 30), (12, 40)])
def test_sky_coordinates(shape, tmp_path):
    ccd = frame(sky(1, shape), wcs=simple_wcs())
    figure = plot.plot_cleaning(ccd, ccd, region=np.s_[2:9, 3:8])
    assert [axis.wcs is ccd.wcs for axis in figure.axes[:3]] == [True] * 3
    assert figure.axes[0].coords[1].get_axislabel() == "declination"
    figure.savefig(tmp_path / "sky.png")
    pixels = plot.plot_cleaning(ccd, ccd, wcs=False)
    assert pixels.axes[0].get_ylabel() == "y (pixel)"
    ccd.wcs.wcs.ctype = "WAVE", "LINEAR"
    assert plot.plot_cleaning(ccd, ccd).axes[0].get_ylabel() == "y (pixel)"


def test_no_pixel_of_a_mask_is_lost():
    """Where there are more pixels than fit, each is drawn as a block."""
    from ccdcr._panels import new_figure, show_mask

    mask = np.zeros((1500, 700), bool)
    mask[[0, 77, 1499], [699, 3, 500]] = True
    axis = new_figure(3, 3).subplots()
    shown = show_mask(axis, mask)
    image = np.asarray(shown.get_array())
    assert shown.get_extent() == [-0.5, 701.5, -0.5, 1499.5]
    assert_array_equal(np.argwhere(image), [[0, 233], [25, 1], [499, 166]])
    assert axis.get_xlim() == (-0.5, 699.5)


def test_large_images_are_thinned_out():
    """As a panel would do it, but before anything is computed."""
    ccd = frame(sky(1, (40, 4000)))
    after = ccdcr.cosmicray_median(ccd)
    figure = plot.plot_cleaning(after, ccd)
    image = figure.axes[0].images[0]
    assert_array_equal(drawn(figure.axes[0]), ccd.data[1::2, 1::2])
    assert image.get_extent() == [-0.5, 3999.5, -0.5, 39.5]
    zoomed = plot.plot_cleaning(after, ccd, zoom=np.s_[:, 100:1500])
    assert_array_equal(drawn(zoomed.axes[0]), ccd.data)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"shift": (2, -3), "exclude": "[1:33,1:15]"},
        {"sigma_peak": 5, "sigma_tail": 2, "max_size": 2, "region": np.s_[5:, :]},
    ],
)
def test_difference_is_that_of_the_classic_method(pair, options):
    cleaned = ccdcr.cosmicray_pair(*pair, method="classic", **options)
    figure = plot.plot_difference(*pair, **options)
    axes = panels(figure)
    meta = cleaned[0].meta
    dy, dx = options.get("shift", (0, 0))
    assert drawn(axes["difference"]).shape == (40 - abs(dy), 50 - abs(dx))
    for sign, before, after in zip((1, -1), pair, cleaned, strict=True):
        report = ccdcr.cosmicray_report(after, before)
        y, x = np.nonzero(report.mask)
        crosses = axes[f"frame {sign}"].lines[0]
        assert_array_equal(sorted(crosses.get_xdata()), sorted(x))
        assert_array_equal(sorted(crosses.get_ydata()), sorted(y))
        assert_array_equal(drawn(axes[f"frame {sign}"]), before.data)
        assert drawn(axes[f"kept {sign}"]).sum() == report.n_pixels
        for key, word in (("CCRNPEAK", "peak"), ("CCRNTAIL", "tail")):
            title = axes[f"{word} {sign}"].get_title()
            assert f": {after.meta[key]} {word}s above" in title
    level, sigma = meta["CCRLEVEL"], meta["CCRSIGMA"]
    peak, tail = meta["CCRPEAK"], meta["CCRTAIL"]
    gaussian, *limits = axes["histogram"].lines
    assert_allclose(
        [line.get_xdata()[0] for line in limits],
        [level + s * sigma for s in (peak, -peak, tail, -tail)],
    )
    counts = axes["histogram"].patches[0].get_data()
    assert_allclose(
        gaussian.get_ydata().max(),
        counts.values.sum() * np.diff(counts.edges)[0] / sigma / np.sqrt(2 * np.pi),
        rtol=0.02,
    )
    n = np.isfinite(drawn(axes["difference"])).sum()
    title = axes["histogram"].get_title()
    assert title.startswith(f"{n} pixels, {n - counts.values.sum():.0f} beyond")


def test_difference_from_the_median():
    ccd = frame(sky(1, (60, 50)))
    ccd.data[20, 10:13] += 900
    ccd.data[40, 40] += 30
    cleaned = ccdcr.cosmicray_median(ccd, method="classic", size=(7, 3))
    axes = panels(plot.plot_difference(ccd, size=(7, 3), zoom="[5:20,11:30]"))
    assert "second" not in " ".join(axis.get_title() for axis in axes.values())
    meta = cleaned.meta
    assert_array_equal(drawn(axes["kept 1"]) == 1, cleaned.mask)
    limits = [line.get_xdata()[0] for line in axes["histogram"].lines[1:]]
    level, sigma = meta["CCRLEVEL"], meta["CCRSIGMA"]
    assert_allclose(limits, [level + 10 * sigma, level + 3 * sigma])
    assert axes["tail 1"].get_xlim() == (3.5, 19.5)


@pytest.mark.parametrize("shape", [(1, 1), (10, 60), (60, 10)])
def test_difference_of_nothing(shape, tmp_path):
    ccd = frame(np.full(shape, 7.0))
    plot.plot_difference(ccd, ccd, title="flat").savefig(tmp_path / "figure.png")
    plot.plot_difference(ccd).savefig(tmp_path / "figure.png")


def test_zoom_of_shifted_frames(pair):
    """The second frame is shown at the same stars; what it does not have is white."""
    axes = panels(plot.plot_difference(*pair, shift=(2, -3), zoom=np.s_[0:9, 40:50]))
    assert axes["frame 1"].get_ylim() == (-0.5, 8.5)
    assert axes["frame -1"].get_ylim() == (-2.5, 6.5)
    assert axes["kept -1"].get_xlim() == (42.5, 52.5)


@pytest.fixture(scope="module")
def found():
    ccd = frame(sky(3, (40, 50)))
    for y, x, n in ((1, 1, 2), (20, 10, 7), (30, 40, 4), (10, 30, 1)):
        ccd.data[y, x : x + n] += 900
    after = ccdcr.cosmicray_median(ccd, grow=0)
    return ccd, after, ccdcr.cosmicray_report(after, ccd)


def test_thumbnails(found):
    before, after, report = found
    frames = {"mask": report.mask, "before": before, "after": after.data}
    figure = plot.plot_thumbnails(report, frames)
    blocks = np.reshape(figure.axes, (4, 4))
    assert [axis.get_title() for axis in blocks[0]] == ["", *frames]
    sizes = [axis.texts[0].get_text().split("\n")[1] for axis in blocks[:, 0]]
    assert sizes == ["7 pixels", "4 pixels", "2 pixels", "1 pixel"]
    assert_array_equal(drawn(blocks[0, 2]), before.data[10:31, 3:24])
    assert_array_equal(drawn(blocks[0, 1]), report.mask[10:31, 3:24])
    padded = drawn(blocks[2, 2])  # at the corner
    assert padded.shape == (21, 21)
    assert_array_equal(np.isfinite(padded).sum(axis=0).max(), 12)
    norms = [axis.images[0].norm for axis in blocks[:, 2]]
    assert all(norm is norms[0] for norm in norms)
    assert norms[0] is not blocks[0, 3].images[0].norm
    box = {(9.5, 19.5), (16.5, 19.5), (9.5, 20.5), (16.5, 20.5)}
    assert corners(blocks[0, 3].collections[0]) == box


def test_chosen_thumbnails(found):
    before, _, report = found
    labels = report.table["label"][report.table["n_pixels"] > 3]
    figure = plot.plot_thumbnails(
        report, {"a": before}, labels, size=9, columns=5, title="two"
    )
    assert len(figure.axes) == 4
    assert drawn(figure.axes[1]).shape == (9, 9)
    texts = [figure.axes[k].texts[0].get_text().split("\n")[0] for k in (0, 2)]
    assert texts == [f"label {label}" for label in labels]
    none = plot.plot_thumbnails(report, {"a": before}, [])
    assert none.texts[0].get_text() == "no detections"
    figure = plot.plot_thumbnails(report, {"a": before}, [2])
    assert report.table["kind"][1] in figure.axes[0].texts[0].get_text()


def test_thumbnails_of_suspects():
    """What was left alone is shown where nothing was removed."""
    scene = simulate.imaging_scene(rng=1, shape=(120, 120), n_stars=0, n_hits=0)
    first, second = scene.exposures
    y, x = np.indices(first.shape) - 60
    first.data += 4000 * np.exp(-(y**2 + x**2) / 8).astype(first.data.dtype)
    after, _ = ccdcr.cosmicray_pair(first, second)
    report = ccdcr.cosmicray_report(after, first)
    assert report.n_cosmicrays == 0 < report.n_suspects
    figure = plot.plot_thumbnails(report, {"first": first})
    assert "source-like?" in figure.axes[0].texts[0].get_text()
    assert figure.axes[1].collections[0].get_segments()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((None, {}), TypeError, "report must be a CosmicRayReport"),
        (({},), TypeError, "frames must be a dict"),
        (("before",), TypeError, "frames must be a dict"),
        (({"a": "b"},), TypeError, "must be a CCDData or an array"),
        (({"a": np.zeros((2, 3))},), ValueError, "must have the shape of the report"),
        (({"a": None}, [1]), TypeError, "must be a CCDData or an array"),
        (({"a": 0}, [9]), ValueError, "labels must be labels .* 1 to 4, got 9"),
        (({"a": 0}, [0]), ValueError, "labels must be labels"),
        (({"a": 0}, ["x"]), TypeError, "labels must be labels"),
        (({"a": 0}, [1.0]), TypeError, "labels must be labels"),
        (({"a": 0}, [[1], [2, 3]]), TypeError, "labels must be labels"),
    ],
)
def test_wrong_thumbnails(found, arguments, error, message):
    before, _, report = found
    if arguments[0] is not None:
        frames, *labels = arguments
        if labels and frames["a"] == 0:
            frames = {"a": before}
        arguments = (report, frames, *labels)
    with pytest.raises(error, match=message):
        plot.plot_thumbnails(*arguments)


@pytest.mark.parametrize("option", [{"size": 2}, {"columns": 0}])
def test_wrong_numbers(found, option):
    with pytest.raises(ValueError, match="must be a whole number"):
        plot.plot_thumbnails(found[2], {"a": found[0]}, **option)


def test_distribution(found):
    report = found[2]
    axes = panels(plot.plot_distribution(report, title="all"))
    for name in ("size", "charge"):
        data = axes[name].patches[-1].get_data()
        values = report.table[{"size": "n_pixels", "charge": "charge"}[name]]
        counts, _ = np.histogram(np.asarray(values), data.edges)
        assert counts.sum() == 4
        assert_array_equal(data.values, counts)
        assert axes[name].get_title() == ""
    with pytest.raises(TypeError, match="report must be"):
        plot.plot_distribution(report.table)


ANGLES = [np.nan, 7, 20, 180]


@pytest.mark.parametrize(
    "angle",
    [
        ANGLES * u.deg,
        Masked([3, 7, 20, 180] * u.deg, mask=[True, False, False, False]),
        MaskedColumn([3.0, 7, 20, 180], mask=[True, False, False, False]),
        np.array(ANGLES),
    ],
    ids=lambda value: type(value).__name__,
)
def test_distribution_with_kinds(found, angle):
    """Columns that the table may have."""
    before, after, _ = found
    report = ccdcr.cosmicray_report(after, before)
    kinds = np.array(["spot", "track", "track", "other"])
    report.table["angle"] = angle
    report.table["length"], report.table["width"] = [9, 9, 9, 9], [1, 1, 6, 7]
    report.table["kind"] = kinds
    figure = plot.plot_distribution(report)
    axes = panels(figure)
    total = axes["angle"].patches[-1].get_data()
    assert_array_equal(total.values, [1, 1] + [0] * 10)
    assert axes["angle"].get_title() == "2 without angle"
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["spot", "track", "other"]
    track = axes["size"].patches[1].get_data()
    own = np.asarray(report.table["n_pixels"])[kinds == "track"]
    assert_array_equal(track.values - track.baseline, np.histogram(own, track.edges)[0])


def test_charge_of_nothing_removed(found):
    before = found[0]
    after = ccdcr.cosmicray_median(before, replacement=None)
    report = ccdcr.cosmicray_report(after, before)
    axes = panels(plot.plot_distribution(report))
    assert axes["charge"].get_title() == f"{report.n_cosmicrays} without charge"


@pytest.mark.parametrize("kind", ["png", "pdf", "svg"])
def test_same_figure_same_bytes(found, kind, tmp_path):
    from ccdcr._panels import save_figure

    before, after, _ = found
    contents = set()
    for name in "ab":
        path = tmp_path / f"{name}.{kind}"
        save_figure(plot.plot_cleaning(after, before), path)
        contents.add(path.read_bytes())
    assert len(contents) == 1
    assert len(contents.pop()) > 1000


def wordless(figure):
    """Letters, and the space for them, differ from one matplotlib to the next."""
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        text.set_visible(False)
    for axis in figure.axes:
        axis.tick_params(labelbottom=False, labelleft=False, labelright=False)
    legends = [axis.get_legend() for axis in figure.axes]
    for legend in filter(None, [*figure.legends, *legends]):
        legend.remove()
    figure.set_layout_engine("none")
    figure.set_size_inches(*np.ceil(figure.get_size_inches()))
    return figure


# Root of the mean squared difference, of 255: 6 to 9 between matplotlib 3.8 and 3.11,
# 21 if all is shifted by one dot.
TOLERANCE = 12


def looks_alike(test):
    """Compare with a picture of the folder baseline, where pytest-mpl is installed."""
    if find_spec("pytest_mpl") is None:
        return pytest.mark.skip(reason="needs pytest-mpl")(test)
    compare = pytest.mark.mpl_image_compare(
        baseline_dir="baseline",
        tolerance=TOLERANCE,
        style="default",
        savefig_kwargs={"dpi": 50, "metadata": {"Software": None}},
    )
    return compare(test)


@looks_alike
def test_look_of_cleaning(found):
    before, after, _ = found
    marks = {"region": np.s_[:35, :], "exclude": "[30:45,5:15]"}
    return wordless(plot.plot_cleaning(after, before, **marks))


@looks_alike
def test_look_of_difference(pair):
    return wordless(plot.plot_difference(*pair, shift=(2, -3)))


@looks_alike
def test_look_of_thumbnails(found):
    before, after, report = found
    frames = {"mask": report.mask, "before": before, "after": after}
    return wordless(plot.plot_thumbnails(report, frames, columns=2))
