"""The charts and tables of the overview, made of counts: what `overview/_detail.html` shows."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup

from wotnot.blueprints import overview_views as views
from wotnot.blueprints.overview_ranges import Range
from wotnot.models import Workspace
from wotnot.services import first_answers, insights, rate_cards, report_facets
from wotnot.services.pricing.money import say_money
from wotnot.services.report_facets import WEEKDAYS, Reached
from wotnot.services.reports import Analytics
from wotnot.services.tallies import BroadcastCounts
from wotnot.services.zones import say_duration, zone_name

_CAUSES = 6
_TEMPLATES = 10
_FEW = 20
"""Fewer deliveries than this in an hour of the week say nothing about it."""
_LEVELS = 5


def detail_of(workspace: Workspace, chosen: Range, report: Analytics) -> dict[str, Any]:
    """Everything below the four numbers."""
    currency = rate_cards.get_setup(workspace.id).currency
    week = report_facets.count_by_hour(workspace, chosen.period)
    lines = insights.rank_templates(workspace.id, chosen.period, currency, report.by_template)
    together, members = first_answers.summarise(workspace.id, chosen.period.first, chosen.period.last)
    return {
        "chosen": chosen,
        "counts": report.total,
        "chart": views.chart_of(report),
        "funnel": _funnel(report.total, chosen.query),
        "failures": [
            (one, number_url(chosen.query, "failed", cause=_cause(one.code))) for one in report.failures[:_CAUSES]
        ],
        "other_failures": sum(one.count for one in report.failures[_CAUSES:]),
        "league": lines[:_TEMPLATES],
        "more_templates": len(lines[_TEMPLATES:]),
        "hours": _hours(week),
        "hours_words": _best_words(week),
        "zone_words": zone_name(workspace.timezone),
        "opt_outs": _opt_outs(insights.count_opt_outs(workspace, chosen.period)),
        "waits": together,
        "member_waits": members,
        "number_url": lambda step, **more: number_url(chosen.query, step, **more),
        "money": lambda micros: say_money(micros, currency),
        "duration": say_duration,
    }


def number_url(query: str, step: str, **more: str) -> str:
    """The page that says which broadcasts a number is made of."""
    return f"/app/numbers?{query}&{urlencode({'what': step, **more})}"


def _cause(code: int | None) -> str:
    return "" if code is None else str(code)


def _funnel(counts: BroadcastCounts, query: str) -> list[dict[str, object]]:
    """The rows of ui.funnel. Each share is of the step before it, that of the replies of the delivered."""
    found = counts.funnel
    steps = [
        ("Audience", "audience", "k4", ""),
        ("Sent", "accepted", "k2", "audience"),
        ("Delivered", "delivered", "k2", "accepted"),
        ("Read", "read", "k1", "delivered"),
        ("Replied", "replied", "k1", "delivered"),
    ]
    return [
        {
            "label": label,
            "count": found[step],
            "url": number_url(query, step) if step in insights.STEPS and found[step] else "",
            "colour": colour,
            "note": f"{100 * found[step] / found[whole]:.1f}%" if whole and found[whole] else "",
        }
        for label, step, colour, whole in steps
    ]


# ---------------------------------------------------------------- the hours of the week


def _hours(week: Sequence[Sequence[Reached]]) -> list[tuple[str, Markup]]:
    """From the first to the last hour in which anything was delivered: the hour, and the cells of the weekdays."""
    used = [hour for hour in range(24) if any(day[hour].delivered for day in week)]
    if not used:
        return []
    shares = [_share(one) for day in week for one in day if one.delivered >= _FEW]
    scale = (min(shares), max(shares)) if shares else (0.0, 1.0)
    return [(f"{hour:02}:00", _cells(hour, week, scale)) for hour in range(min(used), max(used) + 1)]


def _cells(hour: int, week: Sequence[Sequence[Reached]], scale: tuple[float, float]) -> Markup:
    """Python and not a template, which takes ten times as long for so many."""
    cells = (_cell(WEEKDAYS[day], hour, week[day][hour], scale) for day in range(7))
    drawn = (
        f'<td class="{look}" title="{words}">{text}<span class="visually-hidden"> {words}</span></td>'
        for look, words, text in cells
    )
    return Markup("".join(drawn))  # noqa: S704 — numbers and words of ours


def _cell(day: str, hour: int, one: Reached, scale: tuple[float, float]) -> tuple[str, str, str]:
    """How it looks, the whole of it as a sentence, and the share: coloured by its place between the worst and the best hour (`scale`)."""
    if not one.delivered:
        return "", f"{day} {hour:02}:00: nothing was sent", ""
    words = f"{day} {hour:02}:00: {one.read:,} of {one.delivered:,} delivered were read"
    if one.delivered < _FEW:
        return "few", words, "few"
    worst, best = scale
    level = 1 + round((_LEVELS - 1) * (_share(one) - worst) / (best - worst)) if best > worst else _LEVELS
    return f"l{level}", words, f"{100 * _share(one):.0f}%"


def _share(one: Reached) -> float:
    return one.read / one.delivered


def _best_words(week: Sequence[Sequence[Reached]]) -> str:
    """What the table says in one sentence."""
    ranked = report_facets.best_hours(week, at_least=_FEW)
    if not ranked:
        return "Too little was sent to tell"
    day, hour, one = ranked[0]
    return f"{WEEKDAYS[day]} at {hour:02}:00 is read best: {100 * _share(one):.0f}% of {one.delivered:,}"


def _opt_outs(days: dict[date, int]) -> dict[str, Any]:
    total = sum(days.values())
    most = max(days, key=lambda day: days[day])
    busiest = f" Most on {most:%-d %B}: {days[most]:,}." if total else ""
    return {
        "total": total,
        "labels": [f"{day:%-d %b}" for day in days],
        "titles": [f"{day:%A %-d %B}" for day in days],
        "series": [{"label": "Opted out", "colour": "k3", "data": list(days.values())}],
        "sentence": f"Bars of people who opted out, by day: {total:,} in all.{busiest}",
    }
