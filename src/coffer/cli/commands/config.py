"""``coffer config``."""

import click

from coffer.cli.configured import read_settings
from coffer.cli.console import console, print_json
from coffer.cli.settings import shown
from coffer.cli.tables import Table


@click.command(epilog="Example: coffer config --json   (coffer --config FILE config reads another file)")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_context
def config(context: click.Context, *, as_json: bool) -> None:
    """Show every setting of this machine, its value and where that comes from.

    An option of a command counts before the environment, the environment before the file, the file before what is
    built in.
    """
    read = read_settings(context.find_root().params["file"])
    if as_json:
        settings = [
            {
                "table": one.setting.table,
                "key": one.setting.key,
                "variable": one.setting.variable,
                "value": one.value,
                "source": str(one.source),
            }
            for one in read.settings
        ]
        file = None if read.file is None else str(read.file)
        print_json({"format": "coffer.config/v1", "file": file, "settings": settings})
        return
    out = console()
    out.print("no file" if read.file is None else f"file: {read.file}")
    table = Table("setting", "value", "from")
    for one in read.settings:
        table.add_row(one.setting.name, shown(one.value), str(one.source))
    out.print(table)
