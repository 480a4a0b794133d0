"""The grammar of log entries, rosters and rules (docs/formats/entries.md)."""
