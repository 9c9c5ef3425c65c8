"""The search box's grammar: what is read from what one types, and what is said of what makes no sense."""

import math
import re
from pathlib import Path

import pytest

from graphdebug.view.query import FIELDS, MOST_TERMS, Interval, QueryError, Term, interval, parse, quoted


def test_words_filters_negation_and_alternatives() -> None:
    assert parse('conv "layer 3" -op:Cast|Identity name:="a|b" kind:node') == (
        Term("", ":", ("conv",)),
        Term("", ":", ("layer 3",)),
        Term("op", ":", ("Cast", "Identity"), negated=True),
        Term("name", "=", ("a|b",)),
        Term("kind", ":", ("node",)),
    )
    assert parse("attr:axis=1 attr:mode attr:epsilon<1e-4") == (
        Term("attr", "=", ("1",), key="axis"),
        Term("attr", ":", (), key="mode"),
        Term("attr", "<", ("1e-4",), key="epsilon"),
    )
    assert parse("PARAMS:>1e6 rank>=4") == (Term("params", ">", ("1e6",)), Term("rank", ">=", ("4",)))


@pytest.mark.parametrize("text", ["x:0", "aten::add", "-", "http://a:b", "w:", '"op:Conv"'])
def test_what_is_no_filter_is_a_word(text: str) -> None:
    [term] = parse(text)
    assert (term.field, term.values) == ("", (text.strip('"'),))


@pytest.mark.parametrize("text", ["", "  ", '""'])
def test_nothing_is_nothing(text: str) -> None:
    assert parse(text) == ()


@pytest.mark.parametrize("name", ["plain", "a b", 'say "x"', "back\\slash", 'all\\" |of it', "s:layers.0/a", "|"])
def test_a_quoted_name_means_itself(name: str) -> None:
    assert parse(f"name:={quoted(name)} x")[0].values == (name,)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("params:5", Interval(5, 5)),
        ("params>1.5k", Interval(low=1500, with_low=False)),
        ("params<=2M", Interval(high=2e6)),
        ("params:1k..2G", Interval(1000, 2e9)),
        ("params:..10", Interval(-math.inf, 10)),
    ],
)
def test_numbers(text: str, expected: Interval) -> None:
    [term] = parse(text)
    assert interval(term, term.values[0]) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("op:", "op:Conv"),
        ("op>3", "cannot be compared"),
        ("params:many", "takes a number"),
        ("params>", "params>1e6"),
        ("rank:1..x", "takes a number"),
        ("attr:", "name"),
        ("attr:axis=", "value"),
        ("a " * (MOST_TERMS + 1), f"up to {MOST_TERMS}"),
        ("a" * 5000, "too long"),
    ],
)
def test_what_makes_no_sense_is_said(text: str, said: str) -> None:
    with pytest.raises(QueryError, match=said):
        parse(text)


def test_every_example_is_a_query() -> None:
    for name, field in FIELDS.items():
        assert parse(field.example)[0].field == name


def test_every_documented_query_is_one() -> None:
    page = (Path(__file__).parents[2] / "docs" / "search.md").read_text()
    queries = [re.split(" {2,}", line.strip())[0] for line in page.splitlines() if line.startswith("    ")]
    assert len(queries) > 5
    for query in queries:
        assert all(term.field for term in parse(query)), query
    assert {name for name in FIELDS if f"`{name}" in page} == set(FIELDS)


def test_a_hostile_query_is_read_in_no_time() -> None:
    for text in ('"' * 1999, '"\\' * 999, "|" * 1990 + "op:", "-" * 1999, 'op:"' + "a|" * 900, "9" * 1990):
        try:
            parse(text)
        except QueryError:
            continue
