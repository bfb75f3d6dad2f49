"""Message templates: create, review, list, read, edit, delete."""

from __future__ import annotations

import base64
import json
import re
import time
from typing import Any
from urllib.parse import urlencode

from sandbox.errors import GraphError
from sandbox.jsonio import Json
from sandbox.model import Template, Waba
from sandbox.state import World
from sandbox.template_rules import check_category, check_components, check_template, is_named, refusal, seen_category
from sandbox.timeline import Timeline
from sandbox.webhooks import Outbox

TEMPLATE_LIMIT = 6_000
DAY_S = 86_400.0
_DEFAULT_FIELDS = ("name", "parameter_format", "components", "language", "status", "category", "id")
_EXTRAS = (
    "message_send_ttl_seconds", "cta_url_link_tracking_opted_out", "degrees_of_freedom_spec", "sub_category",
    "library_template_name", "display_format",
)  # fmt: skip
_TOLD_BUTTONS = ("URL", "PHONE_NUMBER", "QUICK_REPLY")
_EDITABLE = ("APPROVED", "REJECTED", "PAUSED")
_SCAMS = ("lottery", "casino", "free money")


class TemplatesApi:
    """The templates of all accounts."""

    def __init__(self, world: World, timeline: Timeline, outbox: Outbox) -> None:
        self.world = world
        self.timeline = timeline
        self.outbox = outbox

    def create(self, waba: Waba, data: Json) -> Json:
        """Take a template for review; raise GraphError with Meta's words when it breaks a rule."""
        data = {**data, "components": _parsed(data.get("components"))}
        now = time.time()
        check_template(data)
        name, language = data["name"], data["language"]
        if (name, language) in waba.by_name:
            raise refusal(
                2388024,
                "Content in this language already exists",
                f"There is already {language} content for this template. You can create a new template and try again.",
            )
        if max(waba.deleted_names.get(key, 0.0) for key in (name, f"{name}/{language}")) > now - 30 * DAY_S:
            raise refusal(
                2388023,
                "Message template language is being deleted",
                f"New {language} content can't be added while the existing content is being deleted. Try again in 4 weeks or create a new message template.",
            )
        if len(waba.templates) >= TEMPLATE_LIMIT:
            raise refusal(
                2388019,
                "Template limit exceeded",
                f"This account has reached its limit of {TEMPLATE_LIMIT:,} templates.",
            )
        if not waba.creations.add_if_below(self.world.settings.template_creations_per_hour, now):
            raise GraphError(80007, "The account has created too many templates in the last hour.")
        template = self._new(waba, data, now)
        self.world.remember_body("creation", data)
        self._send_to_review(template)
        return {"id": template.id, "status": template.status, "category": template.category}

    def _new(self, waba: Waba, data: Json, now: float) -> Template:
        return self.world.add_template(
            Template(
                id=self.world.new_id("61"),
                waba_id=waba.id,
                name=data["name"],
                language=data["language"],
                category=seen_category(data["category"].upper(), data["components"]),
                components=tidy(data["components"], data["category"].upper()),
                parameter_format="NAMED" if is_named(data) else "POSITIONAL",
                status="PENDING",
                created_at=now,
                extra={key: data[key] for key in _EXTRAS if key in data},
            )
        )

    def _send_to_review(self, template: Template) -> None:
        template.status = "PENDING"
        self.world.accounts_changed = True
        self.timeline.after(self.world.settings.review_after_s, self.review, template)

    def review(self, template: Template) -> None:
        """Decide on a pending template: names with "reject" and scams are refused, the rest is approved.

        A name with "wait" is never decided on, so that there is something to look at.
        """
        is_gone = self.world.templates.get(template.id) is not template
        if is_gone or template.status != "PENDING" or "wait" in template.name:
            return
        text = " ".join(str(c.get("text", "")) for c in template.components).lower()
        if any(word in text for word in _SCAMS):
            self.set_status(template, "REJECTED", reason="SCAM")
        elif "reject" in template.name:
            self.set_status(template, "REJECTED", reason="INVALID_FORMAT")
        else:
            self.set_status(template, "APPROVED")

    def set_status(self, template: Template, status: str, reason: str = "NONE", title: str = "") -> None:
        """Move a template to a status and tell the account."""
        template.status, template.rejected_reason = status, reason if status == "REJECTED" else "NONE"
        self.world.accounts_changed = True
        value: Json = {
            "event": status,
            "message_template_id": int(template.id),
            "message_template_name": template.name,
            "message_template_language": template.language,
            "reason": reason,
            "message_template_category": template.category,
        }
        if status == "REJECTED":
            value["rejection_info"] = {"reason": reason, "recommendation": "Change the template and submit it again."}
        if title:
            value["other_info"] = {"title": title, "description": "The template's quality is low."}
        self.outbox.tell_account(template.waba_id, "message_template_status_update", value)

    def list(self, waba: Waba, query: Json, base_url: str) -> Json:
        """One page of an account's templates, newest first, filtered as the query asks."""
        found = [t for t in reversed(waba.templates.values()) if _matches(t, query)]
        limit = _limit(query.get("limit"))
        start = _start(found, query)
        page = found[start : start + limit]
        fields = _fields(query)
        answer: Json = {"data": [self.describe(t, fields, base_url) for t in page]}
        if page:
            paging: Json = {"cursors": {"before": _cursor(page[0]), "after": _cursor(page[-1])}}
            path = f"{base_url}/{waba.id}/message_templates"
            if start + limit < len(found):
                paging["next"] = _page_url(path, query, after=_cursor(page[-1]))
            if start:
                paging["previous"] = _page_url(path, query, before=_cursor(page[0]))
            answer["paging"] = paging
        if "summary" in query:
            answer["summary"] = {
                "total_count": len(found),
                "message_template_count": len(waba.templates),
                "message_template_limit": TEMPLATE_LIMIT,
                "are_translations_complete": True,
            }
        return answer

    def describe(self, template: Template, fields: tuple[str, ...], base_url: str) -> Json:
        """A template with the fields asked for."""
        full: Json = {
            "name": template.name,
            "parameter_format": template.parameter_format,
            "components": _with_sample_urls(template.components, base_url),
            "language": template.language,
            "status": template.status,
            "category": template.category,
            "rejected_reason": template.rejected_reason,
            "quality_score": {"score": template.quality, "date": int(template.created_at)},
            "id": template.id,
            **template.extra,
        }
        return {key: full[key] for key in (*fields, "id") if key in full}

    def get(self, template: Template, query: Json, base_url: str) -> Json:
        """One template."""
        return self.describe(template, _fields(query), base_url)

    def edit(self, template: Template, data: Json) -> Json:
        """Replace what was given and send the template back to review, within Meta's limits on edits."""
        if template.status not in _EDITABLE:
            raise refusal(
                2388039, "Template can't be edited", f"A template in the status {template.status} can't be edited."
            )
        now = time.time()
        category = template.category
        if "category" in data:
            check_category(data["category"])
            category = str(data["category"]).upper()
            if template.status == "APPROVED" and category != template.category:
                raise refusal(
                    None, "Category can't be changed", "The category of an approved template can't be edited."
                )
        if "components" in data:
            components = _parsed(data["components"])
            check_components(
                components, category=category, named=is_named({"parameter_format": template.parameter_format} | data)
            )
            self._count_edit(template, now)
            self.world.remember_body("edit", data | {"components": components})
            template.components = tidy(components, category)
            self._tell_words(template)
        if "parameter_format" in data:
            template.parameter_format = "NAMED" if is_named(data) else "POSITIONAL"
        template.category = category
        template.extra |= {key: data[key] for key in _EXTRAS if key in data}
        self._send_to_review(template)
        return {"success": True, "id": template.id, "name": template.name, "category": template.category}

    def _tell_words(self, template: Template) -> None:
        """Tell the account what the template says now. Parts that it does not have are left out."""
        parts = {part["type"]: part for part in template.components}
        buttons = parts.get("BUTTONS", {}).get("buttons", [])
        told = [
            {
                f"message_template_button_{name}": button[name]
                for name in ("type", "text", "url", "phone_number")
                if name in button
            }
            for button in buttons
            if button["type"] in _TOLD_BUTTONS
        ]
        words: Json = {
            "message_template_title": parts.get("HEADER", {}).get("text"),
            "message_template_element": parts["BODY"].get("text", ""),
            "message_template_footer": parts.get("FOOTER", {}).get("text"),
            "message_template_buttons": told if len(told) == len(buttons) else None,
        }
        facts: Json = {
            "message_template_id": int(template.id),
            "message_template_name": template.name,
            "message_template_language": template.language,
        }
        facts |= {name: value for name, value in words.items() if value}
        self.outbox.tell_account(template.waba_id, "message_template_components_update", facts)

    def _count_edit(self, template: Template, now: float) -> None:
        if template.status != "APPROVED":
            return
        edits = [at for at in template.edited_at if at > now - 30 * DAY_S]
        if len(edits) >= 10 or any(at > now - DAY_S for at in edits):
            raise refusal(
                2388039,
                "Too many edits",
                "An approved template can be edited once in 24 hours and 10 times in 30 days.",
            )
        template.edited_at = [*edits, now]

    def delete(self, waba: Waba, query: Json) -> Json:
        """Delete by name (every language), by name and id, or by a list of ids."""
        if query.get("hsm_ids"):
            ids = [str(i) for i in _parsed(query["hsm_ids"])]
            doomed = [waba.templates[i] for i in ids if i in waba.templates]
        elif query.get("hsm_id"):
            if not query.get("name"):
                raise GraphError(100, message="(#100) The parameter name is required.")
            one = waba.templates.get(str(query["hsm_id"]))
            doomed = [one] if one and one.name == query["name"] else []
        else:
            if not query.get("name"):
                raise GraphError(100, message="(#100) The parameter name is required.")
            doomed = [t for t in waba.templates.values() if t.name == query["name"]]
        if not doomed:
            raise refusal(2593002, "Message template not found", "There is no such message template in this account.")
        for template in doomed:
            if template.status == "DISABLED":
                raise refusal(None, "Template can't be deleted", "A disabled template can't be deleted.")
            if template.status == "APPROVED":
                is_whole = not (query.get("hsm_id") or query.get("hsm_ids"))
                waba.deleted_names[template.name if is_whole else f"{template.name}/{template.language}"] = time.time()
            self.world.remove_template(template)
        return {"success": True}

    def unpause(self, template: Template) -> Json:
        """Release a paused template."""
        if template.status != "PAUSED":
            return {"success": False, "reason": "The template is not paused."}
        self.set_status(template, "APPROVED", title="UNPAUSED")
        return {"success": True}


