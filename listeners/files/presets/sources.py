"""Suggest the name of a source: people write "twitter" where the live listener is called "x"."""

from __future__ import annotations

import difflib

from listeners.files.presets.headers import fold

# the live listeners' names, and sources that reach Earful by files alone
_NAMES = (
    *("appstore", "bluesky", "feedback", "hackernews", "mail", "mastodon", "reddit", "rss"),
    *("x", "youtube", "googleplay", "trustpilot", "facebook", "instagram", "telegram", "discord"),
    *("whatsapp", "zendesk", "intercom", "freshdesk", "survey", "tiktok", "linkedin", "threads"),
    *("google", "g2", "capterra", "amazon", "tripadvisor", "yelp", "glassdoor", "twitch"),
)
_SYNONYMS = {
    **dict.fromkeys(("twitter", "twitterx", "xtwitter", "xcom", "twittercom", "tweets"), "x"),
    **dict.fromkeys(("play", "gplay", "googleplaystore", "playstore", "android"), "googleplay"),
    **dict.fromkeys(("playconsole", "googleplayconsole"), "googleplay"),
    **dict.fromkeys(("apple", "ios", "itunes", "appleappstore", "iosappstore"), "appstore"),
    **dict.fromkeys(("appstoreconnect",), "appstore"),
    **dict.fromkeys(("fb", "facebookcom", "meta", "facebookpage", "facebookpublic"), "facebook"),
    **dict.fromkeys(("ig", "insta", "instagramcom", "instagrampublic"), "instagram"),
    **dict.fromkeys(("hn", "ycombinator", "ycombinatornews"), "hackernews"),
    **dict.fromkeys(("yt", "youtubecom", "you tube"), "youtube"),
    **dict.fromkeys(("bsky", "atproto", "blueskysocial"), "bluesky"),
    **dict.fromkeys(("masto", "fediverse", "toot", "toots"), "mastodon"),
    **dict.fromkeys(("redditcom", "subreddit", "pushshift"), "reddit"),
    **dict.fromkeys(("feed", "feeds", "atom"), "rss"),
    **dict.fromkeys(("email", "emails", "imap", "gmail"), "mail"),
    **dict.fromkeys(("trustpilotcom", "trustpilotreviews"), "trustpilot"),
    **dict.fromkeys(("tg", "telegramorg"), "telegram"),
    **dict.fromkeys(("wa", "whatsappchat"), "whatsapp"),
    **dict.fromkeys(("surveymonkey", "googleforms", "typeform", "form"), "survey"),
    **dict.fromkeys(("googlereviews", "googlemybusiness", "gmb", "googlemaps"), "google"),
}


def suggest_source(name: str) -> str | None:
    """Return the source that ``name`` probably means; None when it is one, or none is near."""
    folded = fold(name)
    if name in _NAMES:
        return None
    if folded in _NAMES:
        return folded
    if folded in _SYNONYMS:
        return _SYNONYMS[folded]
    # a slip of the finger only: "forum" must not become "form"
    close = difflib.get_close_matches(
        folded, [source for source in _NAMES if len(source) > 3], 1, 0.8
    )
    return close[0] if close and len(folded) > 3 else None


def source_of(name: str) -> str | None:
    """Return the source of a platform's name in another tool's file; None for an unknown one."""
    folded = fold(name)
    return folded if folded in _NAMES else _SYNONYMS.get(folded)
