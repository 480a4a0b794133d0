"""Signed notes, verifier keys and cosignatures (docs/formats/notes.md)."""
