# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Which exposures are equivalent, and in what others differ."""

from itertools import pairwise

from astropy import units as u

__all__ = ["apart", "groups", "order", "why_alone"]

_TOLD = 3  # differences that are told
_SAME = 1.01  # ratio of exposure times that are equal


def order(exposure):
    """
    Make the key by which exposures are sorted.

    Parameters
    ----------
    exposure : `~ccdcr._headers.Exposure`
        One of them.

    Returns
    -------
    key : tuple
        By time, those without one at the end; then by name.
    """
    start = exposure.start
    return start is None, 0.0 if start is None else start, exposure.path


def groups(exposures, gap):
    """
    Find lists of equivalent exposures, none long after the one before it.

    Parameters
    ----------
    exposures : list of `~ccdcr._headers.Exposure`
        What is known of them.
    gap : float
        Seconds from the end of one to the begin of the next, at most.

    Yields
    ------
    group : list of `~ccdcr._headers.Exposure`
        By time.
    """
    setups = {}
    for one in sorted(exposures, key=lambda one: one.exposure or 0.0):
        # the shortest of those that are equal stands for them
        known = setups.setdefault((one.setup, one.start is None), [])
        for group in known:
            if _same(group[0].exposure, one.exposure):
                group.append(one)
                break
        else:
            known.append([one])
    for group in (group for known in setups.values() for group in known):
        group.sort(key=order)
        cuts = [0]
        for k, (one, following) in enumerate(pairwise(group), 1):
            if one.start is not None and following.start - one.end > gap:
                cuts.append(k)
        for first, last in pairwise([*cuts, len(group)]):
            yield group[first:last]


def apart(group):
    """
    Take out what was exposed at the same time: versions of one, or two chips.

    Parameters
    ----------
    group : list of `~ccdcr._headers.Exposure`
        By time.

    Returns
    -------
    group : list of `~ccdcr._headers.Exposure`
        The others.
    left : list of tuple of str
        Paths of what was taken out, and why.
    """
    twins = {}
    for one, following in pairwise(group):
        if one.start is None:
            continue
        if following.start <= one.start + (one.exposure or 0.0) / 2:
            twins[one.path] = following.path
            twins[following.path] = one.path
    why = "exposed at the same time as {}: a keyword must tell these apart"
    left = [(path, why.format(twins[path])) for path in twins]
    return [one for one in group if one.path not in twins], left


def _same(one, other):
    if one is None or other is None:
        return one is other
    return max(one, other) <= _SAME * min(one, other)


def why_alone(one, exposures, keywords, gap):
    """
    Say in what an exposure differs from the one that is most like it.

    Parameters
    ----------
    one : `~ccdcr._headers.Exposure`
        The exposure.
    exposures : list of `~ccdcr._headers.Exposure`
        All of them.
    keywords : sequence of str
        Whose values tell the set-up.
    gap : float
        Longest pause in a group, in seconds.

    Returns
    -------
    text : str
        One sentence.
    """
    best = None
    for other in exposures:
        if other is not one:
            differ = _differences(one, other, keywords)
            if best is None or len(differ) < len(best):
                best = differ
    if not best:
        return f"no equivalent exposure within {_time(gap)}, or all are in pairs"
    more = f"; {len(best) - _TOLD} more" if len(best) > _TOLD else ""
    return f"no equivalent exposure: {'; '.join(best[:_TOLD])}{more}"


def _differences(one, other, keywords):
    *mine, said1, shape1 = one.setup
    *theirs, said2, shape2 = other.setup
    same = [a == b for a, b in zip(mine, theirs, strict=True)]
    same += [_same(one.exposure, other.exposure) and said1 == said2, shape1 == shape2]
    names = (*keywords, "exposure time", "shape")
    texts = zip(names, one.texts, other.texts, strict=True)
    return [
        f"{name} is {a or 'not given'}, of others {b or 'not given'}"
        for alike, (name, a, b) in zip(same, texts, strict=True)
        if not alike
    ]


def _time(seconds):
    for unit in (u.h, u.min):
        number = seconds / unit.to(u.s)
        if number >= 1:
            return f"{number:.3g} {unit}"
    return f"{seconds:.3g} s"
