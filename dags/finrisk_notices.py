"""How notices leave Airflow: by mail, as JSON to an address, into Slack; and when they do.

``FINRISK_NOTIFY``, or ``notify`` of a tenant, names channels, each with an Airflow connection that
knows where. Airflow puts
this folder on ``sys.path``, hence a name that no library has. Whatever is imported costs each task
a start, so libraries are imported where they are used.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from finrisk.errors import SettingsError, Unreachable
from finrisk.people import ChannelKind
from finrisk_defaults import settings_of

if TYPE_CHECKING:
    from email.message import EmailMessage

    from airflow.sdk import Connection

    from finrisk.monitoring.notices import Notice
    from finrisk.pipelines.approving import Question

PATIENCE_SECONDS = 10.0
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
SMTP_PORTS = {"ssl": 465, "starttls": 587, "plain": 25}
SLACK = "https://hooks.slack.com/services"

Send = Callable[["Notice"], None]


def senders(whose: str = "") -> dict[str, Send]:
    """Return what delivers a lender's notice over each channel that it names."""
    from finrisk.tenants import tenant

    return {
        str(channel): partial(SENDERS[channel.kind], channel.connection)
        for channel in tenant(settings_of(whose)).channels
    }


# when


def tell_news(model: str, tenant: str = "") -> None:
    """Tell what the ledger has of the model's last days and nobody has heard of yet."""
    if channels := senders(tenant):
        from finrisk.pipelines.telling import tell_news as tell

        tell(model, channels, settings_of(tenant))


def tell_missed(
    model: str, scope: str, due: Any, sentence: str, remedy: str, tenant: str = ""
) -> None:
    """Tell that a night left no record."""
    if channels := senders(tenant):
        from finrisk.monitoring.notices import of_missed
        from finrisk.pipelines.telling import tell

        missed = of_missed(model, scope, due, sentence, remedy)
        tell([missed], channels, settings_of(tenant))


def tell_asked(question: Question, url: str, tenant: str = "") -> None:
    """Tell those who may answer that a promotion waits for one of them."""
    if channels := senders(tenant):
        from finrisk.monitoring.notices import of_question
        from finrisk.pipelines.telling import tell

        asked = of_question(
            question.model,
            settings_of(tenant).scope,
            question.evidence_sha256,
            question.subject,
            question.approvers,
            url,
        )
        tell([asked], channels, settings_of(tenant))


def tell_failed(model: str, context: Mapping[str, Any], *, tenant: str = "") -> None:
    """Tell that a run failed: a Dag's ``on_failure_callback``, run by the dag-processor."""
    if channels := senders(tenant):
        from finrisk.monitoring.notices import of_failure
        from finrisk.pipelines.telling import tell

        instance = context.get("ti")
        tasks = [] if instance is None else [instance.task_id]
        dag_id, run_id = context["dag"].dag_id, str(context["run_id"])
        settings = settings_of(tenant)
        tell([of_failure(model, settings.scope, dag_id, run_id, tasks)], channels, settings)


def tell_late(model: str, hours: float, context: Mapping[str, Any], tenant: str = "") -> None:
    """Tell that a run has not ended in time: the callback of a deadline, run by the executor."""
    if channels := senders(tenant):
        from finrisk.monitoring.notices import of_late
        from finrisk.pipelines.telling import tell

        run = context["dag_run"]
        settings = settings_of(tenant)
        late = of_late(model, settings.scope, run["dag_id"], run["dag_run_id"], hours)
        tell([late], channels, settings)


# how


def send_mail(connection_id: str, notice: Notice) -> None:
    """Send a notice as plain text over an SMTP connection of Airflow's.

    Host, port, login and password are the connection's; of its extras ``from_email``, ``to`` (one
    address, a list, or several with commas), ``disable_ssl`` and ``disable_tls`` count.

    Raises
    ------
    SettingsError
        It lacks a host, a sender or a recipient, or would send a password unencrypted.
    Unreachable
        The server refuses, or is silent for ten seconds.
    """
    import smtplib
    import ssl

    connection, extra = _connection(connection_id)
    host, message = connection.host or "", _mail(connection_id, extra, notice)
    security = _security(extra)
    if connection.login and security == "plain":
        _refuse_in_the_clear(connection_id, host)
    port = connection.port or SMTP_PORTS[security]
    try:
        if security == "ssl":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                host, port, timeout=PATIENCE_SECONDS, context=ssl.create_default_context()
            )
        else:
            server = smtplib.SMTP(host, port, timeout=PATIENCE_SECONDS)
        with server:
            if security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if connection.login:
                server.login(connection.login, connection.password or "")
            server.send_message(message)
    except (OSError, smtplib.SMTPException) as exc:
        raise Unreachable(f"the mail server of {connection_id!r}: {type(exc).__name__}") from None


