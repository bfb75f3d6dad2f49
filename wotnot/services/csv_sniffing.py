"""What an uploaded file is: refused when it is no list, else its encoding, delimiter, header and columns. A leaf.

`prepare` reads the whole file once. UTF-16 and files with bare carriage returns are rewritten as UTF-8 with line feeds, so
that everything after it may seek to a byte offset.
"""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from wotnot.services.csvio import Dialect, RowReader, decode

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
ENCODINGS = {"utf-8": "UTF-8", "cp1252": "Windows-1252"}
_SAMPLE_BYTES = 256 * 1024
_CHUNK = 1 << 20
_SAMPLE_ROWS = 200
_MAX_COLUMNS = 200
_KINDS = (
    (b"PK\x03\x04", "This is an Excel workbook or a zip file, not a CSV. In Excel choose “Save as”, then “CSV UTF-8”, and upload that."),
    (b"\xd0\xcf\x11\xe0", "This is an old Excel workbook, not a CSV. In Excel choose “Save as”, then “CSV UTF-8”, and upload that."),
    (b"%PDF", "This is a PDF, not a CSV."),
    (b"\x89PNG", "This is a picture, not a CSV."),
    (b"\xff\xd8\xff", "This is a picture, not a CSV."),
    (b"GIF8", "This is a picture, not a CSV."),
    (b"\x1f\x8b", "This is a compressed file. Unpack it and upload the CSV inside."),
    (b"{\\rtf", "This is a text document, not a CSV."),
)  # fmt: skip
_NOT_TEXT = "This is not a text file. Export your list as CSV and upload that."
_CONTROL_BYTES = bytes(sorted(set(range(32)) - set(b"\t\r\n")))
_MAX_CONTROL_SHARE = 0.02
_MARKUP = re.compile(r"\s*<(?:!doctype|html|\?xml|head|body|table)", re.IGNORECASE)
_JSON = re.compile(r'\s*(?:\{\s*"|\[\s*[{"\[])')
_DIGITS = re.compile(r"\d")
_PHONE_LIKE = re.compile(r"[+\d][\d\s().,/eE+-]{5,}")


class NotCsvError(ValueError):
    """The file cannot be read as a list. The message says what it seems to be and what to do."""


def prepare(path: Path) -> Dialect:
    """Find out how the file at `path` is written, rewriting it when it has to be. Raises NotCsvError."""
    with path.open("rb") as file:
        head = file.read(_SAMPLE_BYTES)
    if not head.strip(b" \t\r\n\x00\xef\xbb\xbf\xff\xfe"):
        raise NotCsvError("The file is empty.")
    for magic, words in _KINDS:
        if head.startswith(magic):
            raise NotCsvError(words)
    wide = _wide_encoding(head)
    if wide:
        _rewrite(path, wide)
    elif sum(head.count(byte) for byte in _CONTROL_BYTES) > len(head) * _MAX_CONTROL_SHARE:
        raise NotCsvError(_NOT_TEXT)
    elif b"\n" not in head and b"\r" in head:
        _rewrite(path, "utf-8" if _narrow_encoding(path) == "utf-8" else "cp1252")
    return replace(describe(path, _narrow_encoding(path)), rewritten_from="UTF-16" if wide else "")


def describe(path: Path, encoding: str, delimiter: str | None = None, *, has_header: bool | None = None) -> Dialect:
    """Columns and samples of a prepared file; `delimiter` and `has_header` are found out unless given. Raises NotCsvError."""
    with path.open("rb") as file:
        text = decode(file.read(_SAMPLE_BYTES), encoding, is_start=True)
    _refuse_other_texts(text)
    dialect = Dialect(delimiter or _delimiter_of(text), encoding)
    rows = _first_rows(path, dialect)
    if not rows:
        raise NotCsvError("The file is empty.")
    if len(rows[0]) > _MAX_COLUMNS:
        raise NotCsvError(f"The first row has {len(rows[0])} cells; a list of people has at most {_MAX_COLUMNS}.")
    header = _looks_like_header(rows) if has_header is None else has_header
    if header and len(rows) == 1:
        raise NotCsvError("The file has column names but no rows under them.")
    width = Counter(len(row) for row in rows).most_common(1)[0][0]
    names = rows[0] if header else [""] * width
    samples = tuple(tuple(row) for row in rows[header : header + 3])
    return replace(dialect, has_header=header, columns=_distinct(names), samples=samples)


def count_rows(path: Path, dialect: Dialect, *, stop_after: int) -> int:
    """How many rows the file has, without its header; counting ends soon after `stop_after`.

    Line feeds are counted while no cell can hold one; a file with quotation marks is read row by row.
    """
    lines, quoted = _count_lines(path)
    if quoted and lines > 0:
        lines = 0
        for _ in RowReader(path, dialect):
            lines += 1
            if lines > stop_after + 1:
                break
    return max(0, lines - dialect.has_header)


