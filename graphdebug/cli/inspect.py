"""``graphdebug inspect``: what a model is made of, and what is wrong with it."""

from pathlib import Path

import click

from graphdebug.cli.console import (
    count_text,
    job_folder,
    plain,
    plural,
    print_table,
    run_job,
    shorten,
    type_text,
    write_text,
)
from graphdebug.model.records import Finding, ModelRecord, ModelSummary, OpenRequest, Severity, ValueInfo
from graphdebug.model.units import size_text

_OPS_SHOWN = 12
_VALUES_SHOWN = 16
_LARGEST_SHOWN = 5


@click.command(short_help="Show what a model is made of and what is wrong with it.")
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON instead.")
def inspect(model: Path, as_json: bool) -> None:
    """Print what MODEL is made of and what is wrong with it.

    Nothing is run and weights stay unread, so big models are quick, and a model that no engine accepts is shown with
    its findings. The exit code is 0 for any model that could be read, 2 for a file that is none.
    """
    with job_folder() as folder:
        record = run_job("graphdebug.model.opening:open_job", OpenRequest(str(model.absolute())), folder, ModelRecord)
    if as_json:
        import msgspec

        write_text("-", msgspec.json.encode({"version": 1, "model": str(model)} | msgspec.to_builtins(record)).decode())
    else:
        _print_overview(model.name, record.summary)
        print_findings(record.findings)


def _print_overview(name: str, summary: ModelSummary) -> None:
    """Print the model's facts, one a line, and its inputs and outputs."""
    size = size_text(summary.file_bytes)
    if summary.external_bytes:
        size += f" + {size_text(summary.external_bytes)} of external data"
    click.secho(f"{plain(name)}  {size}", bold=True)
    opsets = ", ".join(f"{domain or 'ai.onnx'} {version}" for domain, version in summary.opsets)
    least = "at least " if summary.macs_at_least else ""
    macs = " ".join([f"{least}{count_text(summary.macs)} multiply-accumulates.", *summary.macs_notes])
    stored = ", ".join(f"{dtype} {size_text(size)}" for dtype, _, size in summary.bytes_by_dtype)
    ops = ", ".join(f"{op} {count}" for op, count in summary.ops[:_OPS_SHOWN])
    if len(summary.ops) > _OPS_SHOWN:
        ops += f", and {plural(len(summary.ops) - _OPS_SHOWN, 'other')}"
    facts = {
        "format": f"IR {summary.ir_version}, opset {opsets or 'none'}",
        "producer": summary.producer,
        "graph": f"{summary.graph_name}, {plural(summary.nodes, 'node')}",
        "ops": ops,
        "weights": f"{count_text(summary.parameters)} parameters ({stored})" if summary.parameters else "none",
        "cost": macs.removesuffix("."),
        "domains": ", ".join(summary.custom_domains),
        "inside": ", ".join(f"{graph.title} ({plural(graph.nodes, 'node')})" for graph in summary.graphs if graph.path),
    }
    for key, value in facts.items():
        if value:
            click.echo(f"  {key:<9} {shorten(plain(value), 400)}")
    _print_values("inputs", summary.inputs)
    _print_values("outputs", summary.outputs)
    if summary.largest:
        click.echo("largest weights")
        largest = summary.largest[:_LARGEST_SHOWN]
        print_table([(info.name, type_text(info.type), size_text(info.bytes)) for info in largest])


def _print_values(title: str, values: tuple[ValueInfo, ...]) -> None:
    click.echo(title)
    for value in values[:_VALUES_SHOWN]:
        click.echo(f"  {plain(value.name)}  {type_text(value.type)}")
    if len(values) > _VALUES_SHOWN:
        click.echo(f"  … {plural(len(values) - _VALUES_SHOWN, 'other')}")


def print_findings(findings: tuple[Finding, ...]) -> None:
    """Print findings, the worst first."""
    if not findings:
        click.echo("no problems found")
        return
    colors = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "blue"}
    counts = {severity: sum(finding.severity is severity for finding in findings) for severity in Severity}
    said = [
        f"{count} {severity}{'' if count == 1 or severity is Severity.INFO else 's'}"
        for severity, count in counts.items()
        if count
    ]
    click.echo(f"findings: {', '.join(said)}")
    for severity in Severity:
        for finding in findings:
            if finding.severity is severity:
                label = click.style(f"{severity:<7}", fg=colors[severity])
                click.echo(f"  {label}  {plain(finding.message)}  [{finding.code}]")
