"""Tables as files that are written in pieces: CSV and Excel's XLSX. Leaves.

An encoder turns some rows at a time into bytes, and what it has to remember between two pieces is plain JSON. So whoever
keeps the pieces and that state can stop anywhere, in another process even, and go on; the file is the pieces in their order.
Cells are texts, numbers, None, or aware moments, which are written on the clock of the table's time zone.
"""

from wotnot.services.spreadsheets.base import Cell, Encoder, Layout, Row
from wotnot.services.spreadsheets.csv_pieces import CsvEncoder
from wotnot.services.spreadsheets.xlsx_pieces import XlsxEncoder

ENCODERS: dict[str, type[Encoder]] = {"csv": CsvEncoder, "xlsx": XlsxEncoder}

__all__ = ["ENCODERS", "Cell", "Encoder", "Layout", "Row"]
