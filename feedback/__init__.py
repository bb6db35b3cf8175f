"""The one part of Earful that faces the internet: forms, the pop-up, and signed webhooks.

It never opens the database: whoever breaks in here reads no mention. What it accepts goes into an
inbox (listeners/inbox/inbox.py), and is on the disk before the answer says so.
"""
