"""What PyTorch computed while a network ran once, as plain records."""

from dataclasses import dataclass

MODULE, OPERATION = "module", "operation"
NETWORK = ""
"""The path of the network itself among its modules."""


@dataclass(frozen=True, slots=True)
class Record:
    """A call of a module that ended, or an operation of the exported network; in the order of the run.

    ``scope``: the module's path, or that of the module the operation stands in (``layers.0.norm``); ``what``: its
    class, or the operator (``aten.relu.default``); ``name``: the operation's; ``call``: which call of this module,
    from 0. ``outputs``: (element type, shape) of each tensor it gives, nested ones one after the other; ``used``: which
    of them are taken, where an operation gives several. ``follows``: the record that made its first input, -1: none.
    """

    kind: str
    scope: str
    what: str
    name: str = ""
    call: int = 0
    outputs: tuple[tuple[str, tuple[int, ...]], ...] = ()
    used: tuple[int, ...] = ()
    follows: int = -1


@dataclass(frozen=True, slots=True)
class Counterpart:
    """Output ``output`` of record ``record`` is what a tensor of the model stands for; ``how`` says why, in words."""

    record: int
    output: int
    how: str


@dataclass(frozen=True, slots=True)
class Counterparts:
    """Tensors of a model by name: what they stand for, and, for the others, why nothing is known of them."""

    found: dict[str, Counterpart]
    missing: dict[str, str]
