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
from functools import partial
from pathlib import Path
from typing import NoReturn

from ensir import __version__, commands
from ensir.answers import printable
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


def number_or_auto(kind: type[int] | type[float], text: str) -> float | str:
    """A number, or the word that leaves the choice to pictures left out of the fit."""
    try:
        return text if text == "auto" else kind(text)
    except ValueError:
        what = "a whole number" if kind is int else "a number"
        raise argparse.ArgumentTypeError(f"{what} or auto, got {text!r:.80}") from None


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
                help="a folder, or a zip of it, with gt and one folder for each candidate (16 bits "
                "count as the nearest of 8, grey as three equal colours), or a file of fit, merge "
                "or reference",
            ),
            CANDIDATES,
            argument(
                "--bin-width",
                type=partial(number_or_auto, int),
                metavar="LEVELS",
                help="1 to 256 (32; that of a statistics file, or a multiple), or auto",
            ),
            argument("--method", default="em", help="em, published or least-squares (%(default)s)"),
            argument(
                "--trust",
                type=partial(number_or_auto, float),
                metavar="SHARE",
                help="from 0, averaging, to 1, all that the reference set says, or auto "
                "(1; 0.5 for least-squares)",
            ),
            argument(
                "--ridge",
                type=partial(number_or_auto, float),
                metavar="PIXELS",
                help="what the channel's weights count as in a bin set of least-squares, or auto "
                "(20)",
            ),
            argument(
                "--back-off",
                type=float,
                metavar="PIXELS",
                help="the same for em, which then fits bin sets of fewer than 100 pixels too",
            ),
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
                "--workers",
                type=int,
                default=1,
                metavar="N",
                help="processes that read the pictures, by Dask (%(default)s)",
            ),
            argument(
                "--scheduler", metavar="ADDRESS", help="a Dask cluster that sees the same folder"
            ),
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
                "--soft",
                action="store_true",
                help="interpolate the weights between bin sets: no steps at the edges of bins",
            ),
            argument(
                "--reference",
                type=Path,
                metavar="FILE",
                help="what the table was fitted from, to say whether the picture is like it",
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
    "league": Command(
        "report who fuses best on pictures that nobody was fitted on",
        commands.league,
        (
            argument("reference", type=Path, metavar="REFERENCE", help="a folder as fit takes it"),
            several(
                "--candidates",
                metavar="NAME",
                what="their folders, in order (all but gt and lq)",
            ),
            argument(
                "--against",
                type=Path,
                metavar="FOLDER",
                help="fuse these pictures instead of leaving out each of the reference in turn",
            ),
            several(
                "--contestants",
                metavar="NAME",
                what="average, zzpm, inverse-mse, bagging, adaboost, random-forest, extra-trees, "
                "gradient-boosting, histogram-gradient-boosting, em, published, least-squares, "
                "least-squares-half, oracle-pixels, oracle-weights (all of them)",
            ),
            argument(
                "--pixels",
                type=int,
                default=100_000,
                metavar="N",
                help="of one channel that regressors are fitted to (%(default)s)",
            ),
            argument(
                *OUTPUT,
                type=Path,
                metavar="FILE",
                action="append",
                required=True,
                help="the report, .html, .md or .csv; may be said several times",
            ),
        ),
    ),
    "show": Command(
        "say what a table, a statistics file or a workspace is and holds",
        commands.show,
        (
            argument("file", type=Path, metavar="FILE", help="a table, statistics or a workspace"),
            NAMES,
        ),
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
    "reference": Command(
        "say what each picture of a reference set does to the others; add or remove some",
        commands.reference,
        (
            argument(
                "reference",
                type=Path,
                metavar="REFERENCE",
                help="a folder as fit takes it, or a file that this command has written",
            ),
            CANDIDATES,
            several(
                "--add",
                type=Path,
                default=[],
                metavar="FOLDER",
                what="folders or files whose pictures are added",
            ),
            several("--remove", default=[], metavar="NAME", what="pictures that are left out"),
            argument(
                "--method",
                default="least-squares",
                help="of the tables that judge: em, published or least-squares (%(default)s)",
            ),
            argument("--bin-width", type=int, metavar="LEVELS", help="of those tables (32)"),
            argument(
                *OUTPUT,
                type=Path,
                metavar="FILE",
                help="the statistics of each picture, .safetensors: fit takes it, and auto works",
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
        "list the models, or add one from a file or a link",
        commands.models,
        (
            argument("action", nargs="?", choices=["list", "add", "get"], default="list"),
            argument(
                "what",
                nargs="?",
                metavar="FILE|LINK|NAME",
                help="a checkpoint to add, or the link of one to get, or a model's name",
            ),
            argument("--task", help="what the added one was trained for, if its file cannot say"),
            argument("--sha256", metavar="HASH", help="of the file behind the link"),
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
            argument(
                "--weights",
                type=Path,
                metavar="FILE",
                help="weights to begin with; the same again to go on",
            ),
            argument("--steps", type=int, default=20_000, help="in all (%(default)s)"),
            argument("--seed", type=int, default=0, help="of weights and crops (%(default)s)"),
            argument("--rate", type=float, default=3e-3, help="of learning (%(default)s)"),
            argument(
                "--minutes", type=float, default=float("inf"), help="when to stop for now (never)"
            ),
            argument("--device", default="cpu", help="cpu, cuda, ... (%(default)s)"),
            argument(
                "--half",
                action="store_true",
                help="layers in bfloat16, compiled: faster, after a minute or two of compiling",
            ),
            argument(
                *OUTPUT, type=Path, metavar="FILE", required=True, help="the weights, .safetensors"
            ),
        ),
    ),
    "app": Command(
        "serve the app and print its address",
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
        print("ensir:", printable(" ".join(str(error).split())), file=sys.stderr)
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
