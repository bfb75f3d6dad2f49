"""Which calls may answer 409, and the codes that say why: the table that the product's document and its answers are held to."""

Codes = frozenset[str]


def _of(*codes: str) -> Codes:
    return frozenset(codes)


WRONG_STATE = _of("wrong_state")
# What `Idempotency-Key` adds to a call that honours it.
AGAIN = _of("idempotency_mismatch", "in_progress")
NOT_NOW = _of("opted_out", "channel_stopped", "template_not_approved")
LOW = _of("low_quality")
TOKEN = _of("token_refused")
# Those that say no more than that it is one: the sentence beside them says why.
PLAIN = _of("conflict")

CONFLICTS: dict[str, Codes] = {
    "POST /api/v1/auth/register": _of("email_taken"),
    "POST /api/v1/channels": _of("number_connected", "number_connected_elsewhere"),
    "POST /api/v1/channels/sign-ups": PLAIN,
    "POST /api/v1/channels/sign-ups/{sign_up_id}/continue": _of("sign_up_lost", "sign_up_running"),
    "DELETE /api/v1/channels/{channel_id}": _of("channel_in_use"),
    "GET /api/v1/channels/{channel_id}/profile": TOKEN,
    "PUT /api/v1/channels/{channel_id}/profile": TOKEN,
    "POST /api/v1/templates": _of("template_exists", "template_in_bin"),
    "PATCH /api/v1/templates/{template_id}": PLAIN
    | _of("not_editable", "unchanged", "template_in_use", "variables_change"),
    "DELETE /api/v1/templates/{template_id}": _of("template_in_use"),
    "POST /api/v1/templates/{template_id}/restore": PLAIN,
    "POST /api/v1/media": _of("media_deleted"),
    "DELETE /api/v1/media/{file_id}": _of("media_in_use"),
    "POST /api/v1/contacts": _of("contact_exists"),
    "PUT /api/v1/contacts/{contact_id}": _of("contact_exists"),
    "PATCH /api/v1/contacts/{contact_id}": _of("contact_exists"),
    "POST /api/v1/segments": _of("name_taken", "too_many_segments"),
    "PATCH /api/v1/segments/{segment_id}": _of("name_taken"),
    "DELETE /api/v1/segments/{segment_id}": _of("segment_in_use"),
    "POST /api/v1/broadcasts": AGAIN,
    "PATCH /api/v1/broadcasts/{broadcast_id}": WRONG_STATE,
    "DELETE /api/v1/broadcasts/{broadcast_id}": WRONG_STATE,
    "POST /api/v1/broadcasts/{broadcast_id}/test": NOT_NOW,
    "POST /api/v1/broadcasts/{broadcast_id}/start": WRONG_STATE | LOW,
    "POST /api/v1/broadcasts/{broadcast_id}/pause": WRONG_STATE,
    "POST /api/v1/broadcasts/{broadcast_id}/resume": WRONG_STATE | LOW | _of("not_ready"),
    "POST /api/v1/broadcasts/{broadcast_id}/cancel": WRONG_STATE,
    "POST /api/v1/broadcasts/{broadcast_id}/retry": WRONG_STATE | LOW | _of("not_ready", "nothing_to_retry"),
    "POST /api/v1/messages": AGAIN | NOT_NOW | _of("window_closed"),
    "POST /api/v1/conversations/{conversation_id}/messages": AGAIN | NOT_NOW | _of("window_closed"),
    "POST /api/v1/shops": _of("shop_connected"),
    "POST /api/v1/shops/{shop_id}/rules": _of("too_many_rules"),
    "POST /api/v1/shops/{shop_id}/promotions": _of("too_many_promotions"),
    "PATCH /api/v1/shops/{shop_id}/promotions/{promotion_id}": WRONG_STATE | _of("changed_meanwhile"),
    "POST /api/v1/shops/{shop_id}/promotions/{promotion_id}/pause": WRONG_STATE,
    "POST /api/v1/shops/{shop_id}/promotions/{promotion_id}/resume": WRONG_STATE | _of("promotion_over"),
    "POST /api/v1/shops/{shop_id}/promotions/{promotion_id}/end": WRONG_STATE,
    "POST /api/v1/shops/{shop_id}/customer-imports": _of("import_running"),
    "POST /api/v1/shops/{shop_id}/customer-imports/{customer_import_id}/stop": WRONG_STATE,
    "POST /api/v1/exports": PLAIN,
}
