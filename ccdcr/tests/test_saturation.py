# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Which pixels are saturated stars, and which are hits that saturate."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import ndimage

from ccdcr.pixels.saturation import around_saturated

DIAMOND = ndimage.iterate_structure(ndimage.generate_binary_structure(2, 1), 2)


def found(image, level=5000.0, usable=None):
    usable = np.ones(image.shape, bool) if usable is None else usable
    mask = around_saturated(image, usable, level, None)
    assert mask.dtype == bool
    return mask


def around(star):
    """Within 4 pixels: two steps of a square of 5 x 5 without its corners."""
    reach = np.zeros(star.shape, bool)
    for y, x in np.argwhere(star):
        for dy, dx in np.ndindex(9, 9):
            at = y + dy - 4, x + dx - 4
            inside = 0 <= at[0] < star.shape[0] and 0 <= at[1] < star.shape[1]
            if inside and abs(dy - 4) + abs(dx - 4) <= 6:
                reach[at] = True
    return reach


def drawn(structure, light, shape=(24, 21), at=(10, 9), sky=100.0):
    image = np.full(shape, sky)
    part = image[
        tuple(slice(k, k + n) for k, n in zip(at, structure.shape, strict=True))
    ]
    part[structure] = light
    return image


@pytest.mark.parametrize("at", [(10, 9), (0, 0), (19, 16)])
def test_13_of_25_pixels_are_a_star(at):
    """Which is what a diamond has; the median is that of its sky with one less."""
    image = drawn(DIAMOND, 5000.0, at=at)
    assert_array_equal(found(image), around(image > 4000))
    for corner in np.argwhere(DIAMOND)[[0, 3, -1]]:
        less = DIAMOND.copy()
        less[tuple(corner)] = False
        assert not found(drawn(less, 5000.0)).any()


@pytest.mark.parametrize(("sky", "star"), [(480, False), (500, False), (501, True)])
def test_around_a_star_it_is_brighter_than_a_tenth_of_the_level(sky, star):
    image = np.full((15, 18), float(sky))
    image[7, 8] = 5000
    assert_array_equal(found(image), around(image > 4000) if star else image < 0)


def test_what_is_nearly_full_and_connected_belongs_to_the_star():
    image = drawn(DIAMOND, 5000.0)
    image[15:20, 11] = 4500  # nine tenths, at least
    image[9, 10] = 4499
    image[2, 2] = 4999  # not connected
    image[9, 12] = 4600  # at a corner
    star = image >= 4500
    star[2, 2] = False
    assert_array_equal(found(image), around(star))


def test_a_star_that_is_only_nearly_full_is_none():
    assert not found(drawn(np.ones((7, 7), bool), 4999.0)).any()


def test_unusable_pixels_are_no_star_and_bridge_nothing():
    image = drawn(np.ones((7, 7), bool), 5000.0)
    image[17:22, 12] = 5000.0
    usable = np.ones(image.shape, bool)
    usable[17] = False
    star = image >= 5000
    star[17:] = False
    assert_array_equal(found(image, usable=usable), around(star))
    usable[10:17, 9:16] = False
    assert not found(image, usable=usable).any()


def test_nothing_is_saturated():
    image = np.zeros((6, 9))
    assert not found(image).any()
    assert not found(image, level=None).any()
    assert found(image, level=None).shape == (6, 9)
