"""Random operations on types, shapes and stored values, which may make sense or not."""

from collections.abc import Callable
from random import Random

import numpy as np

from graphdebug.edit.casting import InsertCast, SetType
from graphdebug.edit.constants import (
    ConstantToInitializer,
    InitializerToConstant,
    InitializerToInput,
    InputToInitializer,
)
from graphdebug.edit.dims import FreezeDims, RenameDim, SetBatch
from graphdebug.edit.editor import Editor
from graphdebug.edit.initializers import CastInitializer, SetValues
from graphdebug.edit.layouts import ChangeLayout, ReverseChannels
from graphdebug.edit.nodes import UseTarget
from graphdebug.edit.operation import Operation
from graphdebug.edit.pruning import DropUnused, ShareDuplicates
from graphdebug.edit.storing import MakeExternal, MakeInline
from graphdebug.edit.stripping import StripWeights
from graphdebug.edit.targets import NodeTarget, ValueTarget, node_target, value_target
from graphdebug.edit.uses import OUTPUT, uses
from graphdebug.model.refs import NodeRef, TensorRef
from graphdebug.model.value_types import declared_types


def about_values(rng: Random, editor: Editor, path: str) -> Operation:
    """Return an operation on values of graph ``path`` or on what the whole model says of its types."""
    index, main = editor.graph(path), editor.graph()
    name = rng.choice([*index.producer, *index.inputs, *index.initializers] or ["none"])
    value = value_target(editor, TensorRef(path, name))
    stored = rng.choice(list(index.initializers) or ["none"])
    initializer = ValueTarget(stored, graph=value.graph)
    given = rng.choice(main.inputs or ["none"])
    known = declared_types(index.proto)
    symbols = [dim for each in known.values() for dim in each.shape or () if isinstance(dim, str)] or ["none"]
    constants = [at for at, node in enumerate(index.nodes) if node.op_type == "Constant"] or [0]
    constant = node_target(editor, NodeRef(path, rng.choice(constants))) if index.nodes else NodeTarget("none")
    users = [use for use in uses(editor, path, name) if use.node != OUTPUT]
    chosen = tuple(
        UseTarget(node_target(editor, NodeRef(use.graph, use.node)), use.slot)
        for use in rng.sample(users, rng.randrange(len(users) + 1))
    )
    shape = known[stored].shape or () if stored in known else ()
    fitting = np.zeros([dim for dim in shape if isinstance(dim, int)]).tolist()
    dtype = rng.choice(["float", "float16", "int64", "int4", "bool"])
    choices: list[Callable[[], Operation]] = [
        lambda: InsertCast(value=value, to=dtype, uses=rng.choice([None, chosen]), fix_output=rng.random() < 0.5),
        lambda: InsertCast(value=value, to=dtype, back=chosen),
        lambda: SetType(value=value, dtype=dtype, shape=rng.choice([None, (), (1, "n", None)])),
        lambda: RenameDim(name=rng.choice(symbols), to=rng.choice(["batch", "n"])),
        lambda: FreezeDims(lengths={rng.choice(symbols): 2}),
        lambda: SetBatch(batch=rng.choice([1, 4, "batch"])),
        lambda: ChangeLayout(input=given, to=rng.choice(["NHWC", "NCHW"])),
        lambda: ReverseChannels(input=given, axis=rng.choice([0, 1, -1])),
        lambda: SetValues(
            initializer=initializer, values=rng.choice([fitting, 1, [[1, 0]]]), reshape=rng.random() < 0.5
        ),
        lambda: CastInitializer(initializer=initializer, to=dtype),
        lambda: ConstantToInitializer(node=constant),
        lambda: InitializerToConstant(initializer=initializer),
        lambda: InitializerToInput(initializer=initializer, keep=rng.random() < 0.5),
        lambda: InputToInitializer(input=rng.choice([given, stored]), values=rng.choice([None, 0, [1, 2]])),
        ShareDuplicates,
        DropUnused,
        lambda: MakeExternal(file=f"{rng.randrange(3)}.data", larger_than=rng.randrange(100)),
        MakeInline,
        lambda: StripWeights(smallest=rng.randrange(100)),
    ]
    return rng.choice(choices)()
