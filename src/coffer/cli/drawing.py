"""Pictures of ``coffer report`` as files: all of those that were asked for, or none."""

from dataclasses import dataclass
from pathlib import Path

from coffer.cli.console import say, verify_absent
from coffer.disk import TEMPORARY, Disk
from coffer.errors import MalformedInput
from coffer.pictures.story import Provenance, parse_title, tell
from coffer.tally.chart import Chart


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """The pictures that were asked for: a file's name for each kind or None, language and headline.

    Raises:
        MalformedInput: a file exists, has no folder, or is named twice; the title is no headline.
    """

    png: str | None
    svg: str | None
    html: str | None
    language: str
    title: str | None

    def __post_init__(self) -> None:
        if self.title is not None:
            parse_title(self.title)
        paths = [verify_absent(name).resolve() for name in self._names.values()]
        if len(set(paths)) < len(paths):
            raise MalformedInput(f"{paths[-1].name}: named for two pictures, expected a file each")

    @property
    def _names(self) -> dict[str, str]:
        names = {"png": self.png, "svg": self.svg, "html": self.html}
        return {kind: name for kind, name in names.items() if name is not None}

    @property
    def paths(self) -> dict[str, Path]:
        """Where each kind of picture goes."""
        return {kind: Path(name) for kind, name in self._names.items()}


def draw_files(pictures: Pictures, chart: Chart, provenance: Provenance) -> None:
    """Draw everything, then write everything; if that fails, none of the files is there.

    Raises:
        Unavailable: the disk refuses.
    """
    from coffer.pictures import draw  # noqa: PLC0415 - altair and vl-convert take a third of a second and 100 MB to load: only pictures pay

    title = None if pictures.title is None else parse_title(pictures.title)
    story = tell(chart, provenance, language=pictures.language, title=title)
    makers = {"png": draw.picture_png, "svg": draw.picture_svg, "html": draw.page}
    drawn = {path: makers[kind](chart, story) for kind, path in pictures.paths.items()}
    write_files(Disk(), drawn)
    for path in drawn:
        say(f"drawn: {path}")


def write_files(disk: Disk, files: dict[Path, bytes]) -> None:
    """All files or none: what was written before a failure is removed again."""
    renames: list[tuple[Path, Path]] = []
    try:
        for path, raw in files.items():
            renames.append((disk.stage(path, raw), path))
        for _, path in renames:
            verify_absent(str(path))  # again: drawing took a while
        disk.publish(renames)
    except BaseException:
        published = [path for temporary, path in renames if not temporary.exists()]
        staged = [
            file for path in files for file in path.parent.iterdir() if file.name.startswith(path.name + TEMPORARY)
        ]
        for path in (*published, *staged):
            disk.remove(path)
        raise
