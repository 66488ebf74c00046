# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Configuration of the documentation."""

import contextlib
import datetime
import doctest
import os
import tempfile
from pathlib import Path

import matplotlib as mpl
from PIL import Image
from sphinx.errors import ExtensionError
from sphinx_astropy.conf.v3 import *  # noqa: F403
from sphinx_astropy.conf.v3 import exclude_patterns, extensions

import ccdcr

project = "ccdcr"
author = "The ccdcr developers"
epoch = os.environ.get("SOURCE_DATE_EPOCH")
now = datetime.datetime.now(datetime.UTC)
if epoch is not None:
    now = datetime.datetime.fromtimestamp(int(epoch), datetime.UTC)
copyright = f"{now.year}, {author}"  # noqa: A001
release = ccdcr.__version__
version = ".".join(release.split(".")[:2])

exclude_patterns += ["_build", "_templates"]
nitpicky = True
# Names that are linked to, and where they are: a short list in plain text for each
# project (version 1 of the inventory format), so that building needs no network.
_PAGES = {
    "python": "https://docs.python.org/3/",
    "numpy": "https://numpy.org/doc/stable/",
    "scipy": "https://docs.scipy.org/doc/scipy/",
    "astropy": "https://docs.astropy.org/en/stable/",
    "astroscrappy": "https://astroscrappy.readthedocs.io/en/stable/",
    "photutils": "https://photutils.readthedocs.io/en/stable/",
    "matplotlib": "https://matplotlib.org/stable/",
}
intersphinx_mapping = {
    name: (page, f"inventories/{name}.inv") for name, page in _PAGES.items()
}
intersphinx_disabled_reftypes = ["std:doc"]

html_theme = "pydata_sphinx_theme"
html_title = f"ccdcr {release}"
html_theme_options = {
    "logo": {"text": "ccdcr"},
    "secondary_sidebar_items": ["page-toc"],
    "header_links_before_dropdown": 4,
}
html_sidebars = {"**": []}  # the top bar has the pages, the right side the sections
html_static_path = ["_static"]
html_css_files = ["ccdcr.css"]
html_favicon = None
html_show_sourcelink = False
automodsumm_inherited_members = False
numpydoc_xref_param_type = False
autodoc_typehints = "none"  # the docstrings say it better
extensions = [name for name in extensions if "inheritance_diagram" not in name]

# the pictures of the stages: images/stages.py
plot_formats = [("png", 100)]
plot_html_show_formats = False
plot_html_show_source_link = False
plot_rcparams = {"savefig.bbox": None}
plot_apply_rcparams = True


def draw_tutorials(app):
    """Run the code of the tutorials; what they draw goes where the pages want it."""
    if app.builder.name == "linkcheck":
        return
    pages = Path(app.srcdir) / "tutorials"
    figures = pages / "figures"
    figures.mkdir(exist_ok=True)
    options = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    look = {"backend": "agg", "savefig.dpi": 80, "figure.max_open_warning": 0}
    for page in sorted(pages.glob("*.rst")):
        with (
            tempfile.TemporaryDirectory() as folder,
            contextlib.chdir(folder),
            mpl.rc_context(look),
        ):
            failed, _ = doctest.testfile(str(page), False, optionflags=options)
            for drawn in sorted(Path(folder).glob("*.png")):
                with Image.open(drawn) as picture:  # 31 levels a colour: small files
                    few = picture.convert("RGB").point(lambda v: round(v / 8.5) * 8.5)
                few = few.quantize(method=Image.Quantize.MAXCOVERAGE, dither=0)
                few.save(figures / drawn.name, optimize=True)
        if failed:
            msg = f"{page.name}: {failed} examples do not give what is printed there"
            raise ExtensionError(msg)


def setup(app):
    """Tell Sphinx what to do before it reads the pages."""
    app.connect("builder-inited", draw_tutorials)
