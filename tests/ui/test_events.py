from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
import torch
from torch import Tensor

from ensir.comparison import (
    CHANNELS,
    FUSED,
    Comparison,
    compare,
    inspect_pixel,
    most_disputed_pixel,
)
from ensir.degradations import gaussian_noise
from ensir.ensemble.levels import in_depth, levels_of
from ensir.errors import InputError
from ensir.images import encode_png, on_white, read_image
from ensir.restorers import RESTORERS, restore_with
from ensir.tasks import TASKS, degraded
from ensir.ui import views
from ensir.ui.events import (
    OWN,
    RESTORE,
    on_begin,
    on_example,
    on_inspect,
    on_layer,
    on_maps,
    on_new_input,
    on_pick,
    on_refit,
    on_run,
    on_settled,
    on_task,
    on_truth,
    on_wiped,
)
from ensir.ui.example import SEED, example_files
from ensir.ui.reference import FILE, NONE, OWN_TRUTH, SAMPLE, sample_statistics
from tests.conftest import make_pictures

pytestmark = pytest.mark.filterwarnings("default")

Upload = Callable[[str, bytes], str]
SKIP = gr.skip()
CANDIDATES, TRUTH = make_pictures(seed=9, members=3, height=40, width=36, contrast=20)
# The places of on_run's outputs.
COMPARISON, LAYER, MAIN, LEGEND, LEFT, RIGHT, WIPED, WIPED_LEGEND, MAPS = range(9)
MAP_LEGEND, SCORES, NOTE, X, Y, TABLE, SENTENCE, HISTOGRAM = range(9, 17)
PICTURES, FUSED_INPUTS, FUSED_WITH = range(17, 20)
INPUTS = 5  # the count of them when a run begins


LOOKED_AT = ("input", "fused", "weights", "mean")


def run(
    start: str = RESTORE,
    picture: str | None = None,
    degrade: bool = False,
    strength: float = 10,
    task: str = "denoising",
    restorers: tuple[str, ...] = ("bilateral", "median"),
    own_files: list[str] | None = None,
    crop: bool = False,
    truth: str | None = None,
    source: str = SAMPLE,
    layer: str = FUSED,
    x: int | None = 0,
    y: int | None = 0,
) -> Any:  # noqa: ANN401 - what Gradio lays into the components
    """The last outputs of a run with `em` at width 16, green."""
    inputs = (start, picture, task, degrade, strength, list(restorers), own_files, crop, truth)
    weights_from = (INPUTS, source, None, 16, "em")
    steps = list(on_run(*inputs, *weights_from, layer, *LOOKED_AT, x, y, "green"))
    assert all(step == SKIP for step in steps[:-1])
    return steps[-1]


def refit(
    comparison: Comparison,
    source: str,
    truth: str | None = None,
    waiting: bool = False,
    bin_width: int = 32,
    method: str = "em",
    layer: str = FUSED,
) -> Any:  # noqa: ANN401 - as above
    rest = (source, None, bin_width, method, layer, *LOOKED_AT, 5, 3, "green")
    if truth is not None:
        return on_truth(comparison, INPUTS, INPUTS - waiting, truth, *rest)
    return on_refit(comparison, INPUTS, INPUTS - waiting, *rest)


def own(upload: Upload, pictures: dict[str, Tensor]) -> list[str]:
    return [upload(f"{name}.png", encode_png(picture)) for name, picture in pictures.items()]


def same_picture(path: str, picture: Tensor) -> bool:
    return torch.equal(read_image(Path(path)), picture)


