"""The sealing of the desk's database (docs/formats/desk.md)."""
