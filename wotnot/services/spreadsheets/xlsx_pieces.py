"""Excel's format in pieces. Libraries write an XLSX in one go; one that is cut off is lost, and a million rows take minutes.

An XLSX is a ZIP of XML files. Each piece of a sheet is compressed by itself and ends on a whole byte (Z_FULL_FLUSH), so the
pieces one after the other are one compressed file. Its length and checksum are known at its end only and are written behind
it, as the format allows; the few small files and the table of contents come last. Texts stand in the cells themselves and are
marked as text: nothing is ever a formula, and a phone number stays what it is.
"""

import re
import struct
import zlib
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from xml.sax.saxutils import escape  # nosec B406 # it writes XML; nothing is parsed with it
from zoneinfo import ZoneInfo

from wotnot.services.spreadsheets.base import Cell, Layout, Row

ROWS_IN_SHEET = 1_000_000
"""Excel opens 1,048,576; what is beyond goes into another sheet."""
LONGEST_CELL = 32_767

_MIME = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_EPOCH = datetime(1899, 12, 30, tzinfo=UTC)
_LENGTH_FOLLOWS, _UTF8, _DEFLATED, _VERSION = 8, 0x800, 8, 20
_DOS_DATE = (1 << 5) | 1  # 1 January 1980: a ZIP wants one
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_LINKS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_HEADER, _MOMENT, _TEXT = 1, 2, 3


class XlsxEncoder:
    """Moments are real dates on the zone's clock, which the header names, since Excel's dates know no zone."""

    mime_type = _MIME

    def __init__(self, layout: Layout, state: dict[str, Any] | None = None) -> None:
        """See Encoder. It remembers its place, the files that are complete, and how far the sheet is that is not."""
        self.state = state or {"offset": 0, "files": [], "sheet": None}
        self._names = [f"{name} ({layout.timezone})" if name in layout.moments else name for name in layout.columns]
        self._zone = ZoneInfo(layout.timezone)

    def write(self, rows: Iterable[Row]) -> bytes:
        """See Encoder."""
        pieces = [self._begin_sheet()] if self.state["sheet"] is None else []
        lines: list[str] = []
        for row in rows:
            if self.state["sheet"]["rows"] == ROWS_IN_SHEET:
                pieces += [self._pack("".join(lines)), self._end_sheet(), self._begin_sheet()]
                lines = []
            lines.append(f"<row>{''.join(map(self._cell, row))}</row>")
            self.state["sheet"]["rows"] += 1
        return b"".join([*pieces, self._pack("".join(lines))])

    def finish(self) -> bytes:
        """See Encoder."""
        pieces = [self.write(()), self._end_sheet()]
        sheets = len(self.state["files"])
        pieces += [self._add_file(name, text) for name, text in _small_files(sheets).items()]
        start, contents = self.state["offset"], b"".join(map(_listed, self.state["files"]))
        count = len(self.state["files"])
        end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, count, count, len(contents), start, 0)
        return b"".join([*pieces, contents, end])

    def _begin_sheet(self) -> bytes:
        number = len(self.state["files"]) + 1
        name = f"xl/worksheets/sheet{number}.xml"
        self.state["sheet"] = {"name": name, "at": self.state["offset"], "crc": 0, "size": 0, "packed": 0, "rows": 0}
        header = "".join(f'<c t="inlineStr" s="{_HEADER}"><is><t>{_xml(one)}</t></is></c>' for one in self._names)
        return self._moved(_local_header(name, _LENGTH_FOLLOWS)) + self._pack(
            f'{_XML}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
            '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>'
            f'<sheetFormatPr defaultColWidth="18" defaultRowHeight="15"/><sheetData><row>{header}</row>'
        )

    def _pack(self, text: str, *, is_last: bool = False) -> bytes:
        sheet, raw = self.state["sheet"], text.encode()
        packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
        packed = packer.compress(raw) + packer.flush(zlib.Z_FINISH if is_last else zlib.Z_FULL_FLUSH)
        sheet["crc"] = zlib.crc32(raw, sheet["crc"])
        sheet["size"] += len(raw)
        sheet["packed"] += len(packed)
        return self._moved(packed)

    def _end_sheet(self) -> bytes:
        sheet = self.state["sheet"]
        tail = self._pack("</sheetData></worksheet>", is_last=True)
        self.state["files"].append([sheet["name"], sheet["crc"], sheet["packed"], sheet["size"], sheet["at"], True])
        self.state["sheet"] = None
        lengths = struct.pack("<4s3I", b"PK\x07\x08", sheet["crc"], sheet["packed"], sheet["size"])
        return tail + self._moved(lengths)

    def _add_file(self, name: str, text: str) -> bytes:
        raw, at = text.encode(), self.state["offset"]
        packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
        packed = packer.compress(raw) + packer.flush()
        entry = [name, zlib.crc32(raw), len(packed), len(raw), at, False]
        self.state["files"].append(entry)
        return self._moved(_local_header(name, 0, *entry[1:4]) + packed)

    def _moved(self, piece: bytes) -> bytes:
        self.state["offset"] += len(piece)
        return piece

    def _cell(self, cell: Cell) -> str:
        if cell is None or cell == "":
            return "<c/>"
        if isinstance(cell, str):
            return f'<c t="inlineStr" s="{_TEXT}"><is><t xml:space="preserve">{_xml(cell)}</t></is></c>'
        if isinstance(cell, datetime):
            return f'<c s="{_MOMENT}"><v>{self._serial(cell)}</v></c>'
        return f"<c><v>{Decimal(cell):f}</v></c>"

    def _serial(self, moment: datetime) -> str:
        """Days since Excel's beginning, on the zone's clock, to the second."""
        local = moment.astimezone(self._zone).replace(tzinfo=UTC, microsecond=0)
        return f"{(local - _EPOCH).total_seconds() / 86_400:.9f}"