def test_a_run_restores_and_fuses_as_the_engine_does(upload: Upload) -> None:
    outputs = run(picture=upload("x.png", encode_png(TRUTH)))
    names = ("bilateral", "median")
    restored = restore_with(names, TRUTH, lambda done, total: None, lambda: False)
    expected = compare(restored, degraded=TRUTH, reference=sample_statistics(), bin_width=16)
    assert same_picture(outputs[MAIN], expected.fused.values)
    assert torch.equal(outputs[COMPARISON].fused.values, expected.fused.values)
    assert [name for _, name in outputs[PICTURES]] == list(names)
    assert len(outputs[MAPS]) == 2
    assert outputs[FUSED_INPUTS] == INPUTS
    assert outputs[FUSED_WITH] == (SAMPLE, None, 16, "em")
    assert len(outputs) == 20
    assert (outputs[LEFT]["value"], outputs[RIGHT]["value"]) == ("input", "fused")
    assert same_picture(outputs[WIPED][0], TRUTH)
    assert same_picture(outputs[WIPED][1], expected.fused.values)
    assert outputs[LEGEND]["visible"] is outputs[WIPED_LEGEND]["visible"] is False
    assert "24 reference pictures" in outputs[NOTE]
    assert outputs[TABLE] == views.pixel_table(inspect_pixel(expected, 0, 0), 1)


def test_a_run_takes_candidates_named_by_their_files(upload: Upload) -> None:
    pictures = {"zebra": CANDIDATES[0], "ant": CANDIDATES[1]}
    truth = upload("gt.png", encode_png(TRUTH))
    outputs = run(OWN, own_files=own(upload, pictures), truth=truth, source=OWN_TRUTH)
    comparison = outputs[COMPARISON]
    assert list(comparison.candidates) == ["ant", "zebra"]
    assert torch.equal(comparison.candidates["ant"], CANDIDATES[1])
    assert comparison.fits is not None
    assert "fused" in outputs[SCORES]
    assert comparison.degraded is None


def test_a_pixel_outside_the_new_picture_gives_way_to_the_most_disputed(upload: Upload) -> None:
    files = own(upload, {"a": CANDIDATES[0], "b": CANDIDATES[1]})
    disputed = most_disputed_pixel(run(OWN, own_files=files)[COMPARISON])
    for x, y in ((36, 0), (0, 40), (-1, 0), (None, 0), (0, None)):
        outputs = run(OWN, own_files=files, x=x, y=y)
        assert (outputs[X], outputs[Y]) == disputed
    outputs = run(OWN, own_files=files, x=35, y=39)
    assert (outputs[X], outputs[Y]) == (35, 39)


def test_a_layer_that_is_gone_gives_way_to_the_fused_picture(upload: Upload) -> None:
    files = own(upload, {"a": CANDIDATES[0], "b": CANDIDATES[1]})
    outputs = run(OWN, own_files=files, layer="median")
    assert outputs[LAYER]["value"] == FUSED
    assert same_picture(outputs[MAIN], outputs[COMPARISON].fused.values)
    outputs = run(OWN, own_files=files, layer="b")
    assert same_picture(outputs[MAIN], CANDIDATES[1])


def test_a_run_without_what_it_needs_is_a_sentence(upload: Upload) -> None:
    one = own(upload, {"a": CANDIDATES[0]})
    picture = upload("x.png", encode_png(TRUTH))
    smaller = own(upload, {"a": CANDIDATES[0], "b": CANDIDATES[1, :, 1:]})
    twice = [*one, upload("a.bmp", encode_png(CANDIDATES[1]))]
    reserved = own(upload, {"fused": CANDIDATES[0], "b": CANDIDATES[1]})
    for arguments, sentence in (
        ({}, "no picture yet"),
        ({"picture": upload("text.png", b"hello")}, "text.png is not a PNG"),
        ({"picture": picture, "restorers": ("median",)}, "two or more candidates"),
        ({"picture": picture, "restorers": ("magic", "median")}, "no restorer 'magic'"),
        ({"picture": picture, "source": OWN_TRUTH}, "no ground truth yet"),
        ({"picture": picture, "source": FILE}, "no file yet"),
        ({"start": OWN}, "two or more candidates are needed to fuse, got 0"),
        ({"start": OWN, "own_files": one}, "two or more candidates are needed to fuse, got 1"),
        ({"start": OWN, "own_files": smaller}, r"different sizes \(a is 36 × 40, b is 36 × 39\)"),
        ({"start": OWN, "own_files": twice}, "two candidates are called a"),
        ({"start": OWN, "own_files": reserved}, "cannot be called 'fused'"),
    ):
        with pytest.raises(gr.Error, match=sentence) as caught:
            run(**arguments)
        assert "/" not in caught.value.message


