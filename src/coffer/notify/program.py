"""Runs a program of this machine to tell somebody: fixed words, and what is told in three variables."""

from coffer.children import call
from coffer.errors import Unavailable
from coffer.notify.address import Program
from coffer.notify.message import Message

WAIT_S = 15.0
"""As long as a POST may take. A program that has to dial goes on by itself after it has ended."""


def variables_of(message: Message) -> dict[str, str]:
    """What the program learns; an empty one is unknown."""
    minutes = "" if message.minutes is None else str(message.minutes)
    return {"COFFER_NEWS": message.news.value, "COFFER_CLASS": message.urgency or "", "COFFER_MINUTES_LEFT": minutes}


def run_program(program: Program, message: Message) -> None:
    """Run it.

    Raises:
        Unavailable: it cannot be started, ends with another code than 0, or does not end in time. The error names nothing of it.
    """
    try:
        code = call(program.words, variables=variables_of(message), wait_s=WAIT_S)
    except TimeoutError:
        raise Unavailable("command: did not end in time") from None
    except OSError as error:
        raise Unavailable(f"command: {error.strerror}") from None
    if code:
        raise Unavailable(f"command: ended with {code}, expected 0")
