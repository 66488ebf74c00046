# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Files for the examples of the README and of the documentation."""

import pytest


@pytest.fixture(autouse=True)
def _exposures_for_the_examples(request, tmp_path, monkeypatch):
    """Pages of text run in a folder that holds two exposures, a.fits and b.fits."""
    if request.path.suffix != ".rst":
        return
    from ccdcr.demo import raw_exposures

    monkeypatch.chdir(tmp_path)
    raw_exposures(tmp_path)
