import base64
import re

import cv2
import numpy as np
import torch
from torch import Tensor

from ensir.league.gallery import LARGEST_GAIN, gain_map, gallery
from ensir.league.standings import League
from ensir.palettes import coloured_gains


def test_a_gain_map_is_blue_where_fusing_errs_less() -> None:
    truth = torch.full((3, 1, 4), 100, dtype=torch.uint8)
    averaged = torch.tensor([104.0, 104, 104, 100]).expand(3, 1, 4)
    fused = torch.tensor([104.0, 102, 100 - 2 * LARGEST_GAIN, 100]).expand(3, 1, 4)
    levels = torch.tensor([[128, 128 + round(127 / 3), 1, 128]], dtype=torch.uint8)
    assert torch.equal(gain_map(averaged, fused, truth), coloured_gains(levels))


def test_pictures_in_the_page_are_those_of_the_exhibits(league: League) -> None:
    found = re.findall(
        r'<img src="data:image/png;base64,([^"]+)"[^>]*alt="([^"]+)"', gallery(league)
    )
    truths = [data for data, alt in found if alt.endswith("ground truth")]
    assert len(truths) == len(league.exhibits)
    for data, exhibit in zip(truths, league.exhibits, strict=True):
        assert torch.equal(decoded(data), exhibit.truth)
    captions = [alt for _, alt in found]
    assert any("degraded" in alt for alt in captions)
    assert any("Weights of EnsIR: A, mean" in alt for alt in captions)
    assert any("Gain over averaging: EnsIR" in alt for alt in captions)


def decoded(data: str) -> Tensor:
    values = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
    return torch.from_numpy(values[..., ::-1].transpose(2, 0, 1).copy())
