# One image for API, worker, reaper and migrations. EXTRA chooses the TensorFlow it carries: gpu (CUDA, about 4 GB) or cpu.
ARG PYTHON_VERSION=3.11

FROM python:${PYTHON_VERSION}-slim-bookworm AS build
ARG EXTRA=gpu
RUN pip install --no-cache-dir "uv>=0.9,<1" "hatchling>=1.27" && python -m venv --without-pip /opt/lrsearch
WORKDIR /source
# The locked dependencies change seldom: their layer is made before the sources are copied.
COPY requirements/${EXTRA}.lock requirements.lock
RUN uv pip sync --no-cache --python /opt/lrsearch/bin/python --compile-bytecode --require-hashes requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY lrsearch lrsearch
COPY api api
COPY worker worker
COPY migrations migrations
COPY examples examples
RUN python -m hatchling build -t wheel -d /wheel \
    && uv pip install --no-cache --python /opt/lrsearch/bin/python --compile-bytecode --no-deps /wheel/*.whl

FROM python:${PYTHON_VERSION}-slim-bookworm
# The numbers are fixed, so that volumes keep their owner when the image is built again.
RUN groupadd --gid 10001 lrsearch \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/lrsearch --shell /usr/sbin/nologin lrsearch \
    && install --directory --owner=lrsearch --group=lrsearch --mode=0750 /var/lib/lrsearch /var/lib/lrsearch-password
COPY --from=build /opt/lrsearch /opt/lrsearch
COPY docker/make_password.py /usr/local/libexec/lrsearch/make_password.py
ENV PATH=/opt/lrsearch/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    TF_CPP_MIN_LOG_LEVEL=2 \
    LRSEARCH_HOME=/var/lib/lrsearch \
    KERAS_HOME=/var/lib/lrsearch/keras \
    MPLCONFIGDIR=/tmp/matplotlib \
    XDG_CACHE_HOME=/tmp/cache
USER 10001:10001
WORKDIR /var/lib/lrsearch
EXPOSE 8000
ENTRYPOINT ["lrsearch"]
CMD ["--help"]
