"""What visitors send: kept once, or refused in plain words; and what their browsers are told."""

from __future__ import annotations

import json
import re
import socket
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest
from front_world import PATIENCE, SITE, Front, process, serving, settings_in

from feedback import texts

MARKUP = "<script>alert(1)</script> & {{ 1337*1337 }} \u202egnp"


def test_a_submission_lies_in_the_inbox_and_nobody_else_may_read_it(front: Front) -> None:
    answer = front.send(rating=0, why="άργησε", name="Άννα", email="anna@mail.example")
    assert (answer.status_code, answer.json()) == (201, {"stored": True})
    (line,) = front.lines()
    assert line.pop("id")
    assert line == {
        "at": front.clock().isoformat(),
        "kind": "nps",
        "rating": 0,
        "why": "άργησε",
        "name": "Άννα",
        "email": "anna@mail.example",
    }
    folder = front.settings.feedback.inbox / "form-shop"
    (file,) = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_page_works_without_javascript(front: Front) -> None:
    page = front.session.get(f"{front.base}/f/faces", headers={"Accept-Language": "de-AT,en;q=0.5"})
    assert '<html lang="de"' in page.text
    assert "<script" not in page.text
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))
    sent = {"token": fields["token"], "id": fields["id"], "rating": "5", "why": "a\r\nb"}
    answer = front.session.post(f"{front.base}/f/faces?lang=de", data=sent)
    assert answer.status_code == 201
    assert "Danke" in answer.text
    assert front.lines("form-faces")[0] | {"at": ""} == {
        "at": "",
        "id": fields["id"],
        "kind": "csat",
        "rating": 5,
        "why": "a\nb",
        "name": "",
        "email": "",
    }


@pytest.mark.parametrize("language", texts.languages())
@pytest.mark.parametrize("scale", ["nps", "csat"])
def test_every_language_has_every_text(language: str, scale: str) -> None:
    found = texts.texts(language, brand="Kestrova", scale=scale)
    assert "Kestrova" in found["ask"] and "{" not in found["ask"]
    assert len(found["options"]) == (11 if scale == "nps" else 5)
    assert all(found[key] for key in ("why", "contact", "send", "thanks", "often", "retry"))
    assert (found["dir"] == "rtl") == (language == "ar")
    assert set(found) == set(texts.texts("en", brand="Kestrova", scale=scale))


@pytest.mark.parametrize(
    ("asked", "accepted", "spoken"),
    [
        ("", "el", "el"),
        ("", "xx, el-GR;q=0.7, sw;q=0.8", "sw"),
        ("pt-BR", "el", "pt"),
        ("xx", "", "en"),
        ("", ";;q=,=;q=x,\x7f", "en"),
        ("", "en;q=0.1,ja;q=0.9", "ja"),
    ],
)
def test_the_visitors_language_is_spoken(asked: str, accepted: str, spoken: str) -> None:
    assert texts.choose(asked, accepted) == spoken


def test_the_same_submission_twice_is_the_same(front: Front) -> None:
    first = str(uuid4())
    front.send(id=first)
    front.send(id=first.upper())
    front.send(why="no id")
    assert front.send_form(why="no id").status_code == 429  # three a minute
    front.clock.forward(seconds=61)
    front.send_form(why="no id")
    known = [line["id"] for line in front.lines()]
    assert known[:2] == [first, first]
    assert len(set(known[2:])) == 2  # another minute, another answer


def test_an_address_may_send_three_a_minute_and_ten_an_hour(front: Front) -> None:
    answers = [front.send(rating=number) for number in range(4)]
    assert [one.status_code for one in answers] == [201, 201, 201, 429]
    assert answers[-1].headers["Retry-After"] == "60"
    for _ in range(2):
        front.clock.forward(minutes=1)
        assert [front.send().status_code for _ in range(3)] == [201] * 3
    front.clock.forward(minutes=1)
    assert [front.send().status_code for _ in range(2)] == [201, 429]
    front.clock.forward(hours=1)
    assert front.send().status_code == 201
    assert front.send("faces").status_code == 201  # each form counts for itself
    assert len(front.lines()) == 11


def test_a_form_may_get_no_more_than_it_says(tmp_path: Path) -> None:
    with serving(Front(settings_in(tmp_path, per_minute=100, form_per_hour=2))) as front:
        assert [front.send().status_code for _ in range(3)] == [201, 201, 429]


@pytest.mark.parametrize("trusted", [True, False])
def test_who_a_visitor_is_a_trusted_proxy_alone_may_say(tmp_path: Path, trusted: bool) -> None:
    extra = 'trusted_proxies = ["127.0.0.1"]' if trusted else ""
    with serving(Front(settings_in(tmp_path, per_minute=1, feedback=extra))) as front:
        codes = []
        for number in range(3):
            front.session.headers["X-Forwarded-For"] = f"203.0.113.{number}"
            codes.append(front.send().status_code)
    assert codes == ([201, 201, 201] if trusted else [201, 429, 429])


