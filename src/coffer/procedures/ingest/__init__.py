"""Ingest: files of records are read, split, sealed and logged.

Files are remembered so that nothing is sealed twice.

Promises: each record is kept, or counted as rejected, repeated or skipped. No plaintext is written. A batch exists only
once its entry is logged. Implements ``docs/procedures/ingest.md``.
"""
