#!/usr/bin/env bash
# Checks the files of this folder with the tools that read their formats; `./dev check` fetches the tools and runs it.
#   deploy/check.sh docker | compose | kustomize | systemd
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

say() { printf 'deploy/check.sh: %s\n' "$*" >&2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

docker() { hadolint docker/Dockerfile.cpu docker/Dockerfile.cuda; }

compose() { check-jsonschema --builtin-schema vendor.compose-spec compose/compose.yaml; }

kustomize() {
    local folder
    if command -v kubectl >/dev/null; then
        for folder in base overlays/gpu; do
            kubectl kustomize "kustomize/$folder" >"$work/all.yaml"
            valid "$work/all.yaml"
        done
    else
        say "kubectl is not installed; checking the manifests of the base as they are, not the overlays"
        local file
        for file in $(sed -n 's/^ *- \(.*\.yaml\|.*\.toml\)$/\1/p' kustomize/base/kustomization.yaml); do
            case $file in
                *.yaml) valid "kustomize/base/$file" ;;
                *) [ -s "kustomize/base/$file" ] || { say "kustomize/base/$file is missing"; return 1; } ;;
            esac
        done
    fi
}

valid() { # FILE
    # A file without a manifest would pass.
    grep -q '^kind: ' "$1" || { say "$1 holds no manifest"; return 1; }
    kubernetes-validate --strict --quiet --no-warn "$1"
}

systemd() {
    local unit said
    for unit in systemd/*.service; do
        # The program is not installed here, and a unit whose program is missing is refused.
        sed 's#=/usr/local/bin/isoscope #=/bin/true #' "$unit" >"$work/${unit#systemd/}"
    done
    # It succeeds on unknown keys and bad values, and only says so.
    said=$(systemd-analyze verify --man=no "$work"/*.service 2>&1) || true
    if [ "$said" ]; then
        printf '%s\n' "$said" >&2
        return 1
    fi
}

case ${1:-} in
    docker | compose | kustomize | systemd) "$1" ;;
    *) say "what? docker, compose, kustomize or systemd"; exit 2 ;;
esac
