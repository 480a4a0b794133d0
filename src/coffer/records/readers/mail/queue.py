"""The queue of a mail host as its log shows it.

Says which lines belong to one message, and what became of each recipient. Everything is decided by the order of lines
and never by how a file was cut into pieces, so that the same files give the same records.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from coffer.kinds import KINDS
from coffer.records.readers.account import EVENTS, UTC_MICROS, Account, Columns
from coffer.records.readers.mail import handover
from coffer.records.readers.mail.addresses import copies, parties_of
from coffer.records.readers.mail.messages import messages_of
from coffer.records.readers.mail.runs import dense, numbers_of, seen_in_run
from coffer.records.readers.port import MAX_OPEN


class Role(IntEnum):
    """What a line says of a queue id."""

    OPEN = 1
    MESSAGE_ID = 2
    FROM = 3
    TO = 4
    REMOVED = 5
    ALIAS = 6


OPEN: Final = Role.OPEN
STEP: Final = 1 << 18
"""Rows that are joined at a time: about 60 MB."""
REPEAT_GAP: Final = pl.duration(seconds=60)
"""A message under a weak id that arrives this long after a delivery is another one: the next hop takes over within a second."""
GRACE: Final = 20_000
"""For how many rows a removed message stays open.

Its bounce, or the message that a content filter made of it, may come later.
"""
SENT: Final = 1
DEFERRED: Final = 2
FAILED: Final = 3
NOTICE: Final = 9
"""Status of ``Role.OPEN`` where the system itself made the message, to tell of a failure."""
UNSURE: Final = 8
"""Status of ``Role.ALIAS`` where the source does not say which of the two addresses was written to."""
ROWS: Final[Columns] = {
    "file": pl.Int64,
    "line": pl.Int64,
    "role": pl.UInt8,
    "host": pl.String,
    "qid": pl.String,
    "time": UTC_MICROS,
    "fault": pl.UInt8,
    "is_ambiguous": pl.Boolean,
    "text": pl.String,
    "sender": pl.String,
    "orig": pl.String,
    "status": pl.UInt8,
    "delay_s": pl.Float64,
    "child": pl.String,
    "parent": pl.String,
    "program": pl.String,
    "is_local": pl.Boolean,
    "until": UTC_MICROS,
    "is_weak": pl.Boolean,
}
"""``text``: the recipient or message id of the line, which may also be ``orig`` of an arrival. ``sender``: empty for the null sender.
``orig``: what the sender wrote, where it differs. ``child``: the queue id that the message went on under; ``parent``: the one from which it was
put into the queue anew. ``program``: under which name the mail system logs, null for its usual one. ``is_local``: it came from, or went to, a
program of this very host. ``until``: when a delivery ended, if ``time`` does not say so. ``is_weak``: the id is one that its sender chose. Null
where a line has none."""
_KEY: Final = "epoch"
"""Each message has a number of its own while it is settled. Columns of ``handover.KEY`` say the same, and cost several times more to join."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRules:
    """How a source uses its ids.

    ``are_reused``: an id may stand for another message once the first is removed. ``is_in_order``: the last line about a
    recipient is its last status; else, where servers of one message log apart, the latest time is. ``max_open``: rows of
    open messages before the oldest is given as it stands. ``is_time_of_line``: ``time`` of a delivery is that of its line,
    and not of the arrival of its mail.
    """

    are_reused: bool
    is_in_order: bool = True
    is_time_of_line: bool = True
    max_open: int = MAX_OPEN


