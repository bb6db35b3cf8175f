"""A customer's text that looks like a quotation is kept, and no mail takes long to read."""

from __future__ import annotations

import pytest

from listeners.mail.message import parse_mail
from listeners.mail.mime import parse
from listeners.mail.reply import extract_reply

HEAD = "From: ann@mail.example\nMessage-ID: <1@mail.example>\nSubject: Parcel\n"


class TestExtractReply:
    """Text of an unclear writer counts as the customer's."""

    @pytest.mark.parametrize(
        "text",
        [
            "Hello,\nOn 3 May 2024 I ordered a crate.\nYour colleague wrote me:\nit left.\nA lie!",
            "Bonjour,\nLe 12 mars 2024 j'ai commandé.\nOn m'a écrit :\nelle est partie.\nFaux",
            "Hallo,\nAm 3. Mai 2024 bestellt.\nIhr Kollege schrieb:\nunterwegs\nDas stimmt nicht",
        ],
    )
    def test_a_person_tells_who_wrote_what(self, text: str) -> None:
        assert extract_reply(text) == text

    @pytest.mark.parametrize(
        "text",
        [
            "Sent from the warehouse on Monday, it never arrived.",
            "It never came.\n\nSent from Athens? Sent via Rome? Nobody knows.",
            "Lähetetty väärä tuote!",
        ],
    )
    def test_a_last_line_that_begins_like_a_telephones(self, text: str) -> None:
        assert extract_reply(text) == text

    @pytest.mark.parametrize(
        "line", ["Sent from my Verizon, Samsung Galaxy smartphone", "Sent from Yahoo Mail. Get it"]
    )
    def test_a_telephones_line_that_looks_like_a_sentence(self, line: str) -> None:
        assert extract_reply(f"It never came.\n\n{line}") == "It never came."

    def test_an_answer_below_the_signature(self) -> None:
        assert extract_reply("\n-- \nAnn\n\nIt never came.\n") == "Ann\n\nIt never came."

    @pytest.mark.parametrize("quoted", ["---- Forwarded message ----\nIt broke.", "> It broke."])
    def test_a_signature_above_a_mail_passed_on_without_a_word(self, quoted: str) -> None:
        assert extract_reply(f"\n-- \nAnn\n\n{quoted}\n") == "Ann\nIt broke."

    @pytest.mark.parametrize(
        "above",
        [
            "-----Original Message-----\nFrom: Kestrova\nSent: Sunday\nSubject: Hi\n",
            "-------- Ursprüngliche Nachricht --------",
            "From: Kestrova\nSent: Sunday\nTo: Ann\nSubject: Hi",
        ],
    )
    def test_an_answer_below_a_marked_quotation(self, above: str) -> None:
        text = f"See below.\n\n{above}\n> Did it arrive?\n> Kestrova\n\nNo, never!\n"
        assert extract_reply(text).split("\n")[::3] == ["See below.", "No, never!"]
        assert "Did it arrive" not in extract_reply(text)


def test_the_words_in_front_of_many_attached_mails() -> None:
    inner = (
        "--a\nContent-Type: message/rfc822\n\nContent-Type: multipart/mixed; boundary={0}\n\n"
        "--{0}\nContent-Type: multipart/alternative; boundary={0}x\n\n"
        "--{0}x\n\nold\n--{0}x--\n--{0}--\n"
    )
    body = "Content-Type: multipart/mixed; boundary=a\n\n--a\n\nAll of these never came.\n"
    body += "".join(inner.format(f"b{number}") for number in range(40)) + "--a--\n"
    assert parse_mail((HEAD + body).encode()).text == "All of these never came."


def test_mails_without_id_and_time_are_told_apart_by_when_they_came() -> None:
    raw = b"From: form@mail.example\nSubject: Feedback\n\nNumber one.\n"
    other = raw.replace(b"one", b"two")
    assert parse_mail(raw, "Monday").external_id == parse_mail(raw, "Monday").external_id
    assert parse_mail(raw, "Monday").external_id != parse_mail(other, "Tuesday").external_id
    dated = b"Date: Sun, 19 May 2024 10:00:00 +0300\n" + raw  # one that is moved to another folder
    assert parse_mail(dated, "Monday").external_id == parse_mail(dated, "Tuesday").external_id


@pytest.mark.parametrize("name", ["Content-Type: text/plain", "Content-Disposition: inline"])
@pytest.mark.timeout(60)  # a fraction of a second; minutes, where Python reads all of the header
def test_a_header_of_a_quarter_of_a_megabyte_is_cut(name: str) -> None:
    raw = f'{HEAD}{name}; x="'.encode() + b"\\;" * 120_000 + b"\n\nIt never came.\n"
    assert len(str(parse(raw)[name.partition(":")[0]])) <= 4000
    assert parse_mail(raw).text == "It never came."
