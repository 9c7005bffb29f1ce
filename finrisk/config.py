"""Settings from the environment: read once, frozen, closed.

Relative locations are anchored to ``FINRISK_HOME``, because a relative SQLite address or folder
would otherwise mean another place in each process that Airflow starts.
"""

from __future__ import annotations

import difflib
import getpass
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from finrisk.errors import SettingsError
from finrisk.names import (
    APART,
    LIVE,
    SCOPE_PATTERN,
    TENANT_IN_WORDS,
    TENANT_PATTERN,
    TENANTS_FOLDER,
    qualified,
)
from finrisk.people import Channel, DashboardReading, PromoterRule, channels_of, promoter_rules

SHIPPED_CONF = Path(__file__).resolve().parent.parent / "conf" / "models"
OWN_FOLDERS = ("home", "store", "artifacts")  # of a tenant, below those of the installation
CONNECTION_PREFIX = "FINRISK_CONNECTION_"
MAY_HOLD_A_PASSWORD = frozenset(
    {
        "ledger_url",
        "airflow_url",
        "airflow_ui_url",
        "mlflow_ui_url",
        "dashboard_url",
        "dask_scheduler",
    }
)
DOCUMENTED_NAMES = {
    "tracking_uri": "MLFLOW_TRACKING_URI",
    "registry_uri": "MLFLOW_REGISTRY_URI",
    "experiment_name": "MLFLOW_EXPERIMENT_NAME",
    "mlflow_ui_url": "MLFLOW_UI_URL",
}
A_SCHEDULER = r"^((tcp|tls|ws|wss)://[^\s/@?#]+:[0-9]{1,5})?$"
AN_ADDRESS = r"^(https?://[^\s/@?#]+/?[^\s@?#]*)?$"  # and no password in it

Connections = Callable[[str], str]
"""From a connection's name, as a spec has it, to its SQLAlchemy address."""


def anchored(url: str, home: Path) -> str:
    """Make a relative SQLite address absolute under ``home``; leave every other one alone.

    Examples
    --------
    >>> anchored("sqlite:///mlflow.db", Path("/srv/finrisk"))
    'sqlite:////srv/finrisk/mlflow.db'
    >>> anchored("http://mlflow:5000", Path("/srv/finrisk"))
    'http://mlflow:5000'
    """
    match = re.fullmatch(r"(sqlite(?:\+\w+)?:///)([^/].*)", url)
    if match is None or match[2] == ":memory:":
        return url
    return f"{match[1]}{home / match[2]}"


def _in_memory(url: str) -> bool:
    return re.fullmatch(r"sqlite(\+\w+)?:(//)?/?(:memory:|.*mode=memory.*)?", url) is not None


