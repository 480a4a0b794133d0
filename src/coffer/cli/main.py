"""``coffer``: the command group, and the one place where errors become messages and exit codes."""

import sys
from collections.abc import Sequence

import click

from coffer import __version__
from coffer.cli import authorize, counting, disclosing, ingest, opening, setup, simulate
from coffer.cli.console import forbid_core_dumps, report_error, say
from coffer.errors import CofferError

_EPILOG = """\b
Exit codes: 0 done; 2 the input is malformed; 3 a proof does not hold; 4 the rules refuse; 5 something is missing or
busy.
A vault is verified by a program that shares no code with this one: coffer-audit vault VAULT."""


@click.group(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="coffer")
def coffer() -> None:
    """Keep communication records sealed; open one person's records only when several custodians countersign."""


for _command in (
    setup.init,
    setup.epoch,
    ingest.ingest,
    authorize.request,
    authorize.show,
    authorize.countersign,
    authorize.refuse,
    authorize.revoke,
    opening.open_records,
    disclosing.disclose,
    counting.report,
    counting.log,
    simulate.simulate,
):
    coffer.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit with its code."""
    forbid_core_dumps()
    sys.exit(run(sys.argv[1:] if arguments is None else list(arguments)))


def run(arguments: Sequence[str]) -> int:
    """Run a command; its exit code."""
    try:
        coffer.main(args=list(arguments), prog_name="coffer", standalone_mode=False)
    except CofferError as error:
        return report_error(error)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.Abort:
        say("stopped")
        return 130
    except click.UsageError as error:
        say(
            error.format_message().rstrip(".").lower()
            if not error.format_message().startswith("No such")
            else error.format_message()
        )
        if error.ctx is not None:
            click.echo(f"coffer: hint: {error.ctx.command_path} --help", err=True)
        return 2
    except click.ClickException as error:
        say(error.format_message())
        return 2
    return 0


if __name__ == "__main__":
    main()
