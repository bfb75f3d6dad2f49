"""The least that Flask can do: what a server on this machine can reach at best. Served by `gunicorn bench.empty_view:app`."""

import os

from flask import Flask

from wotnot.config import Config

app = Flask(__name__)
app.extensions["wotnot.config"] = Config.from_env(os.environ)  # gunicorn.conf.py looks at where files are kept


@app.post("/webhooks/whatsapp")
def empty() -> str:
    """Nothing at all."""
    return ""
