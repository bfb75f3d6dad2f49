"""What the form of a promotion shows beside it: the phone, how many people get it now, and the days in words."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from werkzeug.datastructures import MultiDict

from wotnot.blueprints import promotion_forms as forms
from wotnot.blueprints import wizard_files
from wotnot.blueprints.guards import workspace_id
from wotnot.errors import Invalid
from wotnot.models import Broadcast, Channel, Shop, Template
from wotnot.services import (
    audience_counts,
    audience_risks,
    broadcast_choices,
    broadcast_files,
    media,
    promotion_values,
    promotions,
    segments,
)
from wotnot.services.broadcast_readiness import variables_of
from wotnot.services.template_families import choice_for
from wotnot.services.whatsapp.payloads import FilledTemplate
from wotnot.services.woocommerce.products import Product

SHOWN_MOMENTS = 8


def preview_of(
    shop: Shop,
    channel: Channel | None,
    template: Template,
    product: Product,
    sent: MultiDict[str, str],
    *,
    kept: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The phone with the message for the first person, how many get it now, and the days in words.

    `kept` is the audience of the promotion that is being edited.
    """
    draft = _draft(forms.read_audience(sent, shop.id, product.id, kept), template, sent)
    counted = audience_counts.count_audience(
        workspace_id(), draft.audience, leave_out=audience_risks.left_out_of(draft)
    )
    choice = choice_for(template, one_language=False)
    variables = forms.typed_variables(sent, variables_of(template))
    shown = promotion_values.texts_of(variables, product)
    chosen = media.find_files(workspace_id(), set(broadcast_files.files_in(shown).values()))
    named = broadcast_files.with_names(shown, chosen)
    found = broadcast_choices.preview_message(draft, choice, named, 1, counted)
    message = wizard_files.with_pictures(found.message, shown, chosen)
    return {
        "preview": replace(found, message=_with_product_picture(message, variables, shop.id, product)),
        "business": channel.verified_name if channel else shop.name,
        "count": counted,
        "days": _days(sent),
    }


def _days(sent: MultiDict[str, str]) -> dict[str, Any]:
    """What the chosen days mean, or what is missing of them; nothing for a message that goes once."""
    if sent.get("when") != forms.DAYS:
        return {}
    try:
        words, moments = promotions.look_ahead(workspace_id(), forms.read_plan(sent))
    except Invalid as error:
        return {"missing": error.detail}
    return {"words": words, "moments": moments[:SHOWN_MOMENTS], "more": max(0, len(moments) - SHOWN_MOMENTS)}


def _draft(audience: dict[str, Any], template: Template, sent: MultiDict[str, str]) -> Broadcast:
    """The broadcast that it would be, for counting people. It is not saved."""
    try:
        clean = segments.check_definition(workspace_id(), audience["filter"]) if "filter" in audience else {}
    except Invalid:
        audience, clean = {}, {}
    draft = Broadcast(
        workspace_id=workspace_id(),
        audience=audience | ({"filter": clean} if clean else {}),
        exclude={},
        leave_out=[kind for kind, _ in forms.LEAVE_OUT if kind in sent.getlist("leave_out")],
        one_language=False,
        ignores_cap=False,
    )
    draft.template = template
    return draft


def _with_product_picture(
    message: FilledTemplate, variables: Mapping[str, Mapping[str, Any]], shop_id: int, product: Product
) -> FilledTemplate:
    if message.header is None or not promotion_values.is_product(variables.get("header.image")):
        return message
    url = f"/app/shops/{shop_id}/products/{product.id}/picture" if product.picture_url else ""
    return replace(message, header=replace(message.header, name=product.name, url=url))
