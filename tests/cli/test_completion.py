"""Completion as ``docs/commands.md`` sets it up, in the shells that are installed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
BASH = """eval "$(_COFFER_COMPLETE=bash_source coffer)"
COMP_WORDS=(coffer custodian re) COMP_CWORD=2
_coffer_completion coffer re custodian
printf '%s\\n' "${COMPREPLY[@]}"
"""
FISH = """_COFFER_COMPLETE=fish_source coffer | source
complete -C "coffer custodian re" | cut -f1
"""
ZSH = """compdef() { true; }
compadd() { while [[ $1 != -a && $# -gt 0 ]]; do shift; done; print -l -- ${(P)2}; }
_describe() { print -l -- ${${(P)3}%%:*}; }
eval "$(_COFFER_COMPLETE=zsh_source coffer)"
words=(coffer custodian re) CURRENT=3
_coffer_completion
"""
SHELLS = {
    "bash": (["--norc", "--noprofile", "-c"], BASH),
    "fish": (["--no-config", "-c"], FISH),
    "zsh": (["-f", "-c"], ZSH),
}


@pytest.mark.parametrize("shell", SHELLS)
def test_shell_completes_commands_and_imports_none(shell):
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed here")
    options, script = SHELLS[shell]
    environment = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        [program, *options, script], capture_output=True, text=True, env=environment, timeout=120, check=True
    )
    assert sorted(done.stdout.split()) == ["refuse", "review", "revoke"], done.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("coffer cu", {"custodian"}),
        ("coffer log --", {"--json", "--help"}),
        ("coffer refuse vault note --as judge --reason ", {"scope", "time", "form", "merit", "held", "law", "unclear"}),
        ("coffer nothing-of-that-name --", {"--config", "--help", "--version"}),
    ],
)
def test_program_answers_what_a_shell_asks(words, expected):
    asked = {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1), "_COFFER_COMPLETE": "bash_complete"}
    done = subprocess.run(
        [BIN / "coffer"], capture_output=True, text=True, env=os.environ | asked, timeout=120, check=True
    )
    assert {line.partition(",")[2] for line in done.stdout.splitlines()} == expected
