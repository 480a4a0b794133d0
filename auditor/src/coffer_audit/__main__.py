"""The entry of `python -m coffer_audit` and of the installed command `coffer-audit`."""

import sys

from coffer_audit.safe_start import start_safely


def main() -> int:
    """Run the command, after making sure that nothing is imported from the current folder."""
    start_safely()
    from coffer_audit.cli import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
