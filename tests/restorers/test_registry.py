"""The registry says of each published network what is so."""

import pytest

from ensir.restorers.recognition import layout, tasks_of
from ensir.restorers.registry import ENTRIES, Entry, entry_of
from ensir.restorers.weights_folder import SLOPE

each = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)


def test_names_and_files_are_unique() -> None:
    assert len({entry.name for entry in ENTRIES}) == len(ENTRIES)
    assert len({entry.file for entry in ENTRIES}) == len(ENTRIES)


@each
def test_parameters_are_those_of_the_network(entry: Entry) -> None:
    count = 0
    slopes = 0
    for name, shape in layout(entry.architecture, entry.settings).items():
        slopes += name.endswith(SLOPE) and shape == (1,)
        size = 1
        for side in shape:
            size *= side
        count += size
    assert entry.parameters == count - max(slopes - 1, 0)


@each
def test_an_entry_is_found_by_its_file_and_its_network_is_for_its_task(entry: Entry) -> None:
    assert entry_of(entry.file) is entry
    assert entry.task in tasks_of(entry.architecture, entry.settings)
    assert entry.licence and entry.source.startswith("github.com/")
    assert entry_of("another") is None
