"""How configuration files are read: one YAML file, the environment over it, and errors that name the key.

The agent and the gateway share it. It needs pydantic, which the `config` extra brings; nothing else in here does.
"""

from __future__ import annotations

import difflib
import os
import types
import typing
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from orchestrator.errors import ConfigError

# Pydantic's own engine compiles \w{1,64} into megabytes: a gateway process took 20 MB more. Patterns end in \Z for this
# one, because its $ lets a newline follow.
_REGEX_ENGINE: Final = "python-re"


class Section(BaseModel):
    """A part of a file. A key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, regex_engine=_REGEX_ENGINE)


class TelemetrySection(Section):
    """Where traces go. Without an endpoint there are none."""

    otlp_endpoint: Annotated[str, Field(pattern=r"^https?://[^\s/]+/?$")] | None = None
    """An OTLP collector that speaks gRPC: `http://127.0.0.1:4317`; `https` for TLS."""


class Settings(BaseSettings):
    """A whole file. A subclass sets `env_prefix` in its `model_config`, and names the page that lists its keys."""

    model_config = SettingsConfigDict(regex_engine=_REGEX_ENGINE)
    reference: ClassVar[str]
    """The page that lists every key."""
    other_variables: ClassVar[Collection[str]] = ()
    """Environment variables, or their beginnings, that share the prefix and are somebody else's."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file, which arrives as init settings."""
        return env_settings, init_settings

    @classmethod
    def read(cls, file: Path | None) -> Self:
        """Read `file`, or nothing, and the environment over it.

        Raises:
            ConfigError: the file is missing or broken, a key is unknown, or a value does not fit; names the key.
        """
        values = {} if file is None else _read(file)
        origin = str(file) if file is not None else "the environment"
        cls._check_environment()
        try:
            return cls(**values)
        except ValidationError as error:
            raise ConfigError(_explain(error, origin, cls), remedy=f"{cls.reference} lists every key") from None
        except SettingsError as error:
            raise ConfigError(f"the environment: {error}", remedy="lists and mappings are given as JSON") from None

    @classmethod
    def _check_environment(cls) -> None:
        """An environment variable that looks like ours and is not is a typing error, not a wish."""
        prefix = cls.model_config.get("env_prefix", "")
        known = {f"{prefix}{name}".upper() for name in cls.model_fields}
        for name in os.environ:
            ours = name.startswith(prefix) and not name.startswith(tuple(cls.other_variables))
            if ours and name.split("__")[0] not in known:
                raise ConfigError(f"the environment variable {name} is unknown", remedy=nearest(name, known))


def _read(file: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"there is no configuration file {file}", remedy="name another") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"the configuration file {file} cannot be read: {reason}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        raise ConfigError(f"the configuration file {file} is not YAML{where}") from None
    except (ValueError, AttributeError, RecursionError):
        # What PyYAML lets through of its own: a date that is none, a tag that does not fit, thousands of brackets.
        raise ConfigError(f"the configuration file {file} has a value that cannot be") from None
    if not isinstance(values, dict | None):
        raise ConfigError(f"the configuration file {file} is not a mapping of keys to values")
    return {str(key): value for key, value in (values or {}).items()}


def _explain(error: ValidationError, origin: str, root: type[BaseModel]) -> str:
    """What is wrong, naming the key and never its value. An unknown key explains a missing one, so it comes first."""
    faults = error.errors(include_input=False, include_url=False)
    fault = min(faults, key=lambda found: found["type"] != "extra_forbidden")
    key = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        *parents, name = fault["loc"]
        return f"{origin}: the key '{key}' is unknown; {nearest(str(name), _known_keys(parents, root))}"
    if fault["type"] == "missing":
        return f"{origin}: the key '{key}' is missing"
    words = fault["msg"].removeprefix("Value error, ")
    return f"{origin}: '{key}': {words}" if key else f"{origin}: {words}"


def _known_keys(parents: Sequence[str | int], root: type[BaseModel]) -> set[str]:
    """The keys of the section at the end of `parents`; numbers are places in a list, and mappings have names of the
    user's own."""
    kind: Any = root
    for name in parents:
        if section := _section(kind):
            kind = section.model_fields[str(name)].annotation
        else:
            kind = next(inner for inner in reversed(typing.get_args(kind)) if inner not in (None, type(None), ...))
    return set(section.model_fields) if (section := _section(kind)) else set()


def _section(kind: Any) -> type[BaseModel] | None:
    """The section that an annotation stands for, itself or as an option; None for lists and mappings of sections."""
    kinds = [kind] if isinstance(kind, type) else typing.get_args(kind) if _is_union(kind) else []
    return next((one for one in kinds if isinstance(one, type) and issubclass(one, BaseModel)), None)


def _is_union(kind: Any) -> bool:
    return typing.get_origin(kind) in (typing.Union, types.UnionType)


def nearest(name: str, known: Collection[str]) -> str:
    """The words that lead from an unknown name to the known one that was probably meant."""
    close = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.4)
    return f"did you mean '{close[0]}'?" if close else f"known are: {', '.join(sorted(known))}"
