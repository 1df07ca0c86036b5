"""What every report says in sentences: how it was asked, what that hides, and what came of it. Pure."""

from boxoffice.bench.proof.findings import LEFT_OUT, Check
from boxoffice.bench.report.figures import many, number, seconds
from boxoffice.bench.report.results import Audit, Call, Results, Run

CLOSED_HIDES = (
    "A closed loop stops asking while the server stalls, so its latencies leave that wait out "
    "(coordinated omission); --rate R counts it."
)
OPEN_SHOWS = "Latency counts from the moment a request fell due, whether or not it could be sent then."


def what_ran(results: Results) -> str:
    """The load in one line."""
    run, options = results.run, results.run.options
    said = [f"{run.loop} loop"]
    if run.loop == "open":
        said.append(f"{number(options.get('rate') or results.offered_rate)} requests/s")
    said.append(many(options.get("connections", 0), "connection"))
    lasted = f"{seconds(results.lasted_s)}, ended early" if results.ended_early else seconds(results.lasted_s)
    said.append(lasted + (f" after {seconds(run.warm_up_s)} of warm-up" if run.warm_up_s else ""))
    if options.get("processes", 1) > 1:
        said.append(many(options["processes"], "processe").replace("processees", "processes"))
    return ", ".join([*said, f"seed {options['seed']}"] if "seed" in options else said)


def what_it_hides(run: Run) -> str:
    """What the reader of its latencies must know."""
    return CLOSED_HIDES if run.loop == "closed" else OPEN_SHOWS


def whose_server(run: Run) -> str:
    """Where it asked."""
    whose = "a server of its own, on a throw-away database" if run.own_server else ""
    version = f"boxoffice {run.server_version}" if run.server_version else ""
    more = ", ".join(each for each in (version, whose) if each)
    return f"{run.url} ({more})" if more else run.url


def answers(call: Call) -> list[tuple[str, int]]:
    """How many were answered how; who was not has given up, or lost the connection."""
    here = {str(code): count for code, count in call.by_status.items() if code}
    gave_up = call.by_status.get(0, 0) - call.lost
    others = {"gave up": gave_up, "connection lost": call.lost}
    return [*((name, count) for name, count in others.items() if count > 0), *here.items()]


def what_thresholds_hide(results: Results) -> str:
    """That some requests have no latency, where that alone was asked for; empty if there are none."""
    asked = results.thresholds
    if not results.all.lost or not any(each.unit == "ms" for each in asked):
        return ""
    if any("errors" in each.threshold for each in asked):
        return ""
    lost = many(results.all.lost, "request")
    return f'{lost} lost the connection and so have no latency: --fail-if "errors>0" sees them.'


def unclear(audit: Audit) -> str:
    """What became of the requests whose outcome nobody was told; empty if there were none."""
    if not audit.unknown:
        return ""
    if audit.answers_only:
        return f"{many(audit.unknown, 'request')} with no clear answer; nobody has looked what became of them"
    effect = f"{number(audit.unknown_applied)} of them with effect"
    if audit.undone is not None:
        effect = "and not all of them could be looked up"
    return f"{many(audit.unknown, 'request')} with no clear answer, {effect}"


def sale(audit: Audit) -> str:
    """What came of the tickets, as the server shows it in the end; empty if nobody asked."""
    if not audit.tickets:
        return ""
    line = f"; {many(audit.waiting, 'order')} in line" if audit.waiting else ""
    return f"{number(audit.taken)} of {many(audit.tickets, 'ticket')} taken{line}."


def looked_at(check: Check) -> str:
    """How much it was: 1 event, 12 events."""
    counts = check.counts
    if check.looked_at == 1 and " and " not in counts:
        counts = counts.removesuffix("s")
    return f"{number(check.looked_at)} {counts}".rstrip()


def checks_shown(audit: Audit) -> list[Check]:
    """All checks, but for those that were left out on purpose: one sentence says so of all of them."""
    return [check for check in audit.checks if check.skipped != LEFT_OUT]


def left_out(audit: Audit) -> str:
    """That sentence; empty if nothing was."""
    if not audit.answers_only:
        return ""
    return "The audit was left out: nobody has looked whether what is stored is what was answered."


def verdict(results: Results) -> tuple[bool | None, str]:
    """Whether all is well, and why; None: nobody looked."""
    failed = [each for each in results.thresholds if each.failed]
    if (audit := results.audit) is not None and not audit.ok:
        broken = sum(not each.ok for each in audit.checks)
        return False, f"The audit found {many(broken, 'broken promise')}."
    if failed:
        named = ", ".join(each.threshold for each in failed)
        return False, f"It fails by {many(len(failed), 'threshold')}: {named}"
    if audit is None:
        return None, "Nobody has looked whether the answers are true: the audit was left out."
    if audit.undone is not None:
        return False, f"Not all could be audited: {audit.undone}."
    if audit.answers_only:
        return None, "The answers agree with each other; what is stored was not looked at."
    if not any(each.looked_at for each in audit.checks):
        return None, "The audit had nothing to look at."
    return True, "Every answer that was checked is true."
