# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Lines and branches that the tests reach, each for itself.

``python benchmarks/covered.py coverage.json [least]`` reads a report of coverage.py
(``--cov-report=json``), and ends with 1 if either is below that many per cent.
"""

import json
import sys


def main(path, least=0.0):
    """Print both shares, and the files that have less than ``least`` of either."""
    with open(path) as file:
        report = json.load(file)
    for name, one in sorted(report["files"].items()):
        lines, branches = shares(one["summary"])
        if min(lines, branches) < float(least):
            print(f"{name}: lines {lines:.1f} %, branches {branches:.1f} %")
    lines, branches = shares(report["totals"])
    print(f"all: lines {lines:.2f} %, branches {branches:.2f} %")
    return min(lines, branches) < float(least)


def shares(totals):
    """Of what there is; all of nothing."""
    return [
        100 * totals[f"covered_{what}"] / totals[number] if totals[number] else 100
        for what, number in (("lines", "num_statements"), ("branches", "num_branches"))
    ]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
