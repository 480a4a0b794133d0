"""Who asks a server of ours, and the crowd in which its application counts them."""

import time

from fastapi import FastAPI, Request

from coffer.serving.crowd import Client, Crowd


def client_of(request: Request) -> Client | None:
    """Who asks."""
    return None if request.client is None else (request.client.host, request.client.port)


def crowd_of(app: FastAPI) -> Crowd:
    """The crowd that an application asks about its clients, made at the first call."""
    if not hasattr(app.state, "crowd"):
        app.state.crowd = Crowd(time.monotonic)
    crowd = app.state.crowd
    assert isinstance(crowd, Crowd), "made above"
    return crowd
