"""Watch: folders into which files are delivered, ingested batch by batch as they come, without end.

Promises: a file is moved or removed only once the log has its records, and nothing is sealed twice, wherever the process
is killed. Trusts: whoever may write to a watched folder with what is in it, as ``coffer ingest`` trusts the files that it
is given; a link or a pipe there is not followed. Implements ``docs/formats/watch.md``.
"""
