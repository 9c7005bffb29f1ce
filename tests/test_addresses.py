from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import URL

from finrisk.addresses import text_without_credentials, without_credentials

SECRET = "S3KRET"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        (f"postgresql+psycopg://anna:{SECRET}@db:5432/risk", "postgresql+psycopg://db:5432/risk"),
        (f"postgresql+psycopg://anna:a/{SECRET}@db/risk", "postgresql+psycopg://db/risk"),
        (f"postgresql+psycopg://anna:a@{SECRET}@db/risk", "postgresql+psycopg://db/risk"),
        (f"postgresql://db/risk?user=anna&password={SECRET}", "postgresql://db/risk?user=anna"),
        (f"mysql://db/risk?passwd={SECRET}&charset=utf8", "mysql://db/risk?charset=utf8"),
        (f"postgresql://db/risk?sslpassword={SECRET}", "postgresql://db/risk"),
        (f"mssql+pyodbc://?odbc_connect=PWD%3D{SECRET}", "mssql+pyodbc://"),
        (f"http://anna:{SECRET}@mlflow:5000/api", "http://mlflow:5000/api"),
        (f"http://{SECRET}@mlflow:fivethousand", "http://mlflow:fivethousand"),
        ("sqlite:////srv/mlflow.db?timeout=5", "sqlite:////srv/mlflow.db?timeout=5"),
        ("/srv/conf/models", "/srv/conf/models"),
    ],
)
def test_an_address_is_shown_without_its_secrets(address: str, shown: str) -> None:
    assert without_credentials(address) == shown


@given(st.text(alphabet="ab:/?#&=@% '", max_size=12).map(lambda text: f"{SECRET}{text}"))
def test_no_password_that_sqlalchemy_quoted_is_shown(password: str) -> None:
    url = URL.create("postgresql+psycopg", "anna", password, "db", database="risk")

    shown = without_credentials(url.render_as_string(hide_password=False))

    assert shown == "postgresql+psycopg://db/risk"


@pytest.mark.parametrize(
    "address",
    [
        f"http://anna:{SECRET}@mlflow:5000",
        f"http://anna:a/{SECRET}@mlflow:5000",
        f"http://anna:a b {SECRET}@mlflow:5000",
        f"postgresql://db/risk?password={SECRET}&sslmode=require",
    ],
)
def test_a_text_is_shown_without_the_secrets_of_known_addresses(address: str) -> None:
    said = text_without_credentials(f"no answer from {address!r}, ask ops@lender", address)

    assert SECRET not in said
    assert said.endswith(", ask ops@lender")


def test_an_unknown_address_in_a_text_loses_its_secrets_too() -> None:
    told = f"postgresql://anna:a/{SECRET}@db/risk?sslpassword={SECRET} or http://{SECRET}@b/c"

    assert text_without_credentials(told) == "postgresql://db/risk?sslpassword=*** or http://b/c"
