"""`flask --app wsgi broadcast` from a file to the summary, with a real worker and the sandbox in Meta's place."""

from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from tests import factories as make
from tests.cast import Cast
from tests.sandbox_control import SandboxControl
from tests.servers import Processes
from wotnot.commands.broadcast import parse_variables
from wotnot.errors import Invalid
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, Channel, Message

PEOPLE = "name,phone,city\nNaledi,082 555 0142,Paarl\n,082 555 0143,Ceres\nDan,082 555 0144,\nWrong,12,\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "spring.csv"
    path.write_text(PEOPLE, encoding="utf-8")
    return path


@pytest.fixture
def channel(committed_cast: Cast) -> Channel:
    make.make_template(
        committed_cast.workspace,
        name="early_access",
        components=[{"type": "BODY", "text": "Hi {{1}}, from {{2}}."}],
    )
    return make.make_channel(committed_cast.workspace, phone_number_id="800000000000001", rate_per_second=200)


def run(app: Flask, *arguments: str, **kwargs: Any) -> Any:
    return app.test_cli_runner().invoke(args=["broadcast", *arguments], **kwargs)


def test_variables_on_the_command_line() -> None:
    assert parse_variables(("1=name|there", "2=text:20% = off", "header.1=city")) == {
        "1": {"field": "name", "fallback": "there"},
        "2": {"text": "20% = off"},
        "header.1": {"field": "city"},
    }
    for wrong in ("name", "=name", "1="):
        with pytest.raises(Invalid):
            parse_variables((wrong,))


def test_from_a_file_to_the_summary(
    app: Flask, channel: Channel, file: Path, sandbox: SandboxControl, processes: Processes
) -> None:
    processes.start_worker("events", "default", "media", "bulk")
    processes.start_worker("send")
    result = run(
        app,
        *("--csv", str(file), "--template", "early_access", "--channel", str(channel.id), "--yes"),
        *("--var", "1=first_name|there", "--var", "2=city|afar"),
    )
    assert result.exit_code == 0, result.output
    assert "3 new" in result.output
    assert "1 not usable" in result.output
    assert "3 of 3 people get the message" in result.output
    assert "spring: finished" in result.output
    made = db.session.scalars(select(Broadcast)).one()
    assert made.state is BroadcastState.FINISHED
    values = {tuple((row or {})["values"].values()) for row in db.session.scalars(select(Message.content))}
    assert values == {("Naledi", "Paarl"), ("there", "Ceres"), ("Dan", "afar")}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"--template": "nonsense"}, "no template “nonsense”"),
        ({"--channel": "999999"}, "no number with the id 999999"),
        ({"--var": "nonsense"}, "should look like 1=name"),
        ({"--workspace": "999999"}, "in this workspace"),
    ],
)
def test_mistakes_are_said_before_anything_happens(
    app: Flask, channel: Channel, file: Path, changes: dict[str, str], words: str
) -> None:
    options = {"--csv": str(file), "--template": "early_access", "--channel": str(channel.id)} | changes
    result = run(app, *(part for option in options.items() for part in option))
    assert result.exit_code == 1
    assert words in result.output
    assert db.session.scalars(select(Broadcast)).all() == []
