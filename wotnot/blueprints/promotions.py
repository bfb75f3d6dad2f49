"""A shop's promotions: choosing message, people and days for a product, and the page of each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from flask import Blueprint, Flask, flash, render_template, request
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from wotnot.blueprints import promotion_forms as forms
from wotnot.blueprints import shop_views, wizard_files, wizard_forms
from wotnot.blueprints.broadcast_views import time_words
from wotnot.blueprints.guards import actor, guard_pages, page_timezone, requires, workspace_id
from wotnot.blueprints.htmx import go_to, render
from wotnot.blueprints.promotion_views import SHOWN_MOMENTS, preview_of
from wotnot.clock import now
from wotnot.errors import Conflict, Invalid, NotFound, Unavailable
from wotnot.models import Channel, Promotion, PromotionState, Role, Template
from wotnot.services import (
    broadcast_choices,
    contacts,
    message_templates,
    promotion_days,
    promotion_edits,
    promotions,
    segments,
    shop_products,
    shop_rules,
    shops,
)
from wotnot.services.broadcast_readiness import variables_of
from wotnot.services.languages import language_name
from wotnot.services.media_rules import size_words
from wotnot.services.woocommerce.faults import ShopFault
from wotnot.services.woocommerce.orders import STATUS_WORDS, status_words
from wotnot.services.woocommerce.products import Product
from wotnot.services.zones import in_zone

blueprint = Blueprint("promotions", __name__, url_prefix="/app/shops/<int:shop_id>/promotions")
guard_pages(blueprint)

Answer = str | Response | tuple[str, int]
Errors = Mapping[str, Sequence[str]]

_LATER = timedelta(days=28)


def register(app: Flask) -> None:
    """Put the pages under /app/shops/<id>/promotions."""
    app.register_blueprint(blueprint)


@blueprint.context_processor
def _words() -> dict[str, object]:
    return {
        "size_words": size_words,
        "language_words": language_name,
        "plan_words": lambda one: promotion_days.say_plan(promotions.plan_of(one), one.next_day),
        "audience_words": lambda one: broadcast_choices.describe_audience(promotions.as_draft(one)),
        "say_day": promotion_days.say_day,
        "weekday_names": promotion_days.WEEKDAYS,
        **shop_views.words(),
        **time_words(page_timezone()),
    }


@blueprint.get("")
def index(shop_id: int) -> str:
    """A shop's promotions, the newest first."""
    shop = shops.get_shop(workspace_id(), shop_id)
    page = promotions.list_promotions(workspace_id(), shop_id, cursor=request.args.get("cursor"))
    made = promotions.count_made([one.id for one in page.items])
    return render("promotions/index.html", "promotions/_list.html", shop=shop, page=page, made=made)


@blueprint.get("/<int:promotion_id>")
def show(shop_id: int, promotion_id: int) -> str:
    """One promotion: its days to come, and what each that came has sent."""
    promotion = promotions.get_promotion(workspace_id(), shop_id, promotion_id)
    return render(
        "promotions/show.html",
        "promotions/_dates.html",
        shop=promotion.shop,
        promotion=promotion,
        page=promotions.list_dates(promotion, cursor=request.args.get("cursor")),
        made=promotions.count_made([promotion.id]).get(promotion.id, 0),
        coming=_coming(promotion),
    )


@blueprint.post("/<int:promotion_id>/pause")
@requires(Role.ADMIN)
def pause(shop_id: int, promotion_id: int) -> Response:
    """Make no broadcasts for now."""
    return _act(promotions.pause_promotion, shop_id, promotion_id, "It is paused. What was sent already goes on.")


@blueprint.post("/<int:promotion_id>/resume")
@requires(Role.ADMIN)
def resume(shop_id: int, promotion_id: int) -> Response:
    """Go on with the next day."""
    return _act(promotions.resume_promotion, shop_id, promotion_id, "It goes on with the next day.")


@blueprint.post("/<int:promotion_id>/end")
@requires(Role.ADMIN)
def end(shop_id: int, promotion_id: int) -> Response:
    """End it for good."""
    return _act(promotions.end_promotion, shop_id, promotion_id, "It has ended. What was sent already goes on.")


