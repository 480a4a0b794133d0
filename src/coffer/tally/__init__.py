"""The tally: how many records, where and when, counted at ingest; the only statistic that is ever stored.

Promises: with an epsilon, only noisy counts leave memory (differential privacy for one record). Trusts OpenDP's noise. Touches no disk. Implements
``docs/formats/tally.md`` and the numbers of ``docs/formats/report.md``.
"""
