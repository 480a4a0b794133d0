"""Receipts: each custodian shows for each segment that its bundle opens.

Custodians that do not, and ingesters that sealed wrongly, are named.

Promises: a fault is logged only with evidence that anyone can judge. Implements ``docs/procedures/receipts.md``.
"""
