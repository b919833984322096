from collections.abc import Callable
from dataclasses import replace
from html import escape
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
import torch
from torch import Tensor

from ensir.comparison import (
    AVERAGE,
    FUSED,
    INPUT,
    TRUTH,
    Comparison,
    compare,
    fuse_again,
    statistics_of_truth,
)
from ensir.degradations import gaussian_noise, larger, smaller
from ensir.ensemble.levels import in_depth, levels_of
from ensir.ensemble.lookup_table import LookupTable
from ensir.images import encode_png, on_white, read_image, write_image
from ensir.inspection import inspect_pixel, most_disputed_pixel
from ensir.methods import METHODS
from ensir.progress import IsCancelled, OnProgress
from ensir.restorers import RESTORERS, restore_with
from ensir.restorers.classical import CLASSICAL
from ensir.table_files import read_table
from ensir.tasks import TASKS, clean, degraded
from ensir.ui import events, views
from ensir.ui.base_models import Steps
from ensir.ui.events import (
    FIRST_MAPS,
    NEW_INPUT,
    OWN,
    RESTORE,
    Ran,
    View,
    Weights,
    fused_outputs,
    on_begin,
    on_degrade,
    on_eightfold,
    on_estimate,
    on_example,
    on_method,
    on_new_input,
    on_picture,
    on_refit,
    on_run,
    on_settled,
    on_task,
    on_truth,
    on_viewed,
    on_waiting,
)
from ensir.ui.example import SEED, example_files
from ensir.ui.inspecting import NO_CANDIDATE
from ensir.ui.layers import ALL, SOLID, WINNER, viewer_value
from ensir.ui.reference import FILE, NONE, OWN_TRUTH, SAMPLE, sample_statistics
from ensir.ui.viewer import ViewerValue
from tests.conftest import make_pictures
from tests.ui.layer_pictures import layer_picture
from tests.zips import zip_of

pytestmark = pytest.mark.filterwarnings("default")

Upload = Callable[[str, bytes], str]
SKIP = gr.skip()
CANDIDATES, GROUND_TRUTH = make_pictures(seed=9, members=3, height=40, width=36, contrast=20)
# The places of on_run's outputs.
COMPARISON, VIEWER, HIGHLIGHT, MAP_KIND, MAPS, MAP_LEGEND, SCORES, NOTE, X, Y = range(10)
TABLE, SENTENCE, HISTOGRAM, CHANGED = range(10, 14)
SORT_BY, BIN_SETS_HELP, DRAWN, PICTURES, FUSED_INPUTS, RAN = range(14, 20)
INPUTS = 5  # the count of them when a run begins
WITH_STRENGTH = [name for name, task in TASKS.items() if task.strength is not None]
GREEN = 1


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
    x: int | None = 0,
    y: int | None = 0,
    file: str | None = None,
    self_ensemble: bool = False,
    method: str = "em",
    trust: float = 1,
    soft: bool = False,
    maps: tuple[str, str] = (FIRST_MAPS, ALL),
    looks: tuple[float, str | None] = (SOLID, None),
    before: Comparison | None = None,
) -> Any:  # noqa: ANN401 - what Gradio lays into the components
    """The last outputs of a run at width 16, green."""
    given = (start, picture, task, degrade, strength, list(restorers), self_ensemble)
    weights_from = (source, file, 16, method, trust, soft)
    view = (*maps, x, y, "green", *looks)
    steps = list(on_run(*given, own_files, crop, truth, INPUTS, *weights_from, *view, before))
    assert all(step == SKIP for step in steps[:-1])
    return steps[-1]


def refit(
    comparison: Comparison,
    source: str,
    truth: str | None = None,
    waiting: bool = False,
    bin_width: int = 32,
    method: str = "em",
    trust: float = 1,
    soft: bool = False,
    maps: tuple[str, str] = (FIRST_MAPS, ALL),
    looks: tuple[float, str | None] = (SOLID, None),
) -> Any:  # noqa: ANN401 - as above
    rest = (source, None, bin_width, method, trust, soft, *maps, 5, 3, "green", *looks)
    if truth is not None:
        return on_truth(comparison, INPUTS, INPUTS - waiting, truth, *rest)
    return on_refit(comparison, INPUTS, INPUTS - waiting, *rest)


def own(upload: Upload, pictures: dict[str, Tensor]) -> list[str]:
    return [upload(f"{name}.png", encode_png(picture)) for name, picture in pictures.items()]


def same_picture(path: str, picture: Tensor) -> bool:
    return torch.equal(read_image(Path(path)), picture)


def on_screen(value: ViewerValue, name: str) -> str:
    """The path of a layer's picture."""
    (layer,) = (layer for layer in value.layers if layer.name == name)
    assert layer.picture is not None
    return layer.picture


def seen(outputs: Any) -> tuple[int, int]:  # noqa: ANN401 - as above
    """The pixel that is inspected."""
    return outputs[DRAWN].x, outputs[DRAWN].y


def filled(outputs: Any) -> dict[str, int]:  # noqa: ANN401 - as above
    """What a result writes into the fields of the pixel."""
    updates = {"x": outputs[X], "y": outputs[Y]}
    return {name: update["value"] for name, update in updates.items() if update != SKIP}


def table_of(outputs: Any) -> LookupTable:  # noqa: ANN401 - as above
    table = outputs[COMPARISON].table
    assert table is not None
    return table


