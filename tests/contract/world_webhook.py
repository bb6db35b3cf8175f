"""The world of "webhook": a hook's inbox."""

from __future__ import annotations

from datetime import datetime

from inbox_world import InboxWorld


class TheWorld(InboxWorld):
    source = "webhook"
    folder_name = "hook-desk"

    def options(self) -> dict[str, object]:
        return {"hook": "desk", "inbox": str(self.folder)}

    def put(self, number: int, at: datetime) -> str:
        row = {"id": f"t{number}", "author": f"a{number % 9}", "text": "kestrova is late"}
        row["published_at"] = at.isoformat()
        self.write(number, {"at": at.isoformat(), "kind": "csat", "row": row})
        return f"desk-t{number}"

    def put_bad(self) -> None:
        self.write(1, {"at": "now", "rejected": "text: it is empty", "raw": "{}"})
