import pytest

from keyart.catalogue.reader import read_catalogue
from tests.reports.inputs import make_inputs


@pytest.fixture
def catalogue(poster_folder):
    return read_catalogue(poster_folder / "catalogue.csv", poster_folder / "posters")[0]


@pytest.fixture
def inputs(catalogue):
    return make_inputs(catalogue)


METRICS_CSV = """epoch,step,train/loss,val/ndcg@10
,4,0.9,
0,9,,0.31
,14,0.7,
1,19,,0.36
,24,0.5,
2,29,,0.35
"""


@pytest.fixture
def run_folder(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "metrics.csv").write_text(METRICS_CSV)
    return folder
