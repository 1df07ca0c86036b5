"""The page with the results of a load test in a real browser: drawn, light and dark, on a phone and on paper.

Skipped where there is no Chromium, unless the environment says by CHROMIUM where it should be.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from boxoffice.bench.report.as_html import as_html
from boxoffice.bench.report.results import Results
from tests.support.browser import PATIENCE_MS
from tests.support.made_up_run import busy, counts, proof, results, snapshot

expect.set_options(timeout=PATIENCE_MS)

HOSTILE = "</script><script>document.title='had'</script><img src=x onerror=\"document.title='had'\">"
CHARTS = ("rate", "errors", "latency", "distribution")

Opened = Callable[..., AbstractContextManager[Page]]


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Opened:
    """Opens the page of a run, which complains of nothing, and asks for nothing but itself."""

    @contextmanager
    def opening(found: Results, *, dark: bool = False, width: int = 1280, **more: Any) -> Iterator[Page]:
        file = tmp_path / "report.html"
        file.write_text(as_html(found), encoding="utf-8")
        said: list[str] = []
        asked: list[str] = []
        shade: Literal["dark", "light"] = "dark" if dark else "light"
        context = browser.new_context(
            color_scheme=shade, viewport={"width": width, "height": 900}, offline=True, **more
        )
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(file.as_uri())
        yield page
        context.close()
        assert said == []
        assert {url for url in asked if not url.startswith("data:")} == {file.as_uri()}

    return opening


@pytest.fixture(scope="module")
def whole() -> Results:
    """A run with everything in it."""
    return results(
        busy(12), 12.0, proof=proof({"nothing is oversold": 2}), extra={"load_generator_busy_percent": 40}
    )


def drawn(page: Page, chart: str) -> set[str]:
    """The colours of a chart's points, once the typeface is there and it has been drawn with it."""
    page.wait_for_selector("[data-drawn]")
    page.evaluate("document.fonts.ready")
    colours = page.evaluate(
        """(name) => {
            const canvas = document.querySelector(`[data-part="${name}"] canvas`);
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            const seen = new Map();
            for (let i = 0; i < data.length; i += 4)
                if (data[i + 3] === 255) {
                    const colour = data.slice(i, i + 3).join();
                    seen.set(colour, (seen.get(colour) ?? 0) + 1);
                }
            return [...seen].filter(([, count]) => count > 20).map(([colour]) => colour);
        }""",
        chart,
    )
    return set(colours)


LIGHT = {"red": "178,40,58", "blue": "47,98,181", "green": "31,106,58", "yellow": "224,160,33"}
DARK = {"red": "223,76,91", "blue": "91,141,224", "green": "127,208,154", "yellow": "231,177,74"}


@pytest.mark.parametrize("dark", [False, True])
def test_every_chart_is_drawn_in_the_shade_that_is_wanted(opened: Opened, whole: Results, dark: bool) -> None:
    shade = DARK if dark else LIGHT
    with opened(whole, dark=dark) as page:
        assert shade["red"] in drawn(page, "rate")
        assert shade["yellow"] in drawn(page, "errors")
        assert {shade["red"], shade["blue"], shade["green"]} <= drawn(page, "latency")
        assert {shade["red"], shade["blue"]} <= drawn(page, "distribution")


def test_it_follows_when_the_shade_is_changed(opened: Opened, whole: Results) -> None:
    with opened(whole) as page:
        assert LIGHT["red"] in drawn(page, "rate")
        page.emulate_media(color_scheme="dark")
        assert DARK["red"] in drawn(page, "rate")


@pytest.mark.parametrize("width", [1280, 768, 390, 320])
def test_it_fits(opened: Opened, whole: Results, width: int) -> None:
    with opened(whole, width=width) as page:
        page.wait_for_selector("[data-drawn]")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for chart in CHARTS:
            box = page.locator(f"[data-part={chart}] canvas").bounding_box()
            assert box is not None
            assert box["x"] + box["width"] <= width


def test_under_the_pointer_each_line_tells_its_value(opened: Opened, whole: Results) -> None:
    with opened(whole) as page:
        keys, at = page.locator("[data-part=rate-keys] b"), page.locator("[data-part=rate-at]")
        expect(at).to_have_text("on average")
        expect(keys.nth(1)).to_have_text(f"{whole.achieved_rate:,.0f}")
        over = page.locator("[data-part=rate] .u-over")
        box = over.bounding_box()
        assert box is not None
        over.hover(position={"x": box["width"] * 3.5 / 12, "y": 60})
        expect(at).to_have_text("at 3 s")
        expect(keys.nth(0)).to_have_text(f"{whole.series[3].good:,.0f}")
        expect(keys.nth(1)).to_have_text(f"{whole.series[3].rate:,.0f}")
        expect(page.locator("[data-part=latency-at]")).to_have_text("at 3 s")


def test_text_is_text_wherever_it_comes_from(opened: Opened) -> None:
    quarter = snapshot(1.0, {HOSTILE: counts([1_000] * 5, answers={503: 5}, failed={HOSTILE: 5})})
    found = results([quarter], 1.0, run={"url": f"http://h/{HOSTILE}", "scenario": HOSTILE})
    with opened(found) as page:
        page.wait_for_selector("[data-drawn]")
        expect(page).to_have_title(f"Load test: {HOSTILE}, http://h/{HOSTILE}")
        expect(page.locator("h1")).to_have_text(HOSTILE)
        expect(page.locator("[data-part=distribution-keys] span").first).to_contain_text(HOSTILE)
        assert page.locator("img").count() == 1


def test_without_scripts_all_figures_are_there(opened: Opened, whole: Results) -> None:
    with opened(whole, java_script_enabled=False) as page:
        expect(page.locator("tbody tr").first).to_contain_text(f"{whole.calls['book'].count:,}")
        expect(page.locator(".verdict")).to_be_visible()
        expect(page.locator(".verdict")).to_contain_text("The audit found 1 broken promise.")
        expect(page.locator(".stub b")).to_have_text(f"{whole.good_rate:,.0f}")


def test_on_paper_it_is_light_and_as_wide_as_the_paper(opened: Opened, whole: Results) -> None:
    with opened(whole, dark=True) as page:
        assert DARK["red"] in drawn(page, "rate")
        page.emulate_media(media="print", color_scheme="dark")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert LIGHT["red"] in drawn(page, "rate")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        page.set_viewport_size({"width": 690, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= 690
        page.emulate_media(media="screen", color_scheme="dark")
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert DARK["red"] in drawn(page, "rate")


@pytest.mark.parametrize("seconds", [0, 1, 2])
def test_a_run_that_was_hardly_one_has_a_page(opened: Opened, seconds: int) -> None:
    found = results(busy(seconds, errors=False), float(seconds), proof=None)
    with opened(found) as page:
        page.wait_for_selector("[data-drawn]")
        expect(page.locator("h1")).to_have_text("Rush")
        assert (page.locator("[data-part=rate] canvas").count() > 0) == (seconds > 0)
