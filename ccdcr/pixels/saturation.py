# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Pixels that are too near to a saturated star to be judged."""

import numpy as np

from ccdcr.pixels.filters import median_at, near, places, reached

__all__ = ["around_saturated"]

_DISC = (5, 3), (3, 5)  # a square of 5 x 5 pixels without its corners, in two boxes
_NEARLY = 0.9  # of the level, what is connected with it: full pixels are not all alike


def around_saturated(data, usable, level, saturated):
    """
    Find saturated stars and what is within 4 pixels of their saturated pixels.

    A level alone does not make a star, since a hit can saturate, too: as in
    astroscrappy the 5 x 5 pixels around must have a median above a tenth of it. What
    is connected with such pixels, and full to nine tenths, belongs to the star.

    Parameters
    ----------
    data : 2D `~numpy.ndarray`
        The image.
    usable : 2D bool `~numpy.ndarray`
        Pixels that may be read.
    level : float or None
        From where on pixels are saturated.
    saturated : 2D bool `~numpy.ndarray` or None
        Saturated pixels, where there is no level.

    Returns
    -------
    mask : 2D bool `~numpy.ndarray`
        The saturated stars and their surroundings.
    """
    if level is not None:
        saturated = usable & (data >= level)
        if not saturated.any():
            return saturated
        at = places(saturated)
        saturated[at] = median_at(data, (5, 5), usable, at) > level / 10
        # charge bleeds along columns, in trails that are too narrow for a median
        nearly = usable & (data >= _NEARLY * level)
        saturated = reached(saturated, nearly)
    if saturated is None or not saturated.any():
        return np.zeros(data.shape, dtype=bool)
    # scipy's binary_dilation writes beyond its arrays if they have four rows only
    for _ in range(2):
        boxes = [near(saturated, box) for box in _DISC]
        saturated = boxes[0] | boxes[1]
    return saturated
