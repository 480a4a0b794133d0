"""A watched topic as its settings name it.

With it is what they refer to: the feed file and the file of properties.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from coffer.errors import MalformedInput, Unavailable
from coffer.procedures.ingest.messages import verify_readable
from coffer.procedures.watch.look import FeedFile, read_feed
from coffer.procedures.watch.topics.settings import WatchedTopic, parse_properties

_OTHERS_READ: Final = 0o007


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchingTopic:
    """A watched topic with its feed, and how the brokers are reached. ``base``: the settings' folder."""

    settings: WatchedTopic
    base: Path
    feed_file: FeedFile
    properties: Mapping[str, str] = field(repr=False)

    @property
    def name(self) -> str:
        """The name of its table."""
        return self.settings.name


def watching_topic(settings: WatchedTopic, base: Path) -> WatchingTopic:
    """The topic that the settings name. Paths are relative to ``base``.

    Raises:
        MalformedInput: the feed cannot read messages, or the file of properties is missing, open to all, or none.
    """
    feed_file = read_feed(settings.name, base / settings.feed)
    verify_readable(feed_file.feed, settings.header, f"[{settings.name}]")
    return WatchingTopic(
        settings=settings, base=base, feed_file=feed_file, properties=_properties(settings, base / settings.kafka)
    )


def _properties(settings: WatchedTopic, path: Path) -> Mapping[str, str]:
    place = f"[{settings.name}]: kafka: {path.name}"
    try:
        if path.stat().st_mode & _OTHERS_READ:
            raise MalformedInput(f"{place}: open to every user, expected none but its own", hint=f"chmod 600 {path}")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise MalformedInput(f"{place}: no such file", hint="paths are relative to the settings' folder") from None
    except UnicodeDecodeError:
        raise MalformedInput(f"{place}: not UTF-8") from None
    except OSError as error:
        raise Unavailable(f"{place}: {error.strerror}") from error
    return parse_properties(text, place)


def reread(topic: WatchingTopic) -> WatchingTopic:
    """The topic with its feed file as it is now.

    Raises:
        MalformedInput: the feed has another name, by which the log would know another topic.
    """
    now = watching_topic(topic.settings, topic.base)
    before, after = topic.feed_file.feed.name, now.feed_file.feed.name
    if after != before:
        raise MalformedInput(
            f"[{topic.name}]: feed: its name is {after}, expected {before}: the log knows the topic by it",
            hint="put the name back; or start the watch anew, which reads the topic from its first message",
        )
    return now
