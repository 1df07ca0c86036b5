"""Where a sample of the profile belongs."""

import pytest
import stages

LOOP = "main (http/__main__.py:1);Runner.run (asyncio/runners.py:118)"
DOOR = f"{LOOP};guarded (door.py:1)"
HANDLER = f"{DOOR};handle (handlers.py:9)"


@pytest.mark.parametrize(
    ("stack", "stage"),
    [
        (LOOP, "the event loop"),
        (f"{LOOP};Roadside.parse (lane.py:124)", "parse the request (aiohttp)"),
        (f"{HANDLER};Reader.read (decoding.py:4)", "read and check the body"),
        (f"{HANDLER};_said (handlers.py:90);copy (x.py:1)", "make the answer"),
        (f"{DOOR};RequestLog.is_due (logs.py:1)", "the door: who, how often; figures, log"),
        ("run (threading.py:1);_run (persistence/journal.py:1);execute (watch.py:1)", "write and commit"),
        ("run (threading.py:1)", "other"),
    ],
)  # fmt: skip
def test_a_sample_belongs_to_the_innermost_frame_that_tells(stack: str, stage: str) -> None:
    assert stages.stage_of(stack) == stage


def test_shares_are_of_all_samples_the_largest_first() -> None:
    raw = f"{LOOP} 1\n{LOOP};Roadside.parse (lane.py:124) 3\n"
    assert list(stages.shares(raw).items()) == [
        ("parse the request (aiohttp)", 0.75),
        ("the event loop", 0.25),
    ]


def test_without_samples_there_is_nothing_to_say() -> None:
    with pytest.raises(SystemExit, match="nothing"):
        stages.shares("")
