"""Names for what an edit makes: new in the whole model, so that nothing is shadowed or taken for something else."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING

from graphdebug.model.index import GraphIndex

if TYPE_CHECKING:
    from graphdebug.edit.editor import Editor


class NewNames:
    """Hands out names that nothing in the model has yet, nodes nor values. Those that the edit removes count."""

    def __init__(self, editor: Editor) -> None:
        """Know of no new name yet."""
        self._editor = editor
        self._given: set[str] = set()

    def new(self, wish: str) -> str:
        """Return ``wish``, or ``wish_1``, ``wish_2``… when it is taken."""
        name = next(name for name in numbered(wish) if name not in self)
        self.take(name)
        return name

    def take(self, name: str) -> None:
        """Note that the edit gives this name to something."""
        self._given.add(name)

    def __contains__(self, name: str) -> bool:
        """Say whether a node or a value is, was or will be called so, in any graph."""
        source = self._editor.source
        return name in self._given or any(
            _is_in(index, name) or name in source.types[path] for path, index in source.graphs.items()
        )


def numbered(wish: str) -> Iterator[str]:
    """Go through the names to try: ``wish``, ``wish_1``, ``wish_2``…"""
    yield wish
    yield from (f"{wish}_{number}" for number in count(1))


def _is_in(index: GraphIndex, name: str) -> bool:
    return index.defines(name) or index.is_used(name) or name in index.names
