"""Made-up customers of a made-up plant shop: names, cities and numbers that look right and are the same every time. Pure."""

import random
import unicodedata
from dataclasses import dataclass

from wotnot.models import Consent

SEED = 20261123

_FIRST_NAMES = {
    "ZA": "Naledi Thabo Lerato Sipho Zanele Pieter Annelise Johan Nomsa Kagiso Ayanda Bongani Chantal Riaan Thandi Imraan Fatima Lindiwe Marius Palesa",
    "GB": "Grace Oliver Amelia Harry Isla George Priya Callum Freya Rhys Eleanor Tariq Niamh Alfie Beatrix Owen",
    "DE": "Jürgen Lena Björn Mareike Sören Anneliese Günther Jana Felix Käthe Emre Heike Lukas Frauke",
    "NL": "Sanne Daan Femke Bram Lotte Jeroen Maaike Sjoerd Noor Thijs Anouk Willemijn",
    "NG": "Chidi Ngozi Emeka Folake Tunde Amara Ifeoma Babatunde Yetunde Uche Adaeze Kelechi",
}  # fmt: skip
_LAST_NAMES = {
    "ZA": "Mokoena Dlamini Nkosi van_der_Merwe Jacobs Naidoo Botha Khumalo Pillay Petersen Mthembu Oberholzer Sithole Adams Ndlovu Maseko",
    "GB": "Whitfield Patel Thompson O’Connor Hughes Ashworth Begum Macleod Fairclough Singh Bennett",
    "DE": "Müller Weiß Schröder Yılmaz Oberholzer-Schwarzenbach Jäger Köhler Brandt Schäfer Groß",
    "NL": "de_Vries Jansen van_den_Berg Bakker Visser Smit Mulder Bos",
    "NG": "Okafor Adeyemi Balogun Eze Nwosu Ogunleye Obi Lawal Okonkwo",
}  # fmt: skip
_CITIES = {
    "ZA": ("Cape Town", "Cape Town", "Cape Town", "Johannesburg", "Durban", "Pretoria", "Stellenbosch"),
    "GB": ("London", "Manchester", "Bristol", "Edinburgh"),
    "DE": ("Berlin", "Hamburg", "Köln", "München"),
    "NL": ("Amsterdam", "Utrecht", "Rotterdam"),
    "NG": ("Lagos", "Abuja", "Ibadan"),
}
# What a mobile number begins with, and how many digits follow.
_MOBILES = {
    "ZA": (("2771", "2772", "2773", "2776", "2778", "2779", "2782", "2783", "2784"), 7),
    "GB": (("447400", "447450", "447502", "447711", "447824"), 6),
    "DE": (("49151", "49152", "49157", "49176"), 8),
    "NL": (("3161", "3162", "3164", "3165"), 7),
    "NG": (("234803", "234805", "234806", "234813"), 7),
}
_LANGUAGES = {"DE": "de", "NL": "nl", "GB": "en_GB"}
_COUNTRIES, _WEIGHTS = ("ZA", "GB", "DE", "NL", "NG"), (70, 11, 8, 6, 5)
_FAVOURITES = ("indoor plants", "succulents", "herbs", "orchids", "pots", "fruit trees")

# These are on the customer's phone of the sandbox from the start, so that what is sent to them can be looked at.
_KNOWN = (
    ("27825550142", "Naledi Mokoena", "Cape Town"),
    ("27835550118", "Thabo Dlamini", "Johannesburg"),
)


@dataclass(frozen=True, slots=True)
class Person:
    """One customer. `age_days` is how long ago they became one."""

    phone: str
    name: str
    email: str
    attributes: dict[str, str]
    tags: tuple[str, ...]
    consent: Consent
    age_days: float
    language: str | None


def make_people(count: int) -> list[Person]:
    """`count` different customers; the same ones for the same count."""
    dice = random.Random(SEED)
    people: dict[str, Person] = {}
    for phone, name, city in _KNOWN:
        people[phone] = _person(dice, phone, name, ("ZA", city), Consent.OPTED_IN)
    while len(people) < count:
        country = dice.choices(_COUNTRIES, _WEIGHTS)[0]
        phone, name = _phone(dice, country), _name(dice, country)
        consent = dice.choices((Consent.UNKNOWN, Consent.OPTED_IN, Consent.OPTED_OUT), (34, 62, 4))[0]
        people.setdefault(phone, _person(dice, phone, name, (country, dice.choice(_CITIES[country])), consent))
    return list(people.values())


def _person(dice: random.Random, phone: str, name: str, place: tuple[str, str], consent: Consent) -> Person:
    country, city = place
    tags = [
        tag for tag, share in (("Newsletter", 0.68), ("VIP", 0.08), ("Workshop 2026", 0.13)) if dice.random() < share
    ]
    if city in {"Cape Town", "Johannesburg"}:
        tags.append(city)
    attributes = {"city": city}
    if dice.random() < 0.9:
        attributes["favourite"] = dice.choice(_FAVOURITES)
    email = f"{_plain(name)}@example.com" if dice.random() < 0.8 else ""
    age_days = dice.triangular(1, 400, 40)
    return Person(phone, name, email, attributes, tuple(tags), consent, age_days, _LANGUAGES.get(country))


def _name(dice: random.Random, country: str) -> str:
    first, last = dice.choice(_FIRST_NAMES[country].split()), dice.choice(_LAST_NAMES[country].split())
    return f"{first} {last}".replace("_", " ")


def _phone(dice: random.Random, country: str) -> str:
    prefixes, digits = _MOBILES[country]
    return dice.choice(prefixes) + "".join(str(dice.randrange(10)) for _ in range(digits))


def _plain(name: str) -> str:
    """A name as the front of an e-mail address: "Jürgen Weiß" → "jurgen.weiss"."""
    spelled = name.replace("ß", "ss").replace("ı", "i").replace("’", "").replace("-", " ")
    letters = unicodedata.normalize("NFKD", spelled).encode("ascii", "ignore").decode()
    return ".".join(letters.lower().split())
