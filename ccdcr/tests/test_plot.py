# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Figures: what is drawn, not how it looks."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import ccdcr
from ccdcr.tests.conftest import frame, sky

pytest.importorskip("matplotlib")


@pytest.mark.parametrize("shape", [(40, 50), (20, 100), (100, 20), (1, 1)])
def test_before_mask_after(shape, tmp_path):
    ccd = frame(sky(1, shape), mask=np.zeros(shape, bool))
    ccd.data[0, 0] += 1000
    ccd.mask[-1, -1] = shape != (1, 1)
    after = ccdcr.cosmicray_median(ccd)
    figure = ccdcr.plot.plot_cleaning(after, ccd, title="a title")
    images = [axis.images[0].get_array() for axis in figure.axes[:3]]
    assert_array_equal(np.asarray(images[0]), ccd.data)
    assert_array_equal(
        np.asarray(images[1]) == 1, ccdcr.cosmicray_report(after, ccd).mask
    )
    assert_array_equal(np.asarray(images[2]), after.data)
    assert figure.axes[0].images[0].norm is figure.axes[2].images[0].norm
    assert len(figure.axes[0].collections) == 1  # circles
    assert figure.get_suptitle() == "a title"
    figure.savefig(tmp_path / "figure.png")


def test_nothing_finite(tmp_path):
    ccd = frame(np.full((5, 5), np.nan))
    figure = ccdcr.plot.plot_cleaning(ccd, ccd)
    figure.savefig(tmp_path / "figure.png")


def test_pyplot_does_not_know_it():
    import sys

    ccd = frame(sky(1))
    ccdcr.plot.plot_cleaning(ccd, ccd)
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()
