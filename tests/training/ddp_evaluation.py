"""One of several processes that train under DDP and evaluate.

``torchrun``'s variables identify the process, and the argument is the output path.
"""

import json
import os
import sys
from pathlib import Path

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


if __name__ == "__main__":
    torch.set_num_threads(1)
    found = run(sys.argv[1], strategy="ddp", devices=2)
    (Path(sys.argv[1]) / f"{os.environ['LOCAL_RANK']}.json").write_text(json.dumps(found))
