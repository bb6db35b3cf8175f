"""Files: imports by the source "replay" and watched folders."""