def post_json(connection_id: str, notice: Notice) -> None:
    """Post a notice as JSON to the address of an HTTP connection; its password is a bearer token.

    Raises
    ------
    SettingsError
        It has no address, or would send a token unencrypted.
    Unreachable
        The server refuses, or is silent for ten seconds.
    """
    connection, extra = _connection(connection_id)
    address = _address(connection_id, connection, extra)
    headers = {}
    if connection.password:
        if urlsplit(address).scheme != "https":
            _refuse_in_the_clear(connection_id, urlsplit(address).hostname or "")
        headers["Authorization"] = f"Bearer {connection.password}"
    _post(connection_id, address, notice.to_json(), headers)


def post_to_slack(connection_id: str, notice: Notice) -> None:
    """Post a notice to an incoming webhook of Slack's.

    The connection's password is what follows ``services/`` in the webhook's address, or all of it.

    Raises
    ------
    SettingsError
        The connection has no password, or would send it unencrypted: it is part of the address.
    Unreachable
        Slack refuses, or is silent for ten seconds.
    """
    connection, _ = _connection(connection_id)
    secret = connection.password or ""
    if not secret:
        raise _unfit(connection_id, "a Slack webhook's secret as its password")
    host = connection.host or SLACK
    base = host if "://" in host else f"https://{host}"
    address = secret if "://" in secret else f"{base.rstrip('/')}/{secret.lstrip('/')}"
    if urlsplit(address).scheme != "https":
        _refuse_in_the_clear(connection_id, urlsplit(address).hostname or "")
    _post(connection_id, address, {"text": slack_text(notice)}, {})


def slack_text(notice: Notice) -> str:
    r"""Return a notice as Slack shows it; what looks like a mention in it mentions nobody.

    Examples
    --------
    >>> from finrisk.monitoring.notices import NoticeKind, notice
    >>> slack_text(notice(NoticeKind.HELD, "fraud", "live", "x", "held", "<!channel> a & b"))
    '*FinRisk fraud: held* (warning)\n&lt;!channel&gt; a &amp; b'
    """
    title, text = map(_as_text, (notice.title, notice.text))
    return f"*{title}* ({notice.severity})\n{text}".rstrip()


SENDERS: dict[ChannelKind, Callable[[str, Notice], None]] = {
    ChannelKind.SMTP: send_mail,
    ChannelKind.WEBHOOK: post_json,
    ChannelKind.SLACK: post_to_slack,
}


def _as_text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _connection(connection_id: str) -> tuple[Connection, dict[str, Any]]:
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        connection = Connection.get(connection_id)
    except AirflowNotFoundException:
        raise SettingsError(
            f"FINRISK_NOTIFY names the connection {connection_id!r}, which Airflow does not have",
            remedy=f"airflow connections add {connection_id}",
        ) from None
    return connection, connection.extra_dejson


def _mail(connection_id: str, extra: Mapping[str, Any], notice: Notice) -> EmailMessage:
    from email.message import EmailMessage

    recipients = extra.get("to", ())
    if isinstance(recipients, str):
        recipients = [part.strip() for part in recipients.split(",") if part.strip()]
    if not extra.get("from_email") or not recipients:
        raise _unfit(connection_id, "the extras from_email and to")
    message = EmailMessage()
    message["Subject"] = notice.title
    message["From"] = extra["from_email"]
    message["To"] = ", ".join(recipients)
    message["X-FinRisk-Severity"] = str(notice.severity)
    message.set_content(notice.text)
    return message


def _security(extra: Mapping[str, Any]) -> str:
    """Return how Airflow's own mail would be encrypted with these extras."""
    if not _is_set(extra.get("disable_ssl")):
        return "ssl"
    return "plain" if _is_set(extra.get("disable_tls")) else "starttls"


def _is_set(flag: object) -> bool:
    return str(flag).lower() in ("true", "1", "yes")


def _address(connection_id: str, connection: Connection, extra: Mapping[str, Any]) -> str:
    host = connection.host or ""
    if not host:
        raise _unfit(connection_id, "an address as its host")
    if "://" in host:
        return host
    port = f":{connection.port}" if connection.port else ""
    path = str(extra.get("path", "")).lstrip("/")
    return f"{connection.schema or 'https'}://{host}{port}/{path}"


def _post(
    connection_id: str, address: str, document: Mapping[str, Any], headers: Mapping[str, str]
) -> None:
    import httpx

    sent = dict(headers) | {"Content-Type": "application/json"}
    body = json.dumps(document).encode()
    try:
        answer = httpx.post(address, content=body, headers=sent, timeout=PATIENCE_SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as exc:
        raise Unreachable(f"the address of {connection_id!r}: {type(exc).__name__}") from None
    if not answer.is_success:  # a redirect is none: the token is not for another place
        raise Unreachable(f"the address of {connection_id!r} answered {answer.status_code}")


def _refuse_in_the_clear(connection_id: str, host: str) -> None:
    if host not in LOOPBACK:
        raise _unfit(connection_id, "encryption: its password would travel in the clear")


def _unfit(connection_id: str, expected: str) -> SettingsError:
    return SettingsError(
        f"the connection {connection_id!r} cannot carry notices",
        expected=expected,
        remedy=f"airflow connections delete {connection_id}, and add it anew",
    )
