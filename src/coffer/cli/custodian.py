"""``coffer custodian``: a custodian on its own machine."""

import dataclasses
import datetime as dt
import os
import shutil
import time
from contextlib import ExitStack
from pathlib import Path

import click

from coffer import wire
from coffer.cli.clerk import approve, protect, refuse, review, revoke
from coffer.cli.console import Passphrases, clock, console, read_file, say, verify_absent
from coffer.cli.machines import at_work, log_of, passphrase_option, yes_option
from coffer.cli.presence import acknowledge_here, object_here, sign_absence_as
from coffer.custodian.folder import CustodianKeys
from coffer.custodian.machine.attendant import Attendant
from coffer.custodian.machine.folder import CERTIFICATE, CERTIFICATE_KEY, Machine, MachineConfig, Pinned, parse_listen
from coffer.custodian.machine.tls import fingerprint_of, make_certificate
from coffer.custodian.token import Token
from coffer.custody.presence import is_absence
from coffer.custody.waiting import MAX_AHEAD_DAYS
from coffer.disk import Disk
from coffer.errors import MalformedInput, NotProven
from coffer.ledger.changes import describe
from coffer.ledger.retention import still_kept
from coffer.ledger.roster import Roster, parse_roster
from coffer.notes.note import Note, parse_note
from coffer.translog.checkpoint import verify_checkpoint
from coffer.translog.layout import format_bundle
from coffer.vault.folder import parse_pins
from coffer.visible import counted


