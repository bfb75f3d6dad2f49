"""What a model writes is drawn lightly, and nothing in it becomes anything else."""

import pytest

from wotnot.blueprints.light_markdown import light_markdown


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("Two\nlines", "<p>Two<br>lines</p>"),
        ("One.\n\nTwo.", "<p>One.</p><p>Two.</p>"),
        ("It is **very** good", "<p>It is <b>very</b> good</p>"),
        ("- a\n- b", "<ul><li>a</li><li>b</li></ul>"),
        ("Look:\n1. a\n2) b", "<p>Look:</p><ol><li>a</li><li>b</li></ol>"),
        ("## Title\ntext", "<p><b>Title</b><br>text</p>"),
        ("use `first_name`", "<p>use <code>first_name</code></p>"),
        ("[it](/app/broadcasts/7?state=failed)", '<p><a href="/app/broadcasts/7?state=failed">it</a></p>'),
        ("**[it](/app/x)**", '<p><b><a href="/app/x">it</a></b></p>'),
        ("2 * 3 ** 4", "<p>2 * 3 ** 4</p>"),
        ("**not yet", "<p>**not yet</p>"),
        ("", ""),
    ],
)
def test_what_is_drawn(text: str, drawn: str) -> None:
    assert light_markdown(text) == drawn


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "**<img src=x onerror=alert(1)>**",
        "- <b onclick=x>y</b>",
        "`<i>`",
        '[<svg onload=alert(1)>](/app/x")',
        '[x](/app/"onmouseover="alert(1))',
        "[x](/app/<script>)",
        "# <h1>",
    ],
)
def test_no_tag_of_the_models_own(text: str) -> None:
    drawn = light_markdown(text)
    for ours in ("p", "b", "ul", "ol", "li", "br", "code"):
        drawn = drawn.replace(f"<{ours}>", "").replace(f"</{ours}>", "")
    assert "<" not in drawn
    assert '"on' not in drawn


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example",
        "//evil.example",
        "javascript:alert(1)",
        "/login",
        "data:text/html,x",
        "/app/x y",
        "/appx",
    ],
)
def test_no_link_out_of_the_dashboard(address: str) -> None:
    drawn = light_markdown(f"See [the words]({address}).")
    assert "href" not in drawn
    assert "the words" in drawn
