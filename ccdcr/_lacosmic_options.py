# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The options of LACosmic: their checks, cards, and what astroscrappy fills with."""

import math

import numpy as np

from ccdcr import _options
from ccdcr.exceptions import shown

__all__ = ["CARDS", "CLEANTYPES", "check_detection", "check_fine_structure"]

_OFFSET = np.arange(-2, 3)
_DISTANCE = np.hypot(_OFFSET[:, None], _OFFSET)
#: For each way of astroscrappy to fill a cosmic ray: the weights of the 5 x 5
#: neighbours, and the variance relative to a mean with these weights. Its fourth
#: way, 'median', reads memory that was never written (1.2 and 1.3).
CLEANTYPES = {
    "meanmask": (np.ones((5, 5)), 1.0),
    "medmask": (np.ones((5, 5)), math.pi / 2),
    "idw": (1 / np.maximum(_DISTANCE, 1) * (_DISTANCE > 0), 1.0),
}

_MANY = 1000  # rounds; astroscrappy has done them when one finds nothing new

#: Card of each option.
CARDS = {
    "sigclip": "CCRSCLIP",
    "sigfrac": "CCRSFRAC",
    "objlim": "CCROBJL",
    "niter": "CCRNITER",
    "sepmed": "CCRSEPM",
    "cleantype": "CCRCLEAN",
    "fsmode": "CCRFSMOD",
    "psfmodel": "CCRPSFM",
    "psffwhm": "CCRPSFW",
    "psfsize": "CCRPSFS",
    "psfk": "CCRPSFK",
    "psfbeta": "CCRPSFB",
}


def check_detection(sigclip, sigfrac, objlim, niter, sepmed, cleantype):
    _options.check_choice("cleantype", cleantype, tuple(CLEANTYPES))
    if not isinstance(sepmed, (bool, np.bool_)):
        msg = f"sepmed must be True or False, got {shown(sepmed)}"
        raise TypeError(msg)
    return {
        "sigclip": _options.check_number("sigclip", sigclip),
        "sigfrac": _options.check_number("sigfrac", sigfrac, most=1.0),
        "objlim": _options.check_number("objlim", objlim),
        "niter": min(_options.check_count("niter", niter), _MANY),
        "sepmed": bool(sepmed),
        "cleantype": cleantype,
    }


def check_fine_structure(fsmode, psfmodel, psffwhm, psfsize, psfk, psfbeta):
    """Options of the point source: only those that were given, and that are used."""
    _options.check_choice("fsmode", fsmode, ("median", "convolve"))
    given = {
        "psfmodel": psfmodel,
        "psffwhm": psffwhm,
        "psfsize": psfsize,
        "psfk": psfk,
        "psfbeta": psfbeta,
    }
    given = {name: value for name, value in given.items() if value is not None}
    if given and fsmode != "convolve":
        msg = (
            f"{', '.join(given)} must come with fsmode='convolve', got {shown(fsmode)}"
        )
        raise ValueError(msg)
    if psfk is not None and len(given) > 1:
        others = ", ".join(name for name in given if name != "psfk")
        msg = f"psfk must come without options of a model, got {others}, too"
        raise ValueError(msg)
    if psfbeta is not None and psfmodel != "moffat":
        msg = f"psfbeta must come with psfmodel='moffat', got {shown(psfmodel)}"
        raise ValueError(msg)
    if psfmodel is not None:
        models = ("gauss", "gaussx", "gaussy", "moffat")
        _options.check_choice("psfmodel", psfmodel, models)
    for name in {"psffwhm", "psfbeta"} & set(given):
        given[name] = _options.check_number(name, given[name])
    if psfsize is not None:
        rule = "odd" if _options.check_count("psfsize", psfsize) % 2 == 0 else "< 1000"
        if rule == "odd" or psfsize >= 1000:
            msg = f"psfsize must be {rule}, got {shown(psfsize)}"
            raise ValueError(msg)
    if psfk is not None:
        given["psfk"] = _check_kernel(psfk)
    return {"fsmode": fsmode, **given}


def _check_kernel(psfk):
    kernel = np.asarray(psfk)
    if kernel.dtype.kind not in "iuf":
        msg = f"psfk must be an array of numbers, got dtype {kernel.dtype}"
        raise TypeError(msg)
    odd = kernel.ndim == 2 and all(length % 2 for length in kernel.shape)
    if not (odd and np.isfinite(kernel).all()):
        msg = (
            "psfk must be two-dimensional, odd in both directions and finite, "
            f"got shape {kernel.shape}"
        )
        raise ValueError(msg)
    return np.ascontiguousarray(kernel, dtype=np.float32)
