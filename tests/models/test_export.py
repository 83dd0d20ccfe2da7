"""Exported embedders give the same vectors as the embedder, starting from the image file."""

import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from keyart.errors import InputError
from keyart.images.decode import decode_poster
from keyart.models.backbone_factory import create_backbone
from keyart.models.embedder import Embedder
from keyart.models.export.examples import trace
from keyart.models.export.onnx import write_onnx
from keyart.models.heads.build import build_head
from keyart.models.heads.reduced import ReducedHead
from keyart.models.heads.registry import build_head_from_description
from keyart.runs.export import TARGETS, export_run
from keyart.runs.run import Run
from tests.helpers import draw_posters
from tests.indexes import refused, save_run
from tests.snippets import python

SIZE = (96, 64)
EVERYTHING = {
    "frozen_features": {"balance": 1.0, "components": 16, "power": 0.5},
    "kernel": {"weight": 1.0, "size": 8, "ridge": 1.0, "mean": 0.5, "confidence": 0.5},
    "rotate": True,
}
CASES = {
    "linear": ("test_resnet", "avg", "linear", {}),
    "mlp": ("test_resnet", "depths", "mlp", {"extra": {"norm": "batch"}}),
    "linear, reduced": ("test_resnet", "avg", "linear", {"output_size": 5}),
    # Without a reduction: test_real_posters_come_out_the_same.
    "ensemble and kernel, reduced": (
        "test_resnet",
        "multiscale",
        "ensemble",
        {"extra": EVERYTHING, "flip_average": True, "output_size": 10},
    ),
    "maps": (
        "test_resnet",
        "gem",
        "metric_maps",
        {
            "extra": EVERYTHING | {"rotate": False, "started": 1, "landmarks": 24, "confidence": 0.5},
            "flip_average": True,
            "multiscale_size": (128, 96),
        },
    ),
    "tokens": ("test_vit", "gem", "mlp", {}),
}


def images(n, size=SIZE, seed=0):
    rough = torch.rand(n, 3, 12, 8, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(rough, size, mode="bicubic").clamp(0, 1)


def make_run(folder, case="linear"):
    name, pooling, head, given = CASES[case]
    extra = given.get("extra", {})
    torch.manual_seed(0)
    backbone = create_backbone(
        name,
        "none",
        pooling=pooling,
        image_size=SIZE,
        **{k: v for k, v in given.items() if k not in ("extra", "output_size")},
    )
    built = build_head(head, backbone.groups, 8, hidden_size=16, components=20, heads=2, **extra)
    embedder = Embedder(backbone, built).eval()
    genres = np.random.default_rng(0).random((40, 4)) < 0.4
    genres[:, 0] |= ~genres.any(1)
    with torch.no_grad():
        features = torch.cat([backbone(images(40, seed=1)[at : at + 8]) for at in range(0, 40, 8)])
        built.fit(features, genres)
        if "output_size" in given:
            embedder.head = ReducedHead(built, given["output_size"]).eval()
            embedder.head.fit_components(embedder.whole(embedder.transform(features)))
    return Run.open(save_run(folder, embedder, "catalogue.csv", "posters", SIZE)), embedder


def open_graph(path):
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda inputs: session.run(None, {"images": inputs})[0]


@pytest.fixture(scope="module", params=CASES)
def exported(request, tmp_path_factory):
    """A case's name, embedder, and a function that exports it: both formats share the traces, which take seconds."""
    folder, traces = tmp_path_factory.mktemp("case"), {}
    run, embedder = make_run(folder / "run", request.param)

    def trace_once(module, inputs):
        if type(module) not in traces:
            traces[type(module)] = trace(module, inputs)
        return traces[type(module)]

    def export(target):
        with pytest.MonkeyPatch.context() as patch:
            for name in ("onnx", "program"):
                patch.setattr(f"keyart.models.export.{name}.trace", trace_once)
            return folder / target, export_run(run, target, folder / target)

    return request.param, embedder, export


@pytest.fixture
def traced(monkeypatch):
    """Let PyTorch's exporter write a file of any content, because tracing takes seconds; onnxruntime is returned."""
    pytest.importorskip("onnxscript")

    class Program:
        def save(self, path):
            Path(path).write_text("a graph")

    monkeypatch.setattr("keyart.models.export.onnx.trace", lambda *given: None)
    monkeypatch.setattr(torch.onnx, "export", lambda *given, **named: Program())
    return pytest.importorskip("onnxruntime")


def test_a_graph_that_onnxruntime_refuses_is_reported_in_one_line(traced, tmp_path, monkeypatch):
    def refuses(*given, **named):
        raise RuntimeError("no such operator")

    monkeypatch.setattr(traced, "InferenceSession", refuses)
    with pytest.raises(InputError, match=r"no such operator.*`target=timm`"):
        write_onnx(make_run(tmp_path / "run")[1], tmp_path / "a.onnx")


@pytest.mark.slow
def test_the_graph_equals_the_embedder_for_any_number_of_images(exported):
    pytest.importorskip("onnxscript")
    _, embedder, export = exported
    out, summary = export("onnx")
    assert summary["files"] == ["README.md", "embedder.onnx", "preprocessing.json"]
    assert summary["difference"] <= 1e-4
    graph = open_graph(out / "embedder.onnx")
    for count in (1, 2, 5):
        shown = images(count, seed=7)
        with torch.no_grad():
            expected = embedder(shown).numpy()
        found = graph(shown.numpy())
        np.testing.assert_allclose(found, expected, atol=1e-4, rtol=0)
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)


