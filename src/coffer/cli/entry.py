"""The command ``coffer`` as it is installed: Ctrl-C is a clean end also while Python still reads the program."""

import sys


def main() -> None:
    """Run the command."""
    try:
        from coffer.cli.main import main as run  # noqa: PLC0415 - reading it takes longer than many commands
    except KeyboardInterrupt:
        print("coffer: stopped", file=sys.stderr)
        sys.exit(130)
    run()
