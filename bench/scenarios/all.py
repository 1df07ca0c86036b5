"""Every scenario that there is, by the name under which it is asked for."""

from collections.abc import Mapping

from boxoffice.bench.scenarios.batch import Batch
from boxoffice.bench.scenarios.churn import Churn
from boxoffice.bench.scenarios.hot import Hot
from boxoffice.bench.scenarios.listeners import Listeners
from boxoffice.bench.scenarios.rush import Rush
from boxoffice.bench.scenarios.scenario import Scenario
from boxoffice.bench.scenarios.spread import Spread

_ALL: tuple[Scenario, ...] = (Hot(), Spread(), Rush(), Churn(), Batch(), Listeners())

SCENARIOS: Mapping[str, Scenario] = {scenario.name: scenario for scenario in _ALL}
