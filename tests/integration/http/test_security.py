"""What protects browsers and secrets, on the product under gunicorn with an https address and one foreign page allowed."""

import re
from typing import Any

import pytest
import requests

from tests.cast import PASSWORD, Cast
from tests.conftest import answers
from tests.servers import Processes, wait_until
from wotnot.blueprints.api.seed import SHORT_PATHS
from wotnot.blueprints.htmx import SECURITY_HEADERS
from wotnot.services import api_keys

SHOP = "https://shop.example"
PREFLIGHT = {
    "Origin": SHOP,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type,idempotency-key",
}


@pytest.fixture
def url(processes: Processes, environment: dict[str, str]) -> str:
    """Where it listens: behind the proxy that ends TLS, so to say."""
    here = environment["PUBLIC_URL"]
    settings = {
        "PUBLIC_URL": "https://wotnot.example",
        "CORS_ORIGINS": SHOP,
        "WEB_THREADS": "40",
        "WEB_CONCURRENCY": "1",
    }
    processes.start("secured", "gunicorn", "wsgi:app", "--config", "gunicorn.conf.py", **settings)
    wait_until(lambda: answers(f"{here}/healthz"), 30, "gunicorn")
    return here


def log_in(url: str, **fields: Any) -> requests.Response:
    body = {"email": "alice@example.com", "password": PASSWORD} | fields
    return requests.post(f"{url}/api/v1/auth/login", json=body, timeout=10)


def test_browsers_are_told_what_they_may(url: str, committed_cast: Cast) -> None:
    paths = (
        "/app/login",
        "/api/v1/me",
        "/api/v1/docs",
        "/api/v1/openapi.json",
        "/healthz",
        "/static/mark.svg",
        "/nothing",
    )
    for path in paths:
        answer = requests.get(f"{url}{path}", timeout=10)
        assert {name: answer.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS, path
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000", path
    assert "unsafe" not in SECURITY_HEADERS["Content-Security-Policy"]
    wrong = requests.put(f"{url}/api/v1/me", timeout=10)
    assert (wrong.status_code, "GET" in wrong.headers["Allow"]) == (405, True)
    cookies = requests.get(f"{url}/app/login", timeout=10).raw.headers.getlist("Set-Cookie")
    assert cookies
    for cookie in cookies:
        assert {"Secure", "HttpOnly", "SameSite=Lax"} <= set(cookie.split("; ")), cookie


def test_only_the_listed_page_may_call_and_only_what_programs_call(url: str, committed_cast: Cast) -> None:
    short = [(path.method, re.sub("<.*>", "7", path.rule)) for path in SHORT_PATHS]
    for method, path in [("POST", "/api/v1/messages"), *short, *((method, f"{path}/") for method, path in short)]:
        asked = PREFLIGHT | {"Access-Control-Request-Method": method}
        allowed = requests.options(f"{url}{path}", headers=asked, timeout=10)
        assert (allowed.status_code, allowed.headers.get("Access-Control-Allow-Origin")) == (200, SHOP), path
        assert method in allowed.headers["Access-Control-Allow-Methods"].split(", "), path
        named = set(allowed.headers["Access-Control-Allow-Headers"].lower().split(", "))
        assert {"authorization", "content-type", "idempotency-key"} <= named, path
        # Cookies stay at home: a foreign page brings a key, or nothing.
        assert "Access-Control-Allow-Credentials" not in allowed.headers, path
    read = requests.get(f"{url}/api/v1/me", headers={"Origin": SHOP}, timeout=10)
    assert {"Retry-After", "X-RateLimit-Remaining"} <= set(read.headers["Access-Control-Expose-Headers"].split(", "))
    refused = (
        ("/api/v1/me", "https://other.example"),
        ("/api/v1/me", "null"),
        ("/contacts", "https://other.example"),
        ("/app/login", SHOP),
        ("/app/contacts", SHOP),
        ("/contactsandmore", SHOP),
    )
    for path, origin in refused:
        answer = requests.get(f"{url}{path}", headers={"Origin": origin}, timeout=10)
        assert "Access-Control-Allow-Origin" not in answer.headers, (path, origin)


def test_an_answer_says_how_many_calls_are_left(url: str, committed_cast: Cast) -> None:
    headers = {"Authorization": f"Bearer {log_in(url).json()['access_token']}"}
    first, second = (requests.get(f"{url}/api/v1/me", headers=headers, timeout=10).headers for _ in range(2))
    assert int(first["X-RateLimit-Limit"]) == 6000
    assert int(first["X-RateLimit-Remaining"]) - int(second["X-RateLimit-Remaining"]) == 1
    assert int(first["X-RateLimit-Reset"]) > 0
    tries = [log_in(url, password="wrong wrong wrong") for _ in range(11)]
    assert tries[-1].status_code == 429
    assert int(tries[-1].headers["Retry-After"]) > 0


def test_secrets_are_not_in_the_log(url: str, committed_cast: Cast, processes: Processes) -> None:
    tokens = log_in(url).json()
    key = api_keys.create_api_key(committed_cast.workspace.id, user_id=committed_cast.alice.id, name="Shop")[1]
    log_in(url, password="a wrong pass phrase")
    requests.get(f"{url}/api/v1/me", headers={"X-API-Key": key}, timeout=10)
    requests.get(f"{url}/api/v1/me?access_token={tokens['access_token']}", timeout=10)
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    contact = {"phone": "+27825550142", "name": "Naledi Mokoena"}
    assert requests.post(f"{url}/api/v1/contacts", json=contact, headers=bearer, timeout=10).status_code == 201
    number = {"waba_id": "1", "phone_number_id": "2", "access_token": "EAAGsecretsecretsecret"}
    requests.post(f"{url}/api/v1/channels", json=number, headers=bearer, timeout=10)
    log = processes.log("secured").read_text()
    assert log.count("/api/v1/contacts"), "the log has a line for each request"
    secrets = (
        PASSWORD,
        "a wrong pass phrase",
        key,
        *tokens_of(tokens),
        number["access_token"],
        "27825550142",
        "Naledi",
    )
    assert [secret for secret in secrets if secret in log] == []


def tokens_of(answer: dict[str, Any]) -> list[str]:
    """The two tokens; their signatures too, which alone would do for somebody who can guess the rest."""
    found = [answer["access_token"], answer["refresh_token"]]
    return found + [token.rpartition(".")[2] for token in found]
