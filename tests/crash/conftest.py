from __future__ import annotations

import sys
from pathlib import Path

# the mail server on loopback is shared with the contract suite
sys.path.insert(0, str(Path(__file__).parents[1] / "contract"))
