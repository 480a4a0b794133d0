"""Topics that are ingested as their messages come.

Promises: each offset of a partition is taken once, or told as missed, wherever the process is killed and whoever else
reads the topic; the log alone says what was taken. No message is written to a disk. Trusts: the brokers with the messages,
as ``coffer ingest`` trusts the files that it is given; not with what was taken, which they are only told.
Implements ``docs/formats/topics.md``.
"""
