"""Ingest: files of records are read, split, sealed and logged, and remembered so that nothing is sealed twice.

Promises: a record is kept, or counted as rejected, repeated or skipped; no plaintext is written; a batch exists only once its entry is logged.
Implements ``docs/procedures/ingest.md``.
"""
