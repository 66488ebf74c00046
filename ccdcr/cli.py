# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The command ``ccdcr``: what the functions do, on files."""

import argparse
import contextlib
import inspect
import math
import re
import sys
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.nddata import CCDData

import ccdcr
from ccdcr import _extras

__all__ = ["main"]

_DONE, _FAILED, _WRONG_USE = 0, 1, 2


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
        0 if all was done, 1 if some inputs failed; wrong use exits with 2.
    """
    from astropy import log

    log.setLevel("WARNING")  # units that were asked for are no news
    options = vars(_parser().parse_args(arguments))
    _check_use(options.pop("parser"), options)
    return options.pop("run")(**options)


def _check_use(parser, options):
    """Refuse, before any file is opened, what is wrong whatever is in the files."""
    cleaner = options.get("cleaner")
    if options.get("apply") and (options["dark"] or options["title"]):
        parser.error("--dark and --title are for the page, --apply makes none")
    if cleaner is None:
        if "plot" in options:  # the report
            taken = [options[name] for name in ("after", "before", "dark", "output")]
            _extras.check_extras(parser, options, 1, filter(None, taken))
        return
    if cleaner == "pair":
        paths = _pair_of(options)
        targets = options["output"] or map(_result_name, paths)
    else:
        paths = options["files"]
        folder = options["output_dir"]
        if folder is not None and Path(folder).is_file():
            parser.error(f"--output-dir must be a folder, got the file {folder!r}")
        targets = [_result_name(path, folder) for path in paths]
    targets = [str(target) for target in targets]
    twice = {target for target in targets if targets.count(target) > 1}
    if twice:
        parser.error(f"results must have different names, got twice: {twice.pop()}")
    _extras.check_extras(parser, options, len(paths), [*paths, *targets])
    # the functions say it best: a frame of one pixel, without what depends on the frame
    frame = CCDData(np.zeros((1, 1)), unit="adu")
    function = getattr(ccdcr, f"cosmicray_{cleaner}")
    names = set(inspect.signature(function).parameters)
    names -= {"shift", "shifts", "region", "exclude", "gain", "readnoise"}
    given = _given({name: options[name] for name in names & set(options)})
    try:
        if cleaner == "stack":
            function([frame] * len(options["files"]), **given)
        else:
            function(*([frame, frame] if cleaner == "pair" else [frame]), **given)
    except (TypeError, ValueError) as error:
        parser.error(str(error))


def _pair_of(options):
    return options["file1"], options["file2"]


def _positive(text):
    number = float(text)
    if not 0 < number < math.inf:
        raise ValueError
    return number


_positive.__name__ = "positive number"  # as argparse will call it


def _section(text):
    if re.fullmatch(r"\[[\d\s:*]+,[\d\s:*]+\]", text) is None:
        raise ValueError
    return text


_section.__name__ = "FITS section"


def _unit(text):
    """Also as headers spell it: ADU, electrons."""
    for spelling in (text, text.lower(), text.lower().removesuffix("s")):
        with contextlib.suppress(ValueError):
            return u.Unit(spelling)
    raise ValueError


_unit.__name__ = "unit"


def _parser():
    parser = argparse.ArgumentParser(
        prog="ccdcr", description="Remove cosmic rays from CCD frames in FITS files."
    )
    version = f"ccdcr {ccdcr.__version__}"
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(required=True, metavar="command")
    _add_demo(commands)
    _add_pair(commands)
    _add_stack(commands)
    _add_median(commands)
    _add_lacosmic(commands)
    _add_report(commands)
    _add_review(commands)
    return parser


def _add(commands, name, run, text, example):
    command = commands.add_parser(
        name,
        help=text,
        description=text,
        epilog=f"example: {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=run, parser=command)
    return command


def _add_demo(commands):
    text = "Clean a real frame and a simulated pair, and draw what was done."
    command = _add(commands, "demo", _demo, text, "ccdcr demo")
    command.add_argument("--output", default="ccdcr-demo", help="folder to write to")
    _add_overwrite(command)


def _add_pair(commands):
    text = "Clean two equivalent exposures by their difference."
    example = "ccdcr pair a.fits b.fits --shift -4 0 --exclude '[60:90,85:105]'"
    command = _add(commands, "pair", _pair, text, example)
    command.set_defaults(cleaner="pair")
    command.add_argument("file1", help="first exposure")
    command.add_argument("file2", help="second exposure")
    command.add_argument(
        "--output",
        nargs=2,
        metavar=("OUT1", "OUT2"),
        help="names of the results (default: the input names with _crclean)",
    )
    shift = command.add_mutually_exclusive_group()
    shift.add_argument(
        "--shift",
        nargs=2,
        type=float,
        metavar=("DY", "DX"),
        help="a star at (x1, y1) in the first and (x2, y2) in the second means "
        "DY = y1 - y2, DX = x1 - x2; rounded to whole pixels (0 0)",
    )
    command.add_argument(
        "--method", choices=["matched", "classic"], help="method (matched)"
    )
    shift.add_argument(
        "--auto-shift",
        action="store_const",
        const="auto",
        dest="shift",
        help="measure the shift",
    )
    _add_thresholds(command, "matched 5, classic 10", "matched 2.5, classic 3")
    _add_grow(command)
    _add_noise(command)
    _add_common(command, ["other", "local", "none"])


def _add_stack(commands):
    text = "Clean two or more equivalent exposures by their differences."
    example = "ccdcr stack a.fits b.fits c.fits --auto-shift --output-dir cleaned"
    command = _add(commands, "stack", _stack, text, example)
    command.set_defaults(cleaner="stack")
    _add_many(command)
    shift = command.add_mutually_exclusive_group()
    shift.add_argument(
        "--shift",
        nargs=2,
        type=float,
        action="append",
        dest="shifts",
        metavar=("DY", "DX"),
        help="of each file after the first relative to the first, in their order: a "
        "star at (x1, y1) in the first and (x2, y2) in it means DY = y1 - y2, "
        "DX = x1 - x2; rounded to whole pixels (0 0)",
    )
    shift.add_argument(
        "--auto-shift",
        action="store_const",
        const="auto",
        dest="shifts",
        help="measure the shifts",
    )
    _add_thresholds(command, "5", "2.5")
    _add_grow(command)
    _add_noise(command)
    _add_common(command, ["other", "local", "none"])


def _add_median(commands):
    text = "Clean single exposures by their difference from a median filter."
    example = "ccdcr median raw/*.fits --dispersion-axis 1 --output-dir cleaned"
    command = _add(commands, "median", _single, text, example)
    command.set_defaults(cleaner="median")
    _add_many(command)
    command.add_argument(
        "--method",
        choices=["matched", "classic"],
        help="by the noise of each pixel and with a test that spares stars, or by "
        "one threshold for the image (matched)",
    )
    command.add_argument(
        "--size", nargs=2, type=int, metavar=("ROWS", "COLUMNS"), help="window (5 5)"
    )
    _add_dispersion(command)
    _add_thresholds(command, "matched 5, classic 10", "matched 2.5, classic 3")
    command.add_argument(
        "--contrast",
        type=_positive,
        help="least ratio of a peak to fine structure (matched: 3.3 and more)",
    )
    _add_grow(command, "times that neighbours which stick out are taken in (2)")
    _add_noise(command)
    _add_common(command, ["median", "local", "none"])


def _add_lacosmic(commands):
    text = "Clean single exposures with LACosmic (astroscrappy)."
    example = "ccdcr lacosmic a.fits --gain 1.5 --readnoise 10 --sigclip 7"
    command = _add(commands, "lacosmic", _single, text, example)
    command.set_defaults(cleaner="lacosmic")
    _add_many(command)
    for name, meaning in (
        ("sigclip", "detection limit in sigma (4.5)"),
        ("sigfrac", "limit for neighbours, as a fraction of that (0.3)"),
        ("objlim", "least contrast of Laplacian to fine structure (5)"),
        ("gain", "electrons per data unit"),
        ("readnoise", "read noise in electron"),
        ("saturation", "level in the data unit"),
    ):
        command.add_argument(f"--{name}", type=_positive, help=meaning)
    command.add_argument("--niter", type=int, help="largest number of iterations (4)")
    _add_dispersion(command)
    _add_grow(command, "times that neighbours which stick out are taken in (0)")
    _add_common(command, ["lacosmic", "local", "none"])


def _add_report(commands):
    text = "List the cosmic rays that were removed from a file."
    example = "ccdcr report a_crclean.fits a.fits --output a_cosmics.ecsv"
    command = _add(commands, "report", _report, text, example)
    command.add_argument("after", help="the cleaned file")
    command.add_argument("before", help="the file it was made from")
    command.add_argument("--dark", help="a dark frame: marks hot pixels as suspects")
    command.add_argument(
        "--previous", help="the frame before: marks what may be left of its light"
    )
    command.add_argument(
        "--min-pixels", type=int, default=1, help="list cosmic rays of so many and more"
    )
    command.add_argument("--regions", help="write regions for DS9 there (.reg)")
    command.add_argument(
        "--output",
        type=_extras.table,
        help="write the table there (.ecsv, .fits, .csv)",
    )
    command.add_argument(
        "--plot",
        type=_extras.picture,
        metavar="FILE",
        help="draw thumbnails of the largest there (.png, .pdf, .svg)",
    )
    command.add_argument("--unit", type=_unit, help="unit of images without BUNIT")
    _add_overwrite(command)


def _add_review(commands):
    text = "Write a page to look at detections and reject some; put those back."
    example = (
        "ccdcr review a_crclean.fits a.fits -o review.html\n         ccdcr review "
        "--apply decisions.json a_crclean.fits a.fits -o final.fits"
    )
    command = _add(commands, "review", _review, text, example)
    command.add_argument("after", help="the cleaned file")
    command.add_argument("before", help="the file it was made from")
    command.add_argument(
        "-o", "--output", required=True, help="the page; with --apply the restored file"
    )
    command.add_argument(
        "--apply",
        metavar="DECISIONS",
        help="put back what this file, saved on the page, rejects",
    )
    command.add_argument("--dark", help="a dark frame: marks hot pixels as suspects")
    command.add_argument("--title", help="heading of the page (name of the file)")
    command.add_argument("--unit", type=_unit, help="unit of images without BUNIT")
    _add_overwrite(command)


def _add_many(command):
    command.add_argument("files", nargs="+", metavar="file", help="exposures")
    command.add_argument(
        "--output-dir", help="folder of the results (default: that of the input)"
    )


def _add_noise(command):
    for name, meaning in (
        ("gain", "electrons per data unit, where there is no uncertainty"),
        ("readnoise", "read noise in electron, likewise"),
        ("saturation", "level in the data unit from which pixels are saturated"),
    ):
        command.add_argument(f"--{name}", type=_positive, help=f"{meaning} (matched)")


def _add_grow(command, meaning="rows of neighbours that are taken in (matched: 1)"):
    command.add_argument("--grow", type=int, help=meaning)


def _add_dispersion(command):
    command.add_argument(
        "--dispersion-axis",
        type=int,
        choices=[0, 1],
        help="for spectra: 1 if wavelength runs along rows, 0 if along columns",
    )


def _add_thresholds(command, peak, tail):
    for name, default in (("peak", peak), ("tail", tail)):
        command.add_argument(
            f"--sigma-{name}", type=float, help=f"threshold of {name}s ({default})"
        )
    command.add_argument(
        "--max-size", type=int, help="leave larger detections alone (pixels)"
    )


def _add_common(command, replacements):
    for name, meaning in (("region", "clean only here"), ("exclude", "not here")):
        command.add_argument(
            f"--{name}",
            action="append",
            type=_section,
            metavar="[X1:X2,Y1:Y2]",
            help=f"{meaning}; may be given several times",
        )
    command.add_argument("--replacement", choices=replacements, help="what goes there")
    command.add_argument(
        "--unit", type=_unit, help="unit of the images without BUNIT, like adu"
    )
    _extras.add_extras(command)
    _add_overwrite(command)


def _add_overwrite(command):
    command.add_argument(
        "--overwrite", action="store_true", help="replace files that exist"
    )


def _given(options):
    """The options that were used, in the words of the functions."""
    given = {name: value for name, value in options.items() if value is not None}
    if given.get("replacement") == "none":
        given["replacement"] = None
    return given


def _result_name(path, folder=None):
    """Name of the result: the input's, with _crclean before the suffixes."""
    path = Path(path)
    suffixes = ""
    while path.suffix.lower() in {".gz", ".fits", ".fit", ".fts", ".fz"}:
        suffixes = path.suffix + suffixes
        path = path.with_suffix("")
    name = f"{path.name}_crclean{suffixes.removesuffix('.fz') or '.fits'}"
    return str((path.parent if folder is None else Path(folder)) / name)


