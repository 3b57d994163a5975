"""Settings as command-line options, made from the one table of settings."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from proxy.index.default import default_upstream
from proxy.settings import TABLE, Setting, read_settings

Command = TypeVar("Command", bound=Callable[..., Any])


def settings_options(*names: str) -> Callable[[Command], Command]:
    """Add `--config` and the named settings (all of them where none is named) to a command.

    The command receives one keyword argument, `settings`.
    """
    chosen = [setting for setting in TABLE if not names or setting.name in names]

    def decorate(command: Command) -> Command:
        def call(*args: Any, config: Path | None, **kwargs: Any) -> Any:
            flags = {
                setting.name: text
                for setting in chosen
                if (text := _as_text(kwargs.pop(setting.name))) is not None
            }
            settings = read_settings(
                file=config,
                environment=os.environ,
                flags=flags,
                default_upstream=default_upstream,
            )
            return command(*args, settings=settings, **kwargs)

        call.__doc__ = command.__doc__
        call.__name__ = command.__name__
        wrapped: Any = call
        wrapped.__click_params__ = getattr(command, "__click_params__", [])
        for setting in reversed(chosen):
            wrapped = _option(setting)(wrapped)
        config_option = click.option(
            "--config",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            envvar="PRATIQUE_CONFIG",
            help="Settings file (TOML); the keys are the option names with '_'.",
        )
        result: Command = config_option(wrapped)
        return result

    return decorate


def _option(setting: Setting) -> Callable[[Any], Any]:
    # The environment is read by read_settings, which names every problem at once; click only
    # shows the variable.
    shown = f"{setting.help} [{setting.variable}]"
    if setting.flag:
        return click.option(
            setting.option,
            setting.name,
            is_flag=True,
            default=None,
            help=shown,
            hidden=setting.hidden,
        )
    return click.option(
        setting.option,
        setting.name,
        default=None,
        metavar=setting.metavar,
        help=f"{shown}{f' Default: {setting.default}.' if setting.default else ''}",
        hidden=setting.hidden,
    )


def _as_text(value: object) -> str | None:
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)
