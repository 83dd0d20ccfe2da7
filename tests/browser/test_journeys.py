"""What people do on the page, view by view, in a real browser."""

import json
import time
from dataclasses import replace

import numpy as np
import pytest

from keyart.retrieval.index import PosterIndex
from keyart.retrieval.projection import sample_evenly
from keyart.utils.vectors import normalise_rows
from keyart.web.library import Library
from tests.browser.conftest import HOSTILE, serving


def until(page, expression):
    """Wait until an expression is true; the browser's own waiting would need `unsafe-eval`."""
    deadline = time.monotonic() + 60
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, expression
        page.wait_for_timeout(50)


def ids_of(page, label):
    """Rows of the posters that a grid shows, in order."""
    return page.eval_on_selector_all(
        f'ul[aria-label="{label}"] a.frame img', "all => all.map((one) => Number(/posters\\/(\\d+)/.exec(one.src)[1]))"
    )


def ids_of_grid(page, at):
    """Rows of the posters in a column of a comparison."""
    images = page.locator(".column").nth(at).locator("a.frame img")
    return images.evaluate_all("all => all.map((one) => Number(/posters\\/(\\d+)/.exec(one.src)[1]))")


NEAREST = "Posters, the most similar first"


def test_start_drops_the_token(open_page):
    page = open_page("/?row=3")
    assert page.url.endswith("/?row=3")
    page = open_page()
    page.wait_for_selector("figure.poster img")
    assert page.locator("figure.poster").count() == 24
    assert page.context.cookies()[0]["httpOnly"]
    assert page.context.cookies()[0]["sameSite"] == "Strict"
    assert page.evaluate("document.cookie") == ""


def test_search_shows_what_the_command_prints(open_page, made, keyart):
    code, out, _ = keyart("search", made[2][0][0], "Film 11", "-k", 23, "--json")
    assert code == 0
    record = json.loads(out)["neighbours"]
    page = open_page()
    page.wait_for_selector("main input[type=search]")
    page.keyboard.press("/")
    page.keyboard.type("fillm 11")
    page.wait_for_selector('[role=option][aria-selected=true] >> text="Film 11"')
    page.keyboard.press("Enter")
    page.wait_for_selector(f'ul[aria-label="{NEAREST}"] figure')
    assert [f"p{row:04d}" for row in ids_of(page, NEAREST)] == [one["id"] for one in record]
    scores = page.locator(f'ul[aria-label="{NEAREST}"] .measure').all_inner_texts()
    assert [text.strip() for text in scores] == [f"{one['score']:.2f}".replace("-", "−") for one in record]
    shared = set(page.locator(f'ul[aria-label="{NEAREST}"] em').all_inner_texts())
    assert shared <= set(json.loads(out)["query"]["genres"])
    assert "The end" in page.locator(".end").inner_text()


def test_filters_count_and_back_restores(open_page):
    page = open_page("/?row=3")
    page.wait_for_selector(f'ul[aria-label="{NEAREST}"] figure')
    whole = ids_of(page, NEAREST)
    page.locator(".filters summary").click()
    chip = page.locator(".chip", has_text="Drama")
    posters = int(chip.locator("small").inner_text())
    chip.click()
    page.wait_for_selector("text=that pass the filters")
    until(page, f"document.querySelectorAll('.results figure').length <= {posters}")
    assert f"{24 - posters} posters hidden" in page.locator(".filters summary").inner_text()
    assert "genre=Drama" in page.url
    assert set(ids_of(page, NEAREST)) < set(whole)
    page.reload()
    page.wait_for_selector("text=that pass the filters")
    assert len(ids_of(page, NEAREST)) in (posters, posters - 1)  # the query itself is not a result
    page.locator(f'ul[aria-label="{NEAREST}"] a.frame').first.click()
    page.wait_for_url("**/poster?**")
    page.go_back()
    page.wait_for_selector("text=that pass the filters")


