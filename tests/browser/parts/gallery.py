"""A small site made of the product's own templates, css and js, so that each part can be tried in a real browser.

It has a stream and forms of its own; nothing of the product's services is needed to see whether a part does its work.
"""

import queue
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import jinja2
from flask import Flask, Response, render_template, request

from wotnot.blueprints import assets, marks
from wotnot.blueprints.htmx import take_messages
from wotnot.blueprints.profile_pictures import picture_url

ROOT = Path(__file__).resolve().parents[3]
PAGES = Path(__file__).parent / "pages"
# As strict as the product's own; a part that needs more shows up as an error in the browser's console.
POLICY = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"


@dataclass
class Site:
    """What a test steers and counts."""

    stream_answers: bool = True
    streams_opened: int = 0
    counter_fetches: list[float] = field(default_factory=list)
    posts: list[dict[str, str]] = field(default_factory=list)
    listeners: list[queue.Queue[str | None]] = field(default_factory=list)

    def publish(self, topic: str) -> None:
        """Send one event to every open page."""
        for listener in self.listeners:
            listener.put(topic)

    def break_streams(self) -> None:
        """End every open stream and refuse new ones."""
        self.stream_answers = False
        for listener in self.listeners:
            listener.put(None)
        self.listeners.clear()


def _events(listener: queue.Queue[str | None]) -> Iterator[str]:
    yield "event: ready\ndata: \n\n"
    while (topic := listener.get()) is not None:
        yield f"event: {topic}\ndata: {{}}\n\n"


def _shell() -> dict[str, object]:
    person = SimpleNamespace(name="Dana Jacobs", email="dana@casaverde.example", is_authenticated=True)
    return {
        "current_user": person,
        "workspace": SimpleNamespace(id=1, name="Casa Verde", timezone="Africa/Johannesburg"),
        "member_role": "owner",
        "sending_now": [{"id": 12, "name": "Black Friday early access", "percent": 65}],
        "inbox_unread": lambda: 3,
        "picture_url": picture_url,
        "request_id": "",
    }


def _unread() -> str:
    return render_template("conversations/_unread.html")


def create_site(site: Site) -> Flask:
    """The application; `site` is what the test holds on to."""
    app = Flask("parts", static_folder=ROOT / "wotnot" / "static")
    app.jinja_options = {"autoescape": True, "trim_blocks": True, "lstrip_blocks": True}
    app.jinja_loader = jinja2.FileSystemLoader([PAGES, ROOT / "wotnot" / "templates"])
    app.jinja_env.globals["csrf_token"] = lambda: "token-of-this-session"
    app.jinja_env.globals["take_messages"] = take_messages
    assets.register(app)
    marks.register(app)
    app.context_processor(_shell)
    app.secret_key = "only flashes are signed with it"

    @app.after_request
    def policy(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = POLICY
        return response

    @app.get("/pages/<name>")
    def page(name: str) -> str:
        errors = {"phone": ["Too short for South Africa."]} if "bad" in request.args else {}
        return render_template(f"{name}.html", errors=errors, row=request.args.get("row", 17, int))

    @app.get("/app/stream")
    def stream() -> Response:
        if not site.stream_answers:
            return Response("busy", 503, {"Retry-After": "5"})
        site.streams_opened += 1
        listener: queue.Queue[str | None] = queue.Queue()
        site.listeners.append(listener)
        return Response(_events(listener), mimetype="text/event-stream")

    @app.get("/app/_sending")
    def sending() -> str:
        return render_template("_sending.html")

    app.add_url_rule("/app/inbox/_unread", view_func=_unread)

    @app.get("/counter")
    def counter() -> str:
        site.counter_fetches.append(time.monotonic())
        return render_template("_counter.html", count=len(site.counter_fetches))

    @app.post("/slow")
    def slow() -> tuple[str, int, dict[str, str]]:
        site.posts.append({**request.form, "header": request.headers.get("X-CSRFToken", "")})
        time.sleep(0.6)
        return (
            "<p id='answer'>done</p>",
            200,
            {"HX-Trigger": '{"toast": {"text": "Saved.", "url": "/pages/live", "action": "Undo"}}'},
        )

    @app.post("/refused")
    def refused() -> Response:
        return Response("This broadcast is already being sent.", 409, mimetype="text/plain")

    @app.get("/favicon.ico")
    def favicon() -> tuple[str, int]:
        return "", 204

    return app
