import math
from dataclasses import asdict, fields
from typing import Any

import pytest

from ensir.errors import InputError
from ensir.settings import Settings, checked, read_settings

GOOD = Settings(
    task="deraining",
    strength=12.5,
    models=("median", "名前"),
    eightfold=True,
    weights="truth",
    bin_width=24,
    method="least-squares",
    trust=0.25,
    soft=False,
    map_kind="weight",
    map_channel="all",
    map_opacity=40.0,
    sort_by="pixels",
    channel="blue",
    x=3,
    y=None,
)
BAD: dict[str, list[Any]] = {
    "task": ["rain", "", None, 3, ["deraining"], {}],
    "strength": [math.nan, math.inf, -1, 51, 10**400, True, "5", None, [5]],
    "models": ["median", [""], ["a", "a"], ["a\n"], ["x" * 81], [None], ["m"] * 17, 5, None, [[]]],
    "eightfold": [1, 0, "1", None, []],
    "weights": ["disk", "", None, 1, ["file"]],
    "bin_width": [0, -8, 257, 16.0, True, "16", None, math.nan],
    "method": ["magic", "", None, 1, ["em"]],
    "trust": [math.nan, -0.1, 1.1, True, "1", None],
    "soft": ["yes", 1, None],
    "map_kind": ["magic", None, 1, ["weight"]],
    "map_channel": ["alpha", None, 0, "all three"],
    "map_opacity": [math.nan, -1, 101, False, "100", None],
    "sort_by": ["name", 1, ["pixels"], ""],
    "channel": ["alpha", "all", None, 0],
    "x": [-1, 20_000, 1.0, True, "1", math.nan, [1]],
    "y": [-1, 20_000, 1.0, True, "1", math.nan, [1]],
}


def test_settings_come_back_as_they_were() -> None:
    assert read_settings(asdict(GOOD)) == GOOD
    assert read_settings({**asdict(GOOD), "models": list(GOOD.models), "trust": 1}).trust == 1.0


@pytest.mark.parametrize(("name", "value"), [(name, one) for name in BAD for one in BAD[name]])
def test_a_value_that_cannot_be_is_one_sentence(name: str, value: object) -> None:
    for read in (
        lambda: checked(name, value),
        lambda: read_settings({**asdict(GOOD), name: value}),
    ):
        with pytest.raises(InputError) as caught:
            read()
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


def test_every_setting_is_checked() -> None:
    assert set(BAD) == {field.name for field in fields(Settings)}


@pytest.mark.parametrize("values", [None, [], "task", {}, {**asdict(GOOD), "more": 1}])
def test_settings_lack_nothing_and_have_nothing_more(values: object) -> None:
    with pytest.raises(InputError, match="settings have the names task, strength"):
        read_settings(values)
