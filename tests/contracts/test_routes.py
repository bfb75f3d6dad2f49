"""Walks over the whole URL map: nobody anonymous, no stranger, no forged form gets in."""

import json
from typing import Any

import pytest
from flask import Flask

from tests.cast import Cast
from tests.client import Client
from tests.contracts.routes import CHANGING, PUBLIC, Route, list_routes, make_one_of_each
from tests.sandbox_control import SandboxControl

# Live streams do not end; the walk would wait.
ENDLESS = {"stream.stream"}


@pytest.fixture
def routes(app: Flask, cast: Cast) -> list[Route]:
    """Every route, addressed to things of Alice's workspace."""
    return list(list_routes(app, make_one_of_each(cast)))


@pytest.fixture
def without_csrf(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forms without tokens are let through, so that what stands behind them is what answers."""
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", False)


def is_api(route: Route) -> bool:
    return not route.address.startswith(("/app", "/ops"))


def guarded(routes: list[Route]) -> list[Route]:
    return [route for route in routes if route.blueprint not in PUBLIC]


def test_nobody_gets_in_without_signing_in(routes: list[Route], client: Client, without_csrf: None) -> None:
    wrong = []
    for route in guarded(routes):
        response = client.open(route.address, method=route.method)
        if is_api(route):
            is_refused = response.status_code == 401
        else:
            is_refused = response.status_code == 302 and response.location.startswith("/app/login")
        if not is_refused:
            wrong.append(f"{route} answers {response.status_code}")
    assert not wrong, "\n".join(wrong)


def test_a_stranger_finds_nothing_in_the_dashboard(
    routes: list[Route], cast: Cast, client: Client, without_csrf: None
) -> None:
    client.sign_in(cast.charlie)
    wrong = []
    for route in guarded(routes):
        if route.has_ids and not is_api(route):
            status = client.open(route.address, method=route.method, data=route.fields).status_code
            if status != 404:
                wrong.append(f"{route} answers {status}")
    assert not wrong, "\n".join(wrong)


def test_a_stranger_finds_nothing_through_the_api(routes: list[Route], cast: Cast, client: Client) -> None:
    api = client.api(cast.charlie)
    wrong = []
    for route in guarded(routes):
        if route.has_ids and is_api(route):
            status = api.call(
                route.method, "/" + route.address, route.fields if route.method in CHANGING else None
            ).status_code
            if status != 404:
                wrong.append(f"{route} answers {status}")
    assert not wrong, "\n".join(wrong)


def test_the_owner_finds_all_of_it(routes: list[Route], cast: Cast, client: Client, sandbox: SandboxControl) -> None:
    """The walk above proves something only if these addresses lead somewhere."""
    client.sign_in(cast.alice)
    api = client.api(cast.alice)
    missing = []
    for route in guarded(routes):
        if route.method == "GET" and route.endpoint not in ENDLESS:
            response = api.get("/" + route.address) if is_api(route) else client.get(route.address)
            # 409 and 422 are answers of a thing that was found.
            if response.status_code >= 400 and response.status_code not in {409, 422}:
                missing.append(f"{route} answers {response.status_code}: {response.get_data(as_text=True)[:200]}")
    assert not missing, "\n".join(missing)


def test_no_form_is_taken_without_its_token(routes: list[Route], cast: Cast, client: Client) -> None:
    client.sign_in(cast.alice)
    wrong = []
    for route in routes:
        if route.method in CHANGING and route.address.startswith("/app"):
            status = client.open(route.address, method=route.method).status_code
            if status != 400:
                wrong.append(f"{route} answers {status}")
    assert not wrong, "\n".join(wrong)


def test_the_api_takes_no_cookie(routes: list[Route], cast: Cast, client: Client) -> None:
    """It is exempt from CSRF tokens, which is right only while a browser's session means nothing to it."""
    client.sign_in(cast.alice)
    wrong = [str(route) for route in guarded(routes) if is_api(route) and _status(client, route) != 401]
    assert not wrong, "\n".join(wrong)


def test_every_public_blueprint_still_exists(routes: list[Route]) -> None:
    assert PUBLIC.keys() - {route.blueprint for route in routes} == set()


def test_the_openapi_document_lists_every_api_route(routes: list[Route], client: Client, app: Flask) -> None:
    document: dict[str, Any] = json.loads(client.get("/api/v1/openapi.json").data)
    listed = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/api/v1/")]
    served = {
        (method, rule.rule.replace("<int:", "{").replace("<", "{").replace(">", "}"))
        for rule in rules
        if not rule.endpoint.startswith(("api-docs.", "api_docs."))
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert served - listed == set()


def _status(client: Client, route: Route) -> int:
    return client.open(route.address, method=route.method).status_code
