"""What the pages load is pinned, listed and really there."""

import json
import re
from pathlib import Path

import pytest

from wotnot.blueprints.marks import CHIPS

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "wotnot" / "templates").rglob("*.html"))
STATIC = ROOT / "wotnot" / "static"
SCRIPTS = sorted((STATIC / "js").glob("*.js"))
SHEETS = sorted((STATIC / "css").glob("*.css"))
ICONS = STATIC / "vendor" / "icons" / "tabler-icons.min.css"


def text_of(paths: list[Path]) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


def test_lock_file_has_checksums_and_no_registry() -> None:
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    installed = {name: facts for name, facts in packages.items() if name}
    assert len(installed) >= 5
    assert all(facts["integrity"].startswith("sha512-") for facts in installed.values())
    assert not [name for name, facts in installed.items() if "resolved" in facts]


def test_versions_are_exact() -> None:
    wanted = json.loads((ROOT / "package.json").read_text())["dependencies"]
    assert [version for version in wanted.values() if not re.fullmatch(r"\d+\.\d+\.\d+", version)] == []


def test_every_static_file_a_template_names_exists() -> None:
    named = set(re.findall(r"asset\('([^'~]+)'\)", text_of(TEMPLATES)))
    assert "vendor/htmx/htmx.min.js" in named
    missing = [name for name in sorted(named) if not (STATIC / name).exists() and not name.endswith("/")]
    assert missing == []


def test_every_style_sheet_is_loaded() -> None:
    head = (ROOT / "wotnot" / "templates" / "_head.html").read_text()
    everywhere = re.search(r"for sheet in \(([^)]+)\)", head)
    assert everywhere
    by_single_pages = re.findall(r"asset\('css/(\w+)\.css'", text_of(TEMPLATES))
    assert sorted({*re.findall(r'"(\w+)"', everywhere[1]), *by_single_pages}) == [sheet.stem for sheet in SHEETS]


def test_every_class_of_ours_is_drawn() -> None:
    drawn = set(re.findall(r"\.(w[na]-[a-z0-9-]+)", text_of(SHEETS)))
    attributes = re.findall(r'class="([^"]*)"', text_of(TEMPLATES))
    words = {word for text in attributes for word in re.sub(r"\{[{%].*?[%}]\}", "  ", text).split()}
    asked = {word for word in words if re.fullmatch(r"w[na]-[a-z0-9-]*[a-z0-9]", word)}
    assert len(asked) > 80
    assert sorted(asked - drawn) == []


def test_every_module_is_started_or_imported() -> None:
    code = text_of(SCRIPTS) + text_of(TEMPLATES)
    assert [path.name for path in SCRIPTS if not re.search(rf"""["'/]{re.escape(path.name)}["']""", code)] == []


# An icon that is not in the font is an empty square nobody notices in a review.
ICON_CALLS = re.compile(
    r"""\bicon\("([a-z0-9-]+)"|\bicon_name="([a-z0-9-]+)"|\bnote_icon="([a-z0-9-]+)"|\bempty\("([a-z0-9-]+)"|\bbadge\("([a-z0-9-]+)"|"icon": "([a-z0-9-]+)"|class="ti ti-([a-z0-9-]+)"""
)


def test_every_icon_is_in_the_font() -> None:
    known = set(re.findall(r"\.ti-([a-z0-9-]+):before", ICONS.read_text(encoding="utf-8")))
    used = {next(filter(None, groups)) for groups in ICON_CALLS.findall(text_of(TEMPLATES))}
    chips = {name for states in CHIPS.values() for name, _, _ in states.values()}
    assert len(used) > 30
    assert len(chips) > 30
    assert sorted((used | chips) - known) == []


@pytest.mark.parametrize("path", [*TEMPLATES], ids=lambda path: path.relative_to(ROOT / "wotnot/templates").as_posix())
def test_page_keeps_the_content_policy(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"\sstyle=[\"']", text), "a style attribute is refused by the policy: make it a class"
    assert not re.search(r"\son(?:click|change|submit|input|load|error)=", text), (
        "an inline handler is refused by the policy"
    )
    assert not re.search(r"\shx-on[:-]", text), "htmx would have to evaluate it"
    scripts = re.findall(r"<script\b([^>]*)>", text)
    assert all("src=" in tag or "application/json" in tag for tag in scripts), (
        "inline scripts are refused by the policy"
    )


def test_every_colour_comes_from_the_tokens() -> None:
    """Only the tokens, WhatsApp's phone and the sign-in picture name colours themselves."""
    own = {"tokens.css", "whatsapp.css", "auth.css"}
    found = {
        sheet.name: colours
        for sheet in SHEETS
        if sheet.name not in own
        and (colours := set(re.findall(r":[^;{}]*(#[0-9A-Fa-f]{3,8})\b", sheet.read_text())) - {"#fff"})
    }
    # Avatars have six fixed pairs a theme; the pressed danger button is one shade darker than its token.
    assert set(found) <= {"content.css", "controls.css"}
    assert found.get("controls.css", set()) <= {"#8E1C16"}
