# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Many files: what is to be done with which, doing it with many workers, the log."""

import os
import pickle
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Executor, ThreadPoolExecutor, wait
from dataclasses import replace
from itertools import count

from ccdcr._crew import Crew, process_pool, remove_leftovers, rooted
from ccdcr._headers import KEYWORDS
from ccdcr._jobs import Job, Record
from ccdcr._pairing import Plan, plan, result_name
from ccdcr._plans import read_plan, summary, write_plan
from ccdcr._work import Conditions, work

__all__ = [
    "KEYWORDS",
    "Job",
    "Plan",
    "Record",
    "plan",
    "process_pool",
    "read_plan",
    "result_name",
    "run",
    "summary",
    "write_plan",
]

_AHEAD = 2  # jobs that are handed over for each worker, such that none waits
_LOOK = 1.0  # seconds after which to look whether there are more workers


def run(
    jobs: Iterable[Job],
    *,
    executor: Executor | None = None,
    progress: Callable[[Record, int, int], object] | None = None,
    overwrite: bool = False,
    resume: bool = True,
    thumbnails: bool = False,
    workers: int | None = None,
) -> Generator[Record, None, None]:
    """
    Do jobs, each whatever becomes of the others.

    Parameters
    ----------
    jobs : iterable of `Job`
        What to do, for example from `plan`.
    executor : `concurrent.futures.Executor`, optional
        Who does it: threads, processes (`process_pool`), a Dask cluster
        (``client.get_executor()``), MPI, Parsl. By default one job is done after the
        other, here.
    progress : callable, optional
        Is given each `Record`, the number of jobs that have ended, and that of all;
        also those of jobs that end after Ctrl-C, or after the iterator was closed.
    overwrite : bool, optional
        Whether files may be replaced that other jobs, or other programs, have made.
    resume : bool, optional
        Whether jobs are skipped whose results are there, and newer than their inputs.
    thumbnails : bool, optional
        Whether the records have small pictures; the frames are read again for these.
    workers : int, optional
        How many workers there are, if the executor is of a kind that does not tell.

    Yields
    ------
    record : `Record`
        One for each job, as they end.

    Raises
    ------
    TypeError
        If something is no job, or cannot be sent to a worker, or the executor is none.
    ValueError
        If two jobs have an output in common, or an output is also an input.
    RuntimeError
        If all workers end by themselves before one of them has done anything.

    See Also
    --------
    plan, summary, process_pool

    Notes
    -----
    Only paths and options go to the workers, so that all must see the same files.

    An exception in a job makes its record one that has failed. When a worker dies
    (memory, a crash), what was being done then is done again, each job alone in a
    process of its own, or alone in the cluster; what kills that, too, has failed. A
    pool that has broken is replaced by a new one of as many processes. Nothing of this
    is possible in threads, or without an executor, where a crash is that of all.

    The results of a job have its stamp, the card CCRJOB: method, options, names of
    inputs, version. If it is there, and all inputs are older than all outputs (the
    rule of make, also for the time at which a file was copied), the job is skipped.
    Results with this stamp may be replaced, others only with ``overwrite``.

    On Ctrl-C, or if the iterator is closed, jobs that were not begun are not done, and
    those that run are finished (on a cluster they are left to themselves). No output is
    ever there in part. A process that is killed can leave a hidden file beside an
    output; the next run with this output removes it. So of two runs at the same time
    none may have an output of the other.

    Examples
    --------
    >>> from ccdcr import batch
    >>> job = batch.Job("pair", ["no.fits", "none.fits"], ["a2.fits", "b2.fits"])
    >>> for record in batch.run([job]):
    ...     print(record.status, record.message)
    failed no.fits: no such file
    """
    jobs = list(jobs)
    _check(jobs, executor, workers)
    switches = bool(overwrite), bool(resume), bool(thumbnails)
    conditions = Conditions(*switches, begun=time.time_ns())
    remove_leftovers(jobs)
    tell = _told_to(progress, len(jobs))
    return _told(_records(jobs, executor, conditions, workers, tell), tell)


