"""Rules about versions: operator sets and IR versions that a target loads."""

from collections.abc import Iterator

from graphdebug.deploy.records import DeployFinding
from graphdebug.deploy.subject import Subject, remedy
from graphdebug.deploy.tables import cpu_limits, tensorrt_opsets
from graphdebug.edit.conversion import ConvertOpset
from graphdebug.edit.metadata import SetHeader
from graphdebug.model.records import Severity

_OLDEST_OF_ORT = 7
_SAFE = 13
"""What a model of an old operator set is converted to: every target of ours knows it."""


def version_rules(subject: Subject) -> Iterator[DeployFinding]:
    """Report operator sets and IR versions that are too new or too old."""
    rules = _of_tensorrt if subject.target.engine == "tensorrt" else _of_onnxruntime
    yield from rules(subject)


def _of_onnxruntime(subject: Subject) -> Iterator[DeployFinding]:
    target, opset, ir = subject.target, subject.opsets.get(""), subject.model.proto.ir_version
    limits = cpu_limits(target.release)
    if limits.release != str(target.release.minor):
        yield DeployFinding(
            Severity.INFO,
            "release-not-known",
            f"ONNX Runtime {target.release} was not looked at: what is said is what holds for {limits.release}.",
        )
    if opset is not None and opset > limits.opset:
        yield _too_new(f"{target.title}", opset, limits.opset)
    elif opset is not None and opset < _OLDEST_OF_ORT:
        yield _too_old(f"{target.title}", opset, _OLDEST_OF_ORT)
    ml = subject.opsets.get("ai.onnx.ml")
    if ml is not None and ml > limits.ml:
        sentence = f"The model uses operator set {ml} of ai.onnx.ml; {target.title} knows none after {limits.ml}."
        yield DeployFinding(Severity.ERROR, "opset-too-new", sentence)
    if ir > limits.ir:
        sentence = f"The file is of IR version {ir}; {target.title} loads none after {limits.ir}."
        yield DeployFinding(Severity.ERROR, "ir-too-new", sentence, remedy=remedy(SetHeader(ir_version=limits.ir)))


def _of_tensorrt(subject: Subject) -> Iterator[DeployFinding]:
    target, opset = subject.target, subject.opsets.get("")
    oldest, sure, possible = tensorrt_opsets(target.release)
    if opset is None:
        return
    if opset > possible:
        yield _too_new(target.title, opset, sure)
    elif opset > sure:
        yield DeployFinding(
            Severity.WARNING,
            "opset-not-known",
            f"The model uses operator set {opset}; {target.title} knows {sure}, and whether newer ones is not known "
            "(operator by operator, they often do).",
            remedy=remedy(ConvertOpset(version=sure)),
        )
    elif opset < oldest:
        yield _too_old(target.title, opset, oldest)


def _too_new(title: str, opset: int, newest: int) -> DeployFinding:
    sentence = f"The model uses operator set {opset}; {title} knows none after {newest}."
    return DeployFinding(Severity.ERROR, "opset-too-new", sentence, remedy=remedy(ConvertOpset(version=newest)))


def _too_old(title: str, opset: int, oldest: int) -> DeployFinding:
    sentence = f"The model uses operator set {opset}; {title} promises to run those from {oldest} on."
    return DeployFinding(Severity.WARNING, "opset-too-old", sentence, remedy=remedy(ConvertOpset(version=_SAFE)))
