"""The product's API, for what a journey needs and does not show."""

from typing import Any

import requests


class Api(requests.Session):
    """The API, asked by the owner of the demo workspace."""

    def __init__(self, url: str, email: str, password: str) -> None:
        """Logs in."""
        super().__init__()
        self._url = f"{url}/api/v1"
        tokens = self.ask("POST", "/auth/login", email=email, password=password)
        self.headers["Authorization"] = f"Bearer {tokens['access_token']}"

    def ask(self, method: str, path: str, **body: object) -> Any:
        """What it answers."""
        answer = self.request(method, self._url + path, json=body or None, timeout=10)
        answer.raise_for_status()
        return answer.json() if answer.content else None
