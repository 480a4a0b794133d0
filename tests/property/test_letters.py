"""The characters of people's own text: what Unicode says of each, and that three readers allow the same."""

import re
import unicodedata
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from coffer.letters import ALPHABETS, alphabets_of, composed, is_allowed, mixed_words
from coffer.visible import is_visible
from coffer_audit.wire import LETTERS

ROOT = Path(__file__).parents[2]
ALLOWED = [chr(code) for code in range(0x110000) if is_allowed(chr(code))]
texts = st.text(st.sampled_from(ALLOWED), max_size=40)


def test_each_allowed_character_shows_as_itself_alone_from_left_to_right():
    assert len(ALLOWED) > 1_200
    for character in ALLOWED:
        assert is_visible(character)
        assert unicodedata.category(character)[0] in "LNPS" or character == " "
        assert unicodedata.bidirectional(character) not in ("R", "AL", "AN", "RLE", "RLO", "RLI", "LRE", "LRO", "LRI")
        assert unicodedata.combining(character) == 0


def test_page_auditor_and_browser_list_the_same_characters():
    page = (ROOT / "docs/formats/letters.md").read_text("utf-8")
    listed = set()
    for ranges in re.findall(r"^\| [A-Z].*? \| ([0-9a-f][0-9a-f -]*) \|$", page, re.MULTILINE):
        for part in ranges.split():
            first, _, last = part.partition("-")
            listed |= set(range(int(first, 16), int(last or first, 16) + 1))
    assert {chr(code) for code in listed} == set(ALLOWED)
    assert re.findall(f"[{LETTERS}]", "".join(map(chr, [*range(0xD800), *range(0xE000, 0x110000)]))) == ALLOWED
    script = (ROOT / "src/coffer/web/window/assets/verify/wire.js").read_text("utf-8")
    own = re.search(r'^export const LETTERS = "(.*)";$', script, re.MULTILINE)[1]
    assert re.findall(f"[{own}]", "".join(map(chr, range(0x3000)))) == ALLOWED


@given(texts)
def test_every_allowed_text_is_in_its_one_spelling(text):
    assert unicodedata.is_normalized("NFC", text)
    assert composed(text) == text


@given(st.text(max_size=40))
def test_what_was_typed_has_one_spelling_however_it_was_typed(text):
    assert composed(composed(text)) == composed(text) == composed(unicodedata.normalize("NFD", text))


@given(st.lists(st.sampled_from(sorted(ALPHABETS)), min_size=1, max_size=3, unique=True), st.data())
def test_word_of_several_alphabets_is_told_and_of_one_is_not(names, data):
    letters = {name: [c for c in ALLOWED if alphabets_of(c) == (name,) and c.isalpha()] for name in names}
    word = "".join(data.draw(st.sampled_from(letters[name])) for name in names)
    assert mixed_words(f"a {word}, 7 b.") == (
        ((word, tuple(n for n in ALPHABETS if n in names)),) if len(names) > 1 else ()
    )
