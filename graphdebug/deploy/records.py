"""Records of a deployment check: what is asked, what was found. They travel as JSON (docs/deployment-schema.json)."""

from dataclasses import dataclass
from typing import Any

from graphdebug.model.records import ModelLocation, Severity
from graphdebug.model.refs import MAIN_GRAPH

CHECK_JOB = "graphdebug.deploy.job:check_job"

VERSION = 1
"""Of the JSON: it rises when a field changes its meaning or goes away."""

MEANINGS = {
    Severity.ERROR: "will not run",
    Severity.WARNING: "runs differently, or may not run",
    Severity.INFO: "worth knowing",
}
"""What a severity says in a deployment check."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """What would help: operations as a recipe holds them (docs/recipe.md), done one after the other."""

    title: str
    operations: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class DeployFinding:
    """One thing that stands in the way at a target. ``rule`` is stable and kebab-case; ``name`` is the node's.

    ``error``: will not run; ``warning``: runs differently or slower, or may not run; ``info``: worth knowing.
    """

    severity: Severity
    rule: str
    message: str
    graph: str = MAIN_GRAPH
    node: int | None = None
    tensor: str | None = None
    name: str = ""
    remedy: Remedy | None = None


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What the engine of this machine really did with the model; ``nodes``: how many each execution provider took."""

    loads: bool
    engine: str
    sentence: str
    nodes: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class TargetResult:
    """What was found for one target. ``sources`` say what the rules know of it, and where from."""

    target: str
    title: str
    findings: tuple[DeployFinding, ...] = ()
    sources: tuple[str, ...] = ()
    confirmed: Confirmation | None = None

    def count(self, severity: Severity) -> int:
        """Return how many findings are of a severity."""
        return sum(finding.severity is severity for finding in self.findings)


@dataclass(frozen=True, slots=True)
class DeployRequest:
    """Check a model for targets (SPECs, see targets.py); ``confirm``: load it where a target is this machine's."""

    model: ModelLocation
    targets: tuple[str, ...]
    confirm: bool = True


@dataclass(frozen=True, slots=True)
class DeployResult:
    """What was found, target by target."""

    targets: tuple[TargetResult, ...]
    seconds: float = 0.0
    version: int = VERSION
