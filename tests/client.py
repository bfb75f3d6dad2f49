"""A browser and an API client for tests. The browser inspects every page it fetches, so no test has to remember to."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element

import html5lib
from flask import has_app_context
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.cast import PASSWORD
from wotnot.extensions import db
from wotnot.models import User

_CSRF_TOKEN = re.compile(r'<meta name="csrf-token" content="([^"]+)"')
_FAULTLESS: set[int] = set()
LABELLED = ("input", "select", "textarea")
NEED_NO_LABEL = {"hidden", "submit", "button", "reset", "image"}


class Client(FlaskClient):
    """A signed-out browser that follows the site's own forms: its POSTs carry the CSRF token of its session."""

    _token = ""
    """The session's CSRF token, as the last page with one had it."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        """One request in an app context of its own, as in production; then the page is inspected."""
        with self.application.app_context():
            response = super().open(*args, **kwargs)
        if "Accept-Ranges" in response.headers:
            # A file: read to the end and closed, as a browser does.
            response.make_sequence()
            response.close()
        html = response.get_data(as_text=True) if response.mimetype == "text/html" else ""
        self._remember_token(response, html)
        if html:
            # Parts of pages are also asked for by their address alone.
            is_fragment = "HX-Request" in response.request.headers or "<!doctype" not in html.lower()
            problems = _inspect_once(html, is_fragment=is_fragment)
            assert not problems, f"{response.request.method} {response.request.path}: " + "; ".join(problems)
        if response.request.method == "GET" and "HX-Request" in response.request.headers:
            # It may come after the answer to a form that was sent later, and would undo what that put into the session.
            assert session_cookie_of(response) is None, (
                f"{response.request.path} sets the session's cookie with a fragment"
            )
        return response

    def sign_in(self, user: User, password: str = PASSWORD) -> None:
        """Through the log-in page, as a person does."""
        email = user.email
        if has_app_context():
            # A savepoint of the test's own around the request's would take what it wrote along when it is rolled back.
            db.session.commit()
        response = self.submit("/app/login", email=email, password=password)
        assert response.status_code == 302, f"sign-in of {email} failed: {response.status_code}"

    def submit(
        self, path: str, *, page: str = "", headers: dict[str, str] | None = None, **fields: Any
    ) -> TestResponse:
        """POST `fields` to `path` with the CSRF token of the last page, or of `page` (default: that at `path`) if there was none."""
        data = {"csrf_token": self._token or self.csrf_token(page or path)} | fields
        return self.post(path, data=data, headers=headers or {})

    def _remember_token(self, response: TestResponse, html: str) -> None:
        """Until the session's cookie is another one: a token is its session's."""
        if session_cookie_of(response) is not None:
            self._token = ""
        if found := _CSRF_TOKEN.search(html):
            self._token = found[1]

    def csrf_token(self, page: str) -> str:
        """The token in the <meta> of `page`."""
        response = self.get(page)
        assert response.status_code == 200, f"{page} answers {response.status_code}"
        found = _CSRF_TOKEN.search(response.get_data(as_text=True))
        assert found, f"{page} has no csrf-token"
        return found[1]

    def fragment(self, path: str, **kwargs: Any) -> TestResponse:
        """GET as htmx does."""
        return self.get(path, headers={"HX-Request": "true"}, **kwargs)

    def api(self, user: User, password: str = PASSWORD) -> "ApiClient":
        """A JSON API client of `user`, logged in for real."""
        answer = self.post("/api/v1/auth/login", json={"email": user.email, "password": password})
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return ApiClient(self.application.test_client(use_cookies=False), answer.json["access_token"])  # type: ignore[arg-type]


class ApiClient:
    """JSON in, JSON out, with a bearer token (or an API key) on every call."""

    def __init__(self, client: Client, token: str) -> None:
        """`token` is sent as `Authorization: Bearer`."""
        self._client = client
        self.token = token

    def call(self, method: str, path: str, body: object | None = None, **kwargs: Any) -> TestResponse:
        """`path` below /api/v1, or absolute for the short paths when it starts with `//`."""
        url = path[1:] if path.startswith("//") else "/api/v1" + path
        headers = {"Authorization": f"Bearer {self.token}"} | kwargs.pop("headers", {})
        if body is not None:
            kwargs["json"] = body
        return self._client.open(url, method=method, headers=headers, **kwargs)

    def get(self, path: str, **kwargs: Any) -> TestResponse:
        """GET."""
        return self.call("GET", path, **kwargs)

    def post(self, path: str, body: object | None = None, **kwargs: Any) -> TestResponse:
        """POST `body` as JSON."""
        return self.call("POST", path, body, **kwargs)

    def put(self, path: str, body: object, **kwargs: Any) -> TestResponse:
        """PUT `body` as JSON."""
        return self.call("PUT", path, body, **kwargs)

    def patch(self, path: str, body: object, **kwargs: Any) -> TestResponse:
        """PATCH with `body` as JSON."""
        return self.call("PATCH", path, body, **kwargs)

    def delete(self, path: str, **kwargs: Any) -> TestResponse:
        """DELETE."""
        return self.call("DELETE", path, **kwargs)


def _inspect_once(html: str, *, is_fragment: bool) -> list[str]:
    """A page that differs from one without fault in its CSRF token alone has none either; most tests begin at the same log-in."""
    token = _CSRF_TOKEN.search(html)
    look = hash((html.replace(token[1], "") if token else html, is_fragment))
    if look in _FAULTLESS:
        return []
    problems = inspect_page(html, is_fragment=is_fragment)
    if not problems:
        _FAULTLESS.add(look)
    return problems


def session_cookie_of(response: TestResponse) -> str | None:
    """The session's cookie that the answer sets, if it sets one."""
    for header in response.headers.getlist("Set-Cookie"):
        if header.startswith("session="):
            return header.removeprefix("session=").partition(";")[0]
    return None