def _tell(paths, failure):
    """One line on the error stream for one failure."""
    sentence = " ".join(str(failure).split()) or type(failure).__name__
    prefix = "" if any(str(path) in sentence for path in paths) else f"{paths[0]}: "
    print(f"ccdcr: {prefix}{sentence}", file=sys.stderr)
    return _FAILED


def _pair(cleaner, file1, file2, output, **options):
    outs = output or (_result_name(file1), _result_name(file2))
    return _together(cleaner, (file1, file2), outs, (file1, file2, *outs), options)


def _stack(cleaner, files, output_dir, shifts=None, **options):
    outs = [_result_name(path, output_dir) for path in files]
    if isinstance(shifts, list):
        shifts = [(0, 0), *(tuple(shift) for shift in shifts)]
    options["shifts"] = shifts
    return _together(cleaner, files, outs, (files, outs), options, output_dir)


def _together(cleaner, paths, outs, arguments, options, folder=None):
    """Clean files that need each other: one failure is that of all."""
    given, wanted = _split(options)
    try:
        if folder is not None:
            Path(folder).mkdir(parents=True, exist_ok=True)
        with _extras.Progress(1) as progress:
            progress.start(0, " ".join(Path(path).name for path in paths))
            clean = getattr(ccdcr.files, f"clean_{cleaner}")
            reports = clean(*arguments, progress=progress, **given)
            for k, names in enumerate(zip(paths, outs, strict=True)):
                # regions are those of the first
                here = wanted if k == 0 else {**wanted, "region": None, "exclude": None}
                _extras.tell_of(here, k, len(paths), names, reports[k], progress)
    except Exception as failure:
        return _tell([*paths, *outs], failure)
    return _DONE


