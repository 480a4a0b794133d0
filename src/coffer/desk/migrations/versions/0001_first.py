"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make all tables."""
    op.create_table(
        "register",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_register")),
    )
    op.create_table(
        "people",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_people")),
    )
    op.create_table(
        "invitations",
        sa.Column("tag", sa.LargeBinary(32), nullable=False),
        sa.Column("ends", sa.BigInteger, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("tag", name=op.f("pk_invitations")),
    )
    op.create_table(
        "passkey_uses",
        sa.Column("tag", sa.LargeBinary(32), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("tag", name=op.f("pk_passkey_uses")),
    )
    op.create_table(
        "sessions",
        sa.Column("tag", sa.LargeBinary(32), nullable=False),
        sa.Column("person", sa.String(32), nullable=False),
        sa.Column("ends", sa.BigInteger, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("tag", name=op.f("pk_sessions")),
    )
    op.create_index(op.f("ix_sessions_person"), "sessions", ["person"])
    op.create_index(op.f("ix_sessions_ends"), "sessions", ["ends"])
    op.create_table(
        "cases",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("due", sa.BigInteger, nullable=True),
        sa.Column("assigned", sa.String(32), nullable=True),
        sa.Column("closed", sa.BigInteger, nullable=True),
        sa.Column("events", sa.Integer, nullable=False),
        sa.Column("documents", sa.Integer, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cases")),
    )
    op.create_index(op.f("ix_cases_stage_due"), "cases", ["stage", "due"])
    op.create_index(op.f("ix_cases_closed"), "cases", ["closed"])
    op.create_table(
        "case_keys",
        sa.Column("case_id", sa.String(32), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_case_keys")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_case_keys_case_id")),
    )
    op.create_table(
        "history",
        sa.Column("case_id", sa.String(32), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("case_id", "number", name=op.f("pk_history")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_history_case_id")),
    )
    op.create_table(
        "document_parts",
        sa.Column("case_id", sa.String(32), nullable=False),
        sa.Column("document", sa.String(32), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("case_id", "document", "number", name=op.f("pk_document_parts")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_document_parts_case_id")),
    )
    op.create_table(
        "request_tags",
        sa.Column("tag", sa.LargeBinary(32), nullable=False),
        sa.Column("case_id", sa.String(32), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("tag", name=op.f("pk_request_tags")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_request_tags_case_id")),
    )
    op.create_index(op.f("ix_request_tags_case_id"), "request_tags", ["case_id"])
    op.create_table(
        "posts",
        sa.Column("tag", sa.LargeBinary(32), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("tag", name=op.f("pk_posts")),
    )
    op.create_index(op.f("ix_posts_at"), "posts", ["at"])
    op.create_table(
        "leases",
        sa.Column("name", sa.LargeBinary(32), nullable=False),
        sa.Column("holder", sa.String(32), nullable=False),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("ends", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("tag", sa.LargeBinary(32), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("next_at", sa.BigInteger, nullable=False),
        sa.Column("claimed_until", sa.BigInteger, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("tag", name=op.f("uq_outbox_tag")),
    )
    op.create_index(op.f("ix_outbox_state_next_at"), "outbox", ["state", "next_at"])
