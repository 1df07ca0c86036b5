"""The parts of a report's page, as HTML. Whatever comes from elsewhere is escaped here. Pure.

Called by `as_html.py`.
"""

from collections.abc import Iterable
from html import escape

from boxoffice.bench.proof.findings import Check
from boxoffice.bench.report.figures import measured, milliseconds, number, words
from boxoffice.bench.report.results import Call, Results
from boxoffice.bench.report.table import hardware, software
from boxoffice.bench.report.words import (
    answers,
    checks_shown,
    left_out,
    looked_at,
    sale,
    unclear,
    verdict,
    what_it_hides,
    what_ran,
    what_thresholds_hide,
    whose_server,
)

MARKS = {True: ("true", "✓"), False: ("false", "✗"), None: ("unknown", "-")}
EXAMPLES_MAX = 5


def content(results: Results) -> str:
    """All that stands between the head and the foot."""
    return "\n".join(
        [
            _head(results),
            _verdict(results),
            _ticket(results),
            _rate(results),
            _latency(results),
            _calls(results),
            _pair(_audit(results), _thresholds(results) + _errors(results)),
            _how(results),
        ]
    )


# --- how it went ---------------------------------------------------------------------------------


def _head(results: Results) -> str:
    name = results.run.scenario
    return f"""<div>
<h1>{escape(name[:1].upper() + name[1:])}</h1>
<p class="lead">{escape(whose_server(results.run))}</p>
<p class="lead">{escape(what_ran(results))}</p>
</div>"""


def _verdict(results: Results) -> str:
    good, said = verdict(results)
    state, mark = MARKS[good]
    return (
        f'<p class="verdict" data-good="{state}"><span class="mark">{mark}</span> <b>{escape(said)}</b></p>'
    )


def _ticket(results: Results) -> str:
    ms = results.all.latency_ms
    named = {"p50": ms.p50, "p90": ms.p90, "p99": ms.p99, "p99.9": ms.p999, "max": ms.max}
    numbers = "".join(
        f"<div><dt>{name}</dt><dd>{milliseconds(value)} <small>ms</small></dd></div>"
        for name, value in named.items()
    )
    good = number(round(results.good_rate) if results.good_rate >= 10 else results.good_rate)
    return f"""<section class="ticket" aria-label="The result">
<div class="body">
<dl class="numbers">{numbers}</dl>
{_shares(results.all)}
</div>
<div class="stub"><b data-long="{"true" if len(good) > 5 else "false"}">{good}</b>
<span>{escape(results.run.counted)} a second</span></div>
</section>"""


def _shares(call: Call) -> str:
    """What became of the requests, as a bar."""
    refused = call.count - call.errors - _twos(call)
    kinds = (
        ("good", "done", call.count - call.errors - max(0, refused)),
        ("other", "otherwise, as expected", max(0, refused)),
        ("error", "errors", call.errors),
    )
    here = [kind for kind in kinds if kind[2]]
    whole, upto = max(1, call.count), 0.0
    rects, legend = [], []
    for kind, what, count in here:
        share = 100 * count / whole
        rects.append(f'<rect class="fill-{kind}" x="{upto:.3f}%" width="{share:.3f}%" height="100%"/>')
        sample = f'<rect class="fill-{kind}" width="100%" height="100%"/>'
        swatch = f'<svg class="swatch" aria-hidden="true">{sample}</svg>'
        legend.append(f"<span>{swatch}<b>{number(count)}</b> {what}</span>")
        upto += share
    label = escape(", ".join(f"{number(count)} {what}" for _, what, count in here) or "no requests")
    return f"""<div><svg class="shares" role="img" aria-label="{label}"><defs>
<pattern id="dots" width="7" height="7" patternUnits="userSpaceOnUse">\
<rect class="dots-paper" width="7" height="7"/>\
<circle class="dots-ink" cx="3.5" cy="3.5" r="1.8"/></pattern>
<pattern id="stripes" width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">\
<rect class="stripes-paper" width="8" height="8"/><path class="stripes-ink" d="M1.5 0v8"/></pattern></defs>
{"".join(rects)}</svg>
<p class="legend">{"".join(legend)}</p></div>"""


def _twos(call: Call) -> int:
    """Requests answered by 2xx. What else is no error is a refusal, or a client that gave up, as expected."""
    return sum(count for code, count in call.by_status.items() if 200 <= code < 300)


def _rate(results: Results) -> str:
    achieved, offered = number(results.achieved_rate), number(results.offered_rate)
    errors = _chart("errors", "Errors over time", low=True)
    unsent = f" {number(results.not_sent)} fell due and were never sent." if results.not_sent else ""
    said = f"Offered {offered} requests a second, achieved {achieved}.{unsent}"
    return f"""<section class="panel">{_chart_head("rate", "<h2>Rate, per second", "</h2>")}
{_chart("rate", f"Rate over time: {achieved} requests a second on average")}
{_chart_head("errors", "<h3>Errors, per second", "</h3>") + errors if results.all.errors else ""}
{f'<p class="hint">{said}</p>' if results.run.loop == "open" else ""}
</section>"""


