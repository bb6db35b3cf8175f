"""`earful import`: recognise a file, show its rows as mentions, and store them, all counted."""
