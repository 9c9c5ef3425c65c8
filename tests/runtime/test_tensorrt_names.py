"""Every name of TensorRT that the worker uses is there in each real version that the line is for.

The worker's source is walked: what `trt.…` and annotated objects are is followed through calls, by the signatures that
the inventories of the real bindings tell (`tensorrt_api`, made by its `inventory.py`). Inside of ``if hasattr(trt.X,
"y")`` only versions that have it count, in its ``else`` only the others. The stand-in proves nothing here.
"""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import graphdebug.foreign

FOLDER = Path(graphdebug.foreign.__file__).parent
SCRIPTS = [FOLDER / f"tensorrt_{part}.py" for part in ("build", "context", "engine")]
KNOWN = {
    path.stem: json.loads(path.read_text()) for path in sorted((Path(__file__).parent / "tensorrt_api").glob("*.json"))
}

Versions = frozenset[str]
EVERY: Versions = frozenset(KNOWN)


class Walk(ast.NodeVisitor):
    """Goes through a script with the versions that each line is for, and what each name holds."""

    def __init__(self) -> None:
        self.versions = EVERY
        self.types: list[dict[str, str]] = [{}]
        self.used: set[str] = set()
        self.lacking: list[str] = []

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for base in node.bases:
            if (name := self.module_name(base)) is not None:
                self.require_class(name, node)
                methods = [each.name for each in node.body if isinstance(each, ast.FunctionDef)]
                for method in methods:
                    if not method.startswith("_") and method not in CALLED_BACK:
                        self.require(name, method, node)
        for attribute, kind in self.annotated_attributes(node):
            self.types[0][f"self.{attribute}"] = kind
        self.generic_visit(node)

    def annotated_attributes(self, node: ast.ClassDef) -> Iterator[tuple[str, str]]:
        for each in ast.walk(node):
            if isinstance(each, ast.AnnAssign) and (kind := self.kind(each.annotation)):
                target = each.target
                if isinstance(target, ast.Attribute):
                    yield target.attr, kind

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        arguments = {arg.arg: kind for arg in node.args.args if arg.annotation and (kind := self.kind(arg.annotation))}
        self.types.append({**self.types[-1], **arguments})
        for each in ast.walk(node):
            if (
                isinstance(each, ast.AnnAssign)
                and isinstance(each.target, ast.Name)
                and (kind := self.kind(each.annotation))
            ):
                self.types[-1][each.target.id] = kind
        before = self.versions
        for each in node.body:
            self.visit(each)
        self.versions = before
        self.types.pop()

    def visit_If(self, node: ast.If) -> None:
        self.guarded(node.test, node.body, node.orelse)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        before = self.versions
        for value in node.values:
            self.visit(value)
            fits, others = self.split(value)
            self.versions = fits if isinstance(node.op, ast.And) else others
        self.versions = before

    def guarded(self, test: ast.expr, body: list[ast.stmt], orelse: list[ast.stmt]) -> None:
        self.visit(test)
        before = self.versions
        fits, others = self.split(test)
        self.versions = fits
        for each in body:
            self.visit(each)
        self.versions = others
        for each in orelse:
            self.visit(each)
        leaves = bool(body) and isinstance(body[-1], ast.Return | ast.Raise)
        self.versions = others if leaves and others != before else before

    def split(self, test: ast.expr) -> tuple[Versions, Versions]:
        """Return the versions in which a test can be true, and those in which it can be false."""
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            fits, others = self.split(test.operand)
            return others, fits
        if isinstance(test, ast.BoolOp):
            parts = [self.split(value) for value in test.values]
            fits = [part[0] for part in parts]
            others = [part[1] for part in parts]
            if isinstance(test.op, ast.And):
                return frozenset.intersection(*fits), frozenset.union(*others)
            return frozenset.union(*fits), frozenset.intersection(*others)
        if isinstance(test, ast.Call) and isinstance(test.func, ast.Name) and test.func.id == "hasattr":
            kind = self.module_name(test.args[0])
            member = ast.literal_eval(test.args[1])
            if isinstance(test.args[0], ast.Name):
                has = {version for version in EVERY if member in KNOWN[version]["classes"]}
            else:
                assert kind is not None
                has = {version for version in EVERY if member in KNOWN[version]["classes"].get(kind, {})}
            assert has, f"No version has {kind}.{member}: the guard is wrong"
            return self.versions & has, self.versions - has
        return self.versions, self.versions

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.generic_visit(node)
        if (name := self.module_name(node)) is not None and "." not in name:
            self.require_global(name, node)
        elif (kind := self.type_of(node.value)) is not None:
            self.require(kind, node.attr, node)

    def visit_Call(self, node: ast.Call) -> None:
        self.generic_visit(node)
        named = isinstance(node.func, ast.Attribute) and not node.func.attr.startswith("__")
        if named and (kind := self.type_of(node.func.value)) is not None:  # type: ignore[attr-defined]
            for version in self.versions:
                told = KNOWN[version]["classes"].get(kind, {}).get(node.func.attr, "")
                counts = [signature.count(": ") - 1 for signature in told.split(" | ") if "(self: " in signature]
                if (
                    counts
                    and not any(isinstance(each, ast.Starred) for each in node.args)
                    and len(node.args) > max(counts)
                ):
                    self.lacking.append(f"{version}: {kind}.{node.func.attr} takes {max(counts)} (line {node.lineno})")

    def module_name(self, node: ast.expr) -> str | None:
        """Return ``X`` for ``trt.X``, ``X.Y`` for ``trt.X.Y``."""
        if isinstance(node, ast.Attribute):
            if isinstance(node.value, ast.Name) and node.value.id == "trt":
                return node.attr
            inner = self.module_name(node.value)
            return None if inner is None else f"{inner}.{node.attr}"
        return None

    def kind(self, annotation: ast.expr) -> str | None:
        name = self.module_name(annotation)
        return name if name in {kind for version in KNOWN.values() for kind in version["classes"]} else None

    def type_of(self, node: ast.expr) -> str | None:
        """Return the class of what an expression gives, or the class itself for ``trt.X``."""
        if isinstance(node, ast.Name):
            return self.types[-1].get(node.id)
        if isinstance(node, ast.Attribute):
            name = self.module_name(node)
            if name is not None:
                return name if "." not in name and any(name in KNOWN[version]["classes"] for version in EVERY) else None
            if isinstance(node.value, ast.Name) and node.value.id == "self":
                return self.types[0].get(f"self.{node.attr}")
            return self.types[0].get(f"self.{node.attr}") if isinstance(node.value, ast.Name) else None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = self.module_name(node.func)
            if name is not None:
                return name
            kind = self.type_of(node.func.value) or ""
            told = [KNOWN[version]["classes"].get(kind, {}).get(node.func.attr, "") for version in self.versions]
            found = re.search(r"-> (\w+)", next(iter(told), ""))
            return found[1] if found and found[1] in KNOWN[max(EVERY)]["classes"] else None
        return None

    def require_global(self, name: str, node: ast.AST) -> None:
        if name == "__version__":
            return
        self.used.add(name)
        for version in self.versions:
            told = KNOWN[version]
            if name not in (*told["classes"], *told["functions"], *told["constants"]):
                self.lacking.append(f"{version}: {name} (line {node.lineno})")  # type: ignore[attr-defined]

    def require_class(self, name: str, node: ast.AST) -> None:
        self.require_global(name, node)

    def require(self, kind: str, member: str, node: Any) -> None:
        if member.startswith("__"):
            return
        self.used.add(f"{kind}.{member}")
        for version in self.versions:
            if member not in KNOWN[version]["classes"].get(kind, {}):
                self.lacking.append(f"{version}: {kind}.{member} (line {node.lineno})")


