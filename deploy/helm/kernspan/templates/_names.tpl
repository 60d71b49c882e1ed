{{- define "kernspan.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- /* At most 40 characters: the longest suffix, and the hash of a pod, must fit into 63. */ -}}
{{- define "kernspan.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "kernspan.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* Objects without a namespace: two releases of one name must not share them. */ -}}
{{- define "kernspan.clusterWideName" -}}
{{- printf "%s-%s-%s" .root.Release.Namespace (include "kernspan.fullname" .root) .tier | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "kernspan.tierName" -}}
{{- printf "%s-%s" (include "kernspan.fullname" .root) .tier -}}
{{- end -}}

{{- define "kernspan.serviceAccountName" -}}
{{- $account := (index .root.Values .tier).serviceAccount -}}
{{- if $account.create -}}
{{- default (include "kernspan.tierName" .) $account.name -}}
{{- else -}}
{{- default "default" $account.name -}}
{{- end -}}
{{- end -}}

{{- /* What finds a tier's pods. It must never change: the selectors of DaemonSets and Deployments are immutable. */ -}}
{{- define "kernspan.selector" -}}
app.kubernetes.io/name: {{ include "kernspan.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .tier }}
{{- end -}}

{{- define "kernspan.labels" -}}
{{ include "kernspan.selector" . }}
app.kubernetes.io/part-of: kernspan
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* metadata of an object: (dict "root" $ "tier" "gateway" "name" ... "annotations" ... "clusterWide" true) */ -}}
{{- define "kernspan.metadata" -}}
name: {{ default (include "kernspan.tierName" .) .name }}
{{- if not .clusterWide }}
namespace: {{ .root.Release.Namespace }}
{{- end }}
labels:
  {{- include "kernspan.labels" . | nindent 2 }}
  {{- range $key, $value := .labels }}
  {{ $key }}: {{ $value | quote }}
  {{- end }}
{{- with merge dict (default dict .annotations) .root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* Only the gateway's program has what joins and samples traces of several replicas: a federation tier that does so
       runs it too. */ -}}
{{- define "kernspan.image" -}}
{{- $program := ternary "gateway" .tier (and (eq .tier "federation") (eq (include "kernspan.hasRing" .) "true")) -}}
{{- $image := (index .root.Values $program).image -}}
{{- $name := $image.repository -}}
{{- with .root.Values.image.registry -}}
{{- $name = printf "%s/%s" (trimSuffix "/" .) $name -}}
{{- end -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $name $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name ($image.tag | default .root.Values.image.tag | default .root.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{- /* FQDNs of the Services of a tier: (dict "root" $ "tier" "gateway" "suffix" "-headless") */ -}}
{{- define "kernspan.host" -}}
{{- printf "%s%s.%s.svc.%s" (include "kernspan.tierName" .) (default "" .suffix) .root.Release.Namespace .root.Values.network.clusterDomain -}}
{{- end -}}

{{- /* The pod's own address, to listen on. */ -}}
{{- define "kernspan.podAddress" -}}
{{- if .Values.network.ipv6 }}[${env:POD_IP}]{{ else }}${env:POD_IP}{{ end -}}
{{- end -}}

{{- /* A quantity of memory ("512Mi", "4G", 1073741824) in MiB. */ -}}
{{- define "kernspan.mebibytes" -}}
{{- $text := kindIs "string" . | ternary . (int64 . | toString) | toString -}}
{{- $number := regexFind "^[0-9.]+" $text | float64 -}}
{{- $unit := regexReplaceAll "^[0-9.]+" $text "" -}}
{{- $bytes := dict "" 1.0 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 -}}
{{- if not (hasKey $bytes $unit) -}}
{{- fail (printf "resources: %q is no amount of memory; write 512Mi or 4Gi" $text) -}}
{{- end -}}
{{- divf (mulf $number (get $bytes $unit)) 1048576.0 | floor | int64 -}}
{{- end -}}

{{- /* A quantity of processor ("500m", "2", 1.5) in thousandths. */ -}}
{{- define "kernspan.millicores" -}}
{{- $text := . | toString -}}
{{- mulf (regexFind "^[0-9.]+" $text | float64) (ternary 1.0 1000.0 (hasSuffix "m" $text)) | floor | int64 -}}
{{- end -}}

{{- /* The memory limit of a tier in MiB, or nothing when it has none. */ -}}
{{- define "kernspan.memoryLimit" -}}
{{- $limits := default dict (index .root.Values .tier).resources.limits -}}
{{- with $limits.memory -}}
{{- include "kernspan.mebibytes" . -}}
{{- end -}}
{{- end -}}

{{- define "kernspan.hasMesh" -}}
{{- if or .Values.serviceMesh.istio.enabled .Values.serviceMesh.linkerd.enabled -}}true{{- end -}}
{{- end -}}

{{- /* Do a tier's replicas hand each other what they do not own? */ -}}
{{- define "kernspan.hasRing" -}}
{{- $values := index .root.Values .tier -}}
{{- if ne .tier "agent" -}}
{{- if or $values.stitch.enabled $values.sampling.enabled -}}true{{- end -}}
{{- end -}}
{{- end -}}

{{- /* The Secret with a tier's certificate within the cluster. */ -}}
{{- define "kernspan.tlsSecret" -}}
{{- index .root.Values.tls.secrets .tier | default (printf "%s-tls" (include "kernspan.tierName" .)) -}}
{{- end -}}

{{- /* The Secret with tokens that a tier lets in, or nothing. */ -}}
{{- define "kernspan.acceptedTokens" -}}
{{- $auth := (index .root.Values .tier).server.auth -}}
{{- if $auth.existingSecret -}}
{{- $auth.existingSecret -}}
{{- else if $auth.tokens -}}
{{- printf "%s-tokens" (include "kernspan.tierName" .) -}}
{{- end -}}
{{- end -}}

{{- /* The Secret with the token that gateways show to the federation tier, or nothing. */ -}}
{{- define "kernspan.federationToken" -}}
{{- if .Values.federation.auth.existingSecret -}}
{{- .Values.federation.auth.existingSecret -}}
{{- else if .Values.federation.auth.token -}}
{{- printf "%s-federation-token" (include "kernspan.fullname" .) -}}
{{- end -}}
{{- end -}}

{{- /* Does the gateway send to the federation tier of this release? */ -}}
{{- define "kernspan.sendsToOwnFederation" -}}
{{- if and .Values.federation.enabled (not .Values.federation.endpoint) -}}true{{- end -}}
{{- end -}}

{{- /* Are the chart's own certificates good for the way from gateway to federation tier? */ -}}
{{- define "kernspan.trustsOwnFederation" -}}
{{- if and (include "kernspan.sendsToOwnFederation" .) (not .Values.federation.server.certSecretName) -}}true{{- end -}}
{{- end -}}

{{- /* Tiers that run here, as a YAML list. */ -}}
{{- define "kernspan.tiers" -}}
{{- range $tier := list "agent" "gateway" "federation" }}
{{- if (index $.Values $tier).enabled }}
- {{ $tier }}
{{- end }}
{{- end }}
{{- end -}}
