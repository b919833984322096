"""The command line: `python -m ensir`, and the console script `ensir`.

What a command takes is data, what it does is a function in `ensir.commands`, and what it answers
is plain values, printed as text or as one JSON object.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from ensir import __version__, commands
from ensir.errors import InputError
from ensir.files import shown_name
from ensir.progress import OnProgress

BAD_INPUT, INTERRUPTED = 2, 130  # exit codes; 130 is a shell's for Ctrl-C


@dataclass(frozen=True)
class Argument:
    """An argument as `ArgumentParser.add_argument` takes it."""

    flags: tuple[str, ...]
    options: dict[str, object]


@dataclass(frozen=True)
class Command:
    """What a command does, in words and in code, and what it takes."""

    summary: str
    run: commands.Run
    arguments: tuple[Argument, ...]


def argument(*flags: str, **options: object) -> Argument:
    return Argument(flags, options)


def several(*flags: str, what: str, **options: object) -> Argument:
    return argument(*flags, nargs="+", help=what, **options)


TABLE = argument(
    "table", type=Path, metavar="TABLE", help="a table, .safetensors or a released .pth"
)
OUTPUT = ("-o", "--output")
CANDIDATES = several(
    "--candidates", metavar="NAME", what="the candidates' folders, in the table's order"
)
NAMES = several(
    "--names", metavar="NAME", what="the candidates in order: a .pth table does not say them"
)

COMMANDS: dict[str, Command] = {
    "fit": Command(
        "fit a table to pictures with ground truth, or to statistics gathered earlier",
        commands.fit,
        (
            argument(
                "reference",
                type=Path,
                metavar="REFERENCE",
                help="a folder with gt and one folder for each candidate, or a statistics file",
            ),
            CANDIDATES,
            argument(
                "--bin-width",
                type=int,
                metavar="LEVELS",
                help="1 to 256 (32; that of a statistics file, or a multiple)",
            ),
            argument("--method", default="em", help="em or published (%(default)s)"),
            argument(
                "--first-weights",
                default="released",
                help="where EM starts: released or uniform (%(default)s)",
            ),
            several(
                "--prior",
                type=float,
                metavar="WEIGHT",
                what="where EM starts instead, one weight for each candidate",
            ),
            argument("--device", default="cpu", help="cpu, cuda, ... (%(default)s)"),
            argument(
                *OUTPUT, type=Path, metavar="FILE", required=True, help="the table, .safetensors"
            ),
        ),
    ),
    "fuse": Command(
        "fuse the candidates of one picture by a table",
        commands.fuse,
        (
            TABLE,
            argument(
                "pictures",
                nargs="+",
                type=Path,
                metavar="CANDIDATE",
                help="a picture of each candidate, in the table's order",
            ),
            NAMES,
            argument(
                "--crop",
                action="store_true",
                help="crop candidates of different sizes to what all have, top left",
            ),
            argument(
                "--weights", type=Path, metavar="FILE", help="also write the weight maps, .npz"
            ),
            argument(
                *OUTPUT, type=Path, metavar="FILE", required=True, help="the fused picture, .png"
            ),
        ),
    ),
    "score": Command(
        "score candidates, baselines and tables on pictures with ground truth",
        commands.score,
        (
            argument("reference", type=Path, metavar="REFERENCE", help="a folder as fit takes it"),
            several("--candidates", required=True, metavar="NAME", what="their folders, in order"),
            argument(
                "--table",
                dest="tables",
                nargs="+",
                action="extend",
                type=Path,
                default=[],
                metavar="TABLE",
                help="tables to score",
            ),
            argument(
                "--baselines",
                nargs="*",
                metavar="NAME",
                help="average, zzpm, inverse-mse (all of them)",
            ),
        ),
    ),
    "show": Command(
        "say what a table or a statistics file is and holds",
        commands.show,
        (argument("file", type=Path, metavar="TABLE", help="a table or a statistics file"), NAMES),
    ),
    "convert": Command(
        "turn a released .pth table into .safetensors, or back",
        commands.convert,
        (
            TABLE,
            argument("output", type=Path, metavar="OUT", help="ends in .safetensors or .pth"),
            NAMES,
        ),
    ),
    "merge": Command(
        "add up statistics of several reference sets, or of parts of one",
        commands.merge,
        (
            several("statistics", type=Path, metavar="STATISTICS", what="files of fit or merge"),
            argument(
                *OUTPUT, type=Path, metavar="FILE", required=True, help="their sum, .safetensors"
            ),
        ),
    ),
    "restore": Command(
        "restore pictures by one or more models",
        commands.restore,
        (
            argument("pictures", nargs="*", type=Path, metavar="IMAGE", help="pictures to restore"),
            several(
                "--models",
                metavar="NAME",
                required=True,
                what="models as `models` lists, or outputs:FOLDER for what another program made",
            ),
            argument("--task", help="of models that are there for several: deblurring, ..."),
            argument(
                "--self-ensemble",
                action="store_true",
                help="average over eight flips and rotations, in eight times the time",
            ),
            argument(
                "--input_dir",
                "--input-dir",
                type=Path,
                metavar="FOLDER",
                help="restore all pictures of a folder",
            ),
            argument(
                "--result_dir",
                "--result-dir",
                type=Path,
                metavar="FOLDER",
                help="gets the pictures of a single model",
            ),
            argument(
                *OUTPUT,
                type=Path,
                metavar="FOLDER",
                help="gets a folder for each model: a reference set, once gt is beside them",
            ),
        ),
    ),
    "models": Command(
        "list the models, or add one from a file or a known link",
        commands.models,
        (
            argument("action", nargs="?", choices=["list", "add", "get"], default="list"),
            argument(
                "what",
                nargs="?",
                metavar="FILE|NAME",
                help="a checkpoint to add, or a model whose file is fetched",
            ),
            argument("--task", help="what the added one was trained for, if its file cannot say"),
        ),
    ),
    "train": Command(
        "train a small network of our own, or go on training it",
        commands.train,
        (
            argument(
                "task", metavar="TASK", help="denoising, deraining, deblurring or super-resolution"
            ),
            argument("architecture", metavar="ARCH", help="mprnet, nafnet or restormer"),
            argument(
                "--photos",
                type=Path,
                metavar="FOLDER",
                required=True,
                help="clean photographs; every eighth is held out",
            ),
            argument(
                "--state",
                type=Path,
                metavar="FILE",
                help="what is gone on from (beside the output)",
            ),
            argument("--steps", type=int, default=20_000, help="in all (%(default)s)"),
            argument("--seed", type=int, default=0, help="of weights and crops (%(default)s)"),
            argument("--rate", type=float, default=3e-3, help="of learning (%(default)s)"),
            argument(
                "--minutes", type=float, default=float("inf"), help="when to stop for now (never)"
            ),
            argument("--device", default="cpu", help="cpu, cuda, ... (%(default)s)"),
            argument(
                *OUTPUT, type=Path, metavar="FILE", required=True, help="the weights, .safetensors"
            ),
        ),
    ),
    "app": Command(
        "open the app in a browser",
        commands.app,
        (argument("--port", type=int, help="where to serve it (the first free one)"),),
    ),
}


class Parser(argparse.ArgumentParser):
    """Mistakes become InputError, so that they are said in one sentence like all others."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}: see {self.prog} --help")


