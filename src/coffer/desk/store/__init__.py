"""The desk's state in a database, through SQLAlchemy: SQLite by default, PostgreSQL for a team.

``connected`` opens it. Implements ``coffer.desk.port`` and ``docs/formats/desk.md``.
"""
