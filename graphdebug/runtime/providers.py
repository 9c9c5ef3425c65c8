"""Which execution provider of ONNX Runtime has which node of a model."""

from collections import defaultdict
from collections.abc import Iterable

from graphdebug.model.document import Model
from graphdebug.model.index import display_name

Providers = dict[str, dict[int, str]]
"""Graph path → node index → execution provider, in short (``CPU``)."""


def providers_of_nodes(model: Model, told: Iterable[tuple[str, str, str]]) -> Providers:
    """Return the execution provider of every node that ONNX Runtime told one of: provider, name and operator.

    Nodes are known by the names that `taps.named` gave them. Of several of one name, all or none are placed: all where
    they went to the same provider. Nodes that ONNX Runtime made itself, and those that it folded away, have none.
    """
    providers: dict[tuple[str, str], set[str]] = defaultdict(set)
    for provider, name, op in told:
        providers[name, op].add(short_name(provider))
    if not providers:
        return {}
    found: Providers = {}
    for path, index in model.graphs.items():
        for position, node in enumerate(index.nodes):
            given = providers.get((node.name or display_name(node, position), node.op_type), set())
            if len(given) == 1:
                found.setdefault(path, {})[position] = next(iter(given))
    return found


def short_name(provider: str) -> str:
    """Return ``CPU`` for ``CPUExecutionProvider``."""
    return provider.removesuffix("ExecutionProvider")


def providers_of(session: object) -> Providers:
    """Return which execution provider has which node, as far as a session of any backend tells."""
    providers: Providers = getattr(session, "providers", {})
    return providers
