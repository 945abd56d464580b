# passkey-audit as a container image: one static binary, no shell, no root.
#
#   docker buildx build --sbom=true --provenance=mode=max \
#     --build-arg VERSION=v1.2.3 --build-arg REVISION="$(git rev-parse HEAD)" \
#     --build-arg CREATED="$(git log -1 --format=%cI)" --tag passkey-audit .
#
# Both attestations need buildx; plain docker build makes the same image without
# them. The SBOM lists the modules that Go itself writes into the binary.
#
# Reports go to the working folder, /data. Mount a folder there, and run as its
# owner, since report files are readable by their owner alone:
#
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/data" passkey-audit demo
#
# It runs as any user, and with a read-only root (--read-only --tmpfs /tmp): a
# workbook of many rows is put together in /tmp.

# The only base image. The result starts from nothing.
ARG GO_IMAGE=golang:1.26
FROM --platform=$BUILDPLATFORM ${GO_IMAGE} AS build
WORKDIR /src

# Modules first, so that a change of the source does not load them again.
COPY go.mod go.sum ./
RUN --mount=type=cache,id=passkey-audit-mod,target=/go/pkg/mod \
    GOMODCACHE=/go/pkg/mod go mod download

# These folders and nothing else: the build must not see reports or snapshots
# that lie beside them, for they hold names of people.
COPY cmd ./cmd
COPY audit ./audit
COPY report ./report
COPY .ci/licences ./.ci/licences
COPY LICENSE ./

ARG TARGETOS TARGETARCH
ARG VERSION=devel
ARG REVISION=
ARG CREATED=
RUN --mount=type=cache,id=passkey-audit-mod,target=/go/pkg/mod \
    --mount=type=cache,id=passkey-audit-build,target=/cache \
    GOMODCACHE=/go/pkg/mod GOCACHE=/cache CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -buildvcs=false \
      -ldflags "-s -w -X main.version=$VERSION -X main.commit=$REVISION -X main.date=$CREATED" \
      -o /rootfs/passkey-audit ./cmd/passkey-audit \
 && GOMODCACHE=/go/pkg/mod GOCACHE=/cache go run ./.ci/licences /rootfs/licenses/THIRD-PARTY-NOTICES

# What an empty image lacks: Microsoft's certificates are checked against the
# authorities, a TZ that is set from outside needs the time zones that come with
# Go, programs that look at a container want a name for its user, and a user
# without rights needs folders to write to.
RUN mkdir -p /rootfs/etc/ssl/certs /rootfs/usr/share /rootfs/licenses \
 && cp /etc/ssl/certs/ca-certificates.crt /rootfs/etc/ssl/certs/ \
 && cp "$(go env GOROOT)/lib/time/zoneinfo.zip" /rootfs/usr/share/ \
 && printf 'root:x:0:0:root:/:/nologin\nnonroot:x:65532:65532:nonroot:/data:/nologin\n' >/rootfs/etc/passwd \
 && printf 'root:x:0:\nnonroot:x:65532:\n' >/rootfs/etc/group \
 && cp LICENSE /rootfs/licenses/LICENSE \
 && cp audit/aaguid/NOTICE /rootfs/licenses/NOTICE \
 && mkdir -m 1777 /rootfs/tmp \
 && mkdir /empty

FROM scratch

COPY --from=build /rootfs/ /
COPY --from=build --chown=65532:65532 /empty /data
ENV ZONEINFO=/usr/share/zoneinfo.zip \
    HOME=/data

ARG VERSION=devel
ARG REVISION=
ARG CREATED=
LABEL org.opencontainers.image.title="passkey-audit" \
      org.opencontainers.image.description="Tells which passkeys of a Microsoft Entra tenant break under a proposed key restriction" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.vendor="The passkey-audit authors" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.created="$CREATED"

# A number and no name: Kubernetes' runAsNonRoot can check it.
USER 65532:65532
WORKDIR /data
ENTRYPOINT ["/passkey-audit"]
