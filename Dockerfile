FROM python:3.11-slim-bookworm

# gcc stays: torch.compile builds kernels at run time.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 darkroom

WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE darkroom.py ./
COPY bot ./bot
COPY engine ./engine
COPY doodle ./doodle
COPY migrations ./migrations
COPY playground ./playground
RUN pip install --no-cache-dir --constraint constraints.txt --editable . \
    && mkdir /data models && chown darkroom:darkroom /data models
COPY models.toml alembic.ini ./

USER 1000
ENV DATA_DIR=/data HF_HOME=/app/models/.cache OMP_WAIT_POLICY=PASSIVE \
    DARKROOM_COMMAND="docker compose exec darkroom darkroom"
VOLUME ["/data", "/app/models"]
HEALTHCHECK --interval=30s --timeout=10s --start-period=120s CMD ["darkroom", "bot", "health"]
CMD ["darkroom", "bot"]
