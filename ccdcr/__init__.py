# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Cosmic rays out of CCD frames.

Every function takes `astropy.nddata.CCDData` and returns `~astropy.nddata.CCDData`,
with mask, uncertainty and header right.
"""

import importlib

try:
    from ccdcr._version import version as __version__
except ImportError:  # a source tree that was never installed
    __version__ = "0.0.0"

# What is imported from where, when it is first asked for: importing the package
# stays as quick as importing astropy.nddata.
_HOME = {
    "CosmicRayReport": "report",
    "CosmicRayWarning": "exceptions",
    "ShiftError": "exceptions",
    "cosmicray_lacosmic": "lacosmic",
    "cosmicray_median": "median",
    "cosmicray_pair": "pair",
    "cosmicray_report": "report",
    "cosmicray_stack": "stack",
    "measure_shift": "shift",
    "restore_cosmicrays": "restore",
}
_MODULES = ("batch", "files", "plot", "review", "simulate")

__all__ = ["__version__", *_HOME, *_MODULES]


def __getattr__(name):
    if name in _MODULES:
        return importlib.import_module(f"ccdcr.{name}")
    if name in _HOME:
        value = getattr(importlib.import_module(f"ccdcr.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    msg = f"module 'ccdcr' has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__():
    return sorted(__all__)
