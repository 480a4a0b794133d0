"""A country's call and text records, invented, in the form of an operator's files.

Promises: the same scenario gives the same bytes for any number of processes, with the same releases of numpy, of
phonenumbers and of the time zone database. The feed file written beside the rows reads every row. ``truths.json`` lists
all records of the planted subjects; they are filtered from the rows themselves, without any other code of Coffer.
Trusts nothing and holds nothing real: numbers are drawn at random from ranges in use, so one may by chance be
somebody's, but no record is true.

Only ``run`` touches the disk; ``scenario``, ``numbers``, ``population``, ``traffic``, ``planted``, ``truths`` and
``writers`` are functions of their arguments. Writes the CSV feed of ``docs/formats/feed.md``.

Public API::

    from coffer.simulation.scenario import Scenario, daily_totals
    from coffer.simulation.run import SimulationSummary, simulate

    simulate(out_dir, scenario=Scenario(), on_progress=print, workers=2)

``out_dir`` then holds ``feed.toml``, ``truths.json`` and a ``YYYY-MM-DD.csv`` for each UTC day.
"""
