"""Reports of a comparison: they say what the result says, hold what they promise and are safe to open."""

import base64
import csv
import html
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from graphdebug.compare.judge import judge, unjudged
from graphdebug.compare.pairing import Pair, Place
from graphdebug.compare.records import CompareRequest, CompareResult, ObserverEffect, Side, Tolerance
from graphdebug.compare.verdict import give_verdict
from graphdebug.model.record_json import from_json, json_schema, to_json
from graphdebug.model.records import ModelLocation
from graphdebug.report.colors import step, worst_by_node
from graphdebug.report.csv import COLUMNS, to_csv
from graphdebug.report.html import to_html
from graphdebug.report.picture import SELECTION, Picture, draw
from graphdebug.report.plot import error_plot

HOSTILE = "<img src=x onerror=\"document.title='owned'\">{{7*7}}</script><script>document.title='owned'</script>"
SCHEMA = Path(__file__).parents[2] / "docs" / "report-schema.json"


@pytest.fixture
def result():
    rng = np.random.default_rng(0)
    reference = rng.standard_normal((4, 5)).astype(np.float32)
    bad = reference.copy()
    bad[0, 0] = np.nan

    def pair(name, position):
        return Pair(name, position, Place(position, "MatMul", "layer.0", "model.py:7"))

    rows = (
        judge(pair("first", 0), reference, reference, {}, False),
        judge(pair(HOSTILE, 1), reference, reference * np.float32(1.01), {}, False),
        judge(pair("=cmd|' /C calc'!A0", 2), reference, reference + np.float32(1e-6), {}, False),
        judge(pair("nan", 3), reference, bad, {}, False),
        unjudged(pair("gone", 4), "fused away in the candidate", False),
        judge(pair("strings", 5), np.array(["a"], object), np.array(["b"], object), {}, True),
    )
    observer = (ObserverEffect("candidate", HOSTILE, False, 1e-6),)
    request = CompareRequest(
        Side("onnxruntime:opt=disable", ModelLocation("/m.onnx")),
        Side("onnxruntime"),
        tolerances={"float": Tolerance(1e-3, 1e-3)},
    )
    environment = {"spec": "onnxruntime", "backend": HOSTILE}
    return CompareResult(1, give_verdict(rows, observer), rows, observer, environment, environment, request, 1.5)


def test_json_reads_back_and_fits_its_schema(result):
    text = to_json(result)
    assert from_json(text, CompareResult) == result
    jsonschema.validate(json.loads(text), json_schema(CompareResult))
    assert "NaN" not in re.sub(r'"[^"]*"', "", text) and "Infinity" not in re.sub(r'"[^"]*"', "", text)


def test_the_schema_in_the_documentation_is_the_code_s():
    assert json.loads(SCHEMA.read_text()) == json.loads(json.dumps(json_schema(CompareResult))), (
        "write docs/report-schema.json anew: record_json.json_schema(CompareResult)"
    )


def test_csv_has_a_line_for_each_tensor(result):
    lines = list(csv.DictReader(io.StringIO(to_csv(result))))
    assert tuple(lines[0]) == COLUMNS and len(lines) == len(result.rows)
    row, metrics = lines[1], result.rows[1].metrics
    assert row["name"] == HOSTILE and row["status"] == "differ"
    assert float(row["max_abs"]) == metrics.max_abs and float(row["sqnr_db"]) == metrics.sqnr_db
    assert row["reference_shape"] == "4x5" and row["worst_index"] == "x".join(map(str, metrics.worst_index))
    assert lines[4]["reason"] == "fused away in the candidate" and lines[4]["max_abs"] == ""


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝"])
def test_no_cell_of_the_csv_is_a_formula(result, start):
    row = replace(result.rows[0], name=start + "1+1", reason=start, scope=start + "x", op=start, source=start)
    lines = list(csv.DictReader(io.StringIO(to_csv(replace(result, rows=(row,))), newline="")))
    for column in ("name", "reason", "scope", "op", "source"):
        assert lines[0][column].startswith("'"), column


def test_html_shows_the_verdict_all_tensors_and_reasons(result):
    page = to_html(result)
    text = html.unescape(page)
    assert result.verdict.sentence in text
    for row in result.rows:
        assert row.name in text
    assert "fused away in the candidate" in text and "non-finite on one side" in text
    assert page.count("<circle") == len(result.rows)


def test_html_escapes_what_a_model_says(result):
    page = to_html(result)
    assert HOSTILE not in page and "<img src=x" not in page and "{{7*7}}" in page
    turned = replace(result, candidate={"spec": "\u202egnp.exe\u202c"})
    assert "\u202e" not in to_html(turned) and "gnp.exe" in to_html(turned)
    assert page.count("<script>") == 1 and page.count("</script>") == 1