def test_a_run_restores_and_fuses_as_the_engine_does(upload: Upload) -> None:
    outputs = run(picture=upload("x.png", encode_png(GROUND_TRUTH)))
    names = ("bilateral", "median")
    restored = restore_with(names, GROUND_TRUTH, lambda done, total: None, lambda: False)
    expected = compare(restored, degraded=GROUND_TRUTH, reference=sample_statistics(), bin_width=16)
    assert torch.equal(outputs[COMPARISON].fused.values, expected.fused.values)
    assert [name for _, name in outputs[PICTURES]] == list(names)
    assert len(outputs[MAPS]) == 2
    assert outputs[FUSED_INPUTS] == INPUTS
    assert outputs[RAN].weights == Weights(SAMPLE, None, 16, "em", 1, False)
    assert outputs[RAN].comparison is outputs[COMPARISON]
    assert len(outputs) == 20
    assert "24 reference pictures" in outputs[NOTE]
    pixel = inspect_pixel(expected, 0, 0)
    assert outputs[TABLE] == views.pixel_table(pixel, GREEN)
    assert outputs[SENTENCE] == views.sentence(pixel, GREEN)
    assert outputs[HISTOGRAM] == views.histogram(expected, pixel, GREEN)
    assert outputs[CHANGED]["choices"] == [NO_CANDIDATE, *names]
    assert outputs[CHANGED]["value"] == NO_CANDIDATE


def test_the_viewer_opens_on_what_came_what_became_of_it_and_the_winner(upload: Upload) -> None:
    outputs = run(picture=upload("x.png", encode_png(GROUND_TRUTH)), x=7, y=9)
    value, comparison = outputs[VIEWER], outputs[COMPARISON]
    assert (value.panels, value.reference, value.truth) == ((INPUT, FUSED, WINNER), INPUT, None)
    assert (value.size, value.pinned) == ((36, 40), (7, 9))
    assert value.highlight is outputs[HIGHLIGHT] is None
    assert same_picture(on_screen(value, INPUT), GROUND_TRUTH)
    assert same_picture(on_screen(value, FUSED), comparison.fused.values)
    assert same_picture(on_screen(value, WINNER), layer_picture(comparison, WINNER))


def test_a_run_takes_candidates_and_their_ground_truth_from_a_zip(upload: Upload) -> None:
    pictures = {"zebra": CANDIDATES[0], "ant": CANDIDATES[1], "gt": GROUND_TRUTH}
    files = {f"mine/{name}/0001.png": encode_png(one) for name, one in pictures.items()}
    zipped = upload("mine.zip", zip_of({**files, "mine/readme.txt": b"none"}))
    outputs = run(OWN, own_files=[zipped], source=OWN_TRUTH)
    comparison = outputs[COMPARISON]
    assert list(comparison.candidates) == ["ant", "zebra"]
    assert torch.equal(comparison.candidates["zebra"], CANDIDATES[0])
    assert torch.equal(comparison.truth, GROUND_TRUTH)
    assert "mine.zip: not read are readme.txt" in outputs[NOTE]
    with pytest.raises(gr.Error, match="there is a ground truth among the candidates already"):
        run(OWN, own_files=[zipped], truth=upload("other.png", encode_png(GROUND_TRUTH)))
    with pytest.raises(gr.Error, match=r"different sizes \(ant is 36 × 40, zebra is 30 × 40"):
        files["mine/zebra/0001.png"] = encode_png(CANDIDATES[0, :, :, :30])
        run(OWN, own_files=[upload("mine.zip", zip_of(files))])


def test_a_run_takes_candidates_named_by_their_files(upload: Upload) -> None:
    pictures = {"zebra": CANDIDATES[0], "ant": CANDIDATES[1]}
    truth = upload("gt.png", encode_png(GROUND_TRUTH))
    outputs = run(OWN, own_files=own(upload, pictures), truth=truth, source=OWN_TRUTH)
    comparison = outputs[COMPARISON]
    assert list(comparison.candidates) == ["ant", "zebra"]
    assert torch.equal(comparison.candidates["ant"], CANDIDATES[1])
    assert comparison.fits is not None
    assert "fused" in outputs[SCORES]
    assert comparison.degraded is None
    value = outputs[VIEWER]
    assert (value.panels, value.reference, value.truth) == ((AVERAGE, FUSED, WINNER), TRUTH, TRUTH)
    assert same_picture(on_screen(value, TRUTH), GROUND_TRUTH)


def test_a_pixel_outside_the_new_picture_gives_way_to_the_most_disputed(upload: Upload) -> None:
    files = own(upload, {"a": CANDIDATES[0], "b": CANDIDATES[1]})
    disputed = most_disputed_pixel(run(OWN, own_files=files)[COMPARISON])
    for x, y in ((36, 0), (0, 40), (-1, 0), (None, 0), (0, None)):
        outputs = run(OWN, own_files=files, x=x, y=y)
        assert seen(outputs) == disputed
        assert {"x": x, "y": y} | filled(outputs) == dict(zip("xy", disputed, strict=True))
    outputs = run(OWN, own_files=files, x=35, y=39)
    assert seen(outputs) == (35, 39)
    assert outputs[X] == outputs[Y] == SKIP  # a visitor may look elsewhere since


def test_a_new_picture_is_looked_at_where_its_candidates_disagree_most(upload: Upload) -> None:
    files = own(upload, {"a": CANDIDATES[0], "b": CANDIDATES[1]})
    first = run(OWN, own_files=files, x=5, y=6)[COMPARISON]
    same = run(OWN, own_files=files, x=5, y=6, source=NONE, before=first)
    assert seen(same) == (5, 6)
    flipped = {"a": CANDIDATES[0].flip(-1), "b": CANDIDATES[1].flip(-1)}
    another = run(OWN, own_files=own(upload, flipped), x=5, y=6, before=first)
    disputed = most_disputed_pixel(another[COMPARISON])
    assert seen(another) == disputed != (5, 6)
    assert another[VIEWER].pinned == disputed


