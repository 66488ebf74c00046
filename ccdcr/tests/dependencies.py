# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
What an installation brings.

``python -m ccdcr.tests.dependencies`` prints the list of the page on dependencies, of
the environment in which it runs; ``ccdcr[all]`` behind it takes in the extras.
"""

import re
import sys
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

#: Licences that ask for no more than their own text to be kept (and of us nothing).
PERMISSIVE = {
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "HPND",
    "ISC",
    "MIT",
    "MIT-CMU",
    "PSF-2.0",
    "Zlib",
}
# what the metadata of some call theirs
_SAME = {
    "Apache": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD 3-Clause": "BSD-3-Clause",
    "BSD 3-Clause License": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "BSD-3-clause": "BSD-3-Clause",
    "MIT License": "MIT",
    "PSF": "PSF-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
_COMPILED = (".so", ".pyd", ".dylib")


def brought(requirements):
    """
    Walk through what is required, and what that requires.

    Parameters
    ----------
    requirements : iterable of str
        As in ``pyproject.toml``.

    Returns
    -------
    found : dict
        The installed distribution and the set of who needs it ("" is the beginning),
        by name; the distribution is None where it is not installed.
    """
    found = {}
    todo = [("", Requirement(text), "") for text in requirements]
    while todo:
        who, wanted, extra = todo.pop()
        if wanted.marker and not wanted.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(wanted.name)
        try:
            installed = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            installed = None
        new = name not in found
        found.setdefault(name, (installed, set()))[1].add(who)
        for own in wanted.extras if installed else ():
            more = map(Requirement, installed.requires or ())
            todo += [(name, one, own) for one in more if one.marker]
        if new and installed:
            todo += [(name, Requirement(text), "") for text in installed.requires or ()]
    return found


def licence(distribution):
    """What the metadata say, in the names of SPDX where it is clear which is meant."""
    about = distribution.metadata
    said = about.get("License-Expression")
    if not said:
        said = (about.get("License") or "").strip()
        classes = [
            one for one in about.get_all("Classifier") or [] if "License ::" in one
        ]
        if classes and (not said or "\n" in said):
            said = " OR ".join(one.rpartition(" :: ")[2] for one in classes)
    return _SAME.get(said, said)


def is_permissive(text):
    """Whether each licence of an expression, or one of several to choose from, is."""
    if " OR " in text and "(" not in text:
        return any(map(is_permissive, text.split(" OR ")))
    parts = [one.strip() for one in re.split(r" AND | OR |[()]", text)]
    known = [_SAME.get(one, one) in PERMISSIVE for one in parts if one]
    return all(known) and len(known) > 0


def is_compiled(distribution):
    """Whether there are parts that are not Python."""
    return any(file.name.endswith(_COMPILED) for file in distribution.files or ())


def main(requirement="ccdcr"):
    """Print the list: what is compiled, licence, and who needs it."""
    for name, (installed, needers) in sorted(brought([requirement]).items()):
        if installed is None or name == "ccdcr":
            continue
        kind = "compiled" if is_compiled(installed) else "Python"
        who = ", ".join(sorted(needers - {""}))
        text = f"{name:<19} {installed.version:<20} {kind:<9} {licence(installed):<28}"
        sys.stdout.write(f"{text} {who}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
