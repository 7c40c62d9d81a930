"""Grad-CAM."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import skipline
from skipline.evaluate.grad_cam import cam_site, grad_cam
from skipline.nn import ResidualNet


def seeded(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def net() -> ResidualNet:
    network = skipline.describe("cifar_resnet8", num_classes=3)
    return skipline.build(network, seed=0).eval()


@pytest.mark.parametrize("name", ["cifar_resnet8", "cifar_preresnet20"])
def test_before_a_global_average_it_is_the_class_activation_map(name: str) -> None:
    """∂y_k / ∂A_c is W_kc / (H W) everywhere, so L = relu(Σ_c W_kc A_c) / (H W) (arXiv 1610.02391, section 3.1)."""
    net = skipline.build(skipline.describe(name, num_classes=3), seed=0).eval()
    images, classes = seeded(4, 3, 16, 16), torch.tensor([0, 1, 2, 1])
    found = grad_cam(net, images, classes, site=cam_site(net.network))
    kept: list[Tensor] = []
    net.get_submodule("head.pool").register_forward_pre_hook(lambda _module, inputs: kept.append(inputs[0]))
    net(images)
    weights = net.get_parameter("head.linear.weight")[classes]
    expected = torch.einsum("nc,nchw->nhw", weights, kept[0]).clamp_min(0) / kept[0][0, 0].numel()
    assert found.shape == (4, 4, 4)
    assert expected.max() > 0
    torch.testing.assert_close(found, expected.detach(), rtol=1e-4, atol=1e-6)


def test_an_image_alone_decides_its_map(net: ResidualNet) -> None:
    images, classes = seeded(3, 3, 16, 16), torch.tensor([0, 1, 2])
    together = grad_cam(net, images, classes, site="stage2")
    for index in range(3):
        alone = grad_cam(net, images[index : index + 1], classes[index : index + 1], site="stage2")
        torch.testing.assert_close(alone[0], together[index], rtol=1e-4, atol=1e-6)


class InPlace(nn.Module):
    """Somebody else's: its rectifier overwrites what the convolution gave, and its weights are frozen."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 1, bias=False).requires_grad_(False)
        self.conv.weight.copy_(torch.tensor([1.0, -1.0]).view(2, 1, 1, 1))
        self.act = nn.ReLU(inplace=True)

    def forward(self, images: Tensor) -> Tensor:
        return self.act(self.conv(images)).sum(dim=(2, 3))


def test_any_module_by_hand() -> None:
    """A = (x, −x) for x = (1, −2), and y_0 = Σ relu(x): ∂y_0 / ∂A_0 = (1, 0), so α = (½, 0) and L = relu(½ x)."""
    net = InPlace().eval()
    found = grad_cam(net, torch.tensor([[[[1.0, -2.0]]]]), torch.tensor([0]), site="conv")
    assert found.tolist() == [[[0.5, 0.0]]]
    assert not net.conv._forward_hooks


@pytest.mark.parametrize(
    ("site", "message"),
    [("nowhere", "the net has no module 'nowhere'"), ("head.linear", r"shape \(1, 3\); expected a map")],
)
def test_what_has_no_map_is_said(net: ResidualNet, site: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        grad_cam(net, seeded(1, 3, 16, 16), torch.tensor([0]), site=site)
    assert not any(module._forward_hooks for module in net.modules())


def test_a_net_in_training_is_refused(net: ResidualNet) -> None:
    with pytest.raises(ValueError, match=r"Call net\.eval\(\) first"):
        grad_cam(net.train(), seeded(1, 3, 16, 16), torch.tensor([0]), site="stage1")
