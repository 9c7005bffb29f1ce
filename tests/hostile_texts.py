"""Forty texts that mean something to a shell, a database, a file system, a template or a parser."""

from __future__ import annotations

HOSTILE = (
    # a shell
    "; touch owned", "$(touch owned)", "`touch owned`", "| cat /etc/passwd", "&& reboot",
    "' || touch owned #", "--help", "-rf /", "credit_risk > owned", "credit_risk\ntouch owned",
    # a database
    "' OR 1=1 --", "'; DROP TABLE champions; --", "\" OR \"\"=\"", "1; DROP TABLE champions",
    "%' UNION SELECT hash FROM promotions --", "credit_risk'/*",
    # a file system
    "../../../etc/passwd", "/etc/passwd", "..\\..\\windows", "file:///etc/passwd", "~root/.ssh/id",
    "credit_risk/../fraud", "credit_risk\x00.parquet", "con", ".", "..",
    # a template or a format
    "{{ 7 * 7 }}", "{{ var.value.get('x') }}", "{% raw %}", "${jndi:ldap://127.0.0.1/x}",
    "%(password)s", "{0.__class__}", "%n%n%s",
    # a parser
    "<script>alert(1)</script>", "__import__('os').system('touch owned')", "!!python/object:os",
    "credit_risk\r\nX-Injected: 1", "\u202ecredit_risk", "ｃｒｅｄｉｔ＿ｒｉｓｋ", "a" * 10_000,
)  # fmt: skip