def test_a_program_that_fills_every_field_believes_it_was_heard(front: Front) -> None:
    human, program = front.send(why="x"), front.send(why="x", topic="https://spam.example")
    assert (program.status_code, program.content) == (human.status_code, human.content)
    assert len(front.lines()) == 1


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"rating": 11}, "'rating'"),
        ({"rating": -1}, "'rating'"),
        ({"rating": True}, "'rating'"),
        ({"rating": "3"}, "'rating'"),
        ({"why": "x" * 5001}, "'why'"),
        ({"name": "x" * 101}, "'name'"),
        ({"email": "nobody"}, None),
        ({"email": "two words@mail.example"}, "'email' is no e-mail address"),
        ({"id": "7"}, "'id' is no UUID"),
        ({"wyh": "typo"}, "'wyh' is no field of this form"),
        ({"why": None}, "'why'"),
        ({"why": {"$gt": ""}}, "'why'"),
    ],
)
def test_what_is_wrong_is_said_in_plain_words(
    front: Front, fields: dict[str, object], said: str | None
) -> None:
    answer = front.send(**fields)
    assert answer.status_code == 422
    assert (said or "'email' is no e-mail address") in answer.json()["error"]
    assert front.lines() == []


def test_thousands_of_wrong_fields_are_not_told_one_by_one(front: Front) -> None:
    answer = front.send(**{f"x{number:x}": 0 for number in range(4000)})
    assert (answer.status_code, answer.json()) == (422, {"error": "more than 20 fields are wrong"})


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 30_000, b'"\\ud800"']
)
def test_what_is_no_submission_at_all(front: Front, body: bytes) -> None:
    for kind in ("application/json", "application/x-www-form-urlencoded"):
        headers = {"Content-Type": kind}
        answer = front.session.post(f"{front.base}/f/shop", data=body, headers=headers)
        assert answer.status_code == 422
    answer = front.session.post(
        f"{front.base}/f/shop", data=body, headers={"Content-Type": "text/x"}
    )
    assert answer.status_code == 415
    assert front.lines() == []


def test_every_hostile_text_arrives_as_it_was_written(hostile_file: Path, tmp_path: Path) -> None:
    found = [one for one in json.loads(hostile_file.read_text(encoding="utf-8")) if one]
    found += ["\x00nul", "\u202egnp", "＝1+1", "\t=1", "\r=1", "\u2028", "x" * 5000, "😀" * 5000]
    many = {"per_minute": 100_000, "per_hour": 100_000, "form_per_hour": 100_000}
    with serving(Front(settings_in(tmp_path, **many))) as front:
        assert {front.send(why=one).status_code for one in found} == {201}
        assert [line["why"] for line in front.lines()] == found
        # the longest that a plain form can be: every character is twelve bytes of it
        assert front.send_form(why="😀" * 5000).status_code == 201


