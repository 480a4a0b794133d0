"""The versions of the desk's tables, for alembic. A version that was released is never changed."""
