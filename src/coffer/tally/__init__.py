"""The tally: how many records there are, where and when; the only statistic that is stored.

Ingest counts it. Promises: if the roster sets an epsilon, only noisy counts leave memory (differential privacy for one
record). Trusts OpenDP's noise. Touches no disk. Implements ``docs/formats/tally.md`` and the numbers of
``docs/formats/report.md``.
"""