def test_nothing_that_a_visitor_wrote_comes_back_alive(front: Front) -> None:
    for answer in (
        front.send_form(why=MARKUP, rating=MARKUP),
        front.send_form(why=MARKUP, **{MARKUP: "1"}),
        front.send_form(why=MARKUP),
        front.session.get(f"{front.base}/f/shop", params={"lang": MARKUP}),
    ):
        assert "<script" not in answer.text and "1787569" not in answer.text
        assert "text/html" in answer.headers["Content-Type"]
        assert "script-src" not in answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_the_log_says_numbers_and_no_text(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    front = Front(settings_in(tmp_path))
    with process(front, tmp_path):
        front.send(why="nobody must read this", email="secret@mail.example")
        front.send(why="nobody must read this", rating=99)
        front.send_form(why="nobody must read this", topic="x")
    told = capfd.readouterr().err
    assert "stored=1" in told and "refused with 422=1" in told and "trap for programs=1" in told
    assert "nobody" not in told and "secret" not in told and "127.0.0.1" not in told


def test_only_the_forms_own_sites_may_use_it(front: Front) -> None:
    assert front.send(origin=SITE).status_code == 201
    assert front.send(origin="https://evil.example").status_code == 403
    assert front.send(token="0" * 32).status_code == 403
    assert front.send(token=front.token("faces")).status_code == 403
    assert front.send(origin=SITE, token=front.token()).status_code == 403  # the page's own token
    assert len(front.lines()) == 1


def test_a_plain_form_in_a_sites_own_page(front: Front) -> None:
    data = {"token": front.token("shop", SITE), "rating": "4"}
    for origin in (SITE, "null"):  # "null": the page has the policy to say nothing of itself
        answer = front.session.post(f"{front.base}/f/shop", data=data, headers={"Origin": origin})
        assert answer.status_code == 201
    for origin in ("https://evil.example", "http://[", "\xff", ""):
        answer = front.session.post(f"{front.base}/f/shop", data=data, headers={"Origin": origin})
        assert answer.status_code == 403
    assert len(front.lines()) == 2


def test_a_site_that_was_taken_out_has_a_worthless_token(front: Front) -> None:
    assert front.send(token=front.token("shop", "https://old.example")).status_code == 403


def test_what_browsers_ask_before(front: Front) -> None:
    ask = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    for path in ("/f/shop", "/f/shop/texts"):
        ours = front.session.options(front.base + path, headers=ask | {"Origin": SITE})
        assert ours.status_code == 204
        assert ours.headers["Access-Control-Allow-Origin"] == SITE
        assert "POST" in ours.headers["Access-Control-Allow-Methods"]
        assert ours.headers["Access-Control-Allow-Headers"] == "Content-Type"
        evil = front.session.options(
            front.base + path, headers=ask | {"Origin": "https://evil.example"}
        )
        assert not [name for name in evil.headers if name.startswith("Access-Control")]
        assert ours.headers["Vary"] == evil.headers["Vary"] == "Origin"


def test_a_site_may_read_the_answers_also_those_that_refuse(front: Front) -> None:
    for fields in ({}, {"rating": 99}, {"token": "x"}):
        answer = front.send(origin=SITE, **fields)
        assert answer.headers["Access-Control-Allow-Origin"] == SITE
        assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "Access-Control-Allow-Origin" not in front.send(origin="https://evil.example").headers
    texts_of = front.session.get(f"{front.base}/f/shop/texts", headers={"Origin": SITE})
    assert texts_of.headers["Access-Control-Allow-Origin"] == SITE
    assert set(texts_of.headers["Vary"].split(", ")) == {"Accept-Language", "Origin"}


def test_only_the_sites_may_put_the_page_into_a_frame(front: Front) -> None:
    def frames(path: str) -> str:
        answer = front.session.get(front.base + path)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        found = re.search(r"frame-ancestors ([^;]+)", answer.headers["Content-Security-Policy"])
        assert found
        return found[1]

    assert frames("/f/shop") == SITE
    assert frames("/f/faces") == "'none'"
    assert frames("/healthz") == frames("/nothing-here") == "'none'"


def raw(front: Front, head: str, body: bytes) -> bytes:
    """What the service answers to these very bytes."""
    with socket.create_connection(("127.0.0.1", front.settings.feedback.port), PATIENCE) as line:
        text = f"POST /f/shop HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{head}\r\n"
        line.sendall(text.replace("\n", "\r\n").replace("\r\r", "\r").encode() + body)
        return line.recv(65536)


def test_too_much_is_refused_before_it_is_read(front: Front) -> None:
    assert raw(front, "Content-Length: 70000\r\n", b"").startswith(b"HTTP/1.1 413")
    assert raw(front, f"Content-Length: {'9' * 400}\r\n", b"").startswith(
        (b"HTTP/1.1 413", b"HTTP/1.1 400")
    )


def test_too_much_is_refused_while_it_is_read(front: Front) -> None:
    pieces = b"".join(b"4000\r\n" + b" " * 0x4000 + b"\r\n" for _ in range(5))
    answer = raw(front, "Transfer-Encoding: chunked\r\n", pieces)  # it never says that it ended
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"connection: close" in answer.lower()


def test_a_full_disk_is_said_and_nothing_is_lost(front: Front) -> None:
    inbox = front.settings.feedback.inbox
    inbox.rmdir()
    inbox.write_text("")  # now no folder can be made there
    answer, page = front.send(why="first"), front.send_form(why="first")
    assert answer.status_code == page.status_code == 503
    assert int(answer.headers["Retry-After"]) == int(page.headers["Retry-After"]) == 60
    assert "try again" in page.text
    assert front.session.get(f"{front.base}/healthz").status_code == 503
    inbox.unlink()
    assert front.send(why="first").status_code == 201
    assert [line["why"] for line in front.lines()] == ["first"]
    assert front.session.get(f"{front.base}/healthz").json() == {"status": "ok"}


def test_many_at_once_are_all_kept(tmp_path: Path) -> None:
    many = {"per_minute": 100_000, "per_hour": 100_000, "form_per_hour": 100_000}
    with serving(Front(settings_in(tmp_path, **many))) as front:
        with ThreadPoolExecutor(8) as pool:
            codes = list(pool.map(lambda one: front.send(why=str(one)).status_code, range(200)))
        assert set(codes) == {201}
        assert sorted(int(line["why"]) for line in front.lines()) == list(range(200))


def test_the_widget_is_small(front: Front) -> None:
    answer = front.session.get(f"{front.base}/widget.js")
    assert answer.headers["Content-Type"].startswith("text/javascript")
    assert len(answer.content) < 7000
    assert not re.search(r"innerHTML|insertAdjacent|document\.write|eval|Function\(", answer.text)
