"""Reddit's API on loopback as far as Earful speaks it, kept to its rules: listings newest first, a
page of a hundred, ``after`` a fullname, 1,000 things and no more."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from loopback import Asked, Reply

CLIENT, SECRET, REFRESH = "client-for-tests", "secret-for-tests", "refresh-for-tests"
_TOKEN = {"app": "bearer-of-the-app", "user": "bearer-of-the-user"}


@dataclass(kw_only=True)
class Thing:
    """A comment (t1) or submission (t3) as Reddit keeps it."""

    kind: str
    at: float
    data: dict[str, Any]
    hidden: bool = False


@dataclass
class RedditServer:
    """``ceiling``: things of one listing. ``stuck``: the same ``after`` for ever. ``closed``: what
    a subreddit answers with, by its name."""

    ceiling: int = 1000
    stuck: bool = False
    things: list[Thing] = field(default_factory=list)
    closed: dict[str, Reply] = field(default_factory=dict)
    pace: dict[str, str] = field(default_factory=dict)
    hidden_after_page: str = ""  # a thing that is taken away once a page ended with it

    def submit(self, at: datetime, title: str = "Kestrova is late again", **more: Any) -> str:
        """Publish a submission; ``more`` overrides what Reddit would say of it."""
        number = len(self.things)
        name = f"t3_{_base36(number + 1_000_000)}"
        data = {
            "name": name,
            "id": name[3:],
            "subreddit": "trains",
            "title": title,
            "selftext": "",
            "is_self": True,
            "author": f"user{number % 7}",
            "author_fullname": f"t2_{_base36(number % 7 + 40)}",
            "created_utc": at.timestamp(),
            "edited": False,
            "score": 3,
            "num_comments": 2,
            "permalink": f"/r/trains/comments/{name[3:]}/kestrova/",
            "removed_by_category": None,
        }
        self.things.append(Thing(kind="t3", at=at.timestamp(), data=data | more))
        return name

    def comment(self, at: datetime, body: str = "Kestrova is late again", **more: Any) -> str:
        """Publish a comment."""
        number = len(self.things)
        name = f"t1_{_base36(number + 1_000_000)}"
        data = {
            "name": name,
            "id": name[3:],
            "subreddit": "trains",
            "body": body,
            "author": f"user{number % 7}",
            "author_fullname": f"t2_{_base36(number % 7 + 40)}",
            "created_utc": at.timestamp(),
            "edited": False,
            "score": 1,
            "link_id": "t3_abc",
            "link_title": "The 7:40 from Athens",
            "parent_id": "t3_abc",
            "permalink": f"/r/trains/comments/abc/kestrova/{name[3:]}/",
        }
        self.things.append(Thing(kind="t1", at=at.timestamp(), data=data | more))
        return name

    def thing(self, name: str) -> dict[str, Any]:
        """What Reddit says of a post: tests change it."""
        return next(one.data for one in self.things if one.data["name"] == name)

    def hide(self, name: str) -> None:
        """Listings and lookups do not show it any more."""
        next(one for one in self.things if one.data["name"] == name).hidden = True

    def __call__(self, asked: Asked) -> Reply:
        if asked.path == "/api/v1/access_token":
            return self._token(asked)
        if asked.headers.get("Authorization") not in {f"bearer {one}" for one in _TOKEN.values()}:
            return _json({"message": "Unauthorized", "error": 401}, 401)
        assert re.search(r"\(by /u/\w+\)", asked.headers["User-Agent"])
        assert asked.query["raw_json"] == "1"
        if asked.path == "/api/info/":
            return self._info(asked)
        if asked.path == "/message/mentions":
            if asked.headers["Authorization"] != f"bearer {_TOKEN['user']}":
                return _json({"message": "Forbidden", "error": 403}, 403)
            return self._page([one for one in self.things if one.data.get("dest")], asked.query)
        name, _, place = asked.path.removeprefix("/r/").partition("/")
        if name in self.closed:
            return self.closed[name]
        return self._page(self._listing(name, place.strip("/"), asked.query), asked.query)

    def _token(self, asked: Asked) -> Reply:
        login = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if asked.method != "POST" or asked.headers.get("Authorization") != f"Basic {login}":
            return _json({"message": "Unauthorized", "error": 401}, 401)
        wanted = asked.body.decode()
        if "grant_type=client_credentials" in wanted:
            who = "app"
        elif f"refresh_token={REFRESH}" in wanted:
            who = "user"
        else:
            return _json({"error": "invalid_grant"}, 400)
        token = {"access_token": _TOKEN[who], "token_type": "bearer", "expires_in": 86400}
        return _json(token | {"scope": "*"}, 200, Connection="close")  # as praw asks it to

    def _listing(self, name: str, place: str, query: dict[str, str]) -> list[Thing]:
        kind = "t1" if place == "comments" else "t3"
        found = [one for one in self.things if one.kind == kind or "broken" in one.data]
        if place == "search":
            assert len(query["q"]) <= 512 and query["sort"] == "new"
            if query.get("include_over_18") != "on":
                found = [one for one in found if not one.data.get("over_18")]
            words = re.findall(r'"([^"]+)"', query["q"].lower())
            found = [one for one in found if any(word in _words(one) for word in words)]
            if query["restrict_sr"] == "off":
                return found
        return [one for one in found if one.data.get("subreddit", name).lower() == name]

    def _page(self, found: list[Thing], query: dict[str, str]) -> Reply:
        shown = [one for one in found if not one.hidden]
        shown.sort(key=lambda one: one.at, reverse=True)
        shown = shown[: self.ceiling]
        names = [str(one.data.get("name")) for one in shown]
        after, size = query.get("after"), min(int(query.get("limit", 25)), 100)
        if after and after not in names:
            return self._answer([], None)
        start = names.index(after) + 1 if after else 0
        page = shown[start : start + size]
        more = page and start + size < len(shown)
        last = names[start + len(page) - 1] if more else None
        if last and last == self.hidden_after_page:
            self.hide(last)
        return self._answer(page, names[0] if self.stuck and page else last)

    def _info(self, asked: Asked) -> Reply:
        wanted = asked.query["id"].split(",")
        assert len(wanted) <= 100
        found = [one for one in self.things if one.data.get("name") in wanted and not one.hidden]
        return self._answer(found, None)

    def _answer(self, things: list[Thing], after: str | None) -> Reply:
        children = [{"kind": one.kind, "data": one.data} for one in things]
        listing = {"kind": "Listing", "data": {"children": children, "after": after}}
        return _json(listing, 200, **self.pace)


def _words(thing: Thing) -> str:
    return " ".join(str(thing.data.get(key)) for key in ("title", "selftext")).lower()


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits


def _json(value: object, status: int = 200, **headers: str) -> Reply:
    kind = {"Content-Type": "application/json; charset=UTF-8"}
    return Reply(status=status, body=json.dumps(value).encode(), headers=kind | headers)
