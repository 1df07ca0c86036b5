# syntax=docker/dockerfile:1
#
#   docker build --tag boxoffice .
#
# It listens on all addresses of its container, so it starts only with an API key, or told `--insecure`:
# see compose.yaml, which has the database, too.

FROM python:3.13-slim AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m venv /opt/boxoffice \
    && /opt/boxoffice/bin/python -m pip install '.[fast]'

FROM python:3.13-slim
RUN groupadd --system --gid 10001 boxoffice \
    && useradd --system --no-log-init --uid 10001 --gid 10001 --home-dir /var/lib/boxoffice --create-home boxoffice
COPY --from=build /opt/boxoffice /opt/boxoffice
ENV PATH=/opt/boxoffice/bin:$PATH \
    HOST=0.0.0.0 \
    PORT=3000
USER 10001:10001
WORKDIR /var/lib/boxoffice
EXPOSE 3000
STOPSIGNAL SIGTERM
# Whoever restarts containers asks this; whether to send requests is another question: GET /readyz.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import http.client, os; asked = http.client.HTTPConnection('127.0.0.1', int(os.environ['PORT']), timeout=4); asked.request('GET', '/livez'); raise SystemExit(asked.getresponse().status != 200)"]
ENTRYPOINT ["boxoffice"]
CMD ["serve"]
