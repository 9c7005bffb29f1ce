"""Shows a broken model spec in Airflow, as this file's import error.

The files that build Dags build those of the specs that are right, and must not raise, or they would
lose them all. This file builds no Dag and raises what is wrong with ``conf/``, the first fault
first; then what is wrong with tenants' folders.
"""

from finrisk.config import load_settings
from finrisk.errors import FinRiskError
from finrisk.specs.loader import load_specs
from finrisk.tenants import strangers, tenants_of

try:
    _settings = load_settings()
    load_specs(_settings.conf_locations)
    for _tenant in tenants_of(_settings):
        if _tenant.trouble is not None:
            raise _tenant.trouble
        if _wrong := _tenant.specs()[1]:
            raise _wrong[0]
        load_specs(_tenant.settings.conf_locations)
    if _strange := strangers(_settings):
        raise _strange[0]
except FinRiskError as exc:
    raise exc.with_traceback(None) from None  # the UI shows the message, not two pages of parser
