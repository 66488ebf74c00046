# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The index of a night: what stands out, what is linked, what cannot execute."""

import math
import re
from pathlib import Path

import numpy as np
import pytest

from ccdcr._jobs import Job, Record
from ccdcr._night import write_index
from ccdcr._outliers import compare
from ccdcr._pictures import png
from ccdcr.tests.test_review import HOSTILE

try:
    from ccdcr.tests import browser
except ImportError:  # it needs pipes as on Unix
    browser = None

PICTURE = png(np.full((10, 24), 128, dtype=np.uint8))


def record(name, counts, *, rates=None, group="M 1, R, 300 s", method="pair", **rest):
    """What a job of a night leaves."""
    inputs = [f"night/{name}{k}.fits" for k in range(len(counts))]
    outputs = [f"clean/{name}{k}_crclean.fits" for k in range(len(counts))]
    rest.setdefault("status", "done")
    return Record(
        Job(method, inputs, outputs, rest.pop("options", {}), group),
        n_cosmicrays=tuple(counts),
        n_pixels=tuple(9 * n for n in counts),
        fraction=tuple(9 * n / 1e6 for n in counts),
        rate=tuple(rates or [math.nan] * len(counts)),
        on_sources=tuple(1.25 for _ in counts),
        seconds=1.5,
        thumbnails=tuple([PICTURE] * len(counts)),
        **rest,
    )


def failed(name, message):
    inputs = [f"night/{name}{k}.fits" for k in (0, 1)]
    outputs = [f"clean/{name}{k}_crclean.fits" for k in (0, 1)]
    return Record(Job("pair", inputs, outputs), "failed", message)


def night(*counts, **options):
    return [record(f"f{k}_", pair, **options) for k, pair in enumerate(counts)]


def odd(records):
    """Which frames are out of line, as (job, frame)."""
    return [
        (k, i)
        for k, comparisons in enumerate(compare(records))
        for i, one in enumerate(comparisons)
        if one.reason
    ]


class TestOutliers:
    """Each limit with numbers worked out by hand."""

    def test_a_job_that_went_wrong(self):
        """Ten times the hits of the others: 1000 where the median is 100."""
        records = night((100, 98), (102, 97), (1000, 1050), (101, 100))
        assert odd(records) == [(2, 0), (2, 1)]
        one = compare(records)[2][0]
        assert one.ratio == 10
        assert one.reason == (
            "10 times as many as in comparable frames (1000, where 100 are expected, "
            "97 to 102)"
        )

    def test_a_factor_of_five(self):
        """All others have 100."""
        others = [(100, 100)] * 3
        assert odd(night(*others, (500, 100))) == []
        assert odd(night(*others, (501, 100))) == [(3, 0)]
        assert odd(night(*others, (20, 100))) == []
        assert odd(night(*others, (19, 100))) == [(3, 0)]
        assert "far fewer" in compare(night(*others, (19, 100)))[3][0].reason

    def test_small_numbers_scatter(self):
        """5 sigma around 2 is 2 + 5 * 1.41 = 9.07, and a factor of 5 is 10."""
        others = [(2, 2)] * 3
        assert odd(night(*others, (10, 2))) == []
        assert odd(night(*others, (11, 2))) == [(3, 0)]
        assert odd(night(*others, (0, 2))) == []  # 2 sigma below

    def test_none_where_some_are_expected(self):
        """0 is 5 sigma from 25, and more than 5 sigma from 26."""
        assert odd(night(*[(25, 25)] * 3, (0, 25))) == []
        assert odd(night(*[(26, 26)] * 3, (0, 26))) == [(3, 0)]

    def test_some_where_none_are_expected(self):
        """Of an expectation of zero sigma counts as 1."""
        assert odd(night(*[(0, 0)] * 3, (5, 0))) == []
        assert odd(night(*[(0, 0)] * 3, (6, 0))) == [(3, 0)]
        assert compare(night(*[(0, 0)] * 3, (6, 0)))[3][0].ratio == math.inf

    def test_small_nights(self):
        """Without three other jobs frames are compared with three others of any job."""
        assert compare([]) == []
        assert odd(night((100, 100), (100, 100), (1000, 1000))) == [(2, 0), (2, 1)]
        assert odd(night((100, 90, 110), (95, 1000, 100), method="stack")) == [(1, 1)]
        assert odd(night((100, 90, 110, 1000), method="stack")) == [(0, 3)]
        stacks = night((100, 100), (1000, 1000), method="stack", rates=[1.0, 1.0])
        assert odd(stacks) == []  # exposed ten times as long

    def test_too_few_to_compare(self):
        for few in (
            night((10, 1000)),
            night((10, 10, 1000), method="stack"),
            night((9,), (9,), (900,), method="median"),
        ):
            assert odd(few) == []
            assert all(math.isnan(one.ratio) for job in compare(few) for one in job)

    def test_a_job_that_failed_has_nothing_to_compare(self):
        records = [*night(*[(100, 100)] * 4), failed("x", "no such file")]
        assert compare(records)[4] == []
        assert odd(records) == []

    def test_rates(self):
        """Ten times the exposure has ten times the hits, and that is well."""
        records = night(*[(100, 100)] * 4, rates=[1.0, 1.0])
        long = record("long", (1000, 1000), rates=[1.0, 1.0])
        assert odd([*records, long]) == []
        wrong = record("wrong", (100, 100), rates=[10.0, 1.0])
        assert odd([*records, wrong]) == [(4, 0)]
        assert "(100, where 10 are exp" in compare([*records, wrong])[4][0].reason

    @pytest.mark.parametrize("n", [4, 200])
    def test_rates_that_only_some_have(self, n):
        """Those of an earlier run have none: then numbers are compared."""
        records = night(*[(100, 100)] * n)
        new = record("new", (1000, 90), rates=[1.0, 1.0])
        assert odd([*records, new]) == [(n, 0)]

    def test_groups(self):
        """A long exposure is compared with long ones, if there are enough."""
        short = night(*[(10, 10)] * 4, group="short")
        long = night(*[(100, 100)] * 4, group="long")
        assert odd(short + long) == []
        assert odd(short + long[:1]) == [(4, 0), (4, 1)]  # it has no others

    def test_methods(self):
        """A stack finds what a pair finds; a median does not."""
        pairs = night(*[(10, 10)] * 4)
        assert odd([*pairs, record("s", (100, 10, 10), method="stack")]) == [(4, 0)]
        assert odd([*pairs, record("m", (100,), method="median")]) == []
        classic = record("c", (100, 10), options={"method": "classic"})
        assert odd([*pairs, classic]) == []

    def test_very_many(self):
        """One more or less does not matter then, and it stays quick."""
        records = night(*[(100, 100)] * 2000, (1000, 100))
        assert odd(records) == [(2000, 0)]


