# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Check what is in the sdist and the wheel of a folder.

    python .ci/check_dist.py dist [again] [--tag v0.1.0]

Installing them runs no code, and puts nothing anywhere but the package and one command.
With a second folder: it holds the same bytes. With a tag: it is the version.
"""

import argparse
import hashlib
import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

SUFFIXES = {".py", ".typed", ".html", ".css", ".js", ".png"}
COMMANDS = "[console_scripts]\nccdcr = ccdcr.cli:main\n"


def wrong_in_wheel(path):
    """Sentences about what a wheel must not have."""
    name, version, tags = path.stem.split("-", 2)
    about = f"{name}-{version}.dist-info"
    if (name, tags) != ("ccdcr", "py3-none-any"):
        yield f"{path.name} is not pure Python, or not ours"
    with zipfile.ZipFile(path) as file:
        for one in map(PurePosixPath, file.namelist()):
            top, suffix = one.parts[0], one.suffix
            if ".." in one.parts or top not in ("ccdcr", about):  # .pth, scripts, data
                yield f"{one} would not go into the package"
            elif top == "ccdcr" and suffix not in SUFFIXES:
                yield f"{one}: what is that?"
        if "Root-Is-Purelib: true" not in file.read(f"{about}/WHEEL").decode():
            yield "the wheel is not pure Python"
        if file.read(f"{about}/entry_points.txt").decode() != COMMANDS:
            yield "the wheel has other commands than ccdcr"


def wrong_in_sdist(path):
    """Sentences about what an sdist must not have."""
    with tarfile.open(path) as file:
        for one in file:
            name = PurePosixPath(one.name)
            if not (one.isfile() or one.isdir()):
                yield f"{name} is neither file nor folder"
            if name.name == "setup.py" or name.suffix in (".pth", ".so", ".pyd"):
                yield f"{name} would run when it is installed"


def digests(folder):
    """What is compared with an independent build."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
    }


def wrong(folders, tag):
    """Sentences about all that is wrong."""
    sdists, wheels = (list(folders[0].glob(end)) for end in ("*.tar.gz", "*.whl"))
    if len(sdists) != 1 or len(wheels) != 1 or len(digests(folders[0])) != 2:
        return [f"{folders[0]} must hold one sdist and one wheel"]
    sentences = [*wrong_in_sdist(*sdists), *wrong_in_wheel(*wheels)]
    version = wheels[0].name.split("-")[1]
    if sdists[0].name != f"ccdcr-{version}.tar.gz":
        sentences.append("sdist and wheel have different versions")
    if tag is not None and tag != f"v{version}":
        sentences.append(f"tag {tag} is not version {version}")
    for other in folders[1:]:
        if digests(other) != digests(folders[0]):
            sentences.append(f"{folders[0]} and {other} differ")
    return sentences


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--tag")
    given = parser.parse_args()
    for name, digest in digests(given.folders[0]).items():
        print(f"{digest}  {name}")
    found = wrong(given.folders, given.tag)
    print("\n".join(found) or "nothing wrong")
    sys.exit(bool(found))
