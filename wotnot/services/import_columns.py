"""Where a file's columns go: targets, names recognised in several languages, and the check of a mapping. A leaf.

A target is `phone`, `name`, `first_name`, `last_name`, `email`, `language`, `tags`, `attribute:<name>` or `` (do not import).
"""

import re
from collections.abc import Mapping, Sequence

from wotnot.services.languages import read_language
from wotnot.services.phone_numbers import PhoneError, parse_digits

PHONE, NAME, FIRST_NAME, LAST_NAME, EMAIL, LANGUAGE, TAGS, IGNORE = (
    "phone",
    "name",
    "first_name",
    "last_name",
    "email",
    "language",
    "tags",
    "",
)
ATTRIBUTE = "attribute:"
FIXED_TARGETS = {
    PHONE: "Phone",
    NAME: "Full name",
    FIRST_NAME: "First name",
    LAST_NAME: "Last name",
    EMAIL: "E-mail",
    LANGUAGE: "Language",
    TAGS: "Tags",
}
MAX_ATTRIBUTE_NAME = 60

_ALIASES = {
    PHONE: "phone phonenumber phoneno mobile mobilephone mobilenumber mobileno cell cellphone cellnumber tel telephone telephonenumber "
    "number msisdn whatsapp whatsappnumber whatsappphone contactnumber phone1value telefon telefonnummer handy handynummer mobil "
    "rufnummer telefono teléfono móvil movil celular telephonemobile téléphone portable numéro numerodetelephone telefone telemóvel "
    "telemovel cellulare numeroditelefono telefoon telefoonnummer mobiel gsm selfoon telefonszám komórka телефон мобильный номер هاتف "
    "جوال 电话 手机 手机号 電話 携帯 फ़ोन मोबाइल nomor nomorhp nohp",
    NAME: "name fullname contactname displayname customer customername naam volledigenaam nom nomcomplet nombre nombrecompleto nome "
    "nomecompleto vollständigername kunde имя фио الاسم اسم 姓名 名前 नाम nama imię",
    FIRST_NAME: "firstname first givenname forename vorname prénom prenom primernombre voornaam primeironome 名 noomvan fname",
    LAST_NAME: "lastname last surname familyname nachname nomdefamille apellido apellidos sobrenome cognome achternaam van 姓 фамилия "
    "lname",
    EMAIL: "email mail emailaddress emailid correo correoelectronico correoelectrónico courriel adressemail epost epostadres "
    "posta почта البريد 邮箱 邮件 メール ईमेल",
    LANGUAGE: "language lang locale languagecode preferredlanguage sprache idioma lengua lenguaje langue lingua língua taal språk sprog "
    "kieli język jazyk jezik nyelv limbă dil bahasa lugha ngônngữ язык мова لغة اللغة زبان שפה भाषा ভাষা 语言 語言 言語 언어 ภาษา γλώσσα",
    TAGS: "tag tags label labels group groups segment segments list lists etiqueta etiquetas étiquette étiquettes gruppe gruppen "
    "groupe groupes grupo grupos gruppo",
}  # fmt: skip
_TARGET_OF = {alias: target for target, words in _ALIASES.items() for alias in words.split()}
_NOISE = re.compile(r"[\W_]+")


def suggest_targets(
    columns: Sequence[str], samples: Sequence[Sequence[str]], attributes: Sequence[str], country: str
) -> list[str]:
    """A target for each column: by its name, then by known attributes; a phone column also by what it holds, and one that is
    called "Language" only if languages are what it holds.

    Columns that are not recognised become attributes of their own name, so that nothing in a file is lost unseen.
    """
    known = {_plain(name): name for name in attributes}
    targets = [_recognise(column, known) for column in columns]
    targets = [
        ATTRIBUTE + columns[at][:MAX_ATTRIBUTE_NAME]
        if target == LANGUAGE and not _holds_languages(samples, at)
        else target
        for at, target in enumerate(targets)
    ]
    if FIRST_NAME in targets or LAST_NAME in targets:
        # "Name" beside "Surname" is the first name.
        targets = [FIRST_NAME if t == NAME and FIRST_NAME not in targets else t for t in targets]
    targets = _only_once(columns, targets)
    if PHONE not in targets:
        place = _phone_like_column(samples, len(columns), country)
        if place is not None:
            targets[place] = PHONE
    return targets


