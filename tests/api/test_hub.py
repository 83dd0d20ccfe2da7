"""Folders on a model hub: uploaded by `huggingface_hub`, read by `keyart.load`, on the loopback interface."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

import keyart
from tests.api.hub_server import Hub

UPLOAD = """
from huggingface_hub import upload_folder
upload_folder(repo_id="user/name", folder_path={folder!r}, token="hf_test", ignore_patterns=["checkpoints/*"])
"""
READ = """
import json, sys
import keyart
run = keyart.load("hf-hub:user/name")
vectors = run.embed(sys.argv[1:])
hits = run.search(sys.argv[1], k=3, **{options}).ids
print(json.dumps([vectors.tolist(), hits, sorted(p.name for p in run.folder.iterdir())]))
"""


@pytest.fixture
def hub(tmp_path):
    (tmp_path / "hub").mkdir()
    hub = Hub(tmp_path / "hub")
    yield hub
    hub.close()


def call(hub, tmp_path, code, *arguments):
    """Run code in a process of its own, because `huggingface_hub` reads its address when it is imported."""
    offline = {name for name in os.environ if name.startswith("HF_")}
    environment = {name: value for name, value in os.environ.items() if name not in offline}
    environment |= {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_DISABLE_XET": "1"}
    environment["NO_PROXY"] = "127.0.0.1"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("part", ["", "embedder"])
def test_a_run_or_its_embedder_is_uploaded_and_loaded(part, run, posters, hub, tmp_path):
    done = call(hub, tmp_path, UPLOAD.format(folder=str(run.folder / part)))
    assert done.returncode == 0, done.stderr
    assert hub.files()
    assert not any("checkpoints" in path.parts for path in hub.files())
    files = sorted((posters / "posters").iterdir())[:3]
    options = "{}" if not part else repr({"index": str(run.folder / "index")})
    done = call(hub, tmp_path, READ.replace("{options}", options), *files)
    assert done.returncode == 0, done.stderr
    vectors, hits, names = json.loads(done.stdout)
    np.testing.assert_allclose(vectors, run.embed(files), atol=1e-5)
    assert hits == run.search(files[0], k=3).ids
    assert "train.log" not in names


def test_code_and_pickles_are_not_downloaded(run, posters, hub, tmp_path):
    shutil.copytree(run.folder / "embedder", hub.folder, dirs_exist_ok=True)
    for name in ("setup.py", "model.pkl", "pytorch_model.bin", "last.ckpt"):
        (hub.folder / name).write_text("import os")
    code = READ.replace("hits = run.search(sys.argv[1], k=3, **{options}).ids", "hits = []")
    done = call(hub, tmp_path, code, sorted((posters / "posters").iterdir())[0])
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)[2]) == {path.name for path in (run.folder / "embedder").iterdir()}


@pytest.mark.parametrize(
    ("name", "named"), [("user/other", "check the name"), ("no name at all", "write hf-hub:user/name")]
)
def test_what_the_hub_lacks_is_reported_in_one_line(name, named, hub, tmp_path):
    code = f"import keyart\ntry: keyart.load('hf-hub:{name}')\nexcept keyart.InputError as error: print(error)"
    done = call(hub, tmp_path, code)
    assert done.returncode == 0, done.stderr
    assert named in done.stdout
    assert len(done.stdout.splitlines()) == 1


def test_an_embedder_folder_is_a_run_without_an_index(run, posters):
    weights = keyart.load(run.folder / "embedder")
    files = sorted((posters / "posters").iterdir())[:3]
    np.testing.assert_allclose(weights.embed(files), run.embed(files), atol=1e-6)
    with pytest.raises(keyart.InputError, match="no index"):
        weights.search(files[0])
    assert weights.search(files[0], index=run.folder / "index").ids == run.search(files[0]).ids
