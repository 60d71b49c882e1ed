{{- define "kernspan.field" -}}
- name: {{ .name }}
  valueFrom: {fieldRef: {fieldPath: {{ .path }}}}
{{- end -}}

{{- define "kernspan.env" -}}
{{- $values := index .root.Values .tier -}}
{{ include "kernspan.field" (dict "name" "POD_IP" "path" "status.podIP") }}
{{ include "kernspan.field" (dict "name" "POD_NAME" "path" "metadata.name") }}
{{ include "kernspan.field" (dict "name" "POD_NAMESPACE" "path" "metadata.namespace") }}
{{- if eq .tier "agent" }}
{{ include "kernspan.field" (dict "name" "K8S_NODE_NAME" "path" "spec.nodeName") }}
{{ include "kernspan.field" (dict "name" "K8S_NODE_IP" "path" "status.hostIP") }}
{{- end }}
{{- range $variable, $key := dict "CLUSTER_NAME" "cluster-name" "CLUSTER_UID" "cluster-uid" "CLOUD_REGION" "region" "CLOUD_ZONE" "zone" "CLOUD_PROVIDER" "provider" "ENVIRONMENT" "environment" }}
- name: {{ $variable }}
  valueFrom: {configMapKeyRef: {name: {{ include "kernspan.fullname" $.root }}-cluster-info, key: {{ $key }}}}
{{- end }}
{{- with $values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* Names of the Secrets by the folder under /etc/kernspan in which a tier has them, as a YAML map. */ -}}
{{- define "kernspan.secretFolders" -}}
{{- $root := .root -}}
{{- if $root.Values.tls.enabled }}
tls: {{ include "kernspan.tlsSecret" . }}
{{- end }}
{{- if eq .tier "agent" }}
{{- with include "kernspan.agentToken" $root }}
gateway-token: {{ . }}
{{- end }}
{{- else }}
{{- with include "kernspan.acceptedTokens" . }}
tokens: {{ . }}
{{- end }}
{{- end }}
{{- if and (eq .tier "federation") $root.Values.tls.enabled $root.Values.federation.server.certSecretName }}
server-tls: {{ $root.Values.federation.server.certSecretName }}
{{- end }}
{{- if and (eq .tier "gateway") (not $root.Values.gateway.exporters) }}
{{- if not (include "kernspan.trustsOwnFederation" $root) }}
{{- if and $root.Values.federation.tls.enabled $root.Values.federation.tls.certSecretName }}
federation-tls: {{ $root.Values.federation.tls.certSecretName }}
{{- end }}
{{- end }}
{{- with include "kernspan.federationToken" $root }}
federation-token: {{ . }}
{{- end }}
{{- end }}
{{- end -}}

{{- /* Which key of a Secret is which file; nothing where they are called alike. */ -}}
{{- define "kernspan.secretItems" -}}
{{- $values := .root.Values -}}
{{- if eq .folder "tokens" -}}
{{- $key := (index $values .tier).server.auth.key -}}
{{- if ne $key "tokens" }}[{key: {{ $key }}, path: tokens}]{{ end -}}
{{- else if eq .folder "gateway-token" -}}
[{key: {{ $values.gateway.server.auth.key }}, path: token}]
{{- else if eq .folder "federation-token" -}}
{{- if ne $values.federation.auth.key "token" }}[{key: {{ $values.federation.auth.key }}, path: token}]{{ end -}}
{{- end -}}
{{- end -}}

