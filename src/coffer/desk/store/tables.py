"""The tables. What is clear in them, and why, is in ``docs/formats/desk.md``; a test compares both.

Times are whole seconds since 1970, so that both databases keep and compare them alike.
"""

from typing import Final

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, MetaData, String, Table

METADATA: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)

register = Table(
    "register",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)
people = Table(
    "people",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)
invitations = Table(
    "invitations",
    METADATA,
    Column("tag", LargeBinary(32), primary_key=True),
    Column("ends", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)
passkey_uses = Table(
    "passkey_uses",
    METADATA,
    Column("tag", LargeBinary(32), primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)
sessions = Table(
    "sessions",
    METADATA,
    Column("tag", LargeBinary(32), primary_key=True),
    Column("person", String(32), nullable=False),
    Column("ends", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Index(None, "person"),
    Index(None, "ends"),
)
cases = Table(
    "cases",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("stage", String(16), nullable=False),
    Column("due", BigInteger),
    Column("assigned", String(32)),
    Column("closed", BigInteger),
    Column("events", Integer, nullable=False),
    Column("documents", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Index(None, "stage", "due"),
    Index(None, "closed"),
)
case_keys = Table(
    "case_keys",
    METADATA,
    Column("case_id", String(32), ForeignKey("cases.id"), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)
history = Table(
    "history",
    METADATA,
    Column("case_id", String(32), ForeignKey("cases.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("sealed", LargeBinary, nullable=False),
)
document_parts = Table(
    "document_parts",
    METADATA,
    Column("case_id", String(32), ForeignKey("cases.id"), primary_key=True),
    Column("document", String(32), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("sealed", LargeBinary, nullable=False),
)
request_tags = Table(
    "request_tags",
    METADATA,
    Column("tag", LargeBinary(32), primary_key=True),
    Column("case_id", String(32), ForeignKey("cases.id"), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Index(None, "case_id"),
)
posts = Table(
    "posts",
    METADATA,
    Column("tag", LargeBinary(32), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Index(None, "at"),
)
leases = Table(
    "leases",
    METADATA,
    Column("name", LargeBinary(32), primary_key=True),
    Column("holder", String(32), nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("ends", BigInteger, nullable=False),
)
outbox = Table(
    "outbox",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("tag", LargeBinary(32), nullable=False, unique=True),
    Column("state", String(16), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_at", BigInteger, nullable=False),
    Column("claimed_until", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Index(None, "state", "next_at"),
)
