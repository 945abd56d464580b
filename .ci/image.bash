# The container image, without a container engine and without a registry.
# Sourced by .ci/run; not a program.
#
# buildah builds the Dockerfile as it stands, and runc, the runtime below Docker
# and containerd, runs the result: read-only root, a user ID that the image does
# not know, no capabilities, no network but loopback.
#
# What is not real here: the base image. golang:1.26 comes from a registry that
# cannot be reached from everywhere, so its place is taken by the Go toolchain,
# the certificates and a busybox of this machine, in the same places. Nothing of
# it but certificates and time zones gets into the result. The build cache is
# mounted, so that the Graph SDK is not compiled once more; Go checks by digest
# that what it takes from there was made from the same source, flags and compiler.

readonly image=localhost/passkey-audit:ci
readonly max_image_bytes=40000000
readonly max_start_ms=1000

# What the image may hold, and nothing else: kind, mode, user and path.
readonly image_content='d 1777 0 /tmp
d 755 0 /etc
d 755 0 /etc/ssl
d 755 0 /etc/ssl/certs
d 755 0 /licenses
d 755 0 /usr
d 755 0 /usr/share
d 755 65532 /data
f 644 0 /etc/group
f 644 0 /etc/passwd
f 644 0 /etc/ssl/certs/ca-certificates.crt
f 644 0 /licenses/LICENSE
f 644 0 /licenses/NOTICE
f 644 0 /licenses/THIRD-PARTY-NOTICES
f 644 0 /usr/share/zoneinfo.zip
f 755 0 /passkey-audit'

# buildah with a store of this run's own, which ends with it.
in_store() {
  buildah --root "$tmp/store" --runroot "$tmp/store-run" --storage-driver vfs "$@"
}

# stand_in_for_go makes an image in place of golang:1.26. The toolchain itself
# is mounted while the Dockerfile is built.
stand_in_for_go() {
  local box root
  box=$(in_store from scratch)
  root=$(in_store mount "$box")
  mkdir -p "$root"/{bin,etc/ssl/certs,tmp,usr/bin,usr/local/go,go}
  chmod 1777 "$root/tmp"
  cp "$(command -v busybox)" "$root/bin/busybox"
  local tool
  for tool in sh mkdir cp printf chmod; do
    ln -s busybox "$root/bin/$tool"
  done
  cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
  printf 'root:x:0:0:root:/:/bin/sh\n' >"$root/etc/passwd"
  in_store umount "$box" >/dev/null
  in_store config --env PATH=/usr/local/go/bin:/bin --env GOTOOLCHAIN=local "$box"
  in_store commit --quiet --rm "$box" localhost/golang-stand-in >/dev/null
}

# build_image builds the Dockerfile. Its cache mounts are links to the caches of
# this machine; buildah looks for them below TMPDIR, under names that changed
# between its versions. Were they not found, the build would take minutes more.
build_image() {
  local name
  for name in buildah-cache "buildah-cache-$(id -u)"; do
    mkdir -p "$tmp/buildah/$name"
    ln -sfn "$(go env GOMODCACHE)" "$tmp/buildah/$name/passkey-audit-mod"
    ln -sfn "$(go env GOCACHE)" "$tmp/buildah/$name/passkey-audit-build"
  done
  TMPDIR=$tmp/buildah in_store build --quiet --isolation chroot --format oci --pull-never \
    --build-arg GO_IMAGE=localhost/golang-stand-in \
    --build-arg TARGETOS=linux --build-arg TARGETARCH="$(go env GOARCH)" \
    --build-arg VERSION=v0.0.0-ci --build-arg REVISION="$(safe_git rev-parse HEAD)" \
    --build-arg CREATED="$(safe_git log -1 --format=%cI)" \
    --volume "$(go env GOROOT):/usr/local/go:ro" \
    --tag "$image" . >"$tmp/build.log" 2>&1 ||
    { tail -n 40 "$tmp/build.log" >&2; fail "buildah cannot build the Dockerfile"; }
}

of_image() { in_store inspect --type image --format "{{$1}}" "$image"; }

# look_at_image holds the image to what its users and Kubernetes rely on.
look_at_image() {
  local root=$1 got want
  for want in '.OCIv1.Config.User=65532:65532' '.OCIv1.Config.WorkingDir=/data' '.OCIv1.Config.Entrypoint=[/passkey-audit]' \
    'len .OCIv1.Config.ExposedPorts=0' 'len .OCIv1.Config.Volumes=0' \
    'index .OCIv1.Config.Labels "org.opencontainers.image.title"=passkey-audit' \
    'index .OCIv1.Config.Labels "org.opencontainers.image.licenses"=MIT' \
    'index .OCIv1.Config.Labels "org.opencontainers.image.version"=v0.0.0-ci' \
    "index .OCIv1.Config.Labels \"org.opencontainers.image.revision\"=$(safe_git rev-parse HEAD)" \
    "index .OCIv1.Config.Labels \"org.opencontainers.image.created\"=$(safe_git log -1 --format=%cI)"; do
    got=$(of_image "${want%=*}")
    [ "$got" = "${want##*=}" ] || fail "the image's ${want%=*} is $got, want ${want##*=}"
  done

  printf 'content (bytes, kind, mode, user, path):\n'
  find "$root" -mindepth 1 -printf '%10s %y %m %U /%P\n' | sort -k5
  got=$(find "$root" -mindepth 1 -printf '%y %m %U /%P\n' | LC_ALL=C sort)
  if [ "$got" != "$(LC_ALL=C sort <<<"$image_content")" ]; then
    diff <(LC_ALL=C sort <<<"$image_content") <(printf '%s\n' "$got") >&2 || true
    fail "the image holds other files than it should (< expected, > found)"
  fi
  local bytes compressed
  bytes=$(du -sb --apparent-size "$root" | cut -f1)
  compressed=$(tar -C "$root" -cf - . | gzip -6 | wc -c)
  printf 'image: %d bytes, %d as a registry keeps it (gzip)\n' "$bytes" "$compressed"
  [ "$bytes" -lt "$max_image_bytes" ] || fail "the image has $bytes bytes; it must stay under $max_image_bytes"
}