{{- define "kernspan.volumes" -}}
{{- $values := index .root.Values .tier -}}
- name: config
  configMap: {name: {{ include "kernspan.tierName" . }}}
{{- range $folder, $secret := include "kernspan.secretFolders" . | fromYaml }}
- name: {{ $folder }}
  secret:
    secretName: {{ $secret }}
    defaultMode: 0440
    {{- with include "kernspan.secretItems" (merge (dict "folder" $folder) $) }}
    items: {{ . }}
    {{- end }}
{{- end }}
{{- if and (eq .tier "agent") (include "kernspan.hasSelectors" .root) }}
- name: selectors
  configMap: {name: {{ include "kernspan.tierName" . }}-selectors}
{{- end }}
{{- if and (eq .tier "agent") $values.persistence.enabled }}
- name: queue
  hostPath: {path: {{ $values.persistence.hostPath }}, type: DirectoryOrCreate}
{{- end }}
{{- with $values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "kernspan.volumeMounts" -}}
{{- $values := index .root.Values .tier -}}
- {name: config, mountPath: /etc/kernspan/config, readOnly: true}
{{- range $folder, $secret := include "kernspan.secretFolders" . | fromYaml }}
- {name: {{ $folder }}, mountPath: /etc/kernspan/{{ $folder }}, readOnly: true}
{{- end }}
{{- if and (eq .tier "agent") (include "kernspan.hasSelectors" .root) }}
- {name: selectors, mountPath: /etc/kernspan/selectors, readOnly: true}
{{- end }}
{{- if $values.persistence.enabled }}
- {name: queue, mountPath: /var/lib/kernspan/queue}
{{- end }}
{{- with $values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* The ports of a tier, as a YAML map by name. */ -}}
{{- define "kernspan.ports" -}}
{{- $values := .root.Values -}}
{{- if or (ne .tier "agent") $values.agent.otlp.enabled }}
otlp-grpc: 4317
otlp-http: 4318
{{- end }}
{{- if include "kernspan.hasRing" . }}
replicas: 4319
{{- end }}
{{- if and (eq .tier "gateway") (include "kernspan.hasMesh" .root) }}
otlp-mesh: {{ int64 $values.serviceMesh.port }}
{{- if $values.serviceMesh.istio.zipkin }}
zipkin: 9411
{{- end }}
{{- end }}
health: 13133
metrics: 8888
{{- end -}}

{{- define "kernspan.containerPorts" -}}
{{- $agent := .root.Values.agent -}}
{{- $hostPorts := dict -}}
{{- if eq .tier "agent" -}}
{{- $hostPorts = dict "otlp-grpc" (int64 $agent.otlp.grpcPort) "otlp-http" (int64 $agent.otlp.httpPort) -}}
{{- end -}}
{{- range $name, $port := include "kernspan.ports" . | fromYaml }}
- name: {{ $name }}
  containerPort: {{ int64 $port }}
  protocol: TCP
  {{- if hasKey $hostPorts $name }}
  hostPort: {{ get $hostPorts $name }}
  {{- end }}
{{- end }}
{{- end -}}

{{- /* Liveness asks whether the daemon runs, readiness whether it would take a request. A start may have to look
       through a queue on disk first. */ -}}
{{- define "kernspan.probes" -}}
startupProbe:
  httpGet: {path: /, port: health}
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /, port: health}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /ready, port: health}
  periodSeconds: 5
  timeoutSeconds: 3
{{- end -}}

{{- define "kernspan.podAnnotations" -}}
{{- $values := index .root.Values .tier -}}
{{- $annotations := dict "checksum/config" (include "kernspan.config" . | sha256sum) "checksum/cluster-info" (toYaml .root.Values.clusterInfo | sha256sum) "kubectl.kubernetes.io/default-container" .tier -}}
{{- if .root.Values.monitoring.scrapeAnnotations -}}
{{- $_ := set $annotations "prometheus.io/scrape" "true" -}}
{{- $_ := set $annotations "prometheus.io/port" "8888" -}}
{{- $_ := set $annotations "prometheus.io/path" "/metrics" -}}
{{- end -}}
{{- $annotations = merge dict $values.podAnnotations (include "kernspan.meshAnnotations" . | fromYaml) $annotations -}}
{{- if and (eq .tier "agent") (semverCompare "<1.30.0-0" .root.Capabilities.KubeVersion.Version) -}}
{{- $type := dict "Unconfined" "unconfined" "RuntimeDefault" "runtime/default" -}}
{{- with get $type (default "" $values.appArmorProfile.type) -}}
{{- $_ := set $annotations "container.apparmor.security.beta.kubernetes.io/agent" . -}}
{{- end -}}
{{- end -}}
{{- toYaml $annotations -}}
{{- end -}}

