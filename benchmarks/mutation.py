# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Whether the tests notice a mistake in the code that decides about pixels.

mutmut makes the mistakes ("mutants": a sign turned, an argument left out, a limit moved
by one) in the functions of ``ccdcr/pixels`` and in ``ccdcr/_ccd.py``. For each one the
tests that call the function are run until one fails, fast ones first, in a process
forked from one that has collected them. What none notices is printed as a difference.

    python -m pip install mutmut
    python benchmarks/mutation.py --jobs 2 --results mutants.jsonl
    python benchmarks/mutation.py noise single --results mutants.jsonl --seconds 20
    python benchmarks/mutation.py --results mutants.jsonl --show

A second run with the same results tries those again that survived: for longer, or with
``--tests "pixels matched"`` by the tests of some files only, such as new ones.
"""

import argparse
import ast
import difflib
import gc
import json
import multiprocessing
import os
import random
import re
import resource
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = "ccdcr/pixels/*.py", "ccdcr/_ccd.py"
# Processes, pages and whole nights say nothing about one pixel, and take long.
TESTS = (
    "ccd coincident compare contract detections exposure few_pixels files groups "
    "health hostile inputs keyword lacosmic level limits match matched median noticed "
    "oracles pair pixels properties pulls real_frames regions report restore shape "
    "shift simulate single stack table witnesses"
)
LONGEST = 4.0  # seconds of a test that is used
OPEN = "survived", "no test"
# Changes that change nothing: they are counted apart, not tried.
EQUIVALENT = (
    r"(?s)strict=True(?!.*strict=True)",  # a check of our own; the lengths are equal
    r"errstate\(",  # the cleaners silence all of numpy around it
    r"\+.*\bcopy=(True|None)|-.*, copy=False(?!.*\n\+.*copy=False)",  # a copy more
    r"overwrite_x=",  # memory, not numbers
)


def mutate(folder, modules):
    """Copy the project into a folder, mistakes inside; tell their names."""
    from mutmut.mutation.file_mutation import mutate_file_contents

    for name in ("ccdcr", "docs", "examples", "pyproject.toml", "setup.cfg"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    names = []
    for path in sources(folder):
        if modules and path.stem not in modules:
            continue
        made = mutate_file_contents(str(path), path.read_text())
        path.write_text(made.code)
        module = ".".join(path.relative_to(folder).with_suffix("").parts)
        names += [f"{module}.{name}" for name in made.mutant_names]
    return names


def sources(folder):
    return [path for pattern in SOURCES for path in sorted(folder.glob(pattern))]


def function_of(mutant):
    """The name that mutmut counts a function by."""
    return re.sub(r"__mutmut_\w+$", "", mutant)


class Stats:
    """Which tests call which function, and how long each takes."""

    def __init__(self, path):
        self.path = path
        self.tests = {}

    def pytest_runtest_makereport(self, item, call):
        from mutmut.state import state

        one = self.tests.setdefault(item.nodeid, {"time": 0.0, "ok": True})
        one["time"] += call.duration
        one["ok"] &= call.excinfo is None
        one["calls"] = sorted(set(one.get("calls", ())) | set(state()._stats))
        if call.when == "teardown":
            state()._stats.clear()

    def pytest_sessionfinish(self):
        self.path.write_text(json.dumps(self.tests))


class Mutants:
    """Instead of the loop of pytest: for each mutant its tests, in a fork."""

    def __init__(self, mutants, stats, seconds, out):
        self.mutants, self.seconds, self.out = mutants, seconds, out
        self.stats = json.loads(stats.read_text())

    def pytest_runtestloop(self, session):
        items = {item.nodeid: item for item in session.items}
        order = ordered(self.stats, items)
        gc.collect()
        gc.freeze()  # what is not touched is not copied in the forks
        with open(self.out, "a") as out:
            for mutant in self.mutants:
                names = order.get(function_of(mutant), [])
                verdict = self.judge(mutant, [items[name] for name in names])
                if verdict in items:  # what has noticed one mistake may notice more
                    names.remove(verdict)
                    names.insert(0, verdict)
                print(json.dumps([mutant, verdict]), file=out, flush=True)
        return True

    def judge(self, mutant, tests):
        if not tests:
            return "no test"
        receiving, sending = os.pipe()
        child = os.fork()
        if not child:
            self.run(mutant, tests, sending)
        os.close(sending)
        with open(receiving) as pipe:
            killer = pipe.read()
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return killer or {0: "survived"}.get(code, f"ended {code}")

    def run(self, mutant, tests, pipe):
        from _pytest.runner import runtestprotocol
        from mutmut.mutation.trampoline import set_mutant_under_test

        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 1), os.dup2(null, 2)
        limit = int(10 * self.seconds) + 30
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
        resource.setrlimit(resource.RLIMIT_AS, (2**33, 2**33))
        set_mutant_under_test(mutant)
        begin = time.process_time()
        for item, following in zip(tests, [*tests[1:], None], strict=True):
            reports = runtestprotocol(item, log=False, nextitem=following)
            if any(report.failed for report in reports):
                os.write(pipe, item.nodeid.encode())
                os._exit(1)
            if time.process_time() - begin > self.seconds:
                break
        os._exit(0)


def ordered(stats, items):
    """For each function its tests: one of each kind first, and fast ones first."""
    calls = defaultdict(list)
    for name, one in stats.items():
        if name in items and one["ok"] and one["time"] < LONGEST:
            for function in one["calls"]:
                calls[function].append(name)
    order = {}
    for function, names in calls.items():
        seen, ranked = defaultdict(int), []
        for name in sorted(names, key=lambda name: stats[name]["time"]):
            kind = name.partition("[")[0]
            ranked.append((seen[kind], stats[name]["time"], name))
            seen[kind] += 1
        order[function] = [name for _, _, name in sorted(ranked)]
    return order


def pytest(folder, plugin, under_test, tests):
    import pytest
    from mutmut.mutation.trampoline import set_mutant_under_test

    os.chdir(folder)
    sys.path.insert(0, str(folder))
    os.environ["MUTMUT_DEPENDENCY_DEPTH"] = "-1"
    set_mutant_under_test(under_test)
    tests = [folder / f"ccdcr/tests/test_{name}.py" for name in tests.split()]
    chosen = [str(path) for path in tests if path.exists()]
    options = ["-q", "-s", "-p", "no:cacheprovider", f"--rootdir={folder}", *chosen]
    return pytest.main(["-c", str(folder / "pyproject.toml"), *options], [plugin])


def differences(folder, names):
    """What each mutant changes: the lines before and after."""
    texts = {}
    for path in sources(folder):
        module = ".".join(path.relative_to(folder).with_suffix("").parts)
        source = path.read_text()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef) and "__mutmut_" in node.name:
                node.decorator_list, name = [], node.name
                node.name = "f"
                texts[f"{module}.{name}"] = ast.unparse(node).splitlines()
    for name in names:
        before = texts[f"{function_of(name)}__mutmut_orig"]
        lines = difflib.unified_diff(before, texts[name], n=0, lineterm="")
        yield name, [k for k in lines if not k.startswith(("---", "+++", "@@"))]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--results", type=Path, default=Path("mutants.jsonl"))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5, help="of tests for each")
    parser.add_argument("modules", nargs="*", help="such as noise; all without")
    parser.add_argument("--tests", default=TESTS, help="the files test_*.py")
    parser.add_argument("--stats", type=Path, help="to keep, or to use again")
    parser.add_argument("--show", action="store_true", help="do not try any")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mutants = mutate(folder, args.modules)
        if args.show:
            return show(folder, mutants, dict(read(args.results)))
        stats = args.stats or folder / "stats.json"
        if not stats.exists():
            first = shutil.copytree(folder, folder / "stats")
            join([start(pytest, first, Stats(stats), "stats", args.tests)])
        known = dict(read(args.results))
        for one, lines in differences(folder, mutants):
            if any(re.search(same, "\n".join(lines)) for same in EQUIVALENT):
                known[one] = "equivalent"
        left = [one for one in mutants if known.get(one, OPEN[0]) in OPEN]
        random.Random(0).shuffle(left)  # that a run cut short is a fair sample
        shares = [left[k :: args.jobs] for k in range(args.jobs)]
        how = stats, args.seconds, args.results
        join(
            start(pytest, folder, Mutants(share, *how), "", args.tests)
            for share in shares
        )
        with open(args.results, "a") as out:
            for one in known:
                if known[one] == "equivalent":
                    print(json.dumps([one, "equivalent"]), file=out)
        show(folder, mutants, dict(read(args.results)))


def read(path):
    """The verdicts of earlier runs; later ones overrule."""
    return map(json.loads, path.read_text().splitlines()) if path.exists() else ()


def start(*arguments):
    context = multiprocessing.get_context("fork")
    worker = context.Process(target=arguments[0], args=arguments[1:])
    worker.start()
    return worker


def join(workers):
    for worker in list(workers):
        worker.join()


def show(folder, mutants, verdicts):
    counts = defaultdict(int)
    for mutant in mutants:
        verdict = verdicts.get(mutant, "not tried")
        counts["killed" if "::" in verdict else verdict] += 1
    left = [one for one in mutants if verdicts.get(one) in OPEN]
    for name, lines in differences(folder, left):
        print(f"{name} ({verdicts[name]})", *lines, sep="\n    ")
    print(dict(counts))


if __name__ == "__main__":
    main()