def _act(act: Callable[[int, int, int], object], shop_id: int, promotion_id: int, done: str) -> Response:
    try:
        act(workspace_id(), shop_id, promotion_id)
        flash(done, "success")
    except Conflict as error:
        flash(error.detail, "error")
    return go_to(f"/app/shops/{shop_id}/promotions/{promotion_id}")


# ---------------------------------------------------------------- making one


@blueprint.get("/new")
@requires(Role.ADMIN)
def new(shop_id: int) -> Answer:
    """The form for the product `?product=`; what else stands in the address is chosen already."""
    shops.get_shop(workspace_id(), shop_id)
    if not request.args.get("product", type=int):
        flash("Choose the product that the message is about.", "success")
        return go_to(f"/app/shops/{shop_id}/products", 302)
    return _page(shop_id, request.args, {})


@blueprint.post("/new")
@requires(Role.ADMIN)
def create(shop_id: int) -> Answer:
    """Begin it on its days; or once: make a draft and go on where it is said when, and checked."""
    form = request.form
    try:
        given = _message(shop_id, form) | {"user_id": actor().user.id}
        if form.get("when") != forms.DAYS:
            draft = promotions.draft_once(workspace_id(), shop_id, **given)
            return go_to(f"/app/broadcasts/{draft.id}/when")
        made = promotions.create_promotion(workspace_id(), shop_id, plan=forms.read_plan(form), **given)
    except Invalid as error:
        return _page(shop_id, form, forms.named_errors(error)), 422
    except (Conflict, Unavailable) as error:
        return _page(shop_id, form, {"form": [error.detail]}), 422
    flash("It is planned. Each day becomes a broadcast when its time comes.", "success")
    return go_to(f"/app/shops/{shop_id}/promotions/{made.id}")


@blueprint.get("/<int:promotion_id>/edit")
@requires(Role.ADMIN)
def edit(shop_id: int, promotion_id: int) -> Answer:
    """The form of a promotion that has not ended; what stands in the address is chosen instead of what is saved."""
    promotion = promotions.get_promotion(workspace_id(), shop_id, promotion_id)
    if promotion.state is PromotionState.ENDED:
        flash("It is over, so there is nothing to edit any more.", "error")
        return go_to(f"/app/shops/{shop_id}/promotions/{promotion_id}", 302)
    template = _template_of(request.args) or promotion.template
    sent = forms.saved_form(promotion, variables_of(template))
    for name in ("product", "channel", "template"):
        if request.args.get(name, type=int):
            sent[name] = request.args[name]
    return _page(shop_id, sent, {}, promotion)


@blueprint.post("/<int:promotion_id>/edit")
@requires(Role.ADMIN)
def update(shop_id: int, promotion_id: int) -> Answer:
    """From now on it says and does what the form says; what it made already stays."""
    form = request.form
    before = promotions.get_promotion(workspace_id(), shop_id, promotion_id)
    here = f"/app/shops/{shop_id}/promotions/{promotion_id}"
    try:
        wanted = _message(shop_id, form, before.audience) | asdict(forms.read_plan(form))
        promotion_edits.change_promotion(workspace_id(), shop_id, promotion_id, wanted, seen=form.get("seen", ""))
    except Invalid as error:
        return _page(shop_id, form, forms.named_errors(error), before), 422
    except (Conflict, Unavailable) as error:
        if error.code == "wrong_state":
            flash(error.detail, "error")
            return go_to(here)
        return _page(shop_id, form, {"form": [_say_conflict(error)]}, before, is_new_look=True), 422
    flash("It is saved. What was sent already stays as it is.", "success")
    return go_to(here)


def _say_conflict(error: Conflict | Unavailable) -> str:
    # The page has the newer mark now, so the second press is a choice.
    again = " Save again to replace that change with what stands here."
    return error.detail + (again if error.code == "changed_meanwhile" else "")


