"""What another program made of a picture, as a restorer.

So the outputs of networks that do not run here can be fused and looked into: a folder of them is a
restorer of the pictures that have the same names. Folders of outputs that the operator keeps lie
in `outputs` in the weights folder, each called like the model that made them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ensir.errors import Cancelled, InputError
from ensir.files import is_name, shown_name
from ensir.images import PICTURE_ENDINGS, read_image
from ensir.progress import IsCancelled, OnProgress
from ensir.restorers.weights_folder import weights_folder

OUTPUTS = "outputs"  # the folder of folders of outputs


@dataclass(frozen=True)
class PrecomputedOutput:
    """The output for one picture: the file in `folder` that is called `picture`, whatever its
    ending. It is called like its folder.
    """

    folder: Path
    picture: str  # the name of its file, without the ending
    task: str = "whatever its maker takes away"
    licence: str = "its maker's"
    scale: int = 1
    parameters: int = 0
    seconds_per_megapixel: float = 0.1
    uses_gpu: bool = False

    @property
    def name(self) -> str:
        return shown_name(self.folder)

    @property
    def is_there(self) -> bool:
        """Whether there is an output of this picture."""
        return bool(self._files())

    @property
    def count(self) -> int:
        """How many pictures the folder has outputs of."""
        return len(_pictures(self.folder))

    def restore(self, image: Tensor, on_progress: OnProgress, cancelled: IsCancelled) -> Tensor:
        """The output in 8 bits: uint8 (3, H, W) -> uint8 (3, H, W), read from its file.

        Raises InputError when there is no output of this picture or several, when it cannot be
        read, and when it has another size than the picture.
        """
        if cancelled():
            raise Cancelled
        output = read_image(self._file(), owner=self.name)
        if output.shape != image.shape:
            raise InputError(
                f"{self.picture} is {image.shape[2]} × {image.shape[1]} pixels and its output in "
                f"{self.name} {output.shape[2]} × {output.shape[1]}: choose the outputs of this "
                "picture"
            )
        on_progress(1, 1)
        return output

    def _file(self) -> Path:
        """The one picture of this name."""
        if not self.folder.is_dir():
            raise InputError(f"{self.name} is not a folder of outputs: choose one")
        outputs = self._files()
        if len(outputs) != 1:
            several = " and ".join(sorted(map(shown_name, outputs)))
            raise InputError(
                f"{self.name} holds {several or 'no output'} for {self.picture}: "
                "keep one picture of that name there"
            )
        return outputs[0]

    def _files(self) -> list[Path]:
        return [path for path in _pictures(self.folder) if path.stem == self.picture]


def kept_outputs(picture: str = "") -> dict[str, PrecomputedOutput]:
    """The folders of outputs that the operator keeps, as restorers of one picture, by name.

    Hidden folders are passed over, and those whose name cannot be shown.
    """
    try:
        there = sorted(path for path in (weights_folder() / OUTPUTS).iterdir() if path.is_dir())
    except OSError:
        return {}
    return {
        folder.name: PrecomputedOutput(folder, picture)
        for folder in there
        if is_name(folder.name) and not folder.name.startswith(".")
    }


def _pictures(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.suffix.lower() in PICTURE_ENDINGS]
    except OSError:
        return []
