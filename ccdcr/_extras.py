# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What the command makes besides frames: figures and tables."""

import importlib.util
import os
from pathlib import Path

from ccdcr._arguments import READING

__all__ = ["check_extras", "draw_report", "is_several", "tell_of"]


def _numbered(path, k, n):
    """Name of one of several: with its number, so that names sort."""
    if n == 1:
        return path
    path = Path(path)
    return str(path.with_name(f"{path.stem}_{k + 1:0{len(str(n))}}{path.suffix}"))


def check_extras(parser, options, n, taken):
    """
    Refuse, before any work, what could not be written in the end.

    Parameters
    ----------
    parser : `argparse.ArgumentParser`
        The command.
    options : dict
        What was asked for.
    n : int
        Number of frames.
    taken : list of str
        Files that are read or written for other reasons.
    """
    keys = [key for key in ("plot", "report") if options.get(key) is not None]
    if keys and is_several(options.get("hdu")):
        parser.error(f"--{keys[0]} must come with one --hdu, got several or all")
    if "plot" in keys and importlib.util.find_spec("matplotlib") is None:
        parser.error("--plot needs matplotlib: python -m pip install matplotlib")
    taken = {os.path.realpath(path) for path in taken}
    for key in keys:
        for name in (_numbered(options[key], k, n) for k in range(n)):
            if not Path(name).resolve().parent.is_dir():
                parser.error(f"--{key} must be in a folder that exists, got {name!r}")
            if os.path.realpath(name) in taken:
                parser.error(f"--{key} must be a file of its own, got {name!r}")
            taken.add(os.path.realpath(name))
            if Path(name).is_dir():
                parser.error(f"--{key} must be a file, got the folder {name!r}")
            if Path(name).exists() and not options.get("overwrite"):
                text = f"ccdcr: {name}: exists; give --overwrite to replace it\n"
                parser.exit(1, text)


def is_several(hdu):
    """
    Tell whether more than one image of a file is meant.

    Parameters
    ----------
    hdu : object
        As `ccdcr.files` takes it.

    Returns
    -------
    several : bool
        Then there are reports of each.
    """
    return isinstance(hdu, list) or str(hdu).lower() == "all"


def tell_of(wanted, k, n, paths, reports, progress):
    """
    Tell what was found in one frame; write its table and figure if they are wanted.

    Parameters
    ----------
    wanted : dict
        ``plot``, ``report``: names, if they are wanted; ``overwrite``, ``region``,
        ``exclude`` as for the cleaners, ``hdu``, ``unit`` and so on as for reading.
    k, n : int
        Which frame it is, from zero, and how many there are.
    paths : tuple of str
        The exposure and the result.
    reports : `~ccdcr.CosmicRayReport` or list of these
        What was found; of several chips of a frame a list.
    progress : `~ccdcr._progress.Progress`
        Takes the lines to be printed.
    """
    path, out = paths
    # one line for a frame: the rest of the summary is that of ccdcr report
    if isinstance(reports, list):  # one for each chip; no figures and tables of these
        for number, report in enumerate(reports, 1):
            progress.say(f"{out}, image {number}: {str(report).splitlines()[0]}")
        return
    progress.say(f"{out}: {str(reports).splitlines()[0]}")
    if "report" in wanted:
        name = _numbered(wanted["report"], k, n)
        reports.table.write(name, overwrite=wanted.get("overwrite", False))
        progress.say(f"table: {name}")
    if "plot" in wanted:
        from ccdcr import files
        from ccdcr._panels import save_figure
        from ccdcr.plot import plot_cleaning

        reading = {key: wanted[key] for key in READING if key in wanted}
        before = files.read(path, **reading)
        reading.pop("unit", None)  # the result has it
        marks = {key: wanted.get(key) for key in ("region", "exclude")}
        title = f"{Path(path).name} and {Path(out).name}"
        name = _numbered(wanted["plot"], k, n)
        after = files.read(out, **reading)
        save_figure(plot_cleaning(after, before, title=title, **marks), name)
        progress.say(f"figure: {name}")


def draw_report(report, frames, dark, name):
    """
    Draw thumbnails of the largest detections.

    Parameters
    ----------
    report : `~ccdcr.CosmicRayReport`
        What was found.
    frames : list of `~astropy.nddata.CCDData`
        After and before.
    dark : `~astropy.nddata.CCDData` or None
        A dark frame to be shown beside them.
    name : str
        Where the figure goes.
    """
    from ccdcr._panels import save_figure
    from ccdcr.plot import plot_thumbnails

    after, before = frames
    images = {"mask": report.mask, "before": before, "after": after}
    if dark is not None:
        images["dark"] = dark
    title = str(report).splitlines()[0]
    save_figure(plot_thumbnails(report, images, title=title), name)