def by_the_letter(data, message):
    """Follow `preprocessing.json` literally, with only Pillow."""
    steps = {step["do"]: step for step in message["steps"]}
    height, width = steps["resize"]["height"], steps["resize"]["width"]
    image = Image.open(io.BytesIO(data))
    scale = 2 * max(width / image.width, height / image.height)
    image.draft(None, (int(np.ceil(scale * image.width)), int(np.ceil(scale * image.height))))
    image = image.convert("RGB")
    s = (image.width / image.height) / (width / height)
    kept = (
        image.width * min(1, steps["crop"]["most_stretch"] / s),
        image.height * min(1, s * steps["crop"]["most_stretch"]),
    )
    left, top = (image.width - kept[0]) / 2, (image.height - kept[1]) / 2
    box = (left, top, left + kept[0], top + kept[1])
    small = image.resize((width, height), Image.Resampling.BICUBIC, box=box, reducing_gap=3.0)
    return np.asarray(small, dtype=np.float32).transpose(2, 0, 1)[None] / steps["divide"]["by"]


@pytest.fixture
def without_program(monkeypatch):
    """Let the tracing fail at once, because it takes seconds."""

    def refuse(*given):
        raise InputError("not in this test")

    monkeypatch.setattr("keyart.runs.export.write_programs", refuse)


@pytest.fixture
def any_program(monkeypatch):
    """Let the tracing write files of any content, because it takes seconds."""

    def write(embedder, folder):
        for name in ("embedder.pt2", "head.pt2"):
            (folder / name).write_text("a program")
        return 0.0

    monkeypatch.setattr("keyart.runs.export.write_programs", write)


@pytest.mark.usefixtures("without_program")
@pytest.mark.parametrize("shape", [(96, 144), (300, 160), (640, 1000)])
def test_the_preprocessing_beside_it_says_all(shape, tmp_path):
    run, _ = make_run(tmp_path / "run")
    export_run(run, "timm", tmp_path / "out")
    record = json.loads((tmp_path / "out" / "preprocessing.json").read_text())
    assert record["input"]["shape"] == ["batch", 3, *SIZE]
    assert record["output"]["shape"] == ["batch", 8]
    data = (draw_posters(tmp_path / "made", 1, shape) / "posters" / "p0000.jpg").read_bytes()
    expected = decode_poster(data, SIZE).transpose(2, 0, 1)[None] / 255
    np.testing.assert_allclose(by_the_letter(data, record), expected, atol=1e-6)


@pytest.mark.usefixtures("any_program")
@pytest.mark.parametrize("target", ["timm", "onnx"])
def test_the_readmes_lines_read_a_file_as_we_do(target, tmp_path, monkeypatch):
    monkeypatch.setattr("keyart.runs.export.write_onnx", lambda embedder, file: file.write_text("a graph") and 0.0)
    monkeypatch.setattr("keyart.runs.export.TARGETS", {k: replace(v, check=lambda: None) for k, v in TARGETS.items()})
    run, _ = make_run(tmp_path / "run")
    export_run(run, target, tmp_path / "out")
    blocks = re.findall("```python\n(.*?)```", (tmp_path / "out" / "README.md").read_text(), re.DOTALL)
    (lines,) = [block.partition("import onnxruntime")[0] for block in blocks if "PIL" in block]
    monkeypatch.chdir(tmp_path)
    for shape in ((96, 144), (640, 1000)):
        data = (draw_posters(tmp_path / f"made{shape[0]}", 1, shape) / "posters" / "p0000.jpg").read_bytes()
        (tmp_path / "poster.jpg").write_bytes(data)
        exec(lines, known := {})
        np.testing.assert_allclose(known["images"], decode_poster(data, SIZE).transpose(2, 0, 1)[None] / 255, atol=1e-6)


