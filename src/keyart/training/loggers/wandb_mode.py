"""Whether a run can be logged to W&B's server, or is better logged offline."""

from typing import Literal, cast, get_args

from keyart.errors import InputError
from keyart.utils.network import wandb_account, why_unreachable

Mode = Literal["online", "offline", "disabled"]
#: Other words that W&B's own settings know.
_ALSO = {"run": "online", "dryrun": "offline", "shared": "online"}


def choose_mode(wanted: str = "auto") -> tuple[Mode, str | None]:
    """The mode to log in, and why it is not online.

    ``auto`` takes the mode that was set from outside (``WANDB_MODE``, ``wandb offline``); else it is online where one
    is logged in and the server answers within 3 seconds, and offline elsewhere.

    Args:
        wanted: ``auto``, ``online``, ``offline`` or ``disabled``.

    Raises:
        InputError: Another word, or ``online`` without a login.
    """
    if wanted not in ("auto", *get_args(Mode)):
        raise InputError(f"logger.wandb.mode={wanted}: choose one of auto, {', '.join(get_args(Mode))}")
    account = wandb_account()
    if wanted == "online" and account.source is None:
        raise InputError(
            f"logger.wandb.mode=online: not logged in to {account.host}; run wandb login, or set logger.wandb.mode=auto"
        )
    if wanted != "auto":
        return cast(Mode, wanted), None
    outside = _ALSO.get(account.mode or "", account.mode)
    if outside in ("offline", "disabled"):
        return cast(Mode, outside), f"W&B is set to {account.mode}"
    if account.source is None:
        return "offline", f"not logged in to {account.host}: wandb login"
    why = why_unreachable(account.host)
    return ("online", None) if why is None else ("offline", f"{account.host} cannot be reached: {why}")