def deep_picture(seed: int) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randint(0, 65536, (3, 40, 36), generator=random).to(torch.uint16)


def test_a_16_bit_transparent_picture_is_fused_as_such_and_the_page_says_so(
    upload: Upload,
) -> None:
    deep = deep_picture(1)
    alpha = torch.full((40, 36), 30000, dtype=torch.int32).to(torch.uint16)
    outputs = run(picture=upload("deep.png", encode_png(deep, alpha)))
    comparison = outputs[COMPARISON]
    assert torch.equal(comparison.degraded.int(), deep.int())
    names = ("bilateral", "median")
    restored = restore_with(names, levels_of(deep), lambda done, total: None, lambda: False)
    assert all(torch.equal(comparison.candidates[name], restored[name]) for name in names)
    fused = comparison.fused
    assert torch.equal(fused.values.int(), in_depth(comparison.fusion.image, torch.uint16).int())
    assert torch.equal(fused.alpha.int(), alpha.int())
    assert "deep.png is partly transparent" in outputs[NOTE] and "16 bits" in outputs[NOTE]
    on_screen = on_white(levels_of(comparison.fusion.image), alpha)
    assert same_picture(outputs[MAIN], on_screen)
    assert outputs[NOTE].removeprefix("<p>")[:10] != refit(comparison, NONE)[NOTE][3:13]
    assert "deep.png is partly transparent" in refit(comparison, NONE)[NOTE]


def test_a_16_bit_picture_is_degraded_in_16_bits(upload: Upload) -> None:
    deep = deep_picture(2)
    outputs = run(picture=upload("deep.png", encode_png(deep)), degrade=True, strength=7)
    comparison = outputs[COMPARISON]
    assert torch.equal(comparison.truth.int(), deep.int())
    assert torch.equal(comparison.degraded.int(), gaussian_noise(deep, 7, SEED).int())


def test_candidates_of_different_sizes_are_cropped_if_asked_for(upload: Upload) -> None:
    files = own(upload, {"a": CANDIDATES[0], "b": CANDIDATES[1, :, :38, :32]})
    truth = upload("gt.png", encode_png(TRUTH[:, :39]))
    outputs = run(OWN, own_files=files, crop=True, truth=truth, source=OWN_TRUTH)
    comparison = outputs[COMPARISON]
    assert torch.equal(comparison.candidates["a"], CANDIDATES[0, :, :38, :32])
    assert torch.equal(comparison.truth, TRUTH[:, :38, :32])
    assert "Cropped to the 32 × 38 pixels" in outputs[NOTE]


def test_new_input_forgets_the_truth_and_asks_for_the_button() -> None:
    inputs, truth, note = on_new_input(3, 3)
    assert inputs == 4
    assert truth is None
    assert "press the button" in note


def test_the_truth_of_new_input_stays_when_more_input_comes() -> None:
    assert on_new_input(4, 3)[:2] == (5, SKIP)


def test_a_run_begins_with_the_picture_it_degrades_as_the_truth() -> None:
    assert on_begin(RESTORE, "x.png", True)[1] == "x.png"
    assert on_begin(RESTORE, "x.png", False)[1] == SKIP
    assert on_begin(OWN, "x.png", True)[1] == SKIP


def settle(comparison: Comparison, fused_with: tuple[object, ...], inputs: int = INPUTS) -> Any:  # noqa: ANN401
    view = (FUSED, *LOOKED_AT, 5, 3, "green")
    return on_settled(comparison, inputs, INPUTS, fused_with, NONE, None, 16, "em", *view)


def test_weights_chosen_during_a_run_are_taken_after_it(small: Comparison) -> None:
    outputs = settle(small, (SAMPLE, None, 16, "em"))
    assert outputs[COMPARISON].table is None
    assert settle(small, (NONE, None, 16, "em")) == SKIP


