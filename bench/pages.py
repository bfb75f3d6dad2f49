"""Every list, search and report page at 1,000,000 contacts and 5,000,000 messages, for 8 people at once.

    python -m bench.pages [--scale 1] [--rounds 8] [--only WORDS] [--each]

Fills two databases, a tiny one and one at `--scale`, and counts each page's queries in both: more rows must not mean more of
them. A kind of row that the tiny one's page does not show may cost one query of its own, but none may be asked once a row.
Then 8 clients walk every page of the real web process, each in an order of its own; a page's p95 must stay below 200 ms.
`--each` has the 8 clients all ask for the same page instead, one page after the other. CSV exports are streams: for them what
is printed is the time to the first byte and the memory of the process that writes them.
"""

import argparse
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psutil
import requests
from flask.testing import FlaskClient
from sqlalchemy import Engine, event

from bench import ledger
from bench.ledger import Ledger
from bench.load import Answers, closed_loop, request_bytes, walk
from bench.page_list import Page, list_pages
from bench.world import World, running_world, start_web
from wotnot.extensions import db
from wotnot.services import api_keys

Queries = dict[str, Counter[str]]
"""By the page's name: how often it sends which statement."""

BAR_MS = 200
CLIENTS = 8
SMALL = 0.001
SECONDS_EACH = 1.5
MEMORY_BAR_MB = 60
_VALUES = re.compile(r"(%\(\w+\)s(::\w+)?(, )?)+")


def main() -> int:
    """Run the bench; the exit code says whether the bars were met."""
    arguments = _arguments()
    with running_world() as world:
        few = _count_queries(world, ledger.fill(SMALL))
    with running_world() as world:
        started = time.perf_counter()
        subject = ledger.fill(arguments.scale)
        print(f"filled in {time.perf_counter() - started:.0f} s: {ledger.count_rows()}", flush=True)
        many = _count_queries(world, subject)
        pages = [page for page in list_pages(subject) if arguments.only in page.name]
        answers = _measure(world, subject, pages, arguments.rounds, is_each=arguments.each)
        met = _report(pages, answers, few, many)
        return 0 if _check_exports(world, subject) and met else 1


def _measure(world: World, subject: Ledger, pages: Sequence[Page], rounds: int, *, is_each: bool) -> list[Answers]:
    port = start_web(world, "web")
    cookie = sign_in(port)
    asked = [_request(page, cookie, subject) for page in pages]
    walk(port, asked, connections=2, rounds=1)
    if is_each:
        return [closed_loop(port, [one], connections=CLIENTS, seconds=SECONDS_EACH) for one in asked]
    return walk(port, asked, connections=CLIENTS, rounds=rounds)


def _report(pages: Sequence[Page], answers: Sequence[Answers], few: Queries, many: Queries) -> bool:
    met = True
    print(f"{'page':44} {'p50 ms':>8} {'p95 ms':>8}  queries (tiny, full)")
    for page, found in sorted(zip(pages, answers, strict=True), key=lambda pair: -pair[1].percentile(0.95)):
        slow = found.percentile(0.95) >= BAR_MS
        grows = _grows(few[page.name], many[page.name])
        wrong = set(found.statuses) != {200}
        words = "  SLOW" * slow + "  GROWS" * grows + f"  ANSWERS {found.statuses}" * wrong
        p50, p95 = found.percentile(0.5), found.percentile(0.95)
        print(f"{page.name:44} {p50:8.1f} {p95:8.1f}  {few[page.name].total():3} {many[page.name].total():3}{words}")
        met = met and not (slow or grows or wrong)
    print(f"{len(pages)} pages, {CLIENTS} clients; bar: p95 below {BAR_MS} ms: {'met' if met else 'MISSED'}")
    return met


def _grows(few: Counter[str], many: Counter[str]) -> bool:
    return any(times > few[statement] + 1 for statement, times in many.items())