def a_night():
    many = night((100, 98), (102, 97), (1000, 1050), (101, 100))
    warned = record("w", (99, 101), warnings=("the noise does not fit",))
    return [*many, warned, failed("bad", "night/bad1.fits: no image in it")]


class TestPage:
    def test_what_needs_a_look_comes_first(self, tmp_path):
        write_index(tmp_path / "index.html", a_night(), title="A night")
        text = (tmp_path / "index.html").read_text(encoding="utf-8")
        kinds = re.findall(r'<tr id="f\d+" class="(\w*)">', text)
        assert kinds == ["failed", *["unusual"] * 2, *["warned"] * 2, *[""] * 6]
        assert "6 jobs: 5 done, 0 skipped, 1 failed. 10 frames" in text
        assert "2 unusual. 2 with warnings." in text
        assert text.count("data:image/png;base64,") == 10
        assert "night/bad1.fits: no image in it" in text
        assert "the noise does not fit" in text
        assert text.count('class="dot') == 10
        assert text.count('data-name="on sources over others" data-value="1.25"') == 10

    def test_links_are_relative(self, tmp_path):
        """Whatever the names are."""
        name = 'a b#?%"&.fits'
        out = tmp_path / "deep" / name
        job = Job("median", ["a.fits"], [out])
        one = Record(job, "done", "", (1,), (1,), (0.1,), (math.nan,))
        write_index(tmp_path / "index.html", [one], title="")
        text = (tmp_path / "index.html").read_text(encoding="utf-8")
        assert 'href="./deep/a%20b%23%3F%25%22%26.fits"' in text

    def test_nothing_at_all(self, tmp_path):
        write_index(tmp_path / "index.html", [], title="Clouds")
        text = (tmp_path / "index.html").read_text(encoding="utf-8")
        assert "0 jobs: 0 done, 0 skipped, 0 failed." in text
        assert "<svg" not in text

    def test_it_is_replaced_as_a_whole(self, tmp_path):
        for _ in range(2):
            write_index(tmp_path / "index.html", a_night(), title="A night")
        assert [path.name for path in tmp_path.iterdir()] == ["index.html"]

    def test_too_few_to_compare_is_said(self, tmp_path):
        write_index(tmp_path / "index.html", night((10, 1000)), title="A night")
        text = (tmp_path / "index.html").read_text(encoding="utf-8")
        assert "2 frames have too few others to be compared with." in text

    def test_no_thumbnails(self, tmp_path):
        one = record("a", (1, 2))
        object.__setattr__(one, "thumbnails", None)
        write_index(tmp_path / "index.html", [one], title="A night")
        assert "<img" not in (tmp_path / "index.html").read_text(encoding="utf-8")
        object.__setattr__(one, "thumbnails", (PICTURE, None))  # one could not be made
        write_index(tmp_path / "index.html", [one], title="A night")
        text = (tmp_path / "index.html").read_text(encoding="utf-8")
        assert text.count("<img") == 1

    def test_results_on_another_drive(self, tmp_path, monkeypatch):
        """Where Windows has no path from here to there, there is but a name."""

        def no_path(*_):
            raise ValueError

        monkeypatch.setattr("os.path.relpath", no_path)
        write_index(tmp_path / "index.html", [record("a", (1, 2))], title="A night")
        text = (tmp_path / "index.html").read_text(encoding="utf-8")
        assert text.count("a0_crclean.fits<small>from a0.fits</small>") == 1
        assert "<a href" not in text


