"""Columns to the bytes of one file format each, the mirror of ``coffer.records.readers``. Pure: bytes out, no files."""
