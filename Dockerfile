# Veteran's MCP server in a container: for clients that start it with `docker run -i --rm`, looking at clusters and daemons.
# A container sees itself, not the host: mount what it should see, read-only, and name places with target=….
#
#   docker build -t veteran .
#   docker run -i --rm -v veteran-state:/state -v ~/.kube/config:/home/veteran/.kube/config:ro veteran
#
# Pin BASE by digest for a build that can be repeated: --build-arg BASE=python:3.12.7-slim-bookworm@sha256:…
ARG BASE=python:3.12.7-slim-bookworm

FROM ${BASE} AS packages
COPY locks/runtime.txt /build/
RUN python -m venv /opt/veteran && \
    /opt/veteran/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r /build/runtime.txt

FROM ${BASE}
RUN useradd --uid 10001 --create-home veteran && install -d -o veteran -g veteran -m 0700 /state /state-gate
COPY --from=packages /opt/veteran /opt/veteran
COPY mcp_server /app/mcp_server
COPY docs/incident_response /app/docs/incident_response
COPY scripts/deploy/verify.py /app/verify.py
ENV PYTHONPATH=/app PYTHONSAFEPATH=1 PYTHONUNBUFFERED=1 VETERAN_STATE_DIR=/state
RUN /opt/veteran/bin/python -m compileall -q /app/mcp_server && /opt/veteran/bin/python -m mcp_server.surface.checked
USER 10001:10001
WORKDIR /state
VOLUME ["/state"]
HEALTHCHECK --interval=60s --timeout=70s --start-period=10s CMD ["/opt/veteran/bin/python", "-I", "/app/verify.py", "/opt/veteran/bin/python"]
ENTRYPOINT ["/opt/veteran/bin/python", "-m", "mcp_server"]
