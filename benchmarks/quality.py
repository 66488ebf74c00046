# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
What cleaners find, and what they harm, where the truth is known.

    python benchmarks/quality.py [--seeds 3 4] [--only crowded darks] [--fast]
                                 [--real FOLDER] [--figure FILE]

Means over exposures and seeds for fractions, sums over exposures and means over seeds
for counts; of the pixels that more than one exposure shows. Simulated truths are
independent of any method. So are real footprints of cosmic rays that are added to
real frames; what the frames themselves held before is masked where the same cleaner
finds it there.
"""

import argparse
import warnings
from dataclasses import asdict

import numpy as np
from astropy.nddata import CCDData, VarianceUncertainty
from cleaners import CLEANERS
from scenes import PAIRS, STACKS, footprints, real_frames

import ccdcr
from ccdcr import CosmicRayWarning, simulate
from ccdcr.pixels.difference import overlap

HEADING = (
    f"{'scene':30}{'cleaner':16}{'compl.':>7}{'sources':>8}{'purity':>7}{'false':>6}"
    f"{'on src.':>8}{'bad':>8}{'pull':>6}{'bias':>6}{'flux':>6}{'> 2 s':>7}  warned"
)
_INJECTED = 60  # footprints in each real exposure


def in_common(ccds, shifts):
    """Pixels of each exposure that some other shows, too."""
    shown = [np.zeros(ccd.shape, dtype=bool) for ccd in ccds]
    for i in range(len(ccds)):
        for j in range(len(ccds)):
            if i != j:
                step = tuple(
                    round(b) - round(a)
                    for a, b in zip(shifts[i], shifts[j], strict=True)
                )
                shown[i][overlap(ccds[i].shape, step)[0]] = True
    return shown


def evaluate(scene, cleaned, known=None):
    """Scores of all exposures of a scene; what was known before does not count."""
    results = []
    shown = in_common(scene.exposures, scene.shifts)
    for k, after in enumerate(cleaned):
        before, after = scene.exposures[k].copy(), after.copy()
        before.mask = before.mask | ~shown[k]
        if known is not None:
            before.mask |= known[k] & (scene.charges[k] <= 0)
        after.mask = after.mask | before.mask
        score = simulate.score(
            after,
            before,
            scene.charges[k],
            scene.truths[k],
            sources=scene.sources[k],
        )
        results.append(asdict(score))
    return results


def run(name, cleaner, make, seeds):
    """Clean a scene, and print one line."""
    scores, warned = [], set()
    for seed in seeds:
        scene = make(seed)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            cleaned = cleaner(scene)
        warned |= {str(w.message) for w in caught if w.category is CosmicRayWarning}
        scores.append(evaluate(scene, cleaned))
    return line(name, scores, warned)


def line(name, scores, warned=()):
    """One line of the table, and its numbers."""

    def mean(key):
        values = [score[key] for exposures in scores for score in exposures]
        return np.nanmean(values) if np.isfinite(values).any() else np.nan

    def total(key):
        return np.mean([sum(score[key] for score in exposures) for exposures in scores])

    text = (
        f"{name}{mean('completeness'):7.3f}{mean('completeness_sources'):8.3f}"
        f"{mean('purity_near'):7.3f}{total('n_false_objects'):6.0f}"
        f"{total('n_false_on_sources'):8.0f}{total('n_bad_left'):8.0f}"
        f"{mean('pull_width'):6.2f}{mean('bias'):6.2f}{mean('flux_rms'):6.2f}"
        f"{100 * mean('flux_changed'):6.1f}%  {len(warned) or ''}"
    )
    print(text, flush=True)
    return total("n_bad_left"), total("n_false_on_sources")


def simulated(seeds, only, names):
    """All scenes."""
    results = {}
    for title, make in PAIRS.items():
        if only and not any(word in title for word in only):
            continue
        for name in names:

            def clean(scene, cleaner=CLEANERS[name]):
                readnoise = 4.0 if scene.exposures[0].shape[0] == 250 else 5.0
                return cleaner(scene.exposures, scene.shifts[1], readnoise)

            head = f"{title:30}{name:16}"
            results[title, name] = run(head, clean, make, seeds)
    for title, make in STACKS.items():
        if only and not any(word in title for word in only):
            continue

        def clean(scene):
            return ccdcr.cosmicray_stack(scene.exposures, shifts=scene.shifts)

        run(f"{title:30}{'ccdcr stack':16}", clean, make, seeds)
    return results


def real(folder, seeds, names):
    """Real footprints in real frames."""
    stamps = footprints(folder)
    for title, frames, shift, readnoise in real_frames(folder):
        for name in names:
            cleaner, scores, warned = CLEANERS[name], [], set()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                known = [out.mask for out in cleaner(frames, shift, readnoise)]
            for seed in seeds:
                rng = np.random.default_rng(seed)
                scene = simulate.Scene(shifts=[(0, 0), shift])
                for frame in frames:
                    dirty, charge = simulate.inject(
                        frame, _INJECTED, rng=rng, footprints=stamps
                    )
                    scene.exposures.append(dirty)
                    scene.charges.append(charge)
                    noise = VarianceUncertainty(frame.uncertainty.array**2)
                    scene.truths.append(
                        CCDData(frame.data, unit=frame.unit, uncertainty=noise)
                    )
                    bright = frame.data - np.median(frame.data)
                    scene.sources.append(bright > 5 * np.median(noise.array) ** 0.5)
                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter("always")
                    cleaned = cleaner(scene.exposures, shift, readnoise)
                warned |= {w.category for w in caught}
                scores.append(evaluate(scene, cleaned, known))
            line(f"{title:30}{name:16}", scores, warned & {CosmicRayWarning})


def draw(results, path):
    """What is left wrong, and what is harmed, scene by scene."""
    from matplotlib.figure import Figure

    titles = list(dict.fromkeys(title for title, _ in results))
    names = list(dict.fromkeys(name for _, name in results))
    figure = Figure(figsize=(10, 0.32 * len(titles) + 1.4), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    words = "bad pixels left in both exposures", "false pixels on sources"
    for k, (axes, word) in enumerate(zip(panels, words, strict=True)):
        for n, name in enumerate(names):
            rows = [i for i, title in enumerate(titles) if (title, name) in results]
            values = [results[titles[i], name][k] for i in rows]
            axes.plot(
                np.maximum(values, 0.7),
                rows,
                "o" if n == 0 else "odsv^P"[n - 1],
                ms=9 if n == 0 else 6,
                mfc="C3" if n == 0 else "none",
                mec="C3" if n == 0 else f"C{n + 3 if n > 2 else n - 1}",
                label=name,
                zorder=3 if n == 0 else 2,
            )
        axes.set_xscale("log")
        axes.set_xlim(0.5, None)
        axes.set_xlabel(word + " (0 at the left edge)")
        axes.grid(alpha=0.3)
    panels[0].set_yticks(range(len(titles)), titles)
    panels[0].invert_yaxis()
    figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=4
    )
    figure.savefig(path, dpi=110, metadata={"Software": None})


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[3, 4])
    parser.add_argument("--only", nargs="+", help="words of the names of scenes")
    parser.add_argument("--fast", action="store_true", help="leave other packages out")
    parser.add_argument("--real", metavar="FOLDER", help="where real frames are")
    parser.add_argument(
        "--figure", metavar="FILE", help="where to draw the first table"
    )
    options = parser.parse_args()
    names = [name for name in CLEANERS if not options.fast or name.startswith("ccdcr")]
    print(HEADING)
    results = simulated(options.seeds, options.only, names)
    if options.figure:
        draw(results, options.figure)
    if options.real:
        print(f"\nreal footprints in real frames\n{HEADING}")
        real(options.real, options.seeds, names)


if __name__ == "__main__":
    main()
