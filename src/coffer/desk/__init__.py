"""The desk: its people, its cases and their deadlines, and what it does next. No web, no HTML.

Promises: the database names nobody. What people write or upload is sealed under keys that the operator's wrapping key
gives, bound to its place; only random ids, versions, deadlines, counts and states are clear. Two people who change one
case at once lose nothing. An opening never runs twice. Work in the vault goes through ``coffer.procedures``.

Trusts: the machine that holds the operator's keys. Whoever can only read the database learns how many cases there are
and when they are due. Whoever can write it can delete and delay, is noticed when single rows are changed, moved or put
back, and is not noticed when the whole database is put back while no desk runs (``docs/formats/desk.md``).

Implements ``docs/formats/desk.md``.
"""
