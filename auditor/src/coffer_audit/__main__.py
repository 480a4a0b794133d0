"""`python -m coffer_audit`, and the command `coffer-audit` as it is installed."""

import sys

from coffer_audit.safe_start import start_safely


def main() -> int:
    """Run the command, once nothing of the current folder can be imported."""
    start_safely()
    from coffer_audit.cli import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
