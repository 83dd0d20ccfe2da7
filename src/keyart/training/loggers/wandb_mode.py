"""Choice of the W&B mode: online if the server can be used, otherwise offline."""

from typing import Literal, cast, get_args

from keyart.errors import InputError
from keyart.utils.network import unreachable_reason, wandb_account

Mode = Literal["online", "offline", "disabled"]
#: Synonyms of the modes in W&B's own settings.
_ALSO = {"run": "online", "dryrun": "offline", "shared": "online"}


def choose_mode(requested: str = "auto") -> tuple[Mode, str | None]:
    """Return the mode to log in, and the reason if it is not online.

    ``auto`` uses the mode that is set outside keyart (``WANDB_MODE``, ``wandb offline``). Otherwise it is online if the
    user is logged in and the server answers within 3 seconds, and offline if not.

    Args:
        requested: ``auto``, ``online``, ``offline`` or ``disabled``.
    """
    if requested not in ("auto", *get_args(Mode)):
        raise InputError(f"logger.wandb.mode={requested}: choose one of auto, {', '.join(get_args(Mode))}")
    account = wandb_account()
    if requested == "online" and account.source is None:
        raise InputError(
            f"logger.wandb.mode=online: not logged in to {account.host}; run wandb login, or set logger.wandb.mode=auto"
        )
    if requested != "auto":
        return cast(Mode, requested), None
    outside = _ALSO.get(account.mode or "", account.mode)
    if outside in ("offline", "disabled"):
        return cast(Mode, outside), f"W&B is set to {account.mode}"
    if account.source is None:
        return "offline", f"not logged in to {account.host}: wandb login"
    why = unreachable_reason(account.host)
    return ("online", None) if why is None else ("offline", f"{account.host} cannot be reached: {why}")
