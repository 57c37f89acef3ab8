#!/usr/bin/env bash
set -euo pipefail

usage() {
  cat <<'USAGE'
Runs Velox in a minikube cluster of its own.

  ./k8s.sh start [--cpu] [--partitions N] [--data FOLDER] [--train]
                                            start everything, or bring it up to date after a change.
                                            --cpu: without an NVIDIA GPU. --partitions: of the
                                            topic, and most consumers (8; at most 20). --data: train
                                            on the images of FOLDER, which has a folder for each
                                            label, and stream them. --train: train a new model even
                                            if there is one
  ./k8s.sh stop [--purge]                   stop everything; --purge deletes the data too
  ./k8s.sh status                           show what runs
  ./k8s.sh logs [APP]                       follow consumer (default), producer, kafka, mongo,
                                            model-trainer, prometheus or grafana
  ./k8s.sh scale N                          keep at least N consumers; under load there are more
  ./k8s.sh --help                           this text

MINIKUBE_PROFILE (velox) names the cluster; MINIKUBE_CPUS and MINIKUBE_MEMORY (max) limit it.
TORCH_BACKEND chooses the PyTorch of the image: with --cpu it is cpu, unless you set it, even to
nothing. TORCH_INDEX_URL and PIP_INDEX_URL are other package indexes for the image.
USAGE
}

STEPS=9
SLICES=8
# What the claim of the broker holds; docs/kubernetes.md, Disk of the broker, has the sum.
MOST_PARTITIONS=20
CLAIM_MIB=11264
BESIDE_MIB=448
# Beside the overlays: kustomize follows relative paths only.
WANTED=.k8s
ROLLOUT_TIMEOUT=600s
SLICES_TIMEOUT_S=180
TRAINING_TIMEOUT_S=1800
OURS=app.kubernetes.io/part-of=velox
PASSWORD='go-template={{.data.password | base64decode}}'
cluster="${MINIKUBE_PROFILE:-velox}"
cpus="${MINIKUBE_CPUS:-max}"
memory="${MINIKUBE_MEMORY:-max}"
partitions=8
overlay=gpu
components=""
data=""
purge=false
doing=""

say() { echo "==> $*"; }

fail() {
  echo "k8s.sh: $*" >&2
  exit 1
}

step() {
  doing="step $1/$STEPS"
  say "$1/$STEPS $2"
}

run() {
  local code=0
  "$@" || code=$?
  [[ "$code" == 0 ]] || fail "$doing failed with exit code $code: $*"
}

# Never another cluster than ours, whatever the current context is.
mini() { run minikube --profile "$cluster" "$@"; }
kube() { run kubectl --context "$cluster" "$@"; }

need() {
  local missing=() tool
  for tool in "$@"; do
    command -v "$tool" >/dev/null || missing+=("$tool")
  done
  [[ "${#missing[@]}" == 0 ]] || fail "missing: ${missing[*]} (docs/kubernetes.md says where to get them)"
}

running() {
  minikube --profile "$cluster" status >/dev/null 2>&1
}

# Writes the overlay of this start: that of the machine, with the partitions asked for.
want() {
  local consumers=$((partitions < SLICES ? partitions : SLICES))
  local kept=$(((CLAIM_MIB / (partitions + 1) - BESIDE_MIB) * 1024 * 1024))
  mkdir -p "$WANTED"
  cat >"$WANTED/kustomization.yaml" <<END
# Written anew by each start; see the result with: kubectl kustomize $WANTED
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [../k8s-overlays/$overlay]
components: [$components]
patches:
  - patch: |-
      apiVersion: v1
      kind: ConfigMap
      metadata: {name: consumer-env}
      data: {KAFKA_PARTITIONS: "$partitions"}
  - patch: |-
      apiVersion: autoscaling/v2
      kind: HorizontalPodAutoscaler
      metadata: {name: consumer-hpa}
      spec: {maxReplicas: $consumers}
  - patch: |-
      apiVersion: apps/v1
      kind: StatefulSet
      metadata: {name: kafka}
      spec:
        template:
          spec:
            containers:
              - name: kafka
                env: [{name: KAFKA_LOG_RETENTION_BYTES, value: "$kept"}]
END
}

# Applies the objects of some apps, which are given as a list with commas.
apply() {
  local apps="$1"
  kube apply -k "$WANTED" --selector "app in ($apps)"
}

# Deployments that are already there take the new image and the new settings.
deploy() {
  local apps="$1" there
  there="$(kube get deployments --selector "app in ($apps)" --output name)"
  apply "$apps"
  if [[ -n "$there" ]]; then kube rollout restart deployments --selector "app in ($apps)"; fi
}

available() {
  local name="$1"
  kube rollout status "$name" "--timeout=$ROLLOUT_TIMEOUT"
}

