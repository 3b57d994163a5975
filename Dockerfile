# Two images from one file. Build them with docker, podman or buildah:
#   docker build --target proxy -t pratique-proxy .
#   docker build --target analyzer -t pratique-analyzer .
# Run them (docs/containers.md has the whole of it):
#   docker run -p 8080:8080 -v pratique:/var/lib/pratique pratique-proxy
#   docker run --cap-drop ALL --cap-add BPF --cap-add PERFMON … pratique-analyzer
ARG BASE=debian:bookworm-slim
FROM ${BASE} AS base
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3 python3-venv libgomp1 ca-certificates \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/pratique
COPY requirements.lock ./
RUN /usr/bin/python3 -m venv env \
 && env/bin/pip install --no-cache-dir --quiet --require-hashes --requirement requirements.lock
COPY pyproject.toml README.md ./
COPY proxy proxy
COPY analyzer analyzer
COPY policies policies
COPY models models
RUN env/bin/pip install --no-cache-dir --quiet --no-deps --no-build-isolation --no-index . \
 && rm -rf proxy analyzer policies models build
ENV PATH=/opt/pratique/env/bin:$PATH

# The door and the judge: an ordinary user, no capability, no kernel interface.
FROM base AS proxy
RUN install -d -o 64800 -g 64800 -m 0750 /var/lib/pratique
USER 64800:64800
VOLUME /var/lib/pratique
EXPOSE 8080
ENV PRATIQUE_DATA_DIR=/var/lib/pratique PRATIQUE_BOXES=0 PRATIQUE_LISTEN=0.0.0.0:8080
# Beyond loopback it refuses to start without a client token; add one first with `pratique token add`.
ENTRYPOINT ["pratique"]
CMD ["serve"]

# The analyzer: root inside, with the capabilities that boxes and BPF need and no other. libfaketime
# gives the second start of a package a clock that is weeks ahead and runs fast.
FROM base AS analyzer
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3-bpfcc bubblewrap libfaketime \
 && rm -rf /var/lib/apt/lists/*
ENTRYPOINT ["pratique"]
CMD ["worker"]