def check_targets(columns: Sequence[str], targets: Sequence[str]) -> dict[str, str]:
    """What is wrong with a mapping: column (or "mapping") → sentence; empty when it can be used."""
    errors: dict[str, str] = {}
    if PHONE not in targets:
        errors["mapping"] = "No column holds the phone number. Say which one does."
    taken: set[str] = set()
    for column, target in zip(columns, targets, strict=True):
        key = target.lower()
        if target and target != TAGS and key in taken:
            errors[column] = f"Another column goes to {describe_target(target)} already. Choose one of them."
        elif target.startswith(ATTRIBUTE) and not 0 < len(target.removeprefix(ATTRIBUTE).strip()) <= MAX_ATTRIBUTE_NAME:
            errors[column] = f"Give the new field a name of at most {MAX_ATTRIBUTE_NAME} characters."
        elif target and target not in FIXED_TARGETS and not target.startswith(ATTRIBUTE):
            errors[column] = f"“{target}” is no field. Use {', '.join(FIXED_TARGETS)} or attribute:<name>."
        taken.add(key)
    return errors


def targets_from_names(columns: Sequence[str], mapping: Mapping[str, object]) -> tuple[list[str], dict[str, str]]:
    """A mapping given by column name as targets in column order; columns that are not named are not imported.

    Answers the targets and, by column, what is wrong with a name. `attributes.City` is taken for `attribute:City`.
    """
    places = {column.strip().lower(): place for place, column in reversed(list(enumerate(columns)))}
    targets = [IGNORE] * len(columns)
    errors = {}
    for column, target in mapping.items():
        place = places.get(column.strip().lower())
        if place is None:
            errors[column] = f"The file has no column “{column}”. It has: {', '.join(columns)}."
        elif target is not None and not isinstance(target, str):
            errors[column] = "A column goes to the name of one field."
        else:
            targets[place] = _normal_target(target or IGNORE, columns[place])
    return targets, errors


def describe_target(target: str) -> str:
    """A target in words."""
    return FIXED_TARGETS.get(target) or target.removeprefix(ATTRIBUTE) or "Do not import"


def _normal_target(target: str, column: str) -> str:
    """A column that goes to its own name becomes an attribute of that name, as it would by itself."""
    target = target.strip()
    if target.lower() not in {*FIXED_TARGETS, IGNORE, "ignore"} and target.lower() == column.strip().lower():
        return ATTRIBUTE + target
    for prefix in ("attributes.", "attributes:", "attribute."):
        if target.startswith(prefix):
            return ATTRIBUTE + target.removeprefix(prefix).strip()
    return IGNORE if target == "ignore" else target


def _plain(name: str) -> str:
    return _NOISE.sub("", name).lower()


def _recognise(column: str, attributes: Mapping[str, str]) -> str:
    plain = _plain(column)
    if plain in attributes:
        return ATTRIBUTE + attributes[plain]
    return _TARGET_OF.get(plain) or ATTRIBUTE + column[:MAX_ATTRIBUTE_NAME]


def _only_once(columns: Sequence[str], targets: Sequence[str]) -> list[str]:
    """The first column of a kind keeps it; a second "Phone" becomes an attribute."""
    seen: set[str] = set()
    result = []
    for column, target in zip(columns, targets, strict=True):
        again = target != TAGS and target.lower() in seen
        chosen = ATTRIBUTE + column[:MAX_ATTRIBUTE_NAME] if again else target
        result.append(IGNORE if chosen.lower() in seen and chosen != TAGS else chosen)
        seen.add(chosen.lower())
    return result


def _holds_languages(samples: Sequence[Sequence[str]], place: int) -> bool:
    values = [row[place].strip() for row in samples if place < len(row)]
    return all(read_language(value) for value in values if value)


def _phone_like_column(samples: Sequence[Sequence[str]], width: int, country: str) -> int | None:
    scores = [sum(_is_phone(row[place], country) for row in samples if place < len(row)) for place in range(width)]
    best = max(range(width), key=lambda place: scores[place], default=None)
    return best if best is not None and scores[best] else None


def _is_phone(text: str, country: str) -> bool:
    try:
        return bool(parse_digits(text, country))
    except PhoneError:
        return False
