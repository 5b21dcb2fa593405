FROM python:3.11-slim AS build
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /app
RUN uv venv /venv
COPY requirements.txt .
RUN VIRTUAL_ENV=/venv uv pip install --no-cache --require-hashes -r requirements.txt

FROM python:3.11-slim
RUN useradd --system --create-home --uid 10001 payments
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
COPY --from=build /venv /venv
COPY . .
# Static files need settings, and settings need these; none of them reaches the image's environment.
RUN ENV_FILES= SECRET_KEY=build DATABASE_URL=postgres://build CELERY_BROKER_URL=redis://build \
    STRIPE_SECRET_KEY=sk_test_build python manage.py collectstatic --no-input
USER payments
EXPOSE 8000
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", \
     "--blocking-threads", "4", "--backpressure", "64", "--respawn-failed-workers", \
     "--workers-kill-timeout", "30", "--no-ws", "payments_project.wsgi:application"]
