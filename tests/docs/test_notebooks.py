"""The notebooks in examples/ run from top to bottom, and are kept without output."""

from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
jupyter_client = pytest.importorskip("jupyter_client")
pytest.importorskip("ipykernel")

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "examples").glob("*.ipynb"))


def test_there_are_notebooks():
    assert [path.stem for path in NOTEBOOKS] == ["error_analysis", "multi_label", "own_data", "quickstart"]


@pytest.fixture(scope="module")
def kernel():
    """One kernel for all notebooks, because importing torch takes as long as most of them."""
    manager = jupyter_client.AsyncKernelManager()
    yield manager
    nbclient.util.run_sync(manager.shutdown_kernel)(now=True)


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_shows_results(path, kernel, tmp_path):
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    cells = [cell for cell in book.cells if cell.cell_type == "code"]
    assert not any(cell.outputs for cell in cells)
    book.cells.insert(0, nbformat.v4.new_code_cell(f"%reset -f\nimport os; os.chdir({str(tmp_path)!r})"))
    book.cells.append(nbformat.v4.new_code_cell("os.chdir('/')"))  # the kernel outlives this folder
    client = nbclient.NotebookClient(book, km=kernel, timeout=300)
    client.execute()
    client.kc.stop_channels()
    shown = [output for cell in cells for output in cell.outputs]
    assert sum(output.output_type in ("execute_result", "stream") for output in shown) >= 5
