"""The procedures: ingest, opening, counting. Pure steps in files of their own.

The ``run_`` shells read, write and call.

Promises: no path to plaintext leaves out a numbered step, and a failure changes nothing that was logged. Implements
``docs/procedures/``.
"""
