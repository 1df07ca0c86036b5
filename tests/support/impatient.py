"""`boxoffice` with less patience with its listeners than in earnest: what takes ten seconds takes one.

python tests/support/impatient.py serve --database-url …
"""

from functools import partial
from pathlib import Path

from boxoffice.http import __main__ as command
from boxoffice.http import composition
from boxoffice.http.live.audience import Audience
from boxoffice.http.live.listener import Patience

PROGRAM = str(Path(__file__).resolve())

STUCK_S = 1.2

PATIENCE = Patience(
    ping_every_s=0.3, idle_ping_every_s=1.0, stuck_s=STUCK_S, close_within_s=0.5, look_every_s=0.2
)

if __name__ == "__main__":
    assert hasattr(composition, "Audience")
    setattr(composition, "Audience", partial(Audience, patience=PATIENCE))  # noqa: B010
    command.main()