def test_opacity_and_order_stay_when_the_result_changes(upload: Upload) -> None:
    picture = upload("x.png", encode_png(GROUND_TRUTH))
    outputs = run(picture=picture, degrade=True, looks=(30, "weight contrast"))
    comparison = outputs[COMPARISON]
    assert outputs[MAPS] == views.map_items(comparison, FIRST_MAPS, ALL, 30)
    assert outputs[MAP_LEGEND] == views.map_legend(comparison, FIRST_MAPS, ALL, 30)
    assert same_picture(
        on_screen(outputs[VIEWER], WINNER), layer_picture(comparison, WINNER, ALL, 30)
    )
    assert "value" not in outputs[SORT_BY] and "value" not in outputs[MAP_KIND]
    assert outputs[BIN_SETS_HELP] == views.bin_sets_help(comparison)
    averaged = run(picture=picture, source=NONE, looks=(30, "error"))
    assert averaged[SORT_BY]["visible"] is False
    assert "there are no bin sets" in averaged[BIN_SETS_HELP]


def test_maps_of_a_kind_that_is_gone_give_way_to_the_weights(upload: Upload) -> None:
    files = own(upload, {"a": CANDIDATES[0], "b": CANDIDATES[1]})
    for gone in ("error", "gain", "none such"):  # without a ground truth there is no error
        outputs = run(OWN, own_files=files, maps=(gone, "red"))
        assert outputs[MAP_KIND]["value"] == outputs[DRAWN].map_kind == FIRST_MAPS
        assert outputs[MAPS] == views.map_items(outputs[COMPARISON], FIRST_MAPS, "red")
    assert "error" not in [kind for _, kind in outputs[MAP_KIND]["choices"]]
    truth = upload("gt.png", encode_png(GROUND_TRUTH))
    outputs = run(OWN, own_files=files, truth=truth, maps=("error", "blue"))
    assert outputs[DRAWN].map_kind == "error"
    assert outputs[MAPS] == views.map_items(outputs[COMPARISON], "error", "blue")
    assert outputs[MAP_LEGEND] == views.map_legend(outputs[COMPARISON], "error", "blue")
    there = [kind for _, kind in outputs[MAP_KIND]["choices"]]
    assert "error" in there and "coverage" not in there  # averaged: there is no table


def test_an_unknown_channel_of_maps_or_pixels_is_a_sentence(upload: Upload) -> None:
    files = own(upload, {"a": CANDIDATES[0], "b": CANDIDATES[1]})
    with pytest.raises(gr.Error, match="maps are of all three, red, green, blue; got 'alpha'"):
        run(OWN, own_files=files, maps=(FIRST_MAPS, "alpha"))


def test_a_run_without_what_it_needs_is_a_sentence(upload: Upload) -> None:
    one = own(upload, {"a": CANDIDATES[0]})
    picture = upload("x.png", encode_png(GROUND_TRUTH))
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
        ({"picture": picture, "method": "magic"}, "a method is em, published or least-squares"),
        ({"picture": picture, "trust": 1.5}, "trust is a number from 0 to 1, got 1.5"),
        ({"picture": picture, "degrade": True, "task": "dehazing"}, "a task is"),
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
    seen = on_white(levels_of(comparison.fusion.image), alpha)
    assert same_picture(on_screen(outputs[VIEWER], FUSED), seen)
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
    truth = upload("gt.png", encode_png(GROUND_TRUTH[:, :39]))
    outputs = run(OWN, own_files=files, crop=True, truth=truth, source=OWN_TRUTH)
    comparison = outputs[COMPARISON]
    assert torch.equal(comparison.candidates["a"], CANDIDATES[0, :, :38, :32])
    assert torch.equal(comparison.truth, GROUND_TRUTH[:, :38, :32])
    assert "Cropped to the 32 × 38 pixels" in outputs[NOTE]


def test_new_input_forgets_the_truth_and_asks_for_the_button() -> None:
    inputs, truth, note = on_new_input(3, 3, 0)
    assert inputs == 4
    assert truth is None
    assert "press the button" in note


def test_the_truth_of_new_input_stays_when_more_input_comes() -> None:
    assert on_new_input(4, 3, 0)[:2] == (5, SKIP)
    assert on_eightfold(4, 3, 0) == (5, SKIP, views.notes(NEW_INPUT))
    assert on_new_input(5, 3, 0)[:2] == (6, SKIP)


def test_eight_views_of_a_picture_keep_its_truth_until_another_comes() -> None:
    inputs, of_fused, note = on_eightfold(3, 3, 0)
    assert (inputs, of_fused, note) == (4, 4, views.notes(NEW_INPUT))
    assert on_eightfold(inputs, 3, of_fused)[:2] == (5, 5)  # and back again
    assert on_new_input(5, 3, 5)[:2] == (6, None)
    assert on_new_input(6, 3, 5)[:2] == (7, SKIP)  # whose truth may have come since


def test_a_run_begins_with_the_picture_it_degrades_as_the_truth() -> None:
    assert on_begin(RESTORE, "x.png", True, 7)[1] == "x.png"
    assert on_begin(RESTORE, "x.png", False, 7)[1:] == (SKIP, 7)
    assert on_begin(OWN, "x.png", True, 7)[1] == SKIP


