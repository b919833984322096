"""What the tab "Fit" does: looks through a reference set, fits it, and says what came of it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from html import escape
from pathlib import Path

import gradio as gr

from ensir.comparison import Comparison, check_names
from ensir.errors import InputError
from ensir.judged_fit import HELD_OUT, OVER_AVERAGE, JudgedFit, fit_reference_set, judged_fit
from ensir.limits import MOST_CANDIDATES
from ensir.methods import ENOUGH_PIXELS, Choices
from ensir.palettes import ORIGIN_COLOURS
from ensir.progress import IsCancelled, OnProgress
from ensir.published_tables import published_bytes
from ensir.reference_contents import ReferenceContents, look_through
from ensir.statistics_files import pictures_bytes
from ensir.table_files import table_bytes
from ensir.truth_doubts import doubts
from ensir.ui import views
from ensir.ui.downloads import kept
from ensir.ui.errors import say_input_errors
from ensir.ui.events import OWN
from ensir.ui.jobs import followed
from ensir.ui.reference import FILE
from ensir.ui.tables import table_html

READING, LEAVING_OUT = "Reading", "Fitting without each"
HELP = (
    "PSNR in RGB, dB, before rounding. Held out: each picture in turn is left out, the others are "
    "fitted, and that table fuses it. Frames of one scene are alike, which flatters it. The "
    ".pth is for the authors’ code, without names: the models are in the order of the columns."
)
CHANGED = "Other models are chosen: press Fit to gather them. The result is still of the old ones."
ANOTHER = "Another reference set is there: press Fit to gather it. The result is of the old one."
IN_PLACE = "Statistics of {names} are in place."
WANTED = f"{IN_PLACE} Bring a picture from each of these models, and press the button."
ORIGINS = ("fitted", "too few pixels", "no pixel")  # of weights, each in its ORIGIN_COLOURS

Work = Callable[[OnProgress, IsCancelled], JudgedFit]


@say_input_errors
def on_zip(file: str | None) -> tuple[object, ...]:
    """Says what was found in a reference set, and offers its models."""
    nothing = gr.update(choices=[], value=[], visible=False), gr.update(interactive=False)
    if file is None:
        return gr.update(visible=False), *nothing
    try:
        contents = look_through(Path(file))
    except InputError as error:  # it stays in sight, unlike a message that fades
        refused = f'<p class="refused" role="alert">{escape(str(error))}</p>'
        return gr.update(value=refused, visible=True), *nothing
    names = list(contents.usable)
    return (
        gr.update(value=_found(contents), visible=True),
        gr.update(choices=names, value=names[:MOST_CANDIDATES], visible=True),
        gr.update(interactive=True),
    )


@say_input_errors
def on_fit(
    file: str | None,
    models: list[str],
    bin_width: int,
    method: str,
    trust: float,
    progress: gr.Progress = gr.Progress(),  # noqa: B008 - how Gradio hands it over
) -> Generator[object, None, None]:
    """Gathers the reference set and fits it."""
    if file is None:
        raise InputError("no reference set yet: choose a zip of one")
    path, choices = Path(file), Choices(method, trust=trust)
    contents = look_through(path)
    unknown = [name for name in models or [] if name not in contents.usable]
    if unknown:
        raise InputError(f"{unknown[0]!r:.90} is no model of this reference set: choose again")
    names = [name for name in contents.usable if name in (models or [])]
    check_names(names)

    def work(on_progress: OnProgress, cancelled: IsCancelled) -> JudgedFit:
        return fit_reference_set(path, names, choices, bin_width, on_progress, cancelled)

    fit = yield from _watched(work, len(contents.pictures), (READING, LEAVING_OUT), progress)
    yield _shown(fit, file)


@say_input_errors
def on_fit_again(
    fit: JudgedFit | None,
    bin_width: int,
    method: str,
    trust: float,
    progress: gr.Progress = gr.Progress(),  # noqa: B008 - as above
) -> Generator[object, None, None]:
    """Fits the same statistics by other choices; nothing is read again."""
    if fit is None:
        return
    before, choices = fit, Choices(method, trust=trust)

    def work(on_progress: OnProgress, cancelled: IsCancelled) -> JudgedFit:
        pictures = before.pictures
        return judged_fit(pictures, choices, bin_width, on_progress, cancelled, before)

    again = yield from _watched(work, len(fit.pictures.names), (LEAVING_OUT,), progress)
    yield _shown(again, gr.skip())


@say_input_errors
def on_chosen(
    fit: JudgedFit | None, fitted: str | None, file: str | None, models: list[str] | None
) -> str:
    """Says that another reference set, or other models, wait for the button.

    `fitted` is the file that the fit is of.
    """
    chosen = set(models or [])
    if fit is None or file is None:
        return ""
    if file != fitted:
        return views.notes(ANOTHER) if chosen else ""  # one that is refused has no models
    return "" if chosen == set(fit.table.candidate_names) else views.notes(CHANGED)


@say_input_errors
def on_use(
    fit: JudgedFit | None, comparison: Comparison, inputs: int, fused_inputs: int
) -> tuple[object, ...]:
    """Puts the statistics into the first tab, and goes there.

    They serve at once where they know what is fused there; else they wait for candidates, and the
    ground truth of those before is forgotten.
    """
    there = _done(fit)
    names = there.table.candidate_names
    serves = set(comparison.candidates) <= set(names)
    words = (IN_PLACE if serves else WANTED).format(names=", ".join(names))
    gr.Info(escape(words), title="Weights of your own")
    return (
        gr.update(selected=FUSE_TAB),
        gr.skip() if serves else OWN,
        gr.skip() if serves or inputs != fused_inputs else None,
        FILE,
        gr.update(value=statistics_file(there), visible=True),
        there.bin_width,
        there.choices.method,
        there.choices.own_trust,
        inputs if serves else inputs + 1,
        views.notes(words),
    )


@say_input_errors
def table_file(fit: JudgedFit | None) -> str:
    """The path of the table in our own format."""
    return kept("table.safetensors", table_bytes(_done(fit).table))


@say_input_errors
def statistics_file(fit: JudgedFit | None) -> str:
    """The path of the statistics of each picture."""
    return kept("reference.safetensors", pictures_bytes(_done(fit).pictures))


@say_input_errors
def released_file(fit: JudgedFit | None) -> str:
    """The path of the table as the authors' code reads it, which holds no names of models."""
    return kept("table.pth", published_bytes(_done(fit).table))


