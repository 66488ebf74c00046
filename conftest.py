# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Files for the examples of the README and of the documentation."""

import numpy as np
import pytest
from astropy import units as u
from astropy.nddata import CCDData


@pytest.fixture(autouse=True)
def _exposures_for_the_examples(request, tmp_path, monkeypatch):
    """Pages of text run in a folder that holds two exposures, a.fits and b.fits."""
    if request.path.suffix != ".rst":
        return
    from ccdcr.demo import real_frame, simulated_pair

    monkeypatch.chdir(tmp_path)
    gain = 1.9
    exposures, _, _ = simulated_pair(real_frame())
    for name, ccd, step in zip("ab", exposures, (0, 4), strict=True):
        # the sky lines run along y, so that rows that come in again fit
        data = np.roll(ccd.data, step, axis=0) / gain
        raw = CCDData(np.rint(data), unit=u.adu, meta=ccd.meta.copy())
        raw.write(f"{name}.fits")
    (tmp_path / "keep.reg").write_text("image\ncircle(148,46,15)\n")
