from collections.abc import Iterator
from inspect import signature

import gradio as gr
import pytest

from ensir.comparison import INPUT, TRUTH
from ensir.methods import METHODS
from ensir.tasks import TASKS
from ensir.ui.base_models import chosen_at_first, offered, tasks_here
from ensir.ui.events import OWN, RESTORE, WORKSPACE, Weights, on_run
from ensir.ui.example import BIN_WIDTH, METHOD, TASK, example, example_files
from ensir.ui.example import RESTORERS as EXAMPLE_RESTORERS
from ensir.ui.inputs_panel import Inputs, inputs_panel
from ensir.ui.layers import layer_picture
from ensir.ui.pictures import shown
from ensir.ui.reference import SAMPLE, SOURCES

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module")
def inputs() -> Iterator[Inputs]:
    with gr.Blocks(analytics_enabled=False) as app:
        made = inputs_panel(example())
    yield made
    app.close()


def test_a_run_takes_the_fields_that_the_column_hands_over(inputs: Inputs) -> None:
    taken = list(signature(on_run).parameters)
    names = {id(component): name for name, component in vars(inputs).items()}
    to_run = [names[id(component)] for component in inputs.to_run]
    assert to_run == taken[: len(to_run)]
    assert taken[len(to_run)] == "inputs"
    weights = [names[id(component)] for component in inputs.weights]
    assert weights == list(signature(Weights).parameters)
    assert weights == taken[len(to_run) + 1 :][: len(weights)]


def test_the_column_opens_on_the_example_as_it_was_made(inputs: Inputs) -> None:
    assert (inputs.start.value, inputs.start.choices) == (
        RESTORE,
        [(start, start) for start in (RESTORE, OWN, WORKSPACE)],
    )
    for field, name in ((inputs.picture, INPUT), (inputs.truth, TRUTH)):
        assert field.value["path"] == shown(layer_picture(example(), name))
    assert inputs.restorers.value == list(EXAMPLE_RESTORERS)
    assert "Filters" not in inputs.restorers.info  # rain has none
    assert (inputs.task.value, inputs.bin_width.value) == (TASK, BIN_WIDTH)
    assert (inputs.method.value, inputs.trust.value) == (METHOD, METHODS[METHOD].trust)
    assert inputs.source.value == SAMPLE
    assert "24 reference pictures" in inputs.note.value


def test_everything_there_is_can_be_chosen(inputs: Inputs) -> None:
    def choices(field: gr.Radio | gr.Dropdown | gr.CheckboxGroup) -> list[str]:
        return [value for _, value in field.choices]

    assert choices(inputs.task) == tasks_here()
    assert choices(inputs.restorers) == offered(TASK)
    assert set(chosen_at_first(TASK)) <= set(offered(TASK))
    assert choices(inputs.method) == list(METHODS)
    assert choices(inputs.source) == list(SOURCES)
    assert len(inputs.examples.value) == len(example_files()) > 3
    assert all(method in inputs.method.info for method in METHODS)


def test_what_does_not_apply_is_hidden_and_ranges_are_those_of_the_engine(inputs: Inputs) -> None:
    assert not inputs.own_group.visible and inputs.restore_group.visible
    assert not inputs.workspace_group.visible and not inputs.link_note.visible
    assert not inputs.strength.visible and not inputs.file.visible
    assert not inputs.stop.interactive
    assert (inputs.trust.minimum, inputs.trust.maximum) == (0, 1)
    assert (inputs.bin_width.minimum, inputs.bin_width.maximum) == (8, 256)
    assert inputs.strength.maximum == TASKS[TASK].strongest
    assert inputs.strength.value == TASKS[TASK].usual
