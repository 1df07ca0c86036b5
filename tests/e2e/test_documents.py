"""The API document, its page, and what problems mean, as they are served."""

import gzip
import json
import re

import pytest

from boxoffice.http.problems import STATUS_AND_TITLE
from boxoffice.http.reference.documents import ARCHIVO, ASSETS, FILES, STATIC, SWAGGER_UI, UPLOT
from boxoffice.http.reference.problem_types import PROBLEM_TYPES
from tests.e2e.problems import check
from tests.support import documented
from tests.support.server import Reply, Server

JSON = {"Accept": "application/json"}
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
ALL = [
    "/openapi.json", "/asyncapi.json", "/", "/docs", "/problems", "/problems/sold_out",
    *(f"/docs/{name}" for name in FILES), *(f"/assets/{name}" for name in ASSETS),
]  # fmt: skip


def check_safe(reply: Reply) -> None:
    """Nothing that a page of ours loads comes from elsewhere, and nobody may frame it."""
    policy = reply.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "//" not in policy
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Referrer-Policy"] == "no-referrer"


def test_the_documents_are_served(server: Server) -> None:
    for path, document in (("open", documented.made()), ("async", documented.made_for_listeners())):
        reply = server.send("GET", f"/{path}api.json")
        assert reply.status == 200
        assert reply.headers["Content-Type"] == "application/json"
        assert reply.document == document


@pytest.mark.parametrize("path", ALL)
def test_whoever_has_it_is_told_that_it_is_still_that(server: Server, path: str) -> None:
    reply = server.send("GET", path)
    check_safe(reply)
    tag = reply.headers["ETag"]
    for known in (tag, f'"x", {tag}', tag.removeprefix("W/"), "*"):
        again = server.send("GET", path, headers={"If-None-Match": known})
        assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag)
        assert again.headers["Cache-Control"] == reply.headers["Cache-Control"]
    assert server.send("GET", path, headers={"If-None-Match": '"x"'}).body == reply.body


@pytest.mark.parametrize("path", ALL)
def test_it_is_compressed_for_whoever_wants_that(server: Server, path: str) -> None:
    plain = server.send("GET", path)
    small = server.send("GET", path, headers={"Accept-Encoding": "gzip, br"})
    assert "Content-Encoding" not in plain.headers
    assert small.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(small.body) == plain.body
    head = server.send("HEAD", path)
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == str(len(plain.body))


def test_what_it_varies_with_is_said_together_with_where_it_may_be_read(database_url: str) -> None:
    env = {"BOXOFFICE_CORS_ORIGIN": "https://shop.example"}
    server = Server("--database-url", database_url, env=env)
    try:
        reply = server.send("GET", "/problems", headers={"Origin": "https://shop.example"})
        assert reply.headers["Access-Control-Allow-Origin"] == "https://shop.example"
        assert reply.headers["Vary"] == "Origin, Accept, Accept-Encoding"
    finally:
        server.stop()


# --- the page ------------------------------------------------------------------------------------


def test_the_page_asks_for_nothing_but_our_files(server: Server) -> None:
    page = server.send("GET", "/docs").body.decode()
    asked = re.findall(r'(?:href|src)="([^"]*)"', page)
    assert {each for each in asked if each.startswith("/docs/")} == {f"/docs/{name}" for name in FILES}
    assert [each for each in asked if not each.startswith("/docs/")] == ["/openapi.json"]
    scripts = [f'<script src="/docs/{name}" defer>' for name in FILES if name.endswith(".js")]
    assert re.findall(r"<script[^>]*>", page) == scripts
    assert "style=" not in page


@pytest.mark.parametrize("name", FILES)
def test_what_has_its_version_in_its_name_is_kept_for_good(server: Server, name: str) -> None:
    reply = server.send("GET", f"/docs/{name}")
    assert reply.status == 200
    assert ("immutable" in reply.headers["Cache-Control"]) == (SWAGGER_UI in name)
    assert reply.headers["Content-Type"].startswith(FILES[name][1])


def test_swagger_ui_is_the_version_that_it_is_said_to_be(server: Server) -> None:
    bundle = server.send("GET", f"/docs/swagger-ui-bundle-{SWAGGER_UI}.js").body
    assert f'PACKAGE_VERSION:"{SWAGGER_UI}"'.encode() in bundle


@pytest.mark.parametrize(
    "name",
    ["x", "docs.html", "LICENSE", "..%2Fcatalogue.py", "..", "%2e%2e%2fdocuments.py", "swagger-ui%2FLICENSE",
     "docs.js%00", "swagger-ui.css"],
)  # fmt: skip
def test_no_other_file_is_given_out(server: Server, name: str) -> None:
    check(server.send("GET", f"/docs/{name}"), 404, "not_found")


# --- the box office ------------------------------------------------------------------------------