def test_switches(open_page):
    page = open_page("/?row=3")
    page.wait_for_selector(f'ul[aria-label="{NEAREST}"] figure')
    assert 7 in ids_of(page, NEAREST)  # the same picture
    page.get_by_role("switch", name="hide duplicates").check()
    page.wait_for_selector("text=the end", state="visible")
    assert 7 not in ids_of(page, NEAREST)
    assert "unique=1" in page.url
    page.get_by_role("switch", name="diverse").check()
    until(page, "location.search.includes('diverse=1')")


def test_pictures_that_arrive_late_move_nothing(open_page):
    page = open_page("/", size=(900, 500))
    page.wait_for_selector("h1")
    asked = []
    page.route("**/posters/**", lambda route: asked.append(route))
    page.goto(page.url.split("?")[0] + "?row=3", wait_until="domcontentloaded")
    page.wait_for_selector(f'ul[aria-label="{NEAREST}"] figure')
    until(page, "document.querySelectorAll('main .frame img').length > 9")
    heights = "[...document.querySelectorAll('main .frame img')].slice(0, 9).map((one) => one.offsetHeight)"
    before = page.evaluate(heights)
    assert min(before) > 100
    for route in asked:
        route.continue_()
    page.unroute("**/posters/**")
    until(page, "document.querySelector('.driver img').complete")
    assert page.evaluate(heights)[1:] == before[1:]
    assert abs(page.evaluate(heights)[0] - before[0]) < 40


def test_back_goes_to_where_one_was(open_page):
    page = open_page("/?row=3", size=(900, 500))
    page.wait_for_selector(f'ul[aria-label="{NEAREST}"] figure')
    page.evaluate("scrollTo(0, 700)")
    until(page, "scrollY > 600")
    # Playwright's own click may scroll first.
    tenth = page.locator(f'ul[aria-label="{NEAREST}"] a.frame').nth(9)
    place = tenth.evaluate("(link) => { const place = scrollY; link.click(); return place; }")
    page.wait_for_url("**/poster?**")
    page.wait_for_selector("h1")
    assert page.evaluate("scrollY") == 0
    page.go_back()
    until(page, f"Math.abs(scrollY - {place}) < 40")


def test_back_waits_for_a_slow_answer(open_page):
    page = open_page("/?row=3", size=(900, 500))
    page.wait_for_selector(f'ul[aria-label="{NEAREST}"] figure')
    page.evaluate("scrollTo(0, 700)")
    until(page, "scrollY > 600")
    tenth = page.locator(f'ul[aria-label="{NEAREST}"] a.frame').nth(9)
    place = tenth.evaluate("(link) => { const place = scrollY; link.click(); return place; }")
    page.wait_for_url("**/poster?**")
    page.add_init_script(
        "const now = performance.now.bind(performance); performance.now = () => now() + (window.later ?? 0)"
    )
    page.reload()  # answers are kept in the page until then
    page.wait_for_selector("h1")
    asked, late = [], False
    page.route("**/search?**", lambda route: route.continue_() if late else asked.append(route))
    page.go_back()
    until(page, "document.querySelector('main .results .busy')")
    page.evaluate("window.later = 60_000")
    page.wait_for_timeout(300)
    late = True
    for route in asked:
        route.continue_()
    page.wait_for_selector(f'ul[aria-label="{NEAREST}"] figure')
    until(page, f"Math.abs(scrollY - {place}) < 40")


def test_own_picture(open_page, made):
    page = open_page()
    page.wait_for_selector("figure.poster img")
    page.locator("input[type=file]").set_input_files(made[1] / "posters" / "p0005.jpg")
    page.wait_for_url("**image=**", timeout=120_000)
    page.wait_for_selector(f'ul[aria-label="{NEAREST}"] figure')
    assert ids_of(page, NEAREST)[0] == 5
    assert page.locator(".asked img").evaluate("one => one.naturalWidth") > 0
    page.locator(f'ul[aria-label="{NEAREST}"]').get_by_text("Why alike?").nth(1).click()
    page.wait_for_selector("canvas.drawn >> nth=1", timeout=120_000)
    assert page.locator(".heat b").first.inner_text() == "Your picture"
    page.get_by_role("link", name="Close").click()
    page.wait_for_selector(".why", state="detached")
    page.locator("nav >> text=Wall").click()
    page.go_back()
    page.wait_for_selector(f'ul[aria-label="{NEAREST}"] figure')