@pytest.mark.usefixtures("without_program")
@pytest.mark.parametrize("case", ["linear", "linear, reduced", "tokens"])
@pytest.mark.parametrize("by", ["checkpoint", "folder"])
def test_timm_loads_the_backbone_and_the_head_follows(case, by, tmp_path):
    import timm

    run, embedder = make_run(tmp_path / "run", case)
    out = tmp_path / "out"
    summary = export_run(run, "timm", out)
    assert summary["files"] == [
        "config.json",
        "head.json",
        "head.safetensors",
        "model.safetensors",
        "preprocessing.json",
    ]
    config = json.loads((out / "config.json").read_text())
    if by == "checkpoint":
        model = timm.create_model(
            config["architecture"],
            num_classes=0,
            checkpoint_path=str(out / "model.safetensors"),
            **config.get("model_args", {}),
        )
    else:
        try:
            model = timm.create_model(f"local-dir:{out}", pretrained=True)
        except (ValueError, RuntimeError) as error:
            pytest.skip(f"this timm loads no folders: {error}")
    shown = images(3, seed=7)
    normal = json.loads((out / "preprocessing.json").read_text())["normalisation"]
    mean, std = (torch.tensor(normal[name]).view(1, 3, 1, 1) for name in ("mean", "std"))
    with torch.no_grad():
        features = model.eval()((shown - mean) / std)
        pooled = embedder.backbone(shown)
    np.testing.assert_allclose(features, pooled[:, : features.shape[1]], atol=1e-5)
    if case.startswith("linear"):
        head = build_head_from_description(json.loads((out / "head.json").read_text())["head"])
        head.load_state_dict(load_file(out / "head.safetensors"))
        with torch.no_grad():
            found = torch.nn.functional.normalize(head.eval()(features), dim=1)
            np.testing.assert_allclose(found, embedder(shown), atol=1e-5)


REFUSE = """
import sys

class Refuse:
    def find_spec(self, name, *given):
        if name.partition(".")[0] in ("keyart", "timm", "lightning"):
            raise ImportError(f"{name} is not here")

sys.meta_path.insert(0, Refuse())
"""
FOLLOW = """
import os, sys
import numpy as np

os.chdir({folder!r})
exec({lines!r}, known := {{}})
torch, given = known["torch"], np.load("images.npy")
out = {{f"embedder{{n}}": known["embed"](torch.from_numpy(given[:n])) for n in (1, 2, len(given))}}
if os.path.exists("head.pt2"):
    out["head"] = torch.export.load("head.pt2").module()(torch.from_numpy(np.load("features.npy")))
assert not any(name.startswith(("keyart", "timm")) for name in sys.modules)
np.savez("found.npz", **{{name: vectors.detach().numpy() for name, vectors in out.items()}})
"""


@pytest.fixture(scope="module")
def alone():
    """A process that cannot import keyart or timm."""
    with python(REFUSE) as run:
        yield run


@pytest.mark.slow
def test_a_program_does_it_all_without_us(exported, alone):
    """Run the README's five lines, from pixels to vectors, in a process that cannot import keyart or timm."""
    case, embedder, export = exported
    out, summary = export("timm")
    assert summary["difference"] <= 1e-4
    expected = {"README.md", "config.json", "embedder.pt2", "head.json", "head.safetensors", "model.safetensors"}
    expected |= {"preprocessing.json", *(["head.pt2"] if CASES[case][1] == "avg" else [])}
    assert set(summary["files"]) == expected
    use = json.loads((out / "preprocessing.json").read_text())["program"]["use"]
    assert len(use) == 5
    assert "\n".join(use) in (out / "README.md").read_text()
    shown = images(5, seed=7)
    with torch.no_grad():
        vectors, features = embedder(shown).numpy(), embedder.backbone(shown).numpy()
    np.save(out / "images.npy", shown.numpy())
    np.save(out / "features.npy", features)
    alone(FOLLOW.format(folder=str(out), lines="\n".join(use)))
    found = np.load(out / "found.npz")
    assert len(found.files) == 3 + ("head.pt2" in expected)
    for name in found.files:
        cosines = (found[name] * vectors[: len(found[name])]).sum(axis=1)
        assert cosines.min() >= 0.99999, name
        np.testing.assert_allclose(np.linalg.norm(found[name], axis=1), 1, atol=1e-5)


