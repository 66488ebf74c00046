# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The commands, and which options each of them has."""

import argparse

import ccdcr
from ccdcr import _values
from ccdcr._arguments import (
    CLEANERS,
    EXTRAS,
    FILES,
    METHODS,
    NIGHT,
    OPTIONS,
    READING,
    REPLACEMENTS,
    spelling,
)

__all__ = ["COMMANDS", "add_options", "make_parser"]

#: Those that clean: what they do, an example, and what they are given.
COMMANDS = {
    "pair": (
        "Clean two equivalent exposures by their difference.",
        "ccdcr pair a.fits b.fits --shift -4 0 --exclude '[60:90,85:105]'",
    ),
    "stack": (
        "Clean two or more equivalent exposures by their differences.",
        "ccdcr stack a.fits b.fits c.fits --auto-shift --output-dir cleaned",
    ),
    "median": (
        "Clean single exposures by their difference from a median filter.",
        "ccdcr median raw/*.fits --dispersion-axis 1 --output-dir cleaned",
    ),
    "lacosmic": (
        "Clean single exposures with LACosmic (astroscrappy).",
        "ccdcr lacosmic a.fits --gain 1.5 --readnoise 10 --sigclip 7",
    ),
    "batch": (
        "Clean a night: find out what belongs together, and clean it.",
        "ccdcr batch night/ --method pair -o clean/ --jobs 4",
    ),
}


class _Parser(argparse.ArgumentParser):
    """One whose complaints are not lost below a page of usage."""

    def error(self, message):
        usage = f"usage: {self.prog} ...; see {self.prog} --help"
        self.exit(2, f"{usage}\n{self.prog}: error: {message}\n")


def make_parser():
    """
    Make the parser of the command.

    Returns
    -------
    parser : `argparse.ArgumentParser`
        What it parses has ``command``, the name of the subcommand, ``parser``, that
        of the subcommand, and what was typed: options that were not are absent.
    """
    text = "Remove cosmic rays from CCD frames in FITS files."
    parser = _Parser(prog="ccdcr", description=text, allow_abbrev=False)
    version = f"ccdcr {ccdcr.__version__}"
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(required=True, metavar="command")
    _add_demo(commands)
    for name, (meaning, example) in COMMANDS.items():
        command = _command(commands, name, meaning, example)
        if name == "pair":
            command.add_argument("file1", help="first exposure")
            command.add_argument("file2", help="second exposure")
        elif name == "batch":
            what = "exposures, or folders of them"
            command.add_argument("paths", nargs="*", metavar="path", help=what)
        else:
            what = "exposures"
            command.add_argument("files", nargs="+", metavar="file", help=what)
        add_options(command, name)
        _add_config(command)
    _add_report(commands)
    _add_review(commands)
    return parser


