"""Static files: kept by browsers for as long as their address stands, and that changes with the file."""

from typing import Any

from flask import Flask, url_for

from tests.client import Client


def test_an_address_names_its_version_and_may_be_kept(client: Client, app: Flask, session: Any) -> None:
    with app.test_request_context():
        url = url_for("static", filename="js/live.js")
    assert "?v=" in url
    with client.get(url) as answer:
        assert answer.status_code == 200
        assert answer.cache_control.max_age == 365 * 86400


def test_a_missing_file_still_has_an_address(app: Flask, session: Any) -> None:
    with app.test_request_context():
        assert url_for("static", filename="js/nothing.js").endswith("?v=0")
