"""Make the manual pages of every command from its own help: ``make man``.

Read one with ``man -l build/man/man1/coffer-request.1``, or install the folder:
``cp -r build/man/man1 /usr/local/share/man/``.
"""

import argparse
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from coffer import __version__
from coffer.cli.groups import LazyGroup, Listed
from coffer.cli.main import coffer

SECTION = 1
FOLDER = Path("build/man")
EXAMPLE = re.compile(r"(?:Examples?(?:, [^:\n]*)?|Example): *")


def escape(text: str) -> str:
    """Text for roff: backslashes and hyphens are escaped, and no line looks like a request."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join(f"\\&{line}" if line.startswith((".", "'")) else line for line in escaped.splitlines())


def paragraphs(text: str) -> Iterator[str]:
    """The paragraphs of a docstring; double backquotes mark typed text."""
    for part in text.strip().split("\n\n"):
        words = escape(" ".join(part.split()))
        yield ".PP\n" + re.sub(r"``(.+?)``", r"\\fB\1\\fR", words)


def option_lines(context: click.Context, command: click.Command) -> Iterator[str]:
    """Each option with the name of its value and its help, as the help shows them."""
    for option in command.get_params(context):
        record = option.get_help_record(context) if isinstance(option, click.Option) else None
        if record is not None:
            names, said = record
            yield f".TP\n\\fB{escape(names)}\\fR\n{escape(' '.join(said.split()))}"


def example_lines(epilog: str) -> Iterator[str]:
    """The end of the help: unchanged lines if it marks them so, else one paragraph."""
    if epilog.startswith("\b"):
        lines = EXAMPLE.sub("", epilog.removeprefix("\b").strip("\n"), count=1).strip("\n")
        yield f".PP\n.nf\n{escape(lines)}\n.fi"
    else:
        yield f".PP\n{escape(EXAMPLE.sub('', epilog, count=1))}"


def listed_line(group: str, one: Listed) -> str:
    """The line of a command in its group's page, with the name of its own page."""
    return f".TP\n\\fB{escape(f'{group}-{one.name}')}\\fR({SECTION})\n{escape(one.sentence)}"


def page(words: list[str], context: click.Context, command: click.Command) -> str:
    """The page of one command."""
    name = "-".join(words)
    first, _, rest = (command.help or "").partition("\n\n")
    is_group = isinstance(command, click.Group)
    usage = escape(" ".join(command.collect_usage_pieces(context)))
    lines = [
        f'.TH "{escape(name.upper())}" "{SECTION}" "" "Coffer {__version__}" "Coffer"',
        f".SH NAME\n{escape(name)} \\- {escape(' '.join(first.split()).rstrip('.'))}",
        f".SH SYNOPSIS\n\\fB{escape(' '.join(words))}\\fR {usage}",
        ".SH DESCRIPTION",
        *paragraphs(rest or first),
    ]
    if isinstance(command, LazyGroup):
        for who in dict.fromkeys(one.who for one in command.listed):
            lines.append(f".SH {'COMMANDS' if who is None else escape(who.value.upper())}")
            lines += [listed_line(name, one) for one in command.listed if one.who is who]
    lines += [".SH OPTIONS", *option_lines(context, command)]
    if command.epilog:
        is_example = EXAMPLE.match(command.epilog.removeprefix("\b").strip("\n"))
        lines += [".SH EXAMPLES" if is_example else ".SH NOTES", *example_lines(command.epilog)]
    if not is_group or len(words) > 1:
        lines.append(f".SH SEE ALSO\n\\fB{escape('-'.join(words[:-1]))}\\fR({SECTION})")
    return "\n".join(lines) + "\n"


def pages(words: list[str], command: click.Command, parent: click.Context | None = None) -> Iterator[tuple[str, str]]:
    """File names and texts of a command and all below it."""
    context = click.Context(command, info_name=words[-1], parent=parent, **command.context_settings)
    yield f"{'-'.join(words)}.{SECTION}", page(words, context, command)
    if isinstance(command, LazyGroup):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None, "it is listed"
            yield from pages([*words, name], inner, context)


def main(words: Sequence[str] | None = None) -> None:
    """Write all pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "folder", nargs="?", type=Path, default=FOLDER, help=f"where man{SECTION}/ is made; {FOLDER} if not given"
    )
    target = parser.parse_args(words).folder / f"man{SECTION}"
    target.mkdir(parents=True, exist_ok=True)
    made = dict(pages(["coffer"], coffer))
    for name, text in made.items():
        (target / name).write_text(text, encoding="utf-8")
    print(f"{len(made)} pages in {target}")


if __name__ == "__main__":
    main()
