"""One mail that went through a host's queue more than once. Pure.

Says which line stands for which, and what the sender wrote first. Three ways, each told by another trace: a delivery
that names the id under which the next queue took the mail; a delivery to a program or filter of this very host, which
gave the mail back without a word of its id; and a message put into the queue anew by its administrator.
"""

from typing import Final

import numpy as np
import polars as pl

KEY: Final = ["host", "qid", "epoch"]
MAX_HOPS: Final = 4
"""How many filters behind one another, and lists within lists, are followed. It also ends a list that holds itself."""
SLACK: Final = pl.duration(seconds=2)
"""How far two stamps may lie apart in the wrong order.

The mail that a filter gave back may be stamped after the end of the delivery to the filter.
"""
NO_MESSAGE_ID: Final = ("", "<>")
"""A Message-ID that names nothing joins nothing."""
STARTS: Final = ("start", "start_fault", "start_is_ambiguous")
"""What is said of when a message began."""
_CHILD: Final = {"child_host": "host", "child": "qid", "child_epoch": "epoch"}


def linked(links: pl.DataFrame, messages: pl.DataFrame, attempts: pl.DataFrame) -> pl.DataFrame:
    """Deliveries in ``links`` beside the message that their reply names.

    ``has_attempt``: that message has a delivery line of its own. The message id must be the same and the other
    message younger: what a foreign server claims of its queue changes nothing.
    """
    reached = attempts.select(*KEY, has_attempt=True).unique()
    children = messages.join(reached, on=KEY, how="left").select(
        "message_id",
        "has_attempt",
        child_first="first",
        child_start="start",
        **{new: pl.col(old) for new, old in _CHILD.items()},
    )
    younger = (
        pl.when(pl.col("host") == pl.col("child_host"))
        .then(pl.col("child_first") > pl.col("first"))
        .otherwise(pl.col("child_start") >= pl.col("start"))
    )
    return links.join(children, on=["message_id", "child"], how="inner").filter(younger.fill_null(value=False))


def given_back(
    attempts: pl.DataFrame, messages: pl.DataFrame, rows: pl.DataFrame, *, open_role: int, sent: int
) -> pl.DataFrame:
    """Deliveries to a program of this host beside the message that it gave back.

    The columns are those of ``linked``. The other message came from this host while the program ran, with the same
    message id and sender, and has a delivery line for the same recipient: only the host's own programs can bring that
    about.
    """
    local = attempts.filter(
        pl.col("is_local").fill_null(value=False)
        & (pl.col("status") == sent)
        & pl.col("child").is_null()
        & pl.col("message_id").is_not_null()
        & ~pl.col("message_id").is_in(NO_MESSAGE_ID)
    ).drop("child")
    opened = rows.filter((pl.col("role") == open_role) & pl.col("is_local").fill_null(value=False))
    if local.is_empty() or opened.is_empty():
        return local.head(0)
    children = messages.join(opened.select(KEY).unique(), on=KEY, how="semi").select(
        "message_id",
        "written_by",
        child_first="first",
        child_start="start",
        **{new: pl.col(old) for new, old in _CHILD.items()},
    )
    pairs = local.join(children, on=["message_id", "written_by"], how="inner").filter(
        (pl.col("child_first") > pl.col("first"))
        & (pl.col("child_start") >= pl.col("start") - SLACK)
        & (pl.col("child_start") <= pl.coalesce("until", "time") + SLACK)
    )
    if pairs.is_empty():
        return pairs.head(0)
    names = pl.concat(
        [
            attempts.filter(pl.col(name).is_not_null()).select(
                **{new: pl.col(old) for new, old in _CHILD.items()}, name=pl.col(name).str.to_lowercase()
            )
            for name in ("text", "orig")
        ]
    ).unique()
    by = [*_CHILD, "name"]
    found = [
        pairs.with_columns(name=pl.col(name).str.to_lowercase()).join(names, on=by, how="semi")
        for name in ("text", "orig")
    ]
    return pl.concat(found).unique("seq", keep="first", maintain_order=True).with_columns(has_attempt=True)


