"""``graphdebug bench``: figures, exit codes, files."""

import csv
import json
from pathlib import Path

import jsonschema

from graphdebug.bench.records import BenchResult
from graphdebug.model.record_json import from_json, json_schema
from graphdebug.report.bench_csv import COLUMNS
from tests.cli.conftest import Run

SCHEMA = Path(__file__).parents[2] / "docs" / "bench-schema.json"
QUICK = ("--iterations", 6, "--rounds", 3, "--warmup", 1)


def test_a_table_the_ratio_and_the_hottest_nodes(run: Run, samples: Path, tmp_path: Path) -> None:
    backends = ("--backend", "onnxruntime", "--backend", "onnxruntime:opt=disable")
    done = run("bench", samples / "mlp.onnx", *backends, *QUICK, "--profile", "--trace", "t.json", "--csv", "b.csv")
    assert (done.returncode, done.stderr) == (0, "")
    assert "onnxruntime:opt=disable takes" in done.stdout and "times as long as onnxruntime" in done.stdout
    assert "The hottest nodes on onnxruntime" in done.stdout and "Gemm" in done.stdout
    assert json.loads((tmp_path / "t.json").read_text())["traceEvents"]
    lines = list(csv.DictReader((tmp_path / "b.csv").open(newline="")))
    assert tuple(lines[0]) == COLUMNS
    assert [line["backend"] for line in lines] == ["onnxruntime", "onnxruntime:opt=disable"]
    assert [line["count"] for line in lines] == ["6", "6"]
    assert float(lines[0]["minimum"]) <= float(lines[0]["median"]) <= float(lines[0]["maximum"])


def test_json_fits_its_schema(run: Run, samples: Path) -> None:
    done = run("bench", samples / "mlp.onnx", *QUICK, "--sweep", "batch=1,3", "--streams", "1,2", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    jsonschema.validate(json.loads(done.stdout), json_schema(BenchResult))
    result = from_json(done.stdout, BenchResult)
    assert [(each.dims["batch"], each.streams) for each in result.measurements] == [(1, 1), (1, 2), (3, 1), (3, 2)]


def test_the_schema_in_the_documentation_is_the_code_s() -> None:
    assert json.loads(SCHEMA.read_text()) == json.loads(json.dumps(json_schema(BenchResult))), (
        "write docs/bench-schema.json anew: record_json.json_schema(BenchResult)"
    )


def test_a_backend_that_fails_is_exit_code_2_with_the_others_figures(run: Run, samples: Path) -> None:
    done = run(
        "bench", samples / "mlp.onnx", "--backend", "onnxruntime", "--backend", "file:path=no\x1b[31m.npz", *QUICK
    )
    assert done.returncode == 2
    assert "was not measured" in done.stdout and "runs/s" in done.stdout
    assert "\x1b" not in done.stdout


def test_what_cannot_be_asked_for_is_one_sentence(run: Run, samples: Path) -> None:
    for arguments, said in (
        (("--backend", "abacus"), "no backend called 'abacus'"),
        (("--sweep", "batch"), "--sweep batch=1,2,4"),
        (("--sweep", "rows=1,2"), "rows"),
        (("--streams", "many"), "numbers with commas"),
        (("--iterations", 0, "--seconds", 0), "when to stop"),
        (("--backend", "reference", "--profile"), "add --backend onnxruntime"),
    ):
        done = run("bench", samples / "mlp.onnx", *QUICK, *arguments)
        assert done.returncode == 2, arguments
        assert said in done.stderr and done.stderr.count("\n") == 1