def _told_to(progress, n):
    """What is called with each record, and counts them."""
    numbers = count(1)

    def tell(record):
        k = next(numbers)
        if progress is not None:
            progress(record, k, n)

    return tell


def _told(records, tell):
    try:
        for record in records:
            tell(record)
            yield record
    finally:
        records.close()


def _check(jobs, executor, workers):
    """Refuse what cannot end well before any work."""
    for job in jobs:
        if not isinstance(job, Job):
            msg = f"jobs must be ccdcr.batch.Job, got {type(job).__name__}"
            raise TypeError(msg)
    if workers is not None and not (isinstance(workers, int) and workers > 0):
        msg = f"workers must be a positive integer or None, got {workers!r}"
        raise ValueError(msg)
    _check_files(jobs)
    if executor is None:
        return
    if not callable(getattr(executor, "submit", None)):
        msg = f"executor must have a method submit, got {type(executor).__name__}"
        raise TypeError(msg)
    if isinstance(executor, ThreadPoolExecutor):
        return
    for job in jobs:
        try:
            pickle.dumps(job)
        except Exception as error:
            text = " ".join(str(error).split())
            msg = f"options must survive pickling, got some for {job.inputs[0]}: {text}"
            raise TypeError(msg) from None


def _check_files(jobs):
    taken = set()
    for job in jobs:
        for out in job.outputs:
            real = os.path.realpath(out)
            if real in taken:
                msg = f"outputs must be different files, got {out} twice"
                raise ValueError(msg)
            taken.add(real)
    for job in jobs:
        for path in job.inputs:
            if os.path.realpath(path) in taken:
                msg = f"outputs must not be inputs, got {path} as both"
                raise ValueError(msg)


def _records(jobs, executor, conditions, workers, tell):
    if executor is None:
        for job in jobs:
            yield work(job, conditions)
        return
    crew = Crew(executor, workers, conditions)
    waiting, running = deque(jobs), {}
    suspects: list[Job] = []
    try:
        while waiting or running:
            while waiting and not suspects and len(running) < _AHEAD * crew.width:
                future = crew.submit(waiting[0])
                if future is None:
                    break
                running[future] = waiting.popleft()
            look = _LOOK if waiting else None
            ended = wait(running, look, FIRST_COMPLETED).done
            while ended:
                future = ended.pop()
                job, record = running.pop(future), crew.result(future)
                del future  # or Dask would do it again when its worker dies later
                if record is None:
                    suspects.append(job)
                else:
                    yield _as_given(record, job)
            if not running:  # the end, or somebody has died
                crew.mend(suspects)
                yield from _quarantine(crew, suspects)
                suspects = []
    finally:
        _finish(crew, running, tell)
        crew.close()


def _finish(crew, running, tell):
    """Wait for what cannot be stopped; nobody asks any more, but it can be told."""
    late = [future for future in running if not future.cancel()]
    wait(late)
    for future in late:
        record = crew.result(future)
        if record is not None:
            tell(_as_given(record, running[future]))


def _quarantine(crew, suspects):
    """Do again, one after the other, what may have killed a worker."""
    dead = []
    for job in suspects:
        record, died = crew.alone(job)
        if died:
            dead.append(record)
        else:
            yield _as_given(record, job)
    if len(dead) > 1 and crew.hopeless:
        msg = (
            "all workers ended before they had done anything; a script that starts "
            'processes must do so below if __name__ == "__main__": '
            f"({dead[0].message})"
        )
        raise RuntimeError(msg)
    yield from dead


def _as_given(record, job):
    """With the paths of the job as they were given, also in the message."""
    message = record.message
    for name in ("inputs", "outputs"):
        pairs = zip(getattr(rooted(job), name), getattr(job, name), strict=True)
        for there, here in pairs:
            message = message.replace(there, here)
    return replace(record, job=job, message=message)
