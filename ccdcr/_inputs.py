# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Options as the functions take them, and what is in the files that they name."""

from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.nddata import CCDData

import ccdcr
from ccdcr._arguments import CLEANERS, FILES
from ccdcr._layout import Layout

__all__ = ["check_options", "in_words_of", "open_files"]

# what depends on the frames
_UNCHECKED = {"shift", "shifts", "region", "exclude", "gain", "readnoise"}
_NAMED = ("reference", "inbkg", "saturation", "psfk", "region", "exclude")


def in_words_of(cleaner, options):
    """
    Say what was typed in the words of a function.

    Parameters
    ----------
    cleaner : str
        'pair', 'stack', 'median' or 'lacosmic'.
    options : dict
        Options as argparse gives them, and no others.

    Returns
    -------
    options : dict
        Keywords of the function and of that for files; files have their names still.

    Raises
    ------
    ValueError
        If two of the values exclude each other.
    """
    said = dict(options)
    if said.get("replacement") == "none":
        said["replacement"] = None
    if "add_keyword" in said:
        said["add_keyword"] = _cards(said["add_keyword"])
    if "hdu" in said:
        hdus = said["hdu"]
        said["hdu"] = hdus if len(hdus) > 1 else hdus[0]
    if cleaner == "stack":
        if isinstance(said.get("shifts"), list):
            said["shifts"] = [(0, 0), *map(tuple, said["shifts"])]
        if "scale" in said:
            said["scale"] = [1, *said["scale"]]
    return said


def _cards(given):
    if given == [None]:
        return None
    if None in given:
        msg = "add_keyword must be none or cards, got both"
        raise ValueError(msg)
    return dict(given)


def check_options(cleaner, options, n):
    """
    Let a function refuse its options: it says it best.

    Parameters
    ----------
    cleaner : str
        Which function.
    options : dict
        Its keywords, and others.
    n : int
        Number of exposures.

    Raises
    ------
    TypeError, ValueError
        If an option does not fit, whatever is in the frames.
    """
    Layout.split({name: options[name] for name in FILES if name in options})
    frame = CCDData(np.zeros((1, 1)), unit="adu")
    given = {
        name: options[name]
        for name in set(CLEANERS[cleaner]) & set(options) - _UNCHECKED
        if not isinstance(options[name], Path)  # which is opened later
    }
    function = getattr(ccdcr, f"cosmicray_{cleaner}")
    if cleaner == "stack":
        function([frame] * n, **given)
    else:
        function(*([frame, frame] if cleaner == "pair" else [frame]), **given)


def open_files(options):
    """
    Put what is in a file in place of its name.

    Parameters
    ----------
    options : dict
        Options of a cleaner, as they were typed.

    Returns
    -------
    options : dict
        The same, with frames, arrays and regions.

    Raises
    ------
    OSError
        If a file cannot be read.
    ValueError
        If it holds no image or no regions.
    """
    opened = dict(options)
    for name in _NAMED:
        value = options.get(name)
        if isinstance(value, list):
            opened[name] = [part for item in value for part in _parts(item)]
        elif isinstance(value, Path) and name in ("reference", "inbkg"):
            opened[name] = ccdcr.files.read(value, unit=options.get("unit"))
        elif isinstance(value, Path):
            image = _image(value)
            opened[name] = image != 0 if name == "saturation" else image
    return opened


def _parts(item):
    """A section, or all regions of a file."""
    if not isinstance(item, Path):
        return [item]
    if not item.exists():
        msg = f"{item}: no such file"
        raise FileNotFoundError(msg)
    from regions import Regions

    return list(Regions.read(str(item), format="ds9"))


def _image(path):
    """The first image of a file, whatever its unit."""
    try:
        with fits.open(path, memmap=False) as hdus:
            for hdu in hdus:
                if hdu.is_image and getattr(hdu.data, "ndim", 0) == 2:
                    return np.array(hdu.data)
    except FileNotFoundError:
        msg = f"{path}: no such file"
        raise FileNotFoundError(msg) from None
    msg = f"{path}: no two-dimensional image in it"
    raise ValueError(msg)