def _secret_in(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as exc:
        raise ValueError(f"the file cannot be read ({exc.strerror})") from exc


def _with_password(address: str, password: str) -> str:
    from finrisk.addresses import with_password  # SQLAlchemy: only where there is a server

    return with_password(address, password)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's numeric user has no name
        return f"uid-{os.getuid()}"


class Settings(BaseModel):
    """Where FinRisk keeps things and how it reaches its servers.

    The three documented ``MLFLOW_*`` names keep their documented defaults; everything else is
    ``FINRISK_<FIELD>``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Path = Field(default_factory=Path.cwd, description="what relative locations start from")
    conf: str = Field(
        default="",
        description=f"folders or files of model specs, separated by '{os.pathsep}'",
    )
    tracking_uri: str = Field(default="sqlite:///mlflow.db", description="where runs are logged")
    registry_uri: str = Field(default="", description="empty: where the runs are tracked")
    experiment_name: str = Field(
        default="finrisk-experiments", description="MLflow's experiment of the live nights"
    )
    ledger_url: SecretStr = Field(
        default=SecretStr("sqlite:///ledger.db"), description="where who is champion is decided"
    )
    ledger_password_file: Path | None = Field(
        default=None,
        description="holds the password of the ledger's user, where ledger_url names one without",
    )
    scope: str = Field(
        default=LIVE,
        pattern=SCOPE_PATTERN,
        description="whose champions and error budget: 'live', or a replay's own name",
    )
    tenants: Path | None = Field(
        default=None,
        description="a folder with a folder for each further lender; empty: there is one lender",
    )
    tenant: str = Field(
        default="", description="for which of them this process works; empty: the first lender"
    )
    store: Path = Field(default=Path("store"), description="snapshots, evidence rows, Data Docs")
    artifacts: Path = Field(default=Path("artifacts"), description="MLflow artifacts, if local")
    keys: Path = Field(
        default=Path("keys"), description="what verifies models, and who may ask; never in a store"
    )
    signing_keys: Path = Field(
        default=Path(),
        description="the private key that signs models, for what trains alone; empty: in keys",
    )
    threads: int = Field(
        default_factory=lambda: os.cpu_count() or 1,
        ge=1,
        le=256,
        description="processors that training may use",
    )
    dask_scheduler: str = Field(
        default="",
        pattern=A_SCHEDULER,
        description="where candidates with `engine: dask` are trained, as tcp://host:8786; Dask's "
        "own configuration names the certificates of tls://",
    )
    pictures: bool = Field(
        default=True, description="draw curves and distributions into MLflow; seconds a night"
    )
    remote_timeout_seconds: int = Field(
        default=10, ge=1, le=60, description="patience with MLflow, a request"
    )
    remote_retries: int = Field(
        default=3, ge=0, le=10, description="how often a request to MLflow is tried again"
    )
    airflow_url: str = Field(
        default="",
        pattern=AN_ADDRESS,
        description="where `finrisk alerts` starts runs; without a password in it",
    )
    airflow_login: Path = Field(
        default=Path("keys/airflow.json"), description="who starts them: username and password"
    )
    airflow_ui_url: str = Field(
        default="", pattern=AN_ADDRESS, description="where a browser finds Airflow, for links to it"
    )
    mlflow_ui_url: str = Field(
        default="", pattern=AN_ADDRESS, description="where a browser finds MLflow, for links to it"
    )
    dashboard_url: str = Field(
        default="", pattern=AN_ADDRESS, description="where a browser finds the dashboard"
    )
    actor: str = Field(
        default_factory=_user,
        min_length=1,
        max_length=120,
        description="who is recorded for what commands do",
    )
    notify: str = Field(
        default="",
        description="who is told of promotions and failures: smtp:CONNECTION, webhook:CONNECTION, "
        "slack:CONNECTION, with Airflow's connections; empty: nobody",
    )
    dashboard_reading: DashboardReading = Field(
        default=DashboardReading.OPEN,
        description="who may read the dashboard: 'open', whoever reaches it, or 'login'",
    )
    training_queue: str = Field(
        default="",
        pattern=r"^[a-z0-9_-]{0,64}$",
        description="Airflow's queue of the tasks that train; empty: its default one",
    )
    promoters: str = Field(
        default="",
        description="who may promote from the dashboard where people log in by an identity "
        "provider: email:ADDRESS, group:GROUP, sub:ID; empty: nobody",
    )

    @field_validator("home")
    @classmethod
    def _absolute_home(cls, home: Path) -> Path:
        return home.expanduser().resolve()

    @field_validator("ledger_password_file")
    @classmethod
    def _holds_a_password(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        if path is None:
            return None
        anchored_path: Path = info.data.get("home", Path()) / path
        if not _secret_in(anchored_path):
            raise ValueError("the file is empty")
        return anchored_path

    @field_validator("notify")
    @classmethod
    def _names_channels(cls, notify: str) -> str:
        channels_of(notify)
        return notify

    @field_validator("promoters")
    @classmethod
    def _names_people(cls, promoters: str) -> str:
        promoter_rules(promoters)
        return promoters

    @model_validator(mode="before")
    @classmethod
    def _empty_means_default(cls, values: dict[str, object]) -> dict[str, object]:
        return {key: value for key, value in values.items() if value != ""}

    @model_validator(mode="after")
    def _anchor(self) -> Self:
        anchor = object.__setattr__  # the model is frozen, and this is its construction
        anchor(self, "tracking_uri", anchored(self.tracking_uri, self.home))
        registry = anchored(self.registry_uri, self.home) or self.tracking_uri
        anchor(self, "registry_uri", registry)
        ledger = anchored(self.ledger_url.get_secret_value(), self.home)
        if self.ledger_password_file is not None:
            ledger = _with_password(ledger, _secret_in(self.ledger_password_file))
        anchor(self, "ledger_url", SecretStr(ledger))
        if any(map(_in_memory, (self.tracking_uri, self.registry_uri, ledger))):
            raise ValueError("SQLite in memory is empty for each connection: name a file")
        for name in ("store", "artifacts", "keys", "airflow_login"):
            anchor(self, name, self.home / getattr(self, name))
        given = "signing_keys" in self.model_fields_set
        anchor(self, "signing_keys", self.home / self.signing_keys if given else self.keys)
        if self.tenants is not None:
            anchor(self, "tenants", self.home / self.tenants)
            if not self.tenants.is_dir():
                raise ValueError(f"there is no folder {self.tenants} of tenants")
        if self.tenant:
            for name, value in self._of_tenant(self.tenant).items():
                anchor(self, name, value)
        elif self._has_tenant(self.scope.partition(APART)[0]):
            raise SettingsError(
                f"the scope {self.scope!r} is a tenant's",
                remedy=f"set FINRISK_TENANT={self.scope.partition(APART)[0]}, not FINRISK_SCOPE",
            )
        return self

    @property
    def conf_locations(self) -> tuple[Path, ...]:
        """The folders and files that hold model specs, in order."""
        if self.tenant and self.tenants is not None:
            return (self.tenants / self.tenant / "models",)
        if self.conf:
            return tuple(self.home / part for part in self.conf.split(os.pathsep) if part)
        own = self.home / "conf" / "models"
        return (own if own.is_dir() else SHIPPED_CONF,)

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The ways to people, in order."""
        return channels_of(self.notify)

    @property
    def promoter_rules(self) -> tuple[PromoterRule, ...]:
        """Who may promote from the dashboard, by their identity provider's word."""
        return promoter_rules(self.promoters)

    @property
    def tenant_names(self) -> tuple[str, ...]:
        """The tenants whose folders these settings may open, by name.

        A process that works for one tenant knows of no other. A folder whose name is no tenant's
        is left out; ``finrisk.tenants`` tells.
        """
        if self.tenants is None or self.tenant:
            return (self.tenant,) if self.tenant else ()
        return tuple(sorted(filter(self._has_tenant, (one.name for one in self.tenants.iterdir()))))

    @property
    def is_live(self) -> bool:
        """Whether champions of this scope serve, and no replay's."""
        return self.scope == (self.tenant or LIVE)

    @property
    def row_hash_keys(self) -> Path:
        """The folder of the key of row hashes; a tenant's own, so that no two can be joined."""
        return self.keys / TENANTS_FOLDER / self.tenant if self.tenant else self.keys

    def of_tenant(self, name: str) -> Settings:
        """Return these settings for a tenant: its scope and specs, and a home of its own.

        Ledger, MLflow and the keys that sign are everybody's; what landed, the store and the key
        of row hashes are not.

        Parameters
        ----------
        name : str
            Of a folder of ``FINRISK_TENANTS``; empty: these settings as they are.

        Raises
        ------
        SettingsError
            There is no such tenant, or these settings are another's.
        """
        if name == self.tenant:
            return self
        if self.tenant:
            raise SettingsError(
                f"this process works for the tenant {self.tenant}", got=name or "the first lender"
            )
        return self.model_copy(update=self._of_tenant(name))

    def in_scope(self, scope: str) -> Settings:
        """Return these settings in another scope; a tenant's scopes are its own, and lead to it.

        Within a tenant ``live`` is the tenant's live scope, and a replay's name is the tenant's
        replay: ``acme__replay``.

        Raises
        ------
        SettingsError
            The scope is not written as one.
        """
        first, _, rest = scope.partition(APART)
        if not self.tenant and self._has_tenant(first):
            return self.of_tenant(first).in_scope(rest or LIVE)
        scope = _scope_of_tenant(self.tenant, scope) if self.tenant else scope
        if not re.fullmatch(SCOPE_PATTERN, scope):
            raise SettingsError(
                "no scope", expected="small letters, digits, _ and -, 32 at most", got=repr(scope)
            )
        return self.model_copy(update={"scope": scope})

    def owns_scope(self, scope: str) -> bool:
        """Say whether a scope is of whose settings these are, and of no other tenant."""
        first = scope.partition(APART)[0]
        return first == self.tenant if self.tenant else not self._has_tenant(first)

    @property
    def scoped_experiment(self) -> str:
        """The MLflow experiment of this scope; a replay never writes into the live one."""
        return (
            self.experiment_name if self.scope == LIVE else f"{self.experiment_name}-{self.scope}"
        )

    def scoped_registered_name(self, registered_name: str) -> str:
        """Return the registered model's name in this scope.

        Raises
        ------
        SettingsError
            A model that no spec names is called as one of a tenant's.
        """
        if self.tenant:
            return qualified(self.scope, registered_name)
        if self.is_of_a_tenant(registered_name):
            raise SettingsError(f"{registered_name!r} would be a model of a tenant's in MLflow")
        return registered_name if self.scope == LIVE else f"{registered_name}-{self.scope}"

    def is_of_a_tenant(self, name: str) -> bool:
        """Say whether a name is qualified by a tenant that these settings may open.

        Within a tenant's settings none is: what it names is its own.
        """
        first, apart, _ = name.partition(APART)
        return bool(apart) and not self.tenant and self._has_tenant(first)

    def _has_tenant(self, name: str) -> bool:
        fits = self.tenants is not None and re.fullmatch(TENANT_PATTERN, name) is not None
        return fits and self.tenants is not None and (self.tenants / name).is_dir()

    def _of_tenant(self, name: str) -> dict[str, object]:
        """Return what is a tenant's own; the settings are anchored, and no tenant's yet."""
        if not self._has_tenant(name):
            there = (
                [] if self.tenants is None else sorted(one.name for one in self.tenants.iterdir())
            )
            raise SettingsError(
                f"no tenant {name!r}",
                expected=f"one of {', '.join(there) or 'none'}"
                if self.tenants
                else "FINRISK_TENANTS to name a folder of tenants",
                remedy=f"make the folder {name!r} in FINRISK_TENANTS: {TENANT_IN_WORDS}",
            )
        own = {part: getattr(self, part) / TENANTS_FOLDER / name for part in OWN_FOLDERS}
        return {"tenant": name, "scope": _scope_of_tenant(name, self.scope), **own}


def _scope_of_tenant(tenant: str, scope: str) -> str:
    if scope in (LIVE, tenant):
        return tenant
    return scope if scope.startswith(f"{tenant}{APART}") else qualified(tenant, scope)


def environment_name(field: str) -> str:
    """Return the variable that a setting is read from.

    Examples
    --------
    >>> environment_name("tracking_uri"), environment_name("ledger_url")
    ('MLFLOW_TRACKING_URI', 'FINRISK_LEDGER_URL')
    """
    return DOCUMENTED_NAMES.get(field, f"FINRISK_{field.upper()}")


def load_settings() -> Settings:
    """Read the settings from the environment.

    Raises
    ------
    SettingsError
        A ``FINRISK_*`` name is unknown, or a value does not fit.
    """
    fields = {environment_name(field): field for field in Settings.model_fields}
    for name in sorted(os.environ):
        if name.startswith("FINRISK_") and name not in fields and not _is_connection(name):
            near = difflib.get_close_matches(name, sorted(fields), n=1)
            raise SettingsError(
                f"unknown setting {name} in the environment",
                expected=f"one of {', '.join(sorted(fields))}",
                remedy=f"did you mean {near[0]}?" if near else f"unset {name}",
            )
    given = {field: os.environ[name] for name, field in fields.items() if name in os.environ}
    try:
        return Settings.model_validate(given)
    except ValidationError as exc:
        first = exc.errors()[0]
        field = str(first["loc"][0]) if first["loc"] else "settings"
        name = environment_name(field)
        # without a place it is of all settings, and its input is every one of them
        hidden = field in MAY_HOLD_A_PASSWORD or not first["loc"]
        raise SettingsError(
            f"{name} does not fit: {first['msg']}",
            got="a hidden value" if hidden else repr(first.get("input")),
            remedy=f"correct or unset {name}",
        ) from exc


def connection_from_environment(name: str) -> str:
    """Return the address of a named connection: the default :data:`Connections`.

    Read when it is asked for and kept nowhere, because it holds a password.

    Raises
    ------
    SettingsError
        ``FINRISK_CONNECTION_<NAME>`` is not set.
    """
    variable = f"{CONNECTION_PREFIX}{name.upper()}"
    address = os.environ.get(variable, "")
    if not address:
        raise SettingsError(
            f"no address for the connection {name!r}",
            expected=f"{variable} in the environment",
            remedy=f"export {variable}=postgresql+psycopg://user:password@host/database",
        )
    return address


def _is_connection(variable: str) -> bool:
    return re.fullmatch(CONNECTION_PREFIX + r"[A-Z][A-Z0-9_]*", variable) is not None
