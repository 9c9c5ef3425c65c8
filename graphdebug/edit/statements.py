"""What an edit did, as Python statements on the protobuf of a model, for scripts (script.py).

Every operation is realised by splices; each becomes statements here, that name things by what identifies them in the
model at that moment: a name, or an output that a node makes. Positions are said only where nothing else tells.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any

import onnx

from graphdebug.edit import splice
from graphdebug.edit.carried import keys_of
from graphdebug.edit.literals import literal
from graphdebug.edit.splice import SINGLE, Splice, Step
from graphdebug.edit.stored import StoredValues

ROOTS = {"model": (), "graph": (("graph", SINGLE),)}
"""The variables of a script, and the messages that they hold."""


class Statements:
    """Writes splices as statements, and keeps the model as it is after each."""

    def __init__(self, model: onnx.ModelProto, stored: StoredValues) -> None:
        """Begin with a model whose stored values are marked (`StoredValues.marked`)."""
        self.now, self._stored = model, stored
        self._keys: dict[tuple[tuple[Step, ...], str], Counter[str]] = {}

    def of(self, done: Splice) -> Iterator[str]:
        """Yield the statements that do a splice."""
        message = splice.at(self.now, done.way)
        field = message.DESCRIPTOR.fields_by_name[done.field]
        added: Sequence[Any] = done.added
        if field.message_type:
            kind = field.message_type._concrete_class
            added = [self._stored.marked(kind.FromString(value)) for value in added]
        count = len(done.removed)
        if field.is_repeated:
            yield from self._list(done.way, done.field, done.start, count, added)
        else:
            yield from self._single(done.way, done.field, bool(count), added)

    def _single(self, way: tuple[Step, ...], field: str, present: bool, added: Sequence[Any]) -> Iterator[str]:
        owner = self.expression(way)
        if not added:
            if present:
                yield f"{owner}.ClearField({field!r})"
        elif not _is_plain(added[0]):
            if present:
                yield from self._changed((*way, (field, SINGLE)), added[0])
                return
            yield f"{owner}.{field}.CopyFrom({self._literal(added[0])})"
        else:
            yield f"{owner}.{field} = {self._literal(added[0])}"
        self._do(way, field, 0, int(present), added)

    def _list(self, way: tuple[Step, ...], field: str, start: int, count: int, added: Sequence[Any]) -> Iterator[str]:
        entries = getattr(splice.at(self.now, way), field)
        old = [_comparable(each) for each in entries[start : start + count]]
        new = [_comparable(each) for each in added]
        if old == new:
            return
        if added and not _is_plain(added[0]) and len(old) > 1 and len(new) > 1 and not Counter(new) - Counter(old):
            yield self._arranged(way, field, start, old, new)
            self._do(way, field, start, count, added)
            return
        offset = start
        for what, low, high, first, last in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            if what == "equal":
                offset += high - low
                continue
            paired = min(high - low, last - first)
            for each in added[first : first + paired]:
                yield from self._replaced(way, field, offset, each)
                offset += 1
            yield from self._removed(way, field, offset, high - low - paired)
            yield from self._inserted(way, field, offset, added[first + paired : last])
            offset += last - first - paired

    def _arranged(self, way: tuple[Step, ...], field: str, start: int, old: list[Any], new: list[Any]) -> str:
        places: dict[Any, list[int]] = {}
        for position, each in enumerate(old):
            places.setdefault(each, []).append(position)
        order = [places[each].pop(0) for each in new]
        return f"arrange({self.expression(way)}.{field}, {start}, {start + len(old)}, {order})"

    def _replaced(self, way: tuple[Step, ...], field: str, position: int, new: Any) -> Iterator[str]:
        if _is_plain(new):
            yield f"{self.expression(way)}.{field}[{position}] = {self._literal(new)}"
            self._do(way, field, position, 1, [new])
        else:
            yield from self._changed((*way, (field, position)), new)

    def _changed(self, way: tuple[Step, ...], new: Any) -> Iterator[str]:
        """Change a message: its fields one by one, or as a whole where that is shorter."""
        before = splice.at(self.now, way)
        whole = f"{self.expression(way)}.CopyFrom({self._literal(new)})"
        kept = type(before)()
        kept.CopyFrom(before)
        pieces = list(self._fields(way, new))
        if _comparable(splice.at(self.now, way)) == _comparable(new) and sum(map(len, pieces)) <= len(whole):
            yield from pieces
        else:
            splice.at(self.now, way).CopyFrom(kept)
            self._keys.clear()
            yield whole
            splice.at(self.now, way).CopyFrom(new)
            self._keys.clear()

    def _fields(self, way: tuple[Step, ...], new: Any) -> Iterator[str]:
        before = splice.at(self.now, way)
        for field in before.DESCRIPTOR.fields:
            if field.is_repeated:
                count, added = len(getattr(before, field.name)), list(getattr(new, field.name))
                yield from self._list(way, field.name, 0, count, added)
                continue
            present, wanted = before.HasField(field.name), new.HasField(field.name)
            if (present, getattr(before, field.name)) != (wanted, getattr(new, field.name)):
                yield from self._single(way, field.name, present, [getattr(new, field.name)] if wanted else [])

    def _removed(self, way: tuple[Step, ...], field: str, start: int, count: int) -> Iterator[str]:
        if not count:
            return
        owner = f"{self.expression(way)}.{field}"
        keys = [self._key(way, field, position) for position in range(start, start + count)]
        if count == len(getattr(splice.at(self.now, way), field)) > 1:
            yield f"del {owner}[:]"
        elif count == 1:
            yield f"del {owner}[{self._index(owner, keys[0], start)}]"
        elif None not in keys:
            yield f"remove({owner}, {keys})"
        else:
            yield f"del {owner}[{start}:{start + count}]"
        self._do(way, field, start, count, [])

    def _inserted(self, way: tuple[Step, ...], field: str, start: int, added: Sequence[Any]) -> Iterator[str]:
        if not added:
            return
        owner = f"{self.expression(way)}.{field}"
        new = [self._literal(each) for each in added]
        if start < len(getattr(splice.at(self.now, way), field)):
            before = self._index(owner, self._key(way, field, start), start)
            if before == str(start):
                yield from (f"{owner}.insert({start + offset}, {each})" for offset, each in enumerate(new))
            else:
                yield from (f"{owner}.insert({before}, {each})" for each in new)
        elif len(new) == 1:
            yield f"{owner}.append({new[0]})"
        else:
            yield "\n".join([f"{owner}.extend([", *(f"    {each}," for each in new), "])"])
        self._do(way, field, start, 0, added)

    def expression(self, way: Sequence[Step]) -> str:
        text, done = "model", 0
        if tuple(way[:1]) == ROOTS["graph"]:
            text, done = "graph", 1
        for position in range(done, len(way)):
            field, index = way[position]
            text += f".{field}"
            if index != SINGLE:
                key = self._key(tuple(way[:position]), field, index)
                text = f"{text}[{index}]" if key is None else f"find({text}, {key!r})"
        return text

    @staticmethod
    def _index(owner: str, key: str | None, position: int) -> str:
        return str(position) if key is None else f"at({owner}, {key!r})"

    def _key(self, way: tuple[Step, ...], field: str, position: int) -> str | None:
        """Return what tells one entry of a list from all others, None when nothing does."""
        entries = getattr(splice.at(self.now, way), field)
        if (way, field) not in self._keys:
            counted = Counter(key for entry in entries for key in set(keys_of(entry)))
            self._keys[way, field] = counted
        counts = self._keys[way, field]
        return next((key for key in keys_of(entries[position]) if key and counts[key] == 1), None)

    def _literal(self, value: Any) -> str:
        return literal(value, self._stored.said)

    def _do(self, way: tuple[Step, ...], field: str, start: int, count: int, added: Sequence[Any]) -> None:
        done = splice.made(self.now, way, field, start, count, added)
        splice.apply(self.now, done)
        if field in ("name", "tensor_name", "key", "domain", "output", "graph", "g", "values") or _holds_named(
            added, count
        ):
            self._keys.clear()


def _holds_named(added: Sequence[Any], count: int) -> bool:
    """Say whether lists of entries may have changed: not by one text or number for another."""
    return not (count == len(added) and all(map(_is_plain, added)))


def _comparable(value: Any) -> Any:
    return value if _is_plain(value) else value.SerializeToString(deterministic=True)


def _is_plain(value: Any) -> bool:
    """Say whether a value is no message."""
    return isinstance(value, str | bytes | int | float)
