"""The form of a promotion as values: from a request to what the service takes, and what its fields show. Reads no database."""

from collections.abc import Mapping, Sequence
from datetime import date, time
from typing import Any

from werkzeug.datastructures import MultiDict

from wotnot.blueprints import wizard_forms
from wotnot.errors import Invalid
from wotnot.models import Promotion
from wotnot.services.audience_risks import CHOOSABLE, DUPLICATE, UNREACHABLE, US_MARKETING
from wotnot.services.promotion_days import Plan, clean_plan
from wotnot.services.segment_rules import purchase_value, read_purchase
from wotnot.services.whatsapp.payloads import TemplateVariable
from wotnot.services.woocommerce.products import LABELS, PICTURE

PRODUCT = "product:"
ONCE, DAYS = "once", "days"
KEPT = "kept"
"""The audience of a promotion that this form cannot say, such as one that a program gave."""
LEAVE_OUT = (
    (UNREACHABLE, "Who could not be reached last time"),
    (DUPLICATE, "The second of two spellings of one number"),
    (US_MARKETING, "Numbers of the United States, where Meta delivers no marketing"),
)
assert {kind for kind, _ in LEAVE_OUT} == set(CHOOSABLE)  # noqa: S101 — a new kind must be offered here too
# What a variable without a name is about is guessed from Meta's sample of it, or from its own name.
_GUESSES = (
    ("regular_price", ("before", "was ")),
    ("price", ("price", "$", "€", "£", "zar", "eur", "usd")),
    ("name", ("product", "item", "plant")),
)


