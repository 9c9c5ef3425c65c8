"""What an operator's schema says, fit for a page: the documentation, and the formal inputs, outputs and attributes."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import onnx
from onnx import defs

from graphdebug.model.document import Model

REQUIRED, OPTIONAL, ANY_NUMBER = "required", "optional", "any number"
_WORDS = {
    defs.OpSchema.FormalParameterOption.Single: REQUIRED,
    defs.OpSchema.FormalParameterOption.Optional: OPTIONAL,
    defs.OpSchema.FormalParameterOption.Variadic: ANY_NUMBER,
}
_BREAK = re.compile(r"<br ?/?>")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)|<a [^>]*>(.*?)</a>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A formal input, output or attribute. ``presence``: ``required``, ``optional``, or ``any number`` of them.

    ``text`` says what it is for, in Markdown without links.
    """

    name: str
    presence: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Documentation:
    """What an operator's schema says. ``text`` is Markdown without links; ``summary`` its first paragraph."""

    op: str
    domain: str
    since_version: int
    summary: str
    text: str
    inputs: tuple[Parameter, ...]
    outputs: tuple[Parameter, ...]
    attributes: tuple[Parameter, ...]


def schema_of(model: Model, graph: str, node: onnx.NodeProto) -> defs.OpSchema | None:
    """Return the schema of a node's operator at the opset it runs at; None for custom operators and functions."""
    imports: Iterable[onnx.OperatorSetIdProto] = model.proto.opset_import
    if graph.startswith("fn:"):
        function = model.graphs[graph.split("/", 1)[0]].proto
        imports = getattr(function, "opset_import", imports)
    domain = "" if node.domain == "ai.onnx" else node.domain
    spellings = (domain,) if domain else ("", "ai.onnx")
    versions = [entry.version for entry in imports if entry.domain in spellings]
    try:
        return defs.get_schema(node.op_type, max(versions, default=1), domain)
    except (defs.SchemaError, OverflowError, TypeError):
        return None


def documentation(schema: defs.OpSchema) -> Documentation:
    """Return what a schema says, fit for a page."""
    text = _unlinked(schema.doc or "")
    return Documentation(
        op=schema.name,
        domain=schema.domain,
        since_version=schema.since_version,
        summary=_one_line(re.split(r"\n\s*\n", text, maxsplit=1)[0]),
        text=text,
        inputs=_parameters(schema.inputs),
        outputs=_parameters(schema.outputs),
        attributes=tuple(
            Parameter(name, REQUIRED if each.required else OPTIONAL, _one_line(_unlinked(each.description)))
            for name, each in sorted(schema.attributes.items())
        ),
    )


def slots(names: Sequence[str], formal: Sequence[Parameter]) -> list[tuple[str, Parameter]]:
    """Pair a node's inputs or outputs with the operator's formal ones; those that come in any number are counted.

    A value may be ``""``, left out: formal ones beyond those that the node lists are so as well.
    """
    repeated = formal[-1] if formal and formal[-1].presence == ANY_NUMBER else None
    given = formal[:-1] if repeated else formal
    pairs = [(names[slot] if slot < len(names) else "", each) for slot, each in enumerate(given)]
    for number, name in enumerate(names[len(given) :]):
        pairs.append((name, Parameter(f"{repeated.name}[{number}]", ANY_NUMBER) if repeated else Parameter("")))
    return pairs


def _parameters(formal: Sequence[defs.OpSchema.FormalParameter]) -> tuple[Parameter, ...]:
    return tuple(Parameter(each.name, _WORDS[each.option], _one_line(_unlinked(each.description))) for each in formal)


def _unlinked(text: str) -> str:
    return _BREAK.sub(" ", _LINK.sub(lambda match: match[1] or match[2] or "", text)).strip()


def _one_line(text: str) -> str:
    return " ".join(text.split())
