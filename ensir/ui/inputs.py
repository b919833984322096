"""The only door for files: what did not come through the upload folder is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from ensir.errors import InputError

FOREIGN = "this file was not uploaded here: choose it again"


def picture_input(**options: Any) -> gr.Image:  # noqa: ANN401 - handed on to Gradio
    """A field for one picture, with a preview; its value is the path of the uploaded file."""

    class UploadedPicture(gr.Image):
        """Hands over the uploaded bytes as they are, and nothing that was not uploaded."""

        def preprocess(self, payload: Any) -> str | None:  # noqa: ANN401
            return None if payload is None else uploaded(payload.path)

        def get_block_name(self) -> str:
            return "image"

    return UploadedPicture(
        type="filepath",
        image_mode=None,
        format="png",
        sources=["upload", "clipboard"],
        buttons=["fullscreen"],
        **options,
    )


def file_input(**options: Any) -> gr.File:  # noqa: ANN401 - handed on to Gradio
    """A field for one file or several; its value is a path or a list of paths."""

    class UploadedFile(gr.File):
        """Hands over uploaded files, and nothing that was not uploaded."""

        def preprocess(self, payload: Any) -> Any:  # noqa: ANN401
            if payload is None:
                return None
            if self.file_count == "single":
                return uploaded(payload.path)
            return [uploaded(file.path) for file in payload]

        def get_block_name(self) -> str:
            return "file"

    return UploadedFile(type="filepath", **options)


def uploaded(path: str | None) -> str:
    """The real path of an upload; addresses, inline data and any other file are refused."""
    try:
        return str(require_inside(path or "", Path(get_upload_folder())))
    except InputError as error:
        raise gr.Error(str(error), title="This cannot be used", print_exception=False) from None


def require_inside(path: str, folder: Path) -> Path:
    """The real path of a file in `folder`; raises InputError for anything else."""
    try:
        real = Path(path).resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        raise InputError(FOREIGN) from None
    if not real.is_file() or not real.is_relative_to(folder.resolve()):
        raise InputError(FOREIGN)
    return real
