"""Dropout in several processes equals dropout in one process."""

import pytest
import torch

from keyart.models.heads.dropout import RowDropout, byte_dropout, rows_of_batch

SIZES = (4, 3, 3)


def row_dropout(values, dim):
    assert dim == 0
    return RowDropout(0.4)(values)


@pytest.mark.parametrize(
    ("drop", "shape", "dim"),
    [
        (row_dropout, (10, 7), 0),
        (lambda values, dim: byte_dropout(values, 0.4, True, dim=dim), (10, 7), 0),
        (lambda values, dim: byte_dropout(values, 0.4, True, dim=dim), (3, 10, 5), 1),
    ],
    ids=["row", "byte", "byte of an ensemble"],
)
def test_each_process_drops_in_its_rows_what_one_drops_there(drop, shape, dim):
    values = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    torch.manual_seed(0)
    alone = [drop(values, dim), drop(values, dim)]
    assert (alone[0] == 0).any()
    for rank in range(3):
        rows = torch.arange(rank, 10, 3)
        torch.manual_seed(0)
        with rows_of_batch(rank, SIZES):
            mine = [drop(values.index_select(dim, rows), dim) for _ in range(2)]
        for one, all_rows in zip(mine, alone, strict=True):
            torch.testing.assert_close(one, all_rows.index_select(dim, rows))


def test_in_one_process_it_is_torchs():
    values = torch.randn(8, 4)
    torch.manual_seed(0)
    expected = torch.nn.functional.dropout(values, 0.4)
    torch.manual_seed(0)
    with rows_of_batch(0, (8,)):
        assert torch.equal(RowDropout(0.4)(values), expected)


def test_evaluation_drops_nothing_and_rows_must_be_those_of_the_process():
    values = torch.ones(3, 4)
    with rows_of_batch(0, (2, 2)):
        assert torch.equal(RowDropout(0.4).eval()(values), values)
        assert torch.equal(byte_dropout(values, 0.4, False), values)
        with pytest.raises(ValueError, match="3 rows, but process 0 has 2"):
            byte_dropout(values, 0.4, True)
