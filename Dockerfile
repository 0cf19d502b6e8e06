# WaitLess as an image. Not run where it was written (no Docker there); tests/it/tidy/packaging.rs checks what it names.
FROM rust:1.95-slim-bookworm AS build
WORKDIR /waitless
# The allocator is built from C with it.
RUN apt-get update && apt-get install --yes --no-install-recommends make && rm -rf /var/lib/apt/lists/*
ENV SQLX_OFFLINE=true
COPY .cargo ./.cargo
COPY Cargo.toml Cargo.lock build.rs ./
COPY .sqlx ./.sqlx
COPY loadtest ./loadtest
COPY lua ./lua
COPY migrations ./migrations
COPY src ./src
COPY static ./static
RUN cargo build --release --locked --package waitless

FROM debian:12-slim
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin waitless
COPY --from=build /waitless/target/release/waitless /usr/local/bin/waitless
USER 10001
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["waitless"]
CMD ["serve"]
