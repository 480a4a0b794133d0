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


ABSENT = """\
Mitel MiVoice, SMDR: the maker documents columns of fixed width without a delimiter, whose places depend on options.
The date has no year, and parties are stations and trunks; a feed reads neither.

Bandwidth, billing records: no page of the maker with their columns was found.

Mimecast, SIEM logs: a mail is a line in each of three logs. Names of their fields (aCode, Sender, Rcpt, Act, Dir,
datetime) were found only in examples of others, and which line says that the mail arrived is not certain.

SendGrid, email activity: the answer has from_email, to_email, status and last_event_time. The only time is that of the
last event, which may be a click days later. The columns of the CSV are not documented. Use `sendgrid-events`.

Zoom Phone, CSV of the portal: its column names are not documented. Use `zoom-phone`.

Microsoft Teams, CSV of the admin center: its page says that Caller ID is the called number of some calls, and not of
which. Use `teams-pstn`.

Vonage, reports of messages and of in-app voice: parties are accounts of other services, or users of an application.
"""
"""Tables that were looked for and have no preset: what is known of each, and what not."""


def page() -> str:
    """The page."""
    absent = "\n".join(_wrapped(f"- {text}", indent="  ") for text in ABSENT.split("\n\n"))
    tail = f"## Looked for, and not here\n\n{absent}\n\nA feed by hand reads any that has a delimiter and a year.\n"
    return "\n".join([HEAD, *(_section(one) for one in presets().values()), tail])


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


def _wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(text, 120, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    PAGE.write_text(page())
