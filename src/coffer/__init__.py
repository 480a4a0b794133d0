"""Coffer keeps communication records sealed; several custodians must countersign to open a person's.

``docs/attacks.md`` states the promise and its limits. ``docs/architecture.md`` says what each package does and which
packages it may import.
"""

__version__ = "0.1.0"
