"""All settings, for every environment. What differs comes from the environment (.env.example)."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import dj_database_url
from corsheaders.defaults import default_headers

from payments_project import look
from payments_project.environment import Environment
from payments_project.logs import logging_config

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment(BASE_DIR, os.environ.get("ENV_FILES", ".env:.devstack/env"))

DEBUG = env.flag("DEBUG")
SECRET_KEY = env.required("SECRET_KEY", "it signs staff sessions.")
ALLOWED_HOSTS = env.items("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CORS_ALLOWED_ORIGINS = env.items("CORS_ALLOWED_ORIGINS")
CORS_ALLOW_HEADERS = (*default_headers, "idempotency-key", "prefer", "x-request-id")
CORS_EXPOSE_HEADERS = ["Idempotent-Replayed", "Retry-After", "X-Request-Id"]

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "corsheaders",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "partners",
    "webhooks",
    "wallets",
    "charges",
    "installments",
    "staff",
    "payments_project",
]

MIDDLEWARE = [
    "payments_project.middleware.RequestLog",
    "payments_project.middleware.Health",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "payments_project.middleware.StrangerLimit",
    "payments_project.middleware.BodyLimit",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "staff.middleware.SoundQuery",
    "staff.middleware.StaffSession",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "payments_project.urls"
WSGI_APPLICATION = "payments_project.wsgi.application"
# Each is answered by a thread of its own, whatever the Host (payments_project.health).
HEALTH_PATHS = ("/health", "/health/ready")
# How many requests a web process works on at once (payments_project.front).
WEB_THREADS = env.number("WEB_THREADS", 8)
APPEND_SLASH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {
    "default": dj_database_url.parse(
        env.required("DATABASE_URL", "it says where PostgreSQL is."),
        conn_max_age=600,
    )
}
DATABASES["default"].setdefault("OPTIONS", {}).update(
    connect_timeout=5,
    application_name="payments",
    options="-c lock_timeout=10s -c idle_in_transaction_session_timeout=60s",
)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("MinimumLengthValidator", "CommonPasswordValidator", "NumericPasswordValidator")
]

LANGUAGE_CODE = "en-us"
USE_I18N = False
USE_TZ = True
FORMAT_MODULE_PATH = ["payments_project.formats"]
TIME_ZONE = "UTC"

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = DEBUG

if not DEBUG:
    SECURE_SSL_REDIRECT = env.flag("SECURE_SSL_REDIRECT", default=True)
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
CSRF_TRUSTED_ORIGINS = env.items("CSRF_TRUSTED_ORIGINS")
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440

# The partner API ---------------------------------------------------------------------------

API_MAX_BODY = 64 * 1024
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["partners.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["partners.authentication.HasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["partners.authentication.PartnerThrottle"],
    "DEFAULT_PARSER_CLASSES": ["payments_project.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "payments_project.parsers.AlwaysJSON",
    "DEFAULT_PAGINATION_CLASS": "payments_project.pagination.NewestFirst",
    "DEFAULT_FILTER_BACKENDS": ["foundation.wire.filters.StrictFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "payments_project.openapi.Schema",
    "EXCEPTION_HANDLER": "payments_project.problems.answer",
    "UNAUTHENTICATED_USER": None,
    "PAGE_SIZE": 25,
    "COMPACT_JSON": True,
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Payments API",
    "VERSION": "0.1.0",
    "DESCRIPTION": "Installment orders, wallets with a ledger, split charges, signed webhooks.",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": [],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "WalletEntryKind": "wallets.models.Kind",
        "ChargeStatus": "charges.models.ChargeStatus",
        "RefundStatus": "charges.models.RefundStatus",
        "RefundTo": "charges.models.RefundTo",
        "FailureCategory": "charges.declines.Category",
        "OrderStatus": "installments.models.OrderStatus",
        "InstallmentStatus": "installments.models.InstallmentStatus",
        "DeliveryStatus": "webhooks.models.DeliveryStatus",
    },
}
PARTNER_REQUESTS_PER_MINUTE = env.number("PARTNER_REQUESTS_PER_MINUTE", 6000)
# From one address (of IPv6 one /64) without a valid key: refusals for its want, and open pages.
STRANGER_REQUESTS_PER_MINUTE = env.number("STRANGER_REQUESTS_PER_MINUTE", 300)
# Proxies of our own in front: whose word on the client's address counts.
PROXIES = env.number("PROXIES", 0)

# The broker: a hint ------------------------------------------------------------------------

CELERY_BROKER_URL = env.required("CELERY_BROKER_URL", "it says where Redis is.")
CELERY_RESULT_BACKEND = env.text("CELERY_RESULT_BACKEND", CELERY_BROKER_URL)
CACHE_URL = env.text("CACHE_URL", CELERY_BROKER_URL)
CELERY_TIMEZONE = "UTC"
CELERY_TASK_IGNORE_RESULT = True
CELERY_RESULT_EXPIRES = None  # there are none to clean up
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    "visibility_timeout": 3600,
}
CELERY_REDIS_SOCKET_CONNECT_TIMEOUT = 2
CELERY_BEAT_SCHEDULER = "payments_project.beat:DeclaredScheduler"
# Tasks that look for work, by lane, and how many seconds apart. Each lane has a queue, so that a
# pool of workers of its own can serve it; a worker that is told no queue serves all.
LANES = {
    "sweeps": {
        "installments.sweep": 60,
        "webhooks.prune": 3600,
        "webhooks.sync_operator_endpoints": 60,
        "staff.expire_approvals": 600,
        "staff.clear_sessions": 86400,
    },
    "cards": {"charges.recover": 30, "charges.complete_refunds": 30, "charges.detach_cards": 30},
    "callbacks": {"charges.process_events": 10, "charges.sync_events": 60},
    "deliveries": {"webhooks.deliver_due": 2},
}
SWEEPS = {name: seconds for tasks in LANES.values() for name, seconds in tasks.items()}
CELERY_TASK_QUEUES = {lane: {"routing_key": lane} for lane in LANES}
CELERY_TASK_DEFAULT_QUEUE = "sweeps"
CELERY_TASK_ROUTES = {name: {"queue": lane} for lane, tasks in LANES.items() for name in tasks}
# What beat sent while no worker listened is worth one look, not one each; the clocks of beat and
# worker may disagree by minutes.
SWEEP_EXPIRES = 600
CELERY_BEAT_SCHEDULE = {
    name: {
        "task": name,
        "schedule": timedelta(seconds=seconds),
        "options": {"expire_seconds": max(seconds, SWEEP_EXPIRES)},
    }
    for name, seconds in SWEEPS.items()
}
SWEEP_STALE_AFTER = timedelta(minutes=5)

# Money -------------------------------------------------------------------------------------

STRIPE_SECRET_KEY = env.required("STRIPE_SECRET_KEY", "cards are charged through Stripe.")
STRIPE_API_BASE = env.text("STRIPE_API_BASE", "https://api.stripe.com")
STRIPE_TIMEOUT = 15
# Of a process, at once; of all processes, a second (https://docs.stripe.com/rate-limits).
STRIPE_CONVERSATIONS = env.number("STRIPE_CONVERSATIONS", 32)
STRIPE_REQUESTS_PER_SECOND = env.number("STRIPE_REQUESTS_PER_SECOND", 100)
# Several while one is rolled: Stripe signs with each of them.
STRIPE_WEBHOOK_SECRETS = env.items("STRIPE_WEBHOOK_SECRET")
if not DEBUG:
    env.required("STRIPE_WEBHOOK_SECRET", "Stripe signs its callbacks with it.")
# What lower apps call upward (docs/decisions/0004-layers.md).
CHARGE_HOOKS = "payments_project.wiring.charge_hooks"
WALLET_CREDITED = "payments_project.wiring.wallet_credited"
# For new orders that do not say it.
INSTALLMENT_DUE_HOUR = env.number("INSTALLMENT_DUE_HOUR", 9)
# How long before its due hour a part is announced; 0: not at all.
DUE_SOON = timedelta(days=env.number("INSTALLMENT_DUE_SOON_DAYS", 3))

# Webhooks ----------------------------------------------------------------------------------

WEBHOOK_URLS = env.items("WEBHOOK_URLS")
WEBHOOK_SECRET = env.text("WEBHOOK_SECRET")
if WEBHOOK_URLS:
    env.required("WEBHOOK_SECRET", "it signs what is sent to WEBHOOK_URLS.")
# Deliveries that have ended, with their attempts, go after so long; events stay.
WEBHOOK_RETENTION = timedelta(days=env.number("WEBHOOK_RETENTION_DAYS", 90))
WEBHOOK_ALLOW_LOOPBACK = env.flag("WEBHOOK_ALLOW_LOOPBACK", default=DEBUG)
EVENT_TYPES = [
    "charge.succeeded",
    "charge.failed",
    "charge.requires_action",
    "charge.canceled",
    "charge.refunded",
    "charge.disputed",
    "charge.dispute_closed",
    "refund.failed",
    "installment.due_soon",
    "installment.paid",
    "installment.overdue",
    "installment.failed",
    "installment.reopened",
    "installment_order.activated",
    "installment_order.completed",
    "installment_order.canceled",
    "installment_order.defaulted",
    "installment_order.paused",
    "installment_order.resumed",
    "installment_order.revised",
    "installment_order.reinstated",
    "installment_order.written_off",
    "payment_method.detached",
    "wallet.credited",
    "wallet.debited",
    "endpoint.disabled",
]

# Staff -------------------------------------------------------------------------------------

LOGIN_REDIRECT_URL = "/admin/"
UNFOLD = look.UNFOLD
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_ENABLE_ADMIN = False  # staff.admin has its page
AXES_VERBOSE = False
AXES_CLIENT_IP_CALLABLE = "partners.addresses.client_address"
AXES_LOCKOUT_TEMPLATE = "staff/locked_out.html"
STAFF_IDLE = timedelta(minutes=env.number("STAFF_IDLE_MINUTES", 60))
STAFF_SESSION = timedelta(hours=env.number("STAFF_SESSION_HOURS", 12))
STAFF_TWO_FACTOR = env.flag("STAFF_TWO_FACTOR")
SESSION_COOKIE_AGE = int(STAFF_IDLE.total_seconds())
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
OTP_TOTP_ISSUER = "Payments"
APPROVAL_THRESHOLDS = env.amounts("APPROVAL_THRESHOLDS", "USD=1000,EUR=1000,GBP=1000,*=0")
APPROVAL_LIFETIME = timedelta(hours=env.number("APPROVAL_HOURS", 72))

# For seed_demo, under DEBUG alone.
DEMO_API_KEY = env.text("DEMO_API_KEY")
DEMO_STAFF_PASSWORD = env.text("DEMO_STAFF_PASSWORD")

LOG_LEVEL = env.text("LOG_LEVEL", "INFO")
LOGGING_CONFIG = "logging.config.dictConfig"
LOGGING = logging_config(level=LOG_LEVEL, is_json=env.flag("LOG_JSON", default=not DEBUG))
