import math
from dataclasses import asdict
from typing import Any

import pytest

from ensir.errors import InputError
from ensir.looks import Look, Panel, read_look

LOOK = Look((Panel("fused"), Panel("A", "error of A", 0.25)), (3.5, 7, 2))


def changed(**values: object) -> dict[str, Any]:
    return {**asdict(LOOK), **values}


def panel(**values: object) -> dict[str, Any]:
    return changed(panels=[{**asdict(LOOK.panels[0]), **values}])


@pytest.mark.parametrize("look", [LOOK, Look((Panel("fused"),))])
def test_a_look_comes_back(look: Look) -> None:
    assert read_look(asdict(look)) == look


def test_all_layers_that_are_shown_are_named() -> None:
    assert LOOK.layers == {"fused", "A", "error of A"}


@pytest.mark.parametrize(
    "values",
    [
        *(None, [], "look", {}, {"panels": []}, changed(more=1)),
        *(changed(panels=it) for it in ([], None, "ab", [None], [["fused"]], [{"name": "a"}])),
        changed(panels=asdict(LOOK)["panels"] * 4),
        *(panel(name=it) for it in ("", None, 7, "a\n", "x" * 161)),
        *(panel(wipe=it) for it in ("", 7, [], "x" * 161)),
        *(panel(share=it) for it in (-0.1, 1.1, None, True, "1", math.nan, 10**400)),
        *(changed(place=it) for it in ((1, 2), (1, 2, 3, 4), "123", 7, {}, (None, 1, 1))),
        *(changed(place=(it, 1, 1)) for it in (-1, math.nan, math.inf, True, 20_001)),
        *(changed(place=(1, 1, it)) for it in (0, -1, math.nan, math.inf, 1e9, "1")),
    ],
)
def test_what_no_viewer_says_is_refused(values: object) -> None:
    with pytest.raises(InputError, match="not how panels are looked into: reload the page"):
        read_look(values)
