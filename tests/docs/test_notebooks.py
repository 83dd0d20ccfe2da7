"""The notebooks in examples/ run from top to bottom, and are kept without output."""

from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "examples").glob("*.ipynb"))


def test_there_are_notebooks():
    assert [path.stem for path in NOTEBOOKS] == ["error_analysis", "multi_label", "own_data", "quickstart"]


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_shows_results(path, tmp_path):
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    assert not any(cell.outputs for cell in book.cells if cell.cell_type == "code")
    client = nbclient.NotebookClient(book, timeout=300, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    shown = [output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]
    assert sum(output.output_type in ("execute_result", "stream") for output in shown) >= 5