def hostile_night():
    records = a_night()
    job = Job(
        "pair", [HOSTILE, "b"], ["c/" + HOSTILE, "javascript:alert(1)"], {}, HOSTILE
    )
    numbers = ((1, 2), (3, 4), (0.1, 0.2), (math.nan, math.nan))
    one = Record(job, "done", HOSTILE, *numbers, 1.0, (HOSTILE,))
    return [*records, one, Record(job, "failed", HOSTILE)]


def test_nothing_hostile(tmp_path):
    write_index(tmp_path / "index.html", hostile_night(), title=HOSTILE)
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "<img src=x" not in text
    assert text.count("<script>") == text.count("</script>") == 1
    assert 'href="javascript' not in text
    assert "@@script@@" in text  # as a word of the title, not replaced
    assert re.search(r"[hH][tT][tT][pP]s?:|//\w+\.|@import|\burl\(", text) is None
    assert re.search(r"innerHTML|outerHTML|insertAdjacent|eval\(", text) is None


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with browser.Browser(tmp_path_factory.mktemp("profile")) as one:
        yield one


@pytest.mark.skipif(browser is None or browser.find() is None, reason="no Chromium")
class TestInABrowser:
    @pytest.fixture
    def page(self, tmp_path, chromium):
        write_index(tmp_path / "index.html", a_night(), title="A night")
        chromium.open(tmp_path / "index.html")
        return chromium

    NAMES = "[...document.querySelectorAll('#body tr:not([hidden]) th')].map("
    NAMES += "(e) => e.firstChild.textContent)"

    def test_sort(self, page):
        """Numbers first from the largest; what has none comes last, always."""
        head = "document.querySelectorAll('thead th button')[3]"
        assert page.ask(f"{head}.textContent") == "cosmic rays"
        page.ask(f"{head}.click()")
        names = page.ask(self.NAMES)
        assert names[0] == "f2_1_crclean.fits"
        assert names[-1] == "bad0.fits"
        assert page.ask("document.querySelector('[aria-sort=descending]') !== null")
        page.ask(f"{head}.click()")
        names = page.ask(self.NAMES)
        assert names[:2] == ["f1_1_crclean.fits", "f0_1_crclean.fits"]
        assert names[-1] == "bad0.fits"
        page.ask(
            "(() => { const s = document.getElementById('sort'); s.value = '';"
            "s.dispatchEvent(new Event('change')); })()"
        )
        assert page.ask(self.NAMES)[0] == "bad0.fits"
        assert page.complaints() == []

    def test_choose(self, page):
        page.ask(
            "(() => { const s = document.getElementById('show'); s.value = 'unusual';"
            "s.dispatchEvent(new Event('change')); })()"
        )
        assert page.ask(self.NAMES) == ["f2_0_crclean.fits", "f2_1_crclean.fits"]
        assert page.ask("document.getElementById('found').textContent") == "2 of 11"
        page.ask(
            "(() => { const s = document.getElementById('filter'); s.value = 'F2_1';"
            "s.dispatchEvent(new Event('input')); })()"
        )
        assert page.ask(self.NAMES) == ["f2_1_crclean.fits"]
        assert page.complaints() == []

    @pytest.mark.parametrize("width", [390, 1280])
    def test_nothing_is_wider_than_the_window(self, page, width):
        page.resize(width, 844)
        try:
            page.wait("document.documentElement.scrollWidth <= innerWidth", 5)
        finally:
            page.resize(1280, 800)

    def test_hostile_texts_are_texts(self, chromium, tmp_path):
        write_index(tmp_path / "index.html", hostile_night(), title=HOSTILE)
        chromium.open(tmp_path / "index.html")
        assert chromium.ask("document.querySelector('h1').textContent") == HOSTILE
        assert chromium.ask("document.title") == HOSTILE
        assert chromium.ask("document.querySelectorAll('script').length") == 1
        protocols = "[...new Set([...document.links].map((a) => a.protocol))]"
        assert chromium.ask(protocols) == ["file:"]
        groups = "[...document.querySelectorAll('[data-name=group]')]"
        texts = chromium.ask(f"{groups}.map((e) => e.textContent)")
        assert texts.count(HOSTILE) == 3
        assert chromium.ask("document.images.length") == 10
        assert chromium.complaints() == []

    def test_without_script_it_is_a_table(self, page, tmp_path):
        """All is in the page before anything runs."""
        text = Path(tmp_path / "index.html").read_text(encoding="utf-8")
        head, _, _ = text.partition("<script>")
        assert head.count("<tr id=") == 11
        assert '<div id="bar" class="bar" hidden>' in head
