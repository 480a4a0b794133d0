"""People, cases and edits for the desk's tests."""

import datetime as dt
import os

from coffer.desk import edits
from coffer.desk.case import CaseClass, CaseId, DocumentId, DocumentKind
from coffer.desk.people import Role
from coffer.passkeys.passkey import Passkey

NOW = dt.datetime(2016, 9, 5, 12, 0, 0, tzinfo=dt.UTC)


def later(**span):
    return NOW + dt.timedelta(**span)


def passkey(label="phone", count=0):
    return Passkey(id=os.urandom(32), key=os.urandom(77), count=count, label=label, added=NOW)


def person(store, name="C. Clerk", role=Role.CLERK, key=None):
    return store.accept(store.invite(name, role, by=None, now=NOW), key or passkey(), NOW)


def new_case(store, by, *, number="12/0417", authority="Court of Appeal", due=None, post=None, assigned=None):
    edit = edits.make_case(
        id=CaseId(os.urandom(16).hex()),
        number=number,
        authority=authority,
        order_class=CaseClass.ORDINARY,
        received=NOW,
        due=due or later(hours=6),
        assigned=assigned,
    )
    return store.write(edit, by=by.id, now=NOW, post=post).case


def document(content=b"%PDF order", name="order.pdf", kind=DocumentKind.ORDER, by=None):
    return edits.new_document(content, id=DocumentId(os.urandom(16).hex()), kind=kind, name=name, by=by, now=NOW)
