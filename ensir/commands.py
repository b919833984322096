"""The commands of the command line: arguments in, an answer out.

Heavy imports stand inside the functions, so that `--help` starts at once.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ensir.answers import Answer
from ensir.errors import InputError
from ensir.files import shown_name, write_whole
from ensir.progress import OnProgress

if TYPE_CHECKING:
    from torch import Tensor

    from ensir.ensemble.lookup_table import LookupTable
    from ensir.reference_set import ReferencePictures, ReferenceStatistics
    from ensir.restorers import Restorer

Run = Callable[[Namespace, OnProgress], Answer]

BIN_WIDTH = 32  # of statistics gathered without a word about it
FIT_CHOICES = ("bin_width", "method", "prior", "first_weights", "trust", "ridge", "back_off")
LONG = 30  # seconds: what is expected to take more is said before
OWN, RELEASED = ".safetensors", ".pth"  # endings of tables
UNFINISHED = ".unfinished" + OWN  # beside a table: the sums of a fit that was interrupted


def fit(given: Namespace, on_progress: OnProgress) -> Answer:
    """Writes a table; beside it, if pictures were read, the statistics it was fitted from."""
    _check_output(given.output, [OWN], inputs=[given.reference])
    from ensir import fit_pictures, fit_statistics, write_statistics
    from ensir.reference_set import ReferencePictures
    from ensir.summaries import about_table
    from ensir.truth_doubts import doubts

    choices = {name: getattr(given, name) for name in FIT_CHOICES}
    statistics = given.reference
    if _holds_pictures(given.reference):
        statistics = given.output.with_suffix(".statistics" + OWN)
        unfinished = given.output.with_suffix(UNFINISHED)
        gathered = _gathered(given, unfinished, on_progress)
        if isinstance(gathered, ReferencePictures):
            table = fit_pictures(gathered, **choices, on_progress=on_progress).table
            write_statistics(gathered.total, statistics)
        else:
            table = fit_statistics(gathered, **choices).table
            write_statistics(gathered, statistics)
        unfinished.unlink(missing_ok=True)
    else:
        gathered = _read_again(given)
        if isinstance(gathered, ReferencePictures):
            table = fit_pictures(gathered, **choices, on_progress=on_progress).table
        else:
            table = fit_statistics(gathered, **choices).table
    table.save(given.output)
    answer = {"table": given.output, "statistics": statistics, **about_table(table)}
    return Answer({**answer, "notes": list(doubts(gathered))})


def fuse(given: Namespace, on_progress: OnProgress) -> Answer:
    """Writes the fused picture, and the weight maps where asked for.

    With 16 bits a colour if any candidate has them, and with the first one's transparency. The
    notes say where the picture is not one for the table.
    """
    inputs = [given.table, *given.pictures]
    _check_output(given.output, [".png"], inputs)
    if given.weights is not None:
        _check_output(given.weights, [".npz"], inputs)
    from ensir import read_table
    from ensir.ensemble.levels import deepest
    from ensir.images import fused_picture, write_image
    from ensir.intake import in_one_depth, take_in
    from ensir.seen import Seen
    from ensir.shift import shift_of
    from ensir.weight_files import weights_bytes

    table = read_table(given.table, given.names)
    known = {} if given.reference is None else _known_of(given.reference, table)
    _check_order(given.pictures, table.candidate_names)
    pairs = list(zip(table.candidate_names, given.pictures, strict=True))
    taken = take_in(dict(pairs), crop=given.crop)
    candidates = in_one_depth(taken.pictures)
    fusion = table.fuse(candidates, soft=given.soft)
    fused = fused_picture(fusion.image, deepest(list(candidates.values())), taken.alpha)
    write_image(given.output, fused.values, fused.alpha)
    if given.weights is not None:
        write_whole(given.weights, weights_bytes(fusion, table.candidate_names))
    _, height, width = fusion.image.shape
    return Answer(
        {
            "fused": given.output,
            "weights": given.weights,
            "width": width,
            "height": height,
            "bits": 8 * fused.values.element_size(),
            "notes": [
                *taken.notes,
                *shift_of(Seen(list(candidates.values()), None), table, **known).warnings,
            ],
            "candidates": [{"candidate": name, "picture": path} for name, path in pairs],
        }
    )


def score(given: Namespace, on_progress: OnProgress) -> Answer:
    """Scores candidates, baselines and tables by pictures whose ground truth is known."""
    from ensir import BASELINES, ReferenceSet, read_table
    from ensir.scoring import score_reference_set
    from ensir.summaries import score_row

    reference_set = ReferenceSet(given.reference, given.candidates)
    names = [path.name for path in given.tables]
    labels = names if len(set(names)) == len(names) else [str(path) for path in given.tables]
    tables = [read_table(path, given.candidates) for path in given.tables]
    baselines = list(BASELINES) if given.baselines is None else given.baselines
    scores = score_reference_set(
        reference_set, dict(zip(labels, tables, strict=True)), baselines, on_progress
    )
    about = {"reference_set": reference_set.name, "pictures": len(reference_set)}
    rows = [score_row(one) for one in scores]
    return Answer(
        values={**about, "scores": scores},
        shown={**about, "gain": "PSNR RGB above averaging, dB", "scores": rows},
    )


def league(given: Namespace, on_progress: OnProgress) -> Answer:
    """Writes who fuses best on pictures that nobody was fitted on, in the form of each ending."""
    from ensir import ReferenceSet
    from ensir.league.report import REPORTS, report, standing_row
    from ensir.league.running import candidate_folders, run_league

    for output in given.output:
        _check_output(output, list(REPORTS), inputs=[])
    candidates = given.candidates or candidate_folders(given.reference)
    reference_set = ReferenceSet(given.reference, candidates)
    judged = None if given.against is None else ReferenceSet(given.against, candidates)
    held = run_league(
        reference_set, judged, given.contestants, pixels=given.pixels, on_progress=on_progress
    )
    for output in given.output:
        write_whole(output, report(held, output.suffix.lower()).encode())
    about = {
        "reports": given.output,
        "candidates": held.candidate_names,
        "pictures": len(held.pictures),
        "best": held.winner.title,
    }
    rows = [standing_row(one) for one in held.standings]
    return Answer(
        values={**about, "standings": rows},
        shown={**about, "gain": "PSNR RGB above averaging, dB", "standings": rows},
    )


def show(given: Namespace, on_progress: OnProgress) -> Answer:
    """Says what a table, a statistics file or a workspace is and holds."""
    from ensir.ensemble.lookup_table import LookupTable
    from ensir.summaries import about_statistics, about_table
    from ensir.table_files import TABLE_FORMAT, is_released_table, read_reference
    from ensir.tensor_files import format_of, read_file
    from ensir.workspaces import FORMAT, about_workspace, is_workspace, read_workspace

    if is_workspace(given.file):
        return Answer({"format": FORMAT, **about_workspace(read_workspace(given.file))})
    found = read_reference(given.file, given.names)
    if not isinstance(found, LookupTable):
        form = format_of(read_file(given.file), shown_name(given.file))
        return Answer({"format": form, **about_statistics(found)})
    form = "released table" if is_released_table(given.file) else TABLE_FORMAT
    return Answer({"format": form, **about_table(found)})


def convert(given: Namespace, on_progress: OnProgress) -> Answer:
    """Writes a table in the format that the ending of the output says."""
    _check_output(given.output, [OWN, RELEASED], inputs=[given.table])
    from ensir import read_table
    from ensir.published_tables import published_bytes
    from ensir.summaries import about_table
    from ensir.table_files import table_bytes

    table = read_table(given.table, given.names)
    to_bytes = published_bytes if given.output.suffix.lower() == RELEASED else table_bytes
    write_whole(given.output, to_bytes(table))
    return Answer({"table": given.output, **about_table(table)})


def merge(given: Namespace, on_progress: OnProgress) -> Answer:
    """Writes the sum of statistics; the order of the files does not matter."""
    _check_output(given.output, [OWN], inputs=given.statistics)
    from ensir import read_statistics, write_statistics
    from ensir.statistics_files import statistics_digest
    from ensir.summaries import about_statistics

    total: ReferenceStatistics | None = None
    seen: dict[str, Path] = {}
    for place, path in enumerate(given.statistics):
        part = read_statistics(path)
        sha256 = statistics_digest(part)
        if sha256 in seen:
            raise InputError(
                f"{shown_name(seen[sha256])} and {shown_name(path)} hold the same pictures, which "
                "would count twice: name one of them"
            )
        seen[sha256] = path
        total = part if total is None else total + part
        on_progress(place + 1, len(given.statistics))
    assert total is not None  # the command line asks for at least one
    write_statistics(total, given.output)
    return Answer({"statistics": given.output, **about_statistics(total)})


def reference(given: Namespace, on_progress: OnProgress) -> Answer:
    """Says what each picture of a reference set does to the others, with some added or removed.

    What is gathered picture by picture is written where asked for.
    """
    if given.output is not None:
        _check_output(given.output, [OWN], inputs=given.add)
    from ensir.automatic import BIN_WIDTH as USUAL_WIDTH
    from ensir.living_reference import influences, with_pictures, without
    from ensir.methods import Choices
    from ensir.statistics_files import write_pictures

    pictures = _reference_pictures(given.reference, given.candidates, on_progress)
    candidates = pictures.total.candidate_names
    choices = Choices(given.method)
    choices.check(len(candidates))
    pictures = pictures if not given.remove else without(pictures, given.remove)
    for path in given.add:
        pictures = with_pictures(pictures, _reference_pictures(path, candidates, on_progress))
    own = pictures.total.statistics.bins.width
    usual = own if USUAL_WIDTH % own else USUAL_WIDTH
    width = usual if given.bin_width is None else given.bin_width
    found = influences(pictures, choices, width, on_progress) if len(pictures.names) > 1 else ()
    if given.output is not None:
        write_pictures(pictures, given.output)
    mean = sum(one.gain for one in found) / len(found) if found else None
    about = {
        "reference": given.output,
        "candidates": candidates,
        "pictures": len(pictures.names),
        "method": given.method,
        "trust": choices.own_trust,
        "bin_width": width,
        "gain": mean,
        "outliers": [one.picture for one in found if one.outlier is not None],
    }
    return Answer({**about, "influences": [vars(one) for one in found]})


def restore(given: Namespace, on_progress: OnProgress) -> Answer:
    """Writes what each model makes of each picture, in a folder named after the model.

    Into a result folder goes what a single model makes, without a folder of its own.
    """
    pictures = _pictures(given)
    names = [path.stem for path in pictures]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"two pictures are called {twice}: restore them into different folders")
    from ensir.ensemble.levels import levels_of
    from ensir.images import read_picture, write_image
    from ensir.restorers import depth_notes, estimated_seconds, restore_with
    from ensir.restorers.choice import chosen

    def restorers(picture: str) -> dict[str, Restorer]:
        return chosen(given.models, picture, task=given.task, self_ensemble=given.self_ensemble)

    def output_of(model: str, name: str) -> Path:
        folder = given.result_dir or given.output / model
        return folder / f"{name}.png"

    for name in names:
        for model in restorers(name):
            _check_not_input(output_of(model, name), pictures)
    restored: list[Mapping[str, object]] = []
    notes: list[str] = []
    seconds = 0.0
    for place, (path, name) in enumerate(zip(pictures, names, strict=True)):

        def on_part(done: int, total: int, before: int = place) -> None:
            on_progress(before * total + done, len(names) * total)

        picture = read_picture(path)
        alpha = None if picture.alpha is None else levels_of(picture.alpha)
        notes += [*picture.notes, *depth_notes(picture.values)]
        among = restorers(name)
        expected = estimated_seconds(list(among), picture.values, among)
        seconds += expected
        if place == 0 and expected * len(names) > LONG:
            alike = f" if all {len(names)} are like the first" if len(names) > 1 else ""
            print(f"about {expected * len(names):,.0f} s on two CPU cores{alike}", flush=True)
        candidates = restore_with(list(among), picture.values, on_part, lambda: False, among)
        for model, candidate in candidates.items():
            output = output_of(model, name)
            output.parent.mkdir(parents=True, exist_ok=True)
            large = None if alpha is None else _enlarged(alpha, among[model].scale)
            write_image(output, candidate, large)
            restored.append({"picture": path, "model": model, "candidate": output})
    return Answer({"restored": restored, "expected_seconds": seconds, "notes": notes})


def models(given: Namespace, on_progress: OnProgress) -> Answer:
    """Says which restorers there are and could be, or adds one from a file or a pinned link."""
    if given.action != "list" and given.what is None:
        wanted = {"add": "a file of weights", "get": "a link, or a model's name"}[given.action]
        raise InputError(f"`ensir models {given.action}` takes {wanted}: name it")
    if given.sha256 is not None and not (given.action == "get" and "://" in given.what):
        raise InputError("--sha256 is of the file behind a link to get: leave it out")
    if given.action != "list":
        from ensir.restorers import find_restorers
        from ensir.restorers.bring_weights import add_weights, get_weights

        if given.action == "add":
            output, added = add_weights(Path(given.what), given.task)
        else:
            output, added = get_weights(
                given.what, on_progress, sha256=given.sha256, task=given.task
            )
        find_restorers()
        columns = ("name", "task", "licence", "parameters")
        return Answer({"weights": output, **{key: getattr(added, key) for key in columns}})
    from ensir.restorers.classical import CLASSICAL
    from ensir.restorers.precomputed import kept_outputs
    from ensir.restorers.weights_folder import Listed, listed

    def with_state(one: Restorer, state: str) -> Listed:
        return Listed(one.name, one.task, one.parameters, None, one.licence, state)

    rows = [
        *(with_state(one, "built in") for one in CLASSICAL),
        *listed(),
        *(
            with_state(one, f"outputs in the weights folder: {one.count}")
            for one in kept_outputs().values()
        ),
    ]
    return Answer({"models": [one.row() for one in rows]})


def train(given: Namespace, on_progress: OnProgress) -> Answer:
    """Writes the weights of a small network of our own; run again, it goes on from its state."""
    state = given.state or given.output.with_suffix(".state" + OWN)
    begun = [] if given.weights is None else [given.weights]
    _check_output(given.output, [OWN], inputs=[state, *begun])
    _check_output(state, [OWN], inputs=begun)
    from ensir.restorers.weights import load_weights
    from ensir.training.loop import Plan, train

    plan = Plan(given.task, given.architecture, given.steps, given.seed, given.rate)
    _check_device(given.device)
    lines: list[Mapping[str, object]] = []

    def report(line: Mapping[str, object]) -> None:
        lines.append(line)
        print(", ".join(f"{key} {value}" for key, value in line.items()), flush=True)

    weights = train(
        plan,
        given.photos,
        state,
        given.output,
        minutes=given.minutes,
        device=given.device,
        half=given.half,
        weights=load_weights(given.weights) if given.weights else None,
        report=report,
        on_progress=on_progress,
    )
    return Answer({"weights": given.output, "state": state, **weights.about, "progress": lines})


def app(given: Namespace, on_progress: OnProgress) -> Answer:
    """Serves the app until it is stopped."""
    from importlib.util import find_spec

    if find_spec("gradio") is None:
        raise InputError('the app needs Gradio: pip install -e ".[app]"')
    from ensir import ui

    ui.launch(port=given.port)
    return Answer({"app": "stopped"})


def _gathered(
    given: Namespace, unfinished: Path, on_progress: OnProgress
) -> ReferenceStatistics | ReferencePictures:
    """The statistics of a folder, picture by picture where something is to be chosen by them.

    Wrong choices are refused before it is read. The sums so far are in `unfinished`.
    """
    if not given.candidates:
        from ensir.picture_folders import picture_folders

        folders = picture_folders(given.reference)
        there = [] if folders is None else sorted(folders.folders)
        raise InputError(
            f"{shown_name(given.reference)} holds {', '.join(there) or 'no folders'}: "
            "say by --candidates which are those of candidates, in the order of the table"
        )
    from ensir import Choices, ReferenceSet, gather_pictures, gather_reference_set
    from ensir.automatic import NARROWEST
    from ensir.methods import AUTO

    choices = {name: getattr(given, name) for name in FIT_CHOICES}
    width = choices.pop("bin_width")
    Choices.of(**choices).check(len(given.candidates))
    _check_device(given.device)
    reference_set = ReferenceSet(given.reference, given.candidates)
    if AUTO in (width, given.trust, given.ridge):
        narrow = {None: BIN_WIDTH, AUTO: NARROWEST}.get(width, width)
        return gather_pictures(reference_set, narrow, given.device, on_progress)
    width = BIN_WIDTH if width is None else width
    if given.scheduler is not None or given.workers > 1:
        from ensir.cluster import connected, gather_on

        with connected(given.scheduler, given.workers) as client:
            return gather_on(client, reference_set, width, on_progress)
    return gather_reference_set(
        reference_set, width, given.device, on_progress, unfinished=unfinished
    )


def _known_of(path: Path, table: LookupTable) -> dict[str, Any]:
    """What `shift_of` takes of a reference set: its sums, and how far its pictures lie apart."""
    from ensir.reference_set import ReferencePictures
    from ensir.statistics_files import read_gathered
    from ensir.tolerance import tolerance_of

    found = read_gathered(path).of_candidates(table.candidate_names)
    if isinstance(found, ReferencePictures):
        tolerance = tolerance_of(found, table.bins.width)
        return {"reference": found.total.statistics, "tolerance": tolerance}
    return {"reference": found.statistics}


def _reference_pictures(
    path: Path, candidates: Sequence[str] | None, on_progress: OnProgress
) -> ReferencePictures:
    """Reference pictures of a folder, in narrow bins, or of a file that keeps them apart."""
    from ensir import ReferenceSet, gather_pictures
    from ensir.reference_set import GROUND_TRUTH, ReferencePictures
    from ensir.statistics_files import read_gathered

    if _holds_pictures(path):
        if not candidates:
            raise InputError(
                f"{shown_name(path)} is a folder: say by --candidates which of its folders, "
                f"beside {GROUND_TRUTH}, are those of candidates"
            )
        return gather_pictures(ReferenceSet(path, candidates), on_progress=on_progress)
    found = read_gathered(path)
    if not isinstance(found, ReferencePictures):
        raise InputError(
            f"{shown_name(path)} holds the sum of its pictures, none of which can be told from the "
            "others again: use the folder, and -o to keep them apart"
        )
    return found.of_candidates(candidates) if candidates else found


def _holds_pictures(path: Path) -> bool:
    """Whether a reference set is given as pictures: a folder, or a zip of one."""
    from ensir.zip_members import is_zip

    return path.is_dir() or is_zip(path)


def _check_device(name: str) -> None:
    import torch

    try:
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise InputError(f"this machine has no device {name}: leave it at cpu") from None


def _read_again(given: Namespace) -> ReferenceStatistics | ReferencePictures:
    from ensir.statistics_files import read_gathered

    gathered = read_gathered(given.reference)
    return gathered.of_candidates(given.candidates) if given.candidates else gathered


def _check_output(path: Path, endings: Sequence[str], inputs: Sequence[Path]) -> None:
    """Refuses an output that cannot be written, or that would overwrite an input, before work."""
    name = shown_name(path)
    if path.suffix.lower() not in endings:
        raise InputError(f"the output {name} needs a name that ends in {' or '.join(endings)}")
    if not path.parent.is_dir() or path.is_dir():
        raise InputError(f"{name} cannot be written there: choose a folder that exists")
    _check_not_input(path, inputs)


def _pictures(given: Namespace) -> list[Path]:
    """The pictures to restore; refuses a choice of both ways to say them, or of none."""
    if bool(given.pictures) == bool(given.input_dir):
        raise InputError("restore takes pictures or --input_dir: say one of them")
    if bool(given.output) == bool(given.result_dir):
        raise InputError(
            "restore writes a folder for each model into --output or the pictures of a single "
            "model into --result_dir: say one of them"
        )
    if given.result_dir and len(given.models) > 1:
        raise InputError(
            "--result_dir takes the pictures of a single model: say --output for several"
        )
    if given.pictures:
        return list(given.pictures)
    from ensir.images import PICTURE_ENDINGS

    folder = shown_name(given.input_dir)
    if not given.input_dir.is_dir():
        raise InputError(f"{folder} is no folder of pictures: choose another --input_dir")
    found = [path for path in given.input_dir.iterdir() if path.suffix.lower() in PICTURE_ENDINGS]
    if not found:
        raise InputError(f"{folder} holds no {', '.join(PICTURE_ENDINGS)}: choose another folder")
    return sorted(found)


def _enlarged(alpha: Tensor, scale: int) -> Tensor:
    """Transparency (H, W) for a picture so many times larger."""
    if scale == 1:
        return alpha
    from ensir.degradations import larger

    return larger(alpha[None], scale)[0]


def _check_not_input(path: Path, inputs: Sequence[Path]) -> None:
    if path.exists() and any(given.exists() and path.samefile(given) for given in inputs):
        raise InputError(
            f"{shown_name(path)} is read and would be overwritten: choose another output"
        )


def _check_order(pictures: Sequence[Path], names: Sequence[str]) -> None:
    """Refuses too many, too few, or pictures called like the candidates in another order."""
    if len(pictures) != len(names):
        raise InputError(
            f"this table was fitted for {', '.join(names)} in this order; got {len(pictures)} "
            f"candidate{'s' * (len(pictures) != 1)}: give one picture for each"
        )
    for said in ([path.stem for path in pictures], [path.parent.name for path in pictures]):
        if sorted(said) == sorted(names) and said != list(names):
            raise InputError(
                f"the table was fitted for {', '.join(names)} in this order; the pictures are of "
                f"{', '.join(said)}: give them in the table's order"
            )
