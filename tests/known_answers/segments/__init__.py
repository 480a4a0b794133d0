"""Headers, keys, rows and whole sealed segments (docs/formats/segment.md)."""
