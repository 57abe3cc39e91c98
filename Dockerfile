# Two images from one file: `agent` is the device, `gateway` the cloud side, which has no ONNX Runtime in it.
# Neither holds model weights or secrets; those come in volumes. The versions are those of constraints.txt.

FROM python:3.11-slim AS base
ENV PATH=/opt/edgewise/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    EDGEWISE_HOME=/var/lib/edgewise/data \
    EDGEWISE_MODELS=/var/lib/edgewise/models
# The folders exist with their owner before a volume is put over them: a new volume takes both over.
RUN useradd --uid 10001 --user-group --home-dir /var/lib/edgewise --no-create-home --shell /usr/sbin/nologin edgewise \
    && install --directory --owner edgewise --group edgewise --mode 0700 \
        /var/lib/edgewise \
        /var/lib/edgewise/data /var/lib/edgewise/models /var/lib/edgewise/keys

# The locked pip and build backend. An index of your own is given with --build-arg; it stays out of the images.
FROM base AS tools
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_TRUSTED_HOST
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore PIP_PROGRESS_BAR=off
WORKDIR /src
COPY constraints.txt ./
RUN python -m venv /opt/tools \
    && sed -n '/^pip==/,/[^\\]$/p' constraints.txt >pip.txt \
    && /opt/tools/bin/pip install --quiet --no-deps --require-hashes --requirement pip.txt \
    && /opt/tools/bin/pip install --quiet --require-hashes --constraint constraints.txt hatchling \
    && python -m venv --without-pip /opt/edgewise
COPY pyproject.toml ./
COPY scripts/requirements.py scripts/

FROM tools AS wheel
COPY README.md LICENSE ./
COPY orchestrator orchestrator
COPY edge_agent edge_agent
COPY cloud_gateway cloud_gateway
COPY simulation simulation
RUN /opt/tools/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /dist .

FROM tools AS agent-install
RUN python scripts/requirements.py models serve >agent.txt \
    && /opt/tools/bin/pip --python /opt/edgewise install --quiet --require-hashes --constraint constraints.txt \
        --requirement agent.txt
COPY --from=wheel /dist /dist
RUN /opt/tools/bin/pip --python /opt/edgewise install --quiet --no-deps /dist/*.whl

FROM tools AS gateway-install
RUN python scripts/requirements.py gateway redis >gateway.txt \
    && /opt/tools/bin/pip --python /opt/edgewise install --quiet --require-hashes --constraint constraints.txt \
        --requirement gateway.txt
COPY --from=wheel /dist /dist
RUN /opt/tools/bin/pip --python /opt/edgewise install --quiet --no-deps /dist/*.whl

FROM base AS gateway
COPY --from=gateway-install /opt/edgewise /opt/edgewise
USER edgewise
WORKDIR /var/lib/edgewise
ENTRYPOINT ["edgewise-gateway"]
CMD ["--help"]

FROM base AS agent
COPY --from=agent-install /opt/edgewise /opt/edgewise
USER edgewise
WORKDIR /var/lib/edgewise
ENTRYPOINT ["edgewise"]
CMD ["--help"]
