from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import gradio as gr
import pytest

from ensir.errors import InputError
from ensir.settings import SOURCES as KEYS
from ensir.settings import Settings
from ensir.ui.base_models import offered
from ensir.ui.choices import SOURCES, chosen, settings_of, view_of, weights_of
from ensir.ui.events import View, Weights
from ensir.ui.example import example
from ensir.ui.fusing import fields_of_settings
from ensir.ui.inputs_panel import Inputs, inputs_panel
from ensir.ui.layers import ALL
from ensir.ui.reference import SAMPLE
from ensir.ui.reference import SOURCES as SHOWN
from ensir.ui.results_panel import Results, results_panel

pytestmark = pytest.mark.filterwarnings("default")

WEIGHTS = Weights(SAMPLE, None, 24, "least-squares", 0.25, True)
VIEW = View("entropy", ALL, 3, None, "blue", 40, "pixels")
OWN_SETTINGS = ("deraining", 12, ["median"], True)


def in_order(of: object) -> list[Any]:
    return [getattr(of, field.name) for field in fields(of)]  # type: ignore[arg-type]


def on_the_page() -> Settings:
    return settings_of(*OWN_SETTINGS, *in_order(WEIGHTS), *in_order(VIEW))


@pytest.fixture(scope="module")
def page() -> Iterator[tuple[Inputs, Results]]:
    with gr.Blocks(analytics_enabled=False) as app:
        inputs = inputs_panel(example())
        results = results_panel(example(), gr.State(example()))
    yield inputs, results
    app.close()


def test_what_is_chosen_comes_back_as_it_was() -> None:
    settings = on_the_page()
    assert weights_of(settings) == WEIGHTS
    assert view_of(settings) == VIEW
    assert (settings.task, settings.strength, settings.models) == ("deraining", 12.0, ("median",))
    assert settings.eightfold


def test_every_source_has_a_name_in_files() -> None:
    assert tuple(SOURCES) == SHOWN
    assert set(SOURCES.values()) == set(KEYS)


def test_a_page_sends_what_settings_are_made_of(page: tuple[Inputs, Results]) -> None:
    inputs, results = page
    values = [it.value for it in [*inputs.own_settings, *inputs.weights, *results.view]]
    settings = settings_of(*values)
    assert (settings.task, settings.weights, settings.channel) == ("deraining", "sample", "green")
    assert (settings.x, settings.y) == (results.x.value, results.y.value)


def test_settings_go_to_the_fields_they_are_of(page: tuple[Inputs, Results]) -> None:
    labels = [field.label for field in fields_of_settings(*page)]
    values = chosen(replace(on_the_page(), models=(*offered("deraining")[:2], "not here")))
    told = dict(zip(labels, values, strict=True))
    assert told["Task"] == "deraining"
    assert told["Base models"]["value"] == offered("deraining")[:2]
    assert told["Base models"]["choices"] == offered("deraining")
    strength = next(value for value in values if isinstance(value, dict) and "maximum" in value)
    assert (strength["value"], strength["visible"]) == (12.0, False)
    assert told["Degrade it for me"]["value"] is False
    assert (told["Weights from"], told["Bin width, levels"]) == (SAMPLE, 24)
    assert (told["Method"], told["Trust in the reference set"]) == ("least-squares", 0.25)
    assert told["Soft look-up"] is True
    assert told["Channel of the maps"] == ALL


@pytest.mark.parametrize(
    ("place", "value"),
    [(0, "rain"), (1, "5"), (2, "median"), (4, "magic"), (4, ["file"]), (6, 1.5), (8, True)],
)
def test_what_no_field_holds_is_a_sentence(place: int, value: object) -> None:
    values = [*OWN_SETTINGS, *in_order(WEIGHTS), *in_order(VIEW)]
    values[place] = value
    with pytest.raises(InputError):
        settings_of(*values)
