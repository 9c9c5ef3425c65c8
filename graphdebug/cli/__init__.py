"""The command line: ``graphdebug …``. The same calls as the pages, for terminals and CI.

A command only parses what was written, starts a worker and prints what comes back, so that nothing heavy is imported
here. ``docs/command-line.md`` documents options, exit codes and JSON.
"""

import io
import signal
import sys
import traceback

import click

from graphdebug import __version__
from graphdebug.cli.bench import bench
from graphdebug.cli.check import check
from graphdebug.cli.compare import compare
from graphdebug.cli.console import COULD_NOT_RUN, INTERRUPTED, TERMINATED, plain, reader_may_leave
from graphdebug.cli.diff import diff
from graphdebug.cli.edit import edit
from graphdebug.cli.engine import engine
from graphdebug.cli.extract import extract
from graphdebug.cli.graph import graph
from graphdebug.cli.inspect import inspect
from graphdebug.cli.serve import serve
from graphdebug.cli.split import split
from graphdebug.cli.tensors import tensors
from graphdebug.cli.triton import triton_repository
from graphdebug.runtime import trust


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="graphdebug %(version)s")
@click.option("--traceback", is_flag=True, help="With an error, also print where it came from.")
@click.pass_context
def program(context: click.Context, traceback: bool) -> None:
    """See, tap, run and compare ONNX graphs, and find the node that introduces the error."""
    context.obj = traceback
    trust.allow_code(True)  # who types a SPEC here could as well run what it names


for command in (
    inspect,
    graph,
    tensors,
    edit,
    extract,
    split,
    diff,
    compare,
    check,
    bench,
    engine,
    triton_repository,
    serve,
):
    program.add_command(command)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave the process with its exit code; errors are one sentence on stderr."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # whatever the terminal cannot show is no reason to fail
            stream.reconfigure(errors="backslashreplace")
    # Unwinds, so that temporary folders go and workers end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    sys.exit(_run(sys.argv[1:] if arguments is None else arguments))


def _run(arguments: list[str]) -> int:
    # Not program.main(): it leaves with 1 when the reader of our output has gone, and 1 means that something differs.
    code = 0
    try:
        with reader_may_leave(), program.make_context("graphdebug", list(arguments)) as context:
            code = program.invoke(context) or 0
    except (KeyboardInterrupt, click.Abort):
        click.echo("\nInterrupted.", err=True)
        return INTERRUPTED
    except click.exceptions.Exit as done:  # --help and --version
        return done.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return COULD_NOT_RUN
    except Exception as error:
        click.echo(f"Error: {plain(_sentence(error))}", err=True)
        if "--traceback" in arguments:
            click.echo(getattr(error, "detail", "") or traceback.format_exc(), err=True)
        # Never 1, which says that a comparison found a difference.
        return COULD_NOT_RUN
    return code


def _sentence(error: Exception) -> str:
    """Put an error into words for the user."""
    if isinstance(error, click.UsageError):
        place = error.ctx.command_path if error.ctx else "graphdebug"
        return f"{error.format_message()} See {place} --help."
    if isinstance(error, click.ClickException):
        return error.format_message()
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}{f' ({error.filename})' if error.filename else ''}."
    return (
        f"This is a fault of graphdebug: {type(error).__name__}: {error}. Run it again with --traceback to see where."
    )
