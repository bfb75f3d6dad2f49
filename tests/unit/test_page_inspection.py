"""The test client's eyes: each fault it should see, seen; a good page passed."""

import pytest
from flask import Flask

from tests.client import Client, inspect_page

GOOD = """<!doctype html><html lang="en"><head><title>T</title></head><body><h1>One</h1>
<form method="post"><input type="hidden" name="csrf_token" value="x"><label for="a">A</label><input id="a" name="a">
<label>B <select name="b"><option>1</option></select></label><input name="c" aria-label="C"></form></body></html>"""


def test_a_good_page_passes() -> None:
    assert inspect_page(GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("</h1>", "</h1><h1>Two</h1>", "2 h1"),
        ("<h1>One</h1>", "", "0 h1"),
        ("<title>T</title>", "<title> </title>", "no title"),
        ('<label for="a">A</label>', "", "'a' has no label"),
        ('id="a"', 'id="a"><p id="a"></p><input type="hidden"', "id 'a' 2 times"),
        ('name="csrf_token"', 'name="other"', "no csrf_token"),
        ("</form>", "</div></form>", "HTML"),
        ("<!doctype html>", "", "HTML"),
    ],
)
def test_each_fault_is_seen(old: str, new: str, fault: str) -> None:
    assert old in GOOD
    problems = inspect_page(GOOD.replace(old, new))
    assert any(fault in problem for problem in problems), problems


def test_a_fragment_needs_no_title_or_heading() -> None:
    assert inspect_page("<p>Hi</p>", is_fragment=True) == []
    assert inspect_page('<p id="a"></p><p id="a"></p>', is_fragment=True) == ["id 'a' 2 times"]


@pytest.mark.parametrize("html", [GOOD.replace("<h1>One</h1>", ""), '<p id="a"></p><p id="a"></p>'])
def test_the_client_looks_at_what_it_fetches(html: str) -> None:
    app = Flask(__name__)
    app.add_url_rule("/bad", "bad", view_func=lambda: html)
    app.add_url_rule("/good", "good", view_func=lambda: GOOD)
    client = Client(app)
    assert client.get("/good").get_data(as_text=True) == GOOD
    with pytest.raises(AssertionError, match="GET /bad"):
        client.get("/bad")
