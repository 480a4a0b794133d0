"""What a custodian's people are told of the roster, and what says that a custodian is gone."""

from pathlib import Path

from coffer.cli.console import confirm, console, say
from coffer.custodian.service import CustodianService
from coffer.custody.presence import News, describe_absence
from coffer.disk import Disk
from coffer.ledger.state import State


def say_news(news: tuple[News, ...], name: str, how: str) -> None:
    """Tell a custodian's people what of the roster they have not acknowledged."""
    for item in news:
        say(f"not acknowledged by {name}: {item.format()}")
    if news:
        say(f"once you have read it: {how}")


def acknowledge_news(service: CustodianService) -> None:
    """Show what a custodian's people have not acknowledged, and keep that they have read it."""
    news = service.news()
    for item in news:
        console().print(item.format(), soft_wrap=True)
    service.acknowledge()
    left = service.news()
    say(f"acknowledged by {service.name}" if news else "nothing is new")
    if left:
        say("that it is said to be gone is told until it objects")


def sign_absence_as(
    service: CustodianService, raw: bytes, path: Path, *, is_asking: bool, state: State | None = None
) -> None:
    """Show what a note says, ask, and sign it in its place."""
    state = state or service.peek()
    console().print(describe_absence(raw, state, path.name))
    if is_asking:
        confirm(f"sign this as {service.name}?")
    Disk().write(path, service.sign_absence(raw, path.name, state=state).raw)
    say(f"signed by {service.name}")
