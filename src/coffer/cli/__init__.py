"""The command line, which constructs what commands need and decides nothing itself.

It is one of the two places that construct things: disk, clock, randomness, custodians.
"""
