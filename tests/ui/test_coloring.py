"""The form that asks by what the graph is coloured."""

from graphdebug.ui.words import distinct


def test_options_have_labels_of_their_own() -> None:
    labels = distinct({"a": "cost", "b": "cost", "c": "cost (2)", "d": "team", "e": "cost"})
    assert labels == {"a": "cost", "b": "cost (2)", "c": "cost (2) (2)", "d": "team", "e": "cost (3)"}
