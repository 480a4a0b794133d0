"""The whole story in under a minute, on invented people: run it with ``make demo``.

The script founds a vault in which French numbers need the French custodian too, and ingests three simulated days. It
makes a report and asks for one French number, first without and then with enough countersignatures. It opens and
audits, and shows that the audit catches a tampered copy. The vault stays for you to try.
"""

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

BIN = Path(sys.executable).parent
PASSPHRASE = "correct horse battery staple"


class Story:
    """Runs commands as a person would, and prints each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = os.environ | {"COFFER_PASSPHRASE": PASSPHRASE, "PATH": f"{BIN}:{os.environ['PATH']}"}

    def tell(self, text: str) -> None:
        print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}", flush=True)

    def run(self, command: str, *, expect: int = 0, quiet: bool = False) -> None:
        print(f"  $ {command}", flush=True)
        done = subprocess.run(
            shlex.split(command), cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        shown = "" if quiet else done.stdout + done.stderr
        print("".join(f"    {line}\n" for line in shown.splitlines()), end="", flush=True)
        if done.returncode != expect:
            sys.exit(
                f"the demonstration expected exit code {expect} and got {done.returncode}\n{done.stdout}{done.stderr}"
            )


def pins_of(path: Path) -> str:
    """The two options by which an auditor names the log."""
    pins = tomllib.loads(path.read_text("utf-8"))
    return f"--log-key {pins['log']} --genesis {pins['genesis']}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="made anew: what is there now is removed")
    folder = parser.parse_args().folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    play(Story(folder), folder)


def play(story: Story, folder: Path) -> None:
    """The story, command by command."""
    story.tell("1. A vault with four custodians. French numbers can be opened only if the French custodian agrees too.")
    story.run(
        "coffer init vault --origin demo.example/vault --custodian judge --custodian dpo --custodian regulator --custodian cnctr "
        "--rule 'base=2 of judge,dpo,regulator' --rule 'FR=2 of judge,dpo,regulator and cnctr' "
        "--retention-days 7300 --late-days 7300 --tally epsilon=0.1",
        quiet=True,
    )
    story.run("coffer epoch vault --days 2016-09-01 2016-09-03")
    story.tell("2. Three days of a country's traffic, simulated, sealed while they are read.")
    story.run("coffer simulate traffic --country FR --days 2016-09-01 2016-09-03 --records 200000", quiet=True)
    days = sorted(path.relative_to(folder) for path in (folder / "traffic").glob("*.csv"))
    story.run(f"coffer ingest vault --feed traffic/feed.toml {' '.join(map(str, days))}")
    story.tell("3. How many, without looking at anybody: totals from a differentially private tally.")
    story.run("coffer report vault --from 2016-09-01 --to 2016-09-03")
    subject = busiest(folder / "traffic/truths.json")
    story.tell("4. An order for one person, three days, calls and texts, at most 500 records.")
    story.run(
        f"coffer request vault --subject {subject} --days 2016-09-01 2016-09-03 --kinds call,text --max-records 500 "
        "--authority 'Court of Appeal' --basis 'Art. 60-1 CPP, case 16/0042' --purpose 'Theft of a painting' "
        "--person 'the subscriber of the number' -o request.note"
    )
    story.tell("5. Two custodians sign. That is enough for most numbers, but not for a French one.")
    story.run("coffer countersign vault request.note --as judge --yes", quiet=True)
    story.run("coffer countersign vault request.note --as dpo --yes", quiet=True)
    story.run("coffer open vault request.note -o answer", expect=4)
    story.tell("6. The French custodian signs as well, and so does the regulator: the records open.")
    story.run("coffer countersign vault request.note --as cnctr --yes", quiet=True)
    story.run("coffer countersign vault request.note --as regulator --yes", quiet=True)
    story.run("coffer open vault request.note -o answer")
    story.tell(
        "7. Anyone can verify the answer offline, and the whole vault, with a program that shares no code with this one."
    )
    pins = pins_of(folder / "vault/vault.toml")  # a real auditor gets them from a custodian, not from the vault
    story.run(f"coffer-audit answer answer --vault vault {pins}")
    story.run(f"coffer-audit vault vault {pins}")
    story.tell(
        "8. What the court gets: one signed zip with a PDF, an ETSI message for its program, the records and the evidence."
    )
    story.run("coffer disclose answer --package case.zip --vault vault --language fr --time-zone Europe/Paris")
    story.run("coffer-audit answer case.zip --vault vault")
    story.tell("9. A copy in which somebody removed the opening from the log.")
    tamper(folder)
    story.run(f"coffer-audit vault tampered {pins}", expect=3)
    story.tell("The vault is yours to try (every passphrase is in COFFER_PASSPHRASE):")
    print(f"  cd {folder}; export PATH=$PWD/../.venv/bin:$PATH COFFER_PASSPHRASE='{PASSPHRASE}'")
    print("  coffer log vault")
    print("  coffer report vault --from 2016-09-01 --to 2016-09-03 --by destination")
    print("  coffer show request.note --vault vault")
    print("  coffer request --help")


def busiest(truths: Path) -> str:
    """The simulated French subscriber with most records, among those whose records are known."""
    subjects = json.loads(truths.read_text())["subjects"]
    french = [s for s in subjects if s["subject"].startswith("tel:+33") and len(s["records"]) <= 400]
    return max(french, key=lambda s: len(s["records"]))["subject"]


def tamper(folder: Path) -> None:
    """Copy the vault, and change a letter of the draw entry in the copy's log."""
    shutil.copytree(folder / "vault", folder / "tampered")
    bundle = max(
        (folder / "tampered/log/tile/entries").rglob("*"), key=lambda path: path.is_file() and path.stat().st_mtime
    )
    bundle.write_bytes(bundle.read_bytes().replace(b"coffer.draw/v1", b"coffer.dram/v1"))


if __name__ == "__main__":
    main()
