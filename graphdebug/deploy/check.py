"""All rules on one model for one target."""

from graphdebug.deploy.kernels import kernel_rules
from graphdebug.deploy.records import DeployFinding, TargetResult
from graphdebug.deploy.shapes import shape_rules
from graphdebug.deploy.storage import storage_rules
from graphdebug.deploy.subject import Subject
from graphdebug.deploy.tables import cpu_source, cuda, tensorrt_source
from graphdebug.deploy.targets import Target
from graphdebug.deploy.tensorrt import tensorrt_rules
from graphdebug.deploy.versions import version_rules
from graphdebug.model.document import Model
from graphdebug.model.records import Severity

_RANK = list(Severity)


def check(model: Model, target: Target) -> TargetResult:
    """Return what stands in the way of ``model`` at ``target``, the worst first, by rule and place.

    ``model`` should know its inferred types. Nothing runs; linear in the size of the model.
    """
    subject = Subject(model, target)
    found = list(version_rules(subject))
    if target.engine == "tensorrt":
        found += [*tensorrt_rules(subject), *shape_rules(subject)]
        sources = (tensorrt_source(target.release),)
    else:
        found += kernel_rules(subject)
        sources = (
            cpu_source(target.release),
            *((f"CUDA kernels: {cuda()['source']}",) if target.provider == "cuda" else ()),
        )
    found += storage_rules(subject)
    return TargetResult(target.spec, target.title, tuple(sorted(found, key=_order)), sources)


def _order(finding: DeployFinding) -> tuple[int, str, str, int]:
    place = -1 if finding.node is None else finding.node
    return _RANK.index(finding.severity), finding.rule, finding.graph, place
