"""The world of "feedback": a form's inbox."""

from __future__ import annotations

from datetime import datetime

from inbox_world import InboxWorld


class TheWorld(InboxWorld):
    source = "feedback"
    folder_name = "form-site"

    def options(self) -> dict[str, object]:
        return {"form": "site", "inbox": str(self.folder)}

    def put(self, number: int, at: datetime) -> str:
        line = {"at": at.isoformat(), "id": f"n{number}", "kind": "nps", "rating": number % 11}
        self.write(number, line | {"why": "kestrova is late", "name": "", "email": ""})
        return f"site-n{number}"

    def put_bad(self) -> None:
        self.write(1, {"at": "yesterday", "id": "bad", "kind": "nps", "rating": 3, "why": "x"})
