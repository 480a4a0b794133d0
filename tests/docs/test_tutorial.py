"""The tutorial shows what the commands say, and a page that says otherwise is found."""

import sys
from pathlib import Path

import pytest

from coffer import kernels
from world import cheap_passphrases

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from make_tutorial import PAGE, PAGES, same, told  # noqa: E402 - the scripts are no package


def test_the_tutorial_shows_what_the_commands_say():
    cheap_passphrases()
    page = PAGE.read_text("utf-8")
    assert page.count("\n$ coffer") >= 10
    assert same(told(page)) == same(page)


@pytest.mark.skipif(kernels.lines is None, reason="no kernels here, of which a hint on the page speaks")
def test_the_page_about_feeds_shows_what_the_commands_say():
    (page,) = (path.read_text("utf-8") for path in PAGES if path != PAGE)
    assert page.count("\n$ coffer") == 4
    assert same(told(page)) == same(page)


def test_a_page_that_shows_something_else_is_found():
    page = "```console\n$ coffer --version\ncoffer, version 9.9.9\n```\n"
    assert same(told(page)) != same(page)


def test_a_command_that_ends_otherwise_than_the_page_says_is_found():
    with pytest.raises(SystemExit, match="ended with 2"):
        told("```console\n$ coffer log nowhere\n```\n")
