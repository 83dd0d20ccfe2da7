"""Fusing batch norms does not change the output."""

import pytest
import timm
import torch
from torch import nn

from keyart.models.fuse_conv_bn import folded


def with_lively_norms(model):
    generator = torch.Generator().manual_seed(0)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.copy_(0.2 * torch.randn(module.num_features, generator=generator))
            module.running_var.copy_(0.5 + torch.rand(module.num_features, generator=generator))
            module.weight.data.copy_(0.5 + torch.rand(module.num_features, generator=generator))
            module.bias.data.copy_(0.2 * torch.randn(module.num_features, generator=generator))
    return model.eval()


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "resnet18", "mobilenetv3_small_050"])
def test_the_outputs_stay_and_the_norms_go(name):
    model = with_lively_norms(timm.create_model(name, num_classes=0))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    images = torch.rand(2, 3, 64, 48)
    created = folded(model, images[:1])
    with torch.no_grad():
        torch.testing.assert_close(created(images), model(images), rtol=1e-3, atol=1e-4)
    assert not [module for module in created.modules() if isinstance(module, nn.BatchNorm2d)]
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_channels_last_stays():
    model = with_lively_norms(timm.create_model("resnet18", num_classes=0)).to(memory_format=torch.channels_last)
    created = folded(model, torch.rand(1, 3, 32, 32))
    kernels = [
        module.weight for module in created.modules() if isinstance(module, nn.Conv2d) and module.kernel_size[0] > 1
    ]
    assert all(kernel.is_contiguous(memory_format=torch.channels_last) for kernel in kernels)


def test_a_network_that_applies_its_parts_in_another_order_is_not_folded():
    class NormFirst(nn.Module):
        def __init__(self):
            super().__init__()
            self.convolution, self.norm = nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3)

        def forward(self, x):
            return self.convolution(self.norm(x)).mean((2, 3))

    model = with_lively_norms(NormFirst())
    images = torch.rand(2, 3, 8, 8)
    created = folded(model, images)
    with torch.no_grad():
        assert torch.equal(created(images), model(images))


def test_a_network_without_norms_is_a_copy():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).eval()
    created = folded(model, torch.rand(1, 3, 8, 8))
    assert created is not model
    created[0].weight.data.zero_()
    assert model[0].weight.abs().sum() > 0
