"""Quotations and signatures are cut, in plain text and in HTML; the writer's own text stays."""

from __future__ import annotations

import pytest
from mail_phrases import BLOCKS, PHONES, WROTE

from listeners.mail.html import to_text
from listeners.mail.reply import extract_reply


class TestExtractReply:
    """Quotations are cut; the writer's own text stays."""

    @pytest.mark.parametrize("wrote", WROTE)
    def test_a_reply_above_a_quotation(self, wrote: str) -> None:
        text = f"It never came!\n\n{wrote}\n\n> We sent it.\n>> Where is it?\n"
        assert extract_reply(text) == "It never came!"

    @pytest.mark.parametrize("wrote", WROTE)
    def test_a_reply_above_a_quotation_that_nothing_marks(self, wrote: str) -> None:
        text = f"It never came!\n\n{wrote}\nWe sent it on Friday.\nKind regards\n"
        if wrote.casefold().startswith(("on ", "am ", "le ", "el ", "il ", "em ", "op ", "den ")):
            assert extract_reply(text) == "It never came!"
        else:  # a word that every sentence may begin with: nothing is lost, something is left
            assert extract_reply(text).startswith("It never came!")

    @pytest.mark.parametrize("block", BLOCKS)
    def test_a_reply_above_somebody_elses_mail(self, block: str) -> None:
        assert extract_reply(f"It never came!\n\n{block}\n\nWe sent it.\n") == "It never came!"

    @pytest.mark.parametrize("line", PHONES)
    def test_a_telephone_signs(self, line: str) -> None:
        assert extract_reply(f"It never came!\n\n{line}\n") == "It never came!"
        quoted = f"It never came!\n\n{line}\n\n{WROTE[0]}\n> We sent it.\n"
        assert extract_reply(quoted) == "It never came!"

    def test_answers_between_quoted_lines(self) -> None:
        text = f"{WROTE[0]}\n> Did you get it?\nNo.\n> Was it damaged?\n\nI told you: no box.\n"
        assert extract_reply(text) == "No.\n\nI told you: no box."

    def test_a_signature(self) -> None:
        assert extract_reply("It never came!\n-- \nAnn\nExample Ltd\n") == "It never came!"

    @pytest.mark.parametrize(
        "text",
        [
            "Thanks, but your answer did not help.\n\nBest, you know, is to call me.",
            "My trip\nFrom: Athens\nTo: London\nDate: 3 May 2024\nNobody told us that it was late.",
            "As I wrote: the box was open.\nAnd wet.",
            "He wrote me at 10:00:\nno parcel today.",
            "Sent from the warehouse on Monday, it never arrived.\nWhere is it?",
            "- late\n- wet\n---\nand it was the wrong one",
            "I am a forwarded message, says the box: no.",
            "Subject: none. I just want my money.",
        ],
    )
    def test_text_that_only_looks_like_a_quotation(self, text: str) -> None:
        assert extract_reply(text) == text

    def test_all_quotation_keeps_its_beginning(self) -> None:
        text = f"{WROTE[0]}\n> We sent it.\n> " + "x" * 5000
        assert extract_reply(text).startswith("We sent it.\nxxx")
        assert len(extract_reply(text)) <= 300
        assert extract_reply(f"---- Forwarded message ----\n{BLOCKS[0]}\n\nBad.\n") == "Bad."

    def test_an_empty_mail_stays_empty(self) -> None:
        assert extract_reply("\n -- \n") == "--"
        assert extract_reply("\n\n") == ""


class TestHtml:
    """Mail programs mark what they quote in their own ways."""

    @pytest.mark.parametrize(
        "quote",
        [
            '<blockquote type="cite"><div>We sent <blockquote>a</blockquote> it</div></blockquote>',
            '<div class="gmail_quote"><div dir="ltr" class="gmail_attr">On … wrote:<br></div>'
            "<blockquote class='gmail_quote'>We<div>sent</div> it</blockquote></div>",
            '<div class="x_gmail_quote">We sent it</div>',
            '<div id="divRplyFwdMsg"><b>From:</b> Kestrova</div><div>We sent it</div>',
            "<div id=appendonsend></div><hr><div>We sent it</div>",
            '<div class="yahoo_quoted" id="y1">We sent it</div>',
            '<div class="moz-cite-prefix">Am … schrieb:</div><blockquote>We sent it</blockquote>',
            "<div><b>From:</b> K <br><b>Sent:</b> Sunday<br><b>To:</b> Ann<br>"
            "<b>Subject:</b> Hi<br></div><p>We sent it</p>",
            "<blockquote>We sent it",
        ],
    )
    def test_quotations(self, quote: str) -> None:
        markup = f"<html><head><title>no</title></head><body><p>It never came!</p>{quote}</body>"
        assert extract_reply(to_text(markup)) == "It never came!"

    def test_answers_below(self) -> None:
        markup = "<blockquote>Was it <blockquote>wet</blockquote>?</blockquote><p>Yes.</p>"
        assert extract_reply(to_text(markup)) == "Yes."

    def test_signatures_styles_and_comments(self) -> None:
        markup = (
            "<style><blockquote></style><!-- <div class=gmail_quote> --><p>It never came!</p>"
            '<div class="gmail_signature"><div>Ann</div>Ltd</div><p>Not even late.</p>'
        )
        assert to_text(markup) == "It never came!\nNot even late."