def test_input_that_came_during_a_run_waits_for_the_button(small: Comparison) -> None:
    assert settle(small, (SAMPLE, None, 16, "em"), inputs=INPUTS + 1) == SKIP


def test_a_refit_fuses_the_same_candidates_with_other_weights(small: Comparison) -> None:
    outputs = refit(small, NONE)
    assert torch.equal(outputs[COMPARISON].fused.values, views.layer_picture(small, "average"))
    assert outputs[COMPARISON].candidates == small.candidates
    fitted = refit(small, OWN_TRUTH, bin_width=64, method="published")[COMPARISON].table
    assert fitted is not None
    assert (fitted.bins.width, fitted.provenance.method) == (64, "published")
    assert len(outputs) == 18


def test_a_refit_keeps_the_candidates_on_screen_if_their_order_stays(small: Comparison) -> None:
    assert refit(small, NONE)[PICTURES] == SKIP


def test_a_refit_takes_a_new_truth_and_else_keeps_the_old(
    small: Comparison, upload: Upload
) -> None:
    assert refit(small, NONE)[COMPARISON].truth is small.truth
    other = upload("gt.png", encode_png(small.candidates["A"]))
    assert torch.equal(refit(small, NONE, truth=other)[COMPARISON].truth, small.candidates["A"])


def test_a_refit_waits_for_new_input_to_be_fused(small: Comparison) -> None:
    assert refit(small, NONE, waiting=True) == SKIP


def test_a_refit_waits_for_the_file_it_needs(small: Comparison) -> None:
    assert refit(small, FILE) == SKIP


def test_a_bad_refit_is_a_sentence(small: Comparison) -> None:
    for arguments, sentence in (
        ({"source": OWN_TRUTH, "bin_width": 0}, "a bin is 1 to 256 levels wide"),
        ({"source": OWN_TRUTH, "method": "magic"}, "a method is em or published"),
        ({"source": "elsewhere"}, "weights come from one of"),
    ):
        with pytest.raises(gr.Error, match=sentence):
            refit(small, **arguments)


def test_a_layer_is_shown_as_it_is(small: Comparison) -> None:
    picture, legend = on_layer(small, "B", "mean")
    assert same_picture(picture, small.candidates["B"])
    assert legend["visible"] is False
    with pytest.raises(gr.Error, match="there is no picture"):
        on_layer(small, "D", "mean")


def test_a_map_is_shown_with_its_legend(small: Comparison) -> None:
    picture, legend = on_layer(small, "largest weight", "red")
    assert same_picture(picture, views.layer_picture(small, "largest weight", "red"))
    assert legend["visible"] is True
    assert legend["value"] == views.layer_legend(small, "largest weight", "red")


def test_two_layers_are_shown_under_the_wipe(small: Comparison) -> None:
    pictures, legend = on_wiped(small, "A", "error of A", "mean")
    assert same_picture(pictures[0], small.candidates["A"])
    assert same_picture(pictures[1], views.layer_picture(small, "error of A"))
    assert legend["value"] == views.layer_legend(small, "error of A")
    with pytest.raises(gr.Error, match="there is no picture"):
        on_wiped(small, "A", "D", "mean")


def test_another_channel_of_the_maps_is_shown_wherever_there_are_some(small: Comparison) -> None:
    outputs = on_maps(small, "weight of A", "B", "weight of C", "weights", "blue")
    items, legend, main, _, wiped, _ = outputs
    assert items == views.map_items(small, "weights", "blue")
    assert legend == views.map_legend(small, "weights")
    assert same_picture(main, views.layer_picture(small, "weight of A", "blue"))
    assert same_picture(wiped[1], views.layer_picture(small, "weight of C", "blue"))
    assert on_maps(small, "A", "A", "B", "errors", "mean")[0] == views.map_items(small, "errors")


