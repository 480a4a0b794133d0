"""Somebody of the desk by the first digits of their number."""

from coffer.desk.people import Person
from coffer.desk.port import People
from coffer.errors import MalformedInput
from coffer.visible import counted


def find_person(store: People, digits: str) -> Person:
    """The one person whose number begins so.

    Raises:
        MalformedInput: none does, or several do.
    """
    matching = [person for name, person in store.people().items() if digits and name.startswith(digits)]
    if len(matching) != 1:
        raise MalformedInput(
            f"person: {counted(len(matching), 'number')} begin so, expected one", hint="coffer desk people lists them"
        )
    return matching[0]
