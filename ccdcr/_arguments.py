# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Every option of the cleaning functions, once: how it is typed and what it means."""

import argparse
from typing import NamedTuple

from ccdcr import _values

__all__ = [
    "CLEANERS",
    "EXTRAS",
    "FILES",
    "METHODS",
    "NIGHT",
    "OPTIONS",
    "READING",
    "REPLACEMENTS",
    "Option",
    "spelling",
]

_SHARED = ("sigma_peak", "sigma_tail", "grow", "max_size", "region", "exclude")
_NOISE = ("gain", "readnoise", "saturation")
_LAST = ("replacement", "add_keyword")
#: The keywords of each cleaning function, in the order of the help.
CLEANERS = {
    "pair": ("shift", "method", *_SHARED, "scale", *_NOISE, *_LAST),
    "stack": ("shifts", "method", *_SHARED, "scale", *_NOISE, *_LAST),
    "median": (
        *("size", "method", "sigma_peak", "sigma_tail", "contrast", "grow"),
        *("max_size", "region", "exclude", "dispersion_axis", "reference"),
        *_NOISE,
        *_LAST,
    ),
    "lacosmic": (
        *("sigclip", "sigfrac", "objlim", "niter", *_NOISE, "inbkg"),
        *("dispersion_axis", "grow", "region", "exclude", "sepmed", "cleantype"),
        *("fsmode", "psfmodel", "psffwhm", "psfsize", "psfk", "psfbeta"),
        *_LAST,
    ),
}
#: Keywords that the functions of ``ccdcr.files`` have besides.
FILES = (
    *("hdu", "unit", "hdu_uncertainty", "uncertainty_type"),
    *("hdu_dq", "dq_ignore", "dq_bit"),
)
#: Those of them that `ccdcr.files.read` has.
READING = FILES[:-1]
#: What cleaning commands make besides frames, and what batches have of their own.
EXTRAS = ("plot", "report", "overwrite")
NIGHT = (
    *("jobs", "dask", "plan", "save_plan", "dry_run", "again"),
    *("keyword", "max_gap", "max_stack", "single", "calibration"),
)
#: What may go in place of a cosmic ray.
REPLACEMENTS = {
    "pair": ["other", "local", "none"],
    "stack": ["other", "local", "none"],
    "median": ["median", "local", "none"],
    "lacosmic": ["lacosmic", "local", "none"],
}
#: What a batch can do; the function's own method comes after the colon.
METHODS = ["pair", "pair:classic", "stack", "median", "median:classic", "lacosmic"]


class Option(NamedTuple):
    """What it means, and what argparse has to know of it."""

    meaning: str
    settings: dict


def _number(meaning, kind=_values.positive):
    return Option(meaning, {"type": kind, "metavar": "N" if kind is int else "X"})


def _choice(meaning, *choices):
    return Option(meaning, {"choices": list(choices)})


def _place(meaning):
    kind = {"action": "append", "type": _values.region, "metavar": "[X1:X2,Y1:Y2]"}
    return Option(f"{meaning}, or a DS9 file (.reg); may be repeated", kind)


def _file(meaning):
    kind = {"type": _values.image_file, "metavar": "FILE"}
    return Option(f"{meaning}, as a FITS file", kind)


