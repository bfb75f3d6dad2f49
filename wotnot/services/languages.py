"""Languages as Meta names them, and as people write them: "pt-BR", "Portuguese (Brazil)", "Deutsch". A leaf.

A code is a language, such as `de`, or a language with a country, such as `pt_BR`.
"""

import re
import unicodedata
from functools import lru_cache

# The languages most asked for, for lists to choose from.
LANGUAGES = {
    "en": "English", "en_GB": "English (UK)", "en_US": "English (US)", "af": "Afrikaans", "ar": "Arabic", "bn": "Bengali",
    "zh_CN": "Chinese (China)", "zh_HK": "Chinese (Hong Kong)", "zh_TW": "Chinese (Taiwan)", "hr": "Croatian", "cs": "Czech",
    "da": "Danish", "nl": "Dutch", "fil": "Filipino", "fi": "Finnish", "fr": "French", "de": "German", "el": "Greek",
    "gu": "Gujarati", "ha": "Hausa", "he": "Hebrew", "hi": "Hindi", "hu": "Hungarian", "id": "Indonesian", "it": "Italian",
    "ja": "Japanese", "ko": "Korean", "ms": "Malay", "mr": "Marathi", "nb": "Norwegian", "fa": "Persian", "pl": "Polish",
    "pt_BR": "Portuguese (Brazil)", "pt_PT": "Portuguese (Portugal)", "ro": "Romanian", "ru": "Russian", "es": "Spanish",
    "es_AR": "Spanish (Argentina)", "es_MX": "Spanish (Mexico)", "es_ES": "Spanish (Spain)", "sw": "Swahili", "sv": "Swedish",
    "ta": "Tamil", "te": "Telugu", "th": "Thai", "tr": "Turkish", "uk": "Ukrainian", "ur": "Urdu", "vi": "Vietnamese", "zu": "Zulu",
}  # fmt: skip

# What the speakers call their language, and other words for it, by the code they stand for.
_OWN_NAMES = {
    "af": "Afrikaans", "ar": "العربية|عربي", "bn": "বাংলা|Bangla", "zh_CN": "中文|简体中文|Mandarin|汉语",
    "zh_TW": "繁體中文", "zh_HK": "廣東話|Cantonese", "hr": "hrvatski", "cs": "čeština|česky", "da": "dansk",
    "nl": "Nederlands|Flemish|Vlaams", "fil": "Filipino|Tagalog|Pilipino", "fi": "suomi", "fr": "français",
    "de": "Deutsch", "el": "ελληνικά", "gu": "ગુજરાતી", "ha": "Hausa", "he": "עברית", "hi": "हिन्दी|हिंदी", "hu": "magyar",
    "id": "Bahasa Indonesia|Indonesia", "it": "italiano", "ja": "日本語", "ko": "한국어", "ms": "Bahasa Melayu|Melayu",
    "mr": "मराठी", "nb": "norsk|bokmål|norsk bokmål", "fa": "فارسی|Farsi", "pl": "polski", "pt": "português",
    "pt_BR": "português brasileiro|português do Brasil|português (Brasil)|Brazilian Portuguese",
    "pt_PT": "português europeu|português (Portugal)|European Portuguese", "ro": "română", "ru": "русский",
    "es": "español|castellano|Castilian", "es_AR": "español (Argentina)", "es_MX": "español (México)",
    "es_ES": "español (España)", "sw": "Kiswahili", "sv": "svenska", "ta": "தமிழ்", "te": "తెలుగు", "th": "ไทย|ภาษาไทย",
    "tr": "Türkçe", "uk": "українська", "ur": "اردو", "vi": "tiếng Việt", "zu": "isiZulu",
    "en_GB": "British English", "en_US": "American English",
}  # fmt: skip

# The others that Meta takes templates in. Source: supported languages of message templates.
_FURTHER = {
    "sq": "Albanian", "az": "Azerbaijani", "be": "Belarusian", "bg": "Bulgarian", "ca": "Catalan", "zh": "Chinese",
    "prs": "Dari", "et": "Estonian", "ka": "Georgian", "ga": "Irish", "kn": "Kannada", "kk": "Kazakh", "rw": "Kinyarwanda",
    "ky": "Kyrgyz", "lo": "Lao", "lv": "Latvian", "lt": "Lithuanian", "mk": "Macedonian", "ml": "Malayalam", "ps": "Pashto",
    "pt": "Portuguese", "pa": "Punjabi", "sr": "Serbian", "si": "Sinhala", "sk": "Slovak", "sl": "Slovenian", "uz": "Uzbek",
}  # fmt: skip
_BASES = {code: name for code, name in (LANGUAGES | _FURTHER).items() if "_" not in code}
# Codes that others write for the same languages.
_OTHER_CODES = {"no": "nb", "nn": "nb", "iw": "he", "in": "id", "tl": "fil", "zh_hans": "zh_CN", "zh_hant": "zh_TW"}
_CODE = re.compile(r"([a-z]{2,3})(?:_([a-z]{2}))?")
_LONGEST = 60


@lru_cache(maxsize=4096)
def read_language(text: str) -> str | None:
    """The code that `text` stands for, whether a code or a name of the language; None for what is neither."""
    plain = text.strip()
    if not plain or len(plain) > _LONGEST:
        return None
    return _read_code(plain.replace("-", "_").lower()) or _NAMES.get(_plain(plain))


def language_name(code: str | None) -> str:
    """A code in English words: "Portuguese (Brazil)"; the code itself where we have no words, nothing for none."""
    if not code:
        return ""
    base, _, country = code.partition("_")
    return LANGUAGES.get(code) or f"{_BASES.get(base, base)}{f' ({country})' if country else ''}"


def base_of(code: str) -> str:
    """The language of a code without its country: `pt_BR` → `pt`."""
    return code.partition("_")[0]


def _read_code(code: str) -> str | None:
    code = _OTHER_CODES.get(code, code)
    found = _CODE.fullmatch(code.lower())
    if found is None:
        return None
    base = _OTHER_CODES.get(found[1], found[1])
    if base not in _BASES:
        return None
    return f"{base}_{found[2].upper()}" if found[2] else base


def _plain(name: str) -> str:
    """A name in small letters without accents and signs, so that "Francais" is "français"."""
    letters = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in letters if letter.isalnum())


_NAMES = {_plain(name): code for code, name in (LANGUAGES | _FURTHER).items()} | {
    _plain(name): code for code, names in _OWN_NAMES.items() for name in names.split("|")
}