def test_failed_picture_says_what_to_do(open_page, tmp_path):
    (tmp_path / "no.gif").write_bytes(b"GIF89a")
    page = open_page()
    page.wait_for_selector("figure.poster img")
    page.locator("input[type=file]").set_input_files(tmp_path / "no.gif")
    assert "not a JPEG, PNG or WebP" in page.locator("[role=alert]").inner_text()


def test_why_two_are_alike(open_page, made, keyart):
    code, out, _ = keyart("explain", made[2][0][0], "p0003", "p0007", "--json")
    assert code == 0
    page = open_page("/poster?row=3")
    page.locator("figure", has=page.locator('img[src*="/posters/7/"]')).get_by_text("Why alike?").click()
    page.wait_for_selector("canvas.drawn >> nth=1", timeout=120_000)
    assert f"cosine {json.loads(out)['similarity']:.2f}" in page.locator(".why .number").inner_text()
    shown = page.locator(".cues tr").all_inner_texts()
    parts = json.loads(out)["cues"]["parts"].items()
    assert [row.split() for row in shown] == [[name, f"{part:+.2f}".replace("-", "−")] for name, part in parts]
    for at in (0, 1):
        colours = (
            page.locator("canvas.drawn")
            .nth(at)
            .evaluate(
                """(canvas) => {
              const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
              return new Set(Array.from({ length: 400 }, (_, i) => data.slice(i * 400, i * 400 + 3).join())).size;
            }"""
            )
        )
        assert colours > 20
    page.get_by_role("link", name="Close").click()
    page.wait_for_selector(".why", state="detached")


def test_same_picture_and_frozen_neighbours(open_page):
    page = open_page("/poster?row=3")
    page.get_by_role("button", name="Look for the same picture").click()
    page.wait_for_selector("text=The same picture", timeout=120_000)
    assert ids_of(page, "Near-duplicates") == [7]
    page.get_by_role("tab", name="Nearest by the frozen backbone").click()
    page.wait_for_selector('ul[aria-label="Nearest posters by the frozen backbone"] figure', timeout=120_000)
    assert ids_of(page, "Nearest posters by the frozen backbone")[0] == 7


def test_wall_reaches_every_poster(open_page):
    page = open_page("/wall?by=title", size=(700, 500))
    page.wait_for_selector(".brick")
    page.locator(".wall-scroll").focus()
    page.keyboard.press("End")
    until(page, "document.activeElement.dataset.at === '23'")
    page.keyboard.press("Enter")
    page.wait_for_url("**/poster?**")


def tiled(shown, posters):
    """A run whose index has a number of posters: those of another one again and again, and vectors near theirs."""
    rng = np.random.default_rng(0)
    source = rng.integers(0, len(shown.index), posters)
    vectors = shown.index.vectors()[source] + 0.2 * rng.standard_normal((posters, shown.index.dimensions), np.float32)
    names = [f"q{row}" for row in range(posters)]
    table = shown.index.posters.iloc[source].assign(id=names, film=names, title=[f"Film {name}" for name in names])
    index = PosterIndex.of(normalise_rows(vectors), table.reset_index(drop=True), shown.index.notes)
    return replace(shown, index=index)


