"""What the demo shop writes, and what its customers answer."""

from typing import Any

ORDER_UPDATE: dict[str, Any] = {
    "name": "order_update",
    "language": "en",
    "category": "UTILITY",
    "components": [
        {
            "type": "BODY",
            "text": "Hi {{1}}, your order {{2}} is packed and leaves our greenhouse today.",
            "example": {"body_text": [["Naledi", "CV-1042"]]},
        },
        {"type": "FOOTER", "text": "Casa Verde, 12 Kloof Street"},
    ],
}
SPRING_OFFER: dict[str, Any] = {
    "name": "spring_offer",
    "language": "en",
    "category": "MARKETING",
    "components": [
        {
            "type": "BODY",
            "text": "Hi {{1}} 🌱 Spring is here: *{{2}} off* everything in {{3}} until Sunday. See you in the shop!",
            "example": {"body_text": [["Naledi", "20%", "indoor plants"]]},
        },
        {"type": "FOOTER", "text": "Reply STOP to opt out"},
        {
            "type": "BUTTONS",
            "buttons": [
                {"type": "URL", "text": "See the offers", "url": "https://casaverde.example/spring"},
                {"type": "QUICK_REPLY", "text": "Not for me"},
            ],
        },
    ],
}
# For those of the customers who read German; everybody else gets the one above.
SPRING_OFFER_IN_GERMAN: dict[str, Any] = {
    "name": "spring_offer",
    "language": "de",
    "category": "MARKETING",
    "components": [
        {
            "type": "BODY",
            "text": "Hallo {{1}} 🌱 Der Frühling ist da: *{{2}} Rabatt* auf {{3}} bis Sonntag. Bis bald im Laden!",
            "example": {"body_text": [["Jürgen", "20 %", "Zimmerpflanzen"]]},
        },
        {"type": "FOOTER", "text": "Mit STOP abbestellen"},
        {
            "type": "BUTTONS",
            "buttons": [
                {"type": "URL", "text": "Zu den Angeboten", "url": "https://casaverde.example/spring"},
                {"type": "QUICK_REPLY", "text": "Nichts für mich"},
            ],
        },
    ],
}
# The sandbox leaves a name with "wait" in review.
WAITING_LIST: dict[str, Any] = {
    "name": "waiting_list",
    "language": "en",
    "category": "MARKETING",
    "components": [
        {
            "type": "BODY",
            "text": "Hi {{1}}, the {{2}} you waited for is back on our shelves. Shall we keep one for you?",
            "example": {"body_text": [["Naledi", "Monstera"]]},
        },
        {"type": "FOOTER", "text": "Reply STOP to opt out"},
        {
            "type": "BUTTONS",
            "buttons": [
                {"type": "QUICK_REPLY", "text": "Yes, keep one"},
                {"type": "QUICK_REPLY", "text": "No, thank you"},
            ],
        },
    ],
}
REPLIES = (
    "Yes please, show me",
    "Do you still have the big one?",
    "Not now, thank you",
    "How much is delivery to Stellenbosch?",
    "Mine has yellow leaves, what can I do?",
    "Lovely 🌿",
    "Are you open on Sunday?",
    "It is doing great, thank you!",
    "Can I pick it up tomorrow?",
)
