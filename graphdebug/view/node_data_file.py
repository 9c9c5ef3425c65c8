"""Node data from a user's file: CSV, JSON, or the node-data JSON of Model Explorer.

* CSV: a header; the column ``node`` (or ``name``, ``tensor``, ``id``; else the first) says which node, every other
  column is a set of data. Columns of numbers are numbers, others categories.
* JSON: ``{"node": value, …}``, or sets of it by title: ``{"title": {"node": value, …}, …}``.
* Model Explorer: ``{"results": {"node or tensor": {"value": …, "bgColor": …}}, "thresholds": […], "gradient": […]}``,
  or such objects by graph id (its ``ModelNodeData``); each becomes a set.

A node is named as the graph shows it, by one of its outputs, or by its number as ``n:12``.
"""

import csv
import io
import math
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import msgspec

from graphdebug.model.index import GraphIndex
from graphdebug.view.node_data import NodeData, Value

LARGEST = 64 << 20
"""Bytes of a file that is read."""
_NODE_COLUMNS = ("node", "name", "tensor", "id")
_MOST_SETS = 64


class NodeDataError(ValueError):
    """The file holds no node data; the message is one sentence for the user."""


def read_node_data(data: bytes, name: str, index: GraphIndex) -> list[NodeData]:
    """Return the sets of data in a file called ``name``; those that name no node of the graph are left out.

    Raises:
        NodeDataError: it is no such file, or names no node of this graph.
    """
    if len(data) > LARGEST:
        raise NodeDataError(f"{name} is larger than {LARGEST >> 20} MB.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NodeDataError(f"{name} is no text in UTF-8.") from error
    try:
        sets = list(_of_csv(text) if name.lower().endswith((".csv", ".tsv")) else _of_json(text, name))
    except (msgspec.DecodeError, csv.Error, RecursionError) as error:
        raise NodeDataError(f"{name} cannot be read: {error}") from error
    places = _places(index)
    matched = [found for each in sets[:_MOST_SETS] if (found := _matched(each, places)).values]
    if not matched:
        example = next((key for each in sets for key in each.values), "")
        raise NodeDataError(
            f"{name} names no node of this graph"
            + (f": there is none called {example[:80]!r}." if example else ", nor anything else.")
        )
    return matched


class _Set(msgspec.Struct):
    """A set of data as a file has it: by the names that stand there."""

    title: str
    values: dict[str, Value]
    colors: dict[str, str] = {}
    limits: tuple[tuple[float, str], ...] = ()


def _of_csv(text: str) -> Iterator[_Set]:
    dialect: type[csv.Dialect] | csv.Dialect = csv.excel
    first = text.partition("\n")[0]
    if first.count("\t") + first.count(";") > first.count(","):
        dialect = csv.Sniffer().sniff(first, "\t;")
    rows = csv.DictReader(io.StringIO(text), dialect=dialect)
    head = [each for each in rows.fieldnames or () if each is not None]
    if len(head) < 2:
        raise NodeDataError("A CSV of node data has a header, a column that names nodes, and columns of values.")
    key = next((each for known in _NODE_COLUMNS for each in head if each.strip().lower() == known), head[0])
    columns: dict[str, dict[str, str]] = {each: {} for each in head if each != key}
    for row in rows:
        for title, column in columns.items():
            if (cell := (row[title] or "").strip()) and row[key]:
                column[row[key].strip()] = cell
    for title, column in columns.items():
        numbers = {node: _number(cell) for node, cell in column.items()}
        if all(number is not None for number in numbers.values()):
            yield _Set(title, {node: number for node, number in numbers.items() if number is not None})
        else:
            yield _Set(title, dict(column))


def _of_json(text: str, name: str) -> Iterator[_Set]:
    found = msgspec.json.decode(text)
    if not isinstance(found, dict):
        raise NodeDataError(f"{name} holds no object of nodes and values.")
    if isinstance(found.get("results"), dict):
        yield _of_model_explorer(str(found.get("name") or name), found)
        return
    plain: dict[str, Any] = {}
    for title, inner in found.items():
        if not isinstance(inner, dict):
            plain[title] = inner
        elif isinstance(inner.get("results"), dict):
            yield _of_model_explorer(str(inner.get("name") or title), inner)
        elif "value" in inner:
            plain[title] = inner
        else:
            yield _of_results(title, inner)
    if plain:
        yield _of_results(name, plain)


def _of_model_explorer(title: str, graph: Mapping[str, Any]) -> _Set:
    found = _of_results(title, graph["results"])
    numbers = [value for value in found.values.values() if not isinstance(value, str)]
    limits = [
        (float(each["value"]), each["bgColor"])
        for each in graph.get("thresholds") or ()
        if isinstance(each, dict) and _number(each.get("value")) is not None and isinstance(each.get("bgColor"), str)
    ]
    gradient = [
        (float(each["stop"]), each["bgColor"])
        for each in graph.get("gradient") or ()
        if isinstance(each, dict) and _number(each.get("stop")) is not None and isinstance(each.get("bgColor"), str)
    ]
    if gradient and numbers:  # it takes precedence there, too; here in steps, each ending midway to the next stop
        low, high = min(numbers), max(numbers)
        stops = sorted(gradient)
        ends = [(a[0] + b[0]) / 2 for a, b in pairwise(stops)] + [1.0]
        limits = [(low + (high - low) * end, color) for end, (_, color) in zip(ends, stops, strict=True)]
    found.limits = tuple(sorted(limits))
    return found


def _of_results(title: str, results: Mapping[str, Any]) -> _Set:
    """Read values that stand by themselves, or as ``value`` of an object that may also have a ``bgColor``."""
    found = _Set(title, {}, {})
    for node, entry in results.items():
        value = entry.get("value") if isinstance(entry, dict) else entry
        number = None if isinstance(value, str) else _number(value)
        if number is not None:
            found.values[node] = number
        elif isinstance(value, str | bool):
            found.values[node] = str(value)
        if isinstance(entry, dict) and isinstance(entry.get("bgColor"), str):
            found.colors[node] = entry["bgColor"]
    if any(isinstance(value, str) for value in found.values.values()):
        found.values = {node: value if isinstance(value, str) else f"{value:g}" for node, value in found.values.items()}
    return found


def _number(value: Any) -> float | None:
    """Return a finite number, of a number or a text that is one; None for anything else."""
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _places(index: GraphIndex) -> dict[str, int]:
    """Return what a node may be called → node: its number, its name, what it makes; the first where several fit."""
    places: dict[str, int] = {}
    for position, name in enumerate(index.names):
        places.setdefault(name, position)
    for name, position in index.producer.items():
        places.setdefault(name, position)
    for position in range(len(index.nodes)):
        places.setdefault(f"n:{position}", position)
    return places


def _matched(found: _Set, places: Mapping[str, int]) -> NodeData:
    values = {places[name]: value for name, value in found.values.items() if name in places}
    colors = {places[name]: color for name, color in found.colors.items() if name in places}
    return NodeData(found.title, values, colors=colors, limits=found.limits, unknown=len(found.values) - len(values))
