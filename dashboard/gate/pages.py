"""The gate's own pages: sign-in, sign-out, and a refusal. Plain HTML without scripts."""

from __future__ import annotations

from html import escape
from pathlib import Path
from string import Template

_FRAME = Template((Path(__file__).parent / "frame.html").read_text(encoding="utf-8"))
_SIGN_IN = Template(
    """<p class="lead">Sign in to the command center.</p>
$alert
<form method="post" action="/sign-in">
  <input type="hidden" name="next" value="$target">
  <label for="visitor">Your name</label>
  <input id="visitor" name="visitor" value="$visitor" maxlength="60" autocomplete="username"
    required $focus_visitor>
  <p class="note">Colleagues see it on the cases that you take.</p>
  <label for="password">Password</label>
  <input id="password" name="password" type="password" maxlength="1000"
    autocomplete="current-password" required $focus_password>
  <button type="submit">Sign in</button>
</form>"""
)
_SIGN_OUT = """<p class="lead">Do you want to sign out?</p>
<form method="post" action="/sign-out">
  <button type="submit">Sign out</button>
</form>
<p class="note"><a href="/">Back to the command center</a></p>"""
_NOTHING_HERE = """<p class="lead">There is no such page.</p>
<p class="note"><a href="/">Go to the command center</a></p>"""


def draw_sign_in(target: str, *, visitor: str = "", problem: str = "") -> str:
    """Return the sign-in page; ``target`` is the page that follows, ``problem`` a sentence."""
    body = _SIGN_IN.substitute(
        target=escape(target),
        visitor=escape(visitor),
        alert=f'<p class="alert" role="alert">{escape(problem)}</p>' if problem else "",
        # after a wrong password the name stands, and the cursor waits for the password
        focus_visitor="" if visitor else "autofocus",
        focus_password="autofocus" if visitor else "",
    )
    return _frame("Sign in", body)


def draw_sign_out() -> str:
    """Return the page that asks before signing out."""
    return _frame("Sign out", _SIGN_OUT)


def draw_nothing_here() -> str:
    """Return the page for an address without a page."""
    return _frame("No such page", _NOTHING_HERE)


def draw_reload(target: str) -> str:
    """Return a page that opens ``target`` again, from here.

    A link in a mail comes from another site, and a SameSite=Strict cookie stays at home then. The
    same request from our own page carries it.
    """
    refresh = f'<meta http-equiv="refresh" content="0;url={escape(target)}">'
    body = f'<p class="note"><a href="{escape(target)}">Open the page</a></p>'
    return _frame("Opening", body, head=refresh)


def _frame(title: str, body: str, *, head: str = "") -> str:
    return _FRAME.substitute(title=title, head=head, body=body)