def _count_queries(world: World, subject: Ledger) -> Queries:
    """How often each page sends which statement to the database; lists of values count as one."""
    asked, key, engine = list_pages(subject), _key(subject), db.engine
    db.session.remove()
    # In a thread of its own: inside this one's app context, what is kept for one request would be kept for all.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(_ask_all, world.app.test_client(), asked, key, engine).result()


def _ask_all(client: FlaskClient, pages: Sequence[Page], key: str, engine: Engine) -> Queries:
    counts = {}
    token = _token(client.get("/app/login").get_data(as_text=True))
    client.post("/app/login", data={"csrf_token": token, "email": ledger.EMAIL, "password": ledger.PASSWORD})
    for page in pages:
        headers = {"X-API-Key": key} if page.is_api else {"HX-Request": "true"} if page.is_partial else {}
        client.get(page.path, headers=headers)
        with _counting(engine) as statements:
            answer = client.get(page.path, headers=headers)
        if answer.status_code != 200:
            sys.exit(f"{page.path} answers {answer.status}: {answer.get_data(as_text=True)[:300]}")
        counts[page.name] = Counter(_VALUES.sub("…", statement) for statement in statements)
    return counts


@contextmanager
def _counting(engine: Engine) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


def sign_in(port: int) -> str:
    """A session's cookie, through the log-in form."""
    session = requests.Session()
    url = f"http://127.0.0.1:{port}/app/login"
    token = _token(session.get(url, timeout=30).text)
    form = {"csrf_token": token, "email": ledger.EMAIL, "password": ledger.PASSWORD}
    session.post(url, data=form, timeout=30, allow_redirects=False).raise_for_status()
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in session.cookies)


def _token(page: str) -> str:
    found = re.search(r'name="csrf-token" content="([^"]+)"', page)
    if found is None:
        sys.exit("the log-in page has no CSRF token")
    return found.group(1)


def _request(page: Page, cookie: str, subject: Ledger) -> bytes:
    if page.is_api:
        # A key each: calls are limited by key.
        return request_bytes("GET", page.path, {"X-API-Key": _key(subject)})
    headers = {"Cookie": cookie} | ({"HX-Request": "true"} if page.is_partial else {})
    return request_bytes("GET", page.path, headers)


def _key(subject: Ledger) -> str:
    return api_keys.create_api_key(subject.workspace_id, user_id=1, name="bench")[1]


def _check_exports(world: World, subject: Ledger) -> bool:
    """The whole ledger of the biggest broadcast and all contacts as CSV: first byte, rows a second, memory."""
    port = start_web(world, "exports", WEB_CONCURRENCY="1")
    headers = {"X-API-Key": _key(subject)}
    met = True
    for path in (f"broadcasts/{subject.whole_id}/report.csv", "contacts/export.csv"):
        process = psutil.Process(world.processes._running["exports"].pid).children()[0]  # noqa: SLF001 — the harness's own record
        before, started = process.memory_info().rss, time.perf_counter()
        with requests.get(
            f"http://127.0.0.1:{port}/api/v1/{path}", headers=headers, stream=True, timeout=300
        ) as answer:
            chunks = answer.iter_content(2**16)
            first = len(next(chunks))
            waited = time.perf_counter() - started
            total = first + sum(map(len, chunks))
        seconds, grown = time.perf_counter() - started, (process.memory_info().rss - before) / 2**20
        print(
            f"{path}: first byte after {waited * 1000:.0f} ms, {total / 2**20:.0f} MB in {seconds:.1f} s, memory grew by {grown:.0f} MB"
        )
        met = met and grown < MEMORY_BAR_MB and answer.status_code == 200
    world.processes.kill("exports")
    return met


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="1 is 1,000,000 contacts and 5,000,000 messages")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--only", default="", help="pages whose name holds this")
    parser.add_argument("--each", action="store_true", help="one page after the other instead of all mixed")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
