"""The audit of an answer in numbered steps (docs/formats/answer.md).

`audit` runs the steps. Each takes what earlier steps proved as frozen values, and returns what it proved.
"""
