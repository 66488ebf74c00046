# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The command ``ccdcr batch``: from a night and some options to results and a log."""

import contextlib
import importlib.util
import os
import sys
from pathlib import Path

import ccdcr
from ccdcr._arguments import CLEANERS, FILES, NIGHT, spelling
from ccdcr._headers import is_fits_name
from ccdcr._inputs import check_options, in_words_of, open_files
from ccdcr._night import write_index
from ccdcr._night_earlier import remember, with_earlier
from ccdcr._night_log import tell, write_log
from ccdcr._progress import NightBar

__all__ = ["run_batch"]

_DONE, _FAILED, _INTERRUPTED = 0, 1, 130
_LOG, _INDEX = "ccdcr-log.ecsv", "index.html"
_OURS = {"method", "output_dir", "paths", "overwrite", *NIGHT}


def run_batch(parser, options, given):
    """
    Do what ``ccdcr batch`` was asked for.

    Parameters
    ----------
    parser : `argparse.ArgumentParser`
        Refuses wrong use.
    options : dict
        What was typed, and what a file of options says.
    given : set of str
        Those of them that are meant for this command, not for any.

    Returns
    -------
    status : int
        0 if all was done, 1 if some jobs have failed, 130 after Ctrl-C.
    """
    _check(parser, options, given)
    try:
        plan = _plan(options, given)
    except (TypeError, ValueError) as error:
        parser.error(str(error))
    except OSError as failure:
        return _tell(failure)
    try:
        if "save_plan" in options:
            path, overwrite = options["save_plan"], options.get("overwrite", False)
            ccdcr.batch.write_plan(path, plan, overwrite=overwrite)
            print(f"{path}: {str(plan).splitlines()[-1]}")
            return _DONE
        if options.get("dry_run") or not plan.jobs:
            print(plan)
            return _DONE if options.get("dry_run") else _tell("nothing to do")
        return _work(plan, options)
    except (OSError, TypeError, ValueError) as failure:
        return _tell(failure)


def _tell(failure):
    if isinstance(failure, BrokenPipeError):
        raise failure  # nobody reads any more
    print(f"ccdcr: {' '.join(str(failure).split())}", file=sys.stderr)
    return _FAILED


def _check(parser, options, given):
    """Refuse what does not go together, before any file is opened."""
    paths, planned = options.get("paths"), "plan" in options
    if bool(paths) == planned:
        parser.error("give files or folders, or --plan, and not both")
    if planned:
        fixed = sorted(given - {"paths", "plan", "jobs", "dask", "dry_run", "again"})
        fixed = [name for name in fixed if name not in ("output_dir", "overwrite")]
        if fixed:
            parser.error(_beside_plan(fixed[0], options))
    elif "output_dir" not in options and not {"dry_run", "save_plan"} & set(options):
        parser.error("the following arguments are required: -o/--output-dir")
    if {"jobs", "dask"} <= set(options):
        parser.error("--jobs must be left out with --dask: it has its own workers")
    folder = options.get("output_dir")
    if folder is not None and Path(folder).exists() and not Path(folder).is_dir():
        parser.error(f"--output-dir must be a folder, got the file {folder!r}")
    if "dask" in options and importlib.util.find_spec("distributed") is None:
        parser.error("--dask needs distributed: python -m pip install distributed")


def _beside_plan(name, options):
    """Say where in a plan it belongs."""
    if name in NIGHT:
        return f"{spelling(name)} must be given when the plan is made, with --save-plan"
    value, column = f"{name}={options[name]}", "options"
    if name == "method":
        value, column = options[name].partition(":")[0], name
    elif name == "shifts":
        numbers = options[name] if isinstance(options[name], str) else "[1, 0]"
        value = f"shift={numbers} (stacks: shifts)"
    return (
        f"{spelling(name)} must be in the plan, not beside it: {value} in its column "
        f"{column}"
    )


def _plan(options, given):
    if "plan" in options:
        return ccdcr.batch.read_plan(options["plan"])
    method, _, kind = options.get("method", "pair").partition(":")
    chosen = {name: options[name] for name in set(options) - _OURS}
    chosen = _of_method(method, chosen, given)
    if kind:
        chosen["method"] = kind
    scales = chosen.get("scale")
    check_options(method, chosen, len(scales) if isinstance(scales, list) else 2)
    if "save_plan" in options:  # a plan has names of files, but cannot open them
        for name, value in chosen.items():
            if any(isinstance(item, Path) for item in _items(value)):
                msg = f"{spelling(name)} must not be a file in a plan, got {value}"
                raise ValueError(msg)
    else:
        chosen = open_files(chosen)
    how = {
        key: options[key]
        for key in ("max_gap", "max_stack", "single", "calibration")
        if key in options
    }
    if "keyword" in options:
        how["keywords"] = tuple(options["keyword"])
    output = options.get("output_dir")
    files = _files(options["paths"])
    return ccdcr.batch.plan(files, method=method, output=output, options=chosen, **how)


