"""The least that Flask can do: what a server on this machine can reach at best. Served by `gunicorn bench.empty_view:app`."""

from flask import Flask

app = Flask(__name__)


@app.post("/webhooks/whatsapp")
def empty() -> str:
    """Nothing at all."""
    return ""
