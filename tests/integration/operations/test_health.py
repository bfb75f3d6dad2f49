"""The probes tell the truth, also when a store is away."""

from typing import Any

from sqlalchemy import text

from tests import factories
from tests.client import Client
from wotnot import metrics


def test_healthz_answers_without_asking_any_store(client: Client) -> None:
    assert client.get("/healthz").json == {"status": "ok"}


def test_readyz_is_ready_on_a_migrated_database(session: Any, client: Client) -> None:
    response = client.get("/readyz")
    assert (response.status_code, response.json) == (200, {"status": "ok", "problems": {}})


def test_readyz_names_the_migration_that_is_missing(session: Any, client: Client) -> None:
    session.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    session.commit()
    response = client.get("/readyz")
    assert response.status_code == 503
    assert list(response.json["problems"]) == ["database"]
    assert "db upgrade" in response.json["problems"]["database"]


def test_metrics_count_what_happened(session: Any, client: Client) -> None:
    workspace = factories.make_workspace()
    factories.make_message(factories.make_channel(workspace), factories.make_contact(workspace))
    factories.make_webhook_event()
    metrics.count("sends", "accepted", 3)
    lines = client.get("/metrics").get_data(as_text=True).splitlines()
    assert 'wotnot_messages_today{state="queued"} 1.0' in lines
    assert 'wotnot_webhook_backlog{state="pending"} 1.0' in lines
    assert 'wotnot_sends_total{kind="accepted"} 3.0' in lines
    assert 'wotnot_queue_jobs{queue="events"} 0.0' in lines
    assert 'wotnot_up{store="postgresql"} 1.0' in lines
