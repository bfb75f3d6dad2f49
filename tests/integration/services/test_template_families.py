"""The languages of one name as one family: lists, counts, and what can take another one's place."""

from datetime import timedelta
from typing import Any

import pytest

from tests.cast import Cast
from tests.factories import make_broadcast, make_channel, make_template
from wotnot import clock
from wotnot.errors import Conflict, Invalid
from wotnot.extensions import db
from wotnot.models import BroadcastState, Template, TemplateStatus
from wotnot.services import template_bin
from wotnot.services.template_families import (
    Family,
    FamilyFilter,
    choice_for,
    count_families,
    family_of,
    list_families,
    look_at_translations,
    read_status,
    variable_differences,
)

OTHER_BODY = [{"type": "BODY", "text": "Hallo {{1}}, ab {{2}} geht es los.", "example": {"body_text": [["Ann", "9"]]}}]
CATALOGUE = [
    {"type": "BODY", "text": "Hallo {{1}}, sieh dir das an.", "example": {"body_text": [["Ann"]]}},
    {"type": "BUTTONS", "buttons": [{"type": "MPM", "text": "Ansehen"}]},
]


def spring(cast: Cast, *languages: str, **fields: Any) -> list[Template]:
    return [make_template(cast.workspace, language=language, **{"name": "spring"} | fields) for language in languages]


def shown(families: list[Family]) -> list[tuple[str, list[str]]]:
    return [(family.main.name, [one.language for one in family.translations]) for family in families]


def test_a_name_is_one_row_in_its_account(cast: Cast) -> None:
    spring(cast, "en", "de")
    make_template(cast.workspace, name="autumn")
    spring(cast, "pt_BR")
    spring(cast, "en", waba_id="2")
    make_template(cast.other_workspace, name="spring", language="fr")
    page = list_families(FamilyFilter(cast.workspace.id))
    assert shown(page.items) == [("spring", ["en"]), ("spring", ["en", "de", "pt_BR"]), ("autumn", ["en"])]
    assert count_families(cast.workspace.id) == {"all": 3, "deleted": 0, "approved": 3}


def test_a_family_is_found_by_any_of_its_languages_and_shown_with_all(cast: Cast) -> None:
    spring(cast, "en")
    spring(cast, "de", status=TemplateStatus.REJECTED, components=OTHER_BODY)
    make_template(cast.workspace, name="autumn")
    here = cast.workspace.id
    both = [("spring", ["en", "de"])]
    assert shown(list_families(FamilyFilter(here, TemplateStatus.REJECTED)).items) == both
    assert shown(list_families(FamilyFilter(here, search="geht es los")).items) == both
    assert shown(list_families(FamilyFilter(here, TemplateStatus.APPROVED, "spring")).items) == both
    assert list_families(FamilyFilter(here, TemplateStatus.REJECTED, "autumn")).items == []
    assert count_families(here) == {"all": 2, "deleted": 0, "approved": 2, "rejected": 1}
    with pytest.raises(Invalid):
        read_status("nonsense")


def test_pages_hold_each_family_once_in_both_directions(cast: Cast) -> None:
    names = [f"family_{number}" for number in range(7)]
    for language in ("en", "de", "fr"):
        for name in names:
            make_template(cast.workspace, name=name, language=language)
    wanted = FamilyFilter(cast.workspace.id)
    first = list_families(wanted, limit=3)
    second = list_families(wanted, limit=3, cursor=first.next_cursor)
    third = list_families(wanted, limit=3, cursor=second.next_cursor)
    pages = [[family.main.name for family in page.items] for page in (first, second, third)]
    assert pages == [names[:3:-1], names[3:0:-1], names[:1]]
    assert third.next_cursor is None
    back = list_families(wanted, limit=3, cursor=second.previous_cursor)
    assert [family.id for family in back.items] == [family.id for family in first.items]


