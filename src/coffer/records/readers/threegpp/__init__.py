"""Charging records of networks (TS 32.297 and TS 32.298): framing, BER, values, and legs joined to calls."""
