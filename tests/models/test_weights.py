"""Weights come only from the requested source, with strict checks."""

import socket
import time

import pytest
import torch
from safetensors.torch import save_file

from keyart.errors import InputError
from keyart.models.backbone_factory import check_backbone, create_backbone
from keyart.models.weights import digest, load_by_position, locate_weights, packaged_file, reachable, read_state_dict

SIZE = (64, 48)


@pytest.fixture
def no_hub(monkeypatch, tmp_path):
    """Provide an endpoint that accepts connections but never answers, and an empty cache."""
    from huggingface_hub import constants

    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
        monkeypatch.setattr("huggingface_hub.file_download.constants.HF_HUB_CACHE", str(tmp_path))
        yield tmp_path


def test_the_default_models_weights_come_with_a_package_and_load_strictly():
    backbone = create_backbone("tf_efficientnet_lite0.in1k", "pretrained", image_size=SIZE)
    given = torch.load(packaged_file("tf_efficientnet_lite0"), weights_only=True)
    ours = backbone.model.state_dict()
    assert len(given) == 296
    for (theirs, value), (key, loaded) in zip(given.items(), ours.items(), strict=False):
        assert torch.equal(value, loaded), (theirs, key)
    assert len(ours) == 294
    assert backbone.mean.flatten().tolist() == backbone.std.flatten().tolist() == [0.5] * 3


@pytest.mark.parametrize("n", [1, 2])
def test_the_larger_ones_too(n):
    name = f"tf_efficientnet_lite{n}"
    first = next(iter(torch.load(packaged_file(name), weights_only=True).values()))
    assert torch.equal(create_backbone(name, "pretrained", image_size=SIZE).model.conv_stem.weight, first)


def test_loading_by_position_refuses_what_does_not_fit(tmp_path):
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(3, 2))
    good = {f"x{i}.{key.rpartition('.')[2]}": value + 1 for i, (key, value) in enumerate(model.state_dict().items())}
    bad_shape = {**good, "x0.weight": torch.zeros(4, 2)}
    bad_name = {("x0.bias" if key == "x0.weight" else key): value for key, value in good.items()}
    short = dict(list(good.items())[:-1])
    for state, summary in (
        (bad_shape, "4×2 does not fit 0.weight 3×2"),
        (bad_name, "x0.bias"),
        (short, "holds 3 tensors"),
    ):
        with pytest.raises(InputError, match=summary):
            load_by_position(model, state, tmp_path / "w.pth")
    load_by_position(model, good, tmp_path / "w.pth")
    assert torch.equal(model[1].bias, good["x3.bias"])


def test_a_hub_that_does_not_answer_stops_within_seconds(no_hub):
    name = "resnet18.a1_in1k"
    start = time.monotonic()
    with pytest.raises(InputError) as caught:
        create_backbone(name, "pretrained", image_size=SIZE)
    assert time.monotonic() - start < 8
    summary = str(caught.value)
    assert all(part in summary for part in (name, "model.weights=<file>", "efficientnet_lite0", "model.weights=none"))
    assert "\n" not in summary


def test_a_cached_hub_file_is_used_without_the_hub(no_hub):
    import timm

    torch.manual_seed(3)
    model = timm.create_model("test_resnet")
    repository = no_hub / "models--timm--test_resnet.r160_in1k"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("abc")
    (repository / "snapshots" / "abc").mkdir(parents=True)
    save_file(model.state_dict(), repository / "snapshots" / "abc" / "model.safetensors")
    assert locate_weights("test_resnet", "pretrained").kind == "cached"
    loaded = create_backbone("test_resnet", "pretrained", image_size=SIZE).model.state_dict()
    assert all(torch.equal(value, model.state_dict()[key]) for key, value in loaded.items())


def test_offline_mode_and_missing_weights_are_reported(no_hub, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    start = time.monotonic()
    with pytest.raises(InputError, match="HF_HUB_OFFLINE"):
        create_backbone("resnet18", "pretrained")
    assert time.monotonic() - start < 2
    with pytest.raises(InputError, match=r"timm has no weights for cspresnet50d; .* such as efficientnet_lite0"):
        check_backbone("cspresnet50d", "pretrained")


def test_a_server_that_answers_is_reachable(no_hub):
    import http.server
    import threading

    with http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert reachable(f"http://127.0.0.1:{server.server_port}/nothing-here")
        server.shutdown()
    assert not reachable("http://127.0.0.1:1/")


@pytest.mark.parametrize("kind", ["safetensors", "pth", "wrapped"])
def test_weights_from_a_file(tmp_path, kind):
    import timm

    torch.manual_seed(1)
    state = timm.create_model("test_resnet").state_dict()
    path = tmp_path / ("w.safetensors" if kind == "safetensors" else "w.pth")
    if kind == "safetensors":
        save_file(state, path)
    else:
        torch.save({"state_dict": state} if kind == "wrapped" else state, path)
    torch.manual_seed(2)
    loaded = create_backbone("test_resnet", str(path), image_size=SIZE).model.state_dict()
    assert all(torch.equal(value, state[key]) for key, value in loaded.items())


def test_a_file_without_classifier_will_do_and_one_that_misses_more_will_not(tmp_path):
    backbone = create_backbone("test_resnet", "none", image_size=SIZE)
    state = {key: value.contiguous() for key, value in backbone.model.state_dict().items()}
    save_file(state, tmp_path / "bare.safetensors")
    again = create_backbone("test_resnet", str(tmp_path / "bare.safetensors"), image_size=SIZE)
    assert digest(again) == digest(backbone)

    first = next(iter(state))
    wrong = {key: value for key, value in state.items() if key != first} | {"extra": torch.zeros(1)}
    wrong["layer1.0.conv1.weight"] = torch.zeros(1, 2)
    save_file(wrong, tmp_path / "wrong.safetensors")
    with pytest.raises(InputError) as caught:
        create_backbone("test_resnet", str(tmp_path / "wrong.safetensors"), image_size=SIZE)
    summary = str(caught.value)
    assert all(
        part in summary for part in (f"1 missing ({first})", "1 unexpected (extra)", "1 of another shape", "1×2")
    )


@pytest.mark.parametrize("content", [b"not weights at all", b""])
def test_a_file_that_holds_no_weights_is_reported(tmp_path, content):
    for name in ("w.pth", "w.safetensors"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=name):
            read_state_dict(tmp_path / name)
    with pytest.raises(InputError, match="no such file"):
        create_backbone("test_resnet", str(tmp_path / "none.pth"))


def test_random_weights_only_when_asked_for_and_they_follow_the_seed():
    created = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        created.append(digest(create_backbone("test_resnet", "none", image_size=SIZE)))
    assert created[0] == created[1] != created[2]


@pytest.mark.posters
def test_pretrained_weights_see_differences_between_posters(posters_dir):
    """Check that pooled features of real posters vary far more with loaded weights than with random ones."""
    import numpy as np
    from PIL import Image

    files = sorted((posters_dir / "posters").glob("*.jpg"))[:8]
    pixels = np.stack([np.asarray(Image.open(f).convert("RGB").resize((88, 128))) for f in files])
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255

    def mean_cosine(weights: str) -> float:
        torch.manual_seed(0)
        with torch.no_grad():
            rows = torch.nn.functional.normalize(
                create_backbone("tf_efficientnet_lite0", weights, image_size=(128, 88))(images), dim=1
            )
        return float((rows @ rows.T).triu(1).sum() / 28)

    assert mean_cosine("pretrained") < 0.6 < 0.9 < mean_cosine("none")
