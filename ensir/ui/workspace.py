"""A saved workspace comes back: the page as it was, without a run of any base model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import gradio as gr
from torch import Tensor

from ensir.comparison import Comparison
from ensir.errors import InputError
from ensir.files import shown_name
from ensir.images import encode_png, fused_picture
from ensir.tasks import task_of
from ensir.ui import views
from ensir.ui.choices import SOURCE_OF, chosen, view_of, weights_of
from ensir.ui.downloads import kept
from ensir.ui.errors import say_input_errors
from ensir.ui.events import OWN, RESTORE, Ran, fused_outputs
from ensir.ui.pictures import shown
from ensir.ui.reference import reference_for
from ensir.workspaces import REFERENCE, Workspace, read_workspace, reference_bytes

OPENED = "{name} is open, as it was saved: no base model was run."
LONGEST_FILE_NAME = 200  # bytes; folders of most systems take 255


@say_input_errors
def on_open(file: str | None, inputs: int) -> object:
    """Puts a workspace on the screen: first what `on_run` fills, then the fields as they were."""
    if file is None:
        return gr.skip()
    workspace = read_workspace(Path(file))
    comparison = workspace.comparison
    source, kept_file, about = _source(workspace)
    settings = replace(workspace.settings, weights=source)
    opened = " ".join([OPENED.format(name=shown_name(Path(file))), *workspace.notes, about])
    return (
        *fused_outputs(comparison, opened, view_of(settings), is_set=False, look=workspace.look),
        views.candidate_items(comparison),
        inputs,
        Ran(comparison, weights_of(settings, kept_file)),
        RESTORE if comparison.degraded is not None else OWN,
        _input(workspace),
        _field(comparison.truth),
        _own_files(comparison),
        None,  # the field is empty again, for the next workspace
        gr.update(value=kept_file, visible=kept_file is not None),
        settings.channel,
        *chosen(settings),
    )


def _source(workspace: Workspace) -> tuple[str, str | None, str]:
    """A source of the very weights of a workspace, with its file if it needs one; what it is.

    The workspace's own, where that is the same here; else the file that it brought.
    """
    comparison, settings = workspace.comparison, workspace.settings
    given, width = comparison.as_given, settings.bin_width
    brought = reference_bytes(comparison)
    for source in (settings.weights, "none"):
        if source == "file":
            continue
        try:
            reference, about = reference_for(
                SOURCE_OF[source], given, comparison.truth, None, width
            )
        except InputError:
            continue
        if reference_bytes(replace(comparison, reference=reference)) == brought:
            return source, None, about
    file = kept(REFERENCE, brought or b"")  # an average is of the source "none"
    _, about = reference_for(SOURCE_OF["file"], given, comparison.truth, file, width)
    return "file", file, about


def _input(workspace: Workspace) -> str | None:
    """What was restored; nothing where the comparison has it enlarged only."""
    if task_of(workspace.settings.task).scale > 1:
        return None
    return _field(workspace.comparison.degraded, workspace.comparison.alpha)


def _field(picture: Tensor | None, alpha: Tensor | None = None) -> str | None:
    """The file of a picture with all its bits, for a field to restore or fuse again."""
    if picture is None:
        return None
    if alpha is None and picture.dtype.itemsize == 1:
        return shown(picture)
    return kept("picture.png", _png(picture, alpha))


def _png(picture: Tensor, alpha: Tensor | None) -> bytes:
    deep = fused_picture(picture, picture.dtype, alpha)
    return encode_png(deep.values, deep.alpha)


def _own_files(comparison: Comparison) -> list[str] | None:
    """The visitor's candidates as files named after them; none where a name cannot be a file's."""
    if comparison.degraded is not None:
        return None
    files = {f"{name}.png": picture for name, picture in comparison.as_given.items()}
    if not all(map(_is_file_name, files)):
        return None
    first = next(iter(files))
    alpha = comparison.alpha
    return [
        kept(name, _png(picture, alpha if name == first else None))
        for name, picture in files.items()
    ]


def _is_file_name(name: str) -> bool:
    return (
        name == Path(name).name
        and name == shown_name(Path(name))
        and "\\" not in name
        and len(name.encode()) <= LONGEST_FILE_NAME
    )
