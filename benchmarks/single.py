# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
What cleaners of single exposures find, and what they harm, where the truth is known.

    python benchmarks/single.py [--seeds 5 3] [--only crowded] [--fast] [--figure FILE]

Means over the two exposures of a scene, each cleaned alone, and over seeds; sums of the
counts of one exposure. "GMOS + hits" is the real frame that comes with astroscrappy,
with its own two cosmic rays masked, and 40 simulated ones.
"""

import argparse
import contextlib
import io
import warnings
from dataclasses import asdict

import cleaners
import numpy as np
from astropy.nddata import CCDData, StdDevUncertainty, VarianceUncertainty
from scipy import ndimage

import ccdcr
from ccdcr import CosmicRayWarning, simulate
from ccdcr.demo import real_frame

HEADING = (
    f"{'scene':22}{'cleaner':22}{'compl.':>7}{'sources':>8}{'purity':>7}{'false':>6}"
    f"{'on src.':>8}{'bad':>7}{'pull':>6}{'bias':>6}{'flux':>7}{'> 2 s':>7}  warned"
)
_SATURATION = 65000.0


def median(ccd, axis, _readnoise):
    return ccdcr.cosmicray_median(ccd, dispersion_axis=axis, saturation=_SATURATION)


def lacosmic(ccd, axis, _readnoise):
    return ccdcr.cosmicray_lacosmic(
        ccd, objlim=3, grow=2, dispersion_axis=axis, saturation=_SATURATION
    )


def lacosmic_default(ccd, _axis, _readnoise):
    return ccdcr.cosmicray_lacosmic(ccd, saturation=_SATURATION)


def classic(ccd, _axis, _readnoise):
    return ccdcr.cosmicray_median(ccd, method="classic")


def teareduce(ccd, _axis, _readnoise):
    """cr2images with a median filter in place of the second image."""
    import teareduce as tea

    with contextlib.redirect_stdout(io.StringIO()):
        data, _, mask, _ = tea.cr2images(
            ccd.data.astype(float),
            median_size=(5, 5),
            tsigma_peak=10,
            tsigma_tail=3,
            return_masks=True,
        )
    return cleaners.result(ccd, data, mask.astype(bool) & ~ccd.mask)


def alone(cleaner):
    """One of those that clean each exposure of a pair alone."""
    return lambda ccd, _axis, readnoise: cleaner([ccd], None, readnoise)[0]


#: By the name in the table.
CLEANERS = {
    "ccdcr median": median,
    "ccdcr LACosmic, grown": lacosmic,
    "ccdcr LACosmic": lacosmic_default,
    "ccdcr median, classic": classic,
    "astroscrappy": alone(cleaners.astroscrappy_default),
    "lacosmic": alone(cleaners.lacosmic),
    "ccdproc median": alone(cleaners.ccdproc_median),
    "teareduce, single": teareduce,
}


def gmos(rng):
    """The real frame with simulated hits, twice."""
    frame = real_frame()
    frame.uncertainty = frame.uncertainty.represent_as(StdDevUncertainty)
    frame.data = frame.data.astype(np.float32)
    own = ccdcr.cosmicray_lacosmic(frame, objlim=3, sigclip=4).mask
    frame.mask = ndimage.binary_dilation(own, np.ones((3, 3)))
    scene = simulate.Scene()
    for generator in np.random.default_rng(rng).spawn(2):
        dirty, charge = simulate.inject(frame, 40, rng=generator)
        scene.exposures.append(dirty)
        scene.charges.append(charge)
        noise = VarianceUncertainty(frame.uncertainty.array**2)
        scene.truths.append(CCDData(frame.data, unit=frame.unit, uncertainty=noise))
        noise = np.median(frame.uncertainty.array)
        scene.sources.append(frame.data - np.median(frame.data) > 5 * noise)
    return scene


#: Scenes: how to make one from a seed, dispersion axis, read noise.
SCENES = {
    "imaging": (lambda rng: simulate.imaging_scene(rng=rng), None, 5.0),
    "crowded": (
        lambda rng: simulate.imaging_scene(rng=rng, sky=2000, n_stars=4000, n_hits=800),
        None,
        5.0,
    ),
    "FWHM 2.0 px": (lambda rng: simulate.imaging_scene(rng=rng, seeing=2), None, 5.0),
    "FWHM 1.3 px": (lambda rng: simulate.imaging_scene(rng=rng, seeing=1.3), None, 5.0),
    "no cosmic rays": (
        lambda rng: simulate.imaging_scene(rng=rng, n_hits=0),
        None,
        5.0,
    ),
    "long slit": (lambda rng: simulate.spectrum_scene(rng=rng), 1, 4.0),
    "long slit, 1.3 px": (
        lambda rng: simulate.spectrum_scene(rng=rng, seeing=1.3),
        1,
        4.0,
    ),
    "long slit, no hits": (
        lambda rng: simulate.spectrum_scene(rng=rng, n_hits=0),
        1,
        4.0,
    ),
    "GMOS + hits": (gmos, 1, 4.24),
}


def run(title, name, seeds):
    """Clean the exposures of a scene one by one, and print a line."""
    make, axis, readnoise = SCENES[title]
    scores, warned = [], set()
    for seed in seeds:
        scene = make(seed)
        for k, before in enumerate(scene.exposures):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                after = CLEANERS[name](before, axis, readnoise)
            warned |= {
                str(w.message)[:20] for w in caught if w.category is CosmicRayWarning
            }
            score = simulate.score(
                after,
                before,
                scene.charges[k],
                scene.truths[k],
                sources=scene.sources[k],
            )
            scores.append(asdict(score))
    mean = {
        key: np.nanmean([score[key] for score in scores])
        if np.isfinite([score[key] for score in scores]).any()
        else np.nan
        for key in scores[0]
    }
    print(
        f"{title:22}{name:22}{mean['completeness']:7.3f}"
        f"{mean['completeness_sources']:8.3f}{mean['purity_near']:7.3f}"
        f"{mean['n_false_objects']:6.0f}{mean['n_false_on_sources']:8.0f}"
        f"{mean['n_bad_left']:7.0f}{mean['pull_width']:6.2f}{mean['bias']:6.2f}"
        f"{mean['flux_rms']:7.2f}{100 * mean['flux_changed']:6.1f}%"
        f"  {len(warned) or ''}",
        flush=True,
    )
    return mean


def draw(results, path):
    """What is left wrong, and what is harmed."""
    from matplotlib.figure import Figure

    titles = list(dict.fromkeys(title for title, _ in results))
    names = list(dict.fromkeys(name for _, name in results))
    figure = Figure(figsize=(10, 0.4 * len(titles) + 1.6), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    keys = {
        "n_bad_left": "bad pixels left in an exposure",
        "flux_changed": "sources changed by 2 sigma, per cent",
    }
    for axes, (key, label) in zip(panels, keys.items(), strict=True):
        factor = 100 if key == "flux_changed" else 1
        least = 0.5 if key == "flux_changed" else 0.7
        for n, name in enumerate(names):
            values = [factor * results[title, name][key] for title in titles]
            ours = name.startswith("ccdcr")
            axes.plot(
                np.maximum(values, least),
                np.arange(len(titles)) + 0.07 * (n - len(names) / 2),
                "os^D"[n] if ours else "vPX*"[n % 4],
                color="C3" if ours else f"C{(0, 1, 2, 4)[n - 4]}",
                mfc="C3" if n == 0 else "none",
                ms=8 if n == 0 else 6,
                label=name,
                ls="none",
            )
        axes.set_xscale("log")
        axes.set_xlabel(label + " (0 at the left edge)")
        axes.grid(alpha=0.3)
    panels[0].set_yticks(range(len(titles)), titles)
    panels[0].invert_yaxis()
    figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=4
    )
    figure.savefig(path, dpi=110, metadata={"Software": None})


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[3, 4])
    parser.add_argument("--only", nargs="+", help="words of the names of scenes")
    parser.add_argument("--fast", action="store_true", help="leave other packages out")
    parser.add_argument("--figure", metavar="FILE", help="where to draw the table")
    options = parser.parse_args()
    names = [name for name in CLEANERS if not options.fast or name.startswith("ccdcr")]
    print(HEADING)
    results = {}
    for title in SCENES:
        if options.only and not any(word in title for word in options.only):
            continue
        for name in names:
            results[title, name] = run(title, name, options.seeds)
    if options.figure:
        draw(results, options.figure)


if __name__ == "__main__":
    main()
