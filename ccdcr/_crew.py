# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Workers behind an executor: how many there are, and what happens when one dies."""

import contextlib
import multiprocessing
import os
import re
import signal
import threading
import time
import uuid
import warnings
from concurrent.futures import (
    BrokenExecutor,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from dataclasses import replace

from astropy import log
from astropy.wcs import FITSFixedWarning

from ccdcr._jobs import failure
from ccdcr._work import work

__all__ = ["Crew", "process_pool", "remove_leftovers", "rooted"]

_UNKNOWN = 32  # workers of an executor that does not tell
_MOST = 61  # processes that Windows can wait for
_EXIT = "exit status"
_FRESH = 1.0  # seconds that the number of workers of a cluster is believed
# What write_all calls a file until it is whole.
_TEMPORARY = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{32}", re.DOTALL)


def process_pool(workers: int | None = None) -> ProcessPoolExecutor:
    """
    Make an executor of new processes, for `run`.

    Parameters
    ----------
    workers : int, optional
        How many; by default as many as this process may use processors.

    Returns
    -------
    executor : `concurrent.futures.ProcessPoolExecutor`
        Its processes are started afresh (not forked), leave Ctrl-C to the one that
        started them, and end with it.

    Raises
    ------
    ValueError
        If ``workers`` is not positive.

    See Also
    --------
    run

    Notes
    -----
    As with all processes that are started afresh, a script that uses it must do so
    below ``if __name__ == "__main__":``. Set ``OMP_NUM_THREADS=1`` for `lacosmic
    <ccdcr.cosmicray_lacosmic>`, which otherwise uses all processors in each of them.

    Examples
    --------
    >>> from ccdcr import batch
    >>> with batch.process_pool(2) as executor:
    ...     records = list(batch.run([], executor=executor))
    >>> records
    []
    """
    if workers is None:
        workers = _processors()
    return _Pool(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_prepare,
        initargs=(log.level,),
    )


class _Pool(ProcessPoolExecutor):
    """One whose processes leave Ctrl-C alone from the start, while they import."""

    def submit(self, *arguments, **options):
        with _deaf():
            return super().submit(*arguments, **options)


@contextlib.contextmanager
def _deaf():
    """Start processes that Ctrl-C never reaches, and let none cut their start short."""
    came = []
    mine = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT) if mine else None
    if before is not None:
        signal.signal(signal.SIGINT, lambda *_: came.append(True))
    if hasattr(signal, "pthread_sigmask"):  # what is blocked here is so in a child
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if before is not None:
            signal.signal(signal.SIGINT, before)
        if came:
            signal.raise_signal(signal.SIGINT)


def _processors():
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return min(os.cpu_count() or 1, _MOST)


