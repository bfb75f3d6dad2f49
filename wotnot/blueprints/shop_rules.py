"""A shop's rules: writing one, seeing it for a past order, trying it on one's own phone, switching and deleting it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from flask import Blueprint, Flask, flash, render_template, request
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from wotnot.blueprints import shop_views, wizard_files, wizard_forms
from wotnot.blueprints.broadcast_views import time_words
from wotnot.blueprints.form_errors import errors_of
from wotnot.blueprints.guards import actor, guard_pages, page_timezone, requires, workspace_id
from wotnot.blueprints.htmx import go_to, render
from wotnot.errors import Conflict, Invalid, NotFound, Unavailable
from wotnot.models import Channel, Role, Shop, ShopOrder, ShopRule, Template
from wotnot.services import broadcast_choices, broadcast_files, media, message_templates, shop_orders, shop_rules, shops
from wotnot.services.languages import language_name
from wotnot.services.media_rules import size_words
from wotnot.services.whatsapp.payloads import TemplateVariable, list_variables
from wotnot.services.woocommerce.orders import Order
from wotnot.services.woocommerce.values import LABELS

blueprint = Blueprint("shop_rules", __name__, url_prefix="/app/shops/<int:shop_id>/rules")
guard_pages(blueprint)

Answer = str | Response | tuple[str, int]
Errors = Mapping[str, Sequence[str]]

_UNITS = (("1", "minutes"), ("60", "hours"), ("1440", "days"))
_LISTS = ("countries", "product_ids", "payment_methods")
_AMOUNTS = ("total_min", "total_max")
_FILE_SOURCES = ((wizard_forms.FILE, "A file of your library"), (wizard_forms.TEXT, "A link"))
# What a variable without a name is about is guessed from Meta's sample of it, or from its own name.
_GUESSES = (
    ("tracking_link", ("track", "http")),
    ("order_number", ("order", "number", "#")),
    ("total", ("total", "amount", "price", "$", "€", "£")),
    ("items", ("item", "product")),
    ("first_name", ("name",)),
)


def register(app: Flask) -> None:
    """Put the pages under /app/shops/<id>/rules."""
    app.register_blueprint(blueprint)


@blueprint.context_processor
def _words() -> dict[str, object]:
    return {
        "size_words": size_words,
        "language_words": language_name,
        **shop_views.words(),
        **time_words(page_timezone()),
    }


@blueprint.get("/new")
@requires(Role.ADMIN)
def new(shop_id: int) -> str:
    """The form of a new rule; what stands in the address is chosen already."""
    return _page(shop_id, None, request.args, {})


@blueprint.post("/new")
@requires(Role.ADMIN)
def create(shop_id: int) -> Answer:
    """Add a rule."""
    return _save(shop_id, None)


@blueprint.get("/<int:rule_id>")
@requires(Role.ADMIN)
def edit(shop_id: int, rule_id: int) -> str:
    """The form, filled."""
    rule = shop_rules.get_rule(workspace_id(), shop_id, rule_id)
    return _page(shop_id, rule, request.args, {})


@blueprint.post("/<int:rule_id>")
@requires(Role.ADMIN)
def save(shop_id: int, rule_id: int) -> Answer:
    """Change a rule."""
    return _save(shop_id, shop_rules.get_rule(workspace_id(), shop_id, rule_id))


@blueprint.post("/<int:rule_id>/switch")
@requires(Role.ADMIN)
def switch(shop_id: int, rule_id: int) -> Response:
    """Switch a rule on or off."""
    is_on = request.form.get("on") == "1"
    shop_rules.switch_rule(workspace_id(), shop_id, rule_id, is_on=is_on)
    flash("The rule is on, for orders from now on." if is_on else "The rule is off.", "success")
    return go_to(f"/app/shops/{shop_id}")


@blueprint.post("/<int:rule_id>/delete")
@requires(Role.ADMIN)
def delete(shop_id: int, rule_id: int) -> Response:
    """Delete a rule."""
    shop_rules.delete_rule(workspace_id(), shop_id, rule_id)
    flash("The rule is deleted. What it sent stays in the list.", "success")
    return go_to(f"/app/shops/{shop_id}")


# ---------------------------------------------------------------- while it is written


@blueprint.post("/preview")
@requires(Role.ADMIN)
def preview(shop_id: int) -> str:
    """The phone with the message for a past order, while the form is being filled."""
    shop = shops.get_shop(workspace_id(), shop_id)
    template = _template_of(request.form, None)
    if template is None:
        raise NotFound("Template")
    channel = _channel_of(request.form, None)
    return render_template("shops/_preview.html", shop=shop, **_preview(shop, channel, template, request.form, {}))


@blueprint.post("/files")
@requires(Role.ADMIN)
def files(shop_id: int) -> Answer:
    """The files that a header can show, after a search or an upload on the spot."""
    template = _template_of(request.form, None)
    if template is None:
        raise NotFound("Template")
    form, errors = wizard_files.take_uploads(_variables(template), request.form)
    rows = wizard_forms.saved_rows(_variables(template), {}, form)
    row = next((one for one in rows if one.key == request.args.get("key") and one.media_kind), None)
    if row is None:
        raise NotFound("Variable")
    context = _file_words(shop_id, rows, form) | {"row": row, "errors": errors, "is_changed": True}
    return render_template("media/_file_choice.html", **context), 422 if errors else 200


@blueprint.post("/test")
@requires(Role.ADMIN)
def test(shop_id: int) -> Answer:
    """Send the message as it is written, filled from a past order, to one's own number."""
    shop = shops.get_shop(workspace_id(), shop_id)
    rule_id = request.form.get("rule", type=int)
    rule = shop_rules.get_rule(workspace_id(), shop_id, rule_id) if rule_id else None
    try:
        template, channel = _chosen(request.form, None)
        shop_rules.send_test(
            workspace_id(),
            shop_id,
            channel_id=channel.id,
            template_id=template.id,
            variables=wizard_forms.read_variables(request.form, _variables(template)),
            row=_chosen_order(shop, request.form),
            to=request.form.get("to", ""),
            user_id=actor().user.id,
        )
    except (Invalid, Conflict, Unavailable) as error:
        return _page(shop_id, rule, request.form, _named(error)), 422
    flash("The test is on its way. Nothing of the rule is saved yet.", "success")
    return _page(shop_id, rule, request.form, {})