AVERAGED = Weights(NONE, None, 16, "em", 1, False)


def settle(
    comparison: Comparison,
    weights: Weights,
    inputs: int = INPUTS,
    ran: Comparison | None = None,
    truths: tuple[str | None, str | None] = (None, None),
    source: str = NONE,
) -> Any:  # noqa: ANN401
    """After a run with the first of two truths; the second is in the field when it has ended."""
    view = (False, FIRST_MAPS, ALL, 5, 3, "green")
    drawn = View(FIRST_MAPS, "red", 7, 8, "green", 40)
    of_run = Ran(ran or comparison, weights, truths[0])
    given = (comparison, inputs, INPUTS, of_run, drawn, truths[1])
    return on_settled(*given, source, None, 16, "em", 1, *view)


def is_left_as_it_came(outputs: Any, comparison: Comparison) -> bool:  # noqa: ANN401 - as above
    """Whether nothing is shown but once more the viewer, as `settle` says that it was drawn."""
    value = viewer_value(comparison, map_channel="red", opacity=40, pinned=(7, 8))
    value = replace(value, keeps_pin=True)  # a visitor may have pinned elsewhere since
    others = [one for place, one in enumerate(outputs) if place not in (VIEWER, HIGHLIGHT)]
    return (outputs[VIEWER], outputs[HIGHLIGHT]) == (value, None) and others == [SKIP] * 16


def test_weights_chosen_during_a_run_are_taken_after_it(small: Comparison) -> None:
    outputs = settle(small, Weights(SAMPLE, None, 16, "em", 1, False))
    assert outputs[COMPARISON].table is None
    assert settle(small, Weights(NONE, None, 16, "em", 0.5, False))[COMPARISON].table is None
    assert on_settled(small, INPUTS, INPUTS, None, View(FIRST_MAPS, ALL, 5, 3, "green"), None) == (
        SKIP
    )


def test_the_viewer_shows_the_result_once_more_where_all_stays(small: Comparison) -> None:
    """What was asked for of the result before may have been answered later."""
    assert is_left_as_it_came(settle(small, AVERAGED), small)
    late = fuse_again(small, reference=None, bin_width=16, method="em")  # of the same candidates
    assert is_left_as_it_came(settle(late, AVERAGED, ran=small), late)
    waits = settle(small, Weights(SAMPLE, None, 16, "em", 1, False), inputs=INPUTS + 1)
    assert is_left_as_it_came(waits, small)


def test_a_ground_truth_that_came_during_a_run_is_that_of_its_result(
    small: Comparison, upload: Upload
) -> None:
    first, other = (upload(f"{name}.png", encode_png(small.candidates[name])) for name in "AB")
    for before in (None, first):
        outputs = settle(small, AVERAGED, truths=(before, other))
        assert torch.equal(outputs[COMPARISON].truth, small.candidates["B"])
        assert outputs[SCORES] == views.score_table(outputs[COMPARISON])
        assert same_picture(on_screen(outputs[VIEWER], TRUTH), small.candidates["B"])
    fitted = settle(small, AVERAGED, truths=(None, other), source=OWN_TRUTH)
    assert fitted[COMPARISON].fits is not None
    waits = settle(small, AVERAGED, truths=(None, other), source=FILE)  # which is not there yet
    assert torch.equal(waits[COMPARISON].truth, small.candidates["B"])
    for same in ((first, first), (first, None)):  # None: the field was emptied
        assert is_left_as_it_came(settle(small, AVERAGED, truths=same), small)
    newer = settle(small, AVERAGED, inputs=INPUTS + 1, truths=(first, other))
    assert is_left_as_it_came(newer, small)


def test_a_ground_truth_that_does_not_fit_the_result_is_a_sentence_and_the_rest_is_done(
    small: Comparison, upload: Upload
) -> None:
    odd = upload("gt.png", encode_png(GROUND_TRUTH[:, 1:]))
    with pytest.warns(UserWarning, match="the pictures have different sizes"):
        outputs = settle(small, Weights(SAMPLE, None, 16, "em", 1, False), truths=(None, odd))
    assert outputs[COMPARISON].table is None
    assert outputs[COMPARISON].truth is small.truth


def test_a_run_notes_the_ground_truth_that_its_field_has(upload: Upload) -> None:
    picture = upload("x.png", encode_png(CANDIDATES[0]))
    truth = upload("gt.png", encode_png(GROUND_TRUTH))
    assert run(picture=picture, truth=truth)[RAN].truth == truth
    assert run(picture=picture)[RAN].truth is None
    outputs = run(picture=picture, truth=truth, degrade=True)
    assert outputs[RAN].truth == on_begin(RESTORE, picture, True, INPUTS)[1] == picture


def test_what_is_looked_at_during_a_run_is_looked_at_after_it(small: Comparison) -> None:
    was = (FIRST_MAPS, ALL, 5, 3, "green", SOLID, "error")
    drawn = refit(small, OWN_TRUTH, looks=(SOLID, "error"))[DRAWN]
    assert drawn == View(*was)
    assert on_viewed(small, drawn, *was) == on_viewed(small, None, *was) == SKIP
    for place, other in enumerate(("error", "red", 7, 8, "blue", 40, "pixels")):
        now = (*was[:place], other, *was[place + 1 :])
        outputs = on_viewed(small, drawn, *now)
        assert outputs == fused_outputs(small, None, View(*now))
        assert outputs[DRAWN] == View(*now)
        assert outputs[NOTE] == outputs[X] == outputs[Y] == SKIP
    gone = (*was[:2], 5, 999, *was[4:])  # which is no pixel of this picture
    assert seen(on_viewed(small, drawn, *gone)) == most_disputed_pixel(small)


