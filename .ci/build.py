# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Build sdist and wheel, the same bytes whoever builds a commit, when and where.

    python -m pip install --require-hashes -r .ci/build.txt
    python .ci/build.py dist

Without a network. Needs setuptools and so on in this environment, as above; times
are those of the commit, or of ``SOURCE_DATE_EPOCH``.
"""

import gzip
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LONG_AGO = "315532800"  # 1980: zip files know nothing earlier


def epoch():
    """Seconds since 1970 that all files get as their time."""
    if os.environ.get("SOURCE_DATE_EPOCH"):
        return os.environ["SOURCE_DATE_EPOCH"]
    command = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() or LONG_AGO


def without_circumstances(source, target, seconds):
    """
    Copy an sdist without times, owners, rights and order of the files.

    Parameters
    ----------
    source, target : path-like
        Files .tar.gz.
    seconds : int
        Time of all files.
    """
    with (
        tarfile.open(source) as old,
        open(target, "wb") as file,
        # no name and no time in the head of the compressed file
        gzip.GzipFile("", "wb", 9, file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for one in sorted(old.getmembers(), key=lambda one: one.name):
            clean = tarfile.TarInfo(one.name)
            clean.type, clean.size, clean.mtime = one.type, one.size, seconds
            runs = one.isdir() or one.mode & 0o100
            clean.mode = 0o755 if runs else 0o644
            new.addfile(clean, old.extractfile(one) if one.isfile() else None)


def build(what, tree, outdir):
    """Let the build backend make an sdist or a wheel."""
    command = [sys.executable, "-m", "build", "--no-isolation", f"--{what}"]
    subprocess.run([*command, "--outdir", outdir, tree], check=True)
    return next(Path(outdir).glob("*.tar.gz" if what == "sdist" else "*.whl"))


def main(outdir):
    """Build into a folder, which must not hold an sdist or a wheel."""
    target = Path(outdir)
    target.mkdir(parents=True, exist_ok=True)
    if [*target.glob("*.tar.gz"), *target.glob("*.whl")]:
        sys.exit(f"{outdir} holds an sdist or a wheel already")
    seconds = os.environ["SOURCE_DATE_EPOCH"] = epoch()
    os.umask(0o022)  # rights of files are part of a wheel
    with tempfile.TemporaryDirectory() as folder:
        made = build("sdist", ROOT, folder)
        without_circumstances(made, target / made.name, int(seconds))
        with tarfile.open(target / made.name) as file:
            file.extractall(folder, filter="data")
        # from what everybody gets
        build("wheel", Path(folder) / made.name.removesuffix(".tar.gz"), target)


if __name__ == "__main__":
    main(sys.argv[1])
