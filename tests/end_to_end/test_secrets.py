"""Keys of services in the environment reach no log, run folder or W&B file."""

import pytest

from tests.end_to_end.conftest import SMALL
from tests.helpers import draw_posters

SECRETS = {
    "WANDB_API_KEY": "0123456789" * 4,
    "TMDB_API_KEY": "a-key-of-tmdb-4711",
    "MILVUS_TOKEN": "root:a-token-of-milvus-4711",
    "KEYART_TOKEN": "a-token-of-the-server-4711",
    "HF_TOKEN": "hf_a-token-of-the-hub-4711",
}


def test_no_key_reaches_a_file_or_a_log(train_here, monkeypatch):
    pytest.importorskip("wandb")
    for name, secret in SECRETS.items():
        monkeypatch.setenv(name, secret)
    made = draw_posters(train_here.folder / "made", n=60, size=(64, 96))
    code, out, err = train_here(
        *SMALL,
        f"data.catalogue={made}/catalogue.csv",
        f"data.images={made}/posters",
        "model.weights=none",
        "model.backbone=test_resnet",
        "training.head_epochs=1",
        "callbacks.report=false",
        "logger=wandb",
        "logger.wandb.mode=offline",
    )
    assert code == 0, err
    files = [path for path in train_here.folder.rglob("*") if path.is_file()]
    assert any(path.suffix == ".wandb" for path in files)
    for name, secret in SECRETS.items():
        assert secret not in out + err, name
        assert not [path for path in files if secret.encode() in path.read_bytes()], name
