# docker-exporter in an image: `make image` builds it.
#
# It reaches the engine by the Docker SDK alone. With `--build-arg WITH_CLI=yes` it has the docker
# command as well, to fall back to; that takes a base of Debian 13 or later.
#
# The base can be held to its digest: `--build-arg PYTHON_IMAGE=python:3.13-slim@sha256:...`.
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS build
# For those who have a package index of their own.
ARG PIP_INDEX_URL
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY constraints.txt ./
RUN pip install --quiet --constraint constraints.txt hatchling
COPY LICENSE README.md pyproject.toml ./
COPY exporter exporter
RUN pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist . \
 && python -m venv --without-pip /opt/docker-exporter \
 && pip --python /opt/docker-exporter/bin/python \
    install --quiet --constraint constraints.txt dist/*.whl

FROM ${PYTHON_IMAGE}
COPY --from=build /opt/docker-exporter /opt/docker-exporter
ARG WITH_CLI
# A volume that is mounted there belongs to who runs the exporter, who can keep an audit file in it.
RUN mkdir -p /var/lib/docker-exporter \
 && chown 65534:65534 /var/lib/docker-exporter \
 && if [ -n "$WITH_CLI" ]; then \
        apt-get update \
     && apt-get install --yes --no-install-recommends docker-cli \
     && rm -rf /var/lib/apt/lists/*; \
    fi
ENV PATH=/opt/docker-exporter/bin:$PATH
ARG PYTHON_IMAGE
ARG VERSION
LABEL org.opencontainers.image.title="docker-exporter" \
      org.opencontainers.image.description="A Prometheus exporter for Docker" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.base.name="$PYTHON_IMAGE"
# Nobody, as a number, so that orchestrators can see that it is not root.
USER 65534:65534
EXPOSE 9417
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=10s CMD ["docker-exporter", "healthcheck"]
ENTRYPOINT ["docker-exporter"]
