"""``coffer feed presets``."""

import click

from coffer.cli.console import console, print_json, print_text
from coffer.cli.tables import Table
from coffer.records.presets import Preset, preset_named, presets


@click.command("presets", epilog="Example: coffer feed presets grandstream-ucm")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="The list as JSON.")
def list_presets(name: str | None, *, as_json: bool) -> None:
    """List the tables of products that are read without a mapping of your own, or show how one is read.

    A file with a header is found by it. Any other needs preset = "NAME" in its feed. Below a preset stand the
    lines of a feed that uses it.
    """
    if name is not None:
        preset = preset_named(name, "NAME")
        print_text(f"{preset.text.rstrip()}\n\n{_use(preset)}")
        return
    if as_json:
        print_json([_document(one) for one in presets().values()])
        return
    table = Table()
    for one in presets().values():
        table.add_row(one.name, one.title, "found by its header" if one.header else "named in the feed")
    console().print(table)


def _use(preset: Preset) -> str:
    """A feed that uses a preset, as comments: the text stays one document."""
    from coffer.records.proposing import propose_preset  # noqa: PLC0415 - loads what guesses columns

    feed = propose_preset(preset, "", country="FR", zone="Europe/Paris").text
    return "".join(
        f"# {line}\n" for line in ("A feed that uses it, with your own country and zone:", *feed.splitlines())
    )


def _document(one: Preset) -> dict[str, object]:
    return {
        "name": one.name,
        "title": one.title,
        "format": one.format,
        "header": sorted(one.header),
        "source": list(one.sources),
        "unknown": one.unknown,
    }
