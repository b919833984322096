"""Runs fuzz targets for long: many more cases than in the tests, others in each turn.

    python -m tests.fuzz.long_run tables=200000 zips=100000 pictures=100000 api=50000

Names are those of the files here, without `_test.py`; the numbers are cases. Each turn is a process
of its own with a seed of its own. Prints what was done so far; what was found is printed whole.
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
TIMES = 2  # the cases of a run of the tests, in one turn
DONE = re.compile(r"(\d+) passing, (\d+) failing")


def main() -> None:
    wanted = {name: int(count) for name, count in (one.split("=") for one in sys.argv[1:])}
    if not wanted:
        sys.exit("usage: python -m tests.fuzz.long_run NAME=CASES ...")
    done, seconds, found, seed = dict.fromkeys(wanted, 0), dict.fromkeys(wanted, 0.0), False, 0
    while left := [name for name in wanted if done[name] < wanted[name]]:
        seed += 1
        for name in left:
            began = time.monotonic()
            cases, said = one_turn(name, seed)
            done[name] += cases
            seconds[name] += time.monotonic() - began
            print(f"{name}: {done[name]} cases in {seconds[name]:.0f} s", flush=True)
            if said:
                found = True
                print(f"seed {seed}:\n{said}", flush=True)
            if not cases:
                sys.exit(f"{name} did not run")
    sys.exit(found)


def one_turn(name: str, seed: int) -> tuple[int, str]:
    """How many cases were tried, and what pytest said where not all went well."""
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "--tb=short"),
            *(f"--hypothesis-seed={seed}", "--hypothesis-show-statistics"),
            f"{FOLDER.relative_to(ROOT)}/{name}_test.py",
        ],
        cwd=ROOT,
        env={**os.environ, "ENSIR_FUZZ": str(TIMES)},
        capture_output=True,
        text=True,
        check=False,
    )
    cases = sum(int(number) for both in DONE.findall(ran.stdout) for number in both)
    return cases, ran.stdout if ran.returncode else ""


if __name__ == "__main__":
    main()
