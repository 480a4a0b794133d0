"""The bytes of one file format from columns, the mirror of ``coffer.records.readers``.

Pure: no writer touches a file.
"""