def test_the_box_office_asks_for_nothing_but_our_files(server: Server) -> None:
    page = server.send("GET", "/").body.decode()
    asked = re.findall(r'(?:href|src)="(/[^"]*)"', page)
    scripts = [server.send("GET", f"/assets/{name}").body.decode() for name in ASSETS if name.endswith(".js")]
    style = server.send("GET", "/assets/page.css").body.decode()
    imported = [name for script in scripts for name in re.findall(r'from "\./([^"]*)"', script)]
    named = {each.removeprefix("/assets/") for each in asked if each.startswith("/assets/")}
    named |= {*imported, *re.findall(r"url\(/assets/([^)]*)\)", style)}
    assert named == set(ASSETS)
    assert {each for each in asked if not each.startswith("/assets/")} == {"/docs", "/problems"}
    assert "style=" not in page
    assert not re.search(r"<script[^>]*>[^<]", page)
    assert not any("innerHTML" in each for each in scripts if "uPlot=function" not in each)


@pytest.mark.parametrize("name", ASSETS)
def test_what_the_box_office_is_made_of_is_kept_as_long_as_it_may_be(server: Server, name: str) -> None:
    reply = server.send("GET", f"/assets/{name}")
    assert ("immutable" in reply.headers["Cache-Control"]) == (UPLOT in name or ARCHIVO in name)
    assert reply.headers["Content-Type"].startswith(ASSETS[name][1])


def test_uplot_is_the_version_that_it_is_said_to_be(server: Server) -> None:
    assert f"(v{UPLOT})".encode() in server.send("GET", f"/assets/uplot-{UPLOT}.js").body


def test_what_others_made_comes_with_its_licence() -> None:
    for folder, version in (("uplot", UPLOT), ("archivo", ARCHIVO)):
        assert (STATIC / folder / "LICENSE").stat().st_size > 1000
        assert version in (STATIC / folder / "NOTICE").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name", ["x", "index.html", "NOTICE", "..%2Fdocs.js", "docs.js", "uPlot.iife.min.js"]
)
def test_no_other_file_of_the_box_office_is_given_out(server: Server, name: str) -> None:
    check(server.send("GET", f"/assets/{name}"), 404, "not_found")


# --- problems ------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", STATUS_AND_TITLE)
def test_every_problem_type_leads_to_what_it_means(server: Server, code: str) -> None:
    status, title = STATUS_AND_TITLE[code]
    page = server.send("GET", f"/problems/{code}", headers=BROWSER)
    check_safe(page)
    assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    for said in (title, str(status), code, PROBLEM_TYPES[code].means.partition("`")[0]):
        assert said.replace("'", "&#x27;") in page.body.decode(), said
    assert "<script" not in page.body.decode()
    told = server.send("GET", f"/problems/{code}", headers=JSON)
    assert told.headers["Content-Type"] == "application/json"
    assert told.document["type"] == f"/problems/{code}"
    assert (told.document["status"], told.document["title"]) == (status, title)
    assert told.document["members"] == list(PROBLEM_TYPES[code].members)


def test_a_real_problem_leads_there(server: Server) -> None:
    _, problem = server.get("/status/0")
    assert server.send("GET", problem["type"], headers=JSON).document["title"] == problem["title"]


@pytest.mark.parametrize("code", ["x", "SOLD_OUT", "sold_out%20", "..", "<script>", "%3Cscript%3E"])
def test_what_is_no_code_is_404(server: Server, code: str) -> None:
    check(server.send("GET", f"/problems/{code}"), 404, "not_found")


def test_all_problems_are_listed(server: Server) -> None:
    page = server.send("GET", "/problems", headers=BROWSER).body.decode()
    assert re.findall(r'<li><a href="/problems/(\w+)"', page) == sorted(
        STATUS_AND_TITLE, key=lambda code: STATUS_AND_TITLE[code][0]
    )
    items = server.send("GET", "/problems", headers=JSON).document["items"]
    assert [each["code"] for each in items] == list(PROBLEM_TYPES)
    assert {each["changed"] for each in items} == {"nothing", "unknown"}


# --- the router ----------------------------------------------------------------------------------

FILLED = {"eventId": "1", "orderId": "1-x", "keyId": "x", "code": "sold_out", "file": "icon.svg"}


def test_what_is_documented_is_served_and_no_other_method_of_it(server: Server) -> None:
    for path, operations in documented.made()["paths"].items():
        target = re.sub(r"{(\w+)}", lambda name: FILLED[name[1]], path)
        methods = {method.upper() for method in operations} | ({"HEAD"} if "get" in operations else set())
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            reply = server.send(method, target)
            if method in methods:
                assert reply.status != 405, (method, path)
                assert reply.status != 404 or b'"not_found"' not in reply.body, (method, path)
            else:
                assert reply.status == 405, (method, path)
                assert set(reply.headers["Allow"].split(", ")) == methods


def test_the_documents_are_json_that_is_not_too_large(server: Server) -> None:
    reply = server.send("GET", "/openapi.json", headers={"Accept-Encoding": "gzip"})
    assert len(reply.body) < 40_000
    assert json.loads(gzip.decompress(reply.body))["info"]["title"] == "Box office"
    reply = server.send("GET", "/asyncapi.json", headers={"Accept-Encoding": "gzip"})
    assert len(reply.body) < 15_000