def test_input_that_came_during_a_run_waits_for_the_button(small: Comparison) -> None:
    waits = settle(small, Weights(SAMPLE, None, 16, "em", 1, False), inputs=INPUTS + 1)
    assert waits[COMPARISON] == SKIP
    assert NEW_INPUT in on_waiting(INPUTS + 1, INPUTS)
    assert on_waiting(INPUTS, INPUTS) == SKIP


@pytest.mark.parametrize("inputs", [INPUTS, INPUTS + 1])
def test_what_was_fused_of_the_candidates_before_gives_way_to_a_run(
    small: Comparison, inputs: int
) -> None:
    names = list(small.as_given)[:2]
    ran = compare({name: small.as_given[name] for name in names}, truth=small.truth, bin_width=16)
    late = fuse_again(small, reference=None, bin_width=16, method="em")
    outputs = settle(late, AVERAGED, inputs, ran)
    assert list(outputs[COMPARISON].as_given) == names
    assert [name for _, name in outputs[PICTURES]] == names
    again = fuse_again(ran, reference=None, bin_width=16, method="em")
    assert is_left_as_it_came(settle(again, AVERAGED, inputs, ran), again)


def test_a_refit_fuses_the_same_candidates_with_other_weights(small: Comparison) -> None:
    outputs = refit(small, NONE)
    assert torch.equal(outputs[COMPARISON].fused.values, layer_picture(small, AVERAGE))
    assert outputs[COMPARISON].candidates == small.candidates
    fitted = table_of(refit(small, OWN_TRUTH, bin_width=64, method="published"))
    assert (fitted.bins.width, fitted.provenance.method) == (64, "published")
    assert len(outputs) == 18


@pytest.mark.parametrize("method", METHODS)
def test_a_refit_trusts_the_reference_set_as_far_as_is_said(small: Comparison, method: str) -> None:
    full, half, none = (
        table_of(refit(small, OWN_TRUTH, method=method, trust=trust)) for trust in (1, 0.5, 0)
    )
    assert full.provenance.method == method
    assert torch.equal(none.weights, torch.full_like(none.weights, 1 / 3))
    # Half of the way from the average, rounded a few times.
    assert (half.weights - (full.weights + none.weights) / 2).abs().max() < 1e-12
    assert (full.weights - none.weights).abs().max() > 0.01


def test_least_squares_is_fitted_as_the_engine_does(upload: Upload) -> None:
    named = {"ant": CANDIDATES[1], "zebra": CANDIDATES[0]}
    truth = upload("gt.png", encode_png(GROUND_TRUTH))
    outputs = run(
        OWN,
        own_files=own(upload, named),
        truth=truth,
        source=OWN_TRUTH,
        method="least-squares",
        trust=0.5,
    )
    expected = compare(
        named,
        truth=GROUND_TRUTH,
        reference=statistics_of_truth(named, GROUND_TRUTH, 16),
        bin_width=16,
        method="least-squares",
        trust=0.5,
    )
    assert torch.equal(outputs[COMPARISON].fusion.image, expected.fusion.image)
    assert outputs[RAN].weights == Weights(OWN_TRUTH, None, 16, "least-squares", 0.5, False)
    assert "fitted by least squares" in outputs[SENTENCE]


def test_another_method_brings_its_own_trust() -> None:
    for name, method in METHODS.items():
        assert on_method(name) == method.trust
    for forged in ("magic", ["em"], None):
        with pytest.raises(gr.Error, match="a method is em, published, least-squares; got"):
            on_method(forged)  # type: ignore[arg-type]


def test_a_refit_keeps_the_candidates_on_screen_if_their_order_stays(small: Comparison) -> None:
    assert refit(small, NONE)[PICTURES] == SKIP


def test_a_refit_takes_a_new_truth_and_else_keeps_the_old(
    small: Comparison, upload: Upload
) -> None:
    assert refit(small, NONE)[COMPARISON].truth is small.truth
    other = upload("gt.png", encode_png(small.candidates["A"]))
    outputs = refit(small, NONE, truth=other)
    assert torch.equal(outputs[COMPARISON].truth, small.candidates["A"])
    assert same_picture(on_screen(outputs[VIEWER], TRUTH), small.candidates["A"])


def test_a_refit_waits_for_new_input_to_be_fused(small: Comparison) -> None:
    assert refit(small, NONE, waiting=True) == SKIP


def test_a_refit_waits_for_the_file_it_needs(small: Comparison) -> None:
    assert refit(small, FILE) == SKIP


def test_a_bad_refit_is_a_sentence(small: Comparison) -> None:
    for arguments, sentence in (
        ({"source": OWN_TRUTH, "bin_width": 0}, "a bin is 1 to 256 levels wide"),
        ({"source": OWN_TRUTH, "method": "magic"}, "a method is em, published or least-squares"),
        ({"source": OWN_TRUTH, "trust": -0.1}, "trust is a number from 0 to 1"),
        ({"source": "elsewhere"}, "weights come from one of"),
    ):
        with pytest.raises(gr.Error, match=sentence):
            refit(small, **arguments)


def test_a_ground_truth_of_another_size_is_a_sentence(small: Comparison, upload: Upload) -> None:
    other = upload("gt.png", encode_png(GROUND_TRUTH[:, 1:]))
    with pytest.raises(gr.Error, match="the pictures have different sizes"):
        refit(small, NONE, truth=other)
    assert on_truth(small, INPUTS, INPUTS, None) == SKIP


