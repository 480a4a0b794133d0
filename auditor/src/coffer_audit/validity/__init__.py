"""What the entries of a log amount to (docs/formats/entries.md, rules V1 to L1)."""
