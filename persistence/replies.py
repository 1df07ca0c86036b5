"""What was answered under which idempotency key: found again, and let go of after a day.

The journal writes these records with what they answer; only a refusal that an event's actor could not give
whole is recorded here. Called on the reader threads: every method blocks, and raises DatabaseAway.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import Engine, text

from boxoffice.actors.messages import Answer, decode_answer, encode_answer
from boxoffice.actors.ports import Caller, Key, Recorded
from boxoffice.persistence.failures import away_when_unreachable

PRUNED_AT_ONCE = 10_000
"""Records deleted in one statement: some tens of milliseconds, so that no other query waits for it long."""

_FIND = text("""
SELECT r.caller, r.key, r.position, r.fingerprint, r.answer::text
  FROM unnest(CAST(:callers AS text[]), CAST(:keys AS text[])) AS k (caller, key)
  JOIN replies AS r ON r.caller = k.caller AND r.key = k.key
""")

_RECORD = text("""
INSERT INTO replies (caller, key, position, fingerprint, answer, at)
VALUES (:caller, :key, :position, :fingerprint, CAST(:answer AS json), now())
    ON CONFLICT DO NOTHING
""")

_PRUNE = text("""
DELETE FROM replies WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM replies WHERE at < now() - interval '24 hours' ORDER BY at LIMIT :most))
""")


class DatabaseReplies:
    """Implements `Replies` on an engine with a pool."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def find(self, keys: Sequence[Caller]) -> Mapping[Caller, Mapping[int, Recorded]]:
        """What is recorded under each of these keys, by position; a key without a record is left out."""
        callers, texts = [caller for caller, _ in keys], [key for _, key in keys]
        found: dict[Caller, dict[int, Recorded]] = {}
        with away_when_unreachable(), self._engine.connect() as connection:
            for caller, key, position, fingerprint, answer in connection.execute(
                _FIND, {"callers": callers, "keys": texts}
            ):
                recorded = Recorded(bytes(fingerprint), decode_answer(answer))
                found.setdefault((caller, key), {})[position] = recorded
        return found

    def record(self, key: Key, answer: Answer) -> Recorded:
        """Record a refusal, which has no effect that it would have to be committed with.

        What another server has recorded meanwhile stays, and is returned. This waits for its commit.
        """
        values = {
            "caller": key.caller,
            "key": key.text,
            "position": key.position,
            "fingerprint": key.fingerprint,
            "answer": encode_answer(answer).decode(),
        }
        with away_when_unreachable(), self._engine.begin() as connection:
            if connection.execute(_RECORD, values).rowcount:
                return Recorded(key.fingerprint, answer)
        return self.find([(key.caller, key.text)])[key.caller, key.text][key.position]

    def prune(self) -> int:
        """Let go of some records that are older than a day; returns how many, 0 when none is left."""
        with away_when_unreachable(), self._engine.begin() as connection:
            return connection.execute(_PRUNE, {"most": PRUNED_AT_ONCE}).rowcount
