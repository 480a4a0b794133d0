"""Figures: the text that Prometheus reads, what a service counts, and that no figure names anybody."""

import socket
import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import PlainTextResponse

from asking import Client
from coffer.cli import servers
from coffer.cli.figures import Answered, figures_app, listener_figures, process_figures, verify_own_machine
from coffer.cli.servers import _gather
from coffer.errors import MalformedInput
from coffer.procedures.duty.board import Alert, Code, Urgency
from coffer.procedures.duty.figures import board_figures
from coffer.serving.crowd import Crowd
from coffer.serving.figures import counter, format_figures, gauge, sample
from coffer.serving.summed import Summed
from figured import board


def test_text_is_as_prometheus_reads_it():
    figures = [
        counter("coffer_x_total", "How often.", sample(3, why="a"), sample(1.5, why='q"\\\n')),
        gauge("coffer_y", "Nothing yet."),
    ]
    assert format_figures(figures) == (
        "# HELP coffer_x_total How often.\n# TYPE coffer_x_total counter\n"
        'coffer_x_total{why="a"} 3\ncoffer_x_total{why="q\\"\\\\\\n"} 1.5\n'
        "# HELP coffer_y Nothing yet.\n# TYPE coffer_y gauge\n"
    )


@given(st.text(), st.floats(min_value=-1e15, max_value=1e15))
def test_whatever_a_label_holds_a_sample_is_one_line(text, value):
    text = format_figures([gauge("coffer_x", "X.", sample(value, why=text))])
    assert len(text.split("\n")) == 4
    assert float(text.split("\n")[2].rpartition(" ")[2]) == value


def test_answers_are_counted_by_status_and_turned_away_is_told_once_a_minute_and_grows():
    async def app(scope, receive, send):
        await PlainTextResponse("x", 503 if scope["path"] == "/busy" else 200)(scope, receive, send)

    answered, crowd, told = Answered(app), Crowd(time.monotonic), []
    client = Client(answered, "http://127.0.0.1")
    for path in ("/a", "/busy", "/b"):
        client.get(path)
    summed, before = Summed(told.append), Counter()
    for _ in range(3):
        crowd.turned_away["connections: no handshake"] += 1
        _gather(crowd, summed, before)
        summed.say()
    _gather(crowd, summed, before)
    summed.say()
    assert told == ["in the last minute: connections: no handshake 1"] * 3
    text = format_figures(listener_figures({"desk": (answered, crowd)}))
    assert 'coffer_answers_total{listener="desk",code="200"} 2' in text
    assert 'coffer_answers_total{listener="desk",code="503"} 1' in text
    assert 'coffer_turned_away_total{listener="desk",why="connections: no handshake"} 3' in text
    assert 'coffer_connections{listener="desk"} 0' in text


def test_metrics_are_read_anew_with_those_of_the_process():
    numbers = iter((1, 2))
    client = Client(figures_app(lambda: [gauge("coffer_x", "X.", sample(next(numbers)))]), "http://127.0.0.1")
    first, second = client.get("/metrics"), client.get("/metrics")
    assert first.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "\ncoffer_x 1\n" in first.text
    assert "\ncoffer_x 2\n" in second.text
    assert "\nprocess_start_time_seconds 1" in first.text
    assert client.get("/openapi.json").status_code == 404
    began = next(one for one in process_figures() if one.name == "process_start_time_seconds").samples[0].value
    assert 0 <= time.time() - began < 3_600 * 24


def test_figures_are_for_this_machine_alone():
    verify_own_machine("127.0.0.1:0")
    verify_own_machine("[::1]:9460")
    for listen in ("0.0.0.0:9460", "[::]:9460", "192.0.2.1:9460"):
        with pytest.raises(MalformedInput, match="plain http is for this machine only"):
            verify_own_machine(listen)


def test_alerts_of_the_page_are_counted_by_code_and_name_no_party():
    alerts = [
        Alert(code=Code.SILENT, urgency=Urgency.TODAY, facts={"name": "judge-of-somewhere"}),
        Alert(code=Code.SILENT, urgency=Urgency.TODAY, facts={"name": "dpo"}),
        Alert(code=Code.DISK, urgency=Urgency.NOW, facts={"days": 2}),
    ]
    text = format_figures(board_figures(board(alerts=tuple(alerts))))
    assert 'coffer_duty_alerts{code="silent",urgency="today"} 2' in text
    assert 'coffer_duty_alerts{code="silent",urgency="now"} 0' in text
    assert 'coffer_duty_alerts{code="disk",urgency="now"} 1' in text
    assert text.count("coffer_duty_alerts{") == 3 * len(Code)
    assert "judge" not in text
    before = format_figures(board_figures(None))
    assert before.splitlines()[-1] == "coffer_duty_looked_timestamp_seconds 0"
    assert "duty_alerts" not in before


def test_who_asks_for_figures_takes_no_place_from_others(monkeypatch):
    served, crowds = [], [Crowd(time.monotonic), Crowd(time.monotonic)]
    monkeypatch.setattr(servers, "run_together", served.extend)
    monkeypatch.setattr(servers, "places_within_descriptors", lambda: 100)
    listeners = [(servers.Listener(app=None, crowd=one, what=str(n)), bound()) for n, one in enumerate(crowds)]
    servers.run_listeners(listeners, metrics="127.0.0.1:0")
    assert [crowd._places for crowd in crowds] == [50, 50]
    assert [server.crowd._places for server, _ in served] == [50, 50, servers.METRICS_PLACES]
    for _, listening in served:
        listening.close()


def bound():
    return socket.create_server(("127.0.0.1", 0))
