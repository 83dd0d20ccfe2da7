"""Counter-based random numbers: equal to the published generator, uniform and uncorrelated."""

import numpy as np
import torch

from keyart.images.counter_rng import _mix, _mix_number, text_keys, uniforms


def test_mixing_is_splitmix64():
    """The outputs equal the first outputs of the reference implementation for seed 1234567."""
    golden, state = 0x9E3779B97F4A7C15, 1234567
    expected = [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    states = [(state + i * golden) % 2**64 for i in range(6)]
    assert [_mix_number(s) for s in states[:5]] == expected
    signed = torch.tensor([s - 2**64 if s >= 2**63 else s for s in states[1:]])
    assert [n % 2**64 for n in _mix(signed).tolist()] == expected


def test_each_key_has_its_own_numbers_whatever_the_batch():
    keys = torch.tensor([5, -3, 2**62, 5])
    drawn = uniforms(keys, seed=3, epoch=2, count=4)
    assert drawn.shape == (4, 4)
    assert drawn[0].equal(drawn[3])
    for i in range(4):
        assert uniforms(keys[i : i + 1], seed=3, epoch=2, count=4)[0].equal(drawn[i])
        assert uniforms(keys[i : i + 1], seed=3, epoch=2, count=2)[0].equal(drawn[i, :2])


def test_seed_epoch_key_and_draw_all_matter():
    at = torch.arange(100)
    sets = [uniforms(at, s, e, 3).flatten().tolist() for s in range(3) for e in range(3)]
    numbers = [number for drawn in sets for number in drawn]
    assert len(set(numbers)) > 0.999 * len(numbers)


def test_numbers_are_uniform_and_uncorrelated():
    drawn = uniforms(torch.arange(20_000), seed=0, epoch=0, count=4).double()
    assert 0 <= drawn.min() < drawn.max() < 1
    counts = np.stack([np.histogram(column, bins=20, range=(0, 1))[0] for column in drawn.T.numpy()])
    assert (((counts - 1000) ** 2 / 1000).sum(1) < 43.8).all()  # chi-squared with 19 degrees of freedom, p = 0.001
    other = uniforms(torch.arange(20_000), seed=0, epoch=1, count=4).double()
    together = np.corrcoef(torch.cat([drawn, other], 1).T.numpy())
    assert np.abs(together - np.eye(8)).max() < 0.03


def test_text_keys():
    keys = text_keys(["tt0000001", "tt0000002", "é", "tt0000001"])
    assert keys.dtype == np.int64
    assert keys[0] == keys[3]
    assert len(set(keys.tolist())) == 3
    assert text_keys(["tt0000001"])[0] == int.from_bytes(
        __import__("hashlib").blake2b(b"tt0000001", digest_size=8).digest(), "little", signed=True
    )
