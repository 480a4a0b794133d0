"""Groups of commands, of which only the one that runs is imported.

The libraries of the others would take longer to load than the command takes.
"""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from typing import Any

import click


class Who(Enum):
    """Who uses a command; the value is the heading over it."""

    OPERATOR = "Operator, who keeps the vault"
    DESK = "Desk, which asks and answers"
    CUSTODIAN = "Custodian, who decides"
    WITNESS = "Witness, who watches the log"
    ANYONE = "Anyone"


@dataclass(frozen=True, slots=True)
class Listed:
    """A command in the help of its group.

    ``sentence``: the first one of the command's own help. ``who``: None in a group that has one kind of user.
    """

    name: str
    sentence: str
    who: Who | None = None

    @property
    def module(self) -> str:
        """The name of its file."""
        return self.name.replace("-", "_")


class LazyGroup(click.Group):
    """A group whose commands are listed without being imported.

    Each is the one command of a file of the group's package.
    """

    def __init__(self, *arguments: Any, package: str, listed: Sequence[Listed], **options: Any) -> None:  # noqa: ANN401 - as the library
        super().__init__(*arguments, **options)
        self._package, self.listed = package, tuple(listed)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names, as the list has them."""
        del ctx
        return [one.name for one in self.listed]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now."""
        del ctx
        named = next((one for one in self.listed if one.name == cmd_name), None)
        if named is None:
            return None
        module = importlib.import_module(f"{self._package}.{named.module}")
        (command,) = [value for value in vars(module).values() if isinstance(value, click.Command)]
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As the library's, but the nearest names are those of the list."""
        name = args[0] if args else ""
        names = self.list_commands(ctx)
        if name and not name.startswith("-") and name not in names and not ctx.resilient_parsing:
            near = get_close_matches(name, names)
            raise click.UsageError(f"No such command {name!r}{did_you_mean(near)}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """A section for each kind of user, and a whole sentence for each command."""
        del ctx
        for who in dict.fromkeys(one.who for one in self.listed):
            with formatter.section("Commands" if who is None else who.value):
                formatter.write_dl([(one.name, one.sentence) for one in self.listed if one.who is who])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Names and sentences of the list, and the group's own options; nothing is imported for it."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - only a shell asks

        items = [CompletionItem(one.name, help=one.sentence) for one in self.listed]
        own = click.Command.shell_complete(self, ctx, incomplete)
        return [item for item in items if item.value.startswith(incomplete)] + own


def did_you_mean(near: Sequence[str]) -> str:
    """`` (did you mean 'log'?)``; nothing if no name is near."""
    return f" (did you mean {' or '.join(map(repr, near))}?)" if near else ""
