"""The option of every service that says where its figures are served."""

import click

metrics_option = click.option(
    "--metrics",
    metavar="ADDRESS",
    help="Serve figures for Prometheus to this machine, such as on 127.0.0.1:9461.",
)
