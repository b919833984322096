"""What another program made of a picture, as a restorer.

So the outputs of networks that do not run here can be fused and looked into: a folder of them is a
restorer of the pictures that have the same names.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ensir.errors import Cancelled, InputError
from ensir.files import shown_name
from ensir.images import PICTURE_ENDINGS, read_image
from ensir.progress import IsCancelled, OnProgress


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
        try:
            found = [path for path in self.folder.iterdir() if path.stem == self.picture]
        except OSError:
            raise InputError(f"{self.name} is not a folder of outputs: choose one") from None
        outputs = [path for path in found if path.suffix.lower() in PICTURE_ENDINGS]
        if len(outputs) != 1:
            several = " and ".join(sorted(map(shown_name, outputs)))
            raise InputError(
                f"{self.name} holds {several or 'no output'} for {self.picture}: "
                "keep one picture of that name there"
            )
        return outputs[0]