FUSE_TAB = "fuse"
DOWNLOADS: dict[str, Callable[[JudgedFit | None], str]] = {
    "↓ Lookup table": table_file,
    "↓ Statistics": statistics_file,
    "↓ Table as .pth": released_file,
}


def _watched(
    work: Work, pictures: int, phases: Sequence[str], progress: gr.Progress
) -> Generator[object, None, JudgedFit]:
    """Lets the work go on, changing nothing on the page but the progress.

    It goes through the pictures once in each phase.
    """
    steps = followed(work, "fit")
    with closing(steps):
        try:
            while True:
                done, _ = next(steps)
                phase, place = divmod(done, pictures)
                words = phases[min(phase, len(phases) - 1)]
                progress((place, pictures), desc=words, unit="pictures")
                yield gr.skip()
        except StopIteration as ended:
            return ended.value


def _shown(fit: JudgedFit, file: object) -> tuple[object, ...]:
    """All that a fit fills, in the order of `fit_page`."""
    return (
        fit,
        file,
        gr.update(visible=False),
        gr.update(visible=True),
        f'<p class="verdict">{escape(fit.verdict)}</p>{views.notes(*doubts(fit.pictures))}',
        _scores(fit),
        _cells(fit),
    )


def _scores(fit: JudgedFit) -> str:
    """PSNR of every picture and the mean, by model, average and table."""
    held = fit.held_out
    columns = {
        name: [_decibels(value) for value in (fit.mean_psnr[name], *values)]
        for name, values in fit.psnr.items()
    }
    if held is not None:  # what matters most comes first
        gains = [_decibels(gain, sign="+") for gain in (held.mean_gain, *held.gain)]
        columns = {HELD_OUT: columns.pop(HELD_OUT), OVER_AVERAGE: gains, **columns}
    rows = zip(("mean", *fit.pictures.names), *columns.values(), strict=True)
    sets = " + ".join(fit.pictures.total.reference_sets)
    caption = f"{sets}: bins of {fit.bin_width} levels, {fit.choices.method}, trust "
    caption += f"{fit.choices.own_trust:g}"
    table = table_html(caption, ("", *columns), list(rows))
    return f'{table}<p class="help">{escape(HELP)}</p>'


def _cells(fit: JudgedFit) -> str:
    """How full the table is, as a bar and in words."""
    cells = fit.cells
    counts = (cells.fitted, cells.prior, cells.empty)
    bar = "".join(
        f'<i style="flex-grow: {count}; background: {colour}"></i>'
        for count, colour in zip(counts, ORIGIN_COLOURS, strict=True)
    )
    key = "".join(
        f'<li><i class="swatch" style="background: {colour}"></i>{count:,} {name}</li>'
        for name, count, colour in zip(ORIGINS, counts, ORIGIN_COLOURS, strict=True)
    )
    total = sum(counts)
    share = cells.fitted_share
    words = (
        f"{total:,} cells, one for each bin set and channel; "
        f"{'all' if share == 1 else f'{min(share, 0.999):.1%}'} of the reference set’s values lie "
        "in fitted ones."
    )
    if cells.prior:
        words += f" A cell is not fitted to fewer than {ENOUGH_PIXELS} pixels."
    return f'<div class="cells">{bar}</div><ul class="names">{key}</ul><p class="help">{words}</p>'


def _found(contents: ReferenceContents) -> str:
    number = len(contents.pictures)
    plural = "s" * (number != 1)
    return views.notes(
        f"{number} picture{plural} with ground truth, {contents.size_words}; "
        f"{len(contents.usable)} models.",
        *(f"{one.name} is left out: {one.why_not}." for one in contents.models if one.why_not),
        *contents.left_out,
    )


def _decibels(value: float, sign: str = "") -> str:
    return f"{value:{sign}.2f}".replace("-", "−").replace("inf", "∞")


def _done(fit: JudgedFit | None) -> JudgedFit:
    if fit is None:
        raise InputError("nothing is fitted yet: choose a reference set and press Fit")
    return fit
