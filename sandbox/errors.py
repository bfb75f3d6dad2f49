"""The Cloud API's error codes and the two shapes in which they arrive.

Source: Meta's error-code reference for the WhatsApp Cloud API.
"""

from __future__ import annotations

import secrets
from typing import Any

_HREF = "/documentation/business-messaging/whatsapp/support/error-codes"

# code -> (HTTP status when answered at once, title, usual details)
CODES: dict[int, tuple[int, str, str]] = {
    0: (401, "AuthException", "We were unable to authenticate the app user."),
    1: (400, "API Unknown", "Invalid request or possible server error."),
    2: (503, "API Service", "Temporary issue due to downtime or due to being overloaded."),
    3: (500, "API Method", "Capability or permissions issue."),
    4: (400, "API Too Many Calls", "The app has reached its API call rate limit."),
    10: (403, "Permission Denied", "Permission is either not granted or has been removed."),
    33: (400, "Parameter value is not valid", "The business phone number has been deleted."),
    100: (400, "Invalid parameter", "The request included one or more unsupported or misspelled parameters."),
    190: (401, "Access token has expired", "Your access token has expired."),
    200: (403, "API Permission", "Permission is either not granted or has been removed."),
    368: (403, "Temporarily blocked for policies violations", "The account violated a platform policy."),
    80007: (400, "Rate limit issues", "The WhatsApp Business Account has reached its rate limit."),
    130429: (400, "Rate limit hit", "Cloud API message throughput has been reached."),
    130472: (400, "User's number is part of an experiment", "Message was not sent as part of an experiment."),
    130497: (403, "Business account is restricted from messaging users in this country", "Restricted country."),
    131000: (500, "Something went wrong", "Message failed to send due to an unknown error."),
    131005: (403, "Access denied", "Permission is either not granted or has been removed."),
    131008: (400, "Required parameter is missing", "The request is missing a required parameter."),
    131009: (400, "Parameter value is not valid", "One or more parameter values are invalid."),
    131016: (500, "Service unavailable", "A service is temporarily unavailable."),
    131021: (400, "Recipient cannot be sender", "Sender and recipient phone number is the same."),
    131026: (400, "Message undeliverable", "Message Undeliverable."),
    131030: (400, "Recipient phone number not in allowed list", "Add the recipient to the allowed list."),
    131031: (403, "Account has been locked", "The account is restricted or disabled for violating a policy."),
    131037: (400, "Display name approval is required", "The number's display name is not approved."),
    131042: (400, "Business eligibility payment issue", "There is an error related to the payment method."),
    131045: (500, "Incorrect certificate", "Message failed due to a phone number registration error."),
    131047: (
        400,
        "Re-engagement message",
        "Message failed to send because more than 24 hours have passed since the customer last replied to this number.",
    ),
    131048: (400, "Spam rate limit hit", "Message failed because there are restrictions on how many can be sent."),
    131049: (
        400,
        "This message was not delivered to maintain healthy ecosystem engagement.",
        "In order to maintain a healthy ecosystem engagement, the message failed to be delivered.",
    ),
    131050: (
        400,
        "User has stopped receiving marketing messages from your business",
        "Unable to deliver the message. The recipient has stopped marketing messages from your business.",
    ),
    131051: (400, "Unsupported message type", "Message type is not currently supported."),
    131052: (400, "Media download error", "Unable to download the media sent by the user."),
    131053: (400, "Media upload error", "Unable to upload the media used in the message."),
    131056: (
        400,
        "(Business Account, Consumer Account) pair rate limit hit",
        "Too many messages sent from the sender phone number to the same recipient in a short period of time.",
    ),
    131057: (500, "Account in maintenance mode", "Business account is in maintenance mode."),
    131059: (400, "Invalid cursor", "The paging cursor is invalid or has expired."),
    132000: (400, "Template Param Count Mismatch", "The number of parameters does not match."),
    132001: (404, "Template does not exist", "The template does not exist in the translation or is not approved."),
    132005: (400, "Template Hydrated Text Too Long", "The translated text is too long."),
    132007: (400, "Template Format Character Policy Violated", "Template content violates a policy."),
    132012: (400, "Template Parameter Format Mismatch", "Parameter format does not match the created template."),
    132015: (400, "Template is Paused", "The template is paused due to low quality."),
    132016: (400, "Template is Disabled", "The template was paused too many times and is now disabled."),
    132068: (400, "Flow is blocked", "Flow is in blocked state."),
    132069: (400, "Flow is throttled", "Flow is in throttled state."),
    133004: (503, "Server Temporarily Unavailable", "Server is temporarily unavailable."),
    133005: (400, "Two step verification PIN Mismatch", "The two-step verification PIN is incorrect."),
    133006: (400, "Phone number re-verification needed", "The phone number must be verified before registering."),
    133010: (400, "Phone number Not Registered", "Phone number not registered on the platform."),
    133016: (400, "Account register deregister rate limit exceeded", "Register requests exceeded 10 in 72 hours."),
    135000: (400, "Generic user error", "Message failed to send because of an unknown error with the parameters."),
}


def title_of(code: int) -> str:
    """Meta's title for a code."""
    return CODES[code][1]


class GraphError(Exception):
    """A refusal in the Cloud API's own words: code, HTTP status and the JSON envelope."""

    def __init__(
        self,
        code: int,
        details: str = "",
        *,
        message: str = "",
        kind: str = "OAuthException",
        subcode: int | None = None,
        user_title: str = "",
        user_message: str = "",
        http: int | None = None,
    ) -> None:
        default_http, title, default_details = CODES.get(code, (400, "Unknown error", "Unknown error."))
        self.code = code
        self.http = default_http if http is None else http
        self.message = message or f"(#{code}) {title}"
        self.details = details or default_details
        self.kind = kind
        self.subcode = subcode
        self.user_title = user_title
        self.user_message = user_message
        super().__init__(f"{self.message}: {self.details}")

    def envelope(self) -> dict[str, Any]:
        """The body of the HTTP answer."""
        error: dict[str, Any] = {"message": self.message, "type": self.kind, "code": self.code}
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        if self.user_title:
            error |= {"is_transient": False, "error_user_title": self.user_title, "error_user_msg": self.user_message}
        elif self.code >= 1000 or (self.code == 100 and self.subcode is None):
            error["error_data"] = {"messaging_product": "whatsapp", "details": self.details}
        error["fbtrace_id"] = "A" + secrets.token_urlsafe(16)
        return {"error": error}


def expired_token() -> GraphError:
    """190 with the sub-code of a session that ended."""
    return GraphError(
        190,
        message="Error validating access token: Session has expired on Sunday, 01-Mar-26 00:00:00 PST.",
        subcode=463,
    )


def bad_token(message: str = "Invalid OAuth access token - Cannot parse access token") -> GraphError:
    """190 for a token that never was one."""
    return GraphError(190, message=message)


def unknown_object(object_id: str, method: str) -> GraphError:
    """100 with sub-code 33: the id exists nowhere, or not for this token."""
    return GraphError(
        100,
        message=f"Unsupported {method.lower()} request. Object with ID '{object_id}' does not exist, cannot be loaded"
        " due to missing permissions, or does not support this operation.",
        kind="GraphMethodException",
        subcode=33,
    )


def status_error(code: int, details: str = "") -> dict[str, Any]:
    """The entry of `statuses[].errors[]` for a message that failed after it was accepted."""
    _, title, default_details = CODES[code]
    return {
        "code": code,
        "title": title,
        "message": title,
        "error_data": {"details": details or default_details},
        "href": _HREF,
    }
