import json
import re

from ensir.ui.sight import progress_script, result_script


def named(script: str) -> dict[str, str]:
    (names,) = re.findall(r"= (\{.*\});", script)
    return json.loads(names)


def test_a_result_comes_to_the_top_for_who_still_sees_the_button() -> None:
    said = {"target": "viewer", "pressed": "run", "result": "viewer", "block": "start"}
    assert named(result_script("viewer", "run")) == said


def test_progress_comes_into_the_middle() -> None:
    said = {"target": "note", "pressed": "examples", "result": "viewer", "block": "center"}
    assert named(progress_script("note", "examples", "viewer")) == said
