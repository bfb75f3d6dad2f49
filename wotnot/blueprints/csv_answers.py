"""A CSV file as an answer, streamed."""

from collections.abc import Iterator

from flask import Response, stream_with_context


def csv_answer(pieces: Iterator[str], filename: str) -> Response:
    """`pieces` of CSV text as a download called `filename`; nothing is held in memory."""
    response = Response(stream_with_context(piece.encode() for piece in pieces), mimetype="text/csv")
    response.headers.set("Content-Disposition", "attachment", filename=filename)
    # The browser must not keep people's numbers.
    response.headers["Cache-Control"] = "no-store"
    return response
