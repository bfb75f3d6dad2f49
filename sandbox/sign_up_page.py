"""Meta's sign-up window, played: it asks nothing, and comes back with a code for an account of one's own."""

from __future__ import annotations

import secrets
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sandbox.accounts_api import AccountsApi
from sandbox.errors import GraphError
from sandbox.model import Number, Waba
from sandbox.phone_page import PAGE_HEADERS
from sandbox.state import World


class SignUpPage:
    """`/dialog/oauth` shows the window, `/dialog/oauth/finish` is its button."""

    def __init__(self, world: World, accounts: AccountsApi) -> None:
        self.world = world
        self.accounts = accounts
        self._jinja = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined
        )

    def handle(self, request: web.BaseRequest, parts: list[str]) -> web.Response:
        """Answer the window or its button. Raises GraphError for an app or an address that is not known."""
        query = dict(request.query)
        back = query.get("redirect_uri", "")
        if query.get("client_id") != self.world.app_id:
            raise GraphError(101, message="Error validating application.", http=400)
        if urlsplit(back).scheme not in {"http", "https"}:
            raise GraphError(191, message="Given URL is not permitted by the application configuration.", http=400)
        if parts == ["oauth", "finish"]:
            waba = self._new_account()
            answer = {"code": self.accounts.new_code(waba, redirect_uri=back), "state": query.get("state", "")}
            return web.Response(status=302, headers={"Location": f"{back}?{urlencode(answer)}"})
        declined = {"error": "access_denied", "error_reason": "user_denied", "state": query.get("state", "")}
        page = self._jinja.get_template("sign_up.html").render(
            finish=f"/dialog/oauth/finish?{urlencode(query)}", cancel=f"{back}?{urlencode(declined)}"
        )
        return web.Response(text=page, content_type="text/html", headers=PAGE_HEADERS)

    def _new_account(self) -> Waba:
        """An account with one number, verified and not yet registered, as the window leaves it."""
        waba = Waba(self.world.new_id("70"), f"Sandbox account {len(self.world.wabas) + 1}", subscribed=False)
        self.world.wabas[waba.id] = waba
        digits = f"8215{secrets.randbelow(90_000) + 10_000}"
        self.world.add_number(
            Number(
                self.world.new_id("80"), waba.id, f"+27 {digits}", f"{waba.name}, main line", country_code="27",
                digits=f"27{digits}", status="PENDING", name_status="PENDING_REVIEW", verified=True, registered=False,
            )
        )  # fmt: skip
        return waba
