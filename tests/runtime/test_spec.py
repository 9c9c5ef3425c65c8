"""SPECs are parsed and checked, and what is wrong is named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphdebug.runtime.backend import BackendSpec
from graphdebug.runtime.registry import backend, backends
from graphdebug.runtime.spec import SpecError, parse_spec
from graphdebug.runtime.trust import VARIABLE

keys = st.from_regex(r"[a-z][a-z0-9_.]{0,8}", fullmatch=True)
texts = st.text(st.characters(exclude_characters=",", exclude_categories=["Cs"]), max_size=20)


@given(st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True), st.dictionaries(keys, texts, max_size=4))
def test_a_spec_is_parsed_back_from_its_text(name: str, options: dict[str, str]) -> None:
    spec = BackendSpec(name, tuple(options.items()))
    tidy = str(spec).strip() == str(spec)
    assert not tidy or parse_spec(str(spec)) == spec


def test_commas_belong_to_the_value_unless_an_option_follows() -> None:
    spec = parse_spec("file:path=/data/a,b=c/x, y.npz")
    assert spec.options == (("path", "/data/a"), ("b", "c/x, y.npz"))
    assert parse_spec("file:path=a, b.npz").get("path") == "a, b.npz"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "''"),
        ("Ünicode", "Ünicode"),
        ("onnxruntime:opt", "'opt'"),
        ("onnxruntime:", "''"),
        ("onnxruntime:opt=all,opt=basic", "opt twice"),
        ("onnxruntime:opt=fast", "'fast'"),
        ("onnxruntime:speed=9", "'speed'"),
        ("reference:precision=64", "its options are dtype, engine"),
        ("abacus", "'abacus'"),
    ],
)
def test_what_is_wrong_is_named(text: str, named: str) -> None:
    with pytest.raises(SpecError) as raised:
        backend(text)
    assert named in str(raised.value)


def test_every_backend_can_be_made_and_probed() -> None:
    for info in backends():
        made = backend(info.name)
        assert made.spec.name == info.name
        found = made.probe()
        assert found.available or found.reason.endswith(".")
        for option in info.options:
            assert not option.values or option.default in option.values


def test_an_absent_provider_says_how_to_get_it() -> None:
    found = backend("onnxruntime:provider=migraphx").probe()
    assert not found.available
    assert "pip install" in found.reason
    assert "known are" in backend("onnxruntime:provider=abacus").probe().reason


def test_numbers_must_be_numbers() -> None:
    assert "whole number" in backend("onnxruntime:threads=many").probe().reason


def test_code_runs_only_where_that_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    running = [(info.name, option.key) for info in backends() for option in info.options if option.runs_code]
    for name, key in running:
        monkeypatch.setenv(VARIABLE, "0")
        with pytest.raises(SpecError, match=f"Option {key} of {name} runs code.*--allow-code"):
            backend(f"{name}:{key}=/some/thing")
        monkeypatch.delenv(VARIABLE)
        with pytest.raises(SpecError, match="--allow-code"):
            backend(f"{name}:{key}=/some/thing")
        monkeypatch.setenv(VARIABLE, "1")
        assert backend(f"{name}:{key}=/some/thing").spec.name == name
