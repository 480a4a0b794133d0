"""Places a log can live in. Each fits ``coffer.translog.port``."""
