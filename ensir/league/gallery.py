"""The pictures of a page: parts of what came, of what was made of it, and maps, as data in it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from html import escape

import torch
from torch import Tensor

from ensir.ensemble.levels import levels_of, values_of
from ensir.images import encode_png
from ensir.league.contestants import AVERAGE, BASELINE, CANDIDATE, TABLE
from ensir.league.exhibits import Exhibit
from ensir.league.standings import League
from ensir.league.words import decibels, score_of
from ensir.palettes import coloured_gains, coloured_weights, gain_scale, weight_scale
from ensir.scoring import Who

# Levels at the ends of the scale of gain maps: ensembles of alike candidates differ little.
LARGEST_GAIN = 6.0
EM: Who = (TABLE, "em")


def gallery(league: League) -> str:
    """Each exhibit with its pictures, gain maps and weight maps, as HTML."""
    return "\n".join(_exhibit(league, exhibit) for exhibit in league.exhibits)


def gain_map(averaged: Tensor, fused: Tensor, truth: Tensor) -> Tensor:
    """By how many levels fusing errs less than averaging, coloured: (3, h, w) -> (3, h, w) uint8.

    The mean over the channels; white for no difference, blue for less error, red for more.
    """
    errors = [(values_of(one) - values_of(truth)).abs().mean(0) for one in (averaged, fused)]
    gain = (errors[0] - errors[1]).clamp(-LARGEST_GAIN, LARGEST_GAIN)
    return coloured_gains(levels_of(128 + gain * (127 / LARGEST_GAIN)))


def _exhibit(league: League, exhibit: Exhibit) -> str:
    window = exhibit.window
    shown = _shown(league)
    rows = [
        _row("What came, and the models", [*_came(exhibit), *_fused(league, exhibit, models=True)]),
        _row("What was fused", list(_fused(league, exhibit, models=False))),
        _row(
            "Gain over averaging",
            [
                (
                    coloured,
                    f"{_title(league, who)}: {_gain(league, exhibit, who)}",
                )
                for who in shown
                if who != (BASELINE, AVERAGE)
                for coloured in [
                    gain_map(exhibit.images[BASELINE, AVERAGE], exhibit.images[who], exhibit.truth)
                ]
            ],
            _legend(
                gain_scale(),
                f"{LARGEST_GAIN:g} levels further from the truth",
                f"{LARGEST_GAIN:g} levels closer",
            ),
        ),
    ]
    for who in shown:
        if who[0] == TABLE and who in exhibit.weights:
            maps = zip(league.candidate_names, exhibit.weights[who], strict=True)
            rows.append(
                _row(
                    f"Weights of {_title(league, who)}",
                    [
                        (
                            coloured_weights(levels_of(weight * 255)),
                            f"{name}, mean {weight.mean():.2f}",
                        )
                        for name, weight in maps
                    ],
                    _legend(weight_scale(12), "0", "1"),
                )
            )
    return (
        f"<article><h3>{escape(exhibit.picture)}</h3><p>The {window.width} × {window.height} "
        f"pixels from ({window.left}, {window.top}) on, where the candidates disagree most.</p>"
        f"{''.join(rows)}</article>"
    )


def _shown(league: League) -> list[Who]:
    """Averaging, the paper's method and the best ensemble, each once."""
    wanted = [(BASELINE, AVERAGE), EM, league.winner.who]
    return [who for who in dict.fromkeys(wanted) if league.standing(who) is not None]


def _came(exhibit: Exhibit) -> Iterator[tuple[Tensor, str]]:
    yield levels_of(exhibit.truth), "ground truth"
    if exhibit.degraded is not None:
        yield levels_of(exhibit.degraded), "degraded"


def _fused(league: League, exhibit: Exhibit, models: bool) -> Iterator[tuple[Tensor, str]]:
    members: list[Who] = [(CANDIDATE, name) for name in league.candidate_names]
    for who in members if models else _shown(league):
        standing = league.standing(who)
        assert standing is not None  # members and those shown took part
        scores = standing.scores.pictures[league.pictures.index(exhibit.picture)].exact
        caption = f"{standing.title}: {score_of(scores.psnr_rgb, 2)} dB"
        yield levels_of(exhibit.images[who]), caption


def _title(league: League, who: Who) -> str:
    standing = league.standing(who)
    return who[1] if standing is None else standing.title


def _gain(league: League, exhibit: Exhibit, who: Who) -> str:
    standing = league.standing(who)
    assert standing is not None
    place = league.pictures.index(exhibit.picture)
    return f"{decibels(standing.over_average.gain.pictures[place])} dB on the whole picture"


def _row(heading: str, pictures: list[tuple[Tensor, str]], legend: str = "") -> str:
    figures = "".join(
        f'<figure><img src="{_data(picture)}" width="{picture.shape[2]}" '
        f'height="{picture.shape[1]}" alt="{escape(heading)}: {escape(caption)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
        for picture, caption in pictures
    )
    return f'<h4>{escape(heading)}</h4>{legend}<div class="figures">{figures}</div>'


def _legend(colours: list[str], low: str, high: str) -> str:
    stops = ", ".join(colours)
    return (
        f'<p class="legend"><span>{escape(low)}</span><i style="background: linear-gradient('
        f'to right, {stops})"></i><span>{escape(high)}</span></p>'
    )


def _data(picture: Tensor) -> str:
    """A picture (3, h, w) uint8 as the address of itself."""
    png = encode_png(torch.as_tensor(picture).contiguous())
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
