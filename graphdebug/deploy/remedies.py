"""Remedies of many findings together: which operations, in which order, each once."""

from collections.abc import Iterable

import msgspec

from graphdebug.deploy.records import DeployFinding
from graphdebug.edit.operation import Operation
from graphdebug.edit.operations import decode


def operations(findings: Iterable[DeployFinding]) -> tuple[Operation, ...]:
    """Return the operations of all remedies of ``findings``, each once.

    What changes one node comes first, from the end of each graph to its beginning, so that names of unnamed nodes,
    which count positions (``Conv_17``), still hold. What changes the whole model follows, operator sets last.

    Raises:
        EditError: a remedy holds what is no operation.
    """
    found: dict[str, tuple[tuple[int, int], Operation]] = {}
    for finding in findings:
        for each in finding.remedy.operations if finding.remedy else ():
            text = msgspec.json.encode(each).decode()
            operation = decode(text)
            of_node = hasattr(operation, "node")
            order = 0 if of_node else 2 if each["operation"] == "convert-opset" else 1
            found.setdefault(text, ((order, -(finding.node or 0) if of_node else 0), operation))
    return tuple(operation for _, operation in sorted(found.values(), key=lambda pair: pair[0]))
