# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Check that every link between the built pages leads somewhere.

    python docs/check_links.py docs/_build/html
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, path):
        super().__init__()
        self.links, self.anchors = set(), set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, _tag, attrs):
        """Collect what is linked to, shown or named."""
        attributes = dict(attrs)
        self.anchors |= {attributes.get("id"), attributes.get("name")}
        self.links |= {attributes.get("href"), attributes.get("src")} - {None, "#"}


def broken(folder):
    """
    Links of a folder of pages that lead nowhere.

    Parameters
    ----------
    folder : path-like
        Where the pages are.

    Returns
    -------
    sentences : list of str
        One for each.
    """
    files = sorted(Path(folder).resolve().rglob("*.html"))
    pages = {path: Page(path) for path in files if "_static" not in path.parts}
    sentences = []
    for path, page in pages.items():
        for link in sorted(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue  # the web: tox -e linkcheck
            target = (path.parent / unquote(parts.path)).resolve()
            target = target if parts.path else path
            if not target.exists():
                sentences.append(f"{path.name}: {link}: no such file")
                continue
            anchors = pages[target].anchors if target in pages else {""}
            if unquote(parts.fragment) not in anchors | {""}:
                sentences.append(f"{path.name}: {link}: no such place")
    return sentences if pages else [f"{folder}: no pages"]


if __name__ == "__main__":
    found = broken(sys.argv[1])
    print("\n".join(found) or "all links between pages lead somewhere")
    sys.exit(bool(found))
