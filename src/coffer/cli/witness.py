"""``coffer witness init``, ``serve`` and ``gather``. The HTTP server of a witness is here and nowhere else."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from coffer.cli.console import clock, console, say, vault_at
from coffer.disk import Disk
from coffer.errors import NotProven, Unavailable
from coffer.notes.cosign import verify_quorum
from coffer.translog.checkpoint import verify_checkpoint
from coffer.translog.store.witness import WitnessFolder, make_witness
from coffer.translog.witness import MAX_ASK_BYTES

if TYPE_CHECKING:
    from fastapi import FastAPI


@click.group(epilog="Example: coffer witness init w --name w.example/one --log VKEY, then coffer witness serve w")
def witness() -> None:
    """See that a log shows everyone one history: an outside party that cosigns what continues what it cosigned before."""


@witness.command()
@click.argument("folder")
@click.option("--name", required=True, help="The witness's name, for example w.example/one.")
@click.option(
    "--log", "logs", multiple=True, required=True, metavar="VKEY", help="The key of a log it cosigns; repeat for each."
)
def init(folder: str, name: str, logs: tuple[str, ...]) -> None:
    """Make a witness. Its key lies in the folder, readable for its owner alone."""
    made = make_witness(Path(folder), Disk(), name, list(logs))
    console().print(f"witness  {made.public.format()}", soft_wrap=True)
    say("give this line to whoever proposes the vault's roster: coffer roster propose --witness")


@witness.command()
@click.argument("folder")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at; put a TLS proxy before it.")
@click.option("--port", type=click.IntRange(1, 65_535), default=8711, show_default=True)
def serve(folder: str, host: str, port: int) -> None:
    """Answer POST /add-checkpoint (C2SP tlog-witness) until stopped."""
    try:
        import uvicorn  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        raise Unavailable("witness: the web extra is not installed", hint="pip install 'surecoffer[web]'") from error
    app = make_app(WitnessFolder(Path(folder), Disk(), clock))
    say(f"witness at http://{host}:{port}")
    uvicorn.run(app, host=host, port=port, log_level="warning", access_log=False, server_header=False)


def make_app(own: WitnessFolder) -> "FastAPI":
    """The HTTP application of a witness."""
    from fastapi import FastAPI, Request, Response  # noqa: PLC0415 - an optional extra
    from fastapi.concurrency import run_in_threadpool  # noqa: PLC0415

    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)

    async def add_checkpoint(request: Request) -> Response:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_ASK_BYTES:
                return Response(status_code=413)
        try:
            status, answer = await run_in_threadpool(own.add_checkpoint, body)
        except Unavailable:
            return Response(status_code=503)
        kind = "text/x.tlog.size" if status == 409 else "text/plain; charset=utf-8"
        return Response(content=answer, status_code=status, headers={"content-type": kind})

    app.add_api_route("/add-checkpoint", add_checkpoint, methods=["POST"], response_class=Response)
    return app


@witness.command()
@click.argument("vault")
def gather(vault: str) -> None:
    """Ask the roster's witnesses to cosign the newest checkpoint. Appending does it by itself; this is for a log that was quiet."""
    opened = vault_at(vault)
    with opened.writing() as state:
        opened.gather_cosignatures(state)
        note = verify_checkpoint(opened.log.checkpoint(), opened.pins.log_key, "checkpoint").note
        roster = state.roster
        times = {key.name: key.time_of(note) for key in roster.witnesses}
        try:
            verify_quorum(note, roster.witnesses, roster.quorum, newest=state.newest, now=clock())
        except NotProven as error:
            raise Unavailable(
                error.message, hint="see that the witnesses run, and their addresses in policy.toml"
            ) from None
    console().print(
        f"{sum(time is not None for time in times.values())} of {len(times)} witnesses cosigned, {roster.quorum} are needed"
    )
