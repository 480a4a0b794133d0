"""The command line, as ``python -m coffer``.

``python -P -m coffer`` is better: Python itself then looks for no module in the current folder.
"""

from coffer.cli.entry import main

main()
