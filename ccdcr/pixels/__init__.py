# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The arithmetic of cosmic-ray removal on plain arrays.

Nothing in here knows frames, units, headers or files.
"""