def _latency(results: Results) -> str:
    return f"""<div class="pair">
<section class="panel">{_chart_head("latency", "<h2>Latency over time", "</h2>")}
{_chart("latency", "Latency over time")}
<p class="hint">{escape(what_it_hides(results.run))}</p></section>
<section class="panel">{_chart_head("distribution", "<h2>Latency by percentile", "</h2>")}
{_chart("distribution", "Latency by percentile")}
<p class="hint">So many percent of the requests took no longer.
Each step to the right is a tenth of what is left.</p></section>
</div>"""


def _chart_head(name: str, title: str, end: str) -> str:
    inside = " inside" if title.startswith("<h3>") else ""
    return f"""<div class="panel-head{inside}">{title} <span class="at" data-part="{name}-at"></span>{end}
<p class="keys" data-part="{name}-keys"></p></div>"""


def _chart(name: str, label: str, *, low: bool = False) -> str:
    kind = "chart low" if low else "chart"
    return f'<div class="{kind}" data-part="{name}" role="img" aria-label="{escape(label)}"></div>'


# --- in figures ----------------------------------------------------------------------------------


def _calls(results: Results) -> str:
    names = ("Call", "Requests", "Per second", "p50", "p90", "p99", "p99.9", "max", "Errors", "Answers")
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    rows = "".join(f"<tr>{_row(name, call)}</tr>" for name, call in results.calls.items())
    whole = f"<tfoot><tr>{_row('All', results.all)}</tr></tfoot>" if len(results.calls) != 1 else ""
    return f"""<section class="panel"><div class="panel-head"><h2>By call</h2>
<p class="faint">latencies in ms</p></div>
<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody>{whole}</table></div>
</section>"""


def _row(name: str, call: Call) -> str:
    ms = call.latency_ms
    latencies = (milliseconds(each) for each in (ms.p50, ms.p90, ms.p99, ms.p999, ms.max))
    said = " · ".join(f"{what}: {number(count)}" for what, count in answers(call))
    errors = f"<td{' class=bad' if call.errors else ''}>{number(call.errors)}</td>"
    plain = "".join(f"<td>{each}</td>" for each in (number(call.count), number(call.rate), *latencies))
    return f'<th scope="row">{escape(name)}</th>{plain}{errors}<td>{said}</td>'


def _audit(results: Results) -> str:
    audit = results.audit
    if audit is None:
        return _panel(
            "The audit",
            '<p class="faint">It was left out: nobody has looked whether the answers are true.</p>',
        )
    items = "".join(_check(each) for each in checks_shown(audit))
    said = [f"{each.removesuffix('.')}." for each in (sale(audit), unclear(audit), left_out(audit)) if each]
    hint = f'<p class="hint">{escape(" ".join(said))}</p>' if said else ""
    return _panel("The audit", f'<ul class="list">{items}</ul>{hint}')


def _check(check: Check) -> str:
    state, mark = MARKS[None if check.skipped else check.ok]
    much = looked_at(check)
    said = check.skipped or (much if check.ok else f"{number(check.broken)} broken, of {much}")
    more = "".join(f'<p class="more">{escape(each)}</p>' for each in check.examples[:EXAMPLES_MAX])
    return (
        f'<li data-good="{state}"><span class="mark">{mark}</span>'
        f'<p class="what"><span>{escape(check.name)}</span>'
        f'<span class="faint">{escape(said)}</span></p>{more}</li>'
    )


def _thresholds(results: Results) -> str:
    if not results.thresholds:
        return ""
    items = "".join(
        f'<li data-good="{MARKS[not each.failed][0]}"><span class="mark">{MARKS[not each.failed][1]}</span>'
        f'<p class="what"><code>{escape(each.threshold)}</code>'
        f'<span class="faint">{escape(measured(each.value, each.unit))}</span></p></li>'
        for each in results.thresholds
    )
    said = what_thresholds_hide(results)
    hint = f'<p class="hint">{escape(said)}</p>' if said else ""
    return _panel("It fails if", f'<ul class="list">{items}</ul>{hint}')


def _errors(results: Results) -> str:
    if not results.errors:
        return _panel("Errors", '<p class="faint">None.</p>')
    return _panel("Errors", _counts((name, number(count)) for name, count in results.errors.items()))


def _how(results: Results) -> str:
    run = results.run
    facts = {
        "Command": f"<code>{escape(run.command)}</code>" if run.command else "",
        "Machine": escape(hardware(run.machine)) if run.machine else "",
        "Software": escape(software(run.machine)) if run.machine else "",
        "PostgreSQL": escape(", ".join(f"{name} {value}" for name, value in run.durability.items())),
        "Began": escape(run.began_at),
    }
    rows = "".join(f"<dt>{name}</dt><dd>{said}</dd>" for name, said in facts.items() if said)
    extra = _panel(
        "Also measured", _counts((words(name), number(value)) for name, value in results.extra.items())
    )
    return (extra if results.extra else "") + _panel("How it was run", f'<dl class="facts">{rows}</dl>')


# --- pieces --------------------------------------------------------------------------------------


def _pair(left: str, right: str) -> str:
    return f'<div class="pair">{left}<div class="stack">{right}</div></div>'


def _panel(title: str, inside: str) -> str:
    return f'<section class="panel"><div class="panel-head"><h2>{escape(title)}</h2></div>{inside}</section>'


def _counts(items: Iterable[tuple[str, str]]) -> str:
    return "".join(
        f'<p class="count"><span>{escape(name)}</span> <b>{value}</b></p>' for name, value in items
    )
