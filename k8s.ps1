<#
.SYNOPSIS
Runs Velox in a minikube cluster of its own.

.DESCRIPTION
  .\k8s.ps1 -Action start [-Cpu] [-Partitions N] [-Data FOLDER] [-Train]
                                                   start everything, or bring it up to date after a
                                                   change. -Cpu: without an NVIDIA GPU.
                                                   -Partitions: of the topic, and most consumers
                                                   (8; at most 20). -Data: train on the images of
                                                   FOLDER, which has a folder for each label, and
                                                   stream them. -Train: train a new model even if
                                                   there is one
  .\k8s.ps1 -Action stop [-Purge]                  stop everything; -Purge deletes the data too
  .\k8s.ps1 -Action status                         show what runs
  .\k8s.ps1 -Action logs [-App NAME]               follow consumer (default), producer, kafka,
                                                   mongo, model-trainer, prometheus or grafana
  .\k8s.ps1 -Action scale -Replicas N              keep at least N consumers; under load there are more
  Get-Help .\k8s.ps1                               this text

MINIKUBE_PROFILE (velox) names the cluster; MINIKUBE_CPUS and MINIKUBE_MEMORY (max) limit it.
TORCH_BACKEND chooses the PyTorch of the image: with -Cpu it is cpu, unless you set it.
TORCH_INDEX_URL and PIP_INDEX_URL are other package indexes for the image.
#>
param(
    [Parameter(Mandatory, Position = 0)]
    [ValidateSet('start', 'stop', 'status', 'logs', 'scale')]
    [string]$Action,
    [ValidateRange(1, 20)][int]$Partitions = 8,
    [ValidateRange(1, 9999)][int]$Replicas = 1,
    [string]$App = 'consumer',
    [switch]$Cpu,
    [ValidateScript({ Test-Path -PathType Container $_ })][string]$Data,
    [switch]$Train,
    [switch]$Purge
)

$ErrorActionPreference = 'Stop'
Set-StrictMode -Version Latest

$Steps = 9
$Slices = 8
# What the claim of the broker holds; docs/kubernetes.md, Disk of the broker, has the sum.
$ClaimMib = 11264
$BesideMib = 448
# Beside the overlays: kustomize follows relative paths only.
$Wanted = '.k8s'
$RolloutTimeout = '600s'
$SlicesTimeoutS = 180
$TrainingTimeoutS = 1800
$Ours = 'app.kubernetes.io/part-of=velox'
$Password = 'go-template={{.data.password | base64decode}}'
$Cluster = if ($env:MINIKUBE_PROFILE) { $env:MINIKUBE_PROFILE } else { 'velox' }
$Cpus = if ($env:MINIKUBE_CPUS) { $env:MINIKUBE_CPUS } else { 'max' }
$Memory = if ($env:MINIKUBE_MEMORY) { $env:MINIKUBE_MEMORY } else { 'max' }
$Overlay = if ($Cpu) { 'cpu' } else { 'gpu' }
if ($Data) { $Data = (Resolve-Path $Data).Path }
$Components = @(
    if ($Data) { '../k8s-components/own-images' }
    if ($Train) { '../k8s-components/train-again' }
) -join ', '
$script:Doing = $Action

function say($Text) { Write-Host "==> $Text" }

function fail($Text) {
    [Console]::Error.WriteLine("k8s.ps1: $Text")
    exit 1
}

function step($Number, $Text) {
    $script:Doing = "step $Number/$Steps"
    say "$Number/$Steps $Text"
}

# Never another cluster than ours, whatever the current context is.
function mini {
    & minikube --profile $Cluster @args
    if ($LASTEXITCODE -ne 0) { fail "$script:Doing failed with exit code ${LASTEXITCODE}: minikube $args" }
}

function kube {
    # What is piped to a function reaches the program that it calls only in this way.
    if ($MyInvocation.ExpectingInput) { $input | & kubectl --context $Cluster @args }
    else { & kubectl --context $Cluster @args }
    if ($LASTEXITCODE -ne 0) { fail "$script:Doing failed with exit code ${LASTEXITCODE}: kubectl $args" }
}

function need {
    $missing = @($args | Where-Object { -not (Get-Command $_ -CommandType Application -ErrorAction SilentlyContinue) })
    if ($missing) { fail "missing: $missing (docs/kubernetes.md says where to get them)" }
}

function running {
    & minikube --profile $Cluster status | Out-Null
    return $LASTEXITCODE -eq 0
}

# Writes the overlay of this start: that of the machine, with the partitions asked for.
function want {
    $consumers = [Math]::Min($Partitions, $Slices)
    $kept = [long]([Math]::Floor($ClaimMib / ($Partitions + 1)) - $BesideMib) * 1024 * 1024
    New-Item -ItemType Directory -Force $Wanted | Out-Null
    Set-Content -Encoding Ascii "$Wanted/kustomization.yaml" @"
# Written anew by each start; see the result with: kubectl kustomize $Wanted
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [../k8s-overlays/$Overlay]
components: [$Components]
patches:
  - patch: |-
      apiVersion: v1
      kind: ConfigMap
      metadata: {name: consumer-env}
      data: {KAFKA_PARTITIONS: "$Partitions"}
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
"@
}

