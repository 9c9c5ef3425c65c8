"""What the last word of a query may become: filters, and for a filter the values that there are."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from graphdebug.model.document import Model
from graphdebug.model.marks import marked
from graphdebug.model.records import Finding, Severity
from graphdebug.view.findable import Findable, Sort, findable
from graphdebug.view.labels import shortened
from graphdebug.view.query import FIELDS, LONGEST, last_word, quoted

MOST = 8
_LONGEST_VALUE = 200
_LOOKED_AT = 4 * MOST
"""Names among which to suggest some: a node and what it makes are often called the same."""
_SOON = ("op", "name", "scope", "shape", "params", "attr", "from", "to")
"""The filters that an empty box offers."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """``text`` is the whole query with the suggestion in it, ``label`` the suggested word, ``aside`` what it means."""

    text: str
    label: str
    aside: str


def complete(model: Model, graph: str, text: str, findings: Sequence[Finding] = ()) -> tuple[Suggestion, ...]:
    """Suggest how to go on with ``text``, at most ``MOST`` ways. KeyError: there is no such graph."""
    if len(text) > LONGEST:
        return ()
    found = findable(model, graph)
    before, minus, field, relation, typed = last_word(text)
    if field in FIELDS:
        values = ((f"{field}{relation}{value}", aside) for value, aside in _values(found, field, typed, findings))
    else:
        values = (each for each in _filters(found, typed) if typed or not before.strip())
    return tuple(
        Suggestion(f"{before}{minus}{label}", shortened(label, 60), shortened(aside, 120))
        for label, aside in islice((each for each in values if each[0] != f"{field}{relation}{typed}"), MOST)
    )


def _filters(found: Findable, typed: str) -> Iterator[tuple[str, str]]:
    word = typed.casefold()
    for name in FIELDS if word else _SOON:
        if name.startswith(word):
            yield f"{name}:", f"{FIELDS[name].meaning}: {FIELDS[name].example}"
    if word:
        for op, count in _starting(found.op_counts, word):
            yield f"op:={op}", count


def _values(found: Findable, field: str, typed: str, findings: Sequence[Finding]) -> Iterator[tuple[str, str]]:
    word = typed.casefold()
    if field == "op":
        yield from _starting(found.op_counts, word)
    elif field == "kind":
        yield from ((sort.name.lower(), "") for sort in Sort if sort.name.lower().startswith(word))
    elif field == "dtype":
        there = {each.dtype for types in found.types[1] for each in types if each.dtype}
        yield from ((dtype, "") for dtype in sorted(there) if dtype.startswith(word))
    elif field == "scope":
        scopes = (group.removeprefix("s:").replace("/", ".") for group in found.group_ids)
        yield from ((quoted(scope), "") for scope in _within(scopes, word.replace("/", ".")))
    elif field == "mark":
        yield from ((quoted(mark), "") for mark in _within(marked(found.index), word))
    elif field == "finding":
        codes = dict.fromkeys(each.code for each in findings if each.graph == found.index.path)
        yield from ((name, "") for name in ("any", *Severity, *codes) if word in name)
    elif field == "attr":
        name, equals, _ = typed.partition("=")
        if equals:
            values = dict.fromkeys(each.text for each in found.settings.get(name.casefold(), ()) if each.text)
            yield from ((f"{name}={quoted(value)}", "") for value in _within(values, ""))
        else:
            yield from ((f"{each}=", f"{len(set_)} nodes") for each, set_ in found.settings.items() if word in each)
    elif field in ("name", "tensor", "from", "to", "uses") and word:
        held = (found.names[position] for position in found.texts.holding(word))
        yield from ((quoted(name), "") for name in dict.fromkeys(islice(_short(held), _LOOKED_AT)))


def _starting(counts: dict[str, int], word: str) -> Iterator[tuple[str, str]]:
    """Go through operators that begin with ``word``, the most frequent first, then those that hold it."""
    common = sorted(counts.items(), key=lambda each: (not each[0].casefold().startswith(word), -each[1], each[0]))
    return ((quoted(op), f"{count:,} nodes") for op, count in common if word in op.casefold())


def _within(names: Iterable[str], word: str) -> Iterator[str]:
    return (name for name in _short(names) if word in name.casefold())


def _short(names: Iterable[str]) -> Iterator[str]:
    return (name for name in names if len(name) < _LONGEST_VALUE)
