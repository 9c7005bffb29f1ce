#!/bin/bash
# Three databases, each with a role of its own that reaches no other; run once, by an empty PostgreSQL.
# psql reads the passwords itself: on a command line everybody on the machine could read them.
set -euo pipefail

for name in airflow mlflow ledger; do
	psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --set name="$name" \
		--username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<-SQL
		\set password \`cat /run/secrets/${name}_db_password\`
		CREATE ROLE :"name" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'password';
		CREATE DATABASE :"name" OWNER :"name" ENCODING 'UTF8' TEMPLATE template0;
		REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
	SQL
done
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
	--command "REVOKE ALL ON DATABASE postgres FROM PUBLIC"
