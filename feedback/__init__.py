"""The one part of Earful that faces the internet: forms, the pop-up, and signed webhooks.

It never opens the database, so an intruder here reads no mention. It puts a submission into an
inbox (listeners/inbox/inbox.py), and says so once the submission is on the disk.
"""
