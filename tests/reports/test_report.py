import hashlib
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from keyart.catalogue.reader import read_catalogue
from keyart.errors import InputError
from keyart.reports.run_pictures import draw_pictures
from keyart.reports.run_report import write_report
from keyart.reports.theme import LIGHT
from tests.reports.inputs import make_inputs

VOID = {"meta", "img", "br", "link", "input", "hr", "source"}


class Page(HTMLParser):
    """Strict HTML parser that requires correct nesting and records attributes and texts."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.texts, self.faults = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append((tag, self.getpos()))

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.texts.append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]

    @property
    def text(self):
        return " ".join("".join(self.texts).split())


def check(path):
    """Check the properties of every report."""
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert text.startswith("<!DOCTYPE html>")
    assert not page.faults
    assert page.open == []
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    for tag, attrs in page.elements:
        for name in ("src", "href", "xlink:href", "srcset", "data", "action", "poster"):
            if name in attrs:
                assert attrs[name].startswith(("data:", "#")), (tag, name)
        if attrs.get("href", "").startswith("#"):
            assert attrs["href"][1:] in ids
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in page.elements}
    assert not any(name.startswith("on") for _, attrs in page.elements for name in attrs)
    assert "@import" not in text
    assert all(found.startswith(("data:", "#")) for found in re.findall(r"url\([\"']?([^)\"']*)", text))
    assert all(attrs.get("alt") for attrs in page.all("img"))
    assert all(attrs.get("aria-label") for attrs in page.all("svg"))
    assert "prefers-color-scheme: dark" in text
    assert page.all("html")[0]["lang"] == "en"
    for svg in re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL):
        ET.fromstring(svg)
        assert not set(LIGHT.named().values()) & set(re.findall(r"#[0-9a-f]{6}", svg))
    headings = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h\d", tag)]
    assert headings[0] == 1
    assert headings.count(1) == 1
    return page


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    from tests.helpers import draw_posters

    folder = tmp_path_factory.mktemp("report")
    created = draw_posters(folder / "made", n=40)
    catalogue = read_catalogue(created / "catalogue.csv", created / "posters")[0]
    run = folder / "run"
    run.mkdir()
    (run / "metrics.csv").write_text("step,epoch,train/loss,val/ndcg@10\n1,0,1.0,0.3\n2,1,0.5,0.4\n")
    inputs = make_inputs(catalogue, test=24)
    lines = []
    path = write_report(run, **inputs, progress=lines.append)
    return path, inputs, check(path), lines


def test_the_report_is_valid_and_complete(report):
    path, _, page, summary = report
    titles = {attrs.get("id") for attrs in page.all("section")}
    assert titles == {"neighbours", "metrics", "learning", "map", "genres", "contrasts"}
    assert "small-run" in page.text
    assert "resnet18" in page.text
    assert "Same genres, unlike" in page.text
    assert "Alike, other genre" in page.text
    assert "torch2.6" in page.text
    assert "faiss-cpuNone" not in page.text
    assert summary[-1] == "report"
    assert path == path.parent / "report.html"


def test_the_pictures_lie_beside_it(report):
    folder = report[0].parent
    names = {"learning_curves", "map_genre", "map_decade", "map_posters", "genre_bars"}
    assert {p.name for p in (folder / "pictures").iterdir()} == {f"{name}.png" for name in names}
    for path in [folder / "gallery.png", *(folder / "pictures").iterdir()]:
        with Image.open(path) as image:
            image.load()
            assert min(image.size) > 60


def test_figures_and_intervals_are_those_of_the_tables(report):
    _, inputs, page, _ = report
    value = inputs["metrics"]["test/ndcg@10"]
    assert f"{value:.3f}" in page.text
    gap = value - inputs["metrics"]["test/ndcg@10/frozen"]
    assert f"{gap:+.3f}".replace("-", "−") in page.text
    assert f"{inputs['metrics']['test/ndcg@10/lift']:.2f}".replace("-", "−") in page.text
    assert re.search(r"\[0\.\d{3} to 0\.\d{3}\]", page.text)


def test_only_posters_of_the_split_are_shown(report):
    _, inputs, page, _ = report
    catalogue = inputs["catalogue"]
    shown = {attrs["alt"].split(",")[0] for attrs in page.all("img") if attrs["alt"].startswith("Film")}
    assert shown
    assert shown <= set(catalogue.titles[inputs["splits"] == "test"])


def test_queries_and_near_duplicates_are_marked(report):
    _, _, page, _ = report
    assert page.text.count("query") >= 4
    drivers = [attrs for attrs in page.all("figure") if "driver" in attrs.get("class", "")]
    assert len(drivers) == len(page.all("article")) == 8
    marked = [attrs for attrs in page.all("figure") if "marked" in attrs.get("class", "")]
    assert len(marked) == page.text.count("near-duplicate") - page.text.count("near-duplicates")


def test_points_of_the_map_tell_their_posters(report):
    text = report[0].read_text()
    catalogue, splits = report[1]["catalogue"], report[1]["splits"]
    titles = re.findall(r"<title>(Film \d+),", text)
    assert sorted(set(titles)) == sorted(catalogue.titles[splits == "test"])


def test_same_inputs_give_the_same_gallery_and_page(report, tmp_path):
    path, inputs, _, _ = report
    (tmp_path / "metrics.csv").write_text((path.parent / "metrics.csv").read_text())
    again = write_report(tmp_path, **inputs)
    for name in ("gallery.png", "report.html"):
        first, second = (hashlib.sha256((p.parent / name).read_bytes()).hexdigest() for p in (path, again))
        assert first == second, name


def test_little_is_enough(catalogue, tmp_path):
    """The minimum of inputs: five posters with one genre; no years, titles, curves, frozen backbone or intervals."""
    bare = replace(
        catalogue,
        years=np.full(24, np.nan),
        titles=np.array([""] * 24, dtype=object),
        genres=np.ones((24, 1), dtype=bool),
        genre_names=("Drama",),
    )
    inputs = make_inputs(bare, test=5, split="eval")
    inputs |= {"frozen": None, "per_query": None, "frozen_per_query": None, "config": {}, "environment": {}}
    inputs["metrics"] = {"eval/ndcg@10": 0.5, "eval/ndcg@10/chance": None, "eval/ndcg@10/lift": None}
    path = write_report(tmp_path, **inputs)
    page = check(path)
    sections = {attrs["id"] for attrs in page.all("section")}
    assert sections == {"neighbours", "metrics", "map", "contrasts"}
    assert "Alike" not in page.text
    assert not (tmp_path / "pictures" / "map_decade.png").exists()
    assert "0.500" in page.text


def test_one_poster_and_no_metrics_still_make_a_page(catalogue, tmp_path):
    inputs = make_inputs(catalogue, test=1) | {"metrics": {}, "per_query": None, "frozen_per_query": None}
    page = check(write_report(tmp_path, **inputs))
    assert {attrs["id"] for attrs in page.all("section")} == {"map"}


def test_titles_and_names_are_escaped(catalogue, run_folder):
    titles = catalogue.titles.copy()
    titles[:] = '<script>alert("x")</script> & "Co"'
    inputs = make_inputs(replace(catalogue, titles=titles), test=4)
    inputs["config"] = {"name": "<b>bold</b>", "note": "</pre><i>"}
    page = check(write_report(run_folder, **inputs))
    assert '<script>alert("x")</script>' in page.text
    assert "<b>bold</b>" in page.text


def test_an_empty_split_is_refused(inputs, tmp_path):
    with pytest.raises(InputError, match="split=val: no poster"):
        draw_pictures(tmp_path, **{k: v for k, v in (inputs | {"split": "val"}).items() if k not in DROPPED})
    assert list(tmp_path.glob("**/*.png")) == []


DROPPED = ("frozen", "environment")


def test_pictures_alone_name_their_files(inputs, run_folder):
    inputs = {key: value for key, value in inputs.items() if key not in DROPPED}
    pictures = draw_pictures(run_folder, **inputs, drivers=3, neighbours=4)
    assert pictures.files["gallery"] == run_folder / "gallery.png"
    assert all(path.is_file() for path in pictures.files.values())
    assert set(pictures.charts) == set(pictures.files) - {"gallery", "map_posters"}
    assert pictures.rows.neighbours.shape == (3, 4)
    for row, query in enumerate(pictures.rows.queries):
        assert query not in pictures.rows.neighbours[row]


@pytest.mark.posters
def test_real_posters(posters_dir, tmp_path):
    catalogue = read_catalogue(posters_dir / "catalogue.csv", posters_dir / "posters")[0]
    catalogue = catalogue.select(np.arange(0, len(catalogue), 59))
    inputs = make_inputs(catalogue, test=60)
    page = check(write_report(tmp_path, **inputs))
    assert len(page.all("img")) > 8 * 11


def with_branches(inputs):
    sizes = {"learned": 512, "closed_form": 64, "frozen": 1024}
    lifts = {"learned": 1.31, "closed_form": 1.58, "frozen": 1.07}
    left = {"learned": 1.6, "closed_form": 1.33, "frozen": 1.5}
    extra = {}
    for row, values in (("branch", lifts), ("without", left)):
        for name, lift in values.items():
            for metric in ("ndcg@10", "map"):
                extra |= {f"test/{row}/{name}/{metric}": 0.19 + lift / 12, f"test/{row}/{name}/{metric}/lift": lift}
    return inputs | {
        "metrics": inputs["metrics"] | extra | {"test/ndcg@10/lift": 1.65},
        "config": inputs["config"] | {"loss": {"name": "angular"}},
        "environment": inputs["environment"] | {"embedding": {"size": 1600, "branches": sizes, "output_size": None}},
    }


def test_each_branch_gets_its_own_credit(report, tmp_path):
    page = check(write_report(tmp_path, **with_branches(report[1])))
    # The loss trained only 512 of the dimensions.
    assert "512 trained with the angular loss, 64 solved in closed form, 1,024 not trained" in page.text
    assert (
        "Lift on test: learned alone 1.31, closed_form alone 1.58, frozen alone 1.07; together 1.65; without learned"
        " 1.60, without closed_form 1.33, without frozen 1.50." in page.text
    )
    assert "closed_form 64 numbers, a kernel regression onto genres, solved in closed form: no loss" in page.text
    assert "taught" not in page.text
    # The table of metrics has no rows for the metrics of branches.
    assert "branch, learned" not in page.text
    assert "without, learned" not in page.text


def test_fewer_numbers_are_said_beside_all(report, tmp_path):
    inputs = with_branches(report[1])
    inputs["environment"]["embedding"] |= {"size": 128, "output_size": 128}
    inputs["metrics"] |= {"test/whole/ndcg@10": 0.31, "test/whole/ndcg@10/lift": 1.71}
    page = check(write_report(tmp_path, **inputs))
    assert "the principal components of 1,600, from 16 training posters: 512 trained" in page.text
    assert "together 1.71" in page.text
    assert "before they are reduced to 128 numbers" in page.text


def test_one_branch_is_said_to_be_one(report, tmp_path):
    inputs = report[1] | {
        "config": report[1]["config"] | {"loss": {"name": "bce"}},
        "environment": report[1]["environment"] | {"embedding": {"size": 8, "branches": {"learned": 8}}},
    }
    page = check(write_report(tmp_path, **inputs))
    assert "The embedding has one branch, learned, trained with the bce loss: nothing to attribute." in page.text


def test_a_lift_without_meaning_is_reported_by_values():
    from keyart.reports.branches import credit

    flat = {"test/ndcg@10": 0.4, "test/ndcg@10/lift": None}
    for name, value in (("learned", 0.3), ("frozen", 0.35)):
        flat |= {f"test/{row}/{name}/ndcg@10": value for row in ("branch", "without")}
        flat |= {f"test/{row}/{name}/ndcg@10/lift": None for row in ("branch", "without")}
    summary = credit(flat, "test")
    assert summary == (
        "nDCG@10 on test: learned alone 0.300, frozen alone 0.350; together 0.400; without learned 0.300, without"
        " frozen 0.350."
    )