def _items(value):
    return value if isinstance(value, (list, tuple)) else [value]


def _of_method(method, options, given):
    """Options that a method has, in its words; the others must not have been given."""
    known = {*CLEANERS[method], *FILES}
    if method == "pair":
        for here, there in (("shifts", "shift"), ("scale", "scale")):
            value = options.pop(here, None)
            if isinstance(value, list):
                if len(value) > 1:
                    msg = f"{spelling(here)} must be given once for pairs, got {value}"
                    raise ValueError(msg)
                value = tuple(value[0]) if here == "shifts" else value[0]
            if value is not None:
                options[there] = value
    for name in sorted(set(options) - known):
        if name in given:
            msg = f"{spelling(name)} must be left out with --method {method}"
            raise ValueError(msg)
        del options[name]  # it was said for other commands
    return in_words_of(method, options)


def _files(paths):
    """All files, of folders those that look like FITS files."""
    files = []
    for path in map(Path, paths):
        if not path.exists():
            msg = f"{path}: no such file or folder"
            raise FileNotFoundError(msg)
        inside = sorted(path.iterdir()) if path.is_dir() else [path]
        files += [str(one) for one in inside if one is path or is_fits_name(one.name)]
    return files


def _common_folder(plan):
    folders = {str(Path(out).parent) for job in plan for out in job.outputs}
    return os.path.commonpath([os.path.abspath(folder) for folder in folders])


def _check_index(path, overwrite):
    """Refuse to replace a page that is not one of ours."""
    if overwrite or not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        ours = 'name="generator" content="ccdcr"' in file.read(2000)
    if not ours:
        msg = f"{path}: exists and is none of ccdcr; give --overwrite to replace it"
        raise FileExistsError(msg)


def _work(plan, options):
    """Do it, and leave log and page whatever happens."""
    folder = Path(options.get("output_dir") or _common_folder(plan))
    folder.mkdir(parents=True, exist_ok=True)
    for name in (_LOG, _INDEX):
        if (folder / name).is_dir():
            msg = f"{folder / name}: is a folder"
            raise IsADirectoryError(msg)
    _check_index(folder / _INDEX, options.get("overwrite", False))
    records, stop = _records(plan, options)
    if records:
        records = remember(records, folder / _LOG)
        whole = with_earlier(records, folder / _LOG)
        write_log(whole, folder / _LOG)
        title = f"Cosmic rays: {folder.resolve().name}"
        write_index(folder / _INDEX, whole, title=title)
    tell(records, plan)
    if records:
        print(f"log: {folder / _LOG}\nindex: {folder / _INDEX}")
    if stop is not None:
        why = "interrupted" if isinstance(stop, KeyboardInterrupt) else str(stop)
        left = len(plan.jobs) - len(records)
        _tell(f"{why}; jobs that are not in the log: {left}; run it again to go on")
        return _INTERRUPTED if isinstance(stop, KeyboardInterrupt) else _FAILED
    failed = plan.unreadable or any(record.status == "failed" for record in records)
    return _FAILED if failed else _DONE


def _records(plan, options):
    """What became of the jobs, in their order, and what has stopped them, or None."""
    records, stop = {}, None
    with _executor(options) as executor, NightBar(len(plan.jobs)) as bar:

        def add(record, *_):
            records[record.job.outputs] = record
            bar.add(record)

        running = ccdcr.batch.run(
            plan.jobs,
            executor=executor,
            progress=add,  # which is also told of what ends after Ctrl-C
            overwrite=options.get("overwrite", False),
            resume=not options.get("again", False),
            thumbnails=True,
        )
        jobs = options.get("jobs", 1)
        bar.show(f"starting {jobs} processes" if jobs > 1 else "")
        try:
            for _ in running:
                pass
        except (KeyboardInterrupt, RuntimeError) as failure:
            stop = failure
        finally:
            running.close()
    order = [job.outputs for job in plan.jobs if job.outputs in records]
    return [records[outputs] for outputs in order], stop


@contextlib.contextmanager
def _executor(options):
    """Who does the work."""
    if "dask" in options:
        from distributed import Client

        with Client(options["dask"], timeout=20) as client:
            yield client.get_executor()
    elif options.get("jobs", 1) > 1:
        with ccdcr.batch.process_pool(options["jobs"]) as pool:
            yield pool
    else:
        yield None