def test_what_pytorch_cannot_express_is_left_out_and_said(keyart, tmp_path, monkeypatch):
    run, _ = make_run(tmp_path / "run")

    def fail(*given, **named):
        raise RuntimeError("no such operator\nand more")

    monkeypatch.setattr(torch.export, "export", fail)
    code, shown, err = keyart("export", run.folder, "--to", "timm", "--out", tmp_path / "out")
    assert code == 0
    assert "embedder.pt2 is left out" in err
    assert "no such operator" in err
    assert len(err.splitlines()) == 1
    assert not list((tmp_path / "out").glob("*.pt2"))
    assert "model.safetensors" in shown
    assert "program" not in json.loads((tmp_path / "out" / "preprocessing.json").read_text())


@pytest.mark.usefixtures("any_program")
def test_somebodys_readme_stays(tmp_path):
    run, _ = make_run(tmp_path / "run")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "README.md").write_text("mine")
    assert "README.md" not in export_run(run, "timm", tmp_path / "out")["files"]
    assert (tmp_path / "out" / "README.md").read_text() == "mine"


@pytest.mark.usefixtures("any_program")
def test_an_export_that_fails_leaves_the_old_one(tmp_path, monkeypatch):
    run, _ = make_run(tmp_path / "run")
    out = tmp_path / "out"
    export_run(run, "timm", out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    def fail(*given):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("keyart.runs.export.write_json", fail)
    with pytest.raises(InputError, match="No space left"):
        export_run(run, "timm", out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "run"]


@pytest.mark.usefixtures("any_program")
def test_the_command(keyart, tmp_path):
    run, _ = make_run(tmp_path / "run")
    out = tmp_path / "new" / "out"
    code, shown, err = keyart("export", run.folder, "--to", "timm", "--out", out, "--json")
    assert code == 0, err
    assert json.loads(shown)["files"] == sorted(path.name for path in out.iterdir())
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_what_is_refused(keyart, tmp_path, monkeypatch):
    run, _ = make_run(tmp_path / "run")
    taken = tmp_path / "taken"
    taken.write_text("a file")
    refused(keyart("export", run.folder, "--to", "timm", "--out", taken), taken)
    refused(keyart("export", run.folder, "--to", "timm", "--out", taken / "below"), taken)
    refused(keyart("export", run.folder, "--to", "coreml", "--out", tmp_path / "out"), "coreml")
    refused(keyart("export", tmp_path / "none", "--to", "timm", "--out", tmp_path / "out"), "none")
    monkeypatch.setattr("keyart.models.export.onnx.NEEDS", ("onnx", "no_such_package"))
    refused(keyart("export", run.folder, "--to", "onnx", "--out", tmp_path / "out"), "no_such_package", ".[onnx]")
    assert not (tmp_path / "out").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "taken"]


def test_a_graph_that_differs_is_not_left_behind(traced, tmp_path, monkeypatch):
    class Session:
        def __init__(self, *given, **named):
            pass

        def run(self, names, inputs):
            return [np.zeros((len(inputs["images"]), 8), np.float32)]

    run, _ = make_run(tmp_path / "run")
    monkeypatch.setattr(traced, "InferenceSession", Session)
    with pytest.raises(InputError, match="differs"):
        export_run(run, "onnx", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.posters
@pytest.mark.slow
def test_real_posters_come_out_the_same(posters_dir, tmp_path):
    """Check the default backbone with trained weights and all kinds of pooling on twenty real posters."""
    pytest.importorskip("onnxscript")
    files = sorted((posters_dir / "posters").iterdir())[::280]
    size = (256, 176)
    shown = (
        torch.stack(
            [torch.from_numpy(decode_poster(path.read_bytes(), size).copy()).permute(2, 0, 1) for path in files]
        ).float()
        / 255
    )
    backbone = create_backbone("tf_efficientnet_lite0", pooling="multiscale", image_size=size)
    torch.manual_seed(0)
    head = build_head("ensemble", backbone.groups, 16, components=16, **EVERYTHING)
    genres = np.random.default_rng(0).random((len(files), 4)) < 0.4
    genres[:, 0] |= ~genres.any(1)
    embedder = Embedder(backbone, head).eval()
    with torch.no_grad():
        head.fit(torch.cat([backbone(part) for part in shown.split(8)]), genres)
        expected = torch.cat([embedder(part) for part in shown.split(8)]).numpy()
    run = Run.open(save_run(tmp_path / "run", embedder, "catalogue.csv", "posters", size))
    export_run(run, "onnx", tmp_path / "out")
    graph = open_graph(tmp_path / "out" / "embedder.onnx")
    found = np.concatenate([graph(part.numpy()) for part in shown.split(8)])
    np.testing.assert_allclose(found, expected, atol=1e-4, rtol=0)
