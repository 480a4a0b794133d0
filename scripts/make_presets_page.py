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


def page() -> str:
    """The page."""
    return "\n".join([HEAD, *(_section(one) for one in presets().values())])


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
