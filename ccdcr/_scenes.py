# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Noise-free images of what a CCD sees, in electrons."""

import numpy as np

__all__ = ["add_galaxies", "add_stars", "emission_lines", "sky_lines", "trace"]

_BETA = 3.0  # exponent of the Moffat profile
_FINE = 3  # points per pixel and direction over which a profile is averaged


def _stamp(shape, y, x, half):
    """Slices around a position, and fine coordinates relative to it."""
    rows = slice(max(0, int(y) - half), max(0, min(shape[0], int(y) + half + 1)))
    columns = slice(max(0, int(x) - half), max(0, min(shape[1], int(x) + half + 1)))
    fine = (np.arange(_FINE) + 0.5) / _FINE - 0.5
    dy = np.arange(rows.start, rows.stop)[:, None] + fine - y
    dx = np.arange(columns.start, columns.stop)[:, None] + fine - x
    return (rows, columns), dy[:, None, :, None], dx[None, :, None, :]


def add_stars(image, y, x, flux, fwhm):
    """
    Add Moffat stars of exponent 3.

    Parameters
    ----------
    image : 2D `~numpy.ndarray`
        Changed in place.
    y, x, flux : 1D `~numpy.ndarray`
        Positions in pixels, and electrons of each star.
    fwhm : float
        Full width at half maximum in pixels.
    """
    alpha2 = (fwhm / 2) ** 2 / (2 ** (1 / _BETA) - 1)
    peak = (_BETA - 1) / (np.pi * alpha2)
    for y0, x0, f in zip(y, x, flux, strict=True):
        half = int(np.clip(fwhm * (f / 10) ** (0.5 / _BETA), 8, 60))
        part, dy, dx = _stamp(image.shape, y0, x0, half)
        profile = (1 + (dy**2 + dx**2) / alpha2) ** -_BETA
        image[part] += f * peak * profile.mean(axis=(2, 3))


def add_galaxies(image, y, x, flux, radius, axis_ratio, angle, fwhm):
    """
    Add exponential discs whose centres are blurred.

    Parameters
    ----------
    image : 2D `~numpy.ndarray`
        Changed in place.
    y, x, flux, radius, axis_ratio, angle : 1D `~numpy.ndarray`
        Position, electrons, scale length in pixels, shape of each.
    fwhm : float
        Seeing in pixels.
    """
    for y0, x0, f, r, q, a in zip(y, x, flux, radius, axis_ratio, angle, strict=True):
        part, dy, dx = _stamp(image.shape, y0, x0, int(8 * r + 2 * fwhm))
        along = dx * np.cos(a) + dy * np.sin(a)
        across = (dy * np.cos(a) - dx * np.sin(a)) / q
        distance = np.sqrt(along**2 + across**2 + (fwhm / 2.355) ** 2)
        profile = np.exp(-distance / r).mean(axis=(2, 3))
        image[part] += f * profile / (2 * np.pi * r**2 * q)


def sky_lines(shape, x, flux, fwhm, tilt, curvature, shift):
    """
    Night-sky lines along the slit.

    Parameters
    ----------
    shape : tuple of int
        Rows (slit) and columns (wavelength).
    x, flux : 1D `~numpy.ndarray`
        Position at the middle of the slit, and electrons per row of each line.
    fwhm : float
        Full width at half maximum in pixels.
    tilt : float
        Columns per row.
    curvature : float
        Columns by which the ends of the slit lie off.
    shift : tuple of float
        ``(dy, dx)`` of the exposure.

    Returns
    -------
    image : 2D `~numpy.ndarray`
        Electrons.
    """
    row = np.arange(shape[0]) + shift[0] - shape[0] / 2
    offset = tilt * row + curvature * (2 * row / shape[0]) ** 2
    column = np.arange(shape[1]) + shift[1]
    sigma = fwhm / 2.355
    image = np.zeros(shape)
    for x0, f in zip(x, flux, strict=True):
        near = np.abs(column - x0) < 6 * sigma + np.abs(offset).max()
        d = column[None, near] - x0 - offset[:, None]
        image[:, near] += f * np.exp(-0.5 * (d / sigma) ** 2) / sigma / 2.5066
    return image


def trace(shape, y, flux, fwhm, shift):
    """
    Continuum of a point source.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    y : float
        Its row at the left edge.
    flux : tuple of float
        Electrons in the first and in the last column.
    fwhm : float
        Seeing in pixels.
    shift : tuple of float
        ``(dy, dx)`` of the exposure.

    Returns
    -------
    image : 2D `~numpy.ndarray`
        Electrons.
    """
    column = np.arange(shape[1]) + shift[1]
    d = np.arange(shape[0])[:, None] + shift[0] - y - 0.004 * column
    alpha2 = (fwhm / 2) ** 2 / (2 ** (1 / _BETA) - 1)
    profile = (1 + d**2 / alpha2) ** -_BETA
    colour = flux[0] + (flux[1] - flux[0]) * column / max(1, shape[1] - 1)
    return colour * profile / profile.sum(axis=0)


def emission_lines(shape, lines, fwhm, shift):
    """
    Emission lines of an extended object, which rotates and is clumpy.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    lines : list of tuple
        For each: row, column, electrons, extent in rows, columns of rotation, and
        rows, strengths and widths of its clumps.
    fwhm : float
        Width of a line in pixels.
    shift : tuple of float
        ``(dy, dx)`` of the exposure.

    Returns
    -------
    image : 2D `~numpy.ndarray`
        Electrons.
    """
    row = np.arange(shape[0])[:, None] + shift[0]
    column = np.arange(shape[1])[None] + shift[1]
    sigma = fwhm / 2.355
    image = np.zeros(shape)
    for y0, x0, flux, extent, rotation, clumps in lines:
        along = np.exp(-np.abs(row - y0) / extent)
        for where, strength, width in clumps:
            along += strength * np.exp(-0.5 * ((row - y0 - where) / width) ** 2)
        centre = x0 + rotation * np.tanh((row - y0) / extent)
        profile = along * np.exp(-0.5 * ((column - centre) / sigma) ** 2)
        image += flux * profile / profile.sum()
    return image