def test_html_needs_nothing_from_outside(result):
    drawing = "<svg xmlns='http://www.w3.org/2000/svg'><script>document.title='owned'</script></svg>"
    page = to_html(result, Picture(drawing, (("identical", "#9CC3DF"),)))
    assert not re.findall(r"(?:src|href)=\"(?!data:)", page)
    assert "url(" not in page and "@import" not in page and "default-src 'none'" in page


def test_the_picture_is_the_graph_around_the_first_bad_tensor_in_the_colours_of_the_scale(result, samples):
    reference = Side("reference", ModelLocation(str(samples / "mlp.onnx")))
    rows = tuple(replace(row, node=node % 3) for node, row in enumerate(result.rows))
    picture = draw(replace(result, rows=rows, request=replace(result.request, reference=reference)))
    assert picture.svg.startswith("<svg") and not picture.note
    shown = {color for _, color in picture.legend}
    assert shown == {step(row).color for row in worst_by_node(rows).values()}
    assert all(f'fill="{color}"' in picture.svg for color in shown)
    assert f"base64,{base64.b64encode(picture.svg.encode()).decode()}" in to_html(result, picture)


def test_what_is_selected_is_drawn_instead_with_what_is_next_to_it(result, samples):
    reference = Side("reference", ModelLocation(str(samples / "mlp.onnx")))
    rows = tuple(replace(row, node=node % 3) for node, row in enumerate(result.rows))
    asked = replace(result, rows=rows, request=replace(result.request, reference=reference))
    picture = draw(asked, selected=["n:1", "v:x", "s:nowhere"])
    assert picture.title == SELECTION and SELECTION in to_html(asked, picture)
    boxes = re.findall(r'class="o m"[^>]*>([^<]*)<', picture.svg)
    assert boxes == ["Gemm", "Relu", "Gemm"]  # the one above, the selected one, the one below
    assert draw(asked, selected=["s:nowhere"]) == draw(asked)
    nothing_bad = replace(asked, verdict=give_verdict(()))
    assert draw(nothing_bad, selected=["n:1"]).svg == picture.svg


def test_a_graph_that_cannot_be_drawn_leaves_a_sentence(result, samples):
    rows = tuple(replace(row, node=10_000) for row in result.rows)
    gone = replace(result, rows=rows)
    assert draw(replace(gone, verdict=give_verdict(()))) == Picture()
    assert "could not be drawn" in draw(gone).note  # there is no /m.onnx
    reference = Side("reference", ModelLocation(str(samples / "mlp.onnx")))
    note = draw(replace(gone, request=replace(result.request, reference=reference))).note
    assert "is not the one that was compared" in note
    page = to_html(result, Picture(note=f"{note} {HOSTILE}"))
    assert "is not the one that was compared" in page and HOSTILE not in page and "data:image" not in page


def test_html_of_nothing():
    request = CompareRequest(Side("reference"), Side("reference"))
    empty = CompareResult(1, give_verdict(()), (), (), {}, {}, request, 0.0)
    assert "Nothing was compared" in to_html(empty)
    assert to_csv(empty).count("\r\n") == 1


def test_the_plot_puts_errors_above_the_tolerance_line_where_they_differ(result):
    plot = error_plot(result.rows)
    kinds = [dot.kind for dot in plot.dots]
    assert kinds == ["match", "differ", "match", "nonfinite", "skipped", "differ"]
    identical, outside, inside, nonfinite, skipped, _ = plot.dots
    assert nonfinite.y < outside.y < plot.limit < inside.y < identical.y == plot.floor < skipped.y
    assert [dot.x for dot in plot.dots] == sorted(dot.x for dot in plot.dots)
    assert all(0 <= dot.x <= plot.width and 0 <= dot.y <= plot.height for dot in plot.dots)


@pytest.mark.browser
def test_in_a_browser_nothing_runs_that_should_not_and_tables_sort(result, page, tmp_path):
    file = tmp_path / "report.html"
    drawing = f"<svg xmlns='http://www.w3.org/2000/svg'><text>{html.escape(HOSTILE)}</text></svg>"
    file.write_text(to_html(result, Picture(drawing)))
    requests, problems = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: problems.append(error))
    page.goto(file.as_uri())
    assert page.title() == "graphdebug: differ" and not problems
    assert all(url.startswith(("file:", "data:")) for url in requests)

    def order():
        rows = page.locator("#tensors tbody tr:not([hidden])")
        return rows.evaluate_all("rows => rows.map(row => Number(row.cells[0].textContent))")

    assert order() == [0, 1, 2, 5]
    page.get_by_role("columnheader", name="max abs").click()
    assert order() == [1, 2, 0, 5]
    page.get_by_role("columnheader", name="max abs").click()
    assert order() == [0, 2, 1, 5]
    page.get_by_placeholder("Filter").fill("cmd")
    assert order() == [2]
