"""Users call restorers in short; what is missing is said."""

from pathlib import Path

import pytest

from ensir.errors import InputError
from ensir.restorers import RESTORERS
from ensir.restorers.choice import chosen, chosen_of_offered, offered_for
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


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Kept outputs: of MambaIR, and some in a folder that is called like a filter."""
    monkeypatch.setenv("ENSIR_WEIGHTS", str(tmp_path))
    for model in ("MambaIR", "median"):
        (tmp_path / "outputs" / model).mkdir(parents=True)
    return tmp_path / "outputs"


def test_what_is_kept_is_offered_beside_what_runs_here(kept: Path) -> None:
    expected = {**RESTORERS, "MambaIR": PrecomputedOutput(kept / "MambaIR", "0")}
    assert offered_for("0") == expected
    assert offered_for(None) == RESTORERS


def test_of_what_is_offered_names_are_taken_as_they_are(kept: Path) -> None:
    names = ["MambaIR", "median"]
    found = chosen_of_offered(names, "0")
    assert found == {name: offered_for("0")[name] for name in names} and list(found) == names
    eightfold = chosen_of_offered(names, "0", self_ensemble=True)
    assert list(eightfold) == ["MambaIR", "median ×8"]
    assert eightfold["MambaIR"] == found["MambaIR"]


@pytest.mark.parametrize(
    ("names", "picture", "sentence"),
    [
        (["Median"], "0", "no restorer 'Median': there are non-local means"),
        (["outputs:MambaIR"], "0", "no restorer 'outputs:MambaIR'"),
        (["median", "median"], "0", "median is named twice"),
        (["MambaIR"], None, "MambaIR is a folder of outputs, .* this one was changed here"),
        (["magic"], None, "no restorer 'magic'"),
    ],
)
def test_other_names_are_refused(
    kept: Path, names: list[str], picture: str | None, sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        chosen_of_offered(names, picture)