def tidy(components: list[Json], category: str) -> list[Json]:
    """Components as Meta stores them: types in capitals, the fixed text of authentication templates filled in."""
    tidied = []
    for component in components:
        kept = {**component, "type": str(component["type"]).upper()}
        if "format" in kept:
            kept["format"] = str(kept["format"]).upper()
        if kept["type"] == "BUTTONS":
            kept["buttons"] = [{**button, "type": str(button["type"]).upper()} for button in kept["buttons"]]
        tidied.append(kept | _code_words(kept) if category == "AUTHENTICATION" else kept)
    return tidied


def _code_words(component: Json) -> Json:
    """Meta's fixed words for a part of a one-time code."""
    if component["type"] == "BODY":
        advice = " For your security, do not share this code." if component.get("add_security_recommendation") else ""
        return {"text": f"*{{{{1}}}}* is your verification code.{advice}"}
    if component["type"] == "FOOTER" and component.get("code_expiration_minutes"):
        return {"text": f"This code expires in {component['code_expiration_minutes']} minutes."}
    return {}


def _parsed(value: Any) -> Any:
    """A parameter that may come as JSON or, in a form or query, as its text."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise GraphError(100, "A parameter is not valid JSON.") from None


def _matches(template: Template, query: Json) -> bool:
    text = query.get("name_or_content", "") or query.get("content", "")
    return (
        query.get("name", "") in template.name
        and all(
            not query.get(key) or getattr(template, key).upper() in str(query[key]).upper()
            for key in ("status", "category")
        )
        and (not query.get("language") or template.language in str(query["language"]))
        and (not text or text in template.name or text in json.dumps(template.components, ensure_ascii=False))
    )


def _limit(value: Any) -> int:
    try:
        return min(max(int(value), 1), 1000) if value is not None else 25
    except (TypeError, ValueError):
        raise GraphError(100, message="(#100) Param limit must be a number") from None


def _page_url(path: str, query: Json, **cursor: str) -> str:
    """The address of another page: the same question, another cursor. The token stays out of it."""
    kept = {key: value for key, value in query.items() if key not in ("after", "before", "access_token")}
    return f"{path}?{urlencode(kept | cursor)}"


def _cursor(template: Template) -> str:
    return base64.urlsafe_b64encode(template.id.encode()).decode().rstrip("=")


def _start(found: list[Template], query: Json) -> int:
    """Where the page begins. A cursor survives the deletion of the template it was made from."""
    cursor = query.get("after") or query.get("before")
    if not cursor:
        return 0
    try:
        known = base64.urlsafe_b64decode(str(cursor) + "=" * (-len(str(cursor)) % 4)).decode()
        position = next((i for i, t in enumerate(found) if int(t.id) <= int(known)), len(found))
    except ValueError:
        raise GraphError(131059) from None
    exact = position < len(found) and found[position].id == known
    if query.get("after"):
        return position + 1 if exact else position
    return max(position - _limit(query.get("limit")), 0)


def _fields(query: Json) -> tuple[str, ...]:
    asked = str(query.get("fields") or "")
    return tuple(field.strip() for field in asked.split(",") if field.strip()) or _DEFAULT_FIELDS


def _with_sample_urls(components: list[Json], base_url: str) -> list[Json]:
    """A fetched template shows an address of the header's sample where the handle was given."""
    root = re.sub(r"/v\d+\.\d+$", "", base_url)
    return [_with_sample_url(component, root) for component in components]


def _with_sample_url(component: Json, root: str) -> Json:
    if component.get("type") == "CAROUSEL":
        cards = [
            card | {"components": [_with_sample_url(part, root) for part in card["components"]]}
            for card in component["cards"]
        ]
        return component | {"cards": cards}
    handles = component.get("example", {}).get("header_handle") if component.get("type") == "HEADER" else None
    return {**component, "example": {"header_handle": [root + sample_path(handles[0])]}} if handles else component


def sample_path(handle: str) -> str:
    """The path under which the sandbox serves the sample behind an upload handle."""
    return handle if handle.startswith("/") else f"/sandbox/sample/{handle.rsplit(':', 1)[-1]}"
