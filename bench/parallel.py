"""Many openings at once on a large vault, with custodians on machines of their own.

    python bench/parallel.py --records 3000000 --openings 50

Everything is done with the commands that people use. Five custodians and a sovereign one (rule FR: 3 of a,b,c,d,e and
fr) each serve over TLS on 127.0.0.1 in a process of their own. Records are simulated. ``--openings`` requests ask for
planted numbers over the whole month, and all six approve them. Then all ``coffer open`` start at the same moment.
Prints the latencies from that moment to the end of each process, those of the same openings one after the other, the
share of starting Python, and the services' peak memory. The number of records of every answer is compared with
truths.json.
"""

import argparse
import csv
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

COFFER = str(Path(sys.executable).parent / "coffer")
ENVIRONMENT = os.environ | {"COFFER_PASSPHRASE": os.environ.get("COFFER_PASSPHRASE", "bench")}
FIRST, LAST = "2012-12-10", "2013-01-08"
NAMES = ("a", "b", "c", "d", "e", "fr")


def run(*arguments: str) -> str:
    done = subprocess.run([COFFER, *arguments], env=ENVIRONMENT, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"coffer {' '.join(arguments[:2])}: {done.stderr}")
    return done.stdout


def found(work: Path, vault: Path) -> list[subprocess.Popen]:
    """Found a vault, serve its custodians, and return their processes."""
    for name in NAMES:
        run("custodian", "init", str(work / name), "--name", name)
    keys = [word for name in NAMES for word in ("--custodian-keys", str(work / name / f"{name}.pub"))]
    rules = ["--rule", "base=3 of a,b,c,d,e", "--rule", "FR=3 of a,b,c,d,e and fr"]
    limits = ["--retention-days", "36500", "--late-days", "36500", "--tally", "epsilon=0.1"]
    run("init", str(vault), "--origin", "bench.example/vault", *keys, *rules, *limits)
    for name in NAMES:
        run("custodian", "sign-roster", str(work / name), str(vault / "roster.note"), "--yes")
    run("complete", str(vault), str(vault / "roster.note"))
    served, tables = [], []
    for name in NAMES:
        run("custodian", "join", str(work / name), "--vault", str(vault / "vault.toml"), "--log", str(vault / "log"))
        run("custodian", "epoch", str(work / name), "--days", FIRST, LAST)
        command = [COFFER, "custodian", "serve", str(work / name), "--listen", "127.0.0.1:0", "--epoch-ahead", "0"]
        process = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
        served.append(process)
        status = run("custodian", "status", str(work / name))
        fingerprint = next(line.split()[1] for line in status.splitlines() if line.startswith("fingerprint"))
        tables.append(f'[{name}]\nurl = "{process.stdout.readline().strip()}"\nfingerprint = "{fingerprint}"\n')
    (vault / "custodians.toml").write_text("\n".join(tables))
    run("sync", str(vault))
    return served


def authorize(work: Path, vault: Path, number: int, subject: str) -> Path:
    note = work / f"{number}.note"
    order = ["--authority", "bench", "--basis", f"case {number}", "--purpose", "bench", "--person", "bench"]
    what = ["--subject", subject, "--days", FIRST, LAST, "--kinds", "call,text", "--max-records", "100000", "--hub"]
    run("request", str(vault), *what, *order, "-o", str(note))
    for name in NAMES:  # hub: needs every custodian of the rule
        signed = work / f"{number}.{name}.note"
        run("custodian", "approve", str(work / name), str(note), "--yes", "-o", str(signed))
        note = signed
    return note


def opened(vault: Path, note: Path, answer: Path) -> tuple[float, float]:
    started = time.perf_counter()
    shutil.rmtree(answer, ignore_errors=True)
    run("open", str(vault), str(note), "-o", str(answer), "--deadline", "120")
    return started, time.perf_counter()


def quantiles(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {
        "first": round(ordered[0], 2),
        "median": round(statistics.median(ordered), 2),
        "p95": round(ordered[int(len(ordered) * 0.95) - 1], 2),
        "last": round(ordered[-1], 2),
    }


def peak_mib(process: subprocess.Popen) -> float:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def verify(answer: Path, truth: dict) -> int:
    with (answer / "records.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    if len(rows) != len(truth["records"]):
        sys.exit(f"{answer.name}: {len(rows)} records, expected {len(truth['records'])}")
    return len(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=3_000_000)
    parser.add_argument("--openings", type=int, default=50)
    parser.add_argument("--work", type=Path, default=Path(__file__).parent / "work" / "parallel")
    options = parser.parse_args()
    work, vault, data = options.work, options.work / "vault", options.work / "data"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    results: dict[str, object] = {"records": options.records, "openings": options.openings}
    run("simulate", str(data), "--records", str(options.records))
    served = found(work, vault)
    try:
        started = time.perf_counter()
        run("ingest", str(vault), "--feed", str(data / "feed.toml"), *map(str, sorted(data.glob("2*.csv"))))
        results["ingest_s"] = round(time.perf_counter() - started, 1)
        started = time.perf_counter()
        report = json.loads(run("receipts", str(vault), "--json", "--deadline", "300"))
        results |= {"receipts": report["given"], "receipts_s": round(time.perf_counter() - started, 1)}
        truths = json.loads((data / "truths.json").read_text())["subjects"]
        chosen = [truths[n % len(truths)] for n in range(options.openings)]
        with ThreadPoolExecutor(2) as pool:
            notes = list(pool.map(lambda n: authorize(work, vault, n, chosen[n]["subject"]), range(len(chosen))))
        with ThreadPoolExecutor(options.openings) as pool:
            started = time.perf_counter()
            spans = list(pool.map(lambda n: opened(vault, notes[n], work / f"answer-{n}"), range(len(notes))))
        results["at_once_s"] = quantiles([end - started for _, end in spans])
        results["records_answered"] = sum(verify(work / f"answer-{n}", chosen[n]) for n in range(len(notes)))
        alone = [opened(vault, notes[n], work / f"again-{n}") for n in range(min(20, len(notes)))]
        results["one_after_the_other_s"] = quantiles([end - begin for begin, end in alone])
        begin = time.perf_counter()
        run("--version")
        results["starting_s"] = round(time.perf_counter() - begin, 2)
        results["service_peak_mib"] = round(max(map(peak_mib, served)), 1)
    finally:
        for process in served:
            process.terminate()
        for process in served:
            process.wait(20)
    audit = subprocess.run([f"{COFFER}-audit", "vault", str(vault)], capture_output=True)
    results["audit"] = audit.returncode
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
