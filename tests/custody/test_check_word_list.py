"""The list of check words is part of the format: alike in three languages, and told apart by ear."""

import re
from itertools import combinations
from pathlib import Path

import pytest

from coffer.cli.main import run
from coffer.custody.check_words import LIST, LIST_HASH, word_list, words_of

ROOT = Path(__file__).parents[2]
SOUNDS = {"ph": "f", "qu": "k", "c": "k", "y": "i", "z": "s", "th": "t", "w": "v", "x": "ks", "j": "i"}


def distance(left, right):
    """Letters to change, add or take away (Levenshtein)."""
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        above, row = row, [i]
        for j, b in enumerate(right, 1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (a != b)))
    return row[-1]


def sound(word):
    """Roughly as it sounds in any of the three languages: letters that are spoken alike are one, double ones are single."""
    for letters, spoken in SOUNDS.items():
        word = word.replace(letters, spoken)
    return re.sub(r"(.)\1", r"\1", word)


def confusable(words):
    return [
        (a, b)
        for a, b in combinations(words, 2)
        if a[:4] == b[:4] or distance(a, b) < 3 or distance(sound(a), sound(b)) < 3
    ]


def test_there_are_256_of_small_ascii_letters_in_order():
    words = word_list()
    assert len(words) == len(set(words)) == 256
    assert list(words) == sorted(words)
    assert [word for word in words if not re.fullmatch("[a-z]{4,12}", word)] == []


def test_no_two_are_written_or_sound_nearly_alike():
    assert confusable(word_list()) == []


@pytest.mark.parametrize("near", ["tangos", "tongo", "panoramic", "klown", "yaguar"])
def test_twin_a_word_that_is_near_another_is_found(near):
    assert confusable([*word_list(), near]) != []


def test_its_hash_is_on_the_page_and_its_file_is_in_the_distribution():
    assert LIST_HASH.hex() in (ROOT / "docs/formats/exchange.md").read_text("utf-8")
    raw = (ROOT / "src/coffer/custody/data" / LIST).read_bytes()
    assert raw == "".join(f"{word}\n" for word in word_list()).encode("ascii")
    assert '"custody/data/*.txt"' in (ROOT / "pyproject.toml").read_text("utf-8")


def test_file_has_twelve_words_and_another_file_others():
    raw = b'format = "coffer.vault/v1"\n'
    assert words_of(raw).split() == words_of(raw).split()
    assert len(words_of(raw).split()) == 12
    assert set(words_of(raw).split()) <= set(word_list())
    assert (
        words_of(raw)
        == "couscous quadrant ravioli batik trampoline satire ticket parasol restaurant podium poncho risotto"
    )
    assert words_of(raw + b"\n") != words_of(raw)


def test_founder_and_custodian_hear_the_same_words(world, monkeypatch, capfd):
    monkeypatch.chdir(world.path)
    monkeypatch.setenv("COFFER_PASSPHRASE", "correct horse")
    assert run(["custodian", "init", "own", "--name", "own"]) == 0
    words = capfd.readouterr().out.partition("words        ")[2].partition("\n")[0]
    assert words == words_of((world.path / "own" / "own.pub").read_bytes())
    pins = (world.vault.path / "vault.toml").read_bytes()
    assert run(["custodian", "join", "own", "--vault", "vault/vault.toml", "--log", "vault/log"]) == 0
    assert words_of(pins) in capfd.readouterr().err
