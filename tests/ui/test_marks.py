"""What is marked as text in a URL: there and back, bounded, whatever names say."""

import pytest

from graphdebug.ui.marks import (
    KEPT_ELSEWHERE,
    LONGEST_TEXT,
    MOST_SELECTED,
    box_ids,
    ids_in,
    ids_text,
    names_in,
    names_text,
)

HOSTILE = ("a,b", "100%", "%2C", "*", "n:3-5", "<b>\u202e", "v:x", " ")


def test_ids_of_boxes_come_back_from_the_text() -> None:
    ids = box_ids(["s:a/b", "n:12", "n:3", "n:4", "n:5", *(f"v:{name}" for name in HOSTILE), "n:4"])
    assert ids[:4] == ("n:3", "n:4", "n:5", "n:12")
    text = ids_text(ids)
    assert text is not None
    assert text.startswith("n:3-5,n:12,")
    assert set(ids_in(text)) == set(ids)


def test_inputs_and_outputs_are_values_and_other_things_are_not_selected() -> None:
    assert box_ids(["i:x", "o:y", "v:x", "t:1>n:2", "n:-1", "n:x", "n:", "v:", "", "x", 7, None]) == ("v:x", "v:y")


def test_names_come_back_from_the_text() -> None:
    text = names_text(HOSTILE)
    assert text is not None
    assert names_in(text) == HOSTILE


def test_nothing_is_no_text() -> None:
    assert ids_text(()) is None
    assert names_text(()) is None
    assert ids_in("") == names_in("") == ()


def test_a_long_list_is_kept_elsewhere_and_says_so() -> None:
    scattered = [f"n:{node}" for node in range(0, 2 * LONGEST_TEXT, 2)]
    assert ids_text(scattered) == names_text(["x" * LONGEST_TEXT, "y"]) == KEPT_ELSEWHERE
    assert ids_text(f"n:{node}" for node in range(LONGEST_TEXT)) == f"n:0-{LONGEST_TEXT - 1}"


@pytest.mark.parametrize("text", ["n:0-99999999999", "n:0-9999999999999999", "n:5-2", "n:-", "n:²-9", "n:0-9," * 9])
def test_hostile_texts_are_bounded(text: str) -> None:
    assert len(ids_in(text)) <= MOST_SELECTED
