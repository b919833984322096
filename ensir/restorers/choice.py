"""From what a user calls restorers to the restorers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ensir.errors import InputError, in_short
from ensir.files import shown_name
from ensir.restorers import RESTORERS
from ensir.restorers.contract import Restorer
from ensir.restorers.precomputed import PrecomputedOutput, kept_outputs
from ensir.restorers.registry import ENTRIES
from ensir.restorers.self_ensemble import SelfEnsemble

OUTPUTS = "outputs:"  # before a folder that holds what another program made


def chosen(
    models: Sequence[str], picture: str, *, task: str | None = None, self_ensemble: bool = False
) -> dict[str, Restorer]:
    """The restorers that are called so, by their names, for one picture.

    A model is called as RESTORERS has it, in capitals or not; with a `task`, its name may end
    before that: "mprnet" for deraining is "MPRNet deraining". "outputs:FOLDER" are pictures that
    another program made, of which that of the name `picture` is taken; they are as they are, the
    self-ensemble is of the others.

    Raises InputError for unknown names, saying what is missing, and for one that is given twice.
    """
    found: list[Restorer] = []
    for said in models:
        if said.startswith(OUTPUTS):
            folder = Path(said.removeprefix(OUTPUTS))
            if not folder.is_dir():
                raise InputError(f"{shown_name(folder)} is no folder: write outputs:FOLDER")
            found.append(PrecomputedOutput(folder, picture))
        else:
            found.append(RESTORERS[_name(said, task)])
    return _by_name(found, self_ensemble)


def offered_for(picture: str | None) -> dict[str, Restorer]:
    """The restorers that can be chosen for a picture, by name.

    They are those of RESTORERS, and what the operator keeps of outputs for a picture called
    `picture`; of one that is called like a restorer, the restorer.
    """
    outputs = {} if picture is None else kept_outputs(picture)
    return {**RESTORERS, **{name: it for name, it in outputs.items() if name not in RESTORERS}}


def chosen_of_offered(
    names: Sequence[str], picture: str | None, *, self_ensemble: bool = False
) -> dict[str, Restorer]:
    """The restorers of exactly these names, of those that are offered for a picture.

    For a picture that no file holds, because it was changed here, `picture` is None. As in
    `chosen`, the self-ensemble is of what runs here.

    Raises InputError for unknown names and for one that is given twice.
    """
    there = offered_for(picture)
    for name in names:
        if name not in there:
            if picture is None and name in kept_outputs():
                raise InputError(
                    f"{name} is a folder of outputs, each of a picture as its file has it, and "
                    "this one was changed here: choose base models that run here"
                )
            raise InputError(f"no restorer {name!r:.80}: there are {in_short(there)}")
    return _by_name([there[name] for name in names], self_ensemble)


def _by_name(restorers: Sequence[Restorer], self_ensemble: bool) -> dict[str, Restorer]:
    """Restorers by their names, made self-ensembles if wanted; each of them once."""
    found: dict[str, Restorer] = {}
    for restorer in restorers:
        if self_ensemble and not isinstance(restorer, PrecomputedOutput):
            restorer = SelfEnsemble(restorer)
        if restorer.name in found:
            raise InputError(f"{restorer.name} is named twice: name each restorer once")
        found[restorer.name] = restorer
    return found


def _name(said: str, task: str | None) -> str:
    """The name of a restorer in full."""
    wanted = [said.lower()] + ([f"{said} {task}".lower()] if task else [])
    for name in RESTORERS:
        if name.lower() in wanted:
            return name
    entry = next((entry for entry in ENTRIES if entry.name.lower() in wanted), None)
    if entry is not None:
        raise InputError(
            f"the weights of {entry.name} are not there: get {entry.file}.pth from "
            f"{entry.source} and put it into the weights folder"
        )
    tasks = [name for name in RESTORERS if name.lower().startswith(said.lower() + " ")]
    if tasks and task is None:
        raise InputError(f"{said!r} is there for several tasks ({', '.join(tasks)}): say --task")
    asked = shown_name(Path(f"{said} {task}" if task else said))
    raise InputError(f"no restorer {asked!r}: there are {in_short(RESTORERS)}")
