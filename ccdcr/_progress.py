# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""A sign of life: bars on a terminal."""

import shutil
import sys
import time

__all__ = ["NightBar", "Progress"]

_STAGES = ("reading", "cleaning", "writing")
_WIDTH = 24  # of the bar, in letters


def _bar(done, n):
    filled = _WIDTH * done // n
    return f"[{'#' * filled}{'.' * (_WIDTH - filled)}]"


class _Line:
    """The last line of a terminal, drawn again and again."""

    def __init__(self):
        self._shown = sys.stderr.isatty()

    def draw(self, text):
        """Draw a text in place of what is there; an empty one takes it away."""
        if self._shown:
            width = max(1, shutil.get_terminal_size().columns - 1)
            sys.stderr.write("\r" + text[:width].ljust(width) + ("" if text else "\r"))
            sys.stderr.flush()


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
        self._line = _Line()

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
        self._line.draw(
            f"{_bar(done, self._n)} {done} of {self._n}: {stage} {self._name}"
        )

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
        self._line.draw("")


class NightBar:
    """
    How far a batch is, on a terminal; nothing in a pipe or a file.

    Parameters
    ----------
    n : int
        Number of jobs.
    """

    def __init__(self, n):
        self._n = n
        self._ended = self._worked = self._frames = self._failed = 0
        self._started = time.monotonic()
        self._line = _Line()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._line.draw("")

    def add(self, record):
        """
        Take notice of a job that has ended.

        Parameters
        ----------
        record : `~ccdcr.batch.Record`
            What became of it.
        """
        self._ended += 1
        self._failed += record.status == "failed"
        if record.status != "skipped":  # these take no time
            self._worked += 1
            self._frames += len(record.job.inputs)
        self.show()

    def show(self, doing=""):
        """
        Draw the bar.

        Parameters
        ----------
        doing : str, optional
            What is going on, as long as no job has ended.
        """
        text = f"{_bar(self._ended, self._n)} {self._ended} of {self._n} jobs"
        if doing:
            text += f": {doing}"
        if self._failed:
            text += f", {self._failed} failed"
        minutes = (time.monotonic() - self._started) / 60
        if self._worked and minutes > 0:
            left = minutes * (self._n - self._ended) / self._worked
            text += f": {self._frames / minutes:.3g} frames/min, {_time(left)} left"
        self._line.draw(text)


def _time(minutes):
    if minutes < 1:
        return f"{60 * minutes:.0f} s"
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