start_velox() {
  need minikube kubectl docker
  if [[ "$overlay" == gpu ]]; then
    # https://minikube.sigs.k8s.io/docs/tutorials/nvidia/
    case "$(uname -sr)" in
      Linux*[Mm]icrosoft*) fail "minikube cannot give pods a GPU in WSL, only on Linux itself: use start --cpu" ;;
      Linux*) ;;
      *) fail "minikube can give pods a GPU on Linux only: use start --cpu" ;;
    esac
    need nvidia-smi
  fi
  docker info >/dev/null 2>&1 || fail "docker does not answer: start it, or add your user to the group docker"

  step 1 "Start minikube"
  local options=("--driver=docker" "--container-runtime=docker" "--cpus=$cpus" "--memory=$memory")
  if [[ "$overlay" == gpu ]]; then options+=("--gpus=all"); fi
  mini start "${options[@]}"
  mini addons enable metrics-server
  want

  step 2 "Share the GPU in $SLICES time slices"
  share_gpu

  step 3 "Build the image inside minikube"
  build

  step 4 "Deploy Kafka, MongoDB, the settings and the volumes"
  make_passwords
  apply settings,discoveries,mongo,kafka
  available deployment/mongo
  available statefulset/kafka
  copy_images

  step 5 "Deploy Prometheus, Grafana and lag.py"
  deploy prometheus,grafana,lag
  available deployment/prometheus
  available deployment/grafana
  available deployment/lag

  step 6 "Create the topic with $partitions partitions"
  create_topic

  step 7 "Train the model, if there is none"
  train

  step 8 "Deploy the consumers and their autoscaler"
  deploy consumer
  available deployment/consumer

  step 9 "Deploy the producer"
  deploy producer
  available deployment/producer

  say "Velox runs. Grafana: kubectl --context $cluster port-forward svc/grafana 3000:3000"
  say "Its login is admin with: kubectl --context $cluster get secret grafana-admin --output '$PASSWORD'"
}

# Made once, by the first start, and kept by `stop`. A database that began without a password would
# let nobody in if it were given one here.
make_passwords() {
  local grafana mongo root own
  grafana="$(kube get secret grafana-admin --ignore-not-found --output name)"
  if [[ -z "$grafana" ]]; then secret grafana-admin "password: $(password)" | kube create -f -; fi
  mongo="$(kube get secret/mongo-root secret/velox-secrets pvc/mongo-data --ignore-not-found --output name)"
  if [[ -z "$mongo" ]]; then
    root="$(password)"
    own="$(password)"
    {
      secret mongo-root "MONGO_INITDB_ROOT_USERNAME: root" "MONGO_INITDB_ROOT_PASSWORD: $root" \
        "MONGO_PASSWORD: $own"
      echo "---"
      secret velox-secrets "MONGO_URI: mongodb://velox:$own@mongo:27017/?authSource=admin"
    } | kube create -f -
  elif [[ "$mongo" != *secret/* ]]; then
    say "MongoDB has no password, because it was set up without one: docs/operations.md says how to add one"
  fi
}

# Any user of this machine may read the arguments of a command, but not what it is sent.
secret() {
  local name="$1"
  shift
  printf '%s\n' "apiVersion: v1" "kind: Secret" "metadata:" "  name: $name" \
    "  labels: {app.kubernetes.io/part-of: velox}" "stringData:"
  printf '  %s\n' "$@"
}

password() { head -c 24 /dev/urandom | od -A n -t x1 | tr -d ' \n'; }

# By the cluster's own engine. `minikube image build` would exit with 0 when the build fails.
build() {
  local engine name value arguments=(-t ml-inference-app:latest)
  engine="$(mini docker-env --shell none --output text)"
  # The CUDA libraries would take 5 GB.
  if [[ "$overlay" == cpu ]]; then : "${TORCH_BACKEND=cpu}"; fi
  for name in PIP_INDEX_URL TORCH_BACKEND TORCH_INDEX_URL; do
    if [[ -n "${!name:-}" ]]; then arguments+=("--build-arg=$name=${!name}"); fi
  done
  (
    while IFS='=' read -r name value; do
      if [[ "$name" == DOCKER_* ]]; then export "$name=$value"; fi
    done <<<"$engine"
    # Not the builder of another engine that `docker buildx use` may have chosen.
    export BUILDX_BUILDER=default
    run docker build "${arguments[@]}" .
  )
}

# Into the claim that training and producer read, through the pod that holds it.
copy_images() {
  if [[ -z "$data" ]]; then return; fi
  local pod
  apply data
  available deployment/data
  pod="$(kube get pods --selector app=data --output 'jsonpath={.items[0].metadata.name}')"
  say "Copy $data"
  (
    # kubectl takes what is before a colon for a pod's name: a path of Windows has one.
    cd "$data"
    kube cp . "$pod:/data"
  )
}

share_gpu() {
  if [[ "$overlay" == cpu ]]; then
    say "There is no GPU to share"
    return
  fi
  mini addons enable nvidia-device-plugin
  apply gpu-sharing
  local plugin=daemonset/nvidia-device-plugin-daemonset
  kube --namespace kube-system patch "$plugin" --patch-file k8s-manifests/patches/device-plugin.yaml
  kube --namespace kube-system rollout restart "$plugin"
  kube --namespace kube-system rollout status "$plugin" "--timeout=$ROLLOUT_TIMEOUT"
  local deadline=$((SECONDS + SLICES_TIMEOUT_S)) found
  while true; do
    found="$(kube get nodes --output 'jsonpath={.items[0].status.allocatable.nvidia\.com/gpu}')"
    if ((${found:-0} >= SLICES)); then break; fi
    ((SECONDS < deadline)) || fail "$doing failed: the node offers ${found:-0} nvidia.com/gpu, not $SLICES"
    sleep 2
  done
}

create_topic() {
  local topic tool count
  topic="$(kube get configmap consumer-env --output 'jsonpath={.data.KAFKA_TOPIC}')"
  tool=(exec statefulset/kafka '--' /opt/kafka/bin/kafka-topics.sh --bootstrap-server localhost:29092)
  kube "${tool[@]}" --create --if-not-exists --topic "$topic" --partitions "$partitions" --replication-factor 1
  count="$(kube "${tool[@]}" --describe --topic "$topic" | sed -n 's/.*PartitionCount: *\([0-9]*\).*/\1/p')"
  if ((count < partitions)); then
    kube "${tool[@]}" --alter --topic "$topic" --partitions "$partitions"
  elif ((count > partitions)); then
    say "$topic keeps its $count partitions: Kafka cannot remove any"
  fi
}

train() {
  # A Job cannot be changed, only made anew; a model that is there is kept, but for --train.
  kube delete job model-trainer --ignore-not-found
  apply model-trainer
  local deadline=$((SECONDS + TRAINING_TIMEOUT_S)) ended
  while true; do
    ended="$(kube get job model-trainer --output 'jsonpath={.status.conditions[*].type}')"
    case "$ended" in
      *Complete*) break ;;
      *Failed*) fail "$doing failed: see ./k8s.sh logs model-trainer" ;;
    esac
    ((SECONDS < deadline)) || fail "$doing failed: no model after $TRAINING_TIMEOUT_S s; see ./k8s.sh status"
    sleep 2
  done
}

