"""What somebody does or sees who has the desk's database itself."""

import sqlalchemy as sa


def changed(store, statement):
    """What somebody does who can write to the database."""
    with store._database.writing() as connection:
        return connection.execute(statement).rowcount


def rows(store, table):
    with store._database.reading() as connection:
        return connection.execute(sa.select(table)).mappings().all()


def read_whole(store, case):
    return store.document(case.id, case.documents[0].id), len(store.history(case.id))
