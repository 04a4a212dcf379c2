# anchorwatch in an image of its own: one static binary, the CA bundle, and nothing else.
#
#   docker build --tag anchorwatch .
#   docker run --volume anchorwatch:/var/lib/anchorwatch --volume "$PWD/conf:/etc/anchorwatch:ro" \
#       --publish 127.0.0.1:10464:10464 anchorwatch
#
# tests/packages/image.sh takes these stages by hand, and runs what comes out of them.

FROM rust:1.95.0-bookworm AS build
# The C compiler for musl: SQLite and aws-lc are C.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates musl-tools \
    && rm -rf /var/lib/apt/lists/* \
    && rustup target add "$(uname -m)-unknown-linux-musl"
WORKDIR /source
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target \
    cargo build --locked --release --target "$(uname -m)-unknown-linux-musl" \
    && sh packaging/image/root.sh "target/$(uname -m)-unknown-linux-musl/release/anchorwatch" /root-of-image \
    && mkdir /state

FROM scratch
LABEL org.opencontainers.image.title="anchorwatch" \
    org.opencontainers.image.description="The monitor for SPIFFE federation" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.source="https://github.com/anchorwatch/anchorwatch"
COPY --from=build /root-of-image/ /
# A new named volume takes over the owner of what lies here.
COPY --from=build --chown=65532:65532 /state/ /var/lib/anchorwatch/
ENV ANCHORWATCH_CONFIG_FILE=/etc/anchorwatch/anchorwatch.yaml
# Numeric, so that Kubernetes can see that it is not root.
USER 65532:65532
VOLUME /var/lib/anchorwatch
EXPOSE 10464
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["/usr/bin/anchorwatch", "healthy"]
ENTRYPOINT ["/usr/bin/anchorwatch"]
CMD ["run", "--web.listen-address=:10464"]
