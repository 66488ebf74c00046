# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Images of the charge that cosmic rays leave, in electrons."""

import numpy as np

__all__ = ["cosmic_rays", "footprint_image"]

_PIXEL = 15.0  # size of a pixel in micrometres
_CHARGE = 75.0  # electrons that a muon frees along a micrometre of silicon
_STRAGGLING = 0.2  # relative width of its Moyal distribution from track to track
_DIFFUSION = 0.3, 0.6  # spread of the charge in pixels, at the surface and at depth
_SPLITS = 16  # parts of the charge of a step that diffuse by themselves
_SHARES = 0.72, 0.16, 0.12  # of tracks, worms and points


def cosmic_rays(shape, n, rng, *, thickness=30.0, muons_only=False, places=None):
    """
    Charge of tracks, worms and points.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    n : int
        Number of cosmic rays.
    rng : `numpy.random.Generator`
        Source of random numbers.
    thickness : float, optional
        Depth of the sensitive silicon in micrometres.
    muons_only : bool, optional
        Straight tracks only.
    places : 2D `~numpy.ndarray`, optional
        Row and column where each begins; anywhere by default.

    Returns
    -------
    image : 2D `~numpy.ndarray`
        Electrons.
    """
    shares = (1.0, 0.0, 0.0) if muons_only else _SHARES
    n_tracks, n_worms, n_points = rng.multinomial(n, shares)
    image = np.zeros(shape)
    at = _somewhere(shape, n, rng) if places is None else np.asarray(places)
    _add_tracks(image, at[:, :n_tracks], rng, thickness)
    _add_worms(image, at[:, n_tracks : n_tracks + n_worms], rng)
    _add_points(image, at[:, n - n_points :], rng)
    return image


def _deposit(image, y, x, charge, spread, rng):
    """Split each charge into parts that diffuse, and add them to their pixels."""
    y, x, charge, spread = (
        np.repeat(np.broadcast_to(value, y.shape), _SPLITS)
        for value in (y, x, charge, spread)
    )
    row = np.rint(y + spread * rng.normal(size=y.size)).astype(int)
    column = np.rint(x + spread * rng.normal(size=y.size)).astype(int)
    inside = (row >= 0) & (row < image.shape[0])
    inside &= (column >= 0) & (column < image.shape[1])
    np.add.at(image, (row[inside], column[inside]), charge[inside] / _SPLITS)


def _somewhere(shape, n, rng):
    return rng.uniform(-0.5, np.array(shape)[:, None] - 0.5, (2, n))


def _add_tracks(image, places, rng, thickness):
    """Muons: straight, from all directions, through the whole depth."""
    y0, x0 = places
    n = y0.size
    # cos^2 times the projected area: the cosine has a density of its third power
    cosine = np.maximum(rng.random(n) ** 0.25, 0.05)
    slope = np.sqrt(1 / cosine**2 - 1)
    azimuth = rng.uniform(0, 2 * np.pi, n)
    moyal = -np.log(rng.normal(size=n) ** 2)  # by its relation to the normal one
    density = _CHARGE * np.maximum(1 + _STRAGGLING * moyal, 0.5)
    n_steps = np.ceil(thickness / cosine).astype(int)
    track = np.repeat(np.arange(n), n_steps)
    first = np.cumsum(n_steps) - n_steps
    depth = (np.arange(track.size) - first[track] + 0.5) / n_steps[track]
    along = depth * thickness * slope[track] / _PIXEL
    charge = density[track] * thickness / cosine[track] / n_steps[track]
    spread = _DIFFUSION[0] + (_DIFFUSION[1] - _DIFFUSION[0]) * depth
    y = y0[track] + along * np.sin(azimuth)[track]
    x = x0[track] + along * np.cos(azimuth)[track]
    _deposit(image, y, x, charge, spread, rng)


def _add_worms(image, places, rng):
    """Electrons that are scattered again and again."""
    y0, x0 = places
    n = y0.size
    n_steps = rng.integers(10, 60, n)
    worm = np.repeat(np.arange(n), n_steps)
    first = np.cumsum(n_steps) - n_steps
    turns = rng.normal(0, 0.35, worm.size)
    angle = np.cumsum(turns)
    angle += (rng.uniform(0, 2 * np.pi, n) - angle[first] if n else angle)[worm]
    y, x = (np.cumsum(0.4 * f(angle)) for f in (np.sin, np.cos))
    y += (y0 - y[first] if n else y)[worm]
    x += (x0 - x[first] if n else x)[worm]
    charge = rng.uniform(60, 300, n)[worm] * rng.exponential(1.0, worm.size)
    _deposit(image, y, x, charge, 0.35, rng)


def _add_points(image, places, rng):
    """Charge that is set free in one place."""
    y, x = places
    n = y.size
    _deposit(image, y, x, 10 ** rng.uniform(2.5, 4, n), rng.uniform(0.2, 0.5, n), rng)


def footprint_image(shape, n, rng, footprints):
    """
    Charge of cosmic rays that are given as lists of pixels.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    n : int
        Number of cosmic rays, chosen at random, each as often as it comes.
    rng : `numpy.random.Generator`
        Source of random numbers.
    footprints : list of 2D `~numpy.ndarray`
        Small images of single cosmic rays, in electrons.

    Returns
    -------
    image : 2D `~numpy.ndarray`
        Electrons; what falls off the edge is lost.
    """
    image = np.zeros(shape)
    for index in rng.integers(0, len(footprints), n):
        stamp = np.asarray(footprints[index])
        stamp = np.rot90(stamp, rng.integers(4))
        y, x = (
            int(rng.integers(1 - s, m)) for s, m in zip(stamp.shape, shape, strict=True)
        )
        rows = slice(max(y, 0), min(y + stamp.shape[0], shape[0]))
        columns = slice(max(x, 0), min(x + stamp.shape[1], shape[1]))
        part = stamp[
            rows.start - y : rows.stop - y, columns.start - x : columns.stop - x
        ]
        image[rows, columns] += part
    return image
