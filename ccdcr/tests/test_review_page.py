# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The page in a browser, as a person uses it; skipped where there is no Chromium."""

import json
import time

import numpy as np
import pytest
from astropy.nddata import CCDData

import ccdcr
from ccdcr import cli, files, review
from ccdcr.tests.conftest import frame, sky
from ccdcr.tests.test_review import HOSTILE, crowd

browser = pytest.importorskip("ccdcr.tests.browser")  # pipes as on Unix
pytestmark = pytest.mark.skipif(browser.find() is None, reason="needs Chromium")
SELECTED = "document.getElementById('detail-title').textContent"
LABELS = "[...document.querySelectorAll('#body .label')].map((e) => +e.textContent)"
PROGRESS = "document.getElementById('progress').textContent"
FOUND = "document.getElementById('found').textContent"
PAGE = "document.getElementById('page').textContent"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with browser.Browser(tmp_path_factory.mktemp("profile")) as one:
        yield one


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Twelve cosmic rays, a suspect, their page, and their files."""
    monkeypatch.chdir(tmp_path)
    data = sky(1, (90, 120))
    places = [(y, x) for y in (12, 45, 80) for x in (15, 50, 77, 110)]
    for k, (y, x) in enumerate(places):
        data[y : y + 1 + k % 3, x : x + 2] += 1000 + 100 * k
    before = frame(data, "std", meta={"OBJECT": HOSTILE})
    after = ccdcr.cosmicray_median(before)
    after.flags[60:62, 30:33] |= 32
    for ccd, name in ((before, "a.fits"), (after, "a_crclean.fits")):
        ccd.meta["OBJECT"] = "M1"
        ccd.write(name)
    files.read("a_crclean.fits")
    status = cli.main(["median", "a.fits", "--overwrite"])
    assert status == 0
    review.write_review(after, before, "hostile.html", title=HOSTILE)
    text = "review a_crclean.fits a.fits -o review.html"
    assert cli.main(text.split()) == 0
    return tmp_path


def click(chromium, element):
    place = f"document.querySelector({element!r}).getBoundingClientRect()"
    box = chromium.ask(f"(() => {{ const r = {place}; return [r.x, r.y]; }})()")
    chromium.click(box[0] + 4, box[1] + 4)


def test_from_the_page_to_the_file(chromium, folder, capsys):
    """Load, sort, filter, reject with the keyboard, save, apply, compare."""
    chromium.open(folder / "review.html")
    assert chromium.ask(SELECTED) == "Detection 1: \u2013 undecided"
    assert chromium.ask(LABELS) == list(range(1, 13))

    click(chromium, "#head [data-name=n_pixels] button")
    sizes = chromium.ask(
        "(() => { const k = document.querySelector('[data-name=n_pixels]').cellIndex;"
        "return [...document.querySelectorAll('#body tr')]"
        ".map((row) => +row.cells[k].textContent); })()"
    )
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]
    chromium.key("Enter")  # the button keeps the focus
    assert chromium.ask("document.querySelector('[aria-sort=descending]') !== null")

    chromium.key("/")
    chromium.type("charge>3000 y_centroid<60")
    shown = chromium.ask(LABELS)
    table = ccdcr.cosmicray_report(
        files.read("a_crclean.fits"), files.read("a.fits")
    ).table
    wanted = table[(table["charge"].value > 3000) & (table["y_centroid"] < 60)]
    assert sorted(shown) == list(wanted["label"])
    assert 2 < len(shown) < 12
    assert chromium.ask(FOUND) == f"{len(shown)} of 12"
    chromium.key("Escape")

    chromium.key("Home")
    chromium.key("r")
    chromium.key("ArrowDown")
    chromium.key("ArrowDown")
    chromium.key("r")
    chromium.key("ArrowUp")
    chromium.key("a")
    assert chromium.ask(SELECTED) == f"Detection {shown[1]}: \u2713 accepted"
    said = chromium.ask("document.getElementById('status').textContent")
    assert said == f"Detection {shown[1]} accepted."
    assert chromium.ask(PROGRESS) == "2 rejected, 1 accepted, 9 undecided"

    chromium.downloads(folder)
    chromium.key("s")
    saved = folder / "decisions.json"
    until = time.time() + 20
    while not saved.exists() and time.time() < until:
        time.sleep(0.05)
    decisions = json.loads(saved.read_text())
    rejected = sorted([shown[0], shown[2]])
    assert decisions["rejected"] == rejected
    assert decisions["ccdcr"] == ccdcr.__version__
    assert set(decisions) == {"ccdcr", "frame", "rejected"}

    text = "review --apply decisions.json a_crclean.fits a.fits -o final.fits"
    assert cli.main(text.split()) == 0
    assert "final.fits: 10 cosmic rays" in capsys.readouterr().out
    before, after, final = (
        files.read(name) for name in ("a.fits", "a_crclean.fits", "final.fits")
    )
    labels = ccdcr.cosmicray_report(after, before).segmentation.data
    back = np.isin(labels, rejected)
    assert np.array_equal(final.data, np.where(back, before.data, after.data))
    assert np.array_equal(final.mask, after.mask & ~back)
    wanted = np.where(back, before.uncertainty.array, after.uncertainty.array)
    assert np.array_equal(final.uncertainty.array, wanted)
    assert chromium.complaints() == []


def test_decisions_are_kept(chromium, folder):
    chromium.open(folder / "review.html")
    chromium.ask("localStorage.clear()")
    chromium.open(folder / "review.html")
    for key in ("r", "ArrowDown", "a", "End", "r", "ArrowUp", "r", "u"):
        chromium.key(key)
    assert chromium.ask(PROGRESS) == "2 rejected, 1 accepted, 9 undecided"
    chromium.open(folder / "review.html")
    assert chromium.ask(PROGRESS) == "2 rejected, 1 accepted, 9 undecided"
    state = "document.getElementById('state')"
    change = f"{state}.value = 'rejected'; {state}.dispatchEvent(new Event('change'))"
    chromium.ask(change)
    assert chromium.ask(LABELS) == [1, 12]
    assert chromium.complaints() == []


def test_without_a_place_to_keep_them(chromium, folder):
    """As some browsers do for pages on disk."""
    deny = (
        "Object.defineProperty(window, 'localStorage', {get() { throw Error('no') }})"
    )
    script = chromium.send("Page.addScriptToEvaluateOnNewDocument", source=deny)
    chromium.open(folder / "review.html")
    chromium.send("Page.removeScriptToEvaluateOnNewDocument", **script)
    chromium.key("r")
    assert "1 rejected" in chromium.ask(PROGRESS)
    assert "only until this page is closed" in chromium.ask(PROGRESS)
    assert chromium.complaints() == []
    chromium.downloads(folder)
    chromium.key("s")  # else it would ask before it is left
    chromium.wait(
        "document.getElementById('status').textContent.startsWith('Saved')", 5
    )


def test_load_decisions(chromium, folder):
    chromium.open(folder / "review.html")
    chromium.ask("localStorage.clear()")
    chromium.open(folder / "review.html")
    frame_ = "JSON.parse(document.getElementById('content').textContent).frame"
    for rejected, other, wanted in (
        ([3, 5], "", "Loaded: 2 rejected."),
        ([3], "x", "Not loaded: these decisions are of another frame."),
        ([13], "", "Not loaded: these are no decisions about this frame."),
        ("x", "", "Not loaded: these are no decisions about this frame."),
    ):
        text = (
            f"JSON.stringify({{frame: {frame_} + '{other}', rejected: {rejected!r}}})"
        )
        put = (
            "(() => { const d = new DataTransfer();"
            "const i = document.getElementById('file');"
            f"d.items.add(new File([{text}], 'd.json')); i.files = d.files;"
            "i.dispatchEvent(new Event('change')); })()"
        )
        chromium.ask(put)
        chromium.wait(
            f"document.getElementById('status').textContent === {wanted!r}", 5
        )
    assert chromium.ask(PROGRESS).startswith("2 rejected")


def test_frame(chromium, folder):
    """What is drawn where: row 0 at the bottom; markers at their detections."""
    chromium.open(folder / "review.html")
    chromium.wait("document.getElementById('frame').width > 300")
    table = ccdcr.cosmicray_report(
        files.read("a_crclean.fits"), files.read("a.fits")
    ).table
    chromium.key("m")
    x, y, width, height = chromium.ask(
        "(() => { const r = document.getElementById('frame').getBoundingClientRect();"
        "return [r.x + 1, r.y + 1, r.width - 2, r.height - 2]; })()"
    )
    scale = min(width / 120, height / 90)

    def place(row):
        return (
            width / 2 + (row["x_centroid"] - 59.5) * scale,
            height / 2 - (row["y_centroid"] - 44.5) * scale,
        )

    def shade(row):
        sx, sy = map(int, place(row))
        return chromium.ask(
            "new Promise((done) => requestAnimationFrame(() => setTimeout(() => done("
            "document.getElementById('frame').getContext('2d')"
            f".getImageData({sx}, {sy}, 1, 1).data[0]))))"
        )

    rows = [table[k] for k in (1, 6, 11)]
    assert all(shade(row) < 20 for row in rows)
    chromium.key("b")
    assert all(shade(row) > 90 for row in rows)
    chromium.key("i")
    assert all(shade(row) < 165 for row in rows)
    chromium.key("m")
    for row in rows:
        sx, sy = place(row)
        chromium.click(x + sx, y + sy)
        title = chromium.ask(SELECTED)
        assert title.startswith(f"Detection {row['label']}:")
    for key in "+++z0-":
        chromium.key(key)
    chromium.key("ArrowLeft", shift=True)
    chromium.mouse("Wheel", x + 50, y + 50, deltaX=0, deltaY=-300)
    chromium.mouse("Moved", x + width / 2, y + height / 2)
    complaints = chromium.complaints()  # of those that this test has brought about
    assert [text for text in complaints if "getImageData" not in text] == []


def test_hostile_texts_are_texts(chromium, folder):
    chromium.open(folder / "hostile.html")
    assert chromium.ask("document.querySelector('h1').textContent") == HOSTILE
    assert chromium.ask("document.images.length") == 0
    assert chromium.ask("document.querySelectorAll('script').length") == 2
    assert chromium.ask(LABELS) == list(range(1, 14))
    chromium.key("End")
    assert chromium.ask(SELECTED) == "Detection 13: \u25c7 left alone"
    chromium.key("r")
    assert "nothing to put back" in chromium.ask(
        "document.getElementById('status').textContent"
    )
    chromium.key("/")
    chromium.type("decision:x")
    assert chromium.ask(FOUND) == "no column decision"
    assert chromium.complaints() == []


def test_keyboard_alone(chromium, folder):
    """Every control is reached, shows its focus and has a name."""
    chromium.open(folder / "review.html")
    names = set()
    for _ in range(60):
        chromium.key("Tab")
        name = chromium.ask(
            "(() => { const e = document.activeElement; const s = getComputedStyle(e);"
            "return [e.id || e.textContent, s.outlineStyle, e.textContent.trim() || "
            "e.ariaLabel || e.labels?.[0]?.textContent || '']; })()"
        )
        if name[0] in names or chromium.ask("document.activeElement === document.body"):
            break
        names.add(name[0])
        assert name[1] != "none", name
        assert name[2], name
    for wanted in ("save", "blink", "frame", "reject", "filter", "scroll", "tell"):
        assert wanted in names
    chromium.key("?")
    assert chromium.ask("document.getElementById('about').open")
    chromium.key("Escape")
    assert not chromium.ask("document.getElementById('about').open")


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_window(chromium, folder, width):
    chromium.open(folder / "review.html")
    chromium.resize(width, 844)
    try:
        chromium.wait("document.documentElement.scrollWidth <= innerWidth", 5)
    finally:
        chromium.resize(1280, 800)


def test_no_detections(chromium, tmp_path):
    ccd = CCDData(np.zeros((5, 7)), unit="")
    review.write_review(ccd, ccd, tmp_path / "review.html")
    chromium.open(tmp_path / "review.html")
    assert chromium.ask(PAGE) == "nothing was found"
    for key in ("ArrowDown", "r", "z", "End", "PageDown", "b"):
        chromium.key(key)
    assert chromium.complaints() == []


def test_many(chromium, tmp_path):
    after, before = crowd()
    review.write_review(after, before, tmp_path / "review.html")
    start = time.time()
    chromium.open(tmp_path / "review.html")
    chromium.wait(f"{LABELS}.length === 50")
    assert time.time() - start < 20  # two on a quiet machine
    left_out = chromium.ask("document.getElementById('left-out').innerText")
    assert "the mean of 3 x 3" in left_out
    assert "5000 of 5184 detections have pictures" in left_out
    chromium.key("PageDown")
    assert chromium.ask(PAGE) == "page 2 of 104: 51 to 100 of 5184"
    start = time.time()
    for _ in range(20):
        chromium.key("ArrowDown")
        chromium.key("r")
    assert chromium.ask(PROGRESS) == "20 rejected, 0 accepted, 5164 undecided"
    assert time.time() - start < 20
    chromium.key("/")
    chromium.type("n_pixels>60")
    wanted = ccdcr.cosmicray_report(after, before).table["n_pixels"] > 60
    assert chromium.ask(FOUND) == f"{np.count_nonzero(wanted)} of 5184"
    assert chromium.complaints() == []