_STAR = (
    "a star at (x1, y1) in the first and (x2, y2) in the other means DY = y1 - y2, "
    "DX = x1 - x2; rounded to whole pixels (0 0)"
)
_SEVERAL = "; of several files with _1, _2 and so on before the suffix"
_NAME = {"metavar": "NAME"}
_PLAN = {"type": _values.plan, "metavar": "FILE"}
_SHIFT = {"nargs": 2, "type": float, "metavar": ("DY", "DX")}
OPTIONS = {
    "shift": Option(_STAR, _SHIFT),
    "shifts": Option(
        f"once for each file after the first, in their order: {_STAR}",
        {**_SHIFT, "action": "append"},
    ),
    "size": Option(
        "window (5 5)", {"nargs": 2, "type": int, "metavar": ("ROWS", "COLUMNS")}
    ),
    "method": _choice(
        "by the noise of each pixel and with tests that spare stars, or by one "
        "threshold for the image (matched)",
        "matched",
        "classic",
    ),
    "sigma_peak": _number("threshold of peaks (matched 5, classic 10)", float),
    "sigma_tail": _number("threshold of tails (matched 2.5, classic 3)", float),
    "contrast": _number("least ratio of a peak to fine structure (3.3 and more)"),
    "sigclip": _number("detection limit in sigma (4.5)"),
    "sigfrac": _number("limit for neighbours, as a fraction of that (0.3)"),
    "objlim": _number("least contrast of Laplacian to fine structure (5)"),
    "niter": _number("largest number of iterations (4)", int),
    "grow": _number(
        "pair, stack: rows of neighbours that are taken in (1); median, lacosmic: "
        "times that neighbours which stick out are taken in (2, 0)",
        int,
    ),
    "max_size": _number("leave larger detections alone (pixels)", int),
    "region": _place("clean only here"),
    "exclude": _place("not here"),
    "dispersion_axis": Option(
        "for spectra: 1 if wavelength runs along rows, 0 if along columns",
        {"type": int, "choices": [0, 1]},
    ),
    "reference": _file("a model of the exposure, in place of the filtered image"),
    "inbkg": _file("a model of the background without cosmic rays"),
    "scale": _number(
        "flux of the first over that of the other; of a stack once for each file after "
        "the first (measured)"
    ),
    "gain": _number("electrons per data unit, where there is no uncertainty"),
    "readnoise": _number("read noise in electron, likewise", _values.zero_or_more),
    "saturation": Option(
        "level in the data unit from which pixels are saturated, a FITS file that is "
        "not zero there, or none (auto: a card, or the limit of integers)",
        {"type": _values.saturation, "metavar": "LEVEL"},
    ),
    "replacement": Option("what goes there", {}),
    "sepmed": Option(
        "separable medians: faster, nearly the same",
        {"action": argparse.BooleanOptionalAction},
    ),
    "cleantype": _choice(
        "how astroscrappy fills (meanmask)", "meanmask", "medmask", "idw"
    ),
    "fsmode": _choice(
        "fine structure by medians or with a point source (median)",
        "median",
        "convolve",
    ),
    "psfmodel": _choice(
        "point source of convolve (gauss)", "gauss", "gaussx", "gaussy", "moffat"
    ),
    "psffwhm": _number("its width in pixels (2.5)"),
    "psfsize": _number("size of its image in pixels, odd (7)", int),
    "psfk": _file("the point source itself"),
    "psfbeta": _number("exponent of moffat (4.765)"),
    "add_keyword": Option(
        "write this card in place of those that say what was done, or none; may be "
        "repeated",
        {"action": "append", "type": _values.card, "metavar": "KEY=VALUE"},
    ),
    "hdu": Option(
        "image: name, name and version, or number of an extension, or "
        "all; may be repeated (the first image)",
        {"action": "append", "type": _values.hdu, "metavar": "SCI,1"},
    ),
    "unit": Option(
        "unit of the images without BUNIT, like adu", {"type": _values.unit}
    ),
    "hdu_uncertainty": Option(
        "extension of the uncertainty (UNCERT, ERR, VAR or IVAR)", _NAME
    ),
    "uncertainty_type": _choice(
        "what is in it (what its card UTYPE or its name says)", "std", "var", "ivar"
    ),
    "hdu_dq": Option("extension of the flags of data quality (DQ)", _NAME),
    "dq_ignore": _number("sum of its flags that do not mean bad pixels (0)", int),
    "dq_bit": _number("flag that it gets at cosmic rays, like 4096 (none)", int),
    "plot": Option(
        f"draw before and after there (.png, .pdf, .svg){_SEVERAL}",
        {"type": _values.picture, "metavar": "FILE"},
    ),
    "report": Option(
        f"write the table of cosmic rays there (.ecsv, .fits, .csv){_SEVERAL}",
        {"type": _values.table, "metavar": "FILE"},
    ),
    "overwrite": Option("replace files that exist", {"action": "store_true"}),
    "jobs": Option(
        "processes that work at a time (1)", {"type": _values.count, "metavar": "N"}
    ),
    "dask": Option(
        "a Dask scheduler that does the work, like localhost:8786",
        {"metavar": "ADDRESS"},
    ),
    "keyword": Option(
        "exposures of a group agree in this card; may be repeated, and takes the place "
        "of the usual ones",
        {"action": "append", "metavar": "CARD"},
    ),
    "max_gap": Option(
        "longest time between exposures of a group, like 30min (1h)",
        {"type": _values.duration, "metavar": "TIME"},
    ),
    "max_stack": _number("most exposures of a stack (8)", int),
    "single": _choice(
        "what to do with exposures that have no equivalent (they are left out)",
        "median",
        "lacosmic",
    ),
    "calibration": Option(
        "bias, dark, flat and arc frames, too", {"action": "store_true"}
    ),
    "plan": Option("do what this plan says", _PLAN),
    "save_plan": Option("write the plan there, to be edited, and stop", _PLAN),
    "dry_run": Option("show the plan and stop", {"action": "store_true"}),
    "again": Option("also what an earlier run has done", {"action": "store_true"}),
}


def spelling(name):
    """
    How a keyword is typed.

    Parameters
    ----------
    name : str
        The keyword of a function.

    Returns
    -------
    text : str
        Dashes for underscores; a stack has the ``--shift`` of a pair, repeated.
    """
    return "--" + {"shifts": "shift"}.get(name, name).replace("_", "-")