@click.group(
    epilog="Example: coffer custodian init judge/ --name judge; then join, serve, review, approve or refuse.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
def custodian() -> None:
    """Be a custodian on a machine of your own: keys, the service, and the requests that people decide."""


for _command in (review, approve, refuse, revoke, protect, acknowledge_here, object_here):
    custodian.add_command(_command)


@custodian.command(epilog="Example: coffer custodian init judge/ --name judge")
@click.argument("folder", metavar="DIR")
@click.option("--name", required=True, help="The custodian's name in the roster.")
@click.option("--listen", default="127.0.0.1:8443", show_default=True, help="Address and port of the service.")
@click.option("--token", help="Label of a PKCS#11 token that wraps the keys; the passphrase is then its PIN.")
@click.option("--token-module", help="Path of the token's PKCS#11 library.")
@click.option("--token-key", default="coffer", show_default=True, help="Name of the key made on the token.")
@passphrase_option
def init(
    folder: str,
    name: str,
    listen: str,
    token: str | None,
    token_module: str | None,
    token_key: str,
    passphrase_file: str | None,
) -> None:
    """Make the custodian's keys and its certificate, and NAME.pub for whoever founds the vault."""
    path, disk = verify_absent(folder.rstrip("/")), Disk()
    parse_listen(listen, "--listen")
    if (token is None) != (token_module is None):
        raise MalformedInput("--token, --token-module: expected both or neither")
    if "#" in token_key:
        raise MalformedInput("--token-key: # is kept for the key's rotations")
    wrapping = Token(module=token_module, label=token, key=token_key) if token and token_module else None
    config = MachineConfig(name=name, listen=listen)
    building = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    passphrase = Passphrases(passphrase_file).get(name, is_new=True)
    try:
        machine = Machine(building, disk, config)
        keys = CustodianKeys.generate(machine.folder.name, os.urandom)
        machine.folder.create(keys, passphrase, os.urandom, token=wrapping)
        certificate, key = make_certificate(name, clock())
        disk.write(building / CERTIFICATE, certificate)
        disk.write(building / CERTIFICATE_KEY, key, private=True)
        disk.write(building / f"{name}.pub", keys.public(name).format())
        for part in ("mirror", "inbox", "outbox"):
            disk.make_folder(building / part, private=part != "mirror")
        machine.write_config()
        disk.publish([(building, path)])
    except BaseException:  # also Ctrl-C at a prompt: half a custodian would only stand in the way
        shutil.rmtree(building, ignore_errors=True)
        raise
    out = console()
    out.print(f"keys         {folder.rstrip('/')}/{name}.pub", soft_wrap=True)
    out.print(f"fingerprint  {fingerprint_of(certificate, CERTIFICATE)}", soft_wrap=True)
    say("give both to the vault's operator, by a way on which you know each other")


@custodian.command(
    epilog="Example: coffer custodian join judge/ --vault vault.toml --log https://log.example.org/vault"
)
@click.argument("folder", metavar="DIR")
@click.option("--vault", "pins_file", required=True, help="The vault.toml that the operator gave you.")
@click.option("--log", "log_at", required=True, help="The log's web address, or its folder.")
@click.option("--offline", is_flag=True, help="Pin without looking at the log.")
def join(folder: str, pins_file: str, log_at: str, *, offline: bool) -> None:
    """Pin a vault: its origin, its log's key, its first roster, and where its log is. The log must begin with that roster."""
    machine = Machine.open(Path(folder), Disk())
    pins = parse_pins(read_file(pins_file), Path(pins_file).name)
    old = machine.config.pinned
    if old is not None and (old.genesis, old.log_key) != (pins.genesis, pins.log_key):
        raise MalformedInput(
            f"custodian {machine.config.name}: belongs to another vault", hint="make a new custodian for this one"
        )
    where = log_at if "://" in log_at else str(Path(log_at).resolve())
    pinned = Pinned(log_key=pins.log_key, genesis=pins.genesis, log_at=where)
    if not offline:
        _verify_log(pinned)
    Machine(machine.path, Disk(), dataclasses.replace(machine.config, pinned=pinned)).write_config()
    say(f"{machine.config.name} pins {pins.origin}")


def _verify_log(pinned: Pinned) -> None:
    """A pin is for good: better to find a wrong address or a wrong vault.toml now."""
    log = log_of(pinned)
    verify_checkpoint(log.checkpoint(), pinned.log_key, "log")
    first = parse_note(log.entries(0, 1)[0], "log: entry 0")
    if parse_roster(first.text, "log: entry 0").hash != pinned.genesis:
        raise NotProven(
            "log: it does not begin with the roster that vault.toml pins",
            hint="is it the log of this vault? ask its operator",
        )


@custodian.command("sign-roster", epilog="Example: coffer custodian sign-roster judge/ roster.note")
@click.argument("folder", metavar="DIR")
@click.argument("note")
@yes_option
@passphrase_option
def sign_roster(folder: str, note: str, passphrase_file: str | None, *, yes: bool) -> None:
    """Show a roster, or what a new one changes, and sign it: of a vault that is being founded, or of the one that was joined.

    Also what says that another custodian is gone (coffer roster absence).
    """
    machine, place = Machine.open(Path(folder), Disk()), Path(note).name
    raw, name = read_file(note), machine.config.name
    if is_absence(raw):
        sign_absence_as(at_work(folder, passphrase_file)[2], raw, Path(note), is_asking=not yes)
        return
    found = parse_note(raw, place)
    roster = parse_roster(found.text, place)
    if machine.config.pinned is None:
        signed = _sign_first(machine, found, roster, passphrase_file, place)
        _show_roster(roster)
    else:
        _, _, service = at_work(folder, passphrase_file)
        state = service.peek()
        signed = service.sign_roster(raw, place, state=state)
        for line in describe(state.roster, roster):
            console().print(line)
    if not yes:
        click.confirm(f"sign this as {name}?", abort=True, err=True)
    if signed.raw == raw:
        say(f"{name} had signed it before")
        return
    Disk().write(Path(note), signed.raw)
    say(f"signed by {name}")


def _sign_first(machine: Machine, note: Note, roster: Roster, passphrase_file: str | None, place: str) -> Note:
    """By a custodian that belongs to no vault yet: of the roster it only knows whether its own keys are in it."""
    note.verify_lines_of(roster.signing_keys)
    name = machine.config.name
    keys = machine.folder.unlock(Passphrases(passphrase_file).get(name))
    me, own = roster.custodian(name), keys.public(name)
    if me is None or (me.auth, me.resp, me.req) != (own.auth, own.resp, own.req):
        raise MalformedInput(f"{place}: does not hold the keys of {name}")
    return note if note.is_signed_by(me.auth) else note.with_signature(keys.auth)


@custodian.command(epilog="Example: coffer custodian serve judge/ --epoch-ahead 40")
@click.argument("folder", metavar="DIR")
@click.option("--listen", help="Address and port, instead of those in custodian.toml; port 0 for any.")
@click.option("--plain", is_flag=True, help="Plain http, for 127.0.0.1 behind a proxy of your own.")
@click.option(
    "--epoch-ahead",
    type=click.IntRange(0, MAX_AHEAD_DAYS),
    default=40,
    show_default=True,
    help="Days for which keys are made ahead.",
)
@passphrase_option
def serve(folder: str, listen: str | None, epoch_ahead: int, passphrase_file: str | None, *, plain: bool) -> None:
    """Answer requests over TLS until it is told to stop (Ctrl-C or SIGTERM); its address is the one line on stdout."""
    from coffer.cli.serving import run_custodian_server  # noqa: PLC0415 - needs the extra web

    machine, passphrase, service = at_work(folder, passphrase_file)
    attendant = Attendant(
        machine,
        service,
        passphrase=passphrase,
        clock=clock,
        timer=time.monotonic,
        entropy=os.urandom,
        epoch_ahead=epoch_ahead,
    )

    held = ExitStack()

    def start() -> None:
        held.enter_context(machine.serving())
        for line in machine.remove_leftovers():
            say(line)
        where = machine.pinned.log_at
        attendant.attend(
            lambda error: say(f"not all is well; tried again every minute (its log: {where}): {error}"),
            inform=lambda news: say(f"not acknowledged: {news}"),
        )

    certificate, key = machine.path / machine.config.certificate, machine.path / machine.config.certificate_key
    with held:
        run_custodian_server(
            attendant,
            listen or machine.config.listen,
            certificate=None if plain else certificate,
            key=None if plain else key,
            on_start=start,
        )
        attendant.stop()
    say("stopped")


@custodian.command(epilog="Example: coffer custodian epoch judge/ --days 2026-11-01 2026-11-30")
@click.argument("folder", metavar="DIR")
@click.option("--days", nargs=2, required=True, metavar="FIRST LAST", help="Days (UTC) to make keys for.")
@click.option("--roster", "note", metavar="NOTE", help="A roster by which this custodian is to join, with -o.")
@click.option("-o", "--output", help="Where to write the keys for: coffer roster publish VAULT NOTE --keys FILE.")
@passphrase_option
def epoch(
    folder: str, days: tuple[str, str], note: str | None, output: str | None, passphrase_file: str | None
) -> None:
    """Make the keys of these days; they are in the log after the operator's next coffer sync, or along with a roster by which it joins."""
    if (note is None) != (output is None):
        raise MalformedInput("--roster, -o: expected both or neither")
    first, last = (wire.parse_day(day, "--days") for day in days)
    count = (last - first).days + 1
    if not 1 <= count <= MAX_AHEAD_DAYS:
        raise MalformedInput(f"--days: {count} days, expected 1 to {MAX_AHEAD_DAYS}, first before last")
    machine, _, service = at_work(folder, passphrase_file)
    wanted = [first + dt.timedelta(days=n) for n in range(count)]
    kept = still_kept(service.sync(), wanted, clock().date())
    if len(kept) < len(wanted):
        say(f"past their retention, so that no key is made: {len(wanted) - len(kept)} of these days")
    if note is not None and output is not None:
        path, place = verify_absent(output), Path(note).name
        roster = parse_roster(parse_note(read_file(note), place).text, place).hash
        entries = service.epoch_key_entries(kept, os.urandom, roster=roster)
        Disk().write(path, format_bundle(entries))
        console().print(
            f"{counted(len(entries), 'epoch key')} written to {path.name}, for: coffer roster publish --keys {path.name}"
        )
        return
    made = machine.make_epoch_keys(service, kept, os.urandom)
    console().print(f"{counted(made, 'epoch key')} made, to be in the log after the operator's next: coffer sync")


@custodian.command(epilog="Example: coffer custodian destroy judge/")
@click.argument("folder", metavar="DIR")
@click.option("--catch-up", is_flag=True, help="Destroy all that this clock says is due; it must be right.")
@passphrase_option
def destroy(folder: str, passphrase_file: str | None, *, catch_up: bool) -> None:
    """Destroy the keys of every day whose retention is over and wrap the others anew; the log will say so. The service does it by itself."""
    machine, passphrase, service = at_work(folder, passphrase_file)
    days = machine.destroy_due_keys(service, clock(), passphrase, os.urandom, may_catch_up=catch_up)
    console().print(f"{counted(len(days), 'epoch key')} destroyed" + (f": {days[0]} to {days[-1]}" if days else ""))
    if service.held_back:
        say(
            f"{counted(service.held_back, 'day')} due by this clock, with nothing else that shows it: kept for now (--catch-up if the clock is right)"
        )
    if days:
        say("it is in the log after the operator's next: coffer sync")


@custodian.command(epilog="Example: coffer custodian status judge/")
@click.argument("folder", metavar="DIR")
def status(folder: str) -> None:
    """What the folder says, without its keys: the vault, the log, what waits, whether it is frozen."""
    machine = Machine.open(Path(folder), Disk())
    out = console()
    out.print(f"custodian    {machine.config.name}")
    out.print(f"listens at   {machine.config.listen}   (unless serve was given --listen)")
    certificate = read_file(str(machine.path / machine.config.certificate))
    out.print(f"fingerprint  {fingerprint_of(certificate, machine.config.certificate)}", soft_wrap=True)
    if machine.config.pinned is None:
        out.print("vault        none yet")
        return
    out.print(f"vault        {machine.pinned.log_key.name}")
    out.print(f"log at       {machine.pinned.log_at}", soft_wrap=True)
    out.print(f"log          {counted(machine.mirror().size(), 'entry')} in the mirror")
    days = machine.folder.epoch_days()
    out.print(f"epoch keys   {len(days)}" + (f", {days[0]} to {days[-1]}" if days else ""))
    out.print(f"to be logged {counted(len(machine.waiting()), 'entry')}, as far as the mirror knows")
    out.print(f"to review    {counted(machine.waiting_notes(), 'request')}")
    news = machine.news()
    for line in news:
        out.print(f"roster       {line}", soft_wrap=True)
    if news:
        say(f"once you have read it: coffer custodian acknowledge {folder}")
    if machine.folder.is_frozen():
        out.print("frozen       two histories of the log were seen: both checkpoints are in the file frozen")


def _show_roster(roster: Roster) -> None:
    out = console()
    out.print(f"origin       {roster.origin}")
    for name, rule in roster.rules.items():
        out.print(f"rule {name:7} {rule.expression}")
    for member in roster.custodians:
        out.print(f"custodian    {member.name}  {member.auth.key_id.hex()}")
    if roster.witnesses:
        out.print(f"witnesses    {roster.quorum} of {', '.join(key.name for key in roster.witnesses)}")
    out.print(
        f"retention    {counted(roster.retention_days, 'day')}; records up to {counted(roster.late_days, 'day')} old are taken"
    )
    out.print(f"tally        {'exact' if roster.epsilon is None else f'epsilon {roster.epsilon}'}")
    out.print(f"waiting      {counted(roster.waiting_days, 'day')} before one that is gone is replaced")
    out.print(f"numbering    {roster.numbering}")
    out.print(f"hash         {roster.hash.hex()}", soft_wrap=True)
    say("every custodian must see this same hash: read it to each other")
