"""What is marked in a graph: the selected boxes, and the values at which to cut. As records and as text in a URL."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from urllib.parse import unquote

MOST_SELECTED = 20_000
"""More boxes than this cannot be selected at once: what is selected goes to and fro between browser and server."""
LONGEST_TEXT = 1_000
"""Characters of a list in the URL; a longer one stays in the session and in the browser's tab."""
KEPT_ELSEWHERE = "*"
"""What the URL says of such a list."""


@dataclass(frozen=True, slots=True)
class Marks:
    """Marks of one graph.

    ``selected`` are box ids: ``n:12`` (nodes, ascending, first), ``s:scope`` (a collapsed group: all that is in it),
    ``v:name`` (values; graph inputs and outputs, too). ``starts`` and ``ends`` are names of values: cut from, cut to.
    """

    selected: tuple[str, ...] = ()
    starts: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()


def box_ids(ids: Iterable[object]) -> tuple[str, ...]:
    """Return what of ``ids`` can be selected, once each, nodes first and ascending; inputs and outputs as values."""
    nodes, others = set[int](), dict[str, None]()
    for each in islice(ids, MOST_SELECTED):
        kind, colon, name = str(each).partition(":")
        if kind == "n" and name.isascii() and name.isdecimal() and len(name) < 10:
            nodes.add(int(name))
        elif colon and name and kind in ("i", "o", "v"):
            others[f"v:{name}"] = None
        elif colon and kind == "s":
            others[f"s:{name}"] = None
    return (*(f"n:{node}" for node in sorted(nodes)), *others)


def value_names(names: Iterable[object]) -> tuple[str, ...]:
    """Return names of values, each once."""
    return tuple(dict.fromkeys(str(name) for name in islice(names, MOST_SELECTED) if name))


def ids_text(ids: Iterable[str]) -> str | None:
    """Return box ids as text for a URL, ``n:3-17,n:20,v:x``; ``*`` when that is too long, None for none."""
    nodes, others = list[int](), list[str]()
    for each in ids:
        if each.startswith("n:"):
            nodes.append(int(each[2:]))
        else:
            others.append(_quoted(each))
    runs = (f"n:{first}-{last}" if last > first else f"n:{first}" for first, last in _runs(nodes))
    return _bounded([*runs, *others])


def ids_in(text: str) -> tuple[str, ...]:
    """Return the box ids in a text made by ``ids_text``; what is none of them is left out."""
    return box_ids(each for part in text.split(",") for each in _expanded(part))


def names_text(names: Iterable[str]) -> str | None:
    """Return names of values as text for a URL; ``*`` when that is too long, None for none."""
    return _bounded([_quoted(name) for name in names])


def names_in(text: str) -> tuple[str, ...]:
    """Return the names in a text made by ``names_text``."""
    return value_names(unquote(part) for part in text.split(","))


def _quoted(text: str) -> str:
    return text.replace("%", "%25").replace(",", "%2C").replace(KEPT_ELSEWHERE, "%2A")


def _bounded(parts: list[str]) -> str | None:
    text = ",".join(parts)
    return None if not parts else text if len(text) <= LONGEST_TEXT else KEPT_ELSEWHERE


def _runs(numbers: list[int]) -> Iterator[tuple[int, int]]:
    """Yield (first, last) of each run of consecutive numbers; ``numbers`` ascend."""
    for _, run in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        members = [number for _, number in run]
        yield members[0], members[-1]


def _expanded(part: str) -> Iterator[str]:
    first, dash, last = part.removeprefix("n:").partition("-")
    if part.startswith("n:") and dash and first.isdecimal() and last.isdecimal() and len(first + last) < 20:
        return (f"n:{node}" for node in range(int(first), min(int(last), int(first) + MOST_SELECTED) + 1))
    return iter((unquote(part),))
