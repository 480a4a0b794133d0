"""``coffer``: the command group, and the one place where errors become messages and exit codes."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from coffer import __version__
from coffer.cli import commands
from coffer.cli.configured import configure
from coffer.cli.console import prepare_outputs, report_error, say
from coffer.cli.groups import LazyGroup, did_you_mean
from coffer.errors import CofferError, Unavailable
from coffer.guarded import guard

_EPILOG = """\b
Exit codes: 0 done; 2 the input is malformed; 3 a proof does not hold;
4 the rules refuse; 5 something is missing or busy.
A vault is verified by a program that shares no code with this one:
coffer-audit vault VAULT."""


@click.group(
    cls=LazyGroup,
    package=commands.__name__,
    listed=commands.LISTED,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, prog_name="coffer")
@click.option("--config", "file", metavar="FILE", help="Settings; else COFFER_CONFIG, else /etc/coffer/coffer.toml.")
@click.pass_context
def coffer(context: click.Context, file: str | None) -> None:
    """Keep records sealed, and open one person's only when several custodians countersign."""
    configure(context, file)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit with its code."""
    guard()  # once more where the program is started without its entry
    prepare_outputs()
    code = run(sys.argv[1:] if arguments is None else list(arguments))
    try:
        sys.stdout.flush()
    except OSError as error:  # a full disk, or whoever read it has ended: the command itself is done
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            say(f"output: {error.strerror}")
        code = code or Unavailable.exit_code
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run a command; its exit code."""
    try:
        code = coffer.main(args=list(arguments), prog_name="coffer", standalone_mode=False)
    except CofferError as error:
        return report_error(error)
    except (
        SystemExit
    ) as stop:  # click's word for a completion that a shell asked for, or a reader of our output that has ended
        return 0 if not stop.code else Unavailable.exit_code
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.Abort:
        say("stopped")
        return 130
    except click.exceptions.NoArgsIsHelpError as error:  # a group without its command: its help, as it is written
        click.echo(error.format_message(), err=True)
        return 2
    except click.UsageError as error:
        say(_wrong_use(error))
        if error.ctx is not None:
            say(f"hint: {error.ctx.command_path} --help")
        return 2
    except click.ClickException as error:
        say(error.format_message())
        return 2
    except OSError as error:  # of a path that no module answers for, such as an argument that is too long for a name
        name = Path(os.fsdecode(error.filename)).name[:80] if error.filename else "output"
        return report_error(Unavailable(f"{name}: {error.strerror or error}"))
    return code if isinstance(code, int) else 0  # a command that ended with a code of its own


def _wrong_use(error: click.UsageError) -> str:
    """What the library says of wrong arguments, in the form of our own messages.

    Only the first letter changes: the rest may repeat a name that a person typed, whose capitals count.
    """
    if isinstance(error, click.NoSuchOption):
        message = error.message.rstrip(".") + did_you_mean(error.possibilities or ())
    else:
        message = error.format_message().rstrip(".")
    return message[:1].lower() + message[1:]


if __name__ == "__main__":
    main()
