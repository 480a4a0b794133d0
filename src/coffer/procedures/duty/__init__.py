"""What whoever operates a vault has to know and do now.

``look`` looks around; ``decide`` is pure, of the values in ``board``, the tables in ``lines`` and what is wrong in
``alerts``.
"""
