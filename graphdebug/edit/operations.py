"""Every operation there is, and how a recipe's text becomes operations."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any

import msgspec

from graphdebug.edit.casting import InsertCast, SetType
from graphdebug.edit.changing import DuplicateNode, NameNodes, RemoveAttribute, RenameNode, SetAttribute, SetOperator
from graphdebug.edit.cleaning import CleanUp, SortNodes
from graphdebug.edit.constant_folding import FoldConstants
from graphdebug.edit.constants import (
    ConstantToInitializer,
    InitializerToConstant,
    InitializerToInput,
    InputToInitializer,
)
from graphdebug.edit.conversion import ConvertOpset
from graphdebug.edit.dims import FreezeDims, RenameDim, SetBatch
from graphdebug.edit.errors import EditError
from graphdebug.edit.extraction import ExtractPart
from graphdebug.edit.initializers import CastInitializer, SetValues
from graphdebug.edit.inlining import InlineFunction
from graphdebug.edit.layouts import ChangeLayout, ReverseChannels
from graphdebug.edit.merging import MergeModel
from graphdebug.edit.metadata import SetHeader, SetMetadata, StripDocs
from graphdebug.edit.nodes import AddNode, DeleteDead, DeleteNode, InsertNode
from graphdebug.edit.operation import Operation
from graphdebug.edit.parts import ExtractFunction, ReplaceNodes
from graphdebug.edit.ports import AddInput, AddOutput, MakeInput, RemoveInput, RemoveOutput
from graphdebug.edit.precision import ConvertFloat
from graphdebug.edit.pruning import DropUnused, ShareDuplicates
from graphdebug.edit.putting_back import PutBack
from graphdebug.edit.shape_writing import WriteShapes
from graphdebug.edit.simplifying import Simplify
from graphdebug.edit.storing import MakeExternal, MakeInline
from graphdebug.edit.stripping import StripWeights
from graphdebug.edit.wiring import ReconnectInput, RenameValue, SwapInputs

OPERATIONS: tuple[type[Operation], ...] = (
    InsertNode,
    AddNode,
    DeleteNode,
    DeleteDead,
    DuplicateNode,
    SetOperator,
    RenameNode,
    NameNodes,
    SetAttribute,
    RemoveAttribute,
    ReconnectInput,
    SwapInputs,
    RenameValue,
    AddOutput,
    RemoveOutput,
    MakeInput,
    AddInput,
    RemoveInput,
    ReplaceNodes,
    ExtractFunction,
    InlineFunction,
    ExtractPart,
    MergeModel,
    PutBack,
    InsertCast,
    SetType,
    RenameDim,
    FreezeDims,
    SetBatch,
    ChangeLayout,
    ReverseChannels,
    SetValues,
    CastInitializer,
    ConstantToInitializer,
    InitializerToConstant,
    InitializerToInput,
    InputToInitializer,
    ShareDuplicates,
    DropUnused,
    MakeExternal,
    MakeInline,
    SortNodes,
    CleanUp,
    StripDocs,
    StripWeights,
    SetMetadata,
    SetHeader,
    WriteShapes,
    ConvertOpset,
    FoldConstants,
    Simplify,
    ConvertFloat,
)
"""All kinds of operations, in the order in which they are offered and documented."""

ANY: Any = reduce(or_, OPERATIONS)
"""The type of all of them, for msgspec."""


def decode(text: str | bytes) -> Operation:
    """Return the operation that a JSON object says.

    Raises:
        EditError: it says none; the sentence names the field at fault.
    """
    try:
        operation: Operation = msgspec.json.decode(text, type=ANY)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise EditError(f"This is no operation: {error}.") from None
    return operation


def encode(operation: Operation) -> str:
    """Return an operation as JSON."""
    return msgspec.json.encode(operation).decode()
