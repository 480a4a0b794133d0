"""Take the sentences of the pages into each language's catalogue, or check that none is missing.

    .venv/bin/python scripts/make_words.py            update src/coffer/web/*/words/*.po
    .venv/bin/python scripts/make_words.py --check    end with 1 if a sentence is untranslated, gone or out of date

A sentence is marked ``_("...")``, ``ngettext(...)`` or ``{% trans %}`` in a template, and ``N_("...")`` or ``_("...")``
in Python. New sentences come with an empty translation. Those that no page says any more are removed.
"""

import argparse
import io
import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

WEB = Path(__file__).resolve().parents[1] / "src" / "coffer" / "web"
LANGUAGES = ("fr", "de")
KEYWORDS = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}
METHODS = [("**.py", "python"), ("**.html", "jinja2.ext:babel_extract"), ("**.xml", "jinja2.ext:babel_extract")]
OPTIONS = {"**.html": {"trimmed": "true", "silent": "false"}, "**.xml": {"trimmed": "true", "silent": "false"}}


def sentences(room: Path) -> Catalog:
    """Every sentence that the pages of a room say."""
    catalog = Catalog(charset="utf-8")
    for file, line, message, comments, _ in extract_from_dir(
        str(room), METHODS, OPTIONS, keywords=KEYWORDS, comment_tags=("words:",), strip_comment_tags=True
    ):
        catalog.add(message, None, [(Path(file).as_posix(), line)], auto_comments=comments)
    return catalog


def updated(room: Path, language: str) -> Catalog:
    """A room's catalogue in a language, with exactly the sentences that its pages say."""
    path = room / "words" / f"{language}.po"
    old = read_po(io.BytesIO(path.read_bytes()), locale=language) if path.exists() else Catalog(locale=language)
    catalog = Catalog(locale=language, charset="utf-8", fuzzy=False, project="Coffer", version="1")
    catalog.header_comment = f"# The sentences of coffer.web.{room.name} in the language {language}."
    for message in sorted(sentences(room), key=lambda message: str(message.id)):
        if message.id:
            known = old.get(message.id)
            string = known.string if known is not None and not known.fuzzy else None
            catalog.add(message.id, string, flags=message.flags - {"fuzzy"}, auto_comments=message.auto_comments)
    return catalog


def format_catalog(catalog: Catalog) -> bytes:
    """The file's text. It holds no date, so that it changes only with its sentences."""
    out = io.BytesIO()
    write_po(out, catalog, width=110, omit_header=True, sort_output=False)
    forms = f'"Plural-Forms: {catalog.plural_forms}\\n"'
    head = [catalog.header_comment, 'msgid ""', 'msgstr ""', f'"Language: {catalog.locale}\\n"']
    head += ['"Content-Type: text/plain; charset=utf-8\\n"', forms, "", ""]
    return "\n".join(head).encode("utf-8") + out.getvalue()


def untranslated(catalog: Catalog) -> list[str]:
    """The sentences without a translation, or with one of other placeholders."""
    missing = []
    for message in catalog:
        strings = message.string if isinstance(message.string, tuple) else (message.string,)
        if message.id and (not all(strings) or any(message.check(catalog))):
            missing.append(str(message.id if isinstance(message.id, str) else message.id[0]))
    return missing


def main() -> int:
    """Write or check every catalogue."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    is_check = parser.parse_args().check
    wrong = 0
    for room in sorted(path for path in WEB.iterdir() if (path / "templates").is_dir()):
        for language in LANGUAGES:
            catalog, path = updated(room, language), room / "words" / f"{language}.po"
            raw = format_catalog(catalog)
            for sentence in untranslated(catalog):
                wrong += 1
                print(f"{room.name}/{language}: untranslated: {sentence}")
            if is_check:
                if not path.exists() or path.read_bytes() != raw:
                    wrong += 1
                    print(f"{room.name}/{language}: out of date; make it again: scripts/make_words.py")
            else:
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(raw)
    return 1 if wrong and is_check else 0


if __name__ == "__main__":
    sys.exit(main())
