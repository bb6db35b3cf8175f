"""Cases: verdicts, the queue, commands on a case, deliveries."""
