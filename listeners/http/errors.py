"""HTTP errors, the user agent, and addresses as an error may show them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from urllib.parse import SplitResult, urljoin, urlsplit

from earful.contracts import EdgeError, Permanent, Transient


class HttpRefusal(Permanent):
    """A server's refusal with its ``status``.

    A caller reads the status where it is an answer: 404 for a post that was deleted.
    """

    def __init__(self, sentence: str, *, status: int, hint: str = "") -> None:
        super().__init__(sentence, hint=hint)
        self.status = status


class BrokenResponse(Transient):
    """A request that was sent and got no complete response.

    The platform may have counted and billed it, so the charge stays.
    """


class ResponseTooBig(Permanent):
    """A response over ``max_bytes``; a platform that bills responses bills it."""


def find_edge_error(error: BaseException) -> EdgeError | None:
    """Return the edge error inside a library's error; None when there is none."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        candidate = waiting.pop()
        if candidate is None or id(candidate) in seen:  # causes can form a circle
            continue
        if isinstance(candidate, EdgeError):
            return candidate
        seen.add(id(candidate))
        # urllib3 and requests keep the first error in args, without a cause
        wrapped = [arg for arg in candidate.args if isinstance(arg, BaseException)]
        waiting += [candidate.__cause__, candidate.__context__, *wrapped]
    return None


def earful_version() -> str:
    """Return Earful's version; "0" when the package is not installed."""
    try:
        return version("earful")
    except PackageNotFoundError:
        return "0"


def user_agent() -> str:
    """Return the User-Agent header of every request."""
    return f"Earful/{earful_version()} (+self-hosted listener for mentions of a brand)"


def safe_url(url: str) -> str:
    """Return ``url`` without login, query and fragment, which can hold keys."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return repr(url[:40])
    if not host:
        return repr(url.partition("?")[0][:80])
    return f"{parts.scheme}://{host}{parts.path}"[:200] + ("?…" if parts.query else "")


def check_redirect(url: str, location: str) -> str:
    """Return the target of a redirect on the same host; raise HttpRefusal for any other.

    A step from https to http is refused too.
    """
    target = ""
    try:
        target = urljoin(url, location) if location else ""
        before, after = urlsplit(url), urlsplit(target)
        same = _origin(before) == _origin(after)
        is_upgrade = (before.scheme, after.scheme) == ("http", "https")
        safer = is_upgrade and before.hostname == after.hostname
    except ValueError:
        same = safer = False
    if location and (same or safer):
        return target
    raise HttpRefusal(
        f"{safe_url(url)} sends us on to {safe_url(target) if target else 'nowhere'}, which is "
        "another host",
        status=302,
        hint="If that is right, put the new address into settings.toml.",
    )


def invalid_address(url: str) -> Permanent:
    """Make the error for text that is no http(s) URL."""
    return Permanent(f"{safe_url(url)} is not a web address", hint="Write it as https://….")


def unsendable_request(url: str) -> Permanent:
    return Permanent(
        f"{safe_url(url)}: a key, a name or a page's token holds a character that no request can "
        "carry, a line end for one",
        hint="Copy the key again.",
    )


def response_too_big(url: str, max_bytes: int) -> ResponseTooBig:
    return ResponseTooBig(
        f"{safe_url(url)}: the answer is over {max_bytes:,} bytes",
        hint="Raise the option max_bytes if you expect so much there.",
    )


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def combine_errors(errors: Sequence[EdgeError]) -> EdgeError:
    """Join the errors of all parts into one to raise.

    It is Permanent only when every part's error is: a transient one can pass by itself.
    """
    later = [error for error in errors if isinstance(error, Transient)]
    if not later or len(errors) == 1:
        return errors[0]
    # the longest wait: an earlier retry would meet a platform that still refuses
    waits = [error.retry_after for error in later if error.retry_after is not None]
    sentence = "; ".join(dict.fromkeys(error.sentence for error in errors))
    hint = " ".join(dict.fromkeys(error.hint for error in errors if error.hint))
    return Transient(sentence, hint=hint, retry_after=max(waits, default=None))
