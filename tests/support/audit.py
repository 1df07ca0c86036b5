"""The audit in the tests' own process: what the end-to-end tests ask for after each scenario."""

from boxoffice.persistence.audit import audit
from boxoffice.persistence.database import make_engine
from boxoffice.persistence.report import Report


def audited(database_url: str) -> Report:
    """What the audit finds; a server may go on writing meanwhile."""
    engine = make_engine(database_url, pool_size=1, statement_timeout_s=None, idle_timeout_s=None)
    try:
        return audit(engine)
    finally:
        engine.dispose()


def assert_audit_passes(database_url: str) -> None:
    """Every promise that can be checked afterwards was kept, in every event of this database."""
    violations = audited(database_url).violations
    assert not violations, "\n".join(map(str, violations))