def parser() -> Parser:
    """The parser of all commands."""
    whole = Parser(
        prog="ensir",
        description="Fuses the outputs of image-restoration models by lookup tables.",
        allow_abbrev=False,
    )
    whole.add_argument("--version", action="version", version=f"ensir {__version__}")
    chosen = whole.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        one = chosen.add_parser(
            name, help=command.summary, description=command.summary, allow_abbrev=False
        )
        for taken in command.arguments:
            one.add_argument(*taken.flags, **taken.options)  # type: ignore[arg-type]
        one.add_argument("--json", action="store_true", help="print one JSON object")
    return whole


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit code: 0, 2 for input it cannot use, 130 for Ctrl-C."""
    try:
        chosen = parser().parse_args(arguments)
        # Whatever a library prints must not mix with the answer.
        with redirect_stdout(sys.stderr), progress_bar() as on_progress:
            answer = COMMANDS[chosen.command].run(chosen, on_progress)
        print(answer.json() if chosen.json else answer.text(), flush=True)
    except InputError as error:
        print("ensir:", " ".join(str(error).split()), file=sys.stderr)
        return BAD_INPUT
    except BrokenPipeError:  # the reader, `head` for example, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:  # what no command foresaw: no permission, a name too long
        name = shown_name(Path(error.filename)) if error.filename else "a file"
        print(f"ensir: {name} cannot be used ({error.strerror}): check it", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


@contextmanager
def progress_bar() -> Iterator[OnProgress]:
    """Shows progress where somebody looks on, and nowhere else."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from tqdm import tqdm

    # Work that is done at once needs no bar.
    with tqdm(unit="part", leave=False, delay=0.5, file=sys.stderr) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show


if __name__ == "__main__":
    sys.exit(main())
