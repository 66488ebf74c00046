# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Headers, names, units and messages that want to be more than texts on our pages."""

import math
import re

import numpy as np
import pytest
from astropy import units as u
from astropy.nddata import CCDData

import ccdcr
from ccdcr import review
from ccdcr._jobs import Job, Record
from ccdcr._log import CARDS
from ccdcr._night import write_index
from ccdcr._pictures import png
from ccdcr.tests.conftest import sky

browser = pytest.importorskip("ccdcr.tests.browser")  # pipes as on Unix
pytestmark = pytest.mark.skipif(browser.find() is None, reason="needs Chromium")

# Whatever of these runs leaves its name in the window; RAN finds it.
TEXTS = [
    "<script>ran_script=1</script>",
    "</script><script>ran_end=1</script>",
    "</title></style></textarea><script>ran_title=1</script>",
    "<!--<script>ran_comment=1",
    "--><img src=x onerror=ran_image=1>",
    '"><svg onload=ran_double=1>',
    "'><svg onload=ran_single=1>",
    '" onmouseover="ran_over=1" autofocus onfocus="ran_focus=1" x="',
    "<iframe srcdoc='<script>parent.ran_frame=1</script>'></iframe>",
    "<a href=javascript:ran_link=1>x</a>",
    "javascript:ran_url=1",
    "data:text/html,<script>opener.ran_data=1</script>",
    "<base href=https://example.org/><meta http-equiv=refresh content=0;url=x>",
    "<style>* { display: none }</style><form action=x><input name=body>",
    "${ran_template=1} {{ran_braces=1}} `ran_tick=1`",
    "&lt;b&gt; &amp; &#60;script&#62; %3Cscript%3E \\u003cscript\\u003e",
    "@@script@@ @@content@@ \\1 \\g<0>",
    "\u2028\u2029\u0085\ufeff",
    "\u202egnp.stif\u2066\u200f",
    "a\0b\x1b[31mc\x7f\x08",
    "\udcff\ud83d",  # of names that are not UTF-8
    "x" * 5000,
]
RAN = "Object.keys(window).filter((name) => name.startsWith('ran_'))"
# all that a page is made of, but what it says
BONES = (
    "[...document.querySelectorAll('*')].map((e) => [e.tagName, ...[...e.attributes]"
    ".map((a) => a.name).sort()].join(' '))"
)


def as_shown(text, nul=""):
    """What HTML makes of a text: NUL is lost, half characters are spelt out."""
    return text.replace("\0", nul).encode("utf-8", "backslashreplace").decode()


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with browser.Browser(tmp_path_factory.mktemp("profile")) as one:
        yield one


def night(texts):
    """Records in which everything that is a text is each of the texts in turn."""
    picture = png(np.full((4, 9), 128, dtype=np.uint8))
    records = []
    for text in texts:
        name = re.sub("[/\0\ud83d]", "_", text)[:60]  # what a file may be called
        job = Job("median", [f"in/{name}"], [f"out/{name}"], {}, text)
        numbers = (3,), (9,), (0.1,), (math.nan,)
        kind = {"warnings": (text, text), "thumbnails": (picture,)}
        records.append(Record(job, "done", text, *numbers, 1.0, **kind))
        records.append(Record(job, "failed", text))
    return records


def cleaned(texts):
    """Frames whose unit and cards are the texts."""
    data = sky(1)
    data[4, 5:7] += 3000
    before = CCDData(data, unit=u.def_unit(f"u{texts[0]}"))
    after = ccdcr.cosmicray_median(before)
    about = "OBJECT", "DATE-OBS", "EXPTIME", "FILTER", "INSTRUME", "TELESCOP"
    for k, key in enumerate([*about, *CARDS]):
        after.meta[key] = texts[k % len(texts)]
    return after, before


def write(page, texts, path):
    """One of our pages, of given texts."""
    title = " ".join(texts)
    if page == "night":
        write_index(path, night(texts), title=title)
    else:
        review.write_review(*cleaned(texts), path, title=title)
    return path


@pytest.fixture(params=["night", "review"])
def page(request):
    return request.param


def test_texts_add_nothing_but_text(page, chromium, tmp_path):
    """The same elements and attributes as with the letter x; nothing runs."""
    chromium.open(write(page, ["x"] * len(TEXTS), tmp_path / "x.html"))
    bones = chromium.ask(BONES)
    chromium.open(write(page, TEXTS, tmp_path / "page.html"))
    assert chromium.ask(BONES) == bones
    assert len(bones) > 100
    title = " ".join(TEXTS)
    for element, nul in (("title", "\ufffd"), ("h1", "")):
        said = chromium.ask(f"document.querySelector('{element}').textContent")
        assert said == as_shown(title, nul)
    for event in ("click", "mouseover", "focus"):
        chromium.ask(
            "document.querySelectorAll('main *, header h1').forEach("
            f"(e) => e.dispatchEvent(new Event({event!r})))"
        )
    assert chromium.ask(RAN) == []
    assert chromium.complaints() == []


