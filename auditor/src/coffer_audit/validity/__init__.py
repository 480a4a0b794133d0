"""State: what the entries of a log amount to, and which of them have no effect (docs/formats/entries.md, rules V1 to L1)."""
