"""The country a time zone lies in."""

import pytest

from wotnot.services.country_names import NAMES
from wotnot.services.phone_numbers import is_country
from wotnot.services.zone_countries import countries_by_zone


@pytest.mark.parametrize(
    ("zone", "country"),
    [
        ("Africa/Johannesburg", "ZA"),
        ("Asia/Kolkata", "IN"),
        ("Asia/Calcutta", "IN"),
        ("Europe/Kiev", "UA"),
        ("Europe/Oslo", "NO"),
        ("America/Buenos_Aires", "AR"),
    ],
)
def test_zones_and_their_former_names_have_their_own_country(zone: str, country: str) -> None:
    assert countries_by_zone()[zone] == country


def test_utc_lies_nowhere() -> None:
    assert "UTC" not in countries_by_zone()


def test_every_country_that_has_phone_numbers_can_be_chosen() -> None:
    assert not [country for country in countries_by_zone().values() if is_country(country) and country not in NAMES]
