"""Two models side by side: which node is which, and what differs."""

import threading
from collections import Counter, OrderedDict
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from graphdebug.api.answers import json_answer
from graphdebug.api.models import find_entry, find_model
from graphdebug.model.document import Model
from graphdebug.model.records import ModelLocation
from graphdebug.model.refs import parent_path
from graphdebug.view.contents import Contents, contents
from graphdebug.view.differences import Kind, Match, Matching, matching
from graphdebug.view.group_mates import group_mates
from graphdebug.view.labels import shortened
from graphdebug.view.outline import Outline, outline
from graphdebug.workspace.entries import ModelEntry

MOST_DIFFERENCES = 5_000
"""As many are listed; the others are counted."""
_MOST_OPS = 4
_KEPT = 4


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference: ids of its boxes on both sides, operators (``Conv + Relu → FusedConv``), a name, what differs."""

    kind: str
    left: tuple[str, ...]
    right: tuple[str, ...]
    ops: str
    name: str
    what: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Matches:
    """What two graphs, given by their paths, have in common and in what they differ.

    ``runs`` are (left node, right node, count): so many nodes, one after the other, are each other's counterparts;
    ``others`` are ids of boxes, left and right, for all that is not one node beside one node. ``groups`` is group →
    counterpart, for the left and the right, where that has another id; ``""``: it has none. ``parents`` is group → the
    group around it, for both, where its id without the last part does not say it. ``total`` counts all differences, of
    which the first are listed.
    """

    graph: str
    other_graph: str
    sentence: str
    runs: tuple[tuple[int, int, int], ...]
    others: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]
    groups: tuple[dict[str, str], dict[str, str]]
    parents: tuple[dict[str, str], dict[str, str]]
    counts: dict[str, int]
    differences: tuple[Difference, ...]
    total: int


class _Matchings:
    """The last matchings; one is made at a time."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[ModelLocation, ModelLocation, str, str], Matching] = OrderedDict()
        self._making = threading.Lock()

    def get(self, left: tuple[ModelEntry, Model], right: tuple[ModelEntry, Model], graph: str, other: str) -> Matching:
        key = (left[0].location, right[0].location, graph, other)
        with self._making:
            if key not in self._known:
                self._known[key] = matching(outline(left[1], graph), outline(right[1], other))
                while len(self._known) > _KEPT:
                    self._known.popitem(last=False)
            self._known.move_to_end(key)
            return self._known[key]


_matchings = _Matchings()


class SideBySide:
    """Two models of the workspace, compared graph by graph."""

    def __init__(self, left: ModelEntry, right: ModelEntry) -> None:
        """Open both. HTTPException with one sentence when one of them cannot be."""
        self._sides = (left, find_model(left)), (right, find_model(right))

    def matching(self, graph: str, other: str) -> Matching:
        """Return how a graph of the left and one of the right match; remembered for a while."""
        return _matchings.get(*self._sides, graph, other)

    def counterpart(self, graph: str, side: int = 0) -> str | None:
        """Return the path of the other side's graph that stands for ``graph`` of ``side``; None: there is none.

        The main graph stands for the main graph, a function's body for the one of its name, a nested graph for that
        of the node which is its node's counterpart, under the same attribute.
        """
        here, there = self._sides[side][1].graphs, self._sides[1 - side][1].graphs
        try:
            here[graph]
            parent = parent_path(graph)
            if parent is None:
                there[graph]
                return graph
            above = self.counterpart(parent, side)
            if above is None:
                return None
            node, _, attribute = graph.rpartition("/")[2].partition(".")
            mate = self._mate(*((parent, above) if side == 0 else (above, parent)), f"n:{node}", side)
            path = f"{above}/{mate}.{attribute}" if above else f"{mate}.{attribute}"
            there[path]
        except KeyError:
            return None
        return path

    def _mate(self, graph: str, other: str, box: str, side: int) -> str:
        found = self.matching(graph, other)
        units = (found.left.units, found.right.units)
        for match in found.matches:
            ours, theirs = (match.left, match.right)[:: 1 if side == 0 else -1]
            if any(units[side][unit].id == box for unit in ours) and theirs:
                return units[1 - side][theirs[-1]].id[2:]
        raise KeyError(box)

    def matches(self, graph: str, other: str) -> Matches:
        """Return what the browser must know of two graphs."""
        found = self.matching(graph, other)
        left, right = contents(self._sides[0][1], graph), contents(self._sides[1][1], other)
        one, two = group_mates(found, left, right)
        counts: dict[str, int] = {}
        for match in found.differences:
            counts[match.kind] = counts.get(match.kind, 0) + 1
        return Matches(
            graph=graph,
            other_graph=other,
            sentence=found.sentence,
            runs=_runs(found),
            others=tuple(
                _ids(found, match)
                for match in found.matches
                if not _is_run(found, match) and match.left and match.right
            ),
            groups=(_other_ids(left, one), _other_ids(right, two)),
            parents=(_unsaid_parents(left), _unsaid_parents(right)),
            counts=counts,
            differences=tuple(_difference(found, match) for match in found.differences[:MOST_DIFFERENCES]),
            total=len(found.differences),
        )