def _xml(text: str) -> str:
    return escape(_NOT_XML.sub("", text)[:LONGEST_CELL])


def _local_header(name: str, flags: int, crc: int = 0, packed: int = 0, size: int = 0) -> bytes:
    encoded = name.encode()
    fields = (_VERSION, flags | _UTF8, _DEFLATED, 0, _DOS_DATE, crc, packed, size, len(encoded), 0)
    return struct.pack("<4s5H3I2H", b"PK\x03\x04", *fields) + encoded


def _listed(entry: list[Any]) -> bytes:
    """The line of a file in the table of contents."""
    name, crc, packed, size, at, length_follows = entry
    encoded: bytes = name.encode()
    flags = (_LENGTH_FOLLOWS if length_follows else 0) | _UTF8
    fields = (_VERSION, _VERSION, flags, _DEFLATED, 0, _DOS_DATE, crc, packed, size, len(encoded), 0, 0, 0, 0, 0, at)
    return struct.pack("<4s6H3I5H2I", b"PK\x01\x02", *fields) + encoded


def _small_files(sheets: int) -> dict[str, str]:
    """What makes a workbook of the sheets."""
    numbers = range(1, sheets + 1)
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = "".join(
        f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{kind}.worksheet+xml"/>' for n in numbers
    )
    listed = "".join(f'<sheet name="Sheet{n}" sheetId="{n}" r:id="rId{n}"/>' for n in numbers)
    links = "".join(
        f'<Relationship Id="rId{n}" Type="{_LINKS}/worksheet" Target="worksheets/sheet{n}.xml"/>' for n in numbers
    )
    return {
        "xl/workbook.xml": f'{_XML}<workbook xmlns="{_MAIN}" xmlns:r="{_LINKS}"><sheets>{listed}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">{links}'
        f'<Relationship Id="rId{sheets + 1}" Type="{_LINKS}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": _STYLES,
        "_rels/.rels": f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
        f'Type="{_LINKS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "[Content_Types].xml": f'{_XML}<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{kind}.styles+xml"/>{parts}</Types>',
    }


# In this order: plain, the header, a moment, a text.
_STYLES = (
    f'{_XML}<styleSheet xmlns="{_MAIN}"><numFmts count="1"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd\\ hh:mm:ss"/>'
    '</numFmts><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="4"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/>'
    '<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
    '<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)
