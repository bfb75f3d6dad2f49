"""The HTTP server: Cloud API paths with any version prefix or none, the controls, and the phone page.

Routing is by hand because the first path segment is an id of any kind of object, and because POST /messages
must stay cheap.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from sandbox.accounts_api import AccountsApi, check_token
from sandbox.ai_api import AiApi, is_ai_path
from sandbox.config import Config
from sandbox.control_api import ControlApi
from sandbox.errors import GraphError, unknown_object
from sandbox.faults import Faults, misbehave
from sandbox.files import Files
from sandbox.jsonio import Json, read_json, read_params, refuse, respond
from sandbox.lifecycle import Lifecycle
from sandbox.media_api import MediaApi
from sandbox.messages_api import MessagesApi
from sandbox.model import Number, Waba
from sandbox.phone_page import PhonePage
from sandbox.profiles import Profiles
from sandbox.shop_control import ShopControl
from sandbox.shop_hooks import Deliveries
from sandbox.shop_site import ShopSite
from sandbox.shop_state import Shops
from sandbox.sign_up_page import SignUpPage
from sandbox.state import World
from sandbox.store import Store
from sandbox.templates_api import TemplatesApi
from sandbox.timeline import Timeline
from sandbox.webhooks import Outbox

log = logging.getLogger("sandbox")

LARGEST_REQUEST = 101 * 1024 * 1024

_VERSION = re.compile(r"v\d{1,3}\.\d{1,2}")
_PORTFOLIO = ("client_whatsapp_business_accounts", "owned_whatsapp_business_accounts")
_UNSAFE = ("POST", "PUT", "PATCH", "DELETE")


class Sandbox:
    """Everything that runs in one process. Create it inside a running event loop."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.timeline = Timeline()
        self.world = World(config.settings, config.app_id, Files(config.data / "files" if config.data else None))
        self.outbox = Outbox(self.world, self.timeline)
        self.lifecycle = Lifecycle(self.world, self.timeline, self.outbox)
        self.faults = Faults()
        self.messages = MessagesApi(self.world, self.lifecycle)
        self.templates = TemplatesApi(self.world, self.timeline, self.outbox)
        self.media = MediaApi(self.world)
        self.accounts = AccountsApi(self.world, self.outbox)
        self.profiles = Profiles(self.world)
        self.ai = AiApi(config.settings)
        self.deliveries = Deliveries()
        self.shops = Shops(self.deliveries.tell)
        self.shop_site = ShopSite(self.shops, self.deliveries)
        self.store = Store(self.world, config.data / "sandbox.sqlite3", self.shops) if config.data else None
        self.control = ControlApi(
            self.world,
            self.outbox,
            self.lifecycle,
            self.faults,
            accounts=self.accounts,
            templates=self.templates,
            shops=ShopControl(self.shops, self.deliveries),
            forget=self._forget,
        )
        self.page = PhonePage(self.world, self.outbox)
        self.sign_up = SignUpPage(self.world, self.accounts)
        self._tasks: list[asyncio.Task[None]] = []
        self._good_tokens: set[str] = set()
        self._runner: web.ServerRunner | None = None

    def _forget(self) -> None:
        self.deliveries.clear()
        self.shops.reset()
        if self.store:
            self.store.wipe()

    async def start(self) -> int:
        """Load, listen, and return the port."""
        if self.store:
            self.store.load(self.lifecycle, self.outbox)
            for template in list(self.world.templates.values()):
                if template.status == "PENDING":
                    self.timeline.after(self.world.settings.review_after_s, self.templates.review, template)
            self._tasks.append(asyncio.create_task(self.store.run()))
        await self.outbox.start()
        self.outbox.ask(tries=60)
        # A request that has come whole is dealt with, whether or not its sender still waits for the answer, as at Meta:
        # a client that dies must not be able to take back what it has sent.
        server = web.Server(self.handle, request_factory=_large_request, access_log=None, handler_cancellation=False)
        self._runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.config.host, self.config.port, backlog=2048)
        await site.start()
        port: int = self._runner.addresses[0][1]
        return port

    async def stop(self) -> None:
        """Stop listening, write everything down."""
        self.page.closing.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._runner:
            await self._runner.cleanup()
        await self.outbox.close()
        await self.deliveries.close()
        if self.store:
            self.store.close(self.outbox.unfinished())

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer any request; nothing that a client sends ends in a traceback."""
        path = request.path
        try:
            if self.faults and not path.startswith("/sandbox/"):
                fault = self.faults.next_for(path)
                if fault:
                    return await misbehave(fault, request, lambda: self._answer(request, path))
            return await self._answer(request, path)
        except GraphError as error:
            self.world.stats.refused[str(error.code)] += 1
            return refuse(error)
        except web.HTTPRequestEntityTooLarge:
            return refuse(GraphError(100, "The request is too large."))
        except (asyncio.CancelledError, ConnectionResetError):
            raise
        except Exception:
            log.exception("the sandbox failed to answer %s", request.method)
            return refuse(GraphError(1))

    async def _answer(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        parts = path.strip("/").split("/")
        if parts[0] in ("", "sandbox"):
            return await self._own(request, parts[1:])
        if parts[0] == "shop":
            return await self.shop_site.handle(request, parts[1:])
        if is_ai_path(path):
            return await self.ai.handle(request, path)
        if _VERSION.fullmatch(parts[0]):
            parts = parts[1:]
        if not parts:
            raise unknown_object("", request.method)
        if parts[0] in ("oauth", "dialog", "favicon.ico"):
            return await self._open(request, parts)
        self._authorise(request)
        if len(parts) == 2 and request.method == "POST" and parts[1] in ("messages", "marketing_messages"):
            number = self.world.numbers.get(parts[0])
            if number is not None:
                return await self.messages.post(request, number, marketing_only=parts[1] != "messages")
        result = await self._graph(request, parts)
        return result if isinstance(result, web.StreamResponse) else respond(result)

    def _authorise(self, request: web.BaseRequest) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme not in ("Bearer", "OAuth"):
            token = request.query.get("access_token", "")
        if token in self._good_tokens:
            return
        check_token(token.strip(), self.world.app_id)
        if len(self._good_tokens) < 1000:
            self._good_tokens.add(token)

    async def _open(self, request: web.BaseRequest, parts: list[str]) -> web.StreamResponse:
        """What needs no token."""
        if parts == ["oauth", "access_token"]:
            return respond(self.accounts.access_token(await read_params(request), self.world.settings.app_secret))
        if parts[0] == "dialog":
            return self.sign_up.handle(request, parts[1:])
        if parts == ["favicon.ico"]:
            return web.Response(status=204)
        raise unknown_object(parts[0], request.method)

    async def _own(self, request: web.BaseRequest, parts: list[str]) -> web.StreamResponse:
        """The phone page and the controls. Changes must be JSON, which other sites' pages cannot send unasked."""
        page = await self.page.handle(request, parts) or self.media.shown(parts)
        if page is not None:
            return page
        data: Json = dict(request.query)
        if request.method in _UNSAFE:
            if request.content_type != "application/json" and request.can_read_body:
                return respond({"error": "send JSON with Content-Type: application/json"}, 415)
            if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
                return respond({"error": "other sites may not use the controls"}, 403)
            try:
                data |= await read_json(request)
            except GraphError as error:
                return respond({"error": error.details}, 400)
        return await self.control.handle(request, parts, data)

    async def _graph(self, request: web.BaseRequest, parts: list[str]) -> Json | web.StreamResponse:
        """Find the object that the first segment names, and let its owner answer."""
        first, rest, method = parts[0], "/".join(parts[1:]), request.method
        owners: tuple[tuple[bool, Callable[[], Any]], ...] = (
            (first == "debug_token", lambda: self.accounts.debug_token(dict(request.query))),
            (first == "whatsapp_business", lambda: self.media.download(dict(request.query))),
            (first.startswith("upload:"), lambda: self._upload(request, first)),
            (first in (self.world.app_id, "app"), lambda: self._app(request, rest)),
            (first in self.world.numbers, lambda: self._number(request, self.world.numbers[first], rest)),
            (first in self.world.wabas, lambda: self._waba(request, self.world.wabas[first], rest)),
            (first in self.world.templates, lambda: self._template(request, first, rest)),
            (first in self.world.media and not rest, lambda: self._media(request, first)),
            (rest in _PORTFOLIO, lambda: self.accounts.business_wabas(dict(request.query))),
        )
        for mine, answer in owners:
            if mine:
                result = answer()
                found: Json | web.StreamResponse = await result if isinstance(result, Awaitable) else result
                return found
        raise unknown_object(first, method)

    def _media(self, request: web.BaseRequest, media_id: str) -> Json:
        media = self.world.media[media_id]
        if request.method == "DELETE":
            return self.media.delete(media)
        return self.media.describe(media, dict(request.query), _root(request))

    async def _upload(self, request: web.BaseRequest, first: str) -> Json:
        upload_id = f"{first}?{request.query_string}" if request.query_string else first
        upload = self.world.uploads.get(upload_id)
        if upload is None:
            raise unknown_object(first, request.method)
        if request.method == "GET":
            return {"id": upload.id, "file_offset": len(upload.data)}
        return await self.media.append(request, upload)

    async def _app(self, request: web.BaseRequest, rest: str) -> Json:
        data = await read_params(request)
        if (request.method, rest) == ("POST", "uploads"):
            return self.media.open_upload(data)
        if (request.method, rest) == ("POST", "subscriptions"):
            return await self.accounts.subscribe_app(data)
        if (request.method, rest) == ("GET", ""):
            return {"id": self.world.app_id, "name": "Sandbox app"}
        raise unknown_object(self.world.app_id, request.method)

    async def _number(self, request: web.BaseRequest, number: Number, rest: str) -> Json:
        if (request.method, rest) == ("POST", "media"):
            return await self.media.upload(request, number)
        data = await read_params(request)
        accounts = self.accounts
        calls: dict[tuple[str, str], Callable[[], Any]] = {
            ("GET", ""): lambda: accounts.number(number, data),
            ("POST", ""): lambda: accounts.change_number(number, data),
            ("POST", "register"): lambda: accounts.register(number, data),
            ("POST", "deregister"): lambda: accounts.deregister(number),
            ("POST", "request_code"): lambda: accounts.request_code(number, data),
            ("POST", "verify_code"): lambda: accounts.verify_code(number, data),
            ("GET", "whatsapp_business_profile"): lambda: self.profiles.read(number, data, _root(request)),
            ("POST", "whatsapp_business_profile"): lambda: self.profiles.change(number, data),
            ("GET", "block_users"): lambda: accounts.block_users(number, "GET", data),
            ("POST", "block_users"): lambda: accounts.block_users(number, "POST", data),
            ("DELETE", "block_users"): lambda: accounts.block_users(number, "DELETE", data),
        }
        return await _call(calls, request.method, rest, number.id)

    async def _waba(self, request: web.BaseRequest, waba: Waba, rest: str) -> Json:
        data = await read_params(request)
        self._count_management(waba)
        accounts, templates = self.accounts, self.templates
        calls: dict[tuple[str, str], Callable[[], Any]] = {
            ("GET", ""): lambda: accounts.waba(waba, data),
            ("GET", "phone_numbers"): lambda: accounts.numbers(waba, data),
            ("POST", "phone_numbers"): lambda: accounts.create_number(waba, data),
            ("GET", "subscribed_apps"): lambda: accounts.subscriptions(waba),
            ("POST", "subscribed_apps"): lambda: accounts.subscribe(waba, data),
            ("DELETE", "subscribed_apps"): lambda: accounts.unsubscribe(waba),
            ("GET", "message_templates"): lambda: templates.list(waba, data, _base(request)),
            ("POST", "message_templates"): lambda: templates.create(waba, data),
            ("DELETE", "message_templates"): lambda: templates.delete(waba, data),
        }
        return await _call(calls, request.method, rest, waba.id)

    def _count_management(self, waba: Waba) -> None:
        """Meta counts calls about an account by the hour."""
        now = asyncio.get_running_loop().time()
        if not waba.calls.add_if_below(self.world.settings.management_calls_per_hour, now):
            raise GraphError(80007)

    async def _template(self, request: web.BaseRequest, template_id: str, rest: str) -> Json:
        template = self.world.templates[template_id]
        data = await read_params(request)
        calls: dict[tuple[str, str], Callable[[], Any]] = {
            ("GET", ""): lambda: self.templates.get(template, data, _base(request)),
            ("POST", ""): lambda: self.templates.edit(template, data),
            ("POST", "unpause"): lambda: self.templates.unpause(template),
        }
        return await _call(calls, request.method, rest, template_id)


async def _call(calls: dict[tuple[str, str], Callable[[], Any]], method: str, rest: str, object_id: str) -> Json:
    call = calls.get((method, rest))
    if call is None:
        raise unknown_object(object_id, method)
    result = call()
    answer: Json = await result if isinstance(result, Awaitable) else result
    return answer


def _large_request(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
    """A request that may be as large as the largest document, instead of aiohttp's one megabyte."""
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=LARGEST_REQUEST)


def _root(request: web.BaseRequest) -> str:
    return f"{request.scheme}://{request.host}"


def _base(request: web.BaseRequest) -> str:
    """The address of the API as the client named it, with its version."""
    first = request.path.strip("/").split("/")[0]
    return f"{_root(request)}/{first}" if _VERSION.fullmatch(first) else _root(request)
