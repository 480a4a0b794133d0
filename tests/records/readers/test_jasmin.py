"""Jasmin's messages.log, by hand: which lines are one text, and what a sender may write into them."""

from collections import Counter

import pytest

from coffer.errors import MalformedInput
from coffer.records.readers.formats import detect
from source_files import CANARY, A, B, C, Case, jasmin_line, read, table


def found_in(*lines, zone="UTC"):
    case = Case(name="jasmin", data=b"", records=0, events=0, zone=zone)
    rows, rejects, merged, skipped = table(read(case, ["".join(lines).encode()]))[0]
    texts = [(row["a_number"] or row["a_text"], f"+{row['b_number']}", f"{row['start']:%H:%M:%S}") for row in rows]
    return texts, [line for line, *_ in rejects], merged, skipped


def test_all_attempts_at_a_text_are_one_which_began_with_the_first():
    error = jasmin_line("MT", 1, A, B, "x", "ERROR/ESME_RTHROTTLED").replace(" [prio", " [retry:True] [prio")
    texts, rejects, merged, _ = found_in(
        error, jasmin_line("MT", 2, A, C, "x"), jasmin_line("MT", 1, A, B, "x", second=30)
    )
    assert [text[1:] for text in texts] == [(B, "18:58:06"), (C, "18:58:06")]
    assert (rejects, merged) == ([], Counter({"attempt": 1}))


@pytest.mark.parametrize("quoted", [B, f"b'{B}'", f'b"{B}"'])
def test_numbers_of_both_pythons_are_read(quoted):
    assert [text[1] for text in found_in(jasmin_line("MO", 1, A, quoted, "x"))[0]] == [B]


def test_a_stamp_is_local_and_may_have_a_fraction():
    line = jasmin_line("MT", 1, A, B, "x").replace("18:58:06", "18:58:06,123")
    assert [text[2] for text in found_in(line, zone="Europe/Berlin")[0]] == ["17:58:06"]


def test_a_text_that_an_interceptor_refused_is_one_of_its_own():
    line = f"2026-11-23 18:58:06 INFO     1 SMS-MO [cid:c] [i-status:88] [from:{A}] [to:{B}] [content:x]\n"
    assert len(found_in(line, line)[0]) == 2


@pytest.mark.parametrize(
    "sender",
    [f"x] [to:{C}] [content:", f"x] [to:{C}", "x [y", "] [from:y"],
)
def test_a_sender_that_imitates_the_fields_behind_it_is_rejected(sender):
    texts, rejects, *_ = found_in(jasmin_line("MT", 1, sender, B, "x"), jasmin_line("MT", 2, A, B, f"y] [to:{C}]"))
    assert ([text[1] for text in texts], rejects) == ([B], [1])


def test_line_ends_within_a_text_are_other_lines_and_shown_to_nobody():
    texts, rejects, _, skipped = found_in(jasmin_line("MO", 1, A, B, f"{CANARY}\n{CANARY} two\n"))
    assert (len(texts), rejects, skipped) == (1, [], Counter({"other-line": 2}))


def test_a_name_in_bytes_of_an_unknown_encoding_is_rejected_and_one_in_the_text_is_nothing():
    escaped, quoted = jasmin_line("MT", 1, r"b'\xc3\xa9cole'", B, "x"), jasmin_line("MT", 2, A, B, r"y [from:b'\xc3']")
    texts, rejects, *_ = found_in(escaped, quoted)
    assert ([text[1] for text in texts], rejects) == ([B], [1])


def test_the_log_of_the_http_interface_is_named():
    line = f"2026-11-23 18:58:06 INFO     1 SMS-MT [uid:u] [cid:c] [msgid:1] [from:{A}] [to:{B}] [content:x]\n"
    with pytest.raises(MalformedInput, match="no format") as caught:
        detect(line.encode(), "x", None)
    assert "messages.log" in caught.value.hint