def requeued(rows: pl.DataFrame, messages: pl.DataFrame, *, open_role: int) -> pl.DataFrame:
    """Messages that were put into the queue anew, beside those they come from.

    Followed over several times. ``KEY`` is of the older message, ``child...`` of the newer one.
    """
    is_named = rows["parent"].is_not_null()
    named = rows.filter((rows["role"] == open_role) & is_named) if is_named.any() else rows.head(0)
    columns = [*KEY, *_CHILD, "older"]
    if named.is_empty():
        return pl.DataFrame(
            schema={**{name: rows.schema[name] for name in KEY}, **_child_schema(rows), "older": pl.Int64}
        )
    newer = named.select("parent", host="host", at="seq", child_host="host", child="qid", child_epoch="epoch")
    older = messages.select(*KEY, older="first")
    pairs = newer.join(older, left_on=["host", "parent"], right_on=["host", "qid"], how="inner").filter(
        pl.col("older") < pl.col("at")
    )
    # An id may have been used before. The last message under it is the one meant.
    pairs = pairs.sort("older").unique([*_CHILD], keep="last", maintain_order=True)
    pairs = pairs.rename({"parent": "qid"}).select(columns)
    found, step = pairs, pairs
    for _ in range(MAX_HOPS):
        step = step.join(
            pairs.rename(
                {"host": "child_host", "qid": "child", "epoch": "child_epoch"}
                | {name: f"next_{name}" for name in (*_CHILD, "older")}
            ),
            on=[*_CHILD],
            how="inner",
        ).select(*KEY, **{name: pl.col(f"next_{name}") for name in _CHILD}, older="older")
        if step.is_empty():
            break
        found = pl.concat([found, step.select(columns)])
    return found


def _child_schema(rows: pl.DataFrame) -> dict[str, pl.DataType]:
    return {new: rows.schema[old] for new, old in _CHILD.items()}


def begun_before(messages: pl.DataFrame, again: pl.DataFrame) -> pl.DataFrame:
    """Messages that were put into the queue anew began when the first of them came."""
    if again.is_empty():
        return messages
    first = again.sort("older").unique([*_CHILD], keep="first")
    starts = first.join(messages.select(*KEY, *STARTS), on=KEY, how="inner").select(
        *(pl.col(new).alias(old) for new, old in _CHILD.items()),
        *(pl.col(name).alias(f"old_{name}") for name in STARTS),
    )
    joined = messages.join(starts, on=KEY, how="left", maintain_order="left")
    is_known = pl.col("old_start").is_not_null()
    return joined.with_columns(
        pl.when(is_known).then(f"old_{name}").otherwise(name).alias(name) for name in STARTS
    ).select(messages.columns)


