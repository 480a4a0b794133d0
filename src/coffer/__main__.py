"""``python -m coffer``; better ``python -P -m coffer``, with which Python itself looks for nothing in the current folder either."""

from coffer.cli.entry import main

main()
