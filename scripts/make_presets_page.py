"""Write ``docs/formats/presets.md`` from the files of the presets.

python scripts/make_presets_page.py
"""

import textwrap
from pathlib import Path

from coffer.records.presets import Preset, presets

PAGE = Path(__file__).parent.parent / "docs/formats/presets.md"
HEAD = """# Presets

**Purpose.** A preset reads the table of one product. A file with a header is found by it; any other needs
`preset = "NAME"` under `[feed]`. What the feed says itself comes before its preset, key by key:

```toml
[feed]
name = "pbx"
home_country = "DE"
time_zone = "Europe/Berlin"
preset = "freepbx"
[columns]
duration_s = "duration"       # instead of the preset's billsec
```

`coffer feed presets` lists them, `coffer feed presets NAME` shows one. A new one is one file in
`src/coffer/records/presets`; [feeds.md](../feeds.md) makes one. This page is made of the files by
`scripts/make_presets_page.py`.

Some tables need no preset, because a format reads them: cdr_custom of Asterisk (`asterisk`), and what
`Get-MessageTrackingLog` exports (`exchange`); [feed.md](feed.md) lists the formats.
"""


TAIL = """## Looked for, and not here

| table | what is known | what not, so that there is no preset |
|---|---|---|
| Mitel MiVoice, SMDR | the maker documents it: columns of fixed width without a delimiter, whose places depend on six options | the date has no year and the parties are stations and trunks; a feed reads neither |
| Bandwidth, billing records | that there are such reports | no page of the maker with their columns was found |
| Mimecast, SIEM logs | names of fields (aCode, Sender, Rcpt, Act, Dir, datetime) in examples of others | a mail is three lines of three logs, of which only examples were found; which of them says that it arrived is not certain |
| SendGrid, email activity | keys of the answer (from_email, to_email, status, last_event_time) | the only time is that of the last event, which may be a click days later; the columns of the CSV are not documented. `sendgrid-events` is what to use |
| Zoom Phone, CSV of the portal | that it exists | its column names are not documented. `zoom-phone` is what to use |
| Microsoft Teams, CSV of the admin center | its page, which says that Caller ID is the called number of some calls | of which calls. `teams-pstn` is what to use |
| Vonage, reports of in-app voice and of messages | their columns are documented | parties are users of an application, or accounts of other services |

A feed made by hand reads any of them that has a delimiter and a year ([feeds.md](../feeds.md)).
"""


def page() -> str:
    """The page."""
    return "\n".join([HEAD, *(_section(one) for one in presets().values()), TAIL])


def _section(preset: Preset) -> str:
    found = (
        f"Found by {', '.join(f'`{name}`' for name in sorted(preset.header))}."
        if preset.header
        else "Named in the feed."
    )
    fields = ", ".join(
        f"`{name}`" for name in sorted({*preset.mapping.wanted} - {"join"}) if not name.startswith("rows-")
    )
    parts = [
        f"{preset.title} (`{preset.format}`). {found}",
        f"Reads {fields}. Layout: {'; '.join(preset.sources)}.",
        f"Not known: {preset.unknown}" if preset.unknown else "",
    ]
    wrapped = "\n\n".join(_wrapped(part) for part in parts if part)
    return f"## {preset.name}\n\n{wrapped}\n"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    PAGE.write_text(page())
