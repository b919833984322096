"""From what a user calls restorers to the restorers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ensir.errors import InputError
from ensir.files import shown_name
from ensir.restorers import RESTORERS
from ensir.restorers.contract import Restorer
from ensir.restorers.precomputed import PrecomputedOutput
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
    found: dict[str, Restorer] = {}
    for said in models:
        restorer: Restorer
        if said.startswith(OUTPUTS):
            folder = Path(said.removeprefix(OUTPUTS))
            if not folder.is_dir():
                raise InputError(f"{shown_name(folder)} is no folder: write outputs:FOLDER")
            restorer = PrecomputedOutput(folder, picture)
        else:
            restorer = RESTORERS[_name(said, task)]
            restorer = SelfEnsemble(restorer) if self_ensemble else restorer
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
    raise InputError(f"no restorer {asked!r}: there are {', '.join(RESTORERS)}")