class Queue:
    """Rows of messages that are not complete yet."""

    __slots__ = ("_account", "_forwards", "_instances", "_rows", "_rules", "_seen")

    def __init__(self, account: Account, rules: QueueRules) -> None:
        self._account = account
        self._rules = rules
        self._rows = pl.DataFrame(schema={**ROWS, "seq": pl.Int64})
        self._forwards = pl.DataFrame(schema={"host": pl.String, "qid": pl.String})
        self._instances: dict[str, set[str]] = {}
        self._seen = 0

    def settle(self, rows: pl.DataFrame, *, is_last: bool) -> pl.DataFrame:
        """Add the next rows of the log; gives the mail that is complete, as ``account.EVENTS``.

        With ``is_last``, all of it.
        """
        rows = rows.with_columns(seq=pl.arange(self._seen, self._seen + len(rows), eager=True, dtype=pl.Int64))
        self._seen += len(rows)
        rows = self._with_instances(pl.concat([self._rows, rows]))
        if not is_last and self._must_wait(rows):
            self._rows = rows
            return pl.DataFrame(schema=EVENTS)
        rows = _with_epochs(rows, are_reused=self._rules.are_reused)
        if _has(rows, "child"):
            children = rows.filter(pl.col("child").is_not_null()).select("host", qid="child")
            self._forwards = pl.concat([self._forwards, children]).unique()
        messages = _messages(rows, self._forwards)
        again = handover.requeued(rows, messages, open_role=Role.OPEN)
        messages = handover.begun_before(messages, again)
        first = rows.filter(pl.col("role") == Role.TO)
        first = first.hstack(messages.drop(*handover.KEY)[first[_KEY]])
        attempts = self._without(first, handover.told_again(first, again, sent=SENT), "deferred")
        attempts, waits, aliases, messages = self._hand_over(attempts, messages, rows)
        rows = handover.accepted_then(rows, messages, open_role=Role.OPEN) if len(attempts) < len(first) else rows
        rows = rows if aliases.is_empty() else pl.concat([rows, aliases])
        done = self._done(messages, waits, rows[_KEY].to_numpy(), is_last=is_last)
        are_done = pl.Series(done[attempts[_KEY].to_numpy()])
        complete, told = attempts.filter(are_done), attempts.filter(~are_done)["seq"]
        kept = rows.filter(pl.Series(~done[rows[_KEY].to_numpy()]))
        if len(attempts) < len(first):
            kept = kept.filter((pl.col("role") != Role.TO) | pl.col("seq").is_in(told.implode()))
        self._rows = kept.select(self._rows.columns)
        if len(self._forwards):
            self._forwards = self._forwards.join(self._rows, on=["host", "qid"], how="semi")
        return self._last_statuses(_with_aliases(complete, rows))

    def _must_wait(self, rows: pl.DataFrame) -> bool:
        """Whether no message can be complete, and no line says anything of another message."""
        return not (
            len(rows) > self._rules.max_open
            or len(self._forwards)
            or (rows["role"] == Role.REMOVED).any()
            or _has(rows, "child")
            or _has(rows, "parent")
            or rows["is_local"].any()
        )

    def _done(
        self, messages: pl.DataFrame, waits: npt.NDArray[np.int64], epoch: npt.NDArray[np.int64], *, is_last: bool
    ) -> npt.NDArray[np.bool_]:
        """Which messages are complete, shape (messages,).

        They are gone for long enough and not in ``waits``.
        The oldest are too, if more than ``max_open`` rows stay open: they are given as they stand. ``epoch`` is that of
        each row.
        """
        if is_last:
            return np.ones(len(messages), np.bool_)
        done: npt.NDArray[np.bool_] = (
            (messages["removed"] < self._seen - GRACE).fill_null(value=False).to_numpy().copy()
        )
        done[waits] = False
        if len(epoch) > self._rules.max_open:
            waiting = np.flatnonzero(~done)
            waiting = waiting[np.argsort(messages["first"].to_numpy()[waiting], kind="stable")]
            total = np.cumsum(np.bincount(epoch, minlength=len(messages))[waiting])
            excess = int(np.searchsorted(total, max(0, int(total[-1]) - self._rules.max_open))) if len(total) else 0
            done[waiting[:excess]] = True
        return done

    def _with_instances(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Several mail systems of one host, each as a queue of its own.

        Instances are the names under which a queue manager logs. A service may log under a name of its own, while its
        queue logs under another; that name is no instance.
        """
        if rows["program"].null_count() == len(rows):
            return rows
        program = pl.col("program").fill_null("")
        named = rows.filter((pl.col("role") == Role.FROM) & ~pl.col("host").str.contains("\n", literal=True))
        for host, name in named.select("host", program).unique().iter_rows():
            self._instances.setdefault(host, set()).add(name)
        several = [(host, name) for host, names in self._instances.items() if len(names) > 1 for name in names]
        if not several:
            return rows
        table = pl.DataFrame(several, schema={"host": pl.String, "name": pl.String}, orient="row").with_columns(
            own=pl.format("{}\n{}", "host", "name")
        )
        named_rows = rows.with_columns(name=program).join(table, on=["host", "name"], how="left", maintain_order="left")
        return named_rows.with_columns(host=pl.coalesce("own", "host")).select(rows.columns)

    def _without(self, attempts: pl.DataFrame, told: pl.DataFrame, word: str) -> pl.DataFrame:
        """Attempts that others stand for are merged under ``word``."""
        if told.is_empty():
            return attempts
        self._merge(told, word)
        return attempts.join(told.select("seq"), on="seq", how="anti", maintain_order="left")

    def _hand_over(
        self, attempts: pl.DataFrame, messages: pl.DataFrame, rows: pl.DataFrame
    ) -> tuple[pl.DataFrame, npt.NDArray[np.int64], pl.DataFrame, pl.DataFrame]:
        """Take out deliveries to a queue whose log is here too.

        The mail went to a content filter and back, to an alias, or to the next host. The message that was made of it
        has its own recipients and stands for it, if it has a delivery line; where it may still get one, the message
        waits. Gives the attempts that stay, the epochs of messages that wait, alias rows for those that stand for
        others, and the messages, which began when the first of them came.
        """
        pairs = []
        if _has(attempts, "child"):
            links = attempts.filter(
                pl.col("child").is_not_null() & pl.col("message_id").is_not_null() & (pl.col("status") == SENT)
            )
            pairs += [handover.linked(links, messages, attempts)] if len(links) else []
        if attempts["is_local"].any():
            back = handover.given_back(attempts, messages, rows, open_role=Role.OPEN, sent=SENT)
            pairs += [back] if len(back) else []
        if not pairs:
            return attempts, np.zeros(0, np.int64), rows.head(0), messages
        found = pl.concat(pairs, how="diagonal")
        told = found.filter(pl.col("has_attempt")).unique("seq")
        recipient = [_KEY, "text", "orig"]
        ended = told.group_by(recipient).agg(until_seq=pl.col("seq").max())
        earlier = attempts.join(told, on="seq", how="anti").join(ended, on=recipient, how="inner", nulls_equal=True)
        earlier = earlier.filter(pl.col("seq") < pl.col("until_seq"))
        waits = found.filter(pl.col("has_attempt").is_null())[_KEY].to_numpy()
        aliases = _carried(told, attempts, rows)
        messages = handover.begun_at_first(messages, told)
        attempts = self._without(attempts, told, "handed-over")
        attempts = self._without(attempts, earlier, "deferred")
        return attempts.with_columns(messages.select(handover.STARTS)[attempts[_KEY]]), waits, aliases, messages

    def _last_statuses(self, attempts: pl.DataFrame) -> pl.DataFrame:
        """One row a recipient.

        The attempts before the last are merged, and so is the mail that tells of a failure.
        """
        if attempts.is_empty():
            return pl.DataFrame(schema=EVENTS)
        notices = attempts.filter(pl.col("is_notice"))
        if len(notices):
            self._merge(notices, "bounce")
            attempts = attempts.filter(~pl.col("is_notice"))
        latest = self._latest(attempts)
        latest = self._without(latest, copies(latest, sent=SENT), "copy")
        return latest.select(
            "file",
            "start",
            offset="line",
            kind=pl.lit(KINDS["email"], pl.UInt8),
            fault=pl.when(pl.col("start").is_null()).then(pl.col("start_fault")).otherwise(0).cast(pl.UInt8),
            is_ambiguous="start_is_ambiguous",
            a=pl.col("written_by").fill_null(""),
            **parties_of(latest),
            answered=pl.col("status") == SENT,
            last_stamp=pl.col("time" if self._rules.is_time_of_line else "until"),
            event_id=pl.struct(_KEY, "text", "orig").hash(),
        )

    def _latest(self, attempts: pl.DataFrame) -> pl.DataFrame:
        """The last attempt for each recipient. Those before are merged.

        Most messages have one attempt alone.
        """
        epoch = attempts[_KEY].to_numpy()
        at = np.flatnonzero(np.bincount(epoch)[epoch] > 1)
        if not len(at):
            return attempts
        order = ["seq"] if self._rules.is_in_order else ["time", "seq"]
        several = attempts[at].with_columns(row=pl.Series(at)).sort(order).with_row_index("place")
        is_latest = pl.col("place") == pl.col("place").max().over([_KEY, "text", "orig"])
        earlier = several.filter(~is_latest)
        self._merge(earlier.filter(pl.col("status") == DEFERRED), "deferred")
        self._merge(earlier.filter(pl.col("status") != DEFERRED), "repeated")
        is_kept = np.ones(len(attempts), np.bool_)
        is_kept[earlier["row"].to_numpy()] = False
        return attempts.filter(pl.Series(is_kept))

    def _merge(self, attempts: pl.DataFrame, word: str) -> None:
        self._account.merge(attempts.select("file", what=pl.lit(word)))


def _with_epochs(rows: pl.DataFrame, *, are_reused: bool) -> pl.DataFrame:
    """Number the messages that used one queue id one after the other.

    ``removed`` ends one; an accepted message begins one, and where these lines are lost a second message id or another sender does.
    """
    if not are_reused:
        return _with_repeats(rows)
    number = numbers_of(rows, "host", "qid").to_numpy()
    # Only rows that stand for an alias are out of order.
    is_in_order = rows["seq"].is_sorted()
    places = np.argsort(number, kind="stable") if is_in_order else np.lexsort((rows["seq"].to_numpy(), number))
    role = rows["role"].to_numpy()[places]
    number = number[places]
    is_same = np.concatenate((np.zeros(1, np.bool_), number[1:] == number[:-1]))[: len(number)]
    before = np.concatenate((np.zeros(1, np.uint8), role[:-1]))[: len(role)]
    begins = (role == Role.OPEN) | (before == Role.REMOVED) | ~is_same
    is_id = role == Role.MESSAGE_ID
    again = is_id & is_same & np.isin(before, (Role.FROM, Role.TO))
    if again.any():
        begins |= again & (seen_in_run(is_id, begins) > 0)
    senders = np.flatnonzero(role == Role.FROM)
    run = np.cumsum(begins)
    sender = rows["sender"].gather(places[senders])
    is_other = (sender != sender.shift()).fill_null(value=False).to_numpy()
    is_other[1:] &= np.diff(run[senders]) == 0
    begins[senders[is_other]] = True
    epochs = np.empty(len(rows), np.int64)
    epochs[places] = np.cumsum(begins)
    if not is_in_order:
        at = places[np.argsort(rows["seq"].to_numpy()[places], kind="stable")]
        rows, epochs = rows[at], epochs[at]
    return rows.with_columns(epoch=dense(epochs))


def _with_repeats(rows: pl.DataFrame) -> pl.DataFrame:
    """Number the messages that were sent with one weak id.

    An arrival ``REPEAT_GAP`` after the last delivery begins another message.
    """
    is_weak = rows["is_weak"].fill_null(value=False)
    if not is_weak.any():
        return rows.with_columns(epoch=numbers_of(rows, "host", "qid"))
    weak = rows.filter(is_weak).sort("host", "qid", "time", "seq")
    is_arrival = (pl.col("role") == Role.OPEN) & (pl.col("status").fill_null(0) != NOTICE)
    was_final = (pl.col("role").shift() == Role.TO) & pl.col("status").shift().is_in([SENT, FAILED])
    is_same = (pl.col("host") == pl.col("host").shift()) & (pl.col("qid") == pl.col("qid").shift())
    begins = is_arrival & was_final & is_same & (pl.col("time") - pl.col("time").shift() > REPEAT_GAP)
    weak = weak.with_columns(epoch=begins.fill_null(value=False).cum_sum().cast(pl.Int64))
    rows = pl.concat([rows.filter(~is_weak).with_columns(epoch=pl.lit(0, pl.Int64)), weak])
    rows = rows.sort("seq", maintain_order=True)
    return rows.with_columns(epoch=numbers_of(rows, "host", "qid", "epoch"))


def _with_aliases(attempts: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """``orig`` traced back to what the sender wrote.

    Alias lines tell how a list or redirected address became its recipients.
    """
    is_alias = rows["role"] == Role.ALIAS
    if not is_alias.any():
        return attempts
    aliases = handover.turned(rows.filter(is_alias), attempts, unsure=UNSURE)
    aliases = aliases.unique([_KEY, "text"], keep="first", maintain_order=True)
    aliases = aliases.select(_KEY, "text", written="orig")
    for _ in range(handover.MAX_HOPS):
        attempts = attempts.with_columns(at=pl.coalesce("orig", "text"))
        attempts = attempts.join(
            aliases, left_on=[_KEY, "at"], right_on=[_KEY, "text"], how="left", maintain_order="left"
        )
        attempts = attempts.with_columns(orig=pl.coalesce("written", "orig")).drop("at", "written")
    return attempts


def _carried(told: pl.DataFrame, attempts: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Alias rows for the message that stands for the mail at last.

    They carry what the sender wrote over each filter.
    """
    found = rows.head(0)
    for _ in range(handover.MAX_HOPS):
        written = _with_aliases(told, pl.concat([rows.filter(pl.col("role") == Role.ALIAS), found]))
        aliases = handover.alias_rows(written, attempts, rows, alias_role=Role.ALIAS)
        if len(aliases) == len(found):
            return aliases
        found = aliases
    return found


def _messages(rows: pl.DataFrame, forwards: pl.DataFrame) -> pl.DataFrame:
    """One row a message, its number being its place."""
    role = rows["role"].to_numpy()
    opened = np.flatnonzero(role == Role.OPEN)
    return messages_of(
        rows,
        forwards,
        opened=opened,
        made=np.flatnonzero(role == Role.MESSAGE_ID),
        attempts=np.flatnonzero(role == Role.TO),
        removed=np.flatnonzero(role == Role.REMOVED),
        notices=opened[(rows["status"].gather(opened) == NOTICE).fill_null(value=False).to_numpy()],
    )


def _has(rows: pl.DataFrame, name: str) -> bool:
    return rows[name].null_count() < len(rows)
