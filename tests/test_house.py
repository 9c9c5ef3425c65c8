"""The house rules, checked like everything else: lint, format, types, one-way imports, files that stay readable."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "graphdebug"
SEARCH_PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
LINE_LIMIT = 400

pytestmark = pytest.mark.xdist_group("house")


def check(*command: str) -> None:
    """Run a checker of this environment at the root; fail with what it says."""
    program = shutil.which(command[0], path=SEARCH_PATH)
    assert program, f"{command[0]} is not installed: pip install -r requirements-test.txt"
    done = subprocess.run([program, *command[1:]], cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.fail(f"{' '.join(command)}:\n{done.stdout}{done.stderr}", pytrace=False)


def modules() -> list[Path]:
    """Every module of the package."""
    return sorted(PACKAGE.rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Return the top-level names that a module imports, wherever in the file it does."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.partition(".")[0])
    return names


def test_lint() -> None:
    check("ruff", "check")


def test_format() -> None:
    check("ruff", "format", "--check")


def test_types() -> None:
    check("mypy")


def test_imports_point_one_way() -> None:
    check("lint-imports", "--no-cache")


def test_streamlit_stays_in_the_browser_app() -> None:
    outside = [path for path in modules() if path.relative_to(PACKAGE).parts[0] != "ui"]
    guilty = [str(path.relative_to(ROOT)) for path in outside if "streamlit" in imported(path)]
    assert not guilty, f"Only graphdebug/ui may import streamlit: {', '.join(guilty)}"


def declared(names: list[str]) -> set[str]:
    """Return the distributions that requirement lines name, in their normal form."""
    return {re.split(r"[<>=!~\[; ]", name, maxsplit=1)[0].lower().replace("_", "-") for name in names}


def test_what_is_imported_is_declared_and_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    required = declared([*project["dependencies"], *project["optional-dependencies"]["torch"]])
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    pinned = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert all("==" in line for line in pinned)
    assert declared(pinned) == required
    distributions = packages_distributions()
    top = set().union(*map(imported, [*modules(), ROOT / "app.py", *(ROOT / "pages").glob("*.py")]))
    foreign = top - sys.stdlib_module_names - {"graphdebug", "tensorrt", "tritonclient"}
    missing = {name for name in foreign if not declared(distributions.get(name, [name])) & required}
    assert not missing, f"Imported but in neither pyproject.toml nor requirements.txt: {', '.join(sorted(missing))}"


def test_nothing_unpickles() -> None:
    guilty = [str(path.relative_to(ROOT)) for path in modules() if imported(path) & {"pickle", "dill", "joblib"}]
    assert not guilty, f"Model files are hostile; nothing may unpickle: {', '.join(guilty)}"


def test_files_stay_readable() -> None:
    lengths = {path.relative_to(ROOT): len(path.read_text(encoding="utf-8").splitlines()) for path in modules()}
    long = [f"{path} ({lines} lines)" for path, lines in lengths.items() if lines > LINE_LIMIT]
    assert not long, f"A file over {LINE_LIMIT} lines is asking to be two: {', '.join(long)}"
