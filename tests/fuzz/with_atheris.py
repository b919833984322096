"""Fuzzing that follows the branches of the code, for as long as one likes. Needs `atheris`.

    python -m tests.fuzz.with_atheris picture FOLDER -max_total_time=600

FOLDER, which begins empty or holds files to begin with, keeps what reached something new. What is
found is put into tests/fuzz/corpus and replayed from then on.
"""

import sys
import tempfile
from pathlib import Path


def main() -> None:
    import atheris

    with atheris.instrument_imports(include=["ensir", "PIL"]):
        from tests.fuzz.targets import TARGETS

    if len(sys.argv) < 3 or sys.argv[1] not in TARGETS:
        sys.exit(f"usage: python -m tests.fuzz.with_atheris {'|'.join(TARGETS)} FOLDER [options]")
    name = sys.argv.pop(1)
    target, folder = TARGETS[name], Path(tempfile.mkdtemp())
    corpus = Path(__file__).parent / "corpus" / name
    atheris.Setup([*sys.argv, str(corpus)], lambda data: target(data, folder))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
