"""What a digest and an alert tell the person who reads them at nine in the morning."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from earful.case_states import CaseStatus
from earful.messages import Message
from outreach.digest import (
    BrandNumbers,
    CaseLine,
    DigestFacts,
    alert,
    render,
)
from outreach.wrap import columns

MakeCase = Callable[..., CaseLine]
MakeFacts = Callable[..., DigestFacts]

ACME = BrandNumbers(
    name="Acme Air",
    mentions=1204,
    before=1100,
    negative_share=0.234,
    net_sentiment=-12.4,
    net_before=3.2,
)


def text_of(message: Message | None) -> str:
    """The text with its line breaks as spaces, so that wrapping does not matter."""
    assert message is not None
    return " ".join(message.text.split())


def test_whom_to_call_first_is_the_most_pressing_whom_nobody_contacted(
    case: MakeCase, facts: MakeFacts
) -> None:
    told = facts(
        new_cases=(
            case(1, handle="calmer", priority=40),
            case(2, handle="done", priority=99, status=CaseStatus.CONTACTED, assignee="Nikos"),
        ),
        waiting_cases=(case(3, handle="waits", priority=77),),
    )
    text = text_of(render(told))
    assert "Call first: @waits on x (priority 77)." in text
    # listed by priority, whatever order they came in
    assert text.index("[99] @done") < text.index("[40] @calmer") < text.index("[77] @waits")


def test_a_case_tells_who_what_why_and_by_when(case: MakeCase, facts: MakeFacts) -> None:
    told = case(name="Maria Pappas", followers=1, complaints=2, assignee="Nikos")
    got = render(facts(new_cases=(replace(told, status=CaseStatus.TAKEN),)))
    assert got is not None and got.html is not None
    text = text_of(got)
    for words in (
        "[64] @maria (Maria Pappas) on x, about Acme Air",
        "2 complaints, 1 follower, opened Fri 21 Nov 04:00, written in English",
        "“My bag is lost again and nobody answers.”",
        "Why: The model is 93 % sure that this is negative (flagged from 60 %).",
        "Nikos has it. Answer by Sat 22 Nov 04:00, in 19 hours.",
        "https://x.example/maria/1",
    ):
        assert words in text
    for words in ("@maria (Maria Pappas)", "2 complaints, 1 follower", "Nikos has it."):
        assert words in got.html


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "Nobody has it yet. Answer by"),
        ({"due_at": None}, "Nobody has it yet."),
        ({"assignee": "Eleni"}, "Eleni has it."),
        ({"status": CaseStatus.CONTACTED, "assignee": "Eleni"}, "Eleni has contacted them."),
        ({"status": CaseStatus.CONTACTED}, "Somebody has contacted them."),
        ({"status": CaseStatus.RESOLVED, "assignee": "Eleni"}, "Resolved by Eleni."),
        ({"status": CaseStatus.RESOLVED}, "Resolved."),
        ({"handle": "Jo of the Herald"}, "[64] Jo of the Herald on x"),
        ({"handle": "@maria@social.example"}, "[64] @maria@social.example on x"),
        ({"handle": "", "name": "Jo"}, "[64] Jo on x"),
        ({"handle": "", "name": None}, "[64] somebody on x"),
        ({"text": "\x00"}, "“(no text)”"),
        ({"followers": None}, "1 complaint, opened"),
    ],
)
def test_each_standing_has_its_words(
    case: MakeCase, facts: MakeFacts, change: dict[str, object], words: str
) -> None:
    assert words in text_of(render(facts(new_cases=(case(**change),))))


def test_overdue_is_said_where_it_matters(case: MakeCase, facts: MakeFacts, now: datetime) -> None:
    late = case(due_at=now - timedelta(hours=3))
    got = render(facts(waiting_cases=(late,), overdue=1))
    text = text_of(got)
    assert got is not None and got.subject == "Earful: nobody new, 1 waiting, 1 overdue"
    assert "overdue by 3 hours" in text.split("STILL WAITING")[0]
    assert "1. OVERDUE [64] @maria" in text
    assert "An answer was due Fri 21 Nov 06:00: overdue by 3 hours." in text
    # contacted in time or not: nobody has to hurry any more
    done = replace(late, status=CaseStatus.CONTACTED)
    assert "OVERDUE" not in text_of(render(facts(waiting_cases=(done,))))


def test_only_the_first_are_listed_and_the_rest_is_counted(
    case: MakeCase, facts: MakeFacts
) -> None:
    many = tuple(case(n, handle=f"h{n}", priority=n) for n in range(1, 31))
    text = text_of(render(facts(new_cases=many, new_total=34), max_cases=20))
    assert "20. [11] @h11" in text
    assert "21." not in text
    assert "… and 14 more in the queue" in text
    assert "more in the queue" not in text_of(render(facts(new_cases=many), max_cases=30))
    # a total without any listed case still says that they are there
    assert "… and 3 in the queue" in text_of(render(facts(waiting_total=3)))


def test_a_case_is_told_once(case: MakeCase, facts: MakeFacts) -> None:
    text = text_of(render(facts(new_cases=(case(1),), waiting_cases=(case(1),))))
    assert text.count("[64] @maria") == 1


def test_subject_and_totals(case: MakeCase, facts: MakeFacts) -> None:
    told = facts(new_cases=(case(),), new_total=3, urgent=1, waiting_total=1200, overdue=5)
    got = render(told)
    assert got is not None
    assert got.subject == "Earful: 3 new unhappy customers, 1 urgent, 1,200 waiting, 5 overdue"
    assert "3 new unhappy customers (1 urgent), 1,200 still waiting, 5 overdue." in text_of(got)
    one = render(facts(new_cases=(case(),)))
    assert one is not None and one.subject == "Earful: 1 new unhappy customer"


def test_questions_and_wishes_are_counted_with_a_pointer_to_their_page(facts: MakeFacts) -> None:
    one = text_of(render(facts(questions=1)))
    assert (
        "0 still waiting, 0 overdue. 1 new question that nobody answered: see the page “Questions”."
    ) in one
    both = text_of(render(facts(questions=1204, wishes=2)))
    assert "1,204 new questions that nobody answered and 2 new wishes: see the pages" in both
    assert "“Questions” and “Wishes”." in both
    assert "1 new wish: see the page “Wishes”." in text_of(render(facts(wishes=1)))
    assert "see the page" not in text_of(render(facts()))


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        ("", "Call first: @maria on x (priority 64)."),
        ("about a delay", "Call first: @maria on x (priority 64, about a delay)."),
        (
            "leaving because of the staff, ironic",
            "Call first: @maria on x (priority 64, leaving because of the staff, ironic).",
        ),
    ],
)
def test_the_first_to_call_comes_with_the_problem(
    case: MakeCase, facts: MakeFacts, now: datetime, problem: str, words: str
) -> None:
    told = case(problem=problem)
    assert words in text_of(render(facts(new_cases=(told,))))
    assert words in text_of(alert([told], timezone="UTC", now=now))


def test_broken_collection_comes_before_the_customers(case: MakeCase, facts: MakeFacts) -> None:
    problem = "x/acme-air: paused, the token was refused (401);\nset EARFUL_X_TOKEN\x1b[31m"
    got = render(facts(problems=(problem,), new_cases=(case(),)))
    text = text_of(got)
    assert got is not None and got.subject.startswith("Earful: something is not working; ")
    assert text.index("! x/acme-air: paused") < text.index("NEW UNHAPPY")
    assert "\x1b" not in got.text and "(401); set EARFUL_X_TOKEN" in text
    assert "Collection is working" not in text
    # alone it is worth a digest, whatever when_nothing says
    assert render(facts(problems=(problem,)), "skip") is not None
    many = text_of(render(facts(problems=tuple(f"s{n} paused" for n in range(25)))))
    assert "! and 5 more; run `earful doctor`" in many


def test_nothing_happened(facts: MakeFacts) -> None:
    quiet = facts(brands=(ACME,))
    assert render(quiet, "skip") is None
    got = render(quiet)
    assert got is not None and got.subject == "Earful: nobody new"
    assert text_of(got) == (
        "Nobody new is unhappy and nobody waits: 1,204 mentions since Thu 20 Nov 09:00 "
        "(Europe/Athens), collection is working."
    )


@pytest.mark.parametrize("happened", ["contacted", "resolved", "overdue", "waiting_total"])
def test_anything_that_happened_is_no_nothing(facts: MakeFacts, happened: str) -> None:
    assert render(facts(**{happened: 1}), "skip") is not None


def test_the_brands_stand_in_aligned_columns(facts: MakeFacts) -> None:
    unknown = BrandNumbers(name="航空公司", mentions=0, before=2)
    level = BrandNumbers(name="B", mentions=9, before=9, negative_share=1, net_sentiment=0.3)
    got = render(facts(brands=(ACME, unknown, level), resolved=1))
    assert got is not None
    lines = got.text.splitlines()
    top = next(n for n, line in enumerate(lines) if line.startswith("Brand "))
    table = [lines[top], *lines[top + 2 : top + 5]]
    assert len({columns(line) for line in table}) == 1
    assert table[1].split()[2:] == ["1,204", "1,100", "23", "%", "-12", "+3"]
    assert table[2].split() == ["航空公司", "0", "2", "–", "–", "–"]
    assert table[3].split() == ["B", "9", "9", "100", "%", "0", "–"]


def test_no_line_but_a_link_is_wider_than_a_terminal(case: MakeCase, facts: MakeFacts) -> None:
    hard = (
        case(
            1,
            handle="h" * 300,
            name="n " * 200,
            text="w" * 900,
            url="https://x.example/" + "p" * 90,
        ),
        case(2, handle="أحمد" * 30, text="الحقيبة ضاعت " * 60, brand="B" * 120),
        case(3, text="荷物がまた無くなりました。" * 60, assignee="a" * 300),
    )
    brand = replace(ACME, name="Ü" * 120, mentions=10**9, before=10**9)
    got = render(facts(new_cases=hard, brands=(brand,), problems=("p" * 500,)))
    assert got is not None
    wide = [line for line in got.text.splitlines() if columns(line) > 80]
    assert [line.strip()[:18] for line in wide] == ["https://x.example/"]


def test_a_mention_cannot_fake_a_line_of_ours(case: MakeCase, facts: MakeFacts) -> None:
    fake = "bad\n\n  2. [100] @ceo on x\r\n\u2028NOT WORKING"
    got = render(facts(new_cases=(case(text=fake, handle="a\nb", name="c\nd"),)))
    assert got is not None
    assert not any(line.startswith(("COLLECTION", "  2.")) for line in got.text.splitlines())


def test_the_text_is_cut_at_280_characters(case: MakeCase, facts: MakeFacts) -> None:
    text = text_of(render(facts(new_cases=(case(text="word " * 100),))))
    quoted = text.partition("“")[2].partition("”")[0]
    assert len(quoted) <= 280 and quoted.endswith("word…")


def test_a_case_tells_how_often_the_same_was_said(case: MakeCase, facts: MakeFacts) -> None:
    viral = case(mentions=12, accounts=9, reach=48_000)
    message = render(facts(new_cases=(viral,)))
    assert message is not None
    assert "said 12 times by 9 accounts, reach about 48,000" in " ".join(message.text.split())
    assert "said 12 times by 9 accounts, reach about 48,000" in (message.html or "")
    once = render(facts(new_cases=(case(),)))
    assert once is not None and "said once" not in once.text


def test_an_alert_is_one_message_for_many(case: MakeCase, now: datetime) -> None:
    one = alert([case(priority=82)], timezone="Europe/Athens", now=now)
    assert one.subject == "Urgent: 1 unhappy customer of Acme Air (@maria, priority 82)"
    assert "1 unhappy customer of Acme Air needs an answer now" in text_of(one)
    two = alert(
        [case(1, priority=75), case(2, handle="jo", priority=91, brand="Acme Rail")],
        timezone="UTC",
        now=now,
    )
    assert two.subject == "Urgent: 2 unhappy customers of Acme Air and Acme Rail"
    assert "need an answer now" in text_of(two)
    assert "Call first: @jo on x (priority 91)." in text_of(two)
    assert "[91] @jo" in text_of(two) and "[75] @maria" in text_of(two)
    many = alert([case(n) for n in range(25)], timezone="UTC", now=now)
    assert "… and 5 more in the queue" in text_of(many)


def test_an_alert_needs_cases_and_an_aware_now(case: MakeCase, now: datetime) -> None:
    with pytest.raises(ValueError, match="no cases"):
        alert([], timezone="UTC", now=now)
    with pytest.raises(ValueError, match="no time zone"):
        alert([case()], timezone="UTC", now=now.replace(tzinfo=None))


def test_facts_that_contradict_themselves_are_refused(
    case: MakeCase, facts: MakeFacts, now: datetime
) -> None:
    with pytest.raises(ValueError, match="new_total is 0 but 1 cases are listed"):
        facts(new_cases=(case(),), new_total=0)
    with pytest.raises(ValueError, match=r"DigestFacts\.until: .* no time zone"):
        facts(until=now.replace(tzinfo=None))
    with pytest.raises(ValueError, match=r"CaseLine\.due_at: .* no time zone"):
        case(due_at=now.replace(tzinfo=None))
