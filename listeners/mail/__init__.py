"""Mail: IMAP folders and mbox files."""
