"""Folders on a model hub: uploaded by `huggingface_hub`, read by `keyart.load`, on the loopback interface."""

import json
import os
import shutil

import numpy as np
import pytest

import keyart
from tests.api.hub_server import Hub
from tests.snippets import python

UPLOAD = """
from huggingface_hub import upload_folder
upload_folder(repo_id="user/{name}", folder_path={folder!r}, token="hf_test", ignore_patterns=["checkpoints/*"])
"""
READ = """
import json
import keyart
run = keyart.load("hf-hub:user/{name}")
vectors = run.embed({files!r})
hits = run.search({files!r}[0], k=3, **{options!r}).ids if {search!r} else []
print(json.dumps([vectors.tolist(), hits, sorted(p.name for p in run.folder.iterdir())]))
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    hub = Hub(tmp_path_factory.mktemp("hub"))
    yield hub
    hub.close()


@pytest.fixture(scope="module")
def call(hub, tmp_path_factory):
    """Run code in another process, because `huggingface_hub` reads its address when it is imported."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    environment |= {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path_factory.mktemp("hf")), "HF_HUB_DISABLE_XET": "1"}
    environment["NO_PROXY"] = "127.0.0.1"
    with python(environment=environment) as run:
        yield run


def paths(posters, count):
    return [str(path) for path in sorted((posters / "posters").iterdir())[:count]]


@pytest.mark.parametrize("part", ["", "embedder"])
def test_a_run_or_its_embedder_is_uploaded_and_loaded(part, run, posters, hub, call):
    name = part or "run"
    (hub.folder / name).mkdir()
    call(UPLOAD.format(name=name, folder=str(run.folder / part)))
    assert hub.files(name)
    assert not any("checkpoints" in path.parts for path in hub.files(name))
    files = paths(posters, 3)
    options = {"index": str(run.folder / "index")} if part else {}
    vectors, hits, names = json.loads(call(READ.format(name=name, files=files, search=True, options=options)))
    np.testing.assert_allclose(vectors, run.embed(files), atol=1e-5)
    assert hits == run.search(files[0], k=3).ids
    assert "train.log" not in names


def test_code_and_pickles_are_not_downloaded(run, posters, hub, call):
    folder = shutil.copytree(run.folder / "embedder", hub.folder / "code")
    for name in ("setup.py", "model.pkl", "pytorch_model.bin", "last.ckpt"):
        (folder / name).write_text("import os")
    read = call(READ.format(name="code", files=paths(posters, 1), search=False, options={}))
    assert set(json.loads(read)[2]) == {path.name for path in (run.folder / "embedder").iterdir()}


@pytest.mark.parametrize(
    ("name", "named"), [("user/other", "check the name"), ("no name at all", "write hf-hub:user/name")]
)
def test_what_the_hub_lacks_is_reported_in_one_line(name, named, call):
    shown = call(f"import keyart\ntry: keyart.load('hf-hub:{name}')\nexcept keyart.InputError as error: print(error)")
    assert named in shown
    assert len(shown.splitlines()) == 1


def test_an_embedder_folder_is_a_run_without_an_index(run, posters):
    weights = keyart.load(run.folder / "embedder")
    files = sorted((posters / "posters").iterdir())[:3]
    np.testing.assert_allclose(weights.embed(files), run.embed(files), atol=1e-6)
    with pytest.raises(keyart.InputError, match="no index"):
        weights.search(files[0])
    assert weights.search(files[0], index=run.folder / "index").ids == run.search(files[0]).ids
