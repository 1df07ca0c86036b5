"""Which environment variables there are, and which of those that are set are nobody's: a typing mistake there
would otherwise change nothing, and say nothing.

Pure. Asked by the command line, and by the tests, which start servers without any of them.
"""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import get_type_hints

from cyclopts import Parameter

from boxoffice.http.operating.settings import ServeSettings, WatchSettings

PREFIX = "BOXOFFICE_"

FAILPOINTS = "BOXOFFICE_FAILPOINTS"
"""For tests, and no setting: see `actors/failpoints.py`."""

# What Kubernetes sets in every container beside a Service that is named boxoffice.
_OF_KUBERNETES = re.compile(
    r"BOXOFFICE_SERVICE_HOST|BOXOFFICE_SERVICE_PORT(_\w+)?|BOXOFFICE_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?"
)


def variables(settings: type[object] = ServeSettings) -> dict[str, str]:
    """Every variable that is a setting, the server's unless told otherwise, with its field's name."""
    return {
        variable: name
        for name, hint in get_type_hints(settings, include_extras=True).items()
        for parameter in getattr(hint, "__metadata__", ())
        if isinstance(parameter, Parameter)
        for variable in parameter.env_var or ()
    }


def unknown(environ: Mapping[str, str]) -> list[str]:
    """A sentence for each variable that looks like a setting and is none of any command's."""
    known = variables()
    others = {FAILPOINTS, *variables(WatchSettings)}
    return [
        _sentence(name, list(known))
        for name, value in sorted(environ.items())
        if name.startswith(PREFIX) and name not in known and name not in others
        if not (_OF_KUBERNETES.fullmatch(name) or (name == "BOXOFFICE_PORT" and "://" in value))
    ]


def _sentence(name: str, known: list[str]) -> str:
    by_stem = {each.removeprefix(PREFIX): each for each in known}
    near = get_close_matches(name.removeprefix(PREFIX), by_stem, n=1, cutoff=0.75)
    hint = f"; did you mean {by_stem[near[0]]}?" if near else "."
    return f"{name} is no setting{hint}"
