"""What no template, script or style sheet of the pages may hold, and that every sentence is said in every language."""

import re
import runpy
import sys
from pathlib import Path

import pytest

import coffer.web

WEB = Path(coffer.web.__file__).parent
ROOT = WEB.parents[2]
TEMPLATES = sorted(WEB.glob("*/templates/**/*.html"))
SCRIPTS = sorted(WEB.glob("*/assets/**/*.js"))
STYLES = sorted(WEB.glob("*/assets/**/*.css"))
FORBIDDEN_IN_TEMPLATES = {
    "an inline style": r"\sstyle\s*=",
    "an inline handler": r"\son[a-z]+\s*=",
    "an inline script": r"<script(?![^>]*\ssrc=)",
    "a page of another site": r"(?:href|src|action)\s*=\s*[\"']?\s*(?:https?:)?//",
    "text that is not escaped": r"\|\s*safe\b|autoescape\s+false",
    "an inline style sheet": r"<style\b",
    "a password": r"type\s*=\s*[\"']?password",
}
FORBIDDEN_IN_SCRIPTS = {
    "markup made of text": r"innerHTML|outerHTML|insertAdjacentHTML|document\.write",
    "code made of text": r"\beval\s*\(|new Function|setTimeout\s*\(\s*[\"'`]",
    "another site": r"https?://(?!localhost)",
    "a style attribute": r"\.style\b|cssText",
}
FORBIDDEN_IN_STYLES = {"another site": r"https?:|@import|url\("}


def findings(path, forbidden):
    text = re.sub(r"{#.*?#}", "", path.read_text("utf-8"), flags=re.DOTALL)
    return [what for what, pattern in forbidden.items() if re.search(pattern, text, re.IGNORECASE)]


def test_there_is_something_to_look_at():
    assert TEMPLATES
    assert SCRIPTS
    assert STYLES


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_holds_nothing_that_the_policy_refuses(path):
    assert findings(path, FORBIDDEN_IN_TEMPLATES) == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_makes_no_markup_and_no_code(path):
    assert findings(path, FORBIDDEN_IN_SCRIPTS) == []


@pytest.mark.parametrize("path", STYLES, ids=lambda path: path.name)
def test_a_style_sheet_loads_nothing(path):
    assert findings(path, FORBIDDEN_IN_STYLES) == []


@pytest.mark.parametrize(
    ("forbidden", "text"),
    [
        (FORBIDDEN_IN_TEMPLATES, '<p style="color: red">'),
        (FORBIDDEN_IN_TEMPLATES, '<button onclick="x()">'),
        (FORBIDDEN_IN_TEMPLATES, "<script>x()</script>"),
        (FORBIDDEN_IN_TEMPLATES, '<a href="//evil.example">'),
        (FORBIDDEN_IN_TEMPLATES, "{{ name|safe }}"),
        (FORBIDDEN_IN_SCRIPTS, "place.innerHTML = x"),
        (FORBIDDEN_IN_SCRIPTS, 'fetch("https://evil.example")'),
        (FORBIDDEN_IN_STYLES, "background: url(x.png)"),
    ],
)
def test_the_check_finds_what_it_looks_for(tmp_path, forbidden, text):
    (tmp_path / "x").write_text(text)
    assert len(findings(tmp_path / "x", forbidden)) == 1


def test_every_sentence_is_said_in_every_language(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["make_words.py", "--check"])
    with pytest.raises(SystemExit, match=r"^0$"):
        runpy.run_path(str(ROOT / "scripts" / "make_words.py"), run_name="__main__")
    assert capsys.readouterr().out == ""
