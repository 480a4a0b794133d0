"""Charging records of networks (TS 32.297, TS 32.298): framing, BER, values, legs to calls."""
