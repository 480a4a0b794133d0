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

`coffer feed presets` lists them, `coffer feed presets NAME` shows one. A preset of your own is a feed file: give it
with `--feed`. One that others need is a file in `src/coffer/records/presets`; [feeds.md](../feeds.md) makes one. This
page is made of the files by `scripts/make_presets_page.py`.

Some tables need no preset, because a format reads them: cdr_custom of Asterisk (`asterisk`), and what
`Get-MessageTrackingLog` exports (`exchange`); [feed.md](feed.md) lists the formats.
"""


ABSENT = """\
Bandwidth, billing records: no page of the maker with their columns was found, nor a public program that reads them;
looked for twice.

Mimecast, logs of names and values with | between them: a sender chooses the subject, which may hold what looks like
another field. Ask for JSON, and use `mimecast-siem`.

Mitel MiVoice, SMDR of other options than those of `mitel-smdr` and `mitel-smdr-wide`: each moves the fields. A feed with
other places under `[fixed]` reads them, where the maker's page for the release says them.

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
    tail = f"## Looked for, and not here\n\n{absent}\n\nA feed by hand reads any table of text.\n"
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
