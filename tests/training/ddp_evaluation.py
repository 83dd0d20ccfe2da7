"""One of two processes that train under DDP and evaluate."""

import json
import os

import torch
from lightning.pytorch import Trainer

from tests.training.small import SmallData, SmallModule, evaluation


def run(folder, **options):
    """Train two epochs and return what the last validation and test logged."""
    torch.manual_seed(0)
    callback = evaluation()
    trainer = Trainer(
        max_epochs=2,
        accelerator="cpu",
        callbacks=[callback],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        **options,
    )
    module = SmallModule()
    trainer.fit(module, SmallData())
    logged = {k: float(v) for k, v in trainer.callback_metrics.items()}
    trainer.test(module, SmallData(), verbose=False)
    return logged | {k: float(v) for k, v in trainer.callback_metrics.items()}


def work(rank, folder, port):
    """Run as one of the two processes that torchrun starts, and write what was logged."""
    ranks = {"RANK": rank, "LOCAL_RANK": rank, "GROUP_RANK": 0, "LOCAL_WORLD_SIZE": 2, "WORLD_SIZE": 2, "NODE_RANK": 0}
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "TORCHELASTIC_RUN_ID": "test"}
    os.environ |= {name: str(value) for name, value in (ranks | meeting).items()}
    torch.set_num_threads(1)
    (folder / f"{rank}.json").write_text(json.dumps(run(folder, strategy="ddp", devices=2)))
