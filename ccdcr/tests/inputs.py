# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Exposures of all sorts whose truth is known: may they be cleaned?

``python -m ccdcr.tests.inputs`` prints the table of the page on inputs.
"""

import warnings
from dataclasses import dataclass, field

import numpy as np
from astropy.nddata import CCDData, StdDevUncertainty, VarianceUncertainty
from scipy import ndimage

import ccdcr
from ccdcr import simulate
from ccdcr._scenes import add_stars
from ccdcr._tracks import cosmic_rays

SHAPE = (256, 256)
SLIT = (120, 400)
READNOISE = 5.0
GAIN = 2.0
BIAS = 1000.0
TIME = 300.0
#: What suits stars of 2.5 pixels and more.
LACOSMIC = {"objlim": 3, "grow": 2}
SPECTRUM = {"dispersion_axis": 1}


@dataclass
class Input:
    """Two exposures with their truth, and the options that they need."""

    exposures: list
    charges: list
    truths: list
    sources: list
    options: dict = field(default_factory=dict)  # of all cleaners
    single: dict = field(default_factory=dict)  # of those of one exposure
    pair: dict = field(default_factory=dict)


def expose(light, seed, *, n_hits=40, transmission=1.0):
    """Electrons with noise and cosmic rays; a flat field is divided out."""
    rng = np.random.default_rng(seed)
    charge = cosmic_rays(light.shape, n_hits, rng)
    variance = (light * transmission + READNOISE**2) / transmission**2
    data = rng.normal(light, np.sqrt(variance)) + charge / transmission
    seen = (data * transmission).clip(0) + READNOISE**2
    exposure = CCDData(
        data.astype(np.float32),
        unit="electron",
        uncertainty=StdDevUncertainty(
            (np.sqrt(seen) / transmission).astype(np.float32)
        ),
    )
    truth = CCDData(light, unit="electron", uncertainty=VarianceUncertainty(variance))
    return exposure, charge / transmission, truth


def twice(light, seed, *, sources=None, options=None, single=None, **what):
    """Two exposures of some light, or of one light each."""
    lights = light if isinstance(light, tuple) else (light, light)
    made = [expose(one, 2 * seed + k, **what) for k, one in enumerate(lights)]
    if sources is None:
        sources = np.zeros(lights[0].shape, dtype=bool)
    exposures, charges, truths = map(list, zip(*made, strict=True))
    return Input(exposures, charges, truths, [sources] * 2, options or {}, single or {})


def field_of(seed, **options):
    """Stars and galaxies without noise: the light, and where the sources are."""
    options = {
        "shape": SHAPE,
        "n_stars": 150,
        "n_galaxies": 6,
        "n_saturated": 0,
        "n_hits": 0,
        **options,
    }
    scene = simulate.imaging_scene(rng=seed, **options)
    return scene.truths[0].data, scene.sources[0]


def star(light, y, x, flux, fwhm):
    """Some light with one more star in it."""
    light = light.copy()
    add_stars(light, np.array([y]), np.array([x]), np.array([flux]), fwhm)
    return light


def stars(seed, *, fwhm=3.0, **options):
    light, sources = field_of(seed, seeing=fwhm, **options)
    return twice(light, seed, sources=sources)


def of_all(made, change, *, options=None, single=None):
    """The same input after every image was changed by a function of arrays."""

    def changed(ccd, to_variance):
        variance = change(to_variance(ccd.uncertainty.array), what="variance")
        return CCDData(
            change(ccd.data, what="data"),
            unit=ccd.unit,
            uncertainty=type(ccd.uncertainty)(
                np.sqrt(variance)
                if isinstance(ccd.uncertainty, StdDevUncertainty)
                else variance
            ),
        )

    return Input(
        [changed(ccd, np.square) for ccd in made.exposures],
        [change(charge, what="charge") for charge in made.charges],
        [changed(ccd, np.asarray) for ccd in made.truths],
        [change(where.astype(float), what="where") > 0.5 for where in made.sources],
        made.options if options is None else options,
        made.single if single is None else single,
    )


def in_units(made, unit, factor, level=0.0, **options):
    """The same in other units, and with a level added to it."""

    def change(array, what):
        if what == "variance":
            return array * factor**2
        return array * (1 if what == "where" else factor) + level * (what == "data")

    made = of_all(made, change, **options)
    for ccd in made.exposures + made.truths:
        ccd.uncertainty.unit = None
        ccd.unit = unit
    return made


def without_uncertainty(made):
    made.exposures = [CCDData(ccd.data, unit=ccd.unit) for ccd in made.exposures]
    return made


def raw(seed, **options):
    """Integers with bias, and an overscan of 24 columns, which is left in."""
    made = in_units(stars(seed), "adu", 1 / GAIN, BIAS, **options)
    rng = np.random.default_rng(seed)

    def wider(array, what):
        level, sigma = {"data": (BIAS, READNOISE / GAIN)}.get(what, (0.0, 0.0))
        level = (READNOISE / GAIN) ** 2 if what == "variance" else level
        return np.hstack([array, rng.normal(level, sigma, (SHAPE[0], 24))])

    made = without_uncertainty(of_all(made, wider))
    for ccd in made.exposures:
        ccd.data = np.rint(ccd.data).clip(0, 65535).astype(np.uint16)
    return made


def bias_subtracted(seed):
    noise = {"gain": GAIN, "readnoise": READNOISE}
    return without_uncertainty(in_units(stars(seed), "adu", 1 / GAIN, options=noise))


def flat_fielded(seed):
    """A corner gets a third of the light, which the flat field has corrected."""
    y, x = np.indices(SHAPE) / (SHAPE[0] - 1) - 0.5
    light, sources = field_of(seed)
    return twice(light, seed, sources=sources, transmission=1 - 1.4 * (y**2 + x**2))


def sky_subtracted(seed, *, uncertainty=True):
    made = in_units(stars(seed), "electron", 1, -300.0)
    if not uncertainty:
        made = without_uncertainty(made)
        made.options = {"gain": 1, "readnoise": READNOISE}
    return made


def per_second(seed):
    """Without uncertainty: a data unit is as many electrons as there were seconds."""
    noise = {"gain": TIME, "readnoise": READNOISE}
    return without_uncertainty(
        in_units(stars(seed), "electron / s", 1 / TIME, options=noise)
    )


def resampled(seed, *, order=1):
    """Shifted by half a pixel."""

    def change(array, what):
        image = ndimage.shift(array.astype(float), 0.5, order=order, mode="nearest")
        return image.clip(1) if what == "variance" else image

    return of_all(stars(seed), change)


def coadded(seed, n=5):
    """Means of several exposures from which nothing was rejected."""
    light, sources = field_of(seed)
    parts = [twice(light, seed * n + k, sources=sources) for k in range(n)]
    mean = parts[0]
    for k in range(2):
        mean.charges[k] = np.mean([part.charges[k] for part in parts], axis=0)
        mean.exposures[k].data = np.mean(
            [part.exposures[k].data for part in parts], axis=0
        )
        for ccd, root in ((mean.exposures[k], n**0.5), (mean.truths[k], n)):
            ccd.uncertainty = type(ccd.uncertainty)(ccd.uncertainty.array / root)
    return mean


def binned(seed, fwhm):
    """Two by two pixels were read as one."""
    light, sources = field_of(seed, seeing=2 * fwhm)

    def sums(array):
        return array.reshape(SHAPE[0] // 2, 2, SHAPE[1] // 2, 2).sum(axis=(1, 3))

    return twice(sums(light), seed, sources=sums(sources) > 0, n_hits=10)


def fringed(seed, period=20.0):
    """A tenth of a bright sky, and a tenth more of that in the second exposure."""
    light, sources = field_of(seed, sky=3000.0)
    y, x = np.indices(SHAPE)
    phase = (x + 0.3 * y + 10 * np.sin(y / 40)) / period
    fringes = 300 * np.sin(2 * np.pi * phase)
    return twice((light + fringes, light + 1.1 * fringes), seed, sources=sources)


def rotated(seed, degrees=0.5):
    """The field has turned between the exposures."""
    light, sources = field_of(seed)
    turned = ndimage.rotate(light, degrees, reshape=False, order=3, mode="nearest")
    return twice((light, turned), seed, sources=sources)


def dithered(seed):
    """The second exposure is shifted, which has to be measured."""
    light, sources = field_of(seed)
    made = twice((light, np.roll(light, (3, -2), axis=(0, 1))), seed, sources=sources)
    made.pair["shift"] = "auto"
    return made


def half_as_long(seed):
    """The second exposure has half of the light."""
    light, sources = field_of(seed)
    return twice((light, light / 2), seed, sources=sources)


def drift_scan(seed):
    """In the first hundred rows the exposure had not reached its full time."""
    light, sources = field_of(seed)
    part = np.clip(np.arange(SHAPE[0]) / 100, 0.02, 1)[:, None]
    return twice(light * part, seed, sources=sources)


def ramp(seed):
    """Slopes of an infrared detector, whose pixels share a tenth of their charge."""
    share = np.array([[0, 0.025, 0], [0.025, 0.9, 0.025], [0, 0.025, 0]])

    def change(array, what):
        if what == "charge":
            return ndimage.convolve(array, share)
        return array

    made = stars(seed)
    shared = of_all(made, change)
    for k in range(2):
        shared.exposures[k].data += shared.charges[k] - made.charges[k]
    return in_units(shared, "electron / s", 1 / TIME)


def mosaic_of_colours(seed):
    y, x = np.indices(SHAPE) % 2
    light, sources = field_of(seed)
    return twice(light * np.array([[1, 0.7], [0.7, 0.5]])[y, x], seed, sources=sources)


def slit(seed, shift=(0, 0)):
    """The exposures A and A of a long slit, or A and B of a nod along it."""
    scene = simulate.spectrum_scene(
        rng=seed, shape=SLIT, shifts=[(0, 0), shift], n_hits=0
    )
    lights = tuple(truth.data for truth in scene.truths)
    made = twice(lights, seed, single=SPECTRUM)
    made.sources = scene.sources
    return made


def nodded(seed):
    """Differences A - B of two nods."""
    a, b = (slit(seed, (30, 0)) for _ in range(2))
    nods = slit(seed, (30, 0)), twice(tuple(t.data for t in b.truths), seed + 50)
    made = Input([], [], [], [a.sources[0] | a.sources[1]] * 2, {}, SPECTRUM)
    for nod in nods:
        made.exposures.append(_difference(*nod.exposures, np.hypot))
        made.truths.append(_difference(*nod.truths, np.add))
        made.charges.append(nod.charges[0] - nod.charges[1])
    return made


def _difference(a, b, add):
    uncertainty = add(a.uncertainty.array, b.uncertainty.array)
    return CCDData(
        a.data - b.data, unit=a.unit, uncertainty=type(a.uncertainty)(uncertainty)
    )


def nod_and_shuffle(seed):
    """Raw frames: the spectra of both nods on one detector."""
    made = slit(seed, (30, 0))
    light = np.vstack([truth.data for truth in made.truths])
    return twice(light, seed, sources=np.vstack(made.sources), single=SPECTRUM)


def echelle(seed):
    """Tilted, curved orders with absorption lines, and lines of the sky."""
    rng = np.random.default_rng(seed)
    y, x = np.indices((256, 400)).astype(float)
    column = x[0]
    light = np.full(x.shape, 10.0)
    for k in range(-3, 16):
        middle = 10 + 18 * k + 0.06 * x + 2e-4 * (x - 200) ** 2
        lines = np.ones(400)
        for at in rng.uniform(0, 400, 40):
            depth = rng.uniform(0.05, 0.8)
            lines *= 1 - depth * np.exp(-0.5 * ((column - at) / 1.3) ** 2)
        blaze = 2000 * np.exp(-0.5 * ((column - 200) / 150) ** 2)
        light += np.exp(-0.5 * ((y - middle) / 1.3) ** 2) * lines * blaze
        for at in rng.uniform(0, 400, 4):
            across = np.maximum(np.abs(y - middle) - 3, 0)
            light += rng.uniform(200, 3000) * np.exp(
                -0.5 * (((x - at) / 1.3) ** 2 + across**2)
            )
    return twice(light, seed, sources=light > 40, n_hits=60)


def fibres(seed):
    """Spectra of fibres six pixels apart, with lines of the sky and of an object."""
    rng = np.random.default_rng(seed)
    y, x = np.indices((252, 400)).astype(float)
    sky = np.full(400, 30.0)
    for at in rng.uniform(0, 400, 25):
        strength = 50 * 100 ** rng.random()
        sky += strength * np.exp(-0.5 * ((x[0] - at) / 1.1) ** 2)
    light = np.full(x.shape, 5.0)
    for k in range(42):
        fibre = np.exp(-0.5 * ((y - 3 - 6 * k) / 1.06) ** 2)
        light += fibre * (sky * rng.uniform(0.8, 1.2) + rng.uniform(0, 100))
        line = np.exp(-0.5 * ((x - 150 - 3 * np.sin(k / 5)) / 1.1) ** 2)
        light += 3000 * np.exp(-(((k - 20) / 8) ** 2)) * fibre * line
    return twice(light, seed, sources=light > 30, n_hits=60)


def darks(seed):
    """With warm pixels, which count as sources."""
    scene = simulate.dark_scene(rng=seed, shape=SHAPE, n_hits=0)
    light = scene.truths[0].data
    return twice(light, seed, sources=scene.sources[0])


def flats(seed):
    y, x = np.indices(SHAPE) / (SHAPE[0] - 1) - 0.5
    grain = np.random.default_rng(seed).normal(1, 0.01, SHAPE)
    light = 30000 * grain * (1 - 0.8 * (y**2 + x**2))
    light[100:104, 60:64] *= 0.8  # dust
    return twice(light, seed)


def lamps(seed):
    """Lines of a lamp, of up to 20 000 electrons, slightly tilted."""
    rng = np.random.default_rng(seed)
    y, x = np.indices(SHAPE)
    light = np.full(SHAPE, 20.0)
    for at, peak in zip(
        rng.uniform(0, 256, 30), rng.uniform(200, 20000, 30), strict=True
    ):
        light += peak * np.exp(-0.5 * ((x - at - 0.01 * (y - 128)) / 1.1) ** 2)
    return twice(light, seed, sources=light > 100, single=SPECTRUM)


#: Rows of the table: what they are called, and what makes them.
INPUTS = {
    "electrons, uncertainty": stars,
    "raw: bias, overscan, integers": raw,
    "raw, gain and readnoise given": lambda seed: raw(
        seed, options={"gain": GAIN, "readnoise": READNOISE}
    ),
    "bias-subtracted, gain given": bias_subtracted,
    "flat-fielded, uncertainty": flat_fielded,
    "sky-subtracted, uncertainty": sky_subtracted,
    "sky-subtracted, gain given": lambda seed: sky_subtracted(seed, uncertainty=False),
    "MJy/sr, uncertainty": lambda seed: in_units(stars(seed), "MJy / sr", 3e-6),
    "electron/s, gain x time given": per_second,
    "resampled, linear": resampled,
    "resampled, cubic": lambda seed: resampled(seed, order=3),
    "mean of five": coadded,
    "binned, then FWHM 1.5": lambda seed: binned(seed, 1.5),
    "binned, then FWHM 3": lambda seed: binned(seed, 3.0),
    "mosaic of colours": mosaic_of_colours,
    "FWHM 1.3 pixels": lambda seed: stars(seed, fwhm=1.3),
    "fringes": fringed,
    "field turned by 0.5 degrees": rotated,
    "dithered": dithered,
    "second exposure half as long": half_as_long,
    "drift scan": drift_scan,
    "infrared slopes": ramp,
    "long slit": slit,
    "nodded: A - B": nodded,
    "nod and shuffle, raw": nod_and_shuffle,
    "echelle": echelle,
    "fibres": fibres,
    "darks": darks,
    "flats": flats,
    "arc lamps": lamps,
}
CLEANERS = "pair", "median", "lacosmic"


def clean(made, cleaner, **options):
    """The first exposure after cleaning, its score, and the words of warnings."""
    options = {**made.options, **options}
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        if cleaner == "pair":
            after, _ = ccdcr.cosmicray_pair(*made.exposures, **made.pair, **options)
        elif cleaner == "median":
            options = {**made.single, **options}
            after = ccdcr.cosmicray_median(made.exposures[0], **options)
        else:
            options = {**LACOSMIC, **made.single, **options}
            after = ccdcr.cosmicray_lacosmic(made.exposures[0], **options)
    score = simulate.score(
        after,
        made.exposures[0],
        made.charges[0],
        made.truths[0],
        sources=made.sources[0],
    )
    return after, score, {str(one.message) for one in told}


def table(seeds):
    """Lines of the table: means over seeds."""
    lines = [f"{'':32}{'pair':^21}{'median':^21}{'LACosmic':^21}"]
    lines.append(f"{'':32}" + 3 * f"{'compl. false changed':21}")
    for name, make in INPUTS.items():
        cells = []
        for cleaner in CLEANERS:
            runs = [clean(make(seed), cleaner)[1:] for seed in seeds]
            compl, false, changed = (
                np.mean([getattr(score, key) for score, _ in runs])
                for key in ("completeness", "n_false_objects", "flux_changed")
            )
            part = "    -" if np.isnan(changed) else f"{100 * changed:4.0f}%"
            mark = "!" if sum(bool(told) for _, told in runs) > len(runs) / 2 else " "
            cells.append(f"{compl:5.2f} {false:5.0f} {part} {mark}   ")
        lines.append(f"{name:32}" + "".join(cells).rstrip())
    return lines


if __name__ == "__main__":
    print("\n".join(line.rstrip() for line in table((1, 2, 3))))  # noqa: T201
