"""What `earful doctor` says of blocks that are paused, unpriced, or fed by the feedback service."""

from __future__ import annotations

import pytest
from cli_workspace import Workspace, row

from earful import clock
from listeners.inbox.inbox import Inbox
from storage.collecting import polling

SPACED = """
[[listen]]
source = "replay"
brand = "Acme Air"
name = "our account"
options = { path = "posts.jsonl" }
"""
FORM = """
[[form]]
name = "shop"
brand = "Acme Air"

[[hook]]
name = "help-desk"
brand = "Acme Air"
"""


def _lines(workspace: Workspace, what: str) -> list[str]:
    """Whatever doctor says of one thing, each finding with its fix."""
    lines = workspace.run("doctor").out.splitlines()
    at = [number for number, line in enumerate(lines) if what in line and not line.startswith(" ")]
    return [line for number in at for line in lines[number : number + 2]]


def test_a_paused_block_is_told_of_once_with_a_command_that_can_be_pasted(
    workspace: Workspace,
) -> None:
    workspace.settings(SPACED)
    workspace.run("poll", "--once")
    found, hint = _lines(workspace, "replay/acme-air/our account")
    assert found.startswith("BAD source replay/acme-air/our account: paused; ")
    assert "posts.jsonl" in found
    assert "docs/sources/replay.md" in hint
    assert hint.endswith(
        "When it is fixed, run `earful poll --resume 'replay/acme-air/our account'`, "
        "or restart `earful up`."
    )


def test_a_paused_block_that_answers_again_still_waits_for_its_person(workspace: Workspace) -> None:
    workspace.settings(SPACED)
    workspace.run("poll", "--once")
    workspace.file("posts.jsonl", row(1))
    found, hint = _lines(workspace, "replay/acme-air/our account")
    assert found.startswith("BAD source replay/acme-air/our account: answers; 1 mention ")
    assert "it is paused because of this: " in found
    assert "--resume 'replay/acme-air/our account'" in hint
    workspace.run("poll", "--resume", "replay/acme-air/our account")
    assert _lines(workspace, "replay/acme-air/our account")[0].startswith("ok  source")


def test_a_block_that_is_switched_off_is_not_asked_for_its_trouble(workspace: Workspace) -> None:
    workspace.settings(SPACED)
    db = workspace.db()
    workspace.run("status")
    polling.pause(db, "replay/acme-air/our account", error="gone")
    db.close()
    workspace.settings(SPACED + "enabled = false\n")
    said = workspace.run("doctor")
    assert "ok  source replay/acme-air/our account: switched off in settings" in said.out
    assert "gone" not in said.out


def test_forms_and_hooks_are_sources_and_their_secrets_are_looked_for(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.settings(FORM)
    assert _lines(workspace, " settings: ")[0] == (
        "ok  settings: 1 brand, 1 [[form]] block, 1 [[hook]] block, 0 channels"
    )
    form, hint, hook, _ = _lines(workspace, "feedback service")
    assert form.startswith("?   feedback service: [[form]] shop needs EARFUL_FEEDBACK_SECRET, ")
    assert "earful feedback serve" in hint
    assert "[[hook]] help-desk needs EARFUL_HOOK_HELP_DESK_SECRET, " in hook
    monkeypatch.setenv("EARFUL_FEEDBACK_SECRET", "")
    monkeypatch.setenv("EARFUL_HOOK_HELP_DESK_SECRET", "0123456789abcdef")
    monkeypatch.setenv("EARFUL_HOOK_HELP_DESK_SECRET_FILE", "/somewhere")
    form, _, hook, hook_hint = _lines(workspace, "feedback service")
    assert "[[form]] shop needs EARFUL_FEEDBACK_SECRET" in form
    assert "are both set" in hook
    assert "Set one of them." in hook_hint
    assert "0123456789abcdef" not in hook
    monkeypatch.setenv("EARFUL_FEEDBACK_SECRET", "0123456789abcdef")
    monkeypatch.delenv("EARFUL_HOOK_HELP_DESK_SECRET_FILE")
    assert _lines(workspace, "feedback service") == []


def test_without_any_source_it_says_which_block_to_add(workspace: Workspace) -> None:
    found, hint = _lines(workspace, " settings: ")
    assert found == "?   settings: 1 brand, no source, 0 channels"
    assert "[[listen]]" in hint


def test_what_bills_and_has_no_price_is_worth_a_look(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from listeners.x.listener import X

    monkeypatch.setattr(X, "forecast", lambda _self, _query: 120.0)
    block = '[[listen]]\nsource = "x"\nbrand = "Acme Air"\n'
    workspace.settings(block)
    found, hint = _lines(workspace, "source x/acme-air")
    assert found.startswith("?   source x/acme-air: answers; about 120 posts read a day; no price ")
    assert hint.endswith("Copy the [[account]] block with price and budget from docs/sources/x.md.")
    workspace.settings(block + '[[account]]\nname = "x"\nsource = "x"\nprice_per_read = 0.005\n')
    assert _lines(workspace, "source x/acme-air")[0] == (
        "ok  source x/acme-air: answers; about 120 posts read a day, 0.60 USD a day; "
        "re-checks cost up to as much again"
    )


def test_doctor_leaves_inboxes_and_folders_as_they_are(workspace: Workspace) -> None:
    out = '\n[[channel]]\nname = "out"\nkind = "file"\npath = "digests"\n'
    workspace.settings(FORM + out)
    inbox = Inbox(workspace.folder / "data" / "inbox" / "form-shop", clock=clock.now)
    inbox.append([{"id": "1", "kind": "nps", "rating": 1, "at": "2026-11-20T09:00:00+00:00"}])

    def files() -> dict[str, bytes]:
        paths = (path for path in workspace.folder.rglob("*") if path.is_file())
        return {str(path): path.read_bytes() for path in paths}

    before = files()
    out = workspace.run("doctor").out
    assert "source feedback/acme-air/shop: answers; 1 mention to fetch at once" in out
    assert "ok  channel out: can be reached" in out
    assert files() == before
    assert not (workspace.folder / "digests").exists()
