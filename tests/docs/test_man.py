"""Manual pages, made from the help: a page for each command, with all its options, that the reader of such pages takes without a warning."""

import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
import make_man

from coffer.cli.main import coffer


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("man")
    make_man.main([str(folder)])
    return folder / "man1"


def test_every_command_has_a_page_with_its_options(made):
    context = click.Context(coffer)
    names = {"coffer"}
    for name in coffer.list_commands(context):
        command = coffer.get_command(context, name)
        names.add(f"coffer-{name}")
        if isinstance(command, click.Group):
            names |= {f"coffer-{name}-{inner}" for inner in command.list_commands(context)}
        page = (made / f"coffer-{name}.1").read_text().replace("\\-", "-")
        options = [one for one in command.params if isinstance(one, click.Option)]
        assert [one.opts for one in options if one.opts[-1] not in page] == []
    assert {path.name for path in made.iterdir()} == {f"{name}.1" for name in names}
    assert len(names) == 90


def test_text_of_a_page_is_no_request_to_its_reader():
    assert make_man.escape(".so /etc/passwd\n'x -a \\n") == "\\&.so /etc/passwd\n\\&'x \\-a \\en"


def test_pages_are_read_without_a_warning(made):
    if shutil.which("man") is None:
        pytest.skip("man is not installed here")
    for path in (made / "coffer.1", made / "coffer-request.1", made / "coffer-custodian-serve.1"):
        done = subprocess.run(["man", "--warnings", "-l", path], capture_output=True, text=True, check=True)
        assert done.stderr == ""
        assert "SYNOPSIS" in done.stdout
