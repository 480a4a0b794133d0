"""The command line: one of the two places that construct things (disk, clock, randomness, custodians).

Decides nothing itself.
"""
