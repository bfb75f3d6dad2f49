"""What the sandbox shop sells and who bought there before: the goods, the people, and the pictures, which are drawn here."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache

SIZE = 240
"""Width and height of a picture in pixels."""

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Goods:
    """A product. `price` is in hundredths; `leaf` and `pot` are its colours, `shape` how it grows."""

    id: int
    name: str
    sku: str
    price: int
    text: str
    leaf: Colour
    pot: Colour
    shape: str = "bush"


GOODS = (
    Goods(101, "Monstera in a clay pot", "MON-01", 42000, "Big split leaves, likes bright shade.", (46, 122, 84), (196, 104, 63)),
    Goods(102, "Snake plant", "SNA-01", 26000, "Forgives almost everything.", (84, 140, 70), (92, 99, 112), "blades"),
    Goods(103, "Olive tree, one metre", "OLI-01", 89000, "For a sunny balcony.", (122, 145, 92), (214, 188, 150), "tree"),
    Goods(104, "Herb box: basil, thyme, mint", "HER-03", 18500, "Three pots for the kitchen window.", (98, 168, 72), (150, 108, 74)),
    Goods(105, "String of pearls", "STR-01", 21000, "Hangs from a shelf.", (112, 170, 120), (232, 214, 196), "hanging"),
    Goods(106, "Peace lily", "PEA-01", 24500, "White flowers, tells you when it is thirsty.", (38, 110, 74), (120, 132, 160), "blades"),
    Goods(107, "Watering can, 1.5 litres", "CAN-15", 15900, "Long spout, does not drip.", (70, 120, 150), (70, 120, 150), "can"),
    Goods(108, "Potting soil, 10 litres", "SOI-10", 9900, "Without peat.", (110, 84, 62), (134, 104, 78), "bag"),
)  # fmt: skip

# First name, last name, phone as typed at a checkout, country, city, ticked the box for news.
PEOPLE = (
    ("Naledi", "Mokoena", "082 555 0142", "ZA", "Cape Town", True),
    ("Thabo", "Nkosi", "+27 82 555 0161", "ZA", "Johannesburg", False),
    ("Annelise", "Oberholzer-Schwarzenbach", "0151 23456789", "DE", "Berlin", True),
    ("Marco", "Rossi", "347 123 4567", "IT", "Milano", False),
    ("Grace", "Wanjiru", "0712 345678", "KE", "Nairobi", True),
    ("Sam", "Field", "call me", "GB", "Leeds", False),
)

PAYMENT_METHODS = {
    "card": "Credit card",
    "bacs": "Direct bank transfer",
    "cod": "Cash on delivery",
}


def find_goods(product_id: int) -> Goods | None:
    """The product with this id."""
    return next((one for one in GOODS if one.id == product_id), None)


@lru_cache(maxsize=32)
def picture(product_id: int) -> bytes | None:
    """The picture of a product as PNG, or None for a product that is not there."""
    goods = find_goods(product_id)
    if goods is None:
        return None
    rows = (
        b"\0" + b"".join(bytes(_pixel(goods, x / SIZE, y / SIZE)) for x in range(SIZE))
        for y in range(SIZE)
    )  # fmt: skip
    return _png(b"".join(rows))


def _pixel(goods: Goods, x: float, y: float) -> Colour:
    """The colour at x, y of the unit square."""
    if goods.shape == "bag":
        inside = 0.3 < x < 0.7 and 0.25 < y < 0.82
        return (214, 190, 136) if inside and 0.42 < y < 0.6 else goods.pot if inside else _wall(goods, y)
    if _in_pot(goods, x, y):
        shade = 1.0 if x < 0.58 else 0.88
        return _shaded(goods.pot, shade if y > 0.66 else shade * 1.08)
    if _in_leaf(goods, x, y):
        return _shaded(goods.leaf, 1.15 if (x * 37 + y * 53) % 2 < 0.9 else 0.95)
    return _wall(goods, y)


def _in_pot(goods: Goods, x: float, y: float) -> bool:
    if goods.shape == "can":
        body = 0.3 < x < 0.62 and 0.42 < y < 0.8
        spout = abs((x - 0.62) * 0.95 - (0.72 - y)) < 0.035 and 0.62 <= x < 0.88
        ring = abs(((x - 0.3) ** 2 + (y - 0.55) ** 2) ** 0.5 - 0.13) < 0.028 and x < 0.31
        return body or spout or ring
    if goods.shape == "hanging":
        return 0.34 < x < 0.66 and 0.2 < y < 0.38
    half = 0.17 - 0.22 * max(y - 0.66, 0.0)
    return 0.6 < y < 0.86 and abs(x - 0.5) < (half + 0.02 if y < 0.66 else half)


def _in_leaf(goods: Goods, x: float, y: float) -> bool:
    if goods.shape == "blades":
        return any(
            abs(x - 0.5 - lean * (0.62 - y)) < 0.045 * (y - top + 0.12) / 0.4 and top < y < 0.62
            for lean, top in _BLADES
        )
    if goods.shape == "tree":
        return (abs(x - 0.5) < 0.014 and 0.3 < y < 0.62) or any(_ellipse(x, y, at) for at in _CROWN)
    if goods.shape == "hanging":
        return any(abs(x - at) < 0.02 and 0.36 < y < low and (y * 22) % 1 < 0.75 for at, low in _STRINGS)
    return goods.shape == "bush" and any(_ellipse(x, y, at) for at in _BUSH)


_BLADES = ((-0.35, 0.24), (-0.12, 0.14), (0.1, 0.18), (0.34, 0.28), (0.55, 0.36), (-0.6, 0.38))
_CROWN = ((0.5, 0.22, 0.15, 0.13), (0.4, 0.3, 0.12, 0.1), (0.6, 0.3, 0.12, 0.1))
_STRINGS = ((0.38, 0.8), (0.44, 0.62), (0.5, 0.86), (0.56, 0.7), (0.62, 0.78))
_BUSH = (
    (0.5, 0.34, 0.13, 0.2),
    (0.34, 0.42, 0.15, 0.1),
    (0.66, 0.42, 0.15, 0.1),
    (0.4, 0.52, 0.13, 0.09),
    (0.6, 0.52, 0.13, 0.09),
)


def _ellipse(x: float, y: float, at: tuple[float, float, float, float]) -> bool:
    at_x, at_y, wide, high = at
    return ((x - at_x) / wide) ** 2 + ((y - at_y) / high) ** 2 < 1


def _wall(goods: Goods, y: float) -> Colour:
    """A light tint of the leaves, with a table at the foot."""
    tint = [int(236 + (part - 128) * 0.1) for part in goods.leaf]
    return (226, 216, 200) if y > 0.82 else (tint[0], tint[1], tint[2])


def _shaded(colour: Colour, by: float) -> Colour:
    red, green, blue = (min(int(part * by), 255) for part in colour)
    return red, green, blue


def _png(rows: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", SIZE, SIZE, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
