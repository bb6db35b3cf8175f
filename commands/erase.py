"""`earful erase`: a person asks to be forgotten, or a post must go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from earful.settings.errors import SettingsError
from earful.untrusted import one_line
from outreach.words import count
from pipeline.app import App
from storage.exports import LoggedExport
from storage.removal import erasing
from storage.removal.erasing import ErasureCounts, StoredAuthor

Confirm = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class _Named:
    """What --author or --mention named."""

    source: str
    name: str

    def __str__(self) -> str:
        return f"{self.source}:{self.name}"


def _named(option: str, value: str) -> _Named:
    source, colon, name = value.partition(":")
    if not (colon and source and name.strip()):
        form = "SOURCE:ID or SOURCE:HANDLE" if option == "--author" else "SOURCE:ID"
        raise SettingsError(f"{option}: {value!r} names no source", hint=f"Write {form}.")
    return _Named(source, name.strip())


def erase(app: App, author: str | None, mention: str | None, *, confirm: Confirm) -> bool:
    """Erase what one of the two names, once ``confirm`` says yes; False when it says no.

    Says what will go, what went, which exports may hold it, and what is out of reach. Raises
    SettingsError for what is not there or cannot be told apart.
    """
    if (author is None) == (mention is None):
        raise SettingsError(
            "erase: needs one author or one mention",
            hint="Give --author SOURCE:ID or --mention SOURCE:ID.",
        )
    if author is not None:
        done = _author(app, _named("--author", author), confirm)
    else:
        done = _mention(app, _named("--mention", mention or ""), confirm)
    if done is None:
        print("nothing was erased")
        return False
    _say(done)
    _overwrite(app)
    return True


def _author(app: App, named: _Named, confirm: Confirm) -> ErasureCounts | None:
    found = erasing.find_authors(app.db, named.source, named.name)
    if len(found) > 1:
        ids = ", ".join(f"{one.source}:{one.external_id}" for one in found)
        raise SettingsError(
            f"--author: {len(found)} authors are called {named.name!r} on {named.source}",
            hint=f"Name one by its id: {ids}",
        )
    if not found:
        if erasing.is_author_erased(app.db, named.source, named.name):
            print(f"{named} was erased before")
            return ErasureCounts()
        raise SettingsError(
            f"--author: nobody by the id or handle {named.name!r} is stored of {named.source}"
        )
    (person,) = found
    _announce(person)
    if not confirm(f"Erase {named}? This cannot be undone."):
        return None
    try:
        return erasing.erase_author(app.db, person, app.clock())
    except KeyError as error:
        raise SettingsError(f"--author: {named} was removed meanwhile") from error


def _announce(person: StoredAuthor) -> None:
    external_id = one_line(person.external_id, 200)
    print(f"{one_line(person.handle, 80)} of {person.source} (id {external_id}):")
    print(f"  {count(person.mentions, 'mention')}, {count(person.cases, 'case')}")
    print("  and plain reposts of these by others")
    print(f"  {count(person.entries, 'entry', 'entries')} in these cases, notes among them")


def _mention(app: App, named: _Named, confirm: Confirm) -> ErasureCounts | None:
    stored = erasing.is_post_stored(app.db, named.source, named.name)
    print(f"{named}: {'stored here' if stored else 'not stored; it will not be stored later'}")
    if not confirm(f"Erase {named}, and plain reposts of it? This cannot be undone."):
        return None
    return erasing.erase_mention(app.db, named.source, named.name, app.clock())


def _say(done: ErasureCounts) -> None:
    parts = [
        count(done.mentions, "mention"),
        count(done.revisions, "earlier text"),
        count(done.cases, "case"),
        count(done.entries, "entry", "entries"),
    ]
    print(f"erased: {', '.join(parts)}; {count(done.messages, 'message')} emptied")
    exports = [one for one in done.exports if one.rows]
    if exports:
        print("These exports may hold some of it; delete or clean them yourself:")
        for one in exports:
            print(f"  {_line(one)}")
    elif done.mentions:
        print("No export was written since the first of it was published.")
    else:  # of what is not here nobody knows when it was published
        print("Nothing of it was stored, so which exports may hold it is not known here.")
    print(
        "Out of reach of this command: backups, mails and files that were sent, exports that were "
        "copied, and what other people wrote about it."
    )


def _line(one: LoggedExport) -> str:
    asked = f", {one.filter}" if one.filter else ""
    return f"{one.at:%Y-%m-%d %H:%M} UTC {one.path} ({count(one.rows, 'row')}{asked}) by {one.by}"


def _overwrite(app: App) -> None:
    if not app.db.sqlite:
        print(
            "PostgreSQL keeps deleted rows until its VACUUM and its log until it is recycled: "
            "that is the server's work."
        )
        return
    trouble = app.db.overwrite_deleted()
    if trouble:
        print(
            f"The rows are gone, but the database file could not be written anew ({trouble}), so "
            "that traces stay in it: end what uses it and run the same command with the id again."
        )
