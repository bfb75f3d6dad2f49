"""Which country a time zone lies in, by the tables of the IANA time zone database that the tzdata package carries. A leaf."""

from functools import cache
from importlib.resources import files


@cache
def countries_by_zone() -> dict[str, str]:
    """Time zone → ISO country, former names ("Asia/Calcutta") included, because browsers still tell those.

    A zone without a country, such as UTC, is not in it. Source: zone.tab and the links of tzdata.zi.
    """
    countries = {}
    for line in _lines("zone.tab"):
        if not line.startswith("#"):
            country, _, zone, *_ = line.split("\t")
            countries[zone] = country
    links = (line.split() for line in _lines("tzdata.zi") if line.startswith("L "))
    former = {alias: target for _, target, alias, *_ in links}
    # A link may lead to the zone of another country that keeps the same time; zone.tab, which names each place, goes first.
    return {alias: countries[target] for alias, target in former.items() if target in countries} | countries


def _lines(name: str) -> list[str]:
    return files("tzdata").joinpath("zoneinfo", name).read_text(encoding="utf-8").splitlines()
