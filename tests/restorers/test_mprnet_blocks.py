"""Channel attention against its equation; all else of the blocks is tested in the network."""

import torch

from ensir.restorers.mprnet_blocks import ChannelAttention
from tests.restorers.test_mprnet import picture


def test_channel_attention_follows_its_equation() -> None:
    torch.manual_seed(3)
    attention = ChannelAttention(8, reduction=4).double()
    features = picture(2, 8, 3, 5, dtype=torch.float64)
    narrow, wide = (attention.conv_du[place].weight.detach()[:, :, 0, 0] for place in (0, 2))
    for sample, result in zip(features, attention(features).detach(), strict=True):
        average = sample.sum((1, 2)) / 15
        scale = 1 / (1 + torch.exp(-(wide @ (narrow @ average).clamp(min=0))))
        torch.testing.assert_close(result, sample * scale[:, None, None], rtol=1e-12, atol=0)