@pytest.mark.parametrize("posters", [100_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_a_large_catalogue(open_page, library, monkeypatch, posters):
    """The wall reaches its last poster with few nodes, though browsers cut pages at 16.7 million pixels."""
    monkeypatch.setattr("keyart.retrieval.index_map.sample_evenly", lambda total: sample_evenly(total, 100))
    with serving(Library([tiled(library[0], posters)])) as address:
        page = open_page("/wall?by=title", address=address)
        page.wait_for_selector(".brick")
        most = 0
        for place in (0.25, 0.5, 0.999, 1):
            page.locator(".wall-scroll").evaluate(f"(one) => {{ one.scrollTop = one.scrollHeight * {place}; }}")
            page.wait_for_timeout(150)
            most = max(most, page.evaluate("document.querySelectorAll('*').length"))
        assert most <= 250
        last = page.locator(f'.brick[data-at="{posters - 1}"]')
        last.wait_for()
        assert last.evaluate("(one) => one.getBoundingClientRect().bottom <= innerHeight + 1")
        page.mouse.move(400, 400)
        page.mouse.wheel(0, -600)
        page.wait_for_timeout(300)
        first = int(page.locator(".brick").first.get_attribute("data-at"))
        assert posters - 1000 < first < posters - 1  # the wheel moves by what it shows, not by a share of the whole
        page.goto(f"{address}/map")
        page.wait_for_selector(".plane canvas", timeout=120_000)
        deadline = time.monotonic() + 60
        while colours_of_the_map(page) <= 3:  # points are drawn after the page has its elements
            assert time.monotonic() < deadline
            page.wait_for_timeout(50)
        received = page.evaluate(
            "performance.getEntriesByType('resource').filter((one) => /(map|colours)([?]|$)/.test(one.name))"
            ".reduce((sum, one) => sum + one.encodedBodySize, 0)"
        )
        assert 0 < received - 5 * posters < 1000  # places and colours, and the names of these
        page.locator("#find").fill(f"film q{posters - 1}")
        found = page.locator("#find-list [role=option]")
        found.first.wait_for(timeout=120_000)  # meanwhile the list says how many titles are read
        assert found.first.inner_text().endswith(f"q{posters - 1}")
        page.context.close()


def colours_of_the_map(page):
    """The number of different colours that the map's canvas shows."""
    return page.locator(".plane canvas").evaluate(
        """(canvas) => {
          const flat = document.createElement('canvas');
          [flat.width, flat.height] = [canvas.width, canvas.height];
          const pen = flat.getContext('2d');
          pen.drawImage(canvas, 0, 0);
          const data = pen.getImageData(0, 0, flat.width, flat.height).data;
          const found = new Set();
          for (let at = 0; at < data.length; at += 4) if (data[at + 3] > 100) found.add(data.slice(at, at + 3).join());
          return found.size;
        }"""
    )


def test_map_draws_points(open_page):
    page = open_page("/map?row=4")
    page.wait_for_selector(".plane canvas", timeout=120_000)
    page.wait_for_selector(".dot")
    assert colours_of_the_map(page) > 3
    page.locator(".dot").first.hover()
    page.wait_for_selector(".plane .card img")
    page.locator(".plane").focus()
    page.keyboard.press("+")
    page.locator(".legend a").first.click()
    until(page, "location.search.includes('only=')")


def test_lasso_shows_its_posters_on_the_wall(open_page):
    page = open_page("/map")
    page.wait_for_selector(".dot")
    box = page.locator(".plane").bounding_box()
    page.get_by_role("button", name="Lasso").click()
    corners = [(4, 4), (box["width"] - 4, 4), (box["width"] - 4, box["height"] - 4), (4, box["height"] - 4), (4, 8)]
    for at, (x, y) in enumerate(corners):
        page.mouse.move(box["x"] + x, box["y"] + y, steps=6)
        if not at:
            page.mouse.down()
    page.mouse.up()
    page.wait_for_url("**/wall?**lasso=**")
    page.wait_for_selector(".brick")
    assert page.locator(".brick").count() == 24


def test_viewer_names_the_film_behind_each_candidate(open_page):
    page = open_page("/viewer")
    page.locator("#like").fill("Film 3")
    page.wait_for_selector("[role=option]")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=because of Film 3")
    page.locator("#like").fill("Film 8")
    page.wait_for_selector('[role=option][aria-selected=true] >> text="Film 8"')
    page.keyboard.press("Enter")
    page.wait_for_selector("text=because of Film 8")
    page.wait_for_selector(".moved")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save as CSV").click()
    lines = saved.value.path().read_text().splitlines()
    assert lines[0].startswith("rank,id,title")
    assert len(lines) > 5
    page.locator(".userbox input").fill("2")
    page.get_by_role("button", name="Show").click()
    page.wait_for_selector("text=User 2 has watched 3 films")


def test_board_is_in_the_address(open_page):
    page = open_page("/?row=3")
    page.wait_for_selector(f'ul[aria-label="{NEAREST}"] figure')
    for at in (0, 2):
        page.locator(f'ul[aria-label="{NEAREST}"] figure').nth(at).hover()
        page.locator(f'ul[aria-label="{NEAREST}"] .pin').nth(at).click()
    chosen = [ids_of(page, NEAREST)[at] for at in (0, 2)]
    page.locator("nav >> text=Board").click()
    page.wait_for_selector('ul[aria-label="The board"] figure')
    page.reload()
    page.wait_for_selector('ul[aria-label="The board"] figure')
    assert ids_of(page, "The board") == chosen
    page.get_by_role("button", name="forward").nth(1).click()
    until(page, f"location.search.includes('board={chosen[1]}.{chosen[0]}')")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save as PNG").click()
    assert saved.value.path().read_bytes().startswith(b"\x89PNG")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save as CSV").click()
    assert len(saved.value.path().read_text().splitlines()) == 3


def test_runs_beside_each_other(open_page):
    page = open_page("/compare?row=3&runs=0.1")
    page.wait_for_selector(".column:nth-of-type(1) figure")
    page.wait_for_selector(".column:nth-of-type(2) figure")
    assert page.locator(".column").count() == 2
    first, second = (set(ids_of_grid(page, at)) for at in (0, 1))
    for at, (own, other) in enumerate(((first, second), (second, first))):
        outlined = page.locator(".column").nth(at).locator("figure.marked").count()
        assert outlined == len(own - other)
    assert "24 queries" in page.locator(".note", has_text="queries").inner_text()
    assert page.locator("td.better").count() == 1
    page.get_by_role("button", name="Find the posters").click()
    page.wait_for_selector("text=They differ most on")


def test_titles_are_text(open_page):
    """Markup in a table stays text in every view."""
    for path in ("/?run=1", "/?run=1&row=3", "/poster?run=1&row=3", "/viewer?run=1&liked=3", "/board?run=1&board=1.2"):
        page = open_page(path)
        page.wait_for_selector("figcaption b")
        assert HOSTILE in page.locator("figcaption b").first.inner_text()
        assert page.locator("main script").count() == page.locator('img[src="x"]').count() == 0
        assert page.title() != "1"
        page.context.close()


VIEWS = (
    "/",
    "/?row=3",
    "/poster?row=3",
    "/wall",
    "/map",
    "/viewer?liked=3.8",
    "/compare?row=3",
    "/board?board=1.2",
    "/api/docs",
)


@pytest.mark.parametrize("path", VIEWS)
def test_fits_a_phone(open_page, path):
    """Nothing is wider than a phone, which is also what a zoom of 200% leaves of a small window."""
    page = open_page(path, size=(360, 740))
    page.wait_for_selector("figure, .brick, .plane, summary")
    page.wait_for_timeout(200)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.eval_on_selector_all("img", "all => all.every((one) => one.hasAttribute('alt'))")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", VIEWS)
def test_is_accessible(open_page, path, theme):
    axe = pytest.importorskip("axe_playwright_python", reason="needs axe-playwright-python")
    from importlib.resources import files

    source = (files(axe) / "axe.min.js").read_text(encoding="utf-8")
    page = open_page(path, theme=theme)
    page.wait_for_selector("figure, .brick, .plane, summary")
    page.wait_for_timeout(300)
    page.evaluate(source)
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    serious = [one for one in found["violations"] if one["impact"] in ("serious", "critical")]
    assert [(one["id"], [node["html"][:160] for node in one["nodes"][:3]]) for one in serious] == []


def test_keyboard_alone(open_page):
    page = open_page()
    page.wait_for_selector("main input[type=search]")
    page.wait_for_selector("figure.poster img")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the posters"
    page.keyboard.press("Enter")
    page.keyboard.press("/")
    page.keyboard.type("Film 5")
    page.wait_for_selector('[role=option][aria-selected=true] >> text="Film 5"')
    page.keyboard.press("Enter")
    page.wait_for_selector(f'ul[aria-label="{NEAREST}"] figure')
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate(f"""document.activeElement.matches('ul[aria-label="{NEAREST}"] a.frame')"""):
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/poster?**")
