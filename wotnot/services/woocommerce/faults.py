"""What can be wrong with a shop, and how to say it to the person who has to mend it."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Trouble(StrEnum):
    """Why a shop did not answer as it should."""

    UNKNOWN_ADDRESS = "unknown_address"
    PRIVATE = "private"
    DOWN = "down"
    SLOW = "slow"
    TLS = "tls"
    MOVED = "moved"
    HTML = "html"
    NOT_WOO = "not_woo"
    KEYS = "keys"
    PERMISSION = "permission"
    BUSY = "busy"
    BROKEN = "broken"
    TOO_LARGE = "too_large"


@dataclass(frozen=True, slots=True)
class Words:
    """A `chip` for lists, and the sentences for the shop's page: what happened, and what to do."""

    chip: str
    text: str


WORDS: dict[Trouble, Words] = {
    Trouble.UNKNOWN_ADDRESS: Words(
        "Address unknown",
        "This address is not known. Check it for typing mistakes, and whether the domain still exists.",
    ),
    Trouble.PRIVATE: Words(
        "Private address",
        "This address leads to a private network, which is not allowed. Give the shop's public address.",
    ),
    Trouble.DOWN: Words(
        "Down", "The shop does not answer. Check that it opens in a browser; a firewall may also keep us out."
    ),
    Trouble.SLOW: Words("Slow", "The shop takes too long to answer. Ask whoever hosts it, and try again later."),
    Trouble.TLS: Words(
        "Certificate",
        "The shop's certificate is not valid, so nothing is sent to it. Have its host renew the certificate.",
    ),
    Trouble.MOVED: Words("Moved", "The shop sends us to another address. Connect it with that address instead."),
    Trouble.HTML: Words(
        "Answers HTML",
        "The shop answers a web page instead of data. It may be in maintenance, or a security plugin blocks its REST API.",
    ),
    Trouble.NOT_WOO: Words(
        "Not WooCommerce",
        "There is no WooCommerce at this address. Check that the plugin is active and that permalinks are not “Plain”.",
    ),
    Trouble.KEYS: Words(
        "Key refused",
        "The shop refuses these keys: they were revoked or mistyped. Make new ones in WooCommerce, Settings, Advanced, REST API.",
    ),
    Trouble.PERMISSION: Words(
        "Key may not write",
        "These keys may read but not write, and we need to create webhooks. Make keys with the permission Read/Write.",
    ),
    Trouble.BUSY: Words("Busy", "The shop answers too many calls just now. We try again by ourselves."),
    Trouble.BROKEN: Words(
        "Error in the shop",
        "The shop answers with an error of its own. Its host finds the cause in the server's error log.",
    ),
    Trouble.TOO_LARGE: Words("Answer too large", "The shop's answer is too large to be read. Ask its host about it."),
}

KEY_TROUBLES = frozenset({Trouble.KEYS, Trouble.PERMISSION})
LASTING = KEY_TROUBLES | {Trouble.PRIVATE, Trouble.NOT_WOO, Trouble.MOVED}
"""What does not mend itself: asked less often."""


class ShopFault(Exception):  # noqa: N818 — named for what it is
    """A call to a shop failed. `said` is what the shop itself said, if anything; `status` its HTTP status or 0.

    `wait` is how long it asked to be left alone (Retry-After), within reason.
    """

    wait = timedelta(0)

    def __init__(self, trouble: Trouble, said: str = "", status: int = 0, code: str = "") -> None:
        """`code` is WordPress's own, such as `woocommerce_rest_shop_order_invalid_id`."""
        super().__init__(f"{trouble}: {said or status}")
        self.trouble = trouble
        self.said = said
        self.status = status
        self.code = code

    @property
    def text(self) -> str:
        """The sentences for a person, with the shop's own words at the end."""
        words = WORDS[self.trouble].text
        return f"{words} The shop says: “{self.said[:200].rstrip('.')}”." if self.said else words