# Applies the objects of some apps, which are given as a list with commas.
function apply($Apps) {
    kube apply -k $Wanted --selector "app in ($Apps)"
}

# Deployments that are already there take the new image and the new settings.
function deploy($Apps) {
    $there = kube get deployments --selector "app in ($Apps)" --output name
    apply $Apps
    if ($there) { kube rollout restart deployments --selector "app in ($Apps)" }
}

function available($Name) {
    kube rollout status $Name "--timeout=$RolloutTimeout"
}

function start_velox {
    need minikube kubectl docker
    if (-not $Cpu) {
        if ($PSVersionTable.PSVersion.Major -lt 6 -or -not $IsLinux) { fail 'minikube can give pods a GPU on Linux only: use -Action start -Cpu' }
        need nvidia-smi
    }
    & docker info | Out-Null
    if ($LASTEXITCODE -ne 0) { fail 'docker does not answer: start it' }

    step 1 'Start minikube'
    $options = @('--driver=docker', '--container-runtime=docker', "--cpus=$Cpus", "--memory=$Memory")
    if (-not $Cpu) { $options += '--gpus=all' }
    mini start @options
    mini addons enable metrics-server
    want

    step 2 "Share the GPU in $Slices time slices"
    share_gpu

    step 3 'Build the image inside minikube'
    build

    step 4 'Deploy Kafka, MongoDB, the settings and the volumes'
    make_passwords
    apply 'settings,discoveries,mongo,kafka'
    available deployment/mongo
    available statefulset/kafka
    copy_images

    step 5 'Deploy Prometheus, Grafana and lag.py'
    deploy 'prometheus,grafana,lag'
    available deployment/prometheus
    available deployment/grafana
    available deployment/lag

    step 6 "Create the topic with $Partitions partitions"
    create_topic

    step 7 'Train the model, if there is none'
    train

    step 8 'Deploy the consumers and their autoscaler'
    deploy consumer
    available deployment/consumer

    step 9 'Deploy the producer'
    deploy producer
    available deployment/producer

    say "Velox runs. Grafana: kubectl --context $Cluster port-forward svc/grafana 3000:3000"
    say "Its login is admin with: kubectl --context $Cluster get secret grafana-admin --output '$Password'"
}