def _command(commands, name, text, example):
    command = commands.add_parser(
        name,
        help=text,
        description=text,
        epilog=f"example: {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    command.set_defaults(command=name, parser=command)
    return command


def _add_demo(commands):
    text = "Clean a real frame and a simulated pair, and draw what was done."
    command = _command(commands, "demo", text, "ccdcr demo")
    what = "folder to write to (ccdcr-demo)"
    command.add_argument("-o", "--output", metavar="FOLDER", help=what)
    _add(command, "overwrite", None)


def _add_report(commands):
    text = "List the cosmic rays that were removed from a file."
    example = "ccdcr report a_crclean.fits a.fits --output a_cosmics.ecsv"
    command = _command(commands, "report", text, example)
    _add_after_and_before(command)
    command.add_argument(
        "--previous", help="the frame before: marks what may be left of its light"
    )
    command.add_argument(
        "--min-pixels", type=int, help="list cosmic rays of so many and more (1)"
    )
    command.add_argument("--regions", help="write regions for DS9 there (.reg)")
    command.add_argument(
        "-o",
        "--output",
        type=_values.table,
        help="write the table there (.ecsv, .fits, .csv)",
    )
    command.add_argument(
        "--plot",
        type=_values.picture,
        metavar="FILE",
        help="draw thumbnails of the largest there (.png, .pdf, .svg)",
    )
    _add_reading(command)
    _add(command, "overwrite", None)


def _add_review(commands):
    text = "Write a page to look at detections and reject some; put those back."
    example = (
        "ccdcr review a_crclean.fits a.fits -o review.html\n         ccdcr review "
        "--apply decisions.json a_crclean.fits a.fits -o final.fits"
    )
    command = _command(commands, "review", text, example)
    _add_after_and_before(command)
    command.add_argument(
        "-o", "--output", required=True, help="the page; with --apply the restored file"
    )
    command.add_argument(
        "--apply",
        metavar="DECISIONS",
        help="put back what this file, saved on the page, rejects",
    )
    command.add_argument("--title", help="heading of the page (name of the file)")
    _add_reading(command)
    _add(command, "overwrite", None)


def _add_after_and_before(command):
    command.add_argument("after", help="the cleaned file")
    command.add_argument("before", help="the file it was made from")
    command.add_argument("--dark", help="a dark frame: marks hot pixels as suspects")


def add_options(parser, command):
    """
    Add the options of one of the cleaning commands, all but the files.

    Parameters
    ----------
    parser : `argparse.ArgumentParser`
        That of the command.
    command : str
        'pair', 'stack', 'median', 'lacosmic' or 'batch'.

    Returns
    -------
    added : dict
        For each option, as it is typed, what argparse was told of it.
    """
    names = [] if command == "batch" else [*CLEANERS[command], *FILES, *EXTRAS]
    if command == "batch":
        of_all = dict.fromkeys(name for names in CLEANERS.values() for name in names)
        # a shift is said as for a stack, once for each file after the first
        cleaning = [name for name in of_all if name not in ("method", "shift")]
        names = ["method", *NIGHT, *cleaning, *FILES, "overwrite"]
    added = _add_target(parser, command)
    for name in names:
        added |= _add(parser, name, command)
    return added


def _add_target(parser, command):
    option, settings = "--output-dir", {"metavar": "FOLDER"}
    settings["help"] = "folder of the results"
    if command == "pair":
        option, settings = "--output", {"nargs": 2, "metavar": ("OUT1", "OUT2")}
        settings["help"] = "names of the results (the input names with _crclean)"
    elif command != "batch":
        settings["help"] += " (that of the input)"
    parser.add_argument("-o", option, **settings)
    return {option: settings}


def _add(parser, name, command):
    """Add one option, as the command has it."""
    settings = {**OPTIONS[name].settings, "help": OPTIONS[name].meaning}
    if command == "batch":
        settings |= _of_batch(name)
    elif name == "replacement":
        settings["choices"] = REPLACEMENTS[command]
    if name == "scale" and command != "pair":
        settings["action"] = "append"
    added = {spelling(name): settings}
    if name in ("shift", "shifts"):
        settings["dest"] = name
        parser = parser.add_mutually_exclusive_group()
        measure = {"action": "store_const", "const": "auto", "dest": name}
        text = "measure the shift"
        if command == "batch":
            text += ", and fail where that is not possible"
        added["--auto-shift"] = {**measure, "help": text}
    for option, kind in added.items():
        parser.add_argument(option, **kind)
    return added


def _of_batch(name):
    """What is said of the options of all cleaners together."""
    if name == "method":
        text = "how to clean (pair); with :classic as it was published"
        return {"choices": METHODS, "help": text}
    also = {"shifts": "shift"}.get(name)
    known = [one for one, names in CLEANERS.items() if {name, also} & {*names}]
    text = OPTIONS[name].meaning
    if name == "shifts":
        text = text.replace("(0 0)", "(measured; 0 0 where that is not possible)")
    if 0 < len(known) < len(CLEANERS):
        text += f" [{', '.join(known)}]"
    if name != "replacement":
        return {"help": text}
    words = [word for one in REPLACEMENTS.values() for word in one]
    return {"help": text, "choices": list(dict.fromkeys(words))}


def _add_reading(parser):
    """Add the options of commands that read frames, and clean none."""
    for name in READING:
        parser.add_argument(
            spelling(name),
            **{**OPTIONS[name].settings, "action": "store"},
            help=OPTIONS[name].meaning.partition(";")[0],
        )


def _add_config(parser):
    """Add the option that names a file of options."""
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="options from this file (.toml); what is typed wins",
    )
