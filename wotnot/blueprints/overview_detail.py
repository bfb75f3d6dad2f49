"""The charts and tables of the overview, made of counts: what `overview/_detail.html` shows."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup, escape

from wotnot.blueprints import overview_views as views
from wotnot.blueprints.overview_ranges import Range
from wotnot.blueprints.overview_views import number_url
from wotnot.models import Workspace
from wotnot.services import first_answers, insights, report_facets
from wotnot.services.pricing.money import say_money
from wotnot.services.report_facets import WEEKDAYS, Reached
from wotnot.services.reports import Analytics
from wotnot.services.tallies import BroadcastCounts
from wotnot.services.zones import say_duration, zone_name

_CAUSES = 6
_TEMPLATES = 10
_MEMBERS = 8
_FEW = 20
"""Fewer deliveries than this in an hour of the week say nothing about it."""
_LEVELS = 5


def detail_of(workspace: Workspace, chosen: Range, report: Analytics) -> dict[str, Any]:
    """Everything below the four numbers."""
    week = report_facets.count_by_hour(workspace, chosen.period)
    lines = insights.rank_templates(workspace.id, chosen.period, report.by_template)
    together, members = first_answers.summarise(workspace.id, chosen.period.first, chosen.period.last)
    return {
        "counts": report.total,
        "chart": views.chart_of(report, chosen.query),
        "funnel": _funnel(report.total, chosen.query),
        "failures": report.failures[:_CAUSES],
        "causes_total": len(report.failures),
        "league": lines[:_TEMPLATES],
        "league_total": len(lines),
        "hours": _hours(week, chosen.query),
        "hours_words": _best_words(week),
        "zone_words": zone_name(workspace.timezone),
        "opt_outs": _opt_outs(insights.count_opt_outs(workspace, chosen.period), chosen.query),
        "waits": together,
        "member_waits": members[:_MEMBERS],
        "members_total": len(members),
        **table_words(chosen),
    }


def table_words(chosen: Range) -> dict[str, Any]:
    """What the tables of the overview say and lead to, here and on a page of their own."""
    return {
        "chosen": chosen,
        "number_url": lambda step, **more: number_url(chosen.query, step, **more),
        "cause_of": lambda one: "" if one.code is None else str(one.code),
        "cost_url": lambda **more: cost_url(chosen, **more),
        "answers_url": lambda **more: f"/app/numbers/answers?{chosen.query}" + (f"&{urlencode(more)}" if more else ""),
        "say_money": say_money,
        "duration": say_duration,
    }


def cost_url(chosen: Range, **more: str) -> str:
    """What the messages of these days cost, narrowed to `more`."""
    days = {"from": chosen.period.first.isoformat(), "to": chosen.period.last.isoformat()}
    return f"/app/cost?{urlencode(days | more)}"


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
            "url": number_url(query, step) if found[step] else "",
            "colour": colour,
            "note": f"{100 * found[step] / found[whole]:.1f}%" if whole and found[whole] else "",
        }
        for label, step, colour, whole in steps
    ]


# ---------------------------------------------------------------- the hours of the week


def _hours(week: Sequence[Sequence[Reached]], query: str) -> list[tuple[str, Markup]]:
    """From the first to the last hour in which anything was delivered: the hour, and the cells of the weekdays."""
    used = [hour for hour in range(24) if any(day[hour].delivered for day in week)]
    if not used:
        return []
    shares = [_share(one) for day in week for one in day if one.delivered >= _FEW]
    scale = (min(shares), max(shares)) if shares else (0.0, 1.0)
    return [(f"{hour:02}:00", _cells(hour, week, scale, query)) for hour in range(min(used), max(used) + 1)]


def _cells(hour: int, week: Sequence[Sequence[Reached]], scale: tuple[float, float], query: str) -> Markup:
    """Python and not a template, which takes ten times as long for so many."""
    link = f'<a href="/app/numbers/hour?{escape(query)}&amp;hour={hour}&amp;weekday='
    drawn = []
    for day in range(7):
        look, words, text = _cell(WEEKDAYS[day], hour, week[day][hour], scale)
        inside = f'{text}<span class="visually-hidden"> {words}</span>'
        inside = f'{link}{day}">{inside}</a>' if text else inside
        drawn.append(f'<td class="{look}" title="{words}">{inside}</td>')
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


def _opt_outs(days: dict[date, int], query: str) -> dict[str, Any]:
    total = sum(days.values())
    most = max(days, key=lambda day: days[day])
    busiest = f" Most on {most:%-d %B}: {days[most]:,}." if total else ""
    return {
        "total": total,
        "labels": [f"{day:%-d %b}" for day in days],
        "titles": [f"{day:%A %-d %B}" for day in days],
        "series": [
            {
                "label": "Opted out",
                "colour": "k3",
                "data": list(days.values()),
                "urls": [f"/app/numbers/opt-outs?{views.day_query(day)}" for day in days],
                "url": f"/app/numbers/opt-outs?{query}",
            }
        ],
        "url": f"/app/numbers/opt-outs?{query}",
        "sentence": f"Bars of people who opted out, by day: {total:,} in all.{busiest}",
    }
