"""CSV with a header, a byte-order mark and cells that no spreadsheet runs as a formula (see csvio)."""

import csv
import io
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from wotnot.services.csvio import guard
from wotnot.services.spreadsheets.base import Cell, Layout, Row


class CsvEncoder:
    """Moments are ISO 8601 with their offset."""

    mime_type = "text/csv"

    def __init__(self, layout: Layout, state: dict[str, Any] | None = None) -> None:
        """See Encoder. What it remembers is whether the header was written."""
        self.state = state or {"has_begun": False}
        self._columns = layout.columns
        self._zone = ZoneInfo(layout.timezone)

    def write(self, rows: Iterable[Row]) -> bytes:
        """See Encoder."""
        text = io.StringIO()
        writer = csv.writer(text)
        if not self.state["has_begun"]:
            self.state = {"has_begun": True}
            text.write("\ufeff")
            writer.writerow([guard(name) for name in self._columns])
        writer.writerows([self._cell(cell) for cell in row] for row in rows)
        return text.getvalue().encode()

    def finish(self) -> bytes:
        """See Encoder."""
        return self.write(())

    def _cell(self, cell: Cell) -> object:
        if isinstance(cell, str):
            return guard(cell)
        if isinstance(cell, datetime):
            return cell.astimezone(self._zone).isoformat(timespec="seconds")
        return cell
