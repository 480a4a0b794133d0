"""The audit of an answer in numbered steps (docs/formats/answer.md).

`audit` runs the steps. Each takes the values that earlier steps proved, which are frozen, and returns its own.
"""
