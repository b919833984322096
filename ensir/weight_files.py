"""Weight maps as a file that NumPy reads."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence

import torch

from ensir.ensemble.fusion import EVERYTHING, Fusion

ROWS_AT_ONCE = 256  # so that the weights stand in memory once, as float32
# Level 1: the higher ones take several times as long for a few percent.
LEVEL = 1


def weights_bytes(fusion: Fusion, names: Sequence[str]) -> bytes:
    """An .npz file of `weights` (M, C, H, W) float32 and `names` (M,), for numpy.load.

    The same weights give the same bytes.
    """
    import numpy as np

    channels, height, width = fusion.image.shape
    weights = torch.empty(len(names), channels, height, width)
    for top in range(0, height, ROWS_AT_ONCE):
        rows = slice(top, top + ROWS_AT_ONCE)
        weights[:, :, rows] = fusion.weights_at(rows, EVERYTHING).float()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as archive:
        for name, array in (("weights", weights.numpy()), ("names", np.array(list(names)))):
            # Opened by name a member is dated 1980: no clock in the bytes.
            with archive.open(f"{name}.npy", "w", force_zip64=True) as part:
                np.lib.format.write_array(part, array, allow_pickle=False)
    return file.getvalue()
