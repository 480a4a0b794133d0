"""A clerk's terminal has 80 columns: a number or a time that is cut short there says nothing."""

import click
import pytest

from coffer.cli.main import coffer
from coffer.cli.opening import columns_that_fit

HEADER = ["subject", "kind", "direction", "peer", "start_utc", "duration_s", "answered", "cell", "repeat"]
ROW = [
    "tel:+33612345678",
    "call",
    "out",
    "tel:+33698765432",
    "2016-09-01T10:00:00Z",
    "60",
    "true",
    "208-15-1000-10049",
    "",
]


@pytest.mark.parametrize(
    ("width", "left_out"),
    [(200, []), (80, ["cell"]), (70, ["cell", "answered"]), (60, ["cell", "answered", "duration_s"])],
)
def test_answer_on_a_narrow_screen_leaves_columns_out_and_says_which(width, left_out):
    shown = list(range(1, 8))
    kept, said = columns_that_fit(HEADER, [ROW], shown, width)
    assert said == left_out
    assert [HEADER[i] for i in shown if i not in kept] == sorted(left_out, key=HEADER.index)


@pytest.mark.parametrize("name", coffer.list_commands(click.Context(coffer)))
def test_examples_of_a_command_fit_80_columns(name):
    context = click.Context(coffer)
    command = coffer.get_command(context, name)
    inner = command.list_commands(context) if isinstance(command, click.Group) else []
    commands = [command, *(command.get_command(context, one) for one in inner)]
    wide = [
        line for one in commands for line in (one.epilog or "").splitlines() if len(line) > 78 and "\b" in one.epilog
    ]
    assert wide == []
