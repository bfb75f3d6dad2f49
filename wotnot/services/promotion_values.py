"""What of a product stands in a promotion's message: `{"product": "price", "fallback": "…"}` beside a broadcast's own sources.

For each broadcast the product's texts and its picture are filled in anew; the rest is left for the sender, which knows people.
"""

import io
from collections.abc import Mapping
from typing import Any

from wotnot.errors import Invalid, NotFound, TooLarge
from wotnot.models import MediaKind
from wotnot.services import media, shop_products
from wotnot.services.audience_rules import MAX_VALUE_LENGTH, MEDIA_KEY
from wotnot.services.media_rules import SAMPLE_TYPES
from wotnot.services.woocommerce.products import LABELS, PICTURE, Product, value_of

Variables = Mapping[str, Mapping[str, Any]]

_ENDINGS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp", "image/gif": "gif"}


def is_product(source: object) -> bool:
    """Whether a variable's source is a field of the product."""
    return isinstance(source, Mapping) and "product" in source


def clean_sources(variables: Variables) -> dict[str, dict[str, Any]]:
    """Those sources that are fields of the product, tidy. Raises Invalid on `variables.<key>`."""
    errors: dict[str, str] = {}
    clean: dict[str, dict[str, Any]] = {}
    for key, source in variables.items():
        if not is_product(source):
            continue
        name, fallback = source["product"], source.get("fallback") or ""
        if name not in LABELS or set(source) - {"product", "fallback"}:
            errors[f"variables.{key}"] = f"Products have no such field. Choose one of {', '.join(LABELS)}."
        elif (name == PICTURE) != _is_picture(key):
            errors[f"variables.{key}"] = (
                "A product’s picture goes into a header that shows a picture, and nothing else does."
            )
        elif not isinstance(fallback, str) or len(fallback) > MAX_VALUE_LENGTH or "\x00" in fallback:
            errors[f"variables.{key}"] = f"A fallback has at most {MAX_VALUE_LENGTH:,} characters."
        else:
            clean[key] = {"product": name} | ({"fallback": fallback.strip()} if fallback.strip() else {})
    if errors:
        raise Invalid(errors)
    return clean


def needed_fields(variables: Variables) -> set[str]:
    """The product's fields without which the message cannot go: those that have no fallback."""
    return {one["product"] for one in variables.values() if is_product(one) and not one.get("fallback")}


def texts_of(variables: Variables, product: Product) -> dict[str, Mapping[str, Any]]:
    """The variables with the product's texts filled in, for a look at them; what it does not say is left out."""
    shown: dict[str, Mapping[str, Any]] = {}
    for key, source in variables.items():
        if not is_product(source):
            shown[key] = source
        elif text := value_of(source["product"], product) or source.get("fallback", ""):
            shown[key] = {"text": text}
    return shown


def fill_product(workspace_id: int, variables: Variables, product: Product) -> dict[str, Mapping[str, Any]]:
    """The variables as a broadcast takes them; the picture is brought into the library, once while it stays the same.

    May go out on the network, so call it outside a transaction. Raises Invalid on `variables.<key>` for what the product does
    not say, and for a picture that WhatsApp does not show.
    """
    filled = texts_of(variables, product)
    errors: dict[str, str] = {}
    for key, source in variables.items():
        if not is_product(source) or key in filled:
            continue
        if source["product"] != PICTURE:
            errors[f"variables.{key}"] = f"{product.name} has no {LABELS[source['product']]}, and there is no fallback."
            continue
        try:
            filled[key] = {"file_id": _bring_picture(workspace_id, product)}
        except (Invalid, NotFound, TooLarge) as error:
            why = "the shop has none that could be fetched" if isinstance(error, NotFound) else error.detail
            errors[f"variables.{key}"] = f"The picture of {product.name} cannot be shown: {why}"
    if errors:
        raise Invalid(errors)
    return filled


def _bring_picture(workspace_id: int, product: Product) -> int:
    kind, data = shop_products.fetch_picture(product.picture_url)
    name = f"{product.name[:80]}.{_ENDINGS[kind]}".replace("/", "-")
    file = media.save_file(workspace_id, io.BytesIO(data), name, only=SAMPLE_TYPES[MediaKind.IMAGE])
    return file.id


def _is_picture(key: str) -> bool:
    return bool(MEDIA_KEY.fullmatch(key)) and key.endswith("image")
