"""What a job asks of a cluster, by name: profiles in the user's file `~/.config/wlasl-bench/profiles.toml`.

`[default]` holds for every job and `[name]` over it; `--resource key=value` has the last word.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from utils.errors import BenchError
from utils.names import lookup, nearest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DEFAULT = "default"

_TIME = re.compile(r"(?:(?P<days>\d+)-)?(?P<clock>\d+(?::\d+){0,2})")
_UNITS = {"": 1.0, "K": 1 / 1024, "M": 1.0, "G": 1024.0, "T": 1024.0 * 1024}
_MEMORY = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?", re.IGNORECASE)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _words(value: object) -> object:
    """Split `a, b` as it is typed on a command line; lists stay as they are."""
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


def _line(value: object) -> object:
    """Take one line for a list of lines."""
    return (value,) if isinstance(value, str) else value


def _text(value: object) -> object:
    """Take a number for its digits: `time = 90` and `memory = 8000` mean what they say."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Text = Annotated[str, BeforeValidator(_text)]


class Profile(BaseModel):
    """What a job asks of a cluster; whatever is left out is the site's own default."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    partition: str | None = Field(default=None, description="partition, or several with commas")
    account: str | None = Field(default=None, description="account that is charged")
    qos: str | None = Field(default=None, description="quality of service")
    time: Text = Field(default="4:00:00", description="limit of one attempt: minutes, H:MM:SS or D-HH:MM:SS")
    gpus: Text | None = Field(default=None, description="GPUs per node: 2, or a100:2")
    cpus: int | None = Field(default=None, ge=1, description="cores per process")
    memory: Text | None = Field(default=None, description="per node: 16G, or in MiB")
    constraint: str | None = Field(default=None, description="features that a node has")
    nodes: int = Field(default=1, ge=1, description="nodes of one run")
    tasks_per_node: int | None = Field(
        default=None, ge=1, description="processes per node; none: one per GPU, at least one"
    )
    exclude: str | None = Field(default=None, description="nodes to keep away from")
    modules: Annotated[tuple[str, ...], BeforeValidator(_words)] = Field(
        default=(), description="environment modules to load"
    )
    setup: Annotated[tuple[str, ...], BeforeValidator(_line)] = Field(
        default=(), description="lines of shell before the run"
    )
    environment: dict[str, Text] = Field(default={}, description="variables of the run")
    parallel: int | None = Field(default=None, ge=1, description="runs at a time; locally 1 unless set")
    signal_seconds: int = Field(default=90, ge=10, description="warning before the time limit")
    requeues: int = Field(default=100, ge=0, description="how often a job may go back into the queue")
    array_size: int | None = Field(
        default=None, ge=1, description="runs per job array; none: the site's limit"
    )

    @field_validator("time")
    @classmethod
    def _is_a_time(cls, value: str) -> str:
        """Refuse what Slurm would not read as a time."""
        if _TIME.fullmatch(value) is None or minutes(value) < 1:
            raise ValueError(f"time={value!r} is none: give minutes, H:MM:SS or D-HH:MM:SS")
        return value

    @field_validator("memory")
    @classmethod
    def _is_an_amount(cls, value: str | None) -> str | None:
        """Refuse what is no amount of memory."""
        if value is not None and (_MEMORY.fullmatch(value) is None or mebibytes(value) < 1):
            raise ValueError(f"memory={value!r} is no amount: give 16G, 900M or MiB")
        return value

    @field_validator("gpus")
    @classmethod
    def _are_gpus(cls, value: str | None) -> str | None:
        """Refuse what is neither a number of GPUs nor a kind and a number."""
        if value is not None and re.fullmatch(r"(?:[A-Za-z0-9_.-]+:)?\d+", value) is None:
            raise ValueError(f"gpus={value!r} is none: give 2, or a100:2")
        return None if value in {"0", None} else value

    @field_validator("environment")
    @classmethod
    def _are_variables(cls, value: dict[str, str]) -> dict[str, str]:
        """Refuse names that no shell takes."""
        for name in value:
            if _VARIABLE.fullmatch(name) is None:
                raise ValueError(f"environment has {name!r}, which is no name of a variable")
        return value

    @model_validator(mode="after")
    def _is_warned_in_time(self) -> Profile:
        """Refuse a warning that would come as soon as the job starts, again and again."""
        if self.signal_seconds >= 60 * minutes(self.time):
            what = f"signal_seconds={self.signal_seconds} leaves nothing of time={self.time!r}"
            raise ValueError(f"{what}: give less, or more time")
        return self

    @property
    def gpu_count(self) -> int:
        """Return the GPUs per node."""
        return int((self.gpus or "0").rpartition(":")[2])

    @property
    def processes_per_node(self) -> int:
        """Return the processes per node: one per GPU unless the profile says otherwise."""
        return self.tasks_per_node or max(1, self.gpu_count)

    @property
    def processes(self) -> int:
        """Return the processes of one run."""
        return self.nodes * self.processes_per_node


KEYS = tuple(Profile.model_fields)
"""What a profile can say."""


def minutes(time: str) -> int:
    """Return a time of Slurm's in whole minutes, rounded up: minutes, M:S, H:M:S, D-H, D-H:M or D-H:M:S."""
    match = _TIME.fullmatch(time)
    if match is None:
        return 0
    numbers = [int(part) for part in match["clock"].split(":")]
    if match["days"] is not None:
        hours, mins, seconds = [*numbers, 0, 0][:3]
        hours += 24 * int(match["days"])
    elif len(numbers) == 3:  # noqa: PLR2004 - hours, minutes, seconds
        hours, mins, seconds = numbers
    else:
        hours, (mins, seconds) = 0, [*numbers, 0][:2]
    return 60 * hours + mins + -(-seconds // 60)


def mebibytes(memory: str) -> int:
    """Return an amount of memory in MiB, rounded down; without a unit it is MiB already, as in Slurm."""
    match = _MEMORY.fullmatch(memory)
    return int(float(match[1]) * _UNITS[match[2].upper()]) if match else 0


def profiles_file() -> Path:
    """Return where the user's profiles lie: under XDG_CONFIG_HOME, else under ~/.config."""
    told = os.environ.get("XDG_CONFIG_HOME")
    home = Path(told) if told else Path("~/.config").expanduser()
    return home / "wlasl-bench" / "profiles.toml"


def profile(name: str | None = None, file: Path | None = None, resources: Iterable[str] = ()) -> Profile:
    """Return a profile of the user's file, with resources from the command line over it.

    Args:
        name: of a table of the file; None for `[default]` alone.
        file: the file; None for the usual place, which may be absent as long as no name is given.
        resources: words such as `time=2:00:00` or `environment.OMP_NUM_THREADS=4`.

    Raises:
        BenchError: no such file or profile, a key that profiles do not have, or a value that it cannot have.
    """
    path = file or profiles_file()
    tables = _read(path) if file or name or path.exists() else {}
    layers = [_table(DEFAULT, tables.get(DEFAULT, {}), path)]
    if name and name != DEFAULT:
        layers.append(_table(name, lookup(f"profile in {path}", name, tables), path))
    return _checked(_laid(*layers, _resources(resources)), f"The profile {name or DEFAULT!r}")


def revised(profile: Profile, resources: Iterable[str]) -> Profile:
    """Return a profile with resources from the command line over it.

    Raises:
        BenchError: a key that profiles do not have, or a value that it cannot have.
    """
    return _checked(_laid(profile.model_dump(exclude_defaults=True), _resources(resources)), "The profile")


def restored(fields: Mapping[str, Any]) -> Profile:
    """Return a profile from its fields, as a plan holds them.

    Raises:
        BenchError: they are none.
    """
    return _checked(dict(fields), "The plan's profile")


def _read(path: Path) -> dict[str, Any]:
    """Read the tables of a file of profiles."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BenchError(
            f"There is no file of profiles {path}. docs/SLURM.md shows what it holds."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BenchError(f"{path} is not a TOML file: {error}.") from error
    except OSError as error:
        raise BenchError(f"Cannot read {path}: {error.strerror}.") from error
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise BenchError(f"{path}: {name} stands outside a profile. Put it under [{DEFAULT}].")
        for key in table:
            _known(key, f"{path}, profile {name}: ")
    return tables


def _table(name: str, table: object, path: Path) -> dict[str, Any]:
    """Return a profile's own keys."""
    if not isinstance(table, dict):
        raise BenchError(f"{path}: {name} is no profile. Write [{name}] and its keys below it.")
    return dict(table)


def _known(key: str, where: str = "") -> None:
    """Refuse a key that profiles do not have, with the nearest right ones."""
    if key not in KEYS:
        raise BenchError(f"{where}a profile has no {key!r}. {nearest(key, KEYS)}")


def _resources(words: Iterable[str]) -> dict[str, Any]:
    """Turn `key=value` words into the fields of a profile; `none` stands for the site's default."""
    fields: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise BenchError(f"--resource takes key=value, not {word!r}. Keys: {', '.join(KEYS)}.")
        key, _, variable = key.strip().partition(".")
        _known(key)
        if key == "environment":
            if not variable:
                raise BenchError("--resource sets a variable by environment.NAME=value.")
            fields.setdefault("environment", {})[variable] = value
        else:
            fields[key] = None if value.strip().lower() == "none" else value.strip()
    return fields


def _laid(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Lay profiles over each other: a later value replaces an earlier, variables are joined."""
    fields: dict[str, Any] = {}
    for layer in layers:
        before, over = fields.get("environment"), layer.get("environment")
        fields.update(layer)
        if isinstance(before, dict) and isinstance(over, dict):
            fields["environment"] = {**before, **over}
    return fields


def _checked(fields: dict[str, Any], what: str) -> Profile:
    """Build a profile, and turn pydantic's findings into sentences."""
    for key in fields:
        _known(key)
    # Without a value a key means what it means when it is left out.
    kept = {key: value for key, value in fields.items() if value is not None}
    try:
        return Profile.model_validate(kept)
    except ValidationError as error:
        sentences = " ".join(_sentence(detail) for detail in error.errors())
        raise BenchError(f"{what} is not right. {sentences}") from error


def _sentence(detail: ErrorDetails) -> str:
    """Say what is wrong with one key."""
    if detail["type"] == "value_error":
        return f"{detail['ctx']['error']}."
    key = ".".join(str(part) for part in detail["loc"])
    return f"{key}={detail['input']!r}: {detail['msg'][0].lower()}{detail['msg'][1:]}."
