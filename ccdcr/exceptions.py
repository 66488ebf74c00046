# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The warnings of ccdcr; bad input raises TypeError, ValueError or UnitsError."""

from astropy.utils.exceptions import AstropyUserWarning

__all__ = ["CosmicRayWarning"]


class CosmicRayWarning(AstropyUserWarning):
    """A result was made, but the user should know something about it."""
