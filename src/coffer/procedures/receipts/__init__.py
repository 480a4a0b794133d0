"""Receipts: custodians show for each segment that their bundle opens; who does not, or sealed it wrongly, is named.

Promises: a fault is logged only with evidence that anyone can judge. Implements ``docs/procedures/receipts.md``.
"""