def begun_at_first(messages: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    """Messages that stand for mail which was handed over began when that mail first came.

    ``told``: deliveries (``epoch``) beside the message that stands for each (``child_epoch``). A filter may be down for
    hours: an order for the hour in which the mail came must find it.
    """
    start = messages["start"].to_physical().fill_null(np.iinfo(np.int64).max).to_numpy()
    parent, child = told[KEY[2]].to_numpy(), told["child_epoch"].to_numpy()
    origin = np.arange(len(messages))
    for _ in range(MAX_HOPS):
        latest_first = np.argsort(-start[origin[parent]], kind="stable")
        reached = origin.copy()
        reached[child[latest_first]] = origin[parent[latest_first]]  # the earliest is written last
        is_earlier = start[reached] < start[origin]
        if not is_earlier.any():
            break
        origin[is_earlier] = reached[is_earlier]
    return messages.with_columns(messages.select(STARTS)[origin])


def accepted_then(rows: pl.DataFrame, messages: pl.DataFrame, *, open_role: int) -> pl.DataFrame:
    """Rows in which an arrival has the start of its message in ``messages``, if that is earlier."""
    starts = messages.select(STARTS)[rows[KEY[2]]]
    is_earlier = (rows["role"] == open_role) & (starts["start"] < rows["time"]).fill_null(value=False)
    names = zip(("time", "fault", "is_ambiguous"), STARTS, strict=True)
    return rows.with_columns(starts[of].zip_with(is_earlier, rows[name]).alias(name) for name, of in names)


def told_again(attempts: pl.DataFrame, again: pl.DataFrame, *, sent: int) -> pl.DataFrame:
    """Attempts of messages that were put into the queue anew, if the newer one has the recipient too.

    Deliveries are not among them: they stay.
    """
    if again.is_empty():
        return attempts.head(0)
    newer = attempts.select(**{new: pl.col(old) for new, old in _CHILD.items()}, text=pl.col("text"))
    recipients = again.join(newer.unique(), on=[*_CHILD], how="inner").select(*KEY, "text").unique()
    return attempts.filter(pl.col("status") != sent).join(recipients, on=[*KEY, "text"], how="semi")


def turned(aliases: pl.DataFrame, attempts: pl.DataFrame, *, unsure: int) -> pl.DataFrame:
    """Alias rows, of which those of status ``unsure`` lead to the address that got the mail.

    They are turned round where only the address they were written to has a delivery line. If both have one, or
    neither, they stay as they are.
    """
    doubtful = aliases.filter(pl.col("status") == unsure)
    if doubtful.is_empty():
        return aliases
    by = KEY[2]
    got = attempts.select(by, "text").unique()
    wrong = doubtful.join(got, left_on=[by, "orig"], right_on=[by, "text"], how="semi").join(
        got, on=[by, "text"], how="anti"
    )
    is_wrong = pl.col("seq").is_in(wrong["seq"].implode())
    return aliases.with_columns(
        text=pl.when(is_wrong).then("orig").otherwise("text"), orig=pl.when(is_wrong).then("text").otherwise("orig")
    )


def alias_rows(told: pl.DataFrame, attempts: pl.DataFrame, rows: pl.DataFrame, *, alias_role: int) -> pl.DataFrame:
    """Rows of ``alias_role`` that carry on what the sender wrote; columns of ``rows``.

    They belong to the message that stands for a handed-over delivery. ``told``: pairs of a delivery, with aliases of
    its own message applied, and its child. Where the child has the mail for another address, and only one recipient
    was handed over to it, that address is where the mail for the first one went.
    """
    known = attempts.select(
        child_host="host", child="qid", child_epoch="epoch", child_text="text", child_orig="orig", child_seq="seq"
    )
    pairs = told.select("text", "orig", *_CHILD).unique().join(known, on=[*_CHILD], how="inner")
    same = pl.col("child_text").str.to_lowercase() == pl.col("text").str.to_lowercase()
    via = pl.col("child_orig").str.to_lowercase() == pl.col("text").str.to_lowercase()
    pairs = pairs.with_columns(
        is_same=same, is_via=via.fill_null(value=False), others=pl.col("text").n_unique().over(*_CHILD)
    ).with_columns(is_known=(pl.col("is_same") | pl.col("is_via")).any().over([*_CHILD, "text"]))
    carried = pairs.filter((pl.col("is_same") | pl.col("is_via")) & pl.col("orig").is_not_null())
    carried = carried.with_columns(to=pl.when("is_same").then("child_text").otherwise("child_orig"), by=pl.col("orig"))
    moved = pairs.filter(~pl.col("is_known") & (pl.col("others") == 1) & pl.col("child_orig").is_null())
    moved = moved.with_columns(to=pl.col("child_text"), by=pl.coalesce("orig", "text"))
    found = pl.concat([carried, moved]).filter(pl.col("to") != pl.col("by"))
    found = found.unique([*_CHILD, "to"], keep="first", maintain_order=True).select(
        host="child_host",
        qid="child",
        epoch="child_epoch",
        seq="child_seq",
        role=pl.lit(alias_role, pl.UInt8),
        text="to",
        orig="by",
    )
    return found.select(
        pl.col(name).cast(kind) if name in found.columns else pl.lit(None, kind).alias(name)
        for name, kind in rows.schema.items()
    )
