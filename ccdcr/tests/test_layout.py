# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Imports go one way, and the heavy ones stay where they belong."""

import ast
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import ccdcr

ROOT = Path(ccdcr.__file__).parent
# A module may import those in rows above its own.
ROWS = [
    {
        "_units",
        "_typing",
        "pixels.median_network",
        "pixels.difference",
        "pixels.groups",
        "exceptions",
    },
    {"pixels.filters"},
    {
        "pixels.replace",
        "pixels.detect",
        "pixels.noise",
        "pixels.saturation",
        "_tracks",
        "_scenes",
    },
    {"pixels.level"},
    {
        "pixels.shift",
        "pixels.photometry",
        "pixels.skirt",
        "pixels.sharpness",
        "pixels.suspect",
        "pixels.shape",
        "pixels.table",
    },
    {"pixels.guard", "pixels.coincident", "pixels.health", "pixels.slit"},
    {"pixels.exposure", "pixels.single"},
    {"pixels.compare"},
    {"pixels.witnesses"},
    {"pixels.matched"},
    {
        "_frames",
        "_regions",
        "_options",
        "_decisions",
        "_pictures",
        "_pages",
        "_outliers",
        "__init__",
    },
    {"_ccd", "_layout"},
    {"_log", "_stages", "_fits"},
    {
        "shift",
        "_classic",
        "_health",
        "_matched_frames",
        "_single",
        "_median_classic",
        "_lacosmic_options",
        "_astroscrappy",
    },
    {"_matched", "_median_matched", "_doubts"},
    {"_detections"},
    {"_difference"},
    {"pair", "stack", "median", "lacosmic", "report"},
    {"_scores", "restore"},
    {"simulate"},
    {"_panels", "_fits_header"},
    {"_figures", "_report_figures", "_fits_write"},
    {"plot"},
    {"review"},
    {"files"},
    {"_jobs", "_headers"},
    {"_equivalent"},
    {"_work", "_pairing"},
    {"_crew", "_plans"},
    {"batch"},
    {"demo", "_values", "_progress", "_night"},
    {"_arguments", "_night_log", "_night_earlier"},
    {"_parsers", "_inputs", "_extras"},
    {"_config", "_night_command"},
    {"cli"},
]
HOME = {
    "astroscrappy": {"_astroscrappy"},
    "photutils": {"report"},
    "matplotlib": {"_panels", "_fits_header"},
    "ccdproc": set(),
    "regions": {"report", "_inputs"},
}


def modules():
    for path in sorted(ROOT.rglob("*.py")):
        if "tests" not in path.parts and path.name != "_version.py":
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            yield name.replace("pixels.__init__", "pixels"), path


def imports(path):
    """Names that a module imports; not those that only a type checker needs."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body if not isinstance(node, ast.If)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def row_of(name):
    return next((i for i, row in enumerate(ROWS) if name in row), None)


@pytest.mark.parametrize(
    ("name", "path"), list(modules()), ids=lambda value: str(value)
)
def test_imports(name, path):
    if name == "pixels":
        return
    assert row_of(name) is not None, f"{name} has no place in the layout"
    for imported in imports(path):
        package = imported.split(".")[0]
        assert name in HOME.get(package, {name}), f"{name} imports {package}"
        inner = imported.removeprefix("ccdcr.")
        if imported.startswith("ccdcr.") and row_of(inner) is not None:
            assert row_of(inner) < row_of(name), f"{name} imports {inner}"


@pytest.mark.parametrize(
    ("name", "path"), list(modules()), ids=lambda value: str(value)
)
def test_arrays_do_not_know_ccddata(name, path):
    if name.startswith("pixels."):
        assert not any(item.startswith("astropy") for item in imports(path))


def test_importing_is_cheap():
    """The package itself brings in nothing but the standard library."""
    code = "import sys; import ccdcr; print(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    heavy = {"photutils", "ccdproc", "matplotlib", "astroscrappy", "regions", "scipy"}
    assert not heavy & set(loaded)


def test_a_source_tree_that_was_never_installed():
    """It has no version; what it says of itself in headers can still be written."""
    code = "import sys; sys.modules['ccdcr._version'] = None; import ccdcr; "
    code += "print(ccdcr.__version__)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "0.0.0\n"


def test_public_names():
    assert sorted(ccdcr.__all__) == dir(ccdcr)
    for name in ccdcr.__all__:
        assert getattr(ccdcr, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'clean_everything'"):
        ccdcr.clean_everything  # noqa: B018


def public_functions():
    for name in ("batch", "files", "plot", "review", "simulate", "demo"):
        module = importlib.import_module(f"ccdcr.{name}")
        for key in getattr(module, "__all__", ()):
            yield f"{name}.{key}", getattr(module, key)
    for key in ccdcr.__all__:
        yield key, getattr(ccdcr, key)


@pytest.mark.parametrize(
    ("name", "function"),
    [item for item in public_functions() if inspect.isfunction(item[1])],
    ids=lambda value: str(value),
)
def test_type_hints(name, function):
    """Every argument and result of a public function tells its type."""
    hints = function.__annotations__
    assert set(hints) == {"return", *inspect.signature(function).parameters}


def test_types_are_published():
    assert (ROOT / "py.typed").exists()