def _other_ids(side: Contents, mates: dict[str, str]) -> dict[str, str]:
    return {group: mates.get(group, "") for group in side.groups if mates.get(group, "") != group}


def _unsaid_parents(side: Contents) -> dict[str, str]:
    return {group: above for group, above in side.parents.items() if above != group.rpartition("/")[0]}


def _is_run(found: Matching, match: Match) -> bool:
    return len(match.left) == len(match.right) == 1 and found.left.units[match.left[0]].is_node


def _ids(found: Matching, match: Match) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return _named(found.left, match.left), _named(found.right, match.right)


def _named(side: Outline, units: tuple[int, ...]) -> tuple[str, ...]:
    return tuple(side.units[unit].id for unit in units)


def _runs(found: Matching) -> tuple[tuple[int, int, int], ...]:
    runs: list[list[int]] = []
    pairs = (tuple(int(ids[0][2:]) for ids in _ids(found, match)) for match in found.matches if _is_run(found, match))
    for one, other in sorted(pairs):
        if runs and (one, other) == (runs[-1][0] + runs[-1][2], runs[-1][1] + runs[-1][2]):
            runs[-1][2] += 1
        else:
            runs.append([one, other, 1])
    return tuple((run[0], run[1], run[2]) for run in runs)


def _difference(found: Matching, match: Match) -> Difference:
    left, right = _ids(found, match)
    ops = [text for text in (_ops(found.left, match.left), _ops(found.right, match.right)) if text]
    unit = found.left.units[match.left[-1]] if match.left else found.right.units[match.right[-1]]
    shown = ops[:1] if match.kind is Kind.CHANGED and len(set(ops)) == 1 else ops
    return Difference(match.kind, left, right, " → ".join(shown), shortened(unit.title, 60), match.what)


def _ops(side: Outline, units: tuple[int, ...]) -> str:
    """Return the operators of some units: ``Conv + Relu×2``."""
    counts = Counter(shortened(side.units[unit].op) for unit in units)
    ops = [f"{op}×{count}" if count > 1 else op for op, count in counts.items()]
    return " + ".join([*ops[:_MOST_OPS], *(["…"] if len(ops) > _MOST_OPS else [])])


async def _matches(request: Request) -> Response:
    query = request.query_params

    def answer() -> Response:
        pair = SideBySide(find_entry(request.path_params["id"]), find_entry(query.get("other", "")))
        side, graph = int(query.get("side") == "right"), query.get("graph", "")
        other = pair.counterpart(graph, side)
        if other is None:
            raise HTTPException(404, "The other model has no graph that stands for this one.")
        return json_answer(pair.matches(*((graph, other) if side == 0 else (other, graph))))

    return await run_in_threadpool(answer)


ROUTES: list[BaseRoute] = [Route("/models/{id}/matches", _matches)]