def _split(options):
    """What the cleaners want to know, and what is to be made besides."""
    names = ("overwrite", "unit", "region", "exclude")
    wanted = {name: options.pop(name) for name in ("plot", "report")}
    return _given(options), wanted | {name: options[name] for name in names}


def _single(cleaner, files, output_dir, **options):
    clean = getattr(ccdcr.files, f"clean_{cleaner}")
    given, wanted = _split(options)
    if output_dir is not None:
        Path(output_dir).mkdir(parents=True, exist_ok=True)
    status = _DONE
    with _extras.Progress(len(files)) as progress:
        for k, path in enumerate(files):  # one that fails must not cost the others
            out = _result_name(path, output_dir)
            progress.start(k, Path(path).name)
            try:
                report = clean(path, out, progress=progress, **given)
                names = path, out
                _extras.tell_of(wanted, k, len(files), names, report, progress)
            except Exception as failure:
                progress.clear()
                status = _tell([path, out], failure)
    return status


def _report(after, before, output, plot, regions, unit, overwrite, **options):
    paths = [after, before, options["dark"], options["previous"]]
    try:
        for target in (output, regions):
            if target is not None and Path(target).exists() and not overwrite:
                msg = f"{target}: exists; give --overwrite to replace it"
                raise FileExistsError(msg)
        frames = [
            None if path is None else ccdcr.files.read(path, unit=unit)
            for path in paths
        ]
        *frames, options["dark"], options["previous"] = frames
        report = ccdcr.cosmicray_report(*frames, **options)
        print(report)
        if output is None:
            report.table.pprint(max_lines=-1, max_width=-1)
        else:
            report.table.write(output, overwrite=overwrite)
            print(f"table: {output}")
        if plot is not None:
            _extras.draw_report(report, frames, options["dark"], plot)
            print(f"figure: {plot}")
        if regions is not None:
            report.write_regions(regions, overwrite=overwrite)
            print(f"regions: {regions}")
    except Exception as failure:
        return _tell([*paths, output, regions], failure)
    return _DONE


def _review(after, before, output, apply, dark, title, unit, overwrite):
    options = {"overwrite": overwrite}
    try:
        if apply is not None:
            restore = ccdcr.files.apply_decisions
            report = restore(after, before, apply, output, unit=unit, **options)
        else:
            frames = [ccdcr.files.read(path, unit=unit) for path in (after, before)]
            options["dark"] = (
                None if dark is None else ccdcr.files.read(dark, unit=unit)
            )
            options["title"] = title or Path(after).name
            report = ccdcr.review.write_review(*frames, output, **options)
    except Exception as failure:
        return _tell([apply or after, after, before, output], failure)
    print(f"{output}: {report}")
    return _DONE


def _demo(output, overwrite):
    from ccdcr.demo import run

    try:
        run(output, tell=print, overwrite=overwrite)
    except Exception as failure:
        return _tell([output], failure)
    return _DONE


if __name__ == "__main__":
    sys.exit(main())
