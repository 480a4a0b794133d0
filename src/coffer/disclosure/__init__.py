"""Disclosure: opened rows and their evidence as files that people and programs read. Values in, bytes out.

Implements ``docs/formats/answer.md``.
"""