# ---------------------------------------------------------------- the form


def _save(shop_id: int, rule: ShopRule | None) -> Answer:
    form = request.form
    try:
        template, channel = _chosen(form, rule)
        given: dict[str, Any] = {
            "event": _typed_event(form),
            "channel_id": channel.id,
            "template_id": template.id,
            "variables": wizard_forms.read_variables(form, _variables(template)),
            "conditions": _typed_conditions(form),
            "delay_minutes": _typed_delay(form),
        }
        if rule is None:
            shop_rules.create_rule(workspace_id(), shop_id, **given)
        else:
            shop_rules.update_rule(workspace_id(), shop_id, rule.id, **given)
    except (Invalid, Conflict) as error:
        return _page(shop_id, rule, form, _named(error)), 422
    flash("The rule is on, for orders from now on." if rule is None else "The rule is saved.", "success")
    return go_to(f"/app/shops/{shop_id}")


def _page(shop_id: int, rule: ShopRule | None, sent: MultiDict[str, str], errors: Errors) -> str:
    shop = shops.get_shop(workspace_id(), shop_id)
    channels = broadcast_choices.list_sending_channels(workspace_id())
    channel = _channel_of(sent, rule) or (channels[0] if channels else None)
    template = _template_of(sent, rule)
    if (
        template is not None
        and channel is not None
        and not broadcast_choices.may_send(channel, template)
        and rule is None
    ):
        template = None
    context: dict[str, Any] = {"preview": None}
    if template is not None:
        saved = _saved_variables(template, rule)
        rows = wizard_forms.saved_rows(_variables(template), saved, sent)
        context = _preview(shop, channel, template, sent, saved)
        context |= {"rows": rows, **_file_words(shop_id, rows, sent)}
    return render(
        "shops/rule.html",
        "shops/_rule_form.html",
        shop=shop,
        rule=rule,
        channels=channels,
        channel=channel,
        template=template,
        templates=_sendable(channel),
        events=_events(shop_id),
        values=_values(rule, sent),
        fields=[(wizard_forms.TEXT, "The same text for everybody"), *((f"field:{k}", v) for k, v in LABELS.items())],
        units=_UNITS,
        errors=errors,
        **context,
    )


