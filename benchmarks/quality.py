# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
What the pair methods find, and what they harm, on scenes with known truth.

    python benchmarks/quality.py [--seeds 3 4] [--scenes equal cloud]

Means over both exposures and all seeds for fractions, sums over both exposures and
means over seeds for counts.
"""

import argparse
import warnings
from dataclasses import asdict

import numpy as np

import ccdcr
from ccdcr import simulate

SCENES = {
    "equal exposures": (simulate.imaging_scene, {}),
    "integer shift": (simulate.imaging_scene, {"shifts": [(0, 0), (3, -2)]}),
    "0.3 px shift": (simulate.imaging_scene, {"shifts": [(0, 0), (0.3, 0)]}),
    "seeing 3.0 -> 3.4 px": (simulate.imaging_scene, {"seeing": [3.0, 3.4]}),
    "sky 500 -> 560, flux x 0.93": (
        simulate.imaging_scene,
        {"sky": [500, 560], "transparency": [1, 0.93]},
    ),
    "half the exposure time": (
        simulate.imaging_scene,
        {"sky": [400, 200], "transparency": [1, 0.5], "n_hits": [500, 250]},
    ),
    "crowded field": (
        simulate.imaging_scene,
        {"sky": 2000, "n_stars": 4000, "n_hits": 800},
    ),
    "FWHM 1.3 px, 0.3 px shift": (
        simulate.imaging_scene,
        {"shifts": [(0, 0), (0.3, 0)], "seeing": 1.3},
    ),
    "spectrum, 4 px shift": (simulate.spectrum_scene, {"shifts": [(0, 0), (-4, 0)]}),
    "spectrum, flexure": (
        simulate.spectrum_scene,
        {
            "shifts": [(0, 0), (-4.2, 0.15)],
            "seeing": [2.6, 2.9],
            "sky_factor": [1, 1.06],
        },
    ),
    "spectrum, thin cloud": (
        simulate.spectrum_scene,
        {"object_factor": [1, 0.8], "sky_factor": [1, 1.1]},
    ),
    "spectrum, sky lines vary": (simulate.spectrum_scene, {"line_scatter": 0.1}),
    "spectrum, tilted": (
        simulate.spectrum_scene,
        {"shifts": [(0, 0), (-4.1, 0.1)], "tilt": 2, "curvature": 3},
    ),
    "darks": (simulate.dark_scene, {}),
    "no cosmic ray, imaging": (
        simulate.imaging_scene,
        {
            "shifts": [(0, 0), (0.2, 0)],
            "seeing": [3, 3.3],
            "transparency": [1, 0.95],
            "n_hits": 0,
        },
    ),
    "no cosmic ray, spectrum": (simulate.spectrum_scene, {"n_hits": 0}),
}


def scores(name, method, seed):
    """Scores of both exposures of a scene."""
    make, options = SCENES[name]
    scene = make(rng=seed, **options)
    extra = {"saturation": 65000.0} if method == "matched" else {}
    shift = scene.shifts[1]
    cleaned = ccdcr.cosmicray_pair(
        *scene.exposures, shift=shift, method=method, **extra
    )
    parts = zip(
        cleaned,
        scene.exposures,
        scene.charges,
        scene.truths,
        scene.sources,
        strict=True,
    )
    return [
        asdict(simulate.score(after, before, charge, truth, sources=sources))
        for after, before, charge, truth, sources in parts
    ]


def row(name, method, seeds):
    """One line of the table."""
    both = [scores(name, method, seed) for seed in seeds]

    def mean(key):
        with warnings.catch_warnings():  # nothing to find: nan
            warnings.simplefilter("ignore", RuntimeWarning)
            return np.nanmean([score[key] for pair in both for score in pair])

    def total(key):
        return np.mean([sum(score[key] for score in pair) for pair in both])

    return (
        f"{name:28}{method:9}{mean('completeness'):7.3f}"
        f"{mean('completeness_sources'):8.3f}{mean('purity_near'):8.3f}"
        f"{total('n_false_objects'):8.0f}{total('n_false_on_sources'):9.0f}"
        f"{total('n_bad_left'):7.0f}{mean('pull_width'):7.2f}{mean('bias'):7.2f}"
    )


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[3, 4])
    parser.add_argument("--scenes", nargs="+", choices=SCENES, default=list(SCENES))
    options = parser.parse_args()
    heading = "compl. sources  purity   false  on src.    bad   pull   bias"
    print(f"{'scene':28}{'method':9} {heading}")
    for name in options.scenes:
        for method in ("classic", "matched"):
            print(row(name, method, options.seeds), flush=True)


if __name__ == "__main__":
    main()