{{- /* Proxies stay away from ports that have TLS of their own, and from what the agents send. */ -}}
{{- define "kernspan.meshAnnotations" -}}
{{- $mesh := .root.Values.serviceMesh -}}
{{- $away := list "4317" "4318" "4319" (regexFind "[0-9]+$" .root.Values.federation.endpoint) | compact | uniq | join "," -}}
{{- if $mesh.istio.enabled }}
{{- if eq .tier "gateway" }}
traffic.sidecar.istio.io/excludeInboundPorts: "4317,4318,4319,8888,13133"
traffic.sidecar.istio.io/excludeOutboundPorts: {{ $away | quote }}
{{- end }}
{{- end }}
{{- if $mesh.linkerd.enabled }}
{{- if eq .tier "gateway" }}
linkerd.io/inject: enabled
config.linkerd.io/skip-inbound-ports: "4317,4318,4319,8888,13133"
config.linkerd.io/skip-outbound-ports: {{ $away | quote }}
{{- else }}
linkerd.io/inject: disabled
{{- end }}
{{- end }}
{{- end -}}

{{- define "kernspan.podLabels" -}}
{{- $values := index .root.Values .tier -}}
{{ include "kernspan.labels" . }}
{{- if .root.Values.serviceMesh.istio.enabled }}
sidecar.istio.io/inject: {{ eq .tier "gateway" | quote }}
{{- end }}
{{- with $values.podLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "kernspan.affinity" -}}
{{- $values := index .root.Values .tier -}}
{{- if $values.affinity -}}
{{- toYaml $values.affinity -}}
{{- else if eq $values.antiAffinity "hard" -}}
podAntiAffinity:
  requiredDuringSchedulingIgnoredDuringExecution:
    - topologyKey: kubernetes.io/hostname
      labelSelector:
        matchLabels:
          {{- include "kernspan.selector" . | nindent 10 }}
{{- else if eq $values.antiAffinity "soft" -}}
podAntiAffinity:
  preferredDuringSchedulingIgnoredDuringExecution:
    - weight: 100
      podAffinityTerm:
        topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels:
            {{- include "kernspan.selector" . | nindent 12 }}
{{- end -}}
{{- end -}}

{{- define "kernspan.topologySpread" -}}
{{- $values := index .root.Values .tier -}}
{{- if $values.topologySpreadConstraints -}}
{{- toYaml $values.topologySpreadConstraints -}}
{{- else -}}
- maxSkew: 1
  topologyKey: topology.kubernetes.io/zone
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- include "kernspan.selector" . | nindent 6 }}
{{- end -}}
{{- end -}}

{{- /* On OpenShift users and groups are given by the namespace; naming others is refused. */ -}}
{{- define "kernspan.podSecurityContext" -}}
{{- $context := (index .root.Values .tier).podSecurityContext -}}
{{- if .root.Values.openshift.enabled -}}
{{- $context = omit $context "runAsUser" "runAsGroup" "fsGroup" -}}
{{- end -}}
{{- with $context -}}{{ toYaml . }}{{- end -}}
{{- end -}}

{{- /* The container of a tier but for its securityContext. */ -}}
{{- define "kernspan.container" -}}
{{- $values := index .root.Values .tier -}}
name: {{ .tier }}
image: {{ include "kernspan.image" . }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
args:
  - --config=/etc/kernspan/config/config.yaml
  - --drain-timeout={{ int64 $values.drainTimeoutSeconds }}s
  {{- with $values.extraArgs }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
env:
  {{- include "kernspan.env" . | nindent 2 }}
{{- with $values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  {{- include "kernspan.containerPorts" . | trim | nindent 2 }}
{{ include "kernspan.probes" . }}
{{- if and (ne .tier "agent") (semverCompare ">=1.30.0-0" .root.Capabilities.KubeVersion.Version) (gt (int64 $values.preStopSleepSeconds) 0) }}
lifecycle:
  preStop:
    sleep: {seconds: {{ int64 $values.preStopSleepSeconds }}}
{{- end }}
{{- with $values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumeMounts:
  {{- include "kernspan.volumeMounts" . | nindent 2 }}
{{- end -}}

{{- /* Fields of a pod's spec that all tiers have. */ -}}
{{- define "kernspan.podCommon" -}}
{{- $values := index .root.Values .tier -}}
serviceAccountName: {{ include "kernspan.serviceAccountName" . }}
automountServiceAccountToken: {{ .token }}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with include "kernspan.podSecurityContext" . }}
securityContext:
  {{- . | nindent 2 }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
terminationGracePeriodSeconds: {{ add (int64 $values.drainTimeoutSeconds) (int64 (default 0 $values.preStopSleepSeconds)) 15 }}
{{- end -}}
