"""The clock of the commands, set by a test."""

import importlib
import pkgutil

import coffer.cli


def set_clock(monkeypatch, clock):
    """Let every command look at this clock. All are imported first: one imported later would keep it after the test."""
    names = [module.name for module in pkgutil.walk_packages(coffer.cli.__path__, "coffer.cli.")]
    modules = [importlib.import_module(name) for name in names]
    changed = [module for module in modules if hasattr(module, "clock")]
    assert len(changed) > 10
    for module in changed:
        monkeypatch.setattr(module, "clock", clock)