def _preview(
    shop: Shop, channel: Channel | None, template: Template, sent: MultiDict[str, str], saved: Mapping[str, Any]
) -> dict[str, Any]:
    """The phone, the orders to walk over, and whose the shown one is."""
    row = _order_of(shop, sent)
    variables = wizard_forms.typed_variables(sent, _variables(template)) or dict(saved)
    found = shop_rules.preview(shop.id, template, variables, row)
    chosen = media.find_files(workspace_id(), set(broadcast_files.files_in(variables).values()))
    return {
        "preview": replace(found, message=wizard_files.with_pictures(found.message, variables, chosen)),
        "business": channel.verified_name if channel else shop.name,
        "orders": [(one.id, _order_words(one)) for one in shop_orders.list_recent(workspace_id(), shop.id)],
        "order_row": row,
    }


def _order_words(row: ShopOrder) -> str:
    order = Order.from_json(row.facts)
    return f"#{order.number}, {order.name or 'no name'}"


def _order_of(shop: Shop, sent: Mapping[str, Any]) -> ShopOrder | None:
    """The order that was chosen, else the newest."""
    typed = str(sent.get("order") or "")
    if typed.isascii() and typed.isdecimal() and len(typed) <= 18:
        return shop_orders.get_order(workspace_id(), shop.id, int(typed))
    return next(iter(shop_orders.list_recent(workspace_id(), shop.id, limit=1)), None)


def _chosen_order(shop: Shop, form: Mapping[str, Any]) -> ShopOrder:
    row = _order_of(shop, form)
    if row is None:
        raise Invalid({"to": "There is no past order yet to fill the message from."})
    return row


def _chosen(form: MultiDict[str, str], rule: ShopRule | None) -> tuple[Template, Channel]:
    template, channel = _template_of(form, rule), _channel_of(form, rule)
    if template is None or channel is None:
        raise Invalid({"template": "Choose a template; the message is made from it."})
    return template, channel


def _channel_of(sent: MultiDict[str, str], rule: ShopRule | None) -> Channel | None:
    channel_id = sent.get("channel", type=int) or (rule.channel_id if rule else None)
    return next((one for one in broadcast_choices.list_sending_channels(workspace_id()) if one.id == channel_id), None)


def _template_of(sent: MultiDict[str, str], rule: ShopRule | None) -> Template | None:
    template_id = sent.get("template", type=int) or (rule.template_id if rule else None)
    return message_templates.get_template(workspace_id(), template_id) if template_id else None


def _variables(template: Template) -> list[TemplateVariable]:
    return list_variables(template.components, template.parameter_format)


def _saved_variables(template: Template, rule: ShopRule | None) -> dict[str, dict[str, Any]]:
    """The sources of a rule, and for a new one a guess at each text."""
    if rule is not None and rule.template_id == template.id:
        return rule.variables
    texts = [one for one in _variables(template) if wizard_forms.media_kind_of(one.key) is None]
    return {one.key: {"field": _guess(one)} for one in texts}


