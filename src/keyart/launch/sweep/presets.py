"""Presets of Hydra plugins."""


def prefer_own_presets() -> None:
    """Have ``hydra/sweeper=optuna`` mean the file in ``conf/``, not the plugin's own entry of that name.

    Hydra takes the entry for the file's schema, and refuses the file for it.
    """
    from hydra.core.config_store import ConfigStore
    from hydra.core.plugins import Plugins

    Plugins.instance()  # plugins make their entries when they are looked for, which happens once
    ConfigStore.instance().repo.get("hydra", {}).get("sweeper", {}).pop("optuna.yaml", None)
