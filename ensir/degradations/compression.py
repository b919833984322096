"""What storing a picture with loss does to it."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ensir.degradations.arguments import is_within
from ensir.ensemble.levels import in_depth, levels_of
from ensir.errors import InputError


def jpeg(image: Tensor, quality: int) -> Tensor:
    """A picture as it comes back from a JPEG file: uint8 or uint16 (3, H, W) to the same.

    Colours at half the size, as cameras and Pillow store them; JPEG has 8 bits a value.

    Raises InputError unless the quality is a whole number from 1 to 100.
    """
    if not is_within(quality, 1, 100) or quality != int(quality):
        raise InputError(f"the quality of a JPEG is 1 to 100, a whole number, got {quality!r:.80}")
    file = BytesIO()
    planes = levels_of(image).cpu().permute(1, 2, 0).contiguous().numpy()
    Image.fromarray(planes).save(file, "JPEG", quality=int(quality), subsampling="4:2:0")
    stored = np.array(Image.open(file)).transpose(2, 0, 1)
    return in_depth(torch.from_numpy(np.ascontiguousarray(stored)), image.dtype)
