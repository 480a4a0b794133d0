"""What whoever operates a vault has to know and do now.

``decide`` is pure; ``look`` looks around.
"""
