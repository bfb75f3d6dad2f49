"""The API under gunicorn against its own OpenAPI document: thousands of made-up requests, right ones and wrong ones.

schemathesis reads the document, calls every operation with what the schemas allow and what they forbid, follows the links
from what was made to what can be done with it, and holds each answer to what the document promises.
"""

import io
import re
import subprocess
from pathlib import Path

import requests
from flask import Flask

from launcher.paths import ROOT
from tests import factories
from tests.cast import PASSWORD, Cast
from tests.fuzz.conflicts import CONFLICTS
from tests.sandbox_control import SandboxControl
from tests.servers import VENV_BIN
from wotnot.extensions import api
from wotnot.services import api_keys, contact_imports

HERE = Path(__file__).parent
EACH = 8
REPORT = ROOT / "var" / "api-by-schema.txt"


def test_every_answer_is_as_the_document_says(live_server: str, committed_cast: Cast, sandbox: SandboxControl) -> None:
    furnish(committed_cast, sandbox)
    credentials = sign_in(live_server, committed_cast)
    command = [str(VENV_BIN / "schemathesis"), "--config-file", str(HERE / "schemathesis.toml"), "run"]
    run = subprocess.run(
        [*command, f"{live_server}/api/v1/openapi.json", "--no-color"],
        cwd=ROOT,
        env={"PATH": str(VENV_BIN), "PYTHONPATH": str(ROOT), "COLUMNS": "120"} | credentials,
        capture_output=True,
        text=True,
        check=False,
    )
    report = f"{run.stdout}\n{run.stderr}"
    REPORT.write_text(report)
    assert run.returncode == 0, report
    document = requests.get(f"{live_server}/api/v1/openapi.json", timeout=10).json()
    calls = sum(verb != "parameters" for operations in document["paths"].values() for verb in operations)
    assert f"Tested: {calls}\n" in report, "no call is left out"
    followed = re.search(r"API Links: +(\d+) covered", report)
    assert followed, report
    assert int(followed[1]) > 0, "what one call made, the next one was asked about"
    # Had a credential ended on the way, everything behind it would have been a well-documented 401.
    for headers in ({"Authorization": f"Bearer {credentials['FUZZ_TOKEN']}"}, {"X-API-Key": credentials["FUZZ_KEY"]}):
        assert requests.get(f"{live_server}/api/v1/me", headers=headers, timeout=10).status_code == 200


def test_the_document_has_409_where_the_table_has_it(app: Flask) -> None:
    with app.app_context():
        paths = api.spec.to_dict()["paths"]
    documented = {
        f"{verb.upper()} {path}"
        for path, operations in paths.items()
        for verb, operation in operations.items()
        if verb != "parameters" and "409" in operation["responses"]
    }
    assert documented == set(CONFLICTS)


def sign_in(url: str, cast: Cast) -> dict[str, str]:
    """The credentials, as hooks.py wants them."""
    alice, spent, stranger = (log_in(url, email) for email in (cast.alice.email, cast.alice.email, cast.charlie.email))
    return {
        "FUZZ_TOKEN": alice["access_token"],
        "FUZZ_REFRESH_TOKEN": alice["refresh_token"],
        "FUZZ_SPENT_TOKEN": spent["access_token"],
        "FUZZ_OTHER_TOKEN": stranger["access_token"],
        "FUZZ_KEY": api_keys.create_api_key(cast.workspace.id, user_id=cast.alice.id, name="Fuzz")[1],
    }


def log_in(url: str, email: str) -> dict[str, str]:
    """The tokens of a new log-in."""
    answer = requests.post(f"{url}/api/v1/auth/login", json={"email": email, "password": PASSWORD}, timeout=10)
    assert answer.status_code == 200, answer.text
    tokens: dict[str, str] = answer.json()
    return tokens


def furnish(cast: Cast, sandbox: SandboxControl) -> None:
    """A workspace in which ids from 1 to EACH lead somewhere."""
    here = cast.workspace
    channel = factories.make_channel(here, phone_number_id=sandbox.PHONE_NUMBER_ID)
    template = factories.make_template(here)
    shop = factories.make_sandbox_shop(here)
    for person in factories.make_contacts(here, EACH):
        broadcast = factories.make_broadcast(here, channel, template, audience={"contact_ids": [person.id]})
        factories.make_message(channel, person, broadcast)
        factories.make_conversation(channel, person)
        factories.make_inbound(channel, person)
        factories.make_segment(here)
        factories.make_media_file(here)
        contact_imports.create_import(
            here.id, io.BytesIO(b"phone\n0825550101\n12\n"), "people.csv", user_id=cast.alice.id
        )
        factories.make_export(here, cast.alice)
        factories.make_template(here)
        factories.make_channel(here)
        factories.make_shop_rule(shop, channel, template)
