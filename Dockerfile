# One image for workers, Flower, the console and the sandbox; docker-compose.yml says which is which.
FROM python:3.11-slim-bookworm AS dependencies
COPY requirements-run.lock .
# Wheels only: nothing is compiled, so no stage needs a compiler. The environment gets no pip.
RUN python -m venv --without-pip /venv \
 && python -m pip --python /venv/bin/python install --no-cache-dir --disable-pip-version-check \
      --only-binary :all: --require-hashes --requirement requirements-run.lock

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin revio \
 && install --directory --owner revio /var/cache/revio /var/lib/revio
COPY --from=dependencies /venv /venv
ENV PATH=/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    REVIO_WSDL_CACHE_DIR=/var/cache/revio \
    REVIO_HEARTBEAT_DIR=/tmp/heartbeat
WORKDIR /app
COPY client/src/revio_jobs ./revio_jobs
COPY settings ./settings
COPY tasks ./tasks
COPY worker ./worker
COPY campaigns ./campaigns
COPY certification ./certification
COPY cli ./cli
COPY console ./console
COPY sandbox ./sandbox
COPY deploy ./deploy
USER revio
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
  CMD sh /app/deploy/probe.sh alive
CMD ["celery", "-A", "worker", "worker", "-Q", "revio.default.interactive,revio.default.bulk", "-n", "worker@%h"]
