from dataclasses import replace
from urllib.parse import parse_qsl

import pytest

from ensir.methods import METHODS
from ensir.settings import Settings
from ensir.tasks import TASKS
from ensir.ui.addresses import KEYS, Link, query_of, read_query
from ensir.ui.base_models import chosen_at_first, offered
from ensir.ui.example import BIN_WIDTH, METHOD, PICTURE, RESTORERS, TASK, example_files

pytestmark = pytest.mark.filterwarnings("default")

CHOSEN = Settings(
    task="deraining",
    strength=12.5,
    models=tuple(offered("deraining")[:2]),
    eightfold=True,
    weights="truth",
    bin_width=24,
    method="least-squares",
    trust=0.35,
    soft=True,
    map_kind="signed error",
    map_channel="red",
    map_opacity=45.0,
    sort_by="reference pixels",
    channel="blue",
    x=17,
    y=170,
)


def read(query: str) -> Link:
    found = read_query(dict(parse_qsl(query.removeprefix("?"), keep_blank_values=True)))
    assert found is not None
    return found


@pytest.mark.parametrize("path", example_files(), ids=lambda path: path.stem)
def test_an_address_reproduces_all_settings(path: object) -> None:
    query = query_of(CHOSEN, path.stem)  # type: ignore[attr-defined]
    assert read(query) == Link(path, CHOSEN)  # type: ignore[arg-type]
    assert set(dict(parse_qsl(query[1:]))) <= KEYS
    assert " " not in query and "+" not in query


def test_what_is_as_usual_needs_no_word() -> None:
    plain = replace(
        *[CHOSEN], eightfold=False, soft=False, map_channel="all", map_opacity=100.0, sort_by=None
    )
    query = query_of(plain, "coffee")
    assert not {"eightfold", "soft", "of", "opacity", "sort"} & set(dict(parse_qsl(query[1:])))
    assert read(query).settings == plain


def test_an_address_names_nothing_of_the_visitor() -> None:
    own = replace(CHOSEN, models=("My secret model", *CHOSEN.models), weights="file")
    query = query_of(own, None)
    assert "secret" not in query and "example" not in query
    assert not {"weights", "x", "y"} & set(dict(parse_qsl(query[1:])))
    assert read(query).settings == replace(
        own, models=CHOSEN.models, weights="sample", x=None, y=None
    )


def test_an_address_of_others_changes_nothing() -> None:
    assert read_query({}) is None
    assert read_query({"__theme": "dark", "utm_source": "x", "view": "api"}) is None


@pytest.mark.parametrize("task", TASKS)
def test_what_is_not_said_is_as_the_task_and_the_method_have_it(task: str) -> None:
    settings = read(f"?task={task}&method=least-squares").settings
    models = RESTORERS if task == TASK else tuple(chosen_at_first(task))
    assert settings.models == models
    assert settings.strength == TASKS[task].usual
    assert settings.trust == METHODS["least-squares"].trust
    assert (settings.x, settings.y) == (None, None)


BAD = {
    "example": ["lena", "", "../astronaut", "astronaut.png"],
    "task": ["rain", "", "<b>"],
    "strength": ["99", "-1", "nan", "1e1", "inf", "", "५"],
    "models": ["median", "", "median,median", "median,magic", ",".join(["x"] * 40), "../x,y"],
    "eightfold": ["yes", "2", ""],
    "weights": ["file", "disk", ""],
    "width": ["0", "12", "264", "16.0", "-16", "1_6", "１６", "9" * 5000, ""],
    "method": ["magic", ""],
    "trust": ["1.5", "-0.1", "nan", "NaN", "0x1", ""],
    "soft": ["true", ""],
    "map": ["magic", ""],
    "of": ["alpha", "all three"],
    "opacity": ["101", "-1", "nan"],
    "sort": ["name", ""],
    "channel": ["all", "alpha"],
    "x": ["512", "-1", "1.5", "9" * 5000, "x"],
    "y": ["384", "-1", "1.5", ""],
}


def test_every_key_is_checked() -> None:
    assert set(BAD) == KEYS


@pytest.mark.parametrize(("key", "value"), [(key, value) for key in BAD for value in BAD[key]])
def test_a_bad_value_is_passed_over_with_one_sentence(key: str, value: str) -> None:
    link = read_query({key: value})
    assert link is not None
    (sentence,) = link.ignored
    assert key in sentence and "in the address" in sentence
    assert "\n" not in sentence and len(sentence) < 400
    usual = read_query({"width": str(BIN_WIDTH)})
    assert usual is not None
    assert (link.example, link.settings) == (PICTURE, usual.settings)


def test_the_other_values_of_an_address_count_all_the_same() -> None:
    link = read("?width=99&method=magic&trust=0.5&channel=red")
    assert len(link.ignored) == 2
    settings = link.settings
    assert (settings.bin_width, settings.method) == (BIN_WIDTH, METHOD)
    assert (settings.trust, settings.channel) == (0.5, "red")
