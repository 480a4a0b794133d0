"""What a log's entries amount to, and which of them have no effect (docs/formats/entries.md)."""
