"""What people type, made comparable: case, accents, punctuation and emoji do not count. A leaf."""

import re
import unicodedata

# Accents of Latin, Greek and Cyrillic, vowel signs of Arabic and Hebrew, variation selectors. The marks of Indian scripts
# stay, because they are the vowels of the words.
_MARKS = re.compile("[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u20e3\ufe00-\ufe0f]")
_LETTERS = str.maketrans({"ı": "i", "ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe"})

# Scripts that write no spaces between words.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")


def plain(text: str) -> str:
    """The words of `text` with one space between them: " ¡Pará! 🛑" → "para"."""
    decomposed = unicodedata.normalize("NFKD", text.casefold()).translate(_LETTERS)
    bare = unicodedata.normalize("NFC", _MARKS.sub("", decomposed))
    return " ".join("".join(_kept(sign) for sign in bare).split())


def holds(text: str, phrase: str) -> bool:
    """Whether `phrase` stands in `text` as whole words; in a script without spaces, anywhere. Both are plain."""
    if _UNSPACED.search(phrase):
        return phrase in text
    return f" {phrase} " in f" {text} "


def begins(text: str, phrase: str) -> bool:
    """Whether `text` starts with the words `phrase`. Both are plain."""
    if _UNSPACED.search(phrase):
        return text.startswith(phrase)
    return f"{text} ".startswith(f"{phrase} ")


def _kept(sign: str) -> str:
    """A letter, digit or vowel sign stays; joiners vanish; anything else parts words."""
    kind = unicodedata.category(sign)
    if kind[0] in "LNM":
        return sign
    return "" if kind == "Cf" else " "