# Made once, by the first start, and kept by `stop`. A database that began without a password would
# let nobody in if it were given one here.
function make_passwords {
    $grafana = kube get secret grafana-admin --ignore-not-found --output name
    if (-not $grafana) { secret grafana-admin "password: $(password)" | kube create -f '-' }
    $mongo = kube get secret/mongo-root secret/velox-secrets pvc/mongo-data --ignore-not-found --output name
    if (-not $mongo) {
        $root = password
        $own = password
        @(
            secret mongo-root 'MONGO_INITDB_ROOT_USERNAME: root' "MONGO_INITDB_ROOT_PASSWORD: $root" `
                "MONGO_PASSWORD: $own"
            '---'
            secret velox-secrets "MONGO_URI: mongodb://velox:$own@mongo:27017/?authSource=admin"
        ) | kube create -f '-'
    } elseif ("$mongo" -notlike '*secret/*') {
        say 'MongoDB has no password, because it was set up without one: docs/operations.md says how to add one'
    }
}

# Any user of this machine may read the arguments of a command, but not what it is sent.
function secret($Name) {
    'apiVersion: v1', 'kind: Secret', 'metadata:', "  name: $Name"
    '  labels: {app.kubernetes.io/part-of: velox}', 'stringData:'
    $args | ForEach-Object { "  $_" }
}

function password {
    $bytes = [byte[]]::new(24)
    [Security.Cryptography.RandomNumberGenerator]::Create().GetBytes($bytes)
    return -join ($bytes | ForEach-Object { $_.ToString('x2') })
}

# By the cluster's own engine. `minikube image build` would exit with 0 when the build fails.
function build {
    $arguments = @('-t', 'ml-inference-app:latest')
    # Not the builder of another engine that `docker buildx use` may have chosen.
    $engine = @{ BUILDX_BUILDER = 'default' }
    foreach ($line in @(mini docker-env --shell none --output text)) {
        $name, $value = $line -split '=', 2
        if ($name -like 'DOCKER_*') { $engine[$name] = $value }
    }
    foreach ($name in 'PIP_INDEX_URL', 'TORCH_BACKEND', 'TORCH_INDEX_URL') {
        $value = [Environment]::GetEnvironmentVariable($name)
        # The CUDA libraries would take 5 GB.
        if ($null -eq $value -and $Cpu -and $name -eq 'TORCH_BACKEND') { $value = 'cpu' }
        if ($value) { $arguments += "--build-arg=$name=$value" }
    }
    # The variables are those of the whole session, so they are put back.
    $before = @{}
    foreach ($name in $engine.Keys) { $before[$name] = [Environment]::GetEnvironmentVariable($name) }
    try {
        foreach ($name in $engine.Keys) { Set-Item "env:$name" $engine[$name] }
        & docker build @arguments .
        if ($LASTEXITCODE -ne 0) { fail "$script:Doing failed with exit code ${LASTEXITCODE}: docker build $arguments ." }
    } finally {
        foreach ($name in $before.Keys) {
            if ($null -eq $before[$name]) { Remove-Item "env:$name" } else { Set-Item "env:$name" $before[$name] }
        }
    }
}

# Into the claim that training and producer read, through the pod that holds it.
function copy_images {
    if (-not $Data) { return }
    apply data
    available deployment/data
    $pod = kube get pods --selector app=data --output 'jsonpath={.items[0].metadata.name}'
    say "Copy $Data"
    # kubectl takes what is before a colon for a pod's name: a path of Windows has one.
    Push-Location $Data
    kube cp . "${pod}:/data"
    Pop-Location
}

function share_gpu {
    if ($Cpu) {
        say 'There is no GPU to share'
        return
    }
    mini addons enable nvidia-device-plugin
    apply gpu-sharing
    $plugin = 'daemonset/nvidia-device-plugin-daemonset'
    kube --namespace kube-system patch $plugin --patch-file k8s-manifests/patches/device-plugin.yaml
    kube --namespace kube-system rollout restart $plugin
    kube --namespace kube-system rollout status $plugin "--timeout=$RolloutTimeout"
    $clock = [Diagnostics.Stopwatch]::StartNew()
    while ($true) {
        $found = kube get nodes --output 'jsonpath={.items[0].status.allocatable.nvidia\.com/gpu}'
        $number = if ($found) { [int]"$found" } else { 0 }
        if ($number -ge $Slices) { break }
        if ($clock.Elapsed.TotalSeconds -ge $SlicesTimeoutS) { fail "$script:Doing failed: the node offers $number nvidia.com/gpu, not $Slices" }
        Start-Sleep -Seconds 2
    }
}

function create_topic {
    $topic = kube get configmap consumer-env --output 'jsonpath={.data.KAFKA_TOPIC}'
    $tool = @('exec', 'statefulset/kafka', '--', '/opt/kafka/bin/kafka-topics.sh', '--bootstrap-server', 'localhost:29092')
    kube @tool --create --if-not-exists --topic $topic --partitions $Partitions --replication-factor 1
    $described = kube @tool --describe --topic $topic | Out-String
    $count = if ($described -match 'PartitionCount: *([0-9]+)') { [int]$Matches[1] } else { 0 }
    if ($count -lt $Partitions) {
        kube @tool --alter --topic $topic --partitions $Partitions
    } elseif ($count -gt $Partitions) {
        say "$topic keeps its $count partitions: Kafka cannot remove any"
    }
}

function train {
    # A Job cannot be changed, only made anew; a model that is there is kept, but for -Train.
    kube delete job model-trainer --ignore-not-found
    apply model-trainer
    $clock = [Diagnostics.Stopwatch]::StartNew()
    while ($true) {
        $ended = kube get job model-trainer --output 'jsonpath={.status.conditions[*].type}'
        if ("$ended" -match 'Complete') { break }
        if ("$ended" -match 'Failed') { fail "$script:Doing failed: see .\k8s.ps1 -Action logs -App model-trainer" }
        if ($clock.Elapsed.TotalSeconds -ge $TrainingTimeoutS) { fail "$script:Doing failed: no model after $TrainingTimeoutS s; see .\k8s.ps1 -Action status" }
        Start-Sleep -Seconds 2
    }
}

function stop_velox {
    need minikube kubectl
    if (running) {
        say 'Remove everything but the data'
        kube delete 'hpa,pdb,deployments,statefulsets,jobs' "--selector=$Ours" '--cascade=foreground'
        kube delete 'services,configmaps,serviceaccounts,roles,rolebindings' "--selector=$Ours"
        kube delete priorityclasses "--selector=$Ours"
        if (-not $Purge) { mini stop }
    } else {
        say "The cluster $Cluster is not running"
    }
    if ($Purge) {
        say 'Delete the cluster with all data'
        mini delete
    }
}

function must_run {
    need minikube kubectl
    if (-not (running)) { fail "the cluster $Cluster is not running: use .\k8s.ps1 -Action start" }
}

function status {
    must_run
    kube get 'pods,hpa,jobs,pvc' "--selector=$Ours"
}

function logs {
    must_run
    kube logs "--selector=app=$App" --prefix --tail 100 --follow --max-log-requests 20
}

function scale {
    must_run
    $most = [int]"$(kube get hpa consumer-hpa --output 'jsonpath={.spec.maxReplicas}')"
    if ($Replicas -gt $most) { fail "scale ${Replicas}: there can be 1 to $most consumers" }
    kube patch hpa consumer-hpa --patch "spec: {minReplicas: $Replicas}"
    say "At least $Replicas consumers from now on"
}

Set-Location $PSScriptRoot
switch ($Action) {
    'start' { start_velox }
    'stop' { stop_velox }
    'status' { status }
    'logs' { logs }
    'scale' { scale }
}