CALLED_BACK = {"reallocate_output", "reallocate_output_async", "notify_shape", "because"}
"""Not bound, but looked for by the bindings' C++ side when an object is called back; and a method of our own."""


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_every_name_is_there_in_the_versions_that_its_line_is_for(script: Path) -> None:
    walk = Walk()
    walk.visit(ast.parse(script.read_text()))
    assert walk.lacking == []
    least = {"tensorrt_build": 45, "tensorrt_context": 20, "tensorrt_engine": 20}[script.stem]
    assert len(walk.used) >= least, sorted(walk.used)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("config.progress_monitor = None", "8.6.1: IBuilderConfig.progress_monitor"),
        ("if hasattr(trt, 'IProgressMonitor'):\n        config.progress_monitor = None", ""),
        ("if not hasattr(trt, 'IProgressMonitor'):\n        config.progress_monitor = None", "8.6.1"),
        ("config.set_flag(trt.BuilderFlag.FP16)", "11.0.0.114: BuilderFlag.FP16"),
        ("config.int8_calibrator = None", "11.4.0.106: IBuilderConfig.int8_calibrator"),
        ("config.set_timing_cache(None, False, 3)", "IBuilderConfig.set_timing_cache takes 2"),
        ("config.create_timing_cache(b'').nothing()", "ITimingCache.nothing"),
    ],
)
def test_the_walk_finds_what_a_version_lacks(line: str, complaint: str) -> None:
    walk = Walk()
    walk.visit(ast.parse(f"def f(config: trt.IBuilderConfig):\n    {line}\n"))
    assert any(complaint in each for each in walk.lacking) if complaint else not walk.lacking


def test_the_engines_types_are_those_of_some_version() -> None:
    stored = re.findall(r'^    "(\w+)": \("', (FOLDER / "tensorrt_context.py").read_text(), re.M)
    known = {name for version in KNOWN.values() for name in version["classes"]["DataType"]}
    assert len(stored) >= 9 and set(stored) <= known


@pytest.mark.parametrize("version", sorted(KNOWN))
def test_flags_and_features_that_plans_name_are_there(version: str) -> None:
    from graphdebug.runtime.backend import BackendError
    from graphdebug.runtime.tensorrt_options import PRECISIONS, Asked, plan, version_of

    classes, found = KNOWN[version]["classes"], 0
    for precision in PRECISIONS:
        try:
            how = plan(Asked(precision, tactics=("JIT_CONVOLUTIONS",)), version_of(version), frozenset({"float"}))
        except BackendError:
            continue
        found += 1
        assert set(how.network) <= classes["NetworkDefinitionCreationFlag"].keys()
        assert set(how.flags) <= classes["BuilderFlag"].keys()
        assert set(how.preview) <= classes["PreviewFeature"].keys()
    assert found >= 4
