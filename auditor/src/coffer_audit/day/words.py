"""The words of a certificate, as a report and as a page: what it proves and what it cannot. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from coffer_audit.day.audit import Certificate

LANGUAGES: Final = ("en", "fr")
WORDS: Final[dict[str, dict[str, str]]] = {
    "en": {
        "title": "Certificate of the destruction of a day",
        "sentence": "Nothing that this log holds of {day} (UTC) can be opened any more.",
        "vault": "Vault",
        "day": "Day",
        "segments": "Segments",
        "sealed": "{segments} with {rows} rows, sealed under rule {rule}: {expression}",
        "urgent": ", or in an emergency {expression}",
        "gone": "The key of this day was destroyed by",
        "destroyed": "{custodian}, {time} UTC (entry {entry})",
        "sentence_held": "Nothing that this log holds of {day} (UTC) can be opened any more, but what holds keep.",
        "remaining": "Holds that remain",
        "remains": "entry {entry}, until {until} UTC: of persons whom its note names, custodians may keep what they would "
        "answer",
        "left": "Without that entry: {names}. They are too few for the rule.",
        "nobody": "nobody",
        "seen": "Who else saw the log with these entries",
        "cosigned": "{name}, {time} UTC",
        "unseen": "Nobody cosigned this checkpoint: only the log's own key says when it was.",
        "log": "Log",
        "size": "{size} entries, root {root}",
        "key": "Key of the log",
        "genesis": "First roster",
        "proves": "What this proves",
        "proof": "Each custodian named above signed, in a log whose past cannot be changed, that it destroyed its key "
        "of this day. The rule of each segment needs more custodians than are left, so no copy of these segments can "
        "be opened, wherever it lies. Anybody can verify it without the vault, with the file that belongs to this page.",
        "cannot": "What it cannot prove",
        "limits": "That no copy of a key was made before it was destroyed: for that, enough custodians would have had "
        "to break their duty together. That no record of the day was opened before: the log lists every opening. That "
        "the log holds no further segments of the day: that is seen in the whole log.",
        "verify": "Verify it with",
        "page": "Page {page} of {pages}",
    },
    "fr": {
        "title": "Certificat de destruction d’une journée",
        "sentence": "Rien de ce que ce journal contient du {day} (UTC) ne peut plus être ouvert.",
        "vault": "Coffre",
        "day": "Journée",
        "segments": "Segments",
        "sealed": "{segments}, {rows} lignes, scellés sous la règle {rule} : {expression}",
        "urgent": ", ou en urgence {expression}",
        "gone": "La clé de cette journée a été détruite par",
        "destroyed": "{custodian}, le {time} UTC (entrée {entry})",
        "sentence_held": "Rien de ce que ce journal contient du {day} (UTC) ne peut plus être ouvert, sauf ce que gardent "
        "des conservations.",
        "remaining": "Conservations qui restent",
        "remains": "entrée {entry}, jusqu’au {until} UTC : des personnes que nomme sa note, les dépositaires peuvent garder "
        "ce qu’ils répondraient",
        "left": "Sans cette entrée : {names}. Ils sont trop peu pour la règle.",
        "nobody": "personne",
        "seen": "Qui d’autre a vu le journal avec ces entrées",
        "cosigned": "{name}, le {time} UTC",
        "unseen": "Personne n’a cosigné ce point de contrôle : seule la clé du journal dit quand il a été fait.",
        "log": "Journal",
        "size": "{size} entrées, racine {root}",
        "key": "Clé du journal",
        "genesis": "Première liste",
        "proves": "Ce que cela prouve",
        "proof": "Chaque dépositaire nommé ci-dessus a signé, dans un journal dont le passé ne peut être changé, qu’il a "
        "détruit sa clé de cette journée. La règle de chaque segment demande plus de dépositaires qu’il n’en reste : "
        "aucune copie de ces segments ne peut être ouverte, où qu’elle soit. Chacun peut le vérifier sans le coffre, "
        "avec le fichier qui accompagne cette page.",
        "cannot": "Ce que cela ne peut pas prouver",
        "limits": "Qu’aucune copie d’une clé n’a été faite avant sa destruction : pour cela, assez de dépositaires "
        "auraient dû manquer ensemble à leur devoir. Qu’aucun enregistrement de la journée n’a été ouvert avant : le "
        "journal liste chaque ouverture. Que le journal ne contient pas d’autres segments de la journée : cela se voit "
        "dans le journal entier.",
        "verify": "À vérifier avec",
        "page": "Page {page} sur {pages}",
    },
}
_COUNT: Final = {"en": ("segment", "segments", ","), "fr": ("segment", "segments", "\N{NARROW NO-BREAK SPACE}")}


def document_of(certificate: Certificate, language: str, file: str) -> dict[str, object]:
    """Give the page's content as finished strings; `file` is the certificate's name."""
    words, (one, many, thousands) = WORDS[language], _COUNT[language]

    def number(value: int) -> str:
        return f"{value:,}".replace(",", thousands)

    sealed, left = [], []
    for item in certificate.rules:
        segments = f"{number(item.segments)} {one if item.segments == 1 else many}"
        urgent = words["urgent"].format(expression=_said(item.emergency, language)) if item.emergency else ""
        sealed.append(
            words["sealed"].format(
                segments=segments, rows=number(item.rows), rule=item.rule, expression=_said(item.expression, language)
            )
            + urgent
        )
        left.append(words["left"].format(names=", ".join(item.left) or words["nobody"]))
    facts = [
        [words["vault"], certificate.trust.key.name],
        [words["day"], str(certificate.day)],
        [words["segments"], "\n".join(sealed)],
        [
            words["gone"],
            "\n".join(
                words["destroyed"].format(
                    custodian=item.custodian, time=f"{item.time:%Y-%m-%d %H:%M}", entry=item.entry
                )
                for item in certificate.destructions
            ),
        ],
        ["", "\n".join(dict.fromkeys(left))],
        *_remaining(certificate, words),
        [
            words["seen"],
            "\n".join(
                words["cosigned"].format(name=name, time=f"{time:%Y-%m-%d %H:%M}")
                for name, time in certificate.cosigned.items()
            )
            or words["unseen"],
        ],
        [
            words["log"],
            words["size"].format(size=number(certificate.checkpoint.size), root=certificate.checkpoint.root.hex()),
        ],
        [words["key"], certificate.trust.key.text],
        [words["genesis"], certificate.trust.genesis],
    ]
    return {
        "language": language,
        "text": words,
        "title": words["title"],
        "origin": certificate.trust.key.name,
        "sentence": words["sentence_held" if certificate.remaining else "sentence"].format(day=certificate.day),
        "facts": facts,
        "command": f"coffer-audit certificate {file}",
    }


def _remaining(certificate: Certificate, words: dict[str, str]) -> list[list[str]]:
    """Give the row of the holds that may keep values of the day; none without such a hold."""
    said = [
        words["remains"].format(entry=item.entry, until=f"{item.until:%Y-%m-%d %H:%M}")
        for item in certificate.remaining
    ]
    return [[words["remaining"], "\n".join(said)]] if said else []


def _said(expression: str, language: str) -> str:
    """Give a rule's expression in words: its set and its indispensable members."""
    count, _, rest = expression.partition(" of ")
    members, _, needed = rest.partition(" and ")
    of, and_ = {"en": ("of", "and"), "fr": ("parmi", "et")}[language]
    said = f"{count} {of} {', '.join(members.split(','))}"
    return f"{said} {and_} {', '.join(needed.split(','))}" if needed else said