# run_root UID FOLDER ROOT PROGRAM ARGUMENT... runs a program of an unpacked
# image as Kubernetes would with the restricted security profile, and with the
# environment of our image; FOLDER is mounted at /data.
run_root() {
  local uid=$1 folder=$2 root=$3 env='' args='' word
  shift 3
  while IFS= read -r word; do
    [ -z "$word" ] || env+="${env:+,}\"$word\""
  done < <(of_image 'range .OCIv1.Config.Env}}{{println .}}{{end')
  for word in "$@"; do
    args+="${args:+,}\"$word\""
  done
  mkdir -p "$tmp/bundle"
  cat >"$tmp/bundle/config.json" <<EOF
{"ociVersion": "1.0.2",
 "process": {"terminal": false, "user": {"uid": $uid, "gid": $uid}, "args": [$args], "env": [$env], "cwd": "/data",
  "capabilities": {"bounding": [], "effective": [], "inheritable": [], "permitted": [], "ambient": []}, "noNewPrivileges": true},
 "root": {"path": "$root", "readonly": true},
 "mounts": [
  {"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "nodev", "noexec"]},
  {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
  {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", "noexec", "mode=1777", "size=65536k"]},
  {"destination": "/data", "type": "bind", "source": "$folder", "options": ["rbind", "rw", "nosuid", "nodev", "noexec"]}],
 "linux": {"namespaces": [{"type": "pid"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}, {"type": "network"}]}}
EOF
  runc --root "$tmp/runc" run --bundle "$tmp/bundle" "passkey-audit-$BASHPID"
}

# can_run_containers UID FOLDER tells whether runc can run anything on this
# machine, by a program that is none of ours.
can_run_containers() {
  local box root
  box=$(in_store from --pull-never localhost/golang-stand-in)
  root=$(in_store mount "$box")
  mkdir -p "$root"/{proc,dev,data}
  run_root "$1" "$2" "$root" /bin/busybox true >/dev/null 2>"$tmp/stderr"
}

step_image() {
  if [ "$(uname -s)" != Linux ] || [ "$(id -u)" -ne 0 ]; then
    printf 'NOT CHECKED: the container image, which takes Linux and root.\n'
    return
  fi
  need buildah buildah
  need runc runc
  need busybox busybox-static
  [ -e /etc/ssl/certs/ca-certificates.crt ] || need update-ca-certificates ca-certificates
  local begin=$SECONDS
  stand_in_for_go
  build_image
  printf 'built in %d s, with stand-ins for golang:1.26 (see .ci/image.bash)\n' $((SECONDS - begin))
  local box root
  box=$(in_store from --pull-never "$image")
  root=$(in_store mount "$box")
  look_at_image "$root"

  # A user that no file of the image names, and the owner of the folder.
  local uid=$((100000 + RANDOM)) folder=$tmp/data milliseconds status=0
  mkdir -m 700 "$folder"
  chown "$uid:$uid" "$folder"
  if ! can_run_containers "$uid" "$folder"; then
    printf 'NOT CHECKED: that the image runs. It was built; runc starts no container here:\n%s\n' "$(tail -n 3 "$tmp/stderr")"
    return
  fi
  milliseconds=$(date +%s%N)
  run_root "$uid" "$folder" "$root" /passkey-audit version || fail "the image does not start"
  milliseconds=$((($(date +%s%N) - milliseconds) / 1000000))
  printf 'start: %d ms\n' "$milliseconds"
  [ "$milliseconds" -lt "$max_start_ms" ] || fail "the image starts in $milliseconds ms; it must stay under $max_start_ms"
  run_root "$uid" "$folder" "$root" /passkey-audit demo --out /data/report >"$tmp/stdout" 2>"$tmp/stderr" || status=$?
  [ "$status" -eq 0 ] || { tail -n 40 "$tmp/stderr" >&2; fail "demo in the image ended with $status, want 0"; }
  run_root "$uid" "$folder" "$root" /passkey-audit verify /data/report || fail "verify in the image finds fault with its report"
  local foreign
  foreign=$(find "$folder" \( ! -uid "$uid" -o -type f ! -perm 600 \) -printf '%p %U %m\n')
  [ -z "$foreign" ] || fail "files of another user or mode in the report folder: $foreign"
  # What was written elsewhere would be in the root, were that not read-only.
  [ -z "$(find "$root" -newer "$tmp/build.log" -type f)" ] || fail "the run changed the image's root"
  printf 'demo: %d files, as user %d, with a read-only root\n' "$(find "$folder/report" -type f | wc -l)" "$uid"
  in_store umount "$box" >/dev/null
}
