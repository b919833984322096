"""Users call restorers in short; what is missing is said."""

from pathlib import Path

import pytest

from ensir.errors import InputError
from ensir.restorers import RESTORERS
from ensir.restorers.choice import chosen
from ensir.restorers.network import NetworkRestorer
from ensir.restorers.precomputed import PrecomputedOutput
from ensir.restorers.self_ensemble import SelfEnsemble


def network(name: str) -> NetworkRestorer:
    return NetworkRestorer(name, "deraining", "MIT", 1, 1.0, lambda: None)  # type: ignore[arg-type, return-value]


@pytest.fixture(autouse=True)
def only_these(monkeypatch: pytest.MonkeyPatch) -> None:
    """The filters and one network, whatever weights are here."""
    for name, restorer in list(RESTORERS.items()):
        if restorer.parameters:
            monkeypatch.delitem(RESTORERS, name)
    monkeypatch.setitem(RESTORERS, "MPRNet deraining", network("MPRNet deraining"))


@pytest.mark.parametrize(
    ("said", "task"),
    [("mprnet", "deraining"), ("MPRNet deraining", None), ("mprnet deraining", "denoising")],
)
def test_a_network_is_named_in_full_or_by_its_task(said: str, task: str | None) -> None:
    assert chosen([said], "0", task=task) == {"MPRNet deraining": RESTORERS["MPRNet deraining"]}


def test_a_filter_needs_no_task_and_may_be_given_one() -> None:
    assert list(chosen(["Median", "bilateral"], "0", task="denoising")) == ["median", "bilateral"]


def test_the_self_ensemble_is_of_what_runs_here(tmp_path: Path) -> None:
    outputs = tmp_path / "MAXIM"
    outputs.mkdir()
    found = chosen(["median", f"outputs:{outputs}"], "0", self_ensemble=True)
    assert found == {
        "median ×8": SelfEnsemble(RESTORERS["median"]),
        "MAXIM": PrecomputedOutput(outputs, "0"),
    }


@pytest.mark.parametrize(
    ("said", "task", "sentence"),
    [
        ("magic", None, "no restorer 'magic': there are non-local means"),
        ("magic", "deraining", "no restorer 'magic deraining'"),
        ("mprnet", None, "'mprnet' is there for several tasks .*: say --task"),
        ("mprnet", "deblurring", "weights of MPRNet deblurring are not there: get model_deblurr"),
        ("outputs:nowhere", None, "nowhere is no folder: write outputs:FOLDER"),
    ],
)
def test_what_is_not_there_is_said(said: str, task: str | None, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        chosen([said], "0", task=task)


def test_a_name_given_twice_is_refused() -> None:
    with pytest.raises(InputError, match="median is named twice"):
        chosen(["median", "Median"], "0")