def inspect_page(html: str, *, is_fragment: bool = False) -> list[str]:
    """What is wrong with a page: not valid HTML, not one h1, a field without a label, an id twice, a form without CSRF."""
    root, problems = _parse(html, is_fragment=is_fragment)
    if not is_fragment:
        headings = sum(1 for _ in root.iter("h1"))
        if headings != 1:
            problems.append(f"{headings} h1 headings")
        if not (root.findtext(".//title") or "").strip():
            problems.append("no title")
    return problems + list(_repeated_ids(root)) + list(_unlabelled(root)) + list(_unprotected_forms(root))


def _parse(html: str, *, is_fragment: bool = False) -> tuple[Element, list[str]]:
    parser = html5lib.HTMLParser(namespaceHTMLElements=False)
    root = parser.parseFragment(html) if is_fragment else parser.parse(html)
    problems = [f"HTML, line {position[0]}: {code} {values or ''}" for position, code, values in parser.errors]
    return root, problems


def _repeated_ids(root: Element) -> Iterator[str]:
    counts = Counter(element.get("id") for element in root.iter() if element.get("id") is not None)
    return (f"id {name!r} {count} times" for name, count in counts.items() if count > 1)


def _unlabelled(root: Element) -> Iterator[str]:
    targets = {label.get("for") for label in root.iter("label")}
    wrapped = {id(field) for label in root.iter("label") for field in label.iter()}
    for field in root.iter():
        if field.tag not in LABELLED or field.get("type") in NEED_NO_LABEL:
            continue
        has_name = field.get("aria-label") or field.get("aria-labelledby") or field.get("id") in targets - {None}
        if not has_name and id(field) not in wrapped:
            yield f"{field.tag} {field.get('name')!r} has no label"


def _unprotected_forms(root: Element) -> Iterator[str]:
    for form in root.iter("form"):
        names = {field.get("name") for field in form.iter("input")}
        if (form.get("method") or "get").lower() == "post" and "csrf_token" not in names:
            yield f"form to {form.get('action')!r} has no csrf_token"