def test_a_refit_shows_candidates_anew_in_another_order(small: Comparison) -> None:
    candidates = {name: small.candidates[name] for name in "CBA"}
    turned = replace(small, candidates=candidates, given_order=("C", "B", "A"))
    assert [caption[0] for _, caption in refit(turned, NONE)[MAPS]] == ["C", "B", "A"]
    assert refit(turned, NONE)[PICTURES] == SKIP
    again = replace(turned, given_order=("A", "B", "C"))
    assert [name for _, name in refit(again, NONE)[PICTURES]] == ["A", "B", "C"]


def test_a_picture_to_degrade_is_the_truth_of_its_noisy_self(upload: Upload) -> None:
    picture = upload("clean.png", encode_png(GROUND_TRUTH))
    other = upload("other.png", encode_png(CANDIDATES[0]))
    outputs = run(picture=picture, degrade=True, strength=12, truth=other)
    comparison = outputs[COMPARISON]
    assert torch.equal(comparison.truth, GROUND_TRUTH)
    assert torch.equal(comparison.degraded, gaussian_noise(GROUND_TRUTH, 12, SEED))
    assert "input" in outputs[SCORES]
    assert run(picture=picture, degrade=True)[COMPARISON].degraded is not None


def test_candidates_of_the_visitor_are_not_degraded(upload: Upload) -> None:
    files = own(upload, {"a": CANDIDATES[0], "b": CANDIDATES[1]})
    outputs = run(OWN, own_files=files, degrade=True)
    assert outputs[COMPARISON].degraded is outputs[COMPARISON].truth is None


def test_noise_beyond_the_range_is_a_sentence(upload: Upload) -> None:
    picture = upload("clean.png", encode_png(GROUND_TRUTH))
    with pytest.raises(gr.Error, match="the noise is 0 to"):
        run(picture=picture, degrade=True, strength=-1)


@pytest.mark.parametrize("task", TASKS)
def test_an_example_comes_degraded_and_with_its_truth(task: str) -> None:
    for place, path in enumerate(example_files()):
        event = SimpleNamespace(index=place)
        start, picture, truth, degrade, inputs, _ = on_example(task, 7, 3, event)
        assert (start, degrade, inputs) == (RESTORE, False, 4)
        expected = clean(read_image(path), task)
        assert same_picture(truth, expected)
        assert same_picture(picture, degraded(expected, task, 7, SEED))


@pytest.mark.parametrize("index", [-1, 99, None, "0", [0, 0]])
def test_an_example_that_is_not_there_is_a_sentence(index: object) -> None:
    with pytest.raises(gr.Error, match=r"an example is one of|this click has no index"):
        on_example("denoising", 25, 0, SimpleNamespace(index=index))


@pytest.mark.parametrize("task", TASKS)
def test_a_task_offers_its_base_models_and_its_degradation(task: str) -> None:
    for degrades in (False, True):
        models, strength, degrade = on_task(task, None, degrades)
        assert all(RESTORERS[name].task == task for name in models["choices"])
        assert set(models["value"]) <= set(models["choices"]) and len(models["value"]) <= 3
        assert strength["visible"] is (degrades and task in WITH_STRENGTH)
        scale = TASKS[task].scale
        does = TASKS[task].degradation if scale == 1 else f"{scale} times smaller"
        assert does in degrade["info"]
    if task in WITH_STRENGTH:
        about = TASKS[task]
        assert (strength["maximum"], strength["value"]) == (about.strongest, about.usual)
        assert strength["label"] == about.strength


@pytest.mark.parametrize("task", TASKS)
def test_how_strong_is_asked_for_where_there_is_a_choice(task: str) -> None:
    assert on_degrade(task, True)["visible"] is (task in WITH_STRENGTH)
    assert on_degrade(task, False)["visible"] is False


