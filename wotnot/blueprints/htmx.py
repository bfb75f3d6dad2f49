"""One page, two entrances: whole for a browser, only its changing part for htmx; and the headers every answer carries."""

import json

from flask import Flask, Response, current_app, get_flashed_messages, make_response, redirect, render_template, request

# Nothing inline and nothing from elsewhere. `data:` and `blob:` are for pictures the browser makes itself.
CONTENT_POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def is_htmx() -> bool:
    """Whether htmx asks for a fragment. A boosted or history request wants the whole page."""
    headers = request.headers
    return headers.get("HX-Request") == "true" and not (
        headers.get("HX-Boosted") == "true" or headers.get("HX-History-Restore-Request") == "true"
    )


def target_of() -> str:
    """The id of the element that htmx will put the answer into; "" for a browser."""
    return request.headers.get("HX-Target", "") if is_htmx() else ""


def render(full: str, partial: str, /, **context: object) -> str:
    """The template `full`, or only `partial` when htmx asks; `full` includes `partial`, so both look the same."""
    return render_template(partial if is_htmx() else full, **context)


def go_to(url: str, code: int = 303) -> Response:
    """Send the browser to `url`, also when htmx asked (which would follow a redirect inside the fragment)."""
    if is_htmx():
        response = make_response("", 200)
        response.headers["HX-Redirect"] = url
        return response
    return make_response(redirect(url, code))


def with_toast(response: Response | str, text: str, *, url: str = "", action: str = "") -> Response:
    """The fragment with a toast: what worked, and a link that undoes or opens it."""
    answer = make_response(response)
    answer.headers["HX-Trigger"] = json.dumps({"toast": {"text": text, "url": url, "action": action}})
    return answer


def is_visit() -> bool:
    """Whether somebody goes to a page, and not one of the pages fetches something: by htmx or a script, a picture, a stream.

    The second header is missing from old browsers and programs.
    """
    headers = request.headers
    return "HX-Request" not in headers and headers.get("Sec-Fetch-Dest", "document") == "document"


def take_messages() -> list[tuple[str, str]]:
    """What was said after a form, as (kind, words); said once, and only where somebody sees it."""
    return get_flashed_messages(with_categories=True) if is_visit() else []  # type: ignore[return-value]


def register(app: Flask) -> None:
    """Put the security headers on every answer, and teach the templates what was said."""
    app.after_request(_add_headers)
    app.jinja_env.globals["take_messages"] = take_messages


def _add_headers(response: Response) -> Response:
    # One look for all of them: this runs for every answer, Meta's receipts included.
    present = {name.lower() for name, _ in response.headers}
    for name, value in SECURITY_HEADERS.items():
        if name.lower() not in present:
            response.headers.add(name, value)
    if current_app.config["SESSION_COOKIE_SECURE"]:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    if response.mimetype == "text/html":
        # A page shows personal data, and Back must not show it after signing out.
        response.headers.setdefault("Cache-Control", "no-store")
    response.vary.add("HX-Request")
    return response
