from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest

from ensir.errors import InputError
from ensir.ui.inputs import (
    FOREIGN,
    UNFIT,
    UNSAID,
    choice_input,
    choices_input,
    file_input,
    picture_input,
    refuse_another_event,
    refuse_another_number,
    require_inside,
    uploaded,
)

pytestmark = pytest.mark.filterwarnings("default")  # pandas and others warn at their import

Upload = Callable[[str, bytes], str]
NO_PATHS = ["", "http://127.0.0.1/x.png", "https://x.org/x.png", "data:image/png;base64,AAAA", "\0"]


def payload(path: str) -> SimpleNamespace:
    """What Gradio hands to `preprocess` for one file."""
    return SimpleNamespace(path=path)


@pytest.fixture
def beside(uploads: Path) -> Path:
    """A picture beside the upload folder."""
    path = uploads.parent / f"{uploads.name}-beside.png"
    path.write_bytes(b"not yours")
    yield path
    path.unlink()


def assert_refused(call: Callable[[], object], path: str) -> None:
    with pytest.raises(gr.Error) as caught:
        call()
    assert caught.value.message == FOREIGN
    assert not path or path not in repr(vars(caught.value))
    assert caught.value.__suppress_context__


def test_a_file_in_the_folder_is_given_by_its_real_path(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"x")
    assert require_inside(f"{tmp_path}/../{tmp_path.name}/x.png", tmp_path) == tmp_path / "x.png"


@pytest.mark.parametrize("path", NO_PATHS)
def test_what_is_no_path_is_refused(path: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not uploaded here"):
        require_inside(path, tmp_path)


def test_a_file_beside_the_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "uploads"
    folder.mkdir()
    (tmp_path / "x.png").write_bytes(b"x")
    (tmp_path / "uploads-too").mkdir()
    (tmp_path / "uploads-too" / "x.png").write_bytes(b"x")
    for path in ("x.png", "uploads/../x.png", "uploads-too/x.png"):
        with pytest.raises(InputError, match="not uploaded here"):
            require_inside(str(tmp_path / path), folder)


def test_a_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "uploads"
    folder.mkdir()
    (tmp_path / "x.png").write_bytes(b"x")
    (folder / "link.png").symlink_to(tmp_path / "x.png")
    (folder / "loop.png").symlink_to(folder / "loop.png")
    for name in ("link.png", "loop.png"):
        with pytest.raises(InputError, match="not uploaded here"):
            require_inside(str(folder / name), folder)


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not uploaded here"):
        require_inside(str(tmp_path), tmp_path)


def test_both_fields_hand_over_the_path_of_an_upload(upload: Upload) -> None:
    path = upload("x.png", b"x")
    assert picture_input().preprocess(payload(path)) == path
    assert file_input().preprocess(payload(path)) == path
    assert file_input(file_count="multiple").preprocess([payload(path)]) == [path]


def test_an_empty_field_is_none() -> None:
    assert picture_input().preprocess(None) is None
    assert file_input().preprocess(None) is None
    assert file_input(file_count="multiple").preprocess(None) is None


@pytest.mark.parametrize("path", NO_PATHS)
def test_both_fields_refuse_what_is_no_path(path: str) -> None:
    assert_refused(lambda: picture_input().preprocess(payload(path)), path)
    assert_refused(lambda: file_input().preprocess(payload(path)), path)


def test_both_fields_refuse_other_files_and_do_not_say_where_they_are(
    beside: Path, uploads: Path, upload: Upload
) -> None:
    for path in (str(beside), f"{uploads}/../{beside.name}", str(uploads), "/etc/hostname"):
        assert_refused(lambda path=path: picture_input().preprocess(payload(path)), path)
        assert_refused(lambda path=path: file_input().preprocess(payload(path)), path)
        several = [payload(upload("x.png", b"x")), payload(path)]
        both = file_input(file_count="multiple")
        assert_refused(lambda given=several, field=both: field.preprocess(given), path)


def test_a_value_without_a_path_is_refused() -> None:
    with pytest.raises(gr.Error, match="not uploaded here"):
        uploaded(None)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_another_number_of_values_is_refused(count: int) -> None:
    refuse_another_number([None, None], 2)
    with pytest.raises(gr.Error, match=f"^'2 values are wanted here, got {count}: send one"):
        refuse_another_number([None] * count, 2)


def test_a_changed_field_is_as_strict() -> None:
    field = picture_input(label="first")
    again = field.__class__(**{**field.constructor_args, "label": "second"})
    assert_refused(lambda: again.preprocess(payload("/etc/hostname")), "/etc/hostname")
    assert again.format == "png"


def test_gradio_leaves_no_stub_beside_the_module() -> None:
    picture_input()
    import ensir.ui.inputs

    assert not Path(ensir.ui.inputs.__file__).with_suffix(".pyi").exists()


@pytest.mark.parametrize("said", [None, 7, "x", [], {"value": {"path": "/etc/passwd"}}])
def test_what_a_click_says_of_itself_is_values_by_name(said: object) -> None:
    with pytest.raises(gr.Error, match=f"{UNSAID}|{FOREIGN}"):
        refuse_another_event(said)
    refuse_another_event({"index": 0, "value": {"caption": "x"}})


def test_a_choice_that_is_no_longer_offered_is_left_to_the_handler() -> None:
    assert choice_input(choices=["a"]).preprocess("b") == "b"
    assert choice_input(choices=["a"]).preprocess(None) is None
    assert choices_input(choices=["a"]).preprocess(["b", "a"]) == ["b", "a"]
    assert choices_input(choices=["a"]).preprocess(None) == []


@pytest.mark.parametrize("value", [5, True, ["a"], {"a": 1}])
def test_a_choice_is_text(value: object) -> None:
    with pytest.raises(gr.Error, match=UNFIT):
        choice_input(choices=["a"]).preprocess(value)


@pytest.mark.parametrize("value", [5, True, "a", {"a": 1}, ["a", 5], [["a"]]])
def test_choices_are_a_list_of_texts(value: object) -> None:
    with pytest.raises(gr.Error, match=UNFIT):
        choices_input(choices=["a"]).preprocess(value)