def _guess(variable: TemplateVariable) -> str:
    words = f"{variable.key} {variable.sample}".lower()
    by_word = next((field for field, signs in _GUESSES if any(sign in words for sign in signs)), "")
    is_number = any(sign.isdigit() for sign in variable.sample)
    return by_word or ("order_number" if is_number else "first_name")


def _sendable(channel: Channel | None) -> list[tuple[str, str]]:
    if channel is None:
        return []
    families = broadcast_choices.list_sendable_families(workspace_id(), channel)
    return [
        (str(one.id), f"{one.name}, {language_name(one.language)}") for family in families for one in family.approved
    ]


def _events(shop_id: int) -> list[tuple[str, str]]:
    own = [
        (f"status:{one}", shop_rules.event_words(f"status:{one}"))
        for one in shop_rules.known_statuses(workspace_id(), shop_id)
    ]
    return [*shop_rules.EVENTS.items(), *own, ("other", "An order gets another status")]


def _values(rule: ShopRule | None, sent: Mapping[str, str]) -> dict[str, str]:
    """What the fields show: as sent, else as saved."""
    saved = {"event": "created", "delay": "0", "unit": "1", "own_status": ""}
    if rule is not None:
        unit = next(size for size in (1440, 60, 1) if rule.delay_minutes % size == 0) if rule.delay_minutes else 1
        lists = {name: ", ".join(map(str, rule.conditions.get(name, ()))) for name in _LISTS}
        amounts = {name: str(rule.conditions.get(name, "")) for name in _AMOUNTS}
        saved |= {"event": rule.event, "delay": str(rule.delay_minutes // unit), "unit": str(unit), **lists, **amounts}
    elif sent.get("event") == shop_rules.UNPAID and "delay" not in sent:
        saved |= {"delay": "1", "unit": "60"}
    return {name: sent.get(name, saved.get(name, "")) for name in (*saved, *_LISTS, *_AMOUNTS, "to")}


def _typed_event(form: Mapping[str, str]) -> str:
    event = form.get("event", "")
    if event != "other":
        return event
    status = form.get("own_status", "").strip().lower().removeprefix("wc-")
    if not status:
        raise Invalid({"own_status": "Write the status, such as ready-to-collect."})
    return f"status:{status}"


def _typed_conditions(form: Mapping[str, str]) -> dict[str, Any]:
    lists = {name: [one.strip() for one in form.get(name, "").split(",") if one.strip()] for name in _LISTS}
    amounts = {name: form.get(name, "").strip() for name in _AMOUNTS}
    return {name: value for name, value in {**lists, **amounts}.items() if value}


def _typed_delay(form: Mapping[str, str]) -> int:
    typed, unit = form.get("delay", "0").strip() or "0", form.get("unit", "1")
    if not typed.isascii() or not typed.isdecimal() or len(typed) > 6 or unit not in {"1", "60", "1440"}:
        raise Invalid({"delay": "Write a whole number, such as 30."})
    return int(typed) * int(unit)


def _file_words(shop_id: int, rows: Sequence[wizard_forms.VariableRow], sent: MultiDict[str, str]) -> dict[str, Any]:
    here = f"/app/shops/{shop_id}/rules"
    return {
        "file_choices": wizard_files.choices_of(rows, sent),
        "file_sources": _FILE_SOURCES,
        "files_url": f"{here}/files",
        "look_again": {"method": "post", "url": f"{here}/preview", "target": "#preview"},
    }


def _named(error: Invalid | Conflict | Unavailable) -> dict[str, list[str]]:
    """A service's errors by the names of this form's fields."""
    names = {"delay_minutes": "delay", "template_id": "template"}
    found = errors_of(error)
    named = {
        names.get(name, name.removeprefix("conditions.").replace("variables.", "text-")): words
        for name, words in found.items()
    }
    return {("to" if name == "form" else name): words for name, words in named.items()}