def test_a_picture_to_degrade_is_the_truth_of_its_noisy_self(upload: Upload) -> None:
    picture = upload("clean.png", encode_png(TRUTH))
    other = upload("other.png", encode_png(CANDIDATES[0]))
    outputs = run(picture=picture, degrade=True, strength=12, truth=other)
    comparison = outputs[COMPARISON]
    assert torch.equal(comparison.truth, TRUTH)
    assert torch.equal(comparison.degraded, gaussian_noise(TRUTH, 12, SEED))
    assert "input" in outputs[SCORES]
    assert run(picture=picture, degrade=True)[COMPARISON].degraded is not None


def test_candidates_of_the_visitor_are_not_degraded(upload: Upload) -> None:
    files = own(upload, {"a": CANDIDATES[0], "b": CANDIDATES[1]})
    outputs = run(OWN, own_files=files, degrade=True)
    assert outputs[COMPARISON].degraded is outputs[COMPARISON].truth is None


def test_noise_beyond_the_range_is_a_sentence(upload: Upload) -> None:
    picture = upload("clean.png", encode_png(TRUTH))
    with pytest.raises(gr.Error, match="the noise is 0 to"):
        run(picture=picture, degrade=True, strength=-1)


@pytest.mark.parametrize("task", TASKS)
def test_an_example_comes_degraded_and_with_its_truth(task: str) -> None:
    for place, path in enumerate(example_files()):
        event = SimpleNamespace(index=place)
        start, picture, truth, degrade, inputs, _ = on_example(task, 7, 3, event)
        assert (start, degrade, inputs) == (RESTORE, False, 4)
        assert same_picture(truth, read_image(path))
        assert same_picture(picture, degraded(read_image(path), task, 7, SEED))


@pytest.mark.parametrize("index", [-1, 99, None, "0", [0, 0]])
def test_an_example_that_is_not_there_is_a_sentence(index: object) -> None:
    with pytest.raises(gr.Error, match="an example is one of"):
        on_example("denoising", 25, 0, SimpleNamespace(index=index))


@pytest.mark.parametrize("task", TASKS)
def test_a_task_offers_its_base_models_and_its_degradation(task: str) -> None:
    models, strength, degrade = on_task(task)
    assert all(RESTORERS[name].task == task for name in models["choices"])
    assert set(models["value"]) <= set(models["choices"]) and len(models["value"]) <= 3
    assert (strength["maximum"], strength["value"]) == (TASKS[task].strongest, TASKS[task].usual)
    assert TASKS[task].degradation in degrade["info"]


def test_an_unknown_task_is_a_sentence() -> None:
    with pytest.raises(InputError, match="a task is"):
        on_task("dehazing")


def test_a_pick_inspects_the_pixel_under_the_click(small: Comparison) -> None:
    x, y, table, sentence, figure = on_pick(small, "blue", SimpleNamespace(index=[7, 11]))
    pixel = inspect_pixel(small, 7, 11)
    assert (x, y) == (7, 11)
    assert table == views.pixel_table(pixel, 2)
    assert sentence == views.sentence(pixel, 2)
    assert len(figure.data) > 3


def test_typed_numbers_inspect_their_pixel(small: Comparison) -> None:
    for place, channel in enumerate(CHANNELS):
        table, _, _ = on_inspect(small, 35, 39, channel)
        assert table == views.pixel_table(inspect_pixel(small, 35, 39), place)


def test_a_pixel_that_is_not_there_is_a_sentence(small: Comparison) -> None:
    for x, y, sentence in (
        (36, 0, "x is a whole number from 0 to 35"),
        (0, 40, "y is a whole number from 0 to 39"),
        (-1, 0, "x is a whole number from 0 to 35"),
        (None, 0, "fill in both"),
        (0, None, "fill in both"),
    ):
        with pytest.raises(gr.Error, match=sentence):
            on_inspect(small, x, y, "red")


def test_an_unknown_channel_is_a_sentence(small: Comparison) -> None:
    with pytest.raises(gr.Error, match="a channel is red, green or blue"):
        on_inspect(small, 0, 0, "alpha")
