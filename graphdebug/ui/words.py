"""Numbers, sizes, times and types in words, and foreign text made safe for markdown."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import chain, count

from graphdebug.model.records import ValueType

_TURNING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Marks that turn the direction of writing: with them a name can be shown as another one."""
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|$~:^=&@])")


def plain(text: str) -> str:
    """Return foreign text so that markdown shows it as it is, on one line: nothing in it formats, links or is HTML."""
    return _MARKDOWN.sub(r"\\\1", " ".join(_TURNING.sub("", text).split()))


def breakable(text: str) -> str:
    """Return foreign text for markdown like ``plain``, that may break after the marks which join a name's parts."""
    return re.sub(r"([_./-])(?=.)", "\\1\u200b", plain(text))


def amount(count: int) -> str:
    """Return a count shortened with k, M, G, T: ``25.6 M``."""
    value = float(count)
    for unit in ("", " k", " M", " G", " T"):
        if abs(value) < 1000:
            return f"{value:.0f}{unit}" if not unit else f"{value:.3g}{unit}"
        value /= 1000
    return f"{value:.3g} P"


def plural(count: int, noun: str) -> str:
    """Return a count with its noun: ``1 node``, ``3,644 nodes``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def distinct(labels: Mapping[str, str]) -> Mapping[str, str]:
    """Number labels of options that occur again: the browser knows an option of a field by its label alone."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name, label in labels.items():
        numbered = (f"{label} ({number})" for number in count(2))
        found[name] = next(each for each in chain([label], numbered) if each not in taken)
        taken.add(found[name])
    return found


def ago(moment: datetime, now: datetime | None = None) -> str:
    """Return how long ago a moment was: ``just now``, ``5 min ago``, ``3 h ago``, else the date."""
    seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
    if seconds < 60:
        return "just now"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min ago"
    if seconds < 86400:
        return f"{seconds // 3600:.0f} h ago"
    return moment.astimezone().strftime("%Y-%m-%d")


def shape(type_: ValueType) -> str:
    """Return a shape as people write it: ``batch × 3 × 224 × 224``, ``scalar``, ``unknown rank``."""
    if type_.shape is None:
        return "unknown rank"
    return " × ".join("?" if dim is None else str(dim) for dim in type_.shape) or "scalar"


def dtype(type_: ValueType) -> str:
    """Return the element type, with the container around it when there is one: ``float``, ``sequence of int64``."""
    name = type_.dtype or "unknown"
    return name if type_.kind in ("tensor", "unknown") else f"{type_.kind.replace('_', ' ')} of {name}"
