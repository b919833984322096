"""The only door for files: what did not come through the upload folder is refused."""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from ensir.errors import InputError
from ensir.ui.errors import Refusal, shown_error

FOREIGN = "this file was not uploaded here: choose it again"
UNFIT = "a field was sent a value that it cannot hold: set it again"
UNSAID = "this event does not say what was clicked: reload the page"


def picture_input(**options: Any) -> gr.Image:  # noqa: ANN401 - handed on to Gradio
    """A field for one picture, with a preview; its value is the path of the uploaded file."""
    return _UploadedPicture(
        type="filepath",
        image_mode=None,
        format="png",
        sources=["upload", "clipboard"],
        buttons=["fullscreen"],
        **options,
    )


def file_input(**options: Any) -> gr.File:  # noqa: ANN401 - handed on to Gradio
    """A field for one file or several; its value is a path or a list of paths."""
    return _UploadedFile(type="filepath", **options)


def choice_input(**options: Any) -> gr.Dropdown:  # noqa: ANN401 - handed on to Gradio
    """A list whose handlers say what is wrong of its value.

    Gradio would hold the value of an event that waited against what is offered when it begins.
    """
    return _Choice(**options)


def choices_input(**options: Any) -> gr.CheckboxGroup:  # noqa: ANN401 - handed on to Gradio
    """Boxes to tick, whose handlers say what is wrong of their values; for the same reason."""
    return _Choices(**options)


class GuardedBlocks(gr.Blocks):
    """An app whose events take as many values as they have fields, and uploaded files only.

    Gradio itself would fetch an address before any function or component of ours is called, end
    any other path in an error without a sentence, and describe its objects where a value lacks or
    does not fit. What an event says of itself, as a click does, it hands on as it came.
    """

    async def process_api(
        self,
        block_fn: Any,  # noqa: ANN401
        inputs: list[Any],
        *others: Any,  # noqa: ANN401
        event_data: gr.EventData | None = None,
        **named: Any,  # noqa: ANN401
    ) -> dict[str, Any]:
        if block_fn.collects_event_data:
            refuse_another_event(None if event_data is None else event_data._data)
        return await super().process_api(block_fn, inputs, *others, event_data=event_data, **named)

    async def preprocess_data(self, block_fn: Any, inputs: list[Any], *others: Any) -> Any:  # noqa: ANN401
        refuse_another_number(inputs, len(block_fn.inputs))
        refuse_foreign_files(inputs)
        try:
            return await super().preprocess_data(block_fn, inputs, *others)
        except Refusal:
            raise
        except Exception:  # Gradio's components raise a dozen kinds, with words for programmers
            raise shown_error(InputError(UNFIT)) from None


def refuse_another_number(values: list[object], wanted: int) -> None:
    """Refuses what an event was sent if it has more or fewer values than its fields."""
    if len(values) != wanted:
        raise shown_error(
            InputError(f"{wanted} values are wanted here, got {len(values)}: send one for each")
        )


def refuse_another_event(said: object) -> None:
    """Refuses what an event says of itself unless it is values by name, without foreign files."""
    if not isinstance(said, dict):
        raise shown_error(InputError(UNSAID))
    refuse_foreign_files(said)


def refuse_foreign_files(value: object) -> None:
    """Refuses what an event was sent if any file in it, however deep, was not uploaded here."""
    if isinstance(value, dict):
        if "path" in value:
            if not isinstance(value["path"], str) or not isinstance(value.get("meta", {}), dict):
                raise shown_error(InputError(FOREIGN))
            uploaded(value["path"])
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            refuse_foreign_files(one)


def uploaded(path: str | None) -> str:
    """The real path of an upload; addresses, inline data and any other file are refused."""
    try:
        return str(require_inside(path or "", Path(get_upload_folder())))
    except InputError as error:
        raise shown_error(error) from None


def require_inside(path: str, folder: Path) -> Path:
    """The real path of a file in `folder`; raises InputError for anything else."""
    try:
        real = Path(path).resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        raise InputError(FOREIGN) from None
    if not real.is_file() or not real.is_relative_to(folder.resolve()):
        raise InputError(FOREIGN)
    return real


def _picture(_component: gr.Image, payload: Any) -> str | None:  # noqa: ANN401
    return None if payload is None else uploaded(payload.path)


def _files(component: gr.File, payload: Any) -> str | list[str] | None:  # noqa: ANN401
    if payload is None:
        return None
    if component.file_count == "single":
        return uploaded(payload.path)
    return [uploaded(file.path) for file in payload]


def _name(_component: gr.Dropdown, payload: Any) -> str | None:  # noqa: ANN401
    if payload is not None and not isinstance(payload, str):
        raise shown_error(InputError(UNFIT))
    return payload


def _names(_component: gr.CheckboxGroup, payload: Any) -> list[str]:  # noqa: ANN401
    names = [] if payload is None else payload
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise shown_error(InputError(UNFIT))
    return names


def _guarded(kind: Any, preprocess: Callable[[Any, Any], object]) -> Any:  # noqa: ANN401
    """A component that hands over what its own `preprocess` lets through, and nothing else.

    A class, for Gradio makes new instances when a field changes; but not by its metaclass, which
    would write a stub beside this file that no type checker can read.
    """
    content = {
        "__module__": __name__,
        "preprocess": preprocess,
        "get_block_name": lambda _component: kind.__name__.lower(),
    }
    return ABCMeta.__new__(type(kind), f"Guarded{kind.__name__}", (kind,), content)


_UploadedPicture = _guarded(gr.Image, _picture)
_UploadedFile = _guarded(gr.File, _files)
_Choice = _guarded(gr.Dropdown, _name)
_Choices = _guarded(gr.CheckboxGroup, _names)
