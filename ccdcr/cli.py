# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The command ``ccdcr``: what the functions do, on files."""

import os
import sys
import warnings
from pathlib import Path

from astropy.wcs import FITSFixedWarning

import ccdcr
from ccdcr import _extras
from ccdcr._arguments import CLEANERS, READING
from ccdcr._config import read_config
from ccdcr._inputs import check_options, in_words_of, open_files
from ccdcr._night_command import run_batch
from ccdcr._pairing import result_name
from ccdcr._parsers import make_parser
from ccdcr._progress import Progress

__all__ = ["main"]

_DONE, _FAILED, _INTERRUPTED, _UNHEARD = 0, 1, 130, 141


def main(arguments=None):
    """
    Run the command.

    Parameters
    ----------
    arguments : list of str, optional
        The words after ``ccdcr``; by default those of the process.

    Returns
    -------
    status : int
        0 if all was done, 1 if some inputs failed, 130 after Ctrl-C, 141 if nobody
        reads what is printed; wrong use exits with 2.
    """
    from astropy import log

    log.setLevel("WARNING")  # units that were asked for are no news
    with warnings.catch_warnings():
        # a date in the header that is derived from another is no news, either
        warnings.simplefilter("ignore", FITSFixedWarning)
        try:
            status = _main(arguments)
            sys.stdout.flush()
        except BrokenPipeError:  # as of ccdcr ... | head
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return _UNHEARD
        except KeyboardInterrupt:  # a file is there as a whole, or not at all
            print("ccdcr: interrupted", file=sys.stderr)
            return _INTERRUPTED
    return status


def _main(arguments):
    typed, unknown = make_parser().parse_known_args(arguments)
    options = vars(typed)
    parser, command = options.pop("parser"), options.pop("command")
    if unknown:  # argparse would show how the command as a whole is used
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    try:
        given = set(options)
        if "config" in options:
            general, special = read_config(options.pop("config"), command)
            options = general | special | options
            given |= set(special)
        if command in CLEANERS:
            options = in_words_of(command, options)
            _check_cleaning(parser, command, options)
    except (TypeError, ValueError) as error:
        parser.error(str(error))
    if command == "batch":
        return run_batch(parser, options, given)
    if command == "report":
        taken = [options.get(key) for key in ("after", "before", "dark", "output")]
        _extras.check_extras(parser, options, 1, filter(None, taken))
    if options.get("apply") and {"dark", "title"} & set(options):
        parser.error("--dark and --title are for the page, --apply makes none")
    return _RUN[command](command, **options)


def _check_cleaning(parser, cleaner, options):
    """Refuse, before any file is opened, what is wrong whatever is in the files."""
    if cleaner == "pair":
        paths = options["file1"], options["file2"]
        targets = options.get("output") or map(result_name, paths)
    else:
        paths = options["files"]
        folder = options.get("output_dir")
        if folder is not None and Path(folder).is_file():
            parser.error(f"--output-dir must be a folder, got the file {folder!r}")
        targets = [result_name(path, folder) for path in paths]
    targets = [str(target) for target in targets]
    twice = {target for target in targets if targets.count(target) > 1}
    if twice:
        parser.error(f"results must have different names, got twice: {twice.pop()}")
    _extras.check_extras(parser, options, len(paths), [*paths, *targets])
    check_options(cleaner, options, len(paths))


def _tell(paths, failure):
    """One line on the error stream for one failure."""
    if isinstance(failure, BrokenPipeError):
        raise failure  # nobody reads any more
    paths = [path for path in paths if path is not None]
    sentence = " ".join(str(failure).split()) or type(failure).__name__
    prefix = "" if any(str(path) in sentence for path in paths) else f"{paths[0]}: "
    print(f"ccdcr: {prefix}{sentence}", file=sys.stderr)
    return _FAILED


def _pair(cleaner, file1, file2, output=None, **options):
    outs = output or (result_name(file1), result_name(file2))
    return _together(cleaner, (file1, file2), outs, (file1, file2, *outs), options)


def _stack(cleaner, files, output_dir=None, **options):
    outs = [result_name(path, output_dir) for path in files]
    return _together(cleaner, files, outs, (files, outs), options, output_dir)


