# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What the command makes besides frames: figures, tables, and a sign of life."""

import importlib.util
import os
import shutil
import sys
from pathlib import Path

__all__ = [
    "Progress",
    "add_extras",
    "check_extras",
    "draw_report",
    "picture",
    "table",
    "tell_of",
]

_STAGES = ("reading", "cleaning", "writing")
_WIDTH = 24  # of the bar, in letters


def table(text):
    """
    Check the name of a table; argparse calls it.

    Parameters
    ----------
    text : str
        What was typed.

    Returns
    -------
    text : str
        The same.
    """
    if Path(text).suffix not in {".ecsv", ".fits", ".csv"}:
        raise ValueError
    return text


def picture(text):
    """
    Check the name of a figure; argparse calls it.

    Parameters
    ----------
    text : str
        What was typed.

    Returns
    -------
    text : str
        The same.
    """
    if Path(text).suffix.lower() not in {".png", ".pdf", ".svg"}:
        raise ValueError
    return text


# as argparse will call them
table.__name__ = "name that ends in .ecsv, .fits or .csv"
picture.__name__ = "name that ends in .png, .pdf or .svg"


def add_extras(command):
    """
    Add the options of the cleaning commands that ask for a figure and a table.

    Parameters
    ----------
    command : `argparse.ArgumentParser`
        The command.
    """
    several = "; of several files with _1, _2 and so on before the suffix"
    command.add_argument(
        "--plot",
        type=picture,
        metavar="FILE",
        help=f"draw before and after there (.png, .pdf, .svg){several}",
    )
    command.add_argument(
        "--report",
        type=table,
        metavar="FILE",
        help=f"write the table of cosmic rays there (.ecsv, .fits, .csv){several}",
    )


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
            if Path(name).exists() and not options["overwrite"]:
                text = f"ccdcr: {name}: exists; give --overwrite to replace it\n"
                parser.exit(1, text)


def tell_of(wanted, k, n, paths, report, progress):
    """
    Tell what was found in one frame; write its table and figure if they are wanted.

    Parameters
    ----------
    wanted : dict
        ``plot``, ``report``: names or None; ``overwrite``, ``unit``, ``region``,
        ``exclude`` as for the cleaners.
    k, n : int
        Which frame it is, from zero, and how many there are.
    paths : tuple of str
        The exposure and the result.
    report : `~ccdcr.CosmicRayReport`
        What was found.
    progress : Progress
        Takes the lines to be printed.
    """
    # one line for a frame: the rest of the summary is that of ccdcr report
    progress.say(f"{paths[1]}: {str(report).splitlines()[0]}")
    if wanted["report"] is not None:
        name = _numbered(wanted["report"], k, n)
        report.table.write(name, overwrite=wanted["overwrite"])
        progress.say(f"table: {name}")
    if wanted["plot"] is not None:
        from ccdcr import files
        from ccdcr._panels import save_figure
        from ccdcr.plot import plot_cleaning

        path, out = paths
        frames = files.read(out), files.read(path, unit=wanted["unit"])
        marks = {key: wanted[key] for key in ("region", "exclude")}
        title = f"{Path(path).name} and {Path(out).name}"
        name = _numbered(wanted["plot"], k, n)
        save_figure(plot_cleaning(*frames, title=title, **marks), name)
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


class Progress:
    """
    A bar on a terminal, and nothing in a pipe or a file.

    Parameters
    ----------
    n : int
        Number of times that frames are read, cleaned and written.
    """

    def __init__(self, n):
        self._n = n * len(_STAGES)
        self._done = 0
        self._name = ""
        self._shown = sys.stderr.isatty()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.clear()

    def start(self, k, name):
        """
        Begin with the next frame or frames.

        Parameters
        ----------
        k : int
            Which they are, from zero.
        name : str
            What to call them.
        """
        self._done = k * len(_STAGES)
        self._name = name

    def __call__(self, stage):
        """
        Show what is being done.

        Parameters
        ----------
        stage : str
            'reading', 'cleaning' or 'writing'.
        """
        done = self._done + _STAGES.index(stage)
        filled = _WIDTH * done // self._n
        bar = "#" * filled + "." * (_WIDTH - filled)
        self._draw(f"[{bar}] {done} of {self._n}: {stage} {self._name}")

    def say(self, line):
        """
        Print a line where the bar was.

        Parameters
        ----------
        line : str
            The line.
        """
        self.clear()
        print(line)

    def clear(self):
        """Take the bar away."""
        self._draw("")

    def _draw(self, text):
        if self._shown:
            width = max(1, shutil.get_terminal_size().columns - 1)
            sys.stderr.write("\r" + text[:width].ljust(width) + ("" if text else "\r"))
            sys.stderr.flush()
