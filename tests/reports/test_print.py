"""Tests of a printed report: few pages, and no clipped table."""

import re
import shutil
import subprocess

import pytest

from keyart.launch.sweep.finish import report_sweep
from keyart.reports.run_report import write_report
from tests.runs.sweep.folders import make_sweep

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --no-pdf-header-footer"
pytestmark = pytest.mark.skipif(
    CHROMIUM is None or shutil.which("pdftotext") is None, reason="needs chromium and pdftotext"
)


def printed(page, tmp_path):
    """Return for each printed page its width, and its words with their right ends."""
    pdf = tmp_path / "page.pdf"
    command = [CHROMIUM, *FLAGS.split(), f"--user-data-dir={tmp_path / 'profile'}", f"--print-to-pdf={pdf}"]
    subprocess.run([*command, page.as_uri()], check=True, capture_output=True, timeout=120)
    text = subprocess.run(["pdftotext", "-bbox", pdf, "-"], check=True, capture_output=True, text=True).stdout
    pages = re.findall(r'<page width="([\d.]+)"[^>]*>(.*?)</page>', text, re.DOTALL)
    return [
        (float(width), [(word, float(x)) for x, word in re.findall(r'xMax="([\d.-]+)"[^>]*>([^<]*)</word>', body)])
        for width, body in pages
    ]


def check_whole(pages, heads):
    for width, words in pages:
        assert [word for word, right in words if right > width] == []
    text = " ".join(word for _, words in pages for word, _ in words)
    for head in heads:
        assert head in text


def test_a_report_needs_few_pages_and_cuts_nothing_off(inputs, run_folder, tmp_path):
    page = write_report(run_folder, **inputs)
    pages = printed(page, tmp_path)
    assert len(pages) <= 7
    check_whole(pages, ["value − frozen", "lift: 0 chance, 1 frozen"])


def test_a_sweeps_jobs_are_whole_on_paper(tmp_path):
    keys = ("optimizer.learning_rate", "scheduler.warmup_steps", "training.head_epochs", "sampler.batch_size")
    names = [f"a_backbone_of_a_rather_long_name_{i}" for i in range(3)]
    overrides = [f"model.backbone={','.join(names)}", *(f"{key}=1,2" for key in keys)]
    folder = make_sweep(tmp_path / "s", overrides, lambda settings: 0.3 + settings["sampler.batch_size"] / 100)
    report_sweep(folder)
    pages = printed(folder / "sweep.html", tmp_path)
    assert len(pages) <= 5
    check_whole(pages, ["status"])
    words = [word for _, page in pages for word, _ in page]
    assert words.count("finished") == 48