stop_velox() {
  need minikube kubectl
  if running; then
    say "Remove everything but the data"
    kube delete 'hpa,pdb,deployments,statefulsets,jobs' "--selector=$OURS" --cascade=foreground
    kube delete 'services,configmaps,serviceaccounts,roles,rolebindings' "--selector=$OURS"
    kube delete priorityclasses "--selector=$OURS"
    if ! $purge; then mini stop; fi
  else
    say "The cluster $cluster is not running"
  fi
  if $purge; then
    say "Delete the cluster with all data"
    mini delete
  fi
}

must_run() {
  need minikube kubectl
  running || fail "the cluster $cluster is not running: use ./k8s.sh start"
}

status() {
  must_run
  kube get 'pods,hpa,jobs,pvc' "--selector=$OURS"
}

logs() {
  local app="${1:-consumer}"
  must_run
  kube logs "--selector=app=$app" --prefix --tail 100 --follow --max-log-requests 20
}

scale() {
  local replicas="$1" most
  must_run
  most="$(kube get hpa consumer-hpa --output 'jsonpath={.spec.maxReplicas}')"
  ((replicas <= most)) || fail "scale $replicas: there can be 1 to $most consumers"
  kube patch hpa consumer-hpa --patch "spec: {minReplicas: $replicas}"
  say "At least $replicas consumers from now on"
}

number() {
  [[ "${2:-}" =~ ^[1-9][0-9]{0,3}$ ]] || fail "$1 needs a number from 1 to 9999, not '${2:-}'"
}

# With it, `cd` would look for folders elsewhere, and print what it finds.
unset CDPATH
from="$PWD"
cd "$(dirname "${BASH_SOURCE[0]}")"
action="${1:-}"
doing="$action"
shift || true
case "$action" in
  start)
    while (($#)); do
      case "$1" in
        --partitions)
          number "$1" "${2:-}"
          partitions="$2"
          ((partitions <= MOST_PARTITIONS)) || fail "$1 $2: the broker's disk has room for at most $MOST_PARTITIONS partitions"
          shift 2
          ;;
        --cpu)
          overlay=cpu
          shift
          ;;
        --data)
          data="$(cd "$from" && cd "${2:-}" 2>/dev/null && pwd)" && [[ -n "${2:-}" ]] ||
            fail "$1 needs a folder of images, not '${2:-}'"
          components="${components:+$components, }../k8s-components/own-images"
          shift 2
          ;;
        --train)
          components="${components:+$components, }../k8s-components/train-again"
          shift
          ;;
        *) fail "start has no option '$1': see ./k8s.sh --help" ;;
      esac
    done
    start_velox
    ;;
  stop)
    [[ $# == 0 || "$*" == --purge ]] || fail "stop has no option '$*': see ./k8s.sh --help"
    if [[ "${1:-}" == --purge ]]; then purge=true; fi
    stop_velox
    ;;
  status) status ;;
  logs) logs "$@" ;;
  scale)
    number scale "${1:-}"
    scale "$1"
    ;;
  -h | --help) usage ;;
  *)
    usage >&2
    exit 2
    ;;
esac