@pytest.fixture
def enlarging(monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """The names of two models of super-resolution, played by interpolation."""
    assert TASKS["super-resolution"].scale == 4
    for name, offset in (("soft", 0), ("bright", 9)):
        monkeypatch.setitem(RESTORERS, name, Enlarging(name, offset))
    return "soft", "bright"


class Enlarging:
    """Bicubic interpolation, a little too bright."""

    task, scale, licence, parameters = "super-resolution", 4, "MIT", 0
    seconds_per_megapixel, uses_gpu = 0.1, False

    def __init__(self, name: str, offset: int) -> None:
        self.name, self.offset = name, offset

    def restore(self, image: Tensor, on_progress: OnProgress, cancelled: IsCancelled) -> Tensor:
        return (larger(image, 4).int() + self.offset).clamp(max=255).to(torch.uint8)


ODD = make_pictures(seed=4, members=1, height=43, width=38)[1]  # no multiples of 4
EVEN = ODD[:, :40, :36]


def test_a_picture_is_made_four_times_smaller_and_held_against_what_the_scale_divides(
    upload: Upload, enlarging: tuple[str, str]
) -> None:
    assert on_task("super-resolution", None, True)[0]["choices"][-2:] == list(enlarging)
    picture = upload("x.png", encode_png(ODD))
    outputs = run(
        picture=picture,
        degrade=True,
        task="super-resolution",
        restorers=enlarging,
        source=OWN_TRUTH,
        truth=upload("other.png", encode_png(GROUND_TRUTH)),
    )
    comparison, small = outputs[COMPARISON], smaller(EVEN, 4)
    assert torch.equal(comparison.truth, EVEN)
    assert torch.equal(comparison.candidates["soft"], larger(small, 4))
    assert "shown enlarged 4 times" in outputs[NOTE]
    assert outputs[VIEWER].size == (36, 40)
    assert same_picture(on_screen(outputs[VIEWER], INPUT), larger(small, 4))
    assert same_picture(on_screen(outputs[VIEWER], TRUTH), EVEN)
    assert "input" in outputs[SCORES] and "bright" in outputs[SCORES]
    assert is_left_as_it_came(
        settle(comparison, AVERAGED, truths=(outputs[RAN].truth, picture)), comparison
    )
    again = refit(comparison, NONE)
    assert torch.equal(again[COMPARISON].degraded, comparison.degraded)


def test_an_uploaded_truth_is_four_times_the_size_of_what_is_enlarged(
    upload: Upload, enlarging: tuple[str, str]
) -> None:
    small = smaller(EVEN, 4)
    arguments = {
        "picture": upload("x.png", encode_png(small)),
        "task": "super-resolution",
        "restorers": enlarging,
    }
    outputs = run(truth=upload("gt.png", encode_png(EVEN)), **arguments)
    assert torch.equal(outputs[COMPARISON].truth, EVEN)
    assert torch.equal(outputs[COMPARISON].degraded, larger(small, 4))
    for crop in (False, True):  # cropping would not tell which part belongs to which
        wrong = upload("odd.png", encode_png(ODD))
        with pytest.raises(gr.Error, match=r"different sizes \(soft is 36 × 40, .* is 38 × 43\)"):
            run(truth=wrong, crop=crop, **arguments)
    without = run(**arguments)[COMPARISON]
    assert torch.equal(
        refit(without, NONE, truth=upload("gt.png", encode_png(EVEN)))[COMPARISON].truth, EVEN
    )
    outputs = settle(without, AVERAGED, truths=(None, upload("gt.png", encode_png(EVEN))))
    assert torch.equal(outputs[COMPARISON].truth, EVEN)
    with pytest.raises(gr.Error, match="enlarge a picture differently"):
        run(**{**arguments, "restorers": ("soft", "median")})


def test_a_transparent_picture_is_as_transparent_when_enlarged(
    upload: Upload, enlarging: tuple[str, str]
) -> None:
    alpha = torch.arange(90, dtype=torch.uint8).reshape(10, 9) + 100
    small = smaller(EVEN, 4)
    outputs = run(
        picture=upload("x.png", encode_png(small, alpha)),
        task="super-resolution",
        restorers=enlarging,
        source=NONE,
    )
    fused = outputs[COMPARISON].fused
    assert torch.equal(fused.alpha, larger(alpha[None], 4)[0])
    seen = on_white(fused.values, fused.alpha)
    assert same_picture(on_screen(outputs[VIEWER], FUSED), seen)
    alpha = torch.arange(43 * 38).reshape(43, 38).remainder(200).to(torch.uint8)
    outputs = run(
        picture=upload("x.png", encode_png(ODD, alpha)),
        degrade=True,
        task="super-resolution",
        restorers=enlarging,
        source=NONE,
    )
    assert torch.equal(outputs[COMPARISON].fused.alpha, alpha[:40, :36])


def test_an_example_is_enlarged_and_held_against_itself(enlarging: tuple[str, str]) -> None:
    _, picture, truth, degrade, _, _ = on_example(
        "super-resolution", 0, 3, SimpleNamespace(index=0)
    )
    outputs = run(
        picture=picture,
        truth=truth,
        degrade=degrade,
        task="super-resolution",
        restorers=enlarging,
        source=NONE,
    )
    expected = clean(read_image(example_files()[0]), "super-resolution")
    assert torch.equal(outputs[COMPARISON].truth, expected)
    assert outputs[VIEWER].size == (expected.shape[2], expected.shape[1])


def test_a_picture_smaller_than_the_scale_is_a_sentence(
    upload: Upload, enlarging: tuple[str, str]
) -> None:
    picture = upload("x.png", encode_png(ODD[:, :3]))
    with pytest.raises(gr.Error, match="takes pictures of 4 × 4 pixels or more, got 38 × 3"):
        run(picture=picture, degrade=True, task="super-resolution", restorers=enlarging)


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for outputs of other programs, empty."""
    monkeypatch.setenv("ENSIR_WEIGHTS", str(tmp_path))
    (tmp_path / "outputs").mkdir()
    return tmp_path / "outputs"


def keep(kept: Path, model: str, name: str, output: Tensor) -> None:
    (kept / model).mkdir(exist_ok=True)
    write_image(kept / model / name, output)


def test_outputs_of_other_programs_are_fused_like_base_models(upload: Upload, kept: Path) -> None:
    keep(kept, "MambaIR", "street.png", CANDIDATES[0])
    keep(kept, "DGUNet", "street.png", CANDIDATES[1])
    picture = upload("street.jpg", encode_png(GROUND_TRUTH))
    names = on_picture("denoising", picture, ["median", "gone"])
    assert names["choices"][-2:] == ["DGUNet", "MambaIR"] and names["value"] == ["median"]
    assert on_task("deraining", picture, False)[0]["choices"][-2:] == ["DGUNet", "MambaIR"]
    comparison = run(picture=picture, restorers=("MambaIR", "median", "DGUNet"))[COMPARISON]
    assert list(comparison.candidates) == ["MambaIR", "median", "DGUNet"]
    assert torch.equal(comparison.candidates["MambaIR"], CANDIDATES[0])
    for arguments, sentence in (
        ({"picture": picture, "degrade": True}, "DGUNet is a folder of outputs, each of a picture"),
        (
            {"picture": upload("lake.png", encode_png(GROUND_TRUTH))},
            "DGUNet holds no output for lake",
        ),
        (
            {"picture": upload("street.png", encode_png(GROUND_TRUTH[:, 1:]))},
            "street is 36 × 39 pixels and its output in DGUNet 36 × 40",
        ),
    ):
        with pytest.raises(gr.Error, match=sentence) as caught:
            run(restorers=("DGUNet", "median"), **arguments)
        assert "/" not in caught.value.message


def test_the_shared_outputs_are_fused_by_a_released_table_and_inspected(
    upload: Upload, kept: Path, shared: Path
) -> None:
    names, picture = ("MPRNet", "Restormer", "DGUNet"), "GOPR0372_07_00-000051.png"
    pictures = shared / "ensir_reference" / "deblurring"
    crops = {  # of the whole everything is the same, and takes longer
        name: read_image(pictures / name / picture)[:, 300:420, 500:700] for name in (*names, "lq")
    }
    for name in names:
        keep(kept, name, picture, crops[name])
    table = shared / "ensir_luts" / "weight_GoPro_MPRNet_Restormer_DGUNet_b32_rgb.pth"
    outputs = run(
        picture=upload(picture, encode_png(crops["lq"])),
        task="deblurring",
        restorers=("Restormer", "MPRNet", "DGUNet"),
        source=FILE,
        file=upload(table.name, table.read_bytes()),
    )
    comparison = outputs[COMPARISON]
    assert set(comparison.candidates) == set(names)
    expected = read_table(table, names).fuse(torch.stack([crops[name] for name in names]))
    assert torch.equal(comparison.fused.values, levels_of(expected.image))
    assert same_picture(on_screen(outputs[VIEWER], FUSED), comparison.fused.values)
    pixel = inspect_pixel(comparison, 50, 60)
    assert pixel.values["DGUNet"] == tuple(crops["DGUNet"][:, 60, 50].tolist())
    assert sum(pixel.weights[name][0] for name in names) == pytest.approx(1)


def test_the_self_ensemble_is_of_every_base_model_when_asked(upload: Upload) -> None:
    picture = upload("x.png", encode_png(GROUND_TRUTH))
    comparison = run(picture=picture, source=NONE, self_ensemble=True)[COMPARISON]
    assert list(comparison.candidates) == ["bilateral ×8", "median ×8"]
    assert list(run(picture=picture)[COMPARISON].candidates) == ["bilateral", "median"]


def test_the_time_of_a_run_is_said_beforehand(
    upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = upload("x.png", encode_png(GROUND_TRUTH))
    slow = replace(CLASSICAL[0], name="slow", seconds_per_megapixel=10_000)
    monkeypatch.setitem(RESTORERS, "slow", slow)
    said = on_estimate(picture, ["slow", "median"], False)
    assert said["value"] == "<p>Takes about 14 s on two CPU cores.</p>" and said["visible"]
    assert "2 minutes" in on_estimate(picture, ["slow", "median"], True)["value"]
    for arguments in (
        (picture, ["median"], False),
        (None, ["slow"], False),
        (picture, None, False),
    ):
        assert not on_estimate(*arguments)["visible"]


def test_an_unknown_task_is_a_sentence() -> None:
    for refused in (
        lambda: on_task("dehazing", None, False),
        lambda: on_task(["denoising"], None, False),  # type: ignore[arg-type]
        lambda: on_degrade("dehazing", True),
        lambda: on_example("dehazing", 25, 0, SimpleNamespace(index=0)),
    ):
        with pytest.raises(gr.Error, match="a task is"):
            refused()


def test_a_soft_look_up_is_what_the_engine_interpolates(small: Comparison) -> None:
    hard, soft = (refit(small, OWN_TRUTH, soft=soft)[COMPARISON] for soft in (False, True))
    assert soft.soft and not hard.soft
    wanted = soft.table.fuse(soft.candidates, soft=True).image
    assert torch.equal(soft.fusion.image, wanted)
    assert not torch.equal(soft.fusion.image, hard.fusion.image)


def test_what_the_reference_set_does_not_cover_is_said_on_the_page(small: Comparison) -> None:
    moved = {name: picture.flip(-1) for name, picture in small.candidates.items()}
    odd = compare(moved, truth=small.truth)
    outputs = refit(odd, SAMPLE)
    assert not outputs[COMPARISON].warnings  # averaged: there is nothing to cover
    fitted = refit(odd, OWN_TRUTH)
    assert fitted[COMPARISON].warnings
    for sentence in fitted[COMPARISON].warnings:
        assert escape(sentence) in fitted[NOTE]


@pytest.mark.parametrize(("seconds", "stops"), [(-1.0, 30), (1000.0, 0)])
def test_a_run_shows_each_step_and_can_be_stopped_now_and_then(
    monkeypatch: pytest.MonkeyPatch, seconds: float, stops: int
) -> None:
    monkeypatch.setattr(events, "HEARD_EVERY", seconds)
    shown: list[tuple[int, int]] = []

    def steps() -> Steps:
        yield from [(done, 30) for done in range(30)]
        yield {"A": CANDIDATES[0]}

    def progress(step: tuple[int, int], **_: str) -> None:
        shown.append(step)

    watched = events._watched(steps(), "Restoring", progress)  # type: ignore[arg-type]
    heard = 0
    with pytest.raises(StopIteration) as ended:
        while True:
            assert next(watched) == SKIP
            heard += 1
    assert (len(shown), heard) == (30, stops)
    assert list(ended.value.value) == ["A"]
