"""The world a fresh sandbox starts with: one business account, two numbers, a few templates, a few people."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sandbox import shop_goods
from sandbox.model import Number, Template, Waba

if TYPE_CHECKING:
    from sandbox.jsonio import Json
    from sandbox.state import World

WABA_ID = "700000000000001"
NUMBER_ID = "800000000000001"
PICTURE, PICTURED_PRODUCT = "ARcasa-verde", 101
TOKEN = "sandbox-token"  # noqa: S105 - opens nothing but the sandbox

_PEOPLE = (
    ("27825550142", "Naledi Mokoena"),
    ("27835550118", "Thabo Dlamini"),
    ("447700900123", "Grace Whitfield"),
    ("5511955501234", "Ana Lima"),
)


def fill(world: World) -> None:
    """Put the default accounts, numbers, templates and people into an empty world."""
    world.wabas[WABA_ID] = Waba(WABA_ID, "Casa Verde", subscribed=True)
    world.files.put(PICTURE, shop_goods.picture(PICTURED_PRODUCT) or b"")
    world.add_number(Number(NUMBER_ID, WABA_ID, "+27 21 555 0140", "Casa Verde", profile=_profile()))
    world.add_number(Number("800000000000002", WABA_ID, "+27 21 555 0141", "Casa Verde Deliveries"))
    for position, (name, language, category, components, extra) in enumerate(_templates(), start=1):
        world.add_template(
            Template(
                id=f"6110000000000{position:02d}",
                waba_id=WABA_ID,
                name=name,
                language=language,
                category=category,
                components=components,
                created_at=time.time() - 86_400 * 30 + position,
                quality="GREEN",
                **extra,
            )
        )
    for wa_id, name in _PEOPLE:
        person = world.customer(wa_id)
        person.name, person.pinned = name, True


def _profile() -> Json:
    return {
        "about": "Plants for small homes",
        "address": "12 Kloof Street, Cape Town",
        "description": "Indoor plants, pots and advice. Open Tuesday to Sunday, 9 to 5.",
        "email": "hello@casaverde.example",
        "websites": ["https://casaverde.example/"],
        "vertical": "RETAIL",
        "picture": PICTURE,
    }


def _body(text: str, *samples: str) -> Json:
    return {"type": "BODY", "text": text} | ({"example": {"body_text": [list(samples)]}} if samples else {})


def _named_body(text: str, **samples: str) -> Json:
    examples = [{"param_name": name, "example": value} for name, value in samples.items()]
    return {"type": "BODY", "text": text, "example": {"body_text_named_params": examples}}


def _templates() -> list[tuple[str, str, str, list[Json], Json]]:
    stop: Json = {"type": "FOOTER", "text": "Reply STOP to opt out"}
    image: Json = {
        "type": "HEADER",
        "format": "IMAGE",
        "example": {"header_handle": ["/sandbox/static/early-access.svg"]},
    }
    return [
        ("hello_world", "en_US", "UTILITY", [
            {"type": "HEADER", "format": "TEXT", "text": "Hello World"},
            _body("Welcome and congratulations!! This message demonstrates your ability to send a WhatsApp message"
                  " notification from the Cloud API. Thank you for taking the time to test with us."),
            {"type": "FOOTER", "text": "WhatsApp Business Platform sample message"},
        ], {}),
        ("early_access", "en", "MARKETING", [
            image,
            _body("Hi {{1}} 🌿 Black Friday starts early for you. Until midnight, everything in {{2}} is *30% off* with"
                  " code *VERDE30*.\n\nFree delivery over R 450.", "Naledi", "indoor plants"),
            stop,
            {"type": "BUTTONS", "buttons": [
                {"type": "URL", "text": "Shop the sale", "url": "https://casaverde.example/sale"},
                {"type": "COPY_CODE", "text": "Copy offer code", "example": "VERDE30"},
                {"type": "QUICK_REPLY", "text": "Remind me tomorrow"},
            ]},
        ], {}),
        ("new_arrivals", "en", "MARKETING", [
            _body("Hi {{1}}, this week's new plants are in. *{{2}}* is our favourite. Want to see them?", "Naledi", "Calathea"),
            stop,
            {"type": "BUTTONS", "buttons": [
                {"type": "QUICK_REPLY", "text": "Show me"}, {"type": "QUICK_REPLY", "text": "Not now"},
            ]},
        ], {}),
        ("order_shipped", "en", "UTILITY", [
            {"type": "HEADER", "format": "TEXT", "text": "Order {{order}}",
             "example": {"header_text_named_params": [{"param_name": "order", "example": "1042"}]}},
            _named_body("Hi {{first_name}}, your order is on its way and should arrive on {{day}}. Thank you!",
                        first_name="Naledi", day="Thursday"),
            {"type": "BUTTONS", "buttons": [
                {"type": "URL", "text": "Track it", "url": "https://casaverde.example/track/{{1}}",
                 "example": ["https://casaverde.example/track/1042"]},
                {"type": "PHONE_NUMBER", "text": "Call us", "phone_number": "+27215550140"},
            ]},
        ], {"parameter_format": "NAMED"}),
        ("feedback_request", "en", "UTILITY", [
            _body("Hi {{1}}, how is your new plant settling in?", "Naledi"),
            {"type": "BUTTONS", "buttons": [
                {"type": "QUICK_REPLY", "text": "All good"}, {"type": "QUICK_REPLY", "text": "I need help"},
            ]},
        ], {}),
        ("sign_in_code", "en", "AUTHENTICATION", [
            {"type": "BODY", "text": "*{{1}}* is your verification code.", "add_security_recommendation": True},
            {"type": "BUTTONS", "buttons": [{"type": "OTP", "otp_type": "COPY_CODE", "text": "Copy code"}]},
        ], {}),
        ("winter_sale", "en", "MARKETING", [_body("Hi {{1}}, our winter sale ends on Sunday.", "Naledi"), stop],
         {"status": "PAUSED"}),
        ("free_money", "en", "MARKETING", [_body("Hi {{1}}, free money is waiting for you.", "Naledi")],
         {"status": "REJECTED", "rejected_reason": "SCAM"}),
    ]  # fmt: skip
