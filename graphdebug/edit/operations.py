"""Every operation there is, and how a recipe's text becomes operations."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any

import msgspec

from graphdebug.edit.errors import EditError
from graphdebug.edit.nodes import AddNode, DeleteDead, DeleteNode, InsertNode
from graphdebug.edit.operation import Operation

OPERATIONS: tuple[type[Operation], ...] = (
    InsertNode,
    AddNode,
    DeleteNode,
    DeleteDead,
)
"""All kinds of operations, in the order in which they are offered and documented."""

_ANY: Any = reduce(or_, OPERATIONS)


def decode(text: str | bytes) -> Operation:
    """Return the operation that a JSON object says.

    Raises:
        EditError: it says none; the sentence names the field at fault.
    """
    try:
        operation: Operation = msgspec.json.decode(text, type=_ANY)
    except msgspec.DecodeError as error:
        raise EditError(f"This is no operation: {error}.") from None
    return operation


def encode(operation: Operation) -> str:
    """Return an operation as JSON."""
    return msgspec.json.encode(operation).decode()
