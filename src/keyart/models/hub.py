"""Folders on the Hugging Face hub, such as `huggingface_hub.upload_folder` uploads."""

from pathlib import Path

from keyart.errors import InputError
from keyart.utils.paths import user_path

PREFIX = "hf-hub:"
_LEFT_OUT = ["checkpoints/*", ".hydra/*", "*.ckpt", "*.py", "*.pkl", "*.bin", "*.pt", "*.html", "*.log"]
"""Files that keyart does not read."""


def local_folder(folder: Path | str) -> Path:
    """Return a folder's path; one on the hub, ``hf-hub:user/name`` or ``hf-hub:user/name@revision``, is downloaded.

    Raises:
        InputError: The hub has no such folder, or it cannot be reached and the folder is not in its cache.
    """
    text = str(folder)
    if not text.startswith(PREFIX):
        return user_path(folder)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    name, _, revision = text.removeprefix(PREFIX).partition("@")
    try:
        return Path(snapshot_download(name, revision=revision or None, ignore_patterns=_LEFT_OUT))
    except HFValidationError:
        raise InputError(f"{text}: not a name on the hub; write {PREFIX}user/name") from None
    except LocalEntryNotFoundError:
        raise InputError(
            f"{text}: the hub cannot be reached, and its cache lacks it; try again, or name a folder"
        ) from None
    except (HfHubHTTPError, OSError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise InputError(f"{text}: the hub refuses it ({reason}); check the name, and HF_TOKEN if private") from None
