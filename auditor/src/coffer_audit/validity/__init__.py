"""The State that follows from a log's entries (docs/formats/entries.md, rules V1 to L1)."""
