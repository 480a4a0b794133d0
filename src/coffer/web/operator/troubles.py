"""What can go wrong and what to do: the one list of the operator's page and of docs/operating.md.

Pure.

Sentences are message ids. Text between backquotes is a command, a file or a program's own words, and stays as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from coffer.procedures.duty.board import Code
from coffer.web.ground.app import N_


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A row of the table.

    ``seen``: what somebody sees; ``do``: what to do. ``titles``: for each alert that says this, its sentence.
    """

    seen: str
    do: str
    titles: Mapping[Code, str]


def _row(seen: str, do: str, **titles: str) -> Trouble:
    return Trouble(seen=seen, do=do, titles={Code[name]: title for name, title in titles.items()})


TROUBLES: Final = (
    _row(
        N_("`nobody listens there`, `no answer in time`"),
        N_(
            "the custodian is down: `coffer custodian serve DIR` on its machine starts it again. The others suffice while they satisfy the rule; then run the command again"
        ),
        SILENT=N_("%(name)s does not answer"),
    ),
    _row(
        N_("`shows another certificate than the pinned one`"),
        N_(
            'do not ask it before its people have read you the new fingerprint by another way; then enter that in `custodians.toml` ("Renewing a custodian\'s certificate")'
        ),
        CERTIFICATE=N_("%(name)s shows another certificate than the pinned one"),
    ),
    _row(
        N_("`too few vouch for the log: rule base lacks ...`"),
        N_(
            "the opening is kept: start the custodians that are named, or look why they follow another log, and open again"
        ),
        RULE_LACKS=N_("Nothing can be opened: %(lack)s"),
    ),
    _row(
        N_("an emergency is not ratified"),
        N_(
            "custodians of the ordinary rule must agree to it in time, each with `coffer custodian ratify DIR REQUEST`: `coffer ratify vault` says who is missing. Until an overdue one is ratified, the log takes no further emergency of that desk"
        ),
        EMERGENCY=N_("Emergencies that custodians must still agree to: %(count)s"),
    ),
    _row(
        N_("`fr must sign too: rule FR changes`"),
        N_("a roster that touches a rule needs the members that the rule makes indispensable"),
    ),
    _row(
        N_("`knows 0 of 1 entry of the log` from `coffer sync`"),
        N_(
            "the custodian does not follow the log; the next line says what it waits for: mostly for witnesses (`coffer witness gather vault`)"
        ),
    ),
    _row(
        N_("`0 witnesses of the roster cosigned`"),
        N_("the opening is kept: start a witness, `coffer witness gather vault`, open again"),
        NO_QUORUM=N_("Too few witnesses cosigned in the last 15 minutes: %(have)s of %(need)s"),
    ),
    _row(
        N_("a witness is silent"),
        N_("openings go on while the others are enough: write to its keeper"),
        WITNESS=N_("The witness %(name)s is silent since %(since)s"),
    ),
    _row(
        N_("`custodian: frozen since it saw two histories`"),
        N_(
            "somebody showed it two logs. Keep its folder: the file `frozen` holds both checkpoints. It still destroys its keys on time"
        ),
        FROZEN=N_("%(name)s saw two histories of the log and answers nothing"),
    ),
    _row(
        N_("`is dated ahead of this clock`"),
        N_("a custodian's clock is wrong, or this one; the entry is not logged and nothing else is held up"),
        CLOCK=N_("The clock of %(name)s and this one differ by %(seconds)s seconds"),
    ),
    _row(N_("`clock: the witnesses say ...`"), N_("the operator's clock is far ahead: set it; nothing was logged")),
    _row(
        N_("`holds a longer one than this vault has`"),
        N_('the vault was restored from a backup: see "Restoring the vault"; nothing was logged'),
        LONGER_LOG=N_("%(name)s holds a longer log: %(theirs)s entries, %(ours)s here"),
    ),
    _row(
        N_("the log, or a file of it, does not hold"),
        N_(
            'log nothing more and keep the folder as it is; compare it with a custodian\'s copy (`coffer-audit fetch`), then see "Restoring the vault"'
        ),
        LOG=N_("The log does not hold: %(trouble)s"),
    ),
    _row(
        N_("`not all is well` from a service, `behind` from its `/health`"),
        N_("it would refuse, or cannot follow its log: the line names the file or the log's address"),
        BEHIND=N_("%(name)s cannot follow the log: it has %(count)s of %(size)s entries"),
    ),
    _row(N_("`mirror: damaged, put aside`"), N_("a disk error: the mirror is fetched again; look at the disk")),
    _row(
        N_("`approvals ... is not its own`"),
        N_(
            "somebody changed the custodian's approvals, or a disk error: nothing is answered. Replace the custodian by a roster change"
        ),
    ),
    _row(
        N_("`in the last minute: ...` from a service"),
        N_(
            "what strangers did, counted; a line a minute at most. Nothing to do while openings succeed; `too often by one address` names no address: look at the firewall"
        ),
    ),
    _row(
        N_("`descriptors: ... allowed`"),
        N_("start the service with a higher limit (`ulimit -n 4096`, `LimitNOFILE=` of systemd)"),
    ),
    _row(
        N_("`due by this machine's clock, and nothing else shows that it is so late`"),
        N_(
            "compare the clock. If it is right: `coffer custodian destroy DIR --catch-up`; else set it. Once the log goes on after the machine was off, it ends by itself"
        ),
    ),
    _row(
        N_("a custodian's keys are overdue"),
        N_(
            "call its people: its own machine must destroy them. Until enough custodians have, the day can still be opened, and the window says that they are late"
        ),
        OVERDUE=N_("%(name)s has not destroyed its keys of days that are over: %(count)s"),
    ),
    _row(
        N_("a custodian's keys end soon"),
        N_(
            "a day without keys takes no records: see that its service runs, which makes keys for 40 days ahead, then `coffer sync vault`"
        ),
        KEYS_END=N_("Keys of %(name)s are in the log until %(day)s only"),
    ),
    _row(
        N_("receipts name the ingester"),
        N_("stop ingesting: records since then may be sealed to other keys"),
        INGESTER_ACCUSED=N_("%(name)s says that segments were not sealed to its keys: %(count)s"),
    ),
    _row(
        N_("receipts are missing for over a day"),
        N_(
            "until they are there nobody knows whether new records are sealed to its keys: `coffer receipts vault`, then call its people"
        ),
        RECEIPTS=N_("Receipts of %(name)s are missing: %(count)s, the oldest for %(hours)s hours"),
    ),
    _row(
        N_("a custodian is accused in the log"),
        N_("ask for no more records from it until it is known why; keep the vault's files as they are"),
        CUSTODIAN_ACCUSED=N_("The log holds an accusation against %(name)s"),
    ),
    _row(
        N_("signed entries wait at a custodian"),
        N_("`coffer sync vault` logs them"),
        WAITING=N_("Entries that %(name)s signed wait to be logged: %(count)s"),
    ),
    _row(
        N_("a custodian has no address"),
        N_("enter it in `custodians.toml`: a table with `url` and `fingerprint`"),
        NO_ADDRESS=N_("%(name)s has no address, so nobody asks it"),
    ),
    _row(
        N_("a custodian's people have not read the newest roster"),
        N_("they read what it changes (`coffer custodian status DIR`) and say so: `coffer custodian acknowledge DIR`"),
        UNACKNOWLEDGED=N_("The people of %(name)s have not read the newest roster"),
    ),
    _row(
        N_("folders in `vault/aside`"),
        N_("an ingest was killed, or the log is an old copy: the text `WHY.txt` in each says what to do"),
        ASIDE=N_("Files that the log does not know lie aside, in so many folders: %(count)s"),
    ),
    _row(
        N_("an ingest was cut short"),
        N_("run the same command again: nothing of it was logged"),
        CUT_SHORT=N_("An ingest of %(feed)s was cut short: it says nothing since %(since)s"),
    ),
    _row(
        N_("many lines of a feed are rejected"),
        N_(
            "`coffer feed check` shows how its lines are read. Mend the feed file, `coffer supersede` the batch (`coffer log` lists it), and ingest its files again: with `--rejects OUT.csv`, `coffer ingest` names each line that is still rejected"
        ),
        REJECTS=N_("Of %(feed)s, %(percent)s %% of the new lines were rejected in the last 24 hours"),
    ),
    _row(
        N_("the operator's page says that it is old"),
        N_(
            "it cannot look around: the words beside it say why, else see whether the process stands still. Until then rely on nothing that it shows"
        ),
    ),
    _row(
        N_("a feed brings nothing"),
        N_("ask whoever delivers it whether it was switched off"),
        FEED=N_("The feed %(feed)s brings nothing since %(since)s"),
    ),
    _row(
        N_("the disk fills"),
        N_(
            "make room, or move the vault to a larger disk: on a full one nothing is ingested and nothing logged, while custodians still destroy keys on time"
        ),
        DISK=N_("The disk is full in about %(days)s days"),
    ),
    _row(
        N_("a custodian's machine is lost"),
        N_("it fails closed. Replace it by a roster change; its days open with the others if they satisfy the rule"),
    ),
    _row(
        N_("a custodian's keys were stolen"),
        N_(
            "replace it by a roster change (`coffer roster propose --replace`), and let it destroy the epoch keys of days that are due. Until then the thief counts as that custodian, and needs the others"
        ),
    ),
    _row(
        N_("the operator's keys (`operator/keys`) were stolen"),
        N_(
            "the thief opens nothing. It can sign a second history, seal false batches and ask for notes that custodians approved. GAP: no command replaces these keys; found a new vault with new keys and ingest there from now on, keep the old one for reading until its retention ends, and tell custodians and witnesses to stop cosigning the old log once its last opening is done. Tolerable because custodians and witnesses answer on one history only, and every entry is public"
        ),
    ),
    _row(
        N_("`database: ... a row does not open at its place`, `was put back`, `older than this process saw`"),
        N_(
            "somebody wrote to the database, or it is another vault's: stop the desk, keep a copy of the database as evidence, restore"
        ),
    ),
    _row(
        N_("`database: OperationalError` and such"),
        N_("the database is down, full or out of reach: the letters in brackets are its own code"),
    ),
    _row(
        N_("`opening: another process is at it`"),
        N_(
            "another process of the desk opens it; if that one died, wait half a minute and open again: it goes on where it stopped"
        ),
    ),
    _row(
        N_("notifications given up"),
        N_("the mail server or webhook refused for a day: look at `notify.toml`; nothing else waits for them"),
        GIVEN_UP=N_("Notifications were never sent: %(count)s"),
    ),
)
BY_CODE: Final[Mapping[Code, Trouble]] = {code: trouble for trouble in TROUBLES for code in trouble.titles}


def format_table() -> str:
    """The table as docs/operating.md has it."""
    rows = [f"| {trouble.seen} | {trouble.do} |" for trouble in TROUBLES]
    return "\n".join(["| what you see | what to do |", "|---|---|", *rows]) + "\n"
