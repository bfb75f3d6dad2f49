"""The running sandbox, as tests talk to it."""

import base64
from typing import Any

import requests


class SandboxControl:
    """The sandbox's control API at `url`. It stands in Meta's place over real HTTP."""

    # What the sandbox's default world contains.
    WABA_ID = "700000000000001"
    PHONE_NUMBER_ID = "800000000000001"
    TOKEN = "sandbox-token"

    def __init__(self, url: str) -> None:
        """`url` has no path."""
        self.url = url

    def reset(self) -> None:
        """Back to the default world."""
        self._post("/sandbox/reset")

    def set(self, **settings: object) -> None:
        """Change settings (sandbox/settings.py names them)."""
        self._post("/sandbox/settings", settings)

    def stats(self) -> dict[str, Any]:
        """Counters, and arrivals by number and second."""
        return self._get("/sandbox/stats")

    def sends(self, phone_number_id: str = PHONE_NUMBER_ID) -> dict[str, Any]:
        """How often each recipient was reached from this number."""
        return self._get(f"/sandbox/sends?phone_number_id={phone_number_id}")

    def bodies(self) -> list[dict[str, Any]]:
        """The bodies about templates that were accepted, as they came: {"kind": creation, edit or message, "body"}."""
        bodies: list[dict[str, Any]] = self._get("/sandbox/bodies")["bodies"]
        return bodies

    def chat(self, wa_id: str, phone_number_id: str = PHONE_NUMBER_ID) -> list[dict[str, Any]]:
        """The messages between a customer and a number, the oldest first."""
        messages: list[dict[str, Any]] = self._get(f"/sandbox/customers/{wa_id}")["chats"][phone_number_id]["messages"]
        return messages

    def wrote_at(self, wa_id: str, phone_number_id: str = PHONE_NUMBER_ID) -> float:
        """When a customer wrote to a number for the last time, in seconds of the epoch."""
        return float(self._get(f"/sandbox/customers/{wa_id}")["chats"][phone_number_id]["last_inbound_at"])

    def send_file(self, sender: str, name: str, data: bytes, **more: object) -> str:
        """A customer sends a file to the default number; answers the message's id. `more`: mime, type, caption."""
        file = {"name": name, "data": base64.b64encode(data).decode(), "mime": more.pop("mime", "")}
        body = {"from": sender, "phone_number_id": self.PHONE_NUMBER_ID, "file": file, **more}
        return str(self.post("/sandbox/inbound", body)["id"])

    def break_download(self, body: str = "Not found", status: int = 404, count: int = 1, **headers: str) -> None:
        """Let the next downloads of files answer with something else."""
        fault = {"kind": "error", "on": "attachments/", "status": status, "body": body, "headers": headers}
        self.post("/sandbox/faults", fault | {"count": count})

    def post(self, path: str, body: object | None = None) -> Any:
        """Any other control call."""
        return self._post(path, body)

    def _get(self, path: str) -> Any:
        answer = requests.get(self.url + path, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def _post(self, path: str, body: object | None = None) -> Any:
        answer = requests.post(self.url + path, json={} if body is None else body, timeout=10)
        answer.raise_for_status()
        return answer.json() if answer.content else None
