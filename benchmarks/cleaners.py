# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Ways to remove cosmic rays from a pair of exposures, each as its users run it."""

import contextlib
import io

import astroscrappy
import ccdproc
import numpy as np

import ccdcr
from ccdcr.pixels.difference import overlap

__all__ = [
    "CLEANERS",
    "astroscrappy_default",
    "ccdproc_median",
    "lacosmic",
    "result",
]


def matched(ccds, shift, _readnoise):
    return ccdcr.cosmicray_pair(*ccds, shift=shift)


def classic(ccds, shift, _readnoise):
    return ccdcr.cosmicray_pair(*ccds, shift=shift, method="classic")


def teareduce(ccds, shift, _readnoise):
    """cr2images, thresholds as in its cookbook."""
    import teareduce as tea

    with contextlib.redirect_stdout(io.StringIO()):
        *clean, mask1, mask2 = tea.cr2images(
            *(ccd.data.astype(float) for ccd in ccds),
            ioffy=round(shift[0]),
            ioffx=round(shift[1]),
            tsigma_peak=10,
            tsigma_tail=3,
            return_masks=True,
        )
    return [
        result(ccd, data, mask.astype(bool))
        for ccd, data, mask in zip(ccds, clean, (mask1, mask2), strict=True)
    ]


def minimum(ccds, shift, _readnoise):
    """What is 5 sigma above the other is replaced by it: the naive minimum."""
    parts = overlap(ccds[0].shape, tuple(round(step) for step in shift))
    first, second = (ccd.data[part] for ccd, part in zip(ccds, parts, strict=True))
    variance = sum(
        ccd.uncertainty.array[part] ** 2 for ccd, part in zip(ccds, parts, strict=True)
    )
    results = []
    for ccd, part, own, other in zip(
        ccds, parts, (first, second), (second, first), strict=True
    ):
        mask = np.zeros(ccd.shape, dtype=bool)
        mask[part] = own - other > 5 * np.sqrt(variance)
        data = ccd.data.copy()
        data[part] = np.where(mask[part], other, own)
        results.append(result(ccd, data, mask))
    return results


def astroscrappy_default(ccds, _shift, readnoise):
    """detect_cosmics with its defaults and the right noise."""
    results = []
    for ccd in ccds:
        mask, data = astroscrappy.detect_cosmics(
            ccd.data, inmask=ccd.mask, gain=1.0, readnoise=readnoise, satlevel=65000.0
        )
        results.append(result(ccd, data, mask))
    return results


def ccdproc_median(ccds, _shift, _readnoise):
    """ccdproc.cosmicray_median; the mask grows by one pixel."""
    results = []
    for ccd in ccds:
        clean = ccdproc.cosmicray_median(
            ccd, error_image=ccd.uncertainty.array, thresh=5, mbox=5, gbox=3, rbox=3
        )
        results.append(result(ccd, clean.data, clean.mask & ~ccd.mask))
    return results


def lacosmic(ccds, _shift, _readnoise):
    """The package of that name, for critical sampling, saturated pixels masked."""
    from lacosmic import remove_cosmics

    results = []
    for ccd in ccds:
        with contextlib.redirect_stdout(io.StringIO()):
            data, mask = remove_cosmics(
                ccd.data,
                contrast=2.0,
                cr_threshold=5.0,
                neighbor_threshold=2.0,
                error=ccd.uncertainty.array,
                mask=ccd.mask | (ccd.data >= 65000),
            )
        results.append(result(ccd, data, mask))
    return results


def result(ccd, data, mask):
    """The frame with other data, and more masked."""
    out = ccd.copy()
    out.data = np.asarray(data)
    out.mask = ccd.mask | mask
    return out


#: By the name in the tables.
CLEANERS = {
    "ccdcr matched": matched,
    "ccdcr classic": classic,
    "teareduce": teareduce,
    "minimum": minimum,
    "astroscrappy": astroscrappy_default,
    "ccdproc median": ccdproc_median,
    "lacosmic": lacosmic,
}
