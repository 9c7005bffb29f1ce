"""Checks of what was put in place: settings, model specs, signing keys."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import ValidationError

from finrisk.addresses import without_credentials
from finrisk.config import Settings, environment_name, load_settings
from finrisk.data.row_hashing import ROW_HASH_KEY, RowHasher
from finrisk.errors import FinRiskError, SettingsError, SpecError
from finrisk.key_file import others_may_use
from finrisk.pipelines.doctor.findings import Finding, fail, ok, refused, warn
from finrisk.specs.loader import find_spec, load_spec, load_specs, spec_files
from finrisk.specs.model_spec import ModelSpec
from finrisk.tracking.signing import PRIVATE_KEY, PUBLIC_KEY, Signer, Verifier

OTHERS_WRITE = 0o022
OF_A_TENANT = ("tenant", "tenants", "scope")


def settings_found() -> tuple[Settings, list[Finding]]:
    """Return the settings, and what is wrong with them.

    Settings that do not fit are named and left out, so that the other checks have somewhere to
    look.
    """
    try:
        return (settings := load_settings()), [_locations(settings)]
    except SettingsError as exc:
        settings = _settings_that_fit()
        return settings, [refused("settings", exc), _locations(settings)]


def _settings_that_fit() -> Settings:
    names = {field: environment_name(field) for field in Settings.model_fields}
    given = {field: os.environ[name] for field, name in names.items() if name in os.environ}
    try:
        return Settings.model_validate(given)
    except SettingsError:  # of the tenant's: then the first lender's are looked at
        return Settings.model_validate({k: v for k, v in given.items() if k not in OF_A_TENANT})
    except ValidationError as exc:
        wrong = {str(error["loc"][0]) for error in exc.errors() if error["loc"]}
        wrong = wrong or set(OF_A_TENANT)
        return Settings.model_validate({k: v for k, v in given.items() if k not in wrong})


def _locations(settings: Settings) -> Finding:
    places = {
        "home": settings.home,
        "conf": ", ".join(str(place) for place in settings.conf_locations),
        "ledger": settings.ledger_url.get_secret_value(),
        "tracking": settings.tracking_uri,
        "registry": settings.registry_uri,
        "experiment": settings.scoped_experiment,
        "artifacts": settings.artifacts,
        "store": settings.store,
        "keys": settings.keys,
        "scope": settings.scope,
    }
    found = "\n".join(f"{name} {without_credentials(str(at))}" for name, at in places.items())
    if not settings.home.is_dir():
        return fail("locations", f"no folder {settings.home}\n{found}", "correct FINRISK_HOME")
    return ok("locations", found)


def specs_found(
    settings: Settings, model: str | None
) -> tuple[dict[str, ModelSpec], list[Finding]]:
    """Return the sound specs by model name, of one model if asked, and what is wrong with others.

    Parameters
    ----------
    model : str or None
        A model that must be declared; ``None`` for all there are.
    """
    sound: list[ModelSpec] = []
    findings: list[Finding] = []
    for location in settings.conf_locations:
        for path in spec_files(location):  # one that is not there is told by load_spec
            try:
                sound.append(load_spec(path))
            except SpecError as exc:
                findings.append(refused(f"spec {path.name}", exc))
    findings += _conflicts(settings, sound, broken=bool(findings))
    specs = {spec.name: spec for spec in sound}
    if model is not None and model not in specs:
        try:
            find_spec(settings.conf_locations, model)
        except FinRiskError as exc:
            findings.append(refused("specs", exc))
    return {n: spec for n, spec in specs.items() if model in (None, n)}, findings


def _conflicts(settings: Settings, sound: list[ModelSpec], *, broken: bool) -> Iterator[Finding]:
    """Look at the sound specs together: two of one name are told once each can be read."""
    names = ", ".join(sorted(spec.name for spec in sound))
    if not sound:
        remedy = "put a model's YAML into conf/models, or set FINRISK_CONF to its folder"
        yield fail("specs", "no model can be read", remedy)
        return
    try:
        if not broken:
            load_specs(settings.conf_locations)
    except SpecError as exc:
        yield refused("specs", exc)
    else:
        yield ok("specs", f"{len(sound)} sound: {names}")


def key_findings(settings: Settings) -> Iterator[Finding]:
    """Check that the keys are there, are a pair, and can be read by nobody else.

    Raises
    ------
    ConfigurationError
        A key is missing, or is none.
    """
    folder = settings.keys
    private = settings.signing_keys / PRIVATE_KEY
    verifier = Verifier.load(folder)
    if not private.exists():
        remedy = "nothing where models are only scored; to train, restore signing.pem"
        yield warn("keys", f"{PUBLIC_KEY} alone: models verify, none can be signed", remedy)
        return
    faults = list(_key_faults(settings, private))
    own = Signer.load(settings.signing_keys).key.public_key()
    if _raw(own) != _raw(verifier.key):
        remedy = "restore both from one backup; models signed here do not verify here"
        faults.append(fail("keys", f"{PRIVATE_KEY} and {PUBLIC_KEY} are no pair", remedy))
    yield from faults or [ok("keys", f"a pair in {folder}, the private one for nobody else")]


def row_key_findings(settings: Settings) -> Iterator[Finding]:
    """Check that the key of row hashes is there, and can be read by nobody else.

    Raises
    ------
    ConfigurationError
        The file holds no key.
    """
    path = settings.row_hash_keys / ROW_HASH_KEY
    if not path.exists():
        yield warn("row hashes", f"no {ROW_HASH_KEY}: no decision can be logged", "finrisk init")
        return
    RowHasher.load(settings.row_hash_keys)
    status = path.stat()
    if others_may_use(status, os.geteuid()):
        remedy = f"chmod 600 {path}: who has it can tell which row a decision is of"
        yield fail("row hashes", f"{_its_mode(path, status)}: others may use it", remedy)
        return
    yield ok("row hashes", f"a key in {path.parent}, for nobody else")


def _key_faults(settings: Settings, private: Path) -> Iterator[Finding]:
    status = private.stat()
    if others_may_use(status, os.geteuid()):
        remedy = f"chmod 600 {private}; if others could read it, make new keys and train again"
        yield fail("keys", f"{_its_mode(private, status)}: others may use it", remedy)
    for folder in dict.fromkeys((settings.keys, private.parent)):
        if others_may_swap((status := folder.stat()).st_mode, os.statvfs(folder).f_flag):
            told = f"{_its_mode(folder, status)}: others may swap"
            yield fail("keys", told, f"chmod 700 {folder}")
    for name, place in (("artifacts", settings.artifacts), ("store", settings.store)):
        if private.resolve().is_relative_to(place.resolve()):
            remedy = "move it out, and set FINRISK_SIGNING_KEYS: who may write there could sign"
            yield fail("keys", f"{private.parent} is inside the {name} folder {place}", remedy)


def others_may_swap(mode: int, mount: int) -> bool:
    """Say whether others may put files into a folder; through a mount to be read nobody does.

    Kubernetes makes a Secret's folder writable for all, and mounts it to be read.

    Parameters
    ----------
    mode : int
        The folder's.
    mount : int
        The flags of its file system as it is mounted here.
    """
    return bool(mode & OTHERS_WRITE) and not mount & os.ST_RDONLY


def _its_mode(path: Path, status: os.stat_result) -> str:
    return f"{path} has mode {status.st_mode & 0o777:o}"


def _raw(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)
