"""Where a log can be stored. Each class here implements a port of ``coffer.translog.port``."""