def _prepare(level):
    """Make a new process a good worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    log.setLevel(level)
    # a date in the header that is derived from another is no news
    warnings.simplefilter("ignore", FITSFixedWarning)
    threading.Thread(target=_follow, daemon=True).start()


def _follow():
    """End with the parent: the pool itself does not if that was killed."""
    multiprocessing.parent_process().join()
    os._exit(1)


class Crew:
    """
    Workers that do jobs, through an executor of any kind.

    Parameters
    ----------
    executor : `concurrent.futures.Executor`
        Theirs; it is replaced when it breaks.
    workers : int or None
        How many there are, if the executor does not know.
    conditions : `~ccdcr._work.Conditions`
        How the jobs are done.
    """

    def __init__(self, executor, workers, conditions):
        self._executor = executor
        self._own = False
        self._broken = False
        self._given = workers
        self._counted = -1.0, 1
        self._conditions = conditions
        self._how = ""
        self._proven = False  # has any worker ever done anything?

    @property
    def hopeless(self):
        """Whether workers end by themselves before they can do anything."""
        return not self._proven and self._how.startswith(_EXIT)

    @property
    def width(self):
        """How many jobs can be done at the same time."""
        if self._given is not None:
            return self._given
        for name in ("_max_workers", "num_workers"):
            number = getattr(self._executor, name, None)
            if isinstance(number, int) and number > 0:
                return number
        client = getattr(self._executor, "_client", None)
        if not hasattr(client, "nthreads"):
            return _UNKNOWN
        now = time.monotonic()
        if now - self._counted[0] > _FRESH:  # those of a cluster come and go
            self._counted = now, max(1, sum(client.nthreads().values()))
        return self._counted[1]

    def submit(self, job):
        """
        Hand a job to a worker.

        Parameters
        ----------
        job : `~ccdcr._jobs.Job`
            The job.

        Returns
        -------
        future : `concurrent.futures.Future` or None
            Of its record; None if the executor was found to be broken.
        """
        try:
            # calls that are equal are one for Dask, also when the first has failed
            ticket = uuid.uuid4().hex
            return self._executor.submit(work, rooted(job), self._conditions, ticket)
        except BrokenExecutor:
            self._broken = True
            return None

    def result(self, future):
        """
        Take the record of a job that has ended.

        Parameters
        ----------
        future : `concurrent.futures.Future`
            From `submit`.

        Returns
        -------
        record : `~ccdcr._jobs.Record` or None
            None if the worker has died, or was ended for another that died.
        """
        try:
            record = future.result()
        except Exception as error:  # not of the job, whose exceptions never leave it
            self._broken |= isinstance(error, BrokenExecutor)
            self._how = type(error).__name__
            return None
        self._proven = True
        return record

    def mend(self, suspects):
        """
        Replace an executor that is broken, and clean up behind the dead.

        Parameters
        ----------
        suspects : list of `~ccdcr._jobs.Job`
            What they were doing.
        """
        if self._broken:
            width = self.width
            if not isinstance(self._executor, ProcessPoolExecutor):
                width = min(width, _processors())  # they were elsewhere
            self._executor.shutdown()  # and wait for those that are being ended
            self._executor = process_pool(width)
            self._own, self._broken, self._given = True, False, None
        remove_leftovers(suspects)

    def alone(self, job):
        """
        Do a job while no other is done, such that no other can be blamed.

        Parameters
        ----------
        job : `~ccdcr._jobs.Job`
            One that may have killed a worker.

        Returns
        -------
        record : `~ccdcr._jobs.Record`
            Failed if it has killed this one, too.
        died : bool
            Whether it has.
        """
        local = ProcessPoolExecutor, ThreadPoolExecutor
        future = None
        if not isinstance(self._executor, local):
            future = self.submit(job)
        if future is None:
            record, self._how = _in_own_process(rooted(job), self._conditions)
            self._proven |= record is not None
        else:
            record = self.result(future)
        if record is not None:
            return record, False
        self.mend([job])
        sentence = f"the worker that cleaned it died, and so did another ({self._how})"
        return failure(job, sentence), True

    def close(self):
        """Send those home that were not there before."""
        if self._own:
            self._executor.shutdown()


def _in_own_process(job, conditions):
    """The record of a job; or None, and how its process ended."""
    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    arguments = sending, job, conditions, log.level
    process = context.Process(target=_send, args=arguments)
    with _deaf():
        process.start()
    sending.close()  # here: the end of the process is then that of the pipe
    try:
        with receiving:
            return receiving.recv(), ""
    except EOFError:
        process.join()
        return None, _ending(process.exitcode)
    finally:
        process.join()


def _send(sending, job, conditions, level):
    _prepare(level)
    sending.send(work(job, conditions))


def _ending(code):
    """What the exit code of a process means."""
    if code >= 0:
        return f"{_EXIT} {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    hint = ", as when memory runs out" if name == "SIGKILL" else ""
    return f"ended by {name}{hint}"


def rooted(job):
    """
    Make the paths of a job absolute: workers may be in another folder.

    Parameters
    ----------
    job : `~ccdcr._jobs.Job`
        The job.

    Returns
    -------
    job : `~ccdcr._jobs.Job`
        The same, if its paths were absolute.
    """
    places = {
        name: tuple(map(os.path.abspath, getattr(job, name)))
        for name in ("inputs", "outputs")
    }
    return replace(job, **places)


def remove_leftovers(jobs):
    """
    Remove what writers that were killed have left beside the outputs of jobs.

    Parameters
    ----------
    jobs : list of `~ccdcr._jobs.Job`
        The jobs, none of which is being done.
    """
    names = {}
    for job in jobs:
        for out in job.outputs:
            folder, name = os.path.split(os.path.realpath(out))
            names.setdefault(folder, set()).add(name)
    for folder in names:
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                match = _TEMPORARY.fullmatch(entry.name)
                if match and match["name"] in names[folder]:
                    with contextlib.suppress(OSError):
                        os.unlink(entry.path)
