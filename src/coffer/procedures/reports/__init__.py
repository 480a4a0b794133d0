"""Reports for the public: released totals by country and day, and what a period's log entries say.

Promises: only noisy, released counts leave; every figure is proven against the log first.
Implements ``docs/formats/report.md`` and ``docs/formats/transparency.md``.
"""
