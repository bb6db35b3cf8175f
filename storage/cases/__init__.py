"""Cases: verdicts, the queue, commands on a case, and deliveries of messages."""