def sources(fields: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """What a variable can be filled from: fields of the product, then what other messages offer."""
    return [*((PRODUCT + name, f"Product’s {words}") for name, words in LABELS.items() if name != PICTURE), *fields]


def file_sources(key: str) -> list[tuple[str, str]]:
    """What a header's file can come from."""
    own = [(PRODUCT + PICTURE, "The product’s picture")] if key.endswith("image") else []
    return [*own, (wizard_forms.FILE, "A file of your library"), (wizard_forms.TEXT, "A link")]


def with_guesses(sent: MultiDict[str, str], variables: Sequence[TemplateVariable]) -> MultiDict[str, str]:
    """The form as sent, and for a variable that it does not name a guess at its source."""
    filled = MultiDict(sent)
    for one in variables:
        if f"source-{one.key}" not in filled:
            filled[f"source-{one.key}"] = _guess(one)
            if filled[f"source-{one.key}"] == "field:first_name":
                filled[f"text-{one.key}"] = "there"
    return filled


def _guess(variable: TemplateVariable) -> str:
    kind = wizard_forms.media_kind_of(variable.key)
    if kind is not None:
        return PRODUCT + PICTURE if variable.key.endswith("image") else wizard_forms.FILE
    if variable.component == "button":
        return f"{PRODUCT}link_path"
    words = f"{variable.key} {variable.sample}".lower()
    if words.strip().startswith("http") or "http" in variable.sample:
        return f"{PRODUCT}link"
    found = next((field for field, signs in _GUESSES if any(sign in words for sign in signs)), "")
    if found:
        return PRODUCT + found
    is_number = any(sign.isdigit() for sign in variable.sample)
    return f"{PRODUCT}price" if is_number else "field:first_name" if variable.key in {"1", "name"} else f"{PRODUCT}name"


def read_variables(form: MultiDict[str, str], variables: Sequence[TemplateVariable]) -> dict[str, dict[str, Any]]:
    """The sources of all variables. Raises Invalid naming each one that says nothing yet."""
    own = typed_products(form, variables)
    others = [one for one in variables if one.key not in own]
    return {**own, **wizard_forms.read_variables(form, others)}


def typed_variables(form: MultiDict[str, str], variables: Sequence[TemplateVariable]) -> dict[str, dict[str, Any]]:
    """The sources that the form says, complete or not."""
    own = typed_products(form, variables)
    return {**wizard_forms.typed_variables(form, [one for one in variables if one.key not in own]), **own}


def typed_products(form: MultiDict[str, str], variables: Sequence[TemplateVariable]) -> dict[str, dict[str, Any]]:
    """Those sources that are fields of the product."""
    found = {}
    for one in variables:
        source, words = form.get(f"source-{one.key}", ""), form.get(f"text-{one.key}", "").strip()
        if source.startswith(PRODUCT):
            is_text = source != PRODUCT + PICTURE
            found[one.key] = {"product": source.removeprefix(PRODUCT)}
            found[one.key] |= {"fallback": words} if words and is_text else {}
    return found


def read_audience(
    form: MultiDict[str, str], shop_id: int, product_id: int, kept: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Who gets it; empty while nobody is chosen. `kept` is the audience of a promotion that is being edited."""
    kind, segment = form.get("kind", "buyers"), form.get("segment", "")
    if kind == KEPT:
        return dict(kept or {})
    if kind == "all":
        return {"all": True}
    if kind == "segment":
        is_id = segment.isascii() and segment.isdecimal() and len(segment) <= 18
        return {"segment_id": int(segment)} if is_id and int(segment) else {}
    value = purchase_value(product_id, form.getlist("statuses"), shop_id)
    return {"filter": {"match": "all", "conditions": [{"field": "bought", "op": "in_order", "value": value}]}}


def saved_form(promotion: Promotion, variables: Sequence[TemplateVariable]) -> MultiDict[str, str]:
    """What the form would have sent to make a promotion as it is."""
    plan = {
        "at_time": f"{promotion.at_time:%H:%M}",
        "first_day": str(promotion.first_day),
        "last_day": str(promotion.last_day),
    }
    ids = {"product": promotion.product_id, "channel": promotion.channel_id, "template": promotion.template_id}
    found: MultiDict[str, str] = MultiDict({name: str(one) for name, one in ids.items()} | plan)
    found.update({"name": promotion.name, "when": DAYS})
    found.update({"weekdays": [str(one) for one in promotion.weekdays]})
    found.update({"leave_out": list(promotion.leave_out)})
    found.update(_saved_audience(promotion))
    for one in variables:
        found.update(_saved_source(one, promotion.variables.get(one.key) or {}))
    return found


def keeps_audience(promotion: Promotion) -> bool:
    """Whether the form can only keep the audience of a promotion as it is, for it has no words for it."""
    return bool(_saved_audience(promotion)["kind"] == KEPT)


def _saved_audience(promotion: Promotion) -> dict[str, Any]:
    audience = promotion.audience
    if audience == {"all": True}:
        return {"kind": "all"}
    if set(audience) == {"segment_id"}:
        return {"kind": "segment", "segment": str(audience["segment_id"])}
    conditions = (audience.get("filter") or {}).get("conditions") or [{}]
    statuses = read_purchase(conditions[0]["value"])[2] if conditions[0].get("op") == "in_order" else []
    said: MultiDict[str, str] = MultiDict([("kind", "buyers"), *(("statuses", one) for one in statuses)])
    is_said = read_audience(said, promotion.shop_id, promotion.product_id) == audience
    return {"kind": "buyers", "statuses": statuses} if is_said else {"kind": KEPT}


def _saved_source(variable: TemplateVariable, saved: Mapping[str, Any]) -> dict[str, str]:
    """The fields of one variable; none for a variable about which nothing is saved, so that it is guessed."""
    if not saved:
        return {}
    if "product" in saved:
        return {f"source-{variable.key}": PRODUCT + saved["product"], f"text-{variable.key}": saved.get("fallback", "")}
    (row,) = wizard_forms.saved_rows([variable], {variable.key: saved}, MultiDict())
    return {f"source-{row.key}": row.source, f"text-{row.key}": row.text, f"file-{row.key}": row.file_id}


def read_plan(form: MultiDict[str, str]) -> Plan:
    """The days. Raises Invalid by field."""
    weekdays = [int(one) for one in form.getlist("weekdays") if one in {"0", "1", "2", "3", "4", "5", "6"}]
    return clean_plan(weekdays, _time(form), _day(form, "first_day"), _day(form, "last_day"))


def _time(form: Mapping[str, str]) -> time | None:
    try:
        found = time.fromisoformat(form.get("at_time", "").strip())
    except ValueError:
        return None
    return found if found.tzinfo is None else None


def _day(form: Mapping[str, str], name: str) -> date | None:
    try:
        return date.fromisoformat(form.get(name, "").strip())
    except ValueError:
        return None


def named_errors(error: Invalid) -> dict[str, list[str]]:
    """A service's errors by the names of this form's fields."""
    names = {"template_id": "template", "channel_id": "template", "audience": "kind", "product_id": "product"}
    return {
        names.get(name.partition(".")[0], name.replace("variables.", "text-", 1)): list(words)
        for name, words in error.errors.items()
    }
