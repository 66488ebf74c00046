# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What is required, why, and under which licence: the page says what is the case."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from ccdcr.tests.dependencies import brought, is_permissive, licence

# Licences of tools for tests that are not permissive, and why they may be there.
REASONED = {
    "hypothesis": "MPL-2.0",  # for its own files, which nobody here changes or gives on
    "certifi": "MPL-2.0",  # the same
}


@pytest.fixture(scope="module")
def root(request):
    return request.config.rootpath


@pytest.fixture(scope="module")
def project(root):
    if not (root / "pyproject.toml").exists():
        pytest.skip("not in the repository")
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def required(project):
    """Of an installation, and of its extras for users."""
    about = project["project"]
    extras = about["optional-dependencies"]
    return (
        about["dependencies"] + extras["plot"] + extras["regions"] + extras["parallel"]
    )


def floors(requirements):
    """Name and least version of each."""
    return {
        one.name: next(iter(one.specifier)).version
        for one in map(Requirement, requirements)
    }


def test_bounds_are_those_of_the_page(project, required, root):
    """Each has a row with its floor; none has an upper bound."""
    page = (root / "docs" / "dependencies.rst").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^   \* - ``([\w-]+)``\n     - ([\d.]+)$", page, re.M))
    built = project["build-system"]["requires"]
    assert rows == floors([*required, *built])
    for one in map(Requirement, [*required, *built]):
        assert [part.operator for part in one.specifier] == [">="]


def test_the_oldest_are_tested_to_the_digit(required, root):
    text = (root / "tox.ini").read_text(encoding="utf-8")
    pins = dict(re.findall(r"oldestdeps: (\w+)==([\d.]+)\n", text))
    for name, floor in floors(required).items():
        if name not in ("regions", "distributed"):  # not in that environment
            assert Version(pins[name]) == Version(floor)


def test_the_list_has_all_that_are_required(project, root):
    """Versions change by the day, and with them what else comes; these do not."""
    text = (root / "docs" / "dependencies.txt").read_text(encoding="utf-8")
    rows = {line.split()[0]: line for line in text.splitlines()}
    wanted = {Requirement(one).name for one in project["project"]["dependencies"]}
    assert wanted <= set(rows)
    for name, line in rows.items():
        assert re.match(rf"{name} +[\w.]+ +(compiled|Python) +\S", line)


def test_licences_are_permissive(project, required):
    """Of what is here now, down to the last that is needed; also by the tests."""
    tests = project["project"]["optional-dependencies"]["test"]
    found = brought([*required, *tests])
    assert {"numpy", "pyerfa", "pytest", "iniconfig"} <= set(found)
    for name, (installed, needers) in found.items():
        if installed is not None:
            said = licence(installed)
            fits = is_permissive(said) or REASONED.get(name) == said
            assert fits, f"{name}, for {needers}: {said}"
    for name in REASONED:
        assert name not in brought(required)


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("MIT", True),
        ("BSD-3-Clause AND (0BSD OR MIT) AND Zlib", True),
        ("GPL-2.0-only OR BSD-2-Clause", True),
        ("BSD-3-Clause AND GPL-3.0-only", False),
        ("MIT AND (GPL-3.0-only OR LGPL-3.0-only)", False),
        ("LGPL-3.0-or-later", False),
        ("Proprietary", False),
        ("", False),
    ],
)
def test_permissive(text, fits):
    assert is_permissive(text) is fits


def test_nothing_runs_when_it_is_installed(project, root):
    """No script of our own; .ci/check_dist.py looks into what is built."""
    assert not (root / "setup.py").exists()
    assert set(project["tool"]["setuptools"]) == {"packages", "package-data"}
    assert project["project"]["scripts"] == {"ccdcr": "ccdcr.cli:main"}
    assert not {"entry-points", "gui-scripts"} & set(project["project"])
    assert project["build-system"]["build-backend"] == "setuptools.build_meta"
    assert "backend-path" not in project["build-system"]