def test_every_text_of_a_night_is_shown(chromium, tmp_path):
    chromium.open(write("night", TEXTS, tmp_path / "page.html"))
    said = chromium.ask(
        "[...document.querySelectorAll('.notes li, [data-name=group]')]"
        ".map((e) => e.textContent)"
    )
    # group, message and warnings of what was done; group and message of what failed
    assert all(said.count(as_shown(text)) == 6 for text in TEXTS)
    protocols = "[...new Set([...document.links].map((a) => a.protocol))]"
    assert chromium.ask(protocols) == ["file:"]


def test_every_card_of_a_review_is_shown(chromium, tmp_path):
    chromium.open(write("review", TEXTS, tmp_path / "page.html"))
    said = chromium.ask(
        "[...document.querySelectorAll('#cards bdi')].map((e) => e.textContent)"
    )
    assert set(said) == set(TEXTS)  # JSON keeps everything
    assert f"in u{TEXTS[0]}." in chromium.ask(
        "document.getElementById('notes').textContent"
    )


def test_writing_from_the_right_ends_with_its_text(chromium, tmp_path):
    """The comment of a card is to the right of its value, and reads as it should."""
    places = []
    for k, text in enumerate(("plain", "\u202eplain")):
        page = write("review", [text], tmp_path / f"{k}.html")
        chromium.open(page)
        chromium.key("?")
        places.append(
            chromium.ask(
                "(() => { const r = document.createRange();"
                "r.setStart(document.querySelector('#cards .note').firstChild, 2);"
                "r.collapse(true); return r.getBoundingClientRect().x; })()"
            )
        )
    assert places[0] == places[1] > 0


# As if a text had become markup after all: each tries one way to run something.
MARKUP = """
<img src="data:," onerror="ran_image=1"><svg onload="ran_svg=1"></svg>
<script>ran_script=1</script><a id="z" href="javascript:ran_link=1">z</a>
<iframe srcdoc="<script>parent.ran_frame=1</script>"></iframe>
<b id="y" onclick="ran_click=1" style="position: fixed">y</b>
"""


def test_the_policy_stops_what_would_run(page, chromium, tmp_path):
    """Without it all of that runs, so the test would see it."""
    path = write(page, ["x"], tmp_path / "page.html")
    text = path.read_text(encoding="utf-8").replace("<main>", f"<main>{MARKUP}", 1)
    free = re.sub('<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    position = "getComputedStyle(document.getElementById('y')).position"
    for content, ran, place in ((free, 6, "fixed"), (text, 0, "static")):
        path.write_text(content, encoding="utf-8")
        chromium.open(path)
        for name in "yz":
            chromium.ask(f"document.getElementById('{name}').click()")
        chromium.ask("new Promise((done) => setTimeout(done, 100))")
        chromium.wait(f"{RAN}.length >= {ran}")
        assert len(chromium.ask(RAN)) == ran
        assert chromium.ask(position) == place


REFUSED = [
    "base-uri",
    "connect-src",
    "form-action",
    "frame-src",
    "img-src",
    "object-src",
    "script-src",
    "script-src-elem",
    "style-src-elem",
]
ESCAPE = """
(() => {
  window.refused = new Set();
  const add = (tag, more) => document.body.append(
    Object.assign(document.createElement(tag), more));
  document.addEventListener("securitypolicyviolation",
    (event) => refused.add(event.effectiveDirective));
  fetch("https://example.org/").catch(() => {});
  add("img", { src: "https://example.org/a.png" });
  add("link", { rel: "stylesheet", href: "https://example.org/a.css" });
  add("script", { src: "https://example.org/a.js" });
  add("iframe", { src: "https://example.org/" });
  add("object", { data: "https://example.org/" });
  add("base", { href: "https://example.org/" });
  setTimeout("window.ran_text = 1");
  const form = document.createElement("form");
  form.action = "https://example.org/";
  document.body.append(form);
  form.submit();
})()
"""


def test_the_policy_lets_nothing_out(page, chromium, tmp_path):
    """No request, no form, no other base, no text that becomes a program."""
    chromium.open(write(page, ["x"], tmp_path / "page.html"))
    chromium.ask(ESCAPE)
    chromium.wait(f"refused.size >= {len(REFUSED)}")
    assert chromium.ask("[...refused].sort()") == REFUSED
    assert chromium.ask(RAN) == []
    assert chromium.ask("location.protocol") == "file:"
