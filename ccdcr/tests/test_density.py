# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""How much denser detections are on sources than elsewhere, by hand."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from ccdcr.pixels import health


def density(found, sources, examined=None):
    examined = np.ones(found.shape, bool) if examined is None else examined
    return health.source_density(found, lambda y, x: sources[y, x], examined)


def drawn(shape, *slices):
    image = np.zeros(shape, bool)
    for part in slices:
        image[part] = True
    return image


SOURCES = drawn((20, 51), np.s_[:, :11])  # 220 pixels, and 800 elsewhere


def test_neighbours_are_one():
    """Elsewhere 3 detections have 12 pixels: of 4 each."""
    hits = np.s_[2, 20:24], np.s_[5:7, 30:33], np.s_[10, 40], np.s_[11, 41]
    on = np.s_[1:19:2, 1:9:2], np.s_[19, 50]  # 36 pixels, and one more elsewhere
    found = drawn((20, 51), *hits, *on)
    ratio, significance = density(found, SOURCES)
    expected = 13 * 220 / 800
    assert_allclose(ratio, 36 / expected)
    size = 13 / 4
    assert_allclose(significance, (36 - expected) / size / math.sqrt(expected / size))


def test_many():
    """The scatter of a number is its square root."""
    found = drawn((20, 51), np.s_[::2, 12::2], np.s_[::2, :10:2])
    ratio, significance = density(found, SOURCES)
    expected = 200 * 220 / 800
    assert_allclose(ratio, 50 / expected)
    assert_allclose(significance, (50 - expected) / math.sqrt(expected))


@pytest.mark.parametrize("n", [1, 4])
def test_none_elsewhere(n):
    """Cosmic rays have 8 pixels then, and more than none is infinitely more."""
    ratio, significance = density(drawn((20, 51), np.s_[3, :n]), SOURCES)
    assert ratio == math.inf
    assert_allclose(significance, n / 8)


def test_none_at_all():
    ratio, significance = density(drawn((20, 51)), SOURCES)
    assert math.isnan(ratio)
    assert significance == 0


def test_only_what_was_looked_at_has_an_area():
    examined = drawn((20, 51), np.s_[:10])
    examined[0, :2] = False
    found = drawn((20, 51), np.s_[4, 3], np.s_[2:9:3, 20:40:5])
    ratio, _ = density(found, SOURCES, examined)
    assert_allclose(ratio, 1 / (12 * 108 / 400))


@pytest.mark.parametrize("sources", [SOURCES & False, SOURCES | True])
def test_nothing_to_compare(sources):
    ratio, significance = density(drawn((20, 51), np.s_[5, 5]), sources)
    assert math.isnan(ratio)
    assert significance == 0


def test_one_pixel_of_sources_is_enough():
    sources = drawn((20, 51), np.s_[0, 0])
    found = drawn((20, 51), np.s_[0, 0], np.s_[10, 10])
    assert_allclose(density(found, sources)[0], 1019)
    assert_allclose(density(found, ~sources)[0], 1 / 1019)


def test_areas_are_measured_on_a_sample(monkeypatch):
    """Of a fifth of the pixels, at unequal distances."""
    monkeypatch.setattr(health, "_SAMPLE", 204)
    found = drawn((20, 51), np.s_[::2, 12::2], np.s_[::2, :10:2])
    seen = []

    def is_source(y, x):
        seen.append(y.size)
        return SOURCES[y, x]

    ratio, _ = health.source_density(found, is_source, np.ones((20, 51), bool))
    assert seen == [204, 250]
    assert_allclose(ratio, 50 / (200 * 220 / 800), rtol=0.15)
