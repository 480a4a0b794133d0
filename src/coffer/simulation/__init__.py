"""A country's call and text records, made up, in the form of an operator's files: who calls whom, when, how long.

Promises: the same scenario gives the same bytes, whatever the number of processes (with the same releases of numpy, of
phonenumbers and of the time zone database); every row can be read by the feed file written beside it; and for the
planted subjects of ``truths.json`` the whole list of their records is known, found by filtering the rows themselves and
not with any code of the rest of Coffer. Trusts nothing and holds nothing real: numbers are drawn at random from ranges
in use, so one may by chance be somebody's, but nothing said here about it is true.

Touches the disk in ``run`` only; ``scenario``, ``numbers``, ``population``, ``traffic``, ``planted``, ``truths`` and
``writers`` are functions of their arguments. Writes the CSV feed of ``docs/formats/feed.md``.

Public API::

    from coffer.simulation.scenario import Scenario, daily_totals
    from coffer.simulation.run import SimulationSummary, simulate

    simulate(out_dir, scenario=Scenario(), on_progress=print, workers=2)

``out_dir`` then holds ``feed.toml``, ``truths.json`` and one ``YYYY-MM-DD.csv`` a UTC day.
"""
