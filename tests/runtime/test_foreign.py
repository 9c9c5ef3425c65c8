"""Engines in other interpreters: what passes between, and how they end."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

import graphdebug.foreign
from graphdebug.runtime.backend import BackendError
from graphdebug.runtime.foreign import ForeignProcess, receive, send

PARROT = Path(__file__).with_name("parrot.py")
SCRIPTS = sorted(Path(graphdebug.foreign.__file__).parent.glob("*.py"))


@pytest.fixture
def parrot() -> Iterator[ForeignProcess]:
    process = ForeignProcess(PARROT, engine="the parrot")
    yield process
    process.close()


def test_tensors_go_there_and_come_back(parrot: ForeignProcess, tmp_path: Path) -> None:
    values = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3),
        "": np.array(7, np.int64),
        "none": np.zeros((0, 4), np.float32),
        "turned": np.arange(6, dtype=np.float32).reshape(2, 3).T,
        "half": np.array([1.5, -2], ml_dtypes.bfloat16),
        "eighth": np.array([[0.5]], ml_dtypes.float8_e4m3fn),
        "other eighth": np.array([[0.5]], ml_dtypes.float8_e5m2),
        "imaginary": np.array([1j], np.complex64),
    }
    told: list[tuple[float | None, str]] = []
    given = send(tmp_path, values, "the parrot")
    answer = parrot.call("double", lambda *said: told.append(said), given=given, to=str(tmp_path / "back.bin"))
    back = receive(answer)
    assert told == [(0.5, "doubling")]
    assert list(back) == list(values)
    for name, value in values.items():
        doubled = value if value.dtype.isbuiltin != 1 else value + value
        assert back[name].dtype == value.dtype and back[name].shape == value.shape, name
        assert back[name].tobytes() == doubled.tobytes(), name
    assert not (tmp_path / "back.bin").exists()


@pytest.mark.parametrize("value", [[np.zeros(1)], None, np.array(["text"], object)])
def test_what_is_no_tensor_of_numbers_is_refused_by_name(value: object, tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"the parrot takes tensors.*'x'"):
        send(tmp_path, {"x": value}, "the parrot")


@pytest.mark.parametrize(
    ("do", "sentence"),
    [
        ("refuse", "The parrot is tired."),
        ("fail", "the parrot failed: KeyError: 'feather'"),
        ("die", "ended by SIGSEGV while it was at “falling off the perch”. The last it printed: squawk"),
        ("leave", "(exit status 3)"),
    ],
)
def test_every_bad_end_is_a_sentence(parrot: ForeignProcess, do: str, sentence: str) -> None:
    with pytest.raises(BackendError) as failure:
        parrot.call(do)
    assert sentence in str(failure.value)


def test_a_call_that_fails_leaves_it_ready_and_a_dead_one_says_so_again(parrot: ForeignProcess) -> None:
    for do in ("refuse", "fail", "die", "surroundings"):
        with pytest.raises(BackendError):
            parrot.call(do)
    with pytest.raises(BackendError, match="SIGSEGV"):
        parrot.call("surroundings")


def test_nothing_of_our_environment_leads_there(parrot: ForeignProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/somewhere/ours")
    fresh = ForeignProcess(PARROT, engine="the parrot")
    try:
        found = fresh.call("surroundings")
    finally:
        fresh.close()
    assert "/somewhere/ours" not in found["path"] and "" not in found["path"]
    ours = {name for name in found["modules"] if name.startswith("graphdebug.")}
    assert ours == {"graphdebug.foreign", "graphdebug.foreign.talk"}
    assert found["python"] == list(sys.version_info[:2])


def test_an_interpreter_that_is_not_there_is_named() -> None:
    with pytest.raises(BackendError, match=r"/no/python cannot be started to run the parrot: No such file"):
        ForeignProcess(PARROT, "/no/python", engine="the parrot")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_python_3_8_and_import_nothing_of_ours(script: Path) -> None:
    tree = ast.parse(script.read_text(), feature_version=(3, 8))
    imported = {
        name
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [str(node.module)]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    ours = {name for name in imported if name.startswith("graphdebug")}
    assert all(name.startswith("graphdebug.foreign") for name in ours)