def _count_lines(path: Path) -> tuple[int, bool]:
    lines, quoted, last = 0, False, b""
    for chunk in _chunks(path):
        lines += chunk.count(b"\n")
        quoted = quoted or b'"' in chunk
        last = chunk[-1:]
    return lines + (last not in {b"\n", b""}), quoted


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


# ---------------------------------------------------------------- encodings


def _wide_encoding(head: bytes) -> str | None:
    """UTF-16 (and UTF-32) by its mark, or by its zero bytes standing at every other place."""
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    zeros = head.count(0)
    if not zeros:
        return None
    odd, even = head[1::2].count(0), head[::2].count(0)
    half = len(head) // 2
    if odd > half * 0.4 and not even:
        return "utf-16-le"
    if even > half * 0.4 and not odd:
        return "utf-16-be"
    if zeros > len(head) * 0.01:
        raise NotCsvError(_NOT_TEXT)
    return None


def _narrow_encoding(path: Path) -> str:
    """UTF-8 unless the file disproves it early on; then Windows-1252.

    A file that has shown good UTF-8 letters before a broken one stays UTF-8: only the rows with broken letters are refused.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    has_letters = False
    for chunk in _chunks(path):
        pending = decoder.getstate()[0]
        try:
            text = decoder.decode(chunk)
        except UnicodeDecodeError as error:
            has_letters = has_letters or not (pending + chunk)[: error.start].isascii()
            return "utf-8" if has_letters else _single_byte_encoding(path)
        has_letters = has_letters or not text.isascii()
    return "utf-8"


def _single_byte_encoding(path: Path) -> str:
    undefined = bytes((0x81, 0x8D, 0x8F, 0x90, 0x9D))
    for chunk in _chunks(path):
        if len(chunk.translate(None, undefined)) != len(chunk):
            raise NotCsvError(
                "The letters of this file cannot be read: it is neither UTF-8, UTF-16 nor Windows-1252. Save it as “CSV UTF-8”."
            )
    return "cp1252"


def _rewrite(path: Path, encoding: str) -> None:
    """Turn the file into UTF-8 with line feeds, in place, a piece at a time. Raises NotCsvError when it is cut off or garbled."""
    target = path.with_suffix(".utf8")
    try:
        with (
            path.open(encoding=encoding, newline=None) as source,
            target.open("w", encoding="utf-8", newline="\n") as out,
        ):
            while piece := source.read(_CHUNK):
                out.write(piece)
        target.rename(path)
    except UnicodeError:
        raise NotCsvError("The letters of this file cannot be read. Save it as “CSV UTF-8” and upload that.") from None
    finally:
        target.unlink(missing_ok=True)


# ---------------------------------------------------------------- shape


def _refuse_other_texts(text: str) -> None:
    if _MARKUP.match(text):
        raise NotCsvError("This is a web page or XML, not a CSV.")
    if _JSON.match(text):
        raise NotCsvError("This is JSON, not a CSV.")


def _delimiter_of(text: str) -> str:
    """The delimiter under which most rows have the same number of cells, and more than one."""
    complete = text[: text.rfind("\n") + 1] or text
    scores = {delimiter: _consistency(complete, delimiter) for delimiter in DELIMITERS}
    best = max(scores, key=lambda delimiter: scores[delimiter])
    return best if scores[best] > (0, 0) else ","


def _consistency(text: str, delimiter: str) -> tuple[float, int]:
    widths: Counter[int] = Counter()
    try:
        for row, _ in zip(csv.reader(io.StringIO(text), delimiter=delimiter), range(_SAMPLE_ROWS), strict=False):
            if row:
                widths[len(row)] += 1
    except csv.Error:
        return (0, 0)
    if not widths:
        return (0, 0)
    width, rows = widths.most_common(1)[0]
    return (round(rows / widths.total(), 1), width) if width > 1 else (0, 0)


def _first_rows(path: Path, dialect: Dialect) -> list[list[str]]:
    return [row.cells for row, _ in zip(RowReader(path, dialect), range(_SAMPLE_ROWS), strict=False)]


def _looks_like_header(rows: list[list[str]]) -> bool:
    """A header holds names: no number, no address, nothing that looks like a phone."""
    first = [cell.strip() for cell in rows[0]]
    if any(_PHONE_LIKE.fullmatch(cell) or "@" in cell or cell.isdecimal() for cell in first):
        return False
    return any(first) and (
        len(rows) == 1 or any(_DIGITS.search(cell) or "@" in cell for row in rows[1:] for cell in row)
    )


def _distinct(names: list[str]) -> tuple[str, ...]:
    """Column names without doubles: the second "Name" becomes "Name (2)", one without a name "Column 3"."""
    used: set[str] = set()
    result = []
    for place, name in enumerate(names, start=1):
        base = " ".join(name.replace("\x00", "").split())[:190] or f"Column {place}"
        unique, again = base, 2
        while unique.lower() in used:
            unique, again = f"{base} ({again})", again + 1
        used.add(unique.lower())
        result.append(unique)
    return tuple(result)
