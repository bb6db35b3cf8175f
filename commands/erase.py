"""`earful erase`: remove a person or a post for good, and store neither again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from earful.settings.errors import SettingsError
from earful.untrusted import one_line
from outreach.words import count
from pipeline.app import App
from pipeline.erased_files import FileTraces, clean_files
from storage.export_log import LoggedExport
from storage.removal import erasing
from storage.removal.erasing import ErasureCounts, StoredAuthor

Confirm = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class _Target:
    """The author or mention that --author or --mention names."""

    source: str
    name: str

    def __str__(self) -> str:
        return f"{self.source}:{self.name}"


def _parse_target(option: str, value: str) -> _Target:
    source, colon, name = value.partition(":")
    if not (colon and source and name.strip()):
        form = "SOURCE:ID or SOURCE:HANDLE" if option == "--author" else "SOURCE:ID"
        raise SettingsError(f"{option}: {value!r} names no source", hint=f"Write {form}.")
    return _Target(source, name.strip())


def erase(app: App, author: str | None, mention: str | None, *, confirm: Confirm) -> bool:
    """Erase the author or the mention once ``confirm`` agrees; False when it does not.

    Prints the rows to erase, the erased ones, the exports that may hold them, and the copies out
    of reach. Raises SettingsError for an unknown or ambiguous name.
    """
    if (author is None) == (mention is None):
        raise SettingsError(
            "erase: needs one author or one mention",
            hint="Give --author SOURCE:ID or --mention SOURCE:ID.",
        )
    if author is not None:
        erased = _erase_author(app, _parse_target("--author", author), confirm)
    else:
        erased = _erase_mention(app, _parse_target("--mention", mention or ""), confirm)
    if erased is None:
        print("nothing was erased")
        return False
    _print_erased(erased)
    _print_files(clean_files(app, erased.names))
    _overwrite_deleted(app)
    return True


def _erase_author(app: App, target: _Target, confirm: Confirm) -> ErasureCounts | None:
    people = erasing.find_authors(app.db, target.source, target.name)
    if len(people) > 1:
        ids = ", ".join(f"{person.source}:{person.external_id}" for person in people)
        raise SettingsError(
            f"--author: {len(people)} authors are called {target.name!r} on {target.source}",
            hint=f"Name one by its id: {ids}",
        )
    if not people:
        # docs/decisions/removal.md, "An erased person is known by a hash": so a repeated command is
        # not mistaken for a typing error.
        if erasing.is_author_erased(app.db, target.source, target.name):
            print(f"{target} was erased before")
            return ErasureCounts(names=(target.name,))
        raise SettingsError(
            f"--author: no author of {target.source} with the id or handle {target.name!r} "
            "is stored"
        )
    (person,) = people
    _announce(person)
    if not confirm(f"Erase {target}? This cannot be undone."):
        return None
    try:
        return erasing.erase_author(app.db, person, app.clock())
    except KeyError as error:
        # while the question waited for its answer
        raise SettingsError(f"--author: {target} was removed meanwhile") from error


def _announce(person: StoredAuthor) -> None:
    external_id = one_line(person.external_id, 200)
    print(f"{one_line(person.handle, 80)} of {person.source} (id {external_id}):")
    print(f"  {count(person.mentions, 'mention')}, {count(person.cases, 'case')}")
    print("  and plain reposts of these by others")
    print(f"  {count(person.entries, 'entry', 'entries')} in these cases, notes among them")


def _erase_mention(app: App, target: _Target, confirm: Confirm) -> ErasureCounts | None:
    stored = erasing.is_post_stored(app.db, target.source, target.name)
    print(f"{target}: {'stored here' if stored else 'not stored; it will not be stored later'}")
    if not confirm(f"Erase {target}, and plain reposts of it? This cannot be undone."):
        return None
    return erasing.erase_mention(app.db, target.source, target.name, app.clock())


def _print_erased(erased: ErasureCounts) -> None:
    parts = [
        count(erased.mentions, "mention"),
        count(erased.revisions, "earlier text"),
        count(erased.cases, "case"),
        count(erased.entries, "entry", "entries"),
    ]
    print(f"erased: {', '.join(parts)}; {count(erased.messages, 'message')} emptied")
    exports = [export for export in erased.exports if export.rows]
    if exports:
        print("These exports may hold some of it, and so may their copies:")
        for export in exports:
            print(f"  {_export_line(export)}")
    elif erased.mentions:
        print("No export was written since the first of it was published.")
    # the time of publication is unknown, so any export may hold it
    else:
        print("Nothing of it was stored, so which exports may hold it is not known here.")
    print(
        "Out of reach of this command: backups by other tools, mails that were sent, exports that "
        "were copied, and what other people wrote about it."
    )


def _print_files(traces: FileTraces) -> None:
    """Print the files that were cleaned, and the command for each file that still names them."""
    if traces.cleaned:
        print("Removed from files that Earful wrote:")
        for path in traces.cleaned:
            print(f"  {path}")
    if traces.remaining:
        print("These files still name them, and Earful does not change them. Run:")
        for foreign in traces.remaining:
            print(f"  {foreign.command}")
        if any("grep" in foreign.command for foreign in traces.remaining):
            print("  then delete the lines that grep shows.")
    if traces.unsearched:
        print("These files could not be searched; look into them yourself:")
        for path in traces.unsearched:
            print(f"  {path}")


def _export_line(export: LoggedExport) -> str:
    filters = f", {export.filter}" if export.filter else ""
    rows = count(export.rows, "row")
    return f"{export.at:%Y-%m-%d %H:%M} UTC {export.path} ({rows}{filters}) by {export.by}"


def _overwrite_deleted(app: App) -> None:
    if not app.db.sqlite:
        print(
            "PostgreSQL keeps deleted rows until its VACUUM and its log until it is recycled: "
            "that is the server's work."
        )
        return
    problem = app.db.overwrite_deleted()
    if problem:
        print(
            f"The rows are gone, but the database file could not be rewritten ({problem}), so "
            "traces stay in it. Stop the processes that use it, then run the same command with the "
            "id again."
        )
