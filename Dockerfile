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
# As devstack/stack.py has it, but for the address and the time to end in.
CMD ["granian", "payments_project.front:application", "--interface", "rsgi", "--host", "0.0.0.0", \
     "--port", "8000", "--workers", "2", "--backlog", "2048", "--backpressure", "4096", \
     "--respawn-failed-workers", "--no-ws", "--workers-kill-timeout", "30", \
     "--http1-header-read-timeout", "10000"]