def _together(cleaner, paths, outs, arguments, options, folder=None):
    """Clean files that need each other: one failure is that of all."""
    try:
        given, wanted = _split(options)
        if folder is not None:
            Path(folder).mkdir(parents=True, exist_ok=True)
        with Progress(1) as progress:
            progress.start(0, " ".join(Path(path).name for path in paths))
            clean = getattr(ccdcr.files, f"clean_{cleaner}")
            reports = clean(*arguments, progress=progress, **given)
            if _extras.is_several(given.get("hdu")):  # of each chip those of all frames
                reports = [list(chips) for chips in zip(*reports, strict=True)]
            for k, names in enumerate(zip(paths, outs, strict=True)):
                # regions are those of the first
                here = wanted if k == 0 else {**wanted, "region": None, "exclude": None}
                _extras.tell_of(here, k, len(paths), names, reports[k], progress)
    except Exception as failure:
        return _tell([*paths, *outs], failure)
    return _DONE


def _split(options):
    """What the cleaners want to know, and what is to be made besides."""
    given = open_files(options)
    wanted = {name: given.pop(name) for name in ("plot", "report") if name in given}
    names = ("overwrite", "region", "exclude", *READING)
    return given, wanted | {name: given[name] for name in names if name in given}


def _single(cleaner, files, output_dir=None, **options):
    clean = getattr(ccdcr.files, f"clean_{cleaner}")
    try:
        given, wanted = _split(options)
        if output_dir is not None:
            Path(output_dir).mkdir(parents=True, exist_ok=True)
    except Exception as failure:
        return _tell(files, failure)
    status = _DONE
    with Progress(len(files)) as progress:
        for k, path in enumerate(files):  # one that fails must not cost the others
            out = result_name(path, output_dir)
            progress.start(k, Path(path).name)
            try:
                reports = clean(path, out, progress=progress, **given)
                names = path, out
                _extras.tell_of(wanted, k, len(files), names, reports, progress)
            except Exception as failure:
                progress.clear()
                status = _tell([path, out], failure)
    return status


def _reading(options):
    """How files are to be read; taken out of the options."""
    return {key: options.pop(key) for key in READING if key in options}


def _report(
    _, after, before, output=None, plot=None, regions=None, overwrite=False, **options
):
    reading = _reading(options)
    frames = {"after": after, "before": before, "dark": None, "previous": None}
    frames |= {key: options.pop(key) for key in ("dark", "previous") if key in options}
    paths = list(frames.values())
    try:
        for target in (output, regions):
            if target is not None and Path(target).exists() and not overwrite:
                msg = f"{target}: exists; give --overwrite to replace it"
                raise FileExistsError(msg)
        for key, path in frames.items():
            if path is not None:
                frames[key] = ccdcr.files.read(path, **reading)
        report = ccdcr.cosmicray_report(**frames, **options)
        print(report)
        if output is None:
            report.table.pprint(max_lines=-1, max_width=-1)
        else:
            report.table.write(output, overwrite=overwrite)
            print(f"table: {output}")
        if plot is not None:
            images = frames["after"], frames["before"]
            _extras.draw_report(report, images, frames["dark"], plot)
            print(f"figure: {plot}")
        if regions is not None:
            report.write_regions(regions, overwrite=overwrite)
            print(f"regions: {regions}")
    except Exception as failure:
        return _tell([*paths, output, regions], failure)
    return _DONE


def _review(_, after, before, output, apply=None, dark=None, **options):
    title = options.pop("title", None) or Path(after).name
    try:
        if apply is not None:
            restore = ccdcr.files.apply_decisions
            report = restore(after, before, apply, output, **options)
        else:
            reading = _reading(options)
            read = ccdcr.files.read
            frames = [read(path, **reading) for path in (after, before)]
            options["dark"] = None if dark is None else read(dark, **reading)
            write = ccdcr.review.write_review
            report = write(*frames, output, title=title, **options)
    except Exception as failure:
        return _tell([apply or after, after, before, output], failure)
    print(f"{output}: {report}")
    return _DONE


def _demo(_, output="ccdcr-demo", overwrite=False):
    from ccdcr.demo import run

    try:
        run(output, tell=print, overwrite=overwrite)
    except Exception as failure:
        return _tell([output], failure)
    return _DONE


_RUN = {
    "demo": _demo,
    "pair": _pair,
    "stack": _stack,
    "median": _single,
    "lacosmic": _single,
    "report": _report,
    "review": _review,
}


if __name__ == "__main__":
    sys.exit(main())
