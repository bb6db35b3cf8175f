"""What is said of an address: who asks there, how it is shown, and why it was not read."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from urllib.parse import SplitResult, urljoin, urlsplit

from earful.contracts import EdgeError, Permanent, Transient


class HttpRefusal(Permanent):
    """A server's refusal; ``status`` is its number, for where one of them is an answer: 404 for a
    post that was deleted."""

    def __init__(self, what: str, *, status: int) -> None:
        super().__init__(what)
        self.status = status


class BrokenResponse(Transient):
    """A request went out and no whole answer came back: whether the platform counted it, and bills
    it, nobody here can know."""


class ResponseTooBig(Permanent):
    """An answer of more bytes than we read: it was given, and is billed where answers are."""


def find_edge_error(error: BaseException) -> EdgeError | None:
    """The edge error that a library wrapped into one of its own; None when there is none."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        if isinstance(one, EdgeError):
            return one
        seen.add(id(one))
        wrapped = [arg for arg in one.args if isinstance(arg, BaseException)]
        waiting += [one.__cause__, one.__context__, *wrapped]
    return None


def earful_version() -> str:
    """Earful's version; "0" when it is run from a tree that is not installed."""
    try:
        return version("earful")
    except PackageNotFoundError:
        return "0"


def user_agent() -> str:
    """How we introduce ourselves to every server."""
    return f"Earful/{earful_version()} (+self-hosted listener for mentions of a brand)"


def safe_url(url: str) -> str:
    """``url`` as an error may show it: without login, query and fragment, which can hold keys."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return repr(url[:40])
    if not host:
        return repr(url.partition("?")[0][:80])
    return f"{parts.scheme}://{host}{parts.path}"[:200] + ("?…" if parts.query else "")


def check_redirect(url: str, location: str) -> str:
    """Where a redirect leads, when that is the same host and no less safe; Permanent otherwise."""
    target = ""
    try:
        target = urljoin(url, location) if location else ""
        here, there = urlsplit(url), urlsplit(target)
        same = _origin(here) == _origin(there)
        safer = (here.scheme, there.scheme) == ("http", "https") and here.hostname == there.hostname
    except ValueError:
        same = safer = False
    if location and (same or safer):
        return target
    raise HttpRefusal(
        f"{safe_url(url)} sends us on to {safe_url(target) if target else 'nowhere'}, which is "
        "another host; if that is right, put the new address into settings.toml",
        status=302,
    )


def invalid_address(url: str) -> Permanent:
    """The refusal of what is no http(s) URL."""
    return Permanent(f"{safe_url(url)} is not a web address; write it as https://…")


def unsendable_request(url: str) -> Permanent:
    return Permanent(
        f"{safe_url(url)}: a key, a name or a page's token holds a character that no request can "
        "carry, a line end for one; copy the key anew"
    )


def response_too_big(url: str, most: int) -> ResponseTooBig:
    return ResponseTooBig(
        f"{safe_url(url)}: the answer is over {most:,} bytes; raise the option max_bytes if that "
        "is what you expect there"
    )


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def combine_errors(errors: Sequence[EdgeError]) -> EdgeError:
    """What to raise when everything failed: Permanent only when nothing can get well by itself."""
    later = [error for error in errors if isinstance(error, Transient)]
    if not later or len(errors) == 1:
        return errors[0]
    waits = [error.retry_after for error in later if error.retry_after is not None]
    sentence = "; ".join(dict.fromkeys(error.sentence for error in errors))
    hint = " ".join(dict.fromkeys(error.hint for error in errors if error.hint))
    return Transient(sentence, hint=hint, retry_after=max(waits, default=None))
