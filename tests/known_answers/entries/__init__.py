"""The texts of log entries and rosters (docs/formats/entries.md)."""
