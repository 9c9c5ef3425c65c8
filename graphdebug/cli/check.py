"""``graphdebug check``: will a model run there?"""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from graphdebug.cli.console import (
    ALL_MATCH,
    SOME_DIFFER,
    CommandError,
    check_folder,
    job_folder,
    plain,
    plural,
    reader_may_leave,
    run_job,
    write_text,
)
from graphdebug.model.records import ModelLocation, Severity

if TYPE_CHECKING:
    from graphdebug.deploy.records import DeployFinding, DeployResult, TargetResult

_SHOWN = 3
_COLORS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "blue"}


@click.command(short_help="Check whether a model will run at a target, and how to make it.")
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--target", "targets", multiple=True, required=True, metavar="SPEC", help="Where; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON instead.")
@click.option("--fix", type=click.Path(dir_okay=False, path_type=Path), help="Write the remedies as a recipe.")
@click.option("--no-load", is_flag=True, help="Do not load the model with this machine's engine.")
def check(model: Path, targets: tuple[str, ...], as_json: bool, fix: Path | None, no_load: bool) -> int:
    """Say what stands in the way of MODEL at each target, where in the graph, and which edit would help.

    SPEC is a target: onnxruntime (this machine's, which is also asked to load the model),
    onnxruntime:version=1.17,provider=cuda, tensorrt:version=10.9,precision=fp16. The exit code is 0 when nothing is in
    the way, 1 when something will not run at one of the targets, 2 when it could not be checked.
    """
    from graphdebug.deploy.records import CHECK_JOB, DeployRequest, DeployResult
    from graphdebug.deploy.targets import parse_target
    from graphdebug.runtime.spec import SpecError

    try:
        for text in targets:
            parse_target(text)
    except SpecError as error:
        raise CommandError(str(error)) from error
    check_folder(fix)
    request = DeployRequest(ModelLocation(str(model.absolute())), targets, not no_load)
    with job_folder() as folder:
        result = run_job(CHECK_JOB, request, folder, DeployResult)
    if fix is not None:
        _write_recipe(result, model, fix)
    with reader_may_leave():
        if as_json:
            from graphdebug.model.record_json import to_json

            write_text("-", to_json(result))
        else:
            for target in result.targets:
                _print_target(target)
    return SOME_DIFFER if any(target.count(Severity.ERROR) for target in result.targets) else ALL_MATCH


def _write_recipe(result: "DeployResult", model: Path, fix: Path) -> None:
    from graphdebug.deploy.remedies import operations
    from graphdebug.edit.recipe import Recipe, Source, to_json

    found = operations(finding for target in result.targets for finding in target.findings)
    write_text(str(fix), to_json(Recipe(found, Source(model.name))))
    click.echo(plain(f"{plural(len(found), 'operation')} written to {fix}."), err=True)


def _print_target(target: "TargetResult") -> None:
    from graphdebug.deploy.records import MEANINGS

    counts = [f"{target.count(severity):,} {MEANINGS[severity]}" for severity in Severity if target.count(severity)]
    click.secho(plain(f"{target.title}: {'; '.join(counts) or 'nothing in the way'}"), bold=True)
    groups = Counter((finding.severity, finding.rule) for finding in target.findings)
    for (severity, rule), count in groups.items():
        of_rule = [each for each in target.findings if (each.severity, each.rule) == (severity, rule)]
        click.echo(f"  {click.style(severity, fg=_COLORS[severity])}  {rule}" + (f" ×{count:,}" if count > 1 else ""))
        for finding in of_rule[:_SHOWN]:
            click.echo(plain(f"    {_place(finding)}{finding.message}"))
        if count > _SHOWN:
            click.echo(f"    … {plural(count - _SHOWN, 'more')}".removesuffix("s"))
        titles = dict.fromkeys(each.remedy.title for each in of_rule if each.remedy)
        for title in list(titles)[:_SHOWN]:
            click.echo(plain(f"    remedy: {title}"))
    if target.confirmed is not None:
        nodes = ", ".join(f"{provider} {count:,}" for provider, count in target.confirmed.nodes)
        click.echo(plain(f"  {target.confirmed.sentence}" + (f" Nodes by provider: {nodes}." if nodes else "")))
    for source in target.sources:
        click.echo(click.style(f"  ({source})", dim=True))


def _place(finding: "DeployFinding") -> str:
    inside = f" in {finding.graph}" if finding.graph else ""
    if finding.node is not None:
        return f"{finding.name}{inside}: "
    return f"{finding.tensor}{inside}: " if finding.tensor else ""
