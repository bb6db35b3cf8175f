"""The columns of the model's one output, by what they answer.

One linear layer answers everything about a text. Its columns are logits: of the text's sentiment,
of the sentiment toward the named brand, of each intent and reason by itself, and of irony.
"""

from __future__ import annotations

from earful.enums import Intent, Reason

SENTIMENT = slice(0, 3)
TOWARD = slice(3, 6)
INTENTS = slice(6, 6 + len(Intent))
REASONS = slice(INTENTS.stop, INTENTS.stop + len(Reason))
IRONY = REASONS.stop
WIDTH = IRONY + 1

INTENT_NAMES = tuple(intent.value for intent in Intent)
REASON_NAMES = tuple(reason.value for reason in Reason)
