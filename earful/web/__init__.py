"""What every HTTP server of Earful needs: visitors told apart, and bounds of connections."""
