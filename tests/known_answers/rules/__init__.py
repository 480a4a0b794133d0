"""Rules, the clauses they expand to, and who satisfies them (docs/formats/entries.md)."""
