"""``graphdebug diff``: what differs between two models."""

from pathlib import Path

import click

from graphdebug.cli.console import (
    ALL_MATCH,
    SOME_DIFFER,
    job_folder,
    plain,
    plural,
    reader_may_leave,
    run_job,
    write_text,
)
from graphdebug.model.records import ModelLocation

_model = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(short_help="Say what differs between two models.")
@click.argument("model", type=_model)
@click.argument("model_b", type=_model)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON instead.")
def diff(model: Path, model_b: Path, as_json: bool) -> int:
    """Say what differs between MODEL and MODEL_B: metadata, inputs and outputs, nodes, wiring, weights by value.

    Nodes are matched by structure, not only by name: the models may be two exports of one network. Nothing is run. The
    exit code is 0 when nothing differs, 1 when something does and 2 when a file cannot be read.
    """
    from graphdebug.diff.engine import DIFF_JOB
    from graphdebug.diff.records import DiffRequest, ModelDiff
    from graphdebug.model.record_json import to_json

    request = DiffRequest(ModelLocation(str(model.absolute())), ModelLocation(str(model_b.absolute())))
    with job_folder() as folder:
        found = run_job(DIFF_JOB, request, folder, ModelDiff)
    with reader_may_leave():
        if as_json:
            write_text("-", to_json(found))
        else:
            for sentence in found.sentences:
                click.echo(plain(sentence))
            if renamed := sum(graph.renamed for graph in found.graphs):
                click.echo(f"({plural(renamed, 'node')} that are the same have other names.)")
    return ALL_MATCH if found.same else SOME_DIFFER