def _message(shop_id: int, form: MultiDict[str, str], kept: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What is sent and to whom. Raises Invalid naming what is missing."""
    template, product_id = _chosen_template(form), form.get("product", default=0, type=int)
    return {
        "product_id": product_id,
        "variables": forms.read_variables(form, variables_of(template)),
        "name": form.get("name", ""),
        "channel_id": form.get("channel", type=int),
        "template_id": template.id,
        "audience": forms.read_audience(form, shop_id, product_id, kept),
        "leave_out": form.getlist("leave_out"),
    }


@blueprint.post("/preview")
@requires(Role.ADMIN)
def preview(shop_id: int) -> str:
    """The phone, the number of people and the days, while the form is being filled."""
    shops.get_shop(workspace_id(), shop_id)
    template = _template_of(request.form)
    promotion_id = request.form.get("promotion", type=int)
    promotion = promotions.get_promotion(workspace_id(), shop_id, promotion_id) if promotion_id else None
    kept = promotion.audience if promotion else None
    product, _ = _product_of(shop_id, request.form, promotion)
    if template is None or product is None:
        raise NotFound("Template")
    # Asking the shop gives the session back, so these are read after it.
    shop = shops.get_shop(workspace_id(), shop_id)
    channel = _channel_of(broadcast_choices.list_sending_channels(workspace_id()), request.form)
    context = preview_of(shop, channel, template, product, request.form, kept=kept)
    return render_template("promotions/_preview.html", shop=shop, **context)


@blueprint.post("/files")
@requires(Role.ADMIN)
def files(shop_id: int) -> Answer:
    """The files that a header can show, after a search or an upload on the spot."""
    shops.get_shop(workspace_id(), shop_id)
    template = _template_of(request.form)
    if template is None:
        raise NotFound("Template")
    form, errors = wizard_files.take_uploads(variables_of(template), request.form)
    rows = wizard_forms.saved_rows(variables_of(template), {}, form)
    row = next((one for one in rows if one.key == request.args.get("key") and one.media_kind), None)
    if row is None:
        raise NotFound("Variable")
    context = _file_words(shop_id, rows, form) | {"row": row, "errors": errors, "is_changed": True}
    context["file_sources"] = forms.file_sources(row.key)
    return render_template("media/_file_choice.html", **context), 422 if errors else 200


def _page(
    shop_id: int,
    sent: MultiDict[str, str],
    errors: Errors,
    promotion: Promotion | None = None,
    *,
    is_new_look: bool = False,
) -> str:
    """The form for making one, or for editing `promotion`; with `is_new_look` what somebody else changed counts as seen."""
    shop = shops.get_shop(workspace_id(), shop_id)
    product, problem = _product_of(shop_id, sent, promotion)
    channels = broadcast_choices.list_sending_channels(workspace_id())
    channel = _channel_of(channels, sent)
    template = _template_of(sent)
    if template is not None and not (channel and broadcast_choices.may_send(channel, template)):
        template = None
    context: dict[str, Any] = {}
    if template is not None and product is not None:
        wanted = variables_of(template)
        sent = forms.with_guesses(sent, wanted)
        rows = wizard_forms.saved_rows(wanted, {}, sent)
        kept = promotion.audience if promotion else None
        context = preview_of(shop, channel, template, product, sent, kept=kept) | {
            "rows": rows,
            **_file_words(shop_id, rows, sent),
        }
    return render(
        "promotions/edit.html" if promotion else "promotions/new.html",
        "promotions/_form.html",
        promotion=promotion,
        may_keep=promotion is not None and forms.keeps_audience(promotion),
        seen=_seen(promotion, sent, is_new_look=is_new_look),
        shop=shops.get_shop(workspace_id(), shop_id),
        product=product,
        product_id=sent.get("product", type=int),
        problem=problem,
        channels=channels,
        channel=channel,
        template=template,
        templates=_sendable(channel),
        fields=forms.sources(wizard_forms.field_choices(contacts.list_attribute_names(workspace_id()))),
        file_sources_of=forms.file_sources,
        statuses=_statuses(shop_id),
        segment_names=segments.list_names(workspace_id()),
        leave_out_kinds=forms.LEAVE_OUT,
        values=_values(sent, product),
        today=in_zone(now(), page_timezone()).date().isoformat(),
        errors=errors,
        **context,
    )


def _seen(promotion: Promotion | None, sent: MultiDict[str, str], *, is_new_look: bool) -> str:
    """The mark of what the editor looked at first; it goes with the form until it is saved."""
    if promotion is None:
        return ""
    return promotions.revision_of(promotion) if is_new_look or not sent.get("seen") else sent["seen"]


def _product_of(
    shop_id: int, sent: MultiDict[str, str], promotion: Promotion | None = None
) -> tuple[Product | None, str]:
    """The chosen product, and why the shop cannot show it; that of the `promotion` being edited is then as it was told last."""
    shop, product_id = shops.get_shop(workspace_id(), shop_id), sent.get("product", default=0, type=int)
    is_same = promotion is not None and promotion.product_id == product_id
    told = promotions.told_product(promotion, shop.currency) if promotion is not None and is_same else None
    if told is not None and shop.failed_count:
        return told, shop.trouble_text  # a form that is being filled must not ask a shop in trouble again and again
    try:
        product = shop_products.recall_product(workspace_id(), shop_id, product_id)
    except ShopFault as fault:
        return told, fault.text
    return product or told, "" if product else "The shop does not sell this product. Choose one of its products."


def _chosen_template(form: MultiDict[str, str]) -> Template:
    template = _template_of(form)
    if template is None:
        raise Invalid({"template": "Choose a template; the message is made from it."})
    return template


def _template_of(sent: MultiDict[str, str]) -> Template | None:
    template_id = sent.get("template", type=int)
    return message_templates.get_template(workspace_id(), template_id) if template_id else None


def _channel_of(channels: Sequence[Channel], sent: MultiDict[str, str]) -> Channel | None:
    wanted = sent.get("channel", type=int)
    return next((one for one in channels if one.id == wanted), channels[0] if channels else None)


def _sendable(channel: Channel | None) -> list[tuple[str, str]]:
    if channel is None:
        return []
    families = broadcast_choices.list_sendable_families(workspace_id(), channel)
    return [
        (str(one.id), f"{one.name}, {language_name(one.language)}") for family in families for one in family.approved
    ]


def _statuses(shop_id: int) -> list[tuple[str, str]]:
    own = shop_rules.known_statuses(workspace_id(), shop_id)
    return [*STATUS_WORDS.items(), *((one, status_words(one)) for one in own)]


def _values(sent: MultiDict[str, str], product: Product | None) -> dict[str, Any]:
    """What the fields show: as sent, else what most people want."""
    today = in_zone(now(), page_timezone()).date()
    usual = {
        "name": product.name if product else "",
        "kind": "buyers",
        "segment": "",
        "when": forms.ONCE,
        "at_time": "09:00",
        "first_day": (today + timedelta(days=1)).isoformat(),
        "last_day": (today + _LATER).isoformat(),
    }
    lists = {name: sent.getlist(name) for name in ("statuses", "weekdays", "leave_out")}
    return {name: sent.get(name, value) for name, value in usual.items()} | lists


def _file_words(shop_id: int, rows: Sequence[wizard_forms.VariableRow], sent: MultiDict[str, str]) -> dict[str, Any]:
    here = f"/app/shops/{shop_id}/promotions"
    return {
        "file_choices": wizard_files.choices_of(rows, sent),
        "files_url": f"{here}/files",
        "look_again": {"method": "post", "url": f"{here}/preview", "target": "#preview"},
    }


def _coming(promotion: Promotion) -> tuple[list[Any], int]:
    """The next moments of a promotion that goes on, and how many more there are."""
    if promotion.next_day is None:
        return [], 0
    days = [day for day in promotions.plan_of(promotion).days() if day >= promotion.next_day]
    timezone = actor().workspace.timezone
    shown = [promotion_days.moment_of(day, promotion.at_time, timezone) for day in days[:SHOWN_MOMENTS]]
    return shown, len(days) - len(shown)
