"""`python -m coffer_audit`."""

import sys

from coffer_audit.cli import main

sys.exit(main())
