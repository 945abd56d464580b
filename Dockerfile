# passkey-audit as a container image: one static binary, no shell, no root.
#
#   docker build --build-arg VERSION=v1.2.3 --build-arg REVISION="$(git rev-parse HEAD)" -t passkey-audit .
#
# Reports go to the working folder, /data. Mount a folder there, and run as its
# owner, since report files are readable by their owner alone:
#
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/data" passkey-audit demo
#
# It also runs with a read-only root (--read-only --tmpfs /tmp): a workbook of
# many rows is put together in /tmp.

FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src

# Modules first, so that a change of the source does not load them again.
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod \
    go mod download

# These folders and nothing else: the build must not see reports or snapshots
# that lie beside them, for they hold names of people.
COPY cmd ./cmd
COPY audit ./audit
COPY report ./report

ARG TARGETOS TARGETARCH
ARG VERSION=devel
RUN --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/cache \
    GOCACHE=/cache CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$VERSION" \
      -o /out/passkey-audit ./cmd/passkey-audit \
 && mkdir -p /empty /rootfs && mkdir -m 1777 /rootfs/tmp

FROM scratch

# Microsoft's certificates are checked against these authorities.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
# The time zones that come with Go itself, for a TZ that is set from outside.
COPY --from=build /usr/local/go/lib/time/zoneinfo.zip /usr/share/zoneinfo.zip
ENV ZONEINFO=/usr/share/zoneinfo.zip
COPY --from=build /out/passkey-audit /passkey-audit
# scratch has no folder that a user without rights may write to. /tmp keeps its
# mode, for whichever user the container runs as.
COPY --from=build /rootfs/ /
COPY --from=build --chown=65532:65532 /empty /data

ARG VERSION=devel
ARG REVISION=unknown
LABEL org.opencontainers.image.title="passkey-audit" \
      org.opencontainers.image.description="Tells which passkeys of a Microsoft Entra tenant break under a proposed key restriction" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"

# A number and no name: Kubernetes' runAsNonRoot can check it.
USER 65532:65532
WORKDIR /data
ENTRYPOINT ["/passkey-audit"]
