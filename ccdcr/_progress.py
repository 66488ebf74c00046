# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""A sign of life: bars on a terminal."""

import shutil
import sys

__all__ = ["Progress"]

_STAGES = ("reading", "cleaning", "writing")
_WIDTH = 24  # of the bar, in letters


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