def test_a_page_takes_two_queries_however_many_languages(cast: Cast, count_queries: Any) -> None:
    for name in ("a", "b", "c"):
        spring(cast, "en", "de", "fr", name=name)
    here = cast.workspace.id
    with count_queries() as statements:
        assert len(list_families(FamilyFilter(here)).items) == 3
    assert len(statements) == 2


def test_the_main_one_is_the_oldest_that_can_be_sent(cast: Cast) -> None:
    [first] = spring(cast, "de", status=TemplateStatus.REJECTED)
    second, _ = spring(cast, "en", "fr")
    family = family_of(first)
    assert family.main is second
    assert not family.is_alike
    assert family_of(second).translations == family.translations


def test_the_bin_has_families_of_its_own(cast: Cast) -> None:
    live, binned, older = spring(cast, "en", "de", "fr")
    binned.deleted_at, older.deleted_at = clock.now(), clock.now() - timedelta(days=3)
    db.session.commit()
    here = cast.workspace.id
    assert shown(list_families(FamilyFilter(here)).items) == [("spring", ["en"])]
    [family] = list_families(FamilyFilter(here, deleted=True)).items
    assert shown([family]) == [("spring", ["de", "fr"])]
    assert family.first_to_go is older
    assert family_of(live).translations == [live]
    assert family_of(binned).translations == [binned, older]
    assert count_families(here) == {"all": 1, "deleted": 1, "approved": 1}


def test_what_left_the_bin_for_good_still_has_a_page(cast: Cast) -> None:
    spring(cast, "en")
    [gone] = spring(cast, "de", deleted_at=clock.now() - timedelta(days=40))
    assert family_of(gone).translations == [gone]


def test_only_what_can_take_its_place_takes_part(cast: Cast) -> None:
    main, german, spanish = spring(cast, "en", "de", "es")
    [french] = spring(cast, "fr", status=TemplateStatus.PENDING)
    [dutch] = spring(cast, "nl", components=OTHER_BODY)
    [danish] = spring(cast, "da", components=CATALOGUE)
    spring(cast, "it", deleted_at=clock.now())
    spring(cast, "pl", waba_id="2")
    choice, left_out = look_at_translations(main)
    assert choice.templates == [main, german, spanish]
    assert left_out == [
        (french, "is still in review at Meta"),
        (dutch, "has other variables than English"),
        (danish, "has parts that cannot be filled here"),
    ]
    assert choice_for(german).templates[0] is german
    assert choice_for(main, one_language=True).templates == [main]
    assert variable_differences(main, dutch) == ([], ["2"])
    assert variable_differences(dutch, main) == (["2"], [])


@pytest.mark.parametrize("state", [BroadcastState.SENDING, BroadcastState.PAUSED, BroadcastState.SCHEDULED])
def test_a_translation_that_is_being_sent_stays(cast: Cast, state: BroadcastState) -> None:
    main, german = spring(cast, "en", "de")
    channel = make_channel(cast.workspace)
    broadcast = make_broadcast(cast.workspace, channel, main, state=state)
    with pytest.raises(Conflict) as refusal:
        template_bin.delete_template(cast.workspace.id, german.id)
    assert broadcast.name in refusal.value.detail
    broadcast.one_language = True
    db.session.commit()
    template_bin.delete_template(cast.workspace.id, german.id)
    with pytest.raises(Conflict):
        template_bin.delete_template(cast.workspace.id, main.id)


def test_the_bin_keeps_a_translation_that_a_broadcast_went_out_in(cast: Cast) -> None:
    long_ago = clock.now() - timedelta(days=40)
    main, german = spring(cast, "en", "de", deleted_at=long_ago)
    make_template(cast.workspace, name="never_sent", deleted_at=long_ago)
    make_broadcast(cast.workspace, make_channel(cast.workspace), main, state=BroadcastState.FINISHED)
    assert template_bin.purge_bin() == 1
    assert {main.id, german.id} == {row.id for row in db.session.query(Template)}
