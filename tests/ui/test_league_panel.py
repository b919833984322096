import pytest

from ensir.comparison import Comparison, compare
from ensir.league.one_picture import placed_on
from ensir.ui.league_panel import on_league

pytestmark = pytest.mark.filterwarnings("default")


def test_the_table_has_everyone_in_the_order_of_the_engine(small: Comparison) -> None:
    table = on_league(small)
    places = [table.index(f">{one.contestant.title}</th>") for one in placed_on(small)]
    assert places == sorted(places) and len(places) > 8


def test_without_a_ground_truth_a_sentence_says_what_is_missing(small: Comparison) -> None:
    import gradio as gr

    with pytest.raises(gr.Error, match="add one first"):
        on_league(compare(small.candidates))
