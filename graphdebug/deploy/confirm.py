"""What the ONNX Runtime of this machine really does with a model: it is asked to make a session."""

import re
from collections import Counter
from contextlib import closing
from dataclasses import replace

import onnxruntime as ort

from graphdebug.deploy.records import Confirmation, DeployFinding, TargetResult
from graphdebug.deploy.targets import Target
from graphdebug.model.document import Model
from graphdebug.model.records import Severity
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.runtime.backend import BackendError
from graphdebug.runtime.onnxruntime_backend import open_engine, serialize
from graphdebug.runtime.onnxruntime_engine import Files
from graphdebug.runtime.onnxruntime_options import configuration
from graphdebug.runtime.providers import short_name
from graphdebug.runtime.registry import backend
from graphdebug.runtime.spec import parse_spec
from graphdebug.runtime.taps import named

_NODE = re.compile(r"node with name '([^']*)'|[Nn]ode \(([^)]*)\)|\(node:'([^']*)'|[Nn]ode:\s*\(?'?([^\s'()]+)")


def confirmed(result: TargetResult, model: Model, target: Target) -> TargetResult:
    """Return the result with what a session says; a refusal that no rule foresaw becomes a finding at its node."""
    engine = f"ONNX Runtime {ort.__version__}"
    spec = parse_spec(f"onnxruntime:provider={target.provider}")
    found = backend(spec).probe()
    if not found.available:
        return replace(result, confirmed=Confirmation(False, engine, f"It could not be tried: {found.reason}"))
    wanted = configuration(spec).at("disable")  # who runs what is settled before the optimiser, which may take minutes
    try:
        with closing(open_engine(spec)) as runtime:
            loaded = runtime.load(serialize(named(model)), wanted, Files(weights=model.path.parent))
    except BackendError as error:
        said = Confirmation(False, engine, str(error))
        return replace(result, confirmed=said, findings=_with_refusal(result.findings, model, str(error)))
    counts: Counter[str] = Counter()
    elsewhere: list[DeployFinding] = []
    places = {name: position for position, name in enumerate(model.graphs[MAIN_GRAPH].names)}
    for full_name, name, _ in loaded.assigned:
        provider = short_name(full_name)
        counts[provider] += 1
        if full_name != loaded.provider and name in places:
            sentence = f"This machine's {engine} runs it on {provider}, not on {target.provider.upper()}."
            place = places[name]
            elsewhere.append(DeployFinding(Severity.WARNING, "runs-elsewhere", sentence, MAIN_GRAPH, place, None, name))
    sentence = f"{engine} of this machine loads the model."
    said = Confirmation(True, engine, sentence, tuple(sorted(counts.items())))
    return replace(result, confirmed=said, findings=(*result.findings, *elsewhere))


def _with_refusal(findings: tuple[DeployFinding, ...], model: Model, sentence: str) -> tuple[DeployFinding, ...]:
    """Add a refusal, unless a rule said so of the same node, or of the model when no node is named."""
    index = model.graphs[MAIN_GRAPH]
    match = _NODE.search(sentence)
    name = next((each for each in match.groups() if each), "") if match else ""
    place = index.names.index(name) if name in index.names else None
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    if (place is None and errors) or any(finding.node == place and finding.graph == MAIN_GRAPH for finding in errors):
        return findings
    refusal = DeployFinding(
        Severity.ERROR, "refused", sentence, MAIN_GRAPH, place, None, name if place is not None else ""
    )
    return (refusal, *findings)
