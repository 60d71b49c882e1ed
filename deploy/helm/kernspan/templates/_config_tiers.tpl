{{- define "kernspan.config.agent" -}}
{{- $agent := .root.Values.agent -}}
{{- $address := include "kernspan.podAddress" .root -}}
{{- $token := include "kernspan.agentToken" .root -}}
receivers:
  ebpf:
    {{- include "kernspan.config.ebpf" .root | nindent 4 }}
  {{- if $agent.otlp.enabled }}
  otlp:
    protocols:
      grpc: {endpoint: {{ printf "%s:4317" $address | quote }}}
      http: {endpoint: {{ printf "%s:4318" $address | quote }}}
  {{- end }}
processors:
  memory_limiter:
    {{- include "kernspan.config.memoryLimiter" . | nindent 4 }}
  resource:
    attributes:
      - {key: k8s.node.name, value: "${env:K8S_NODE_NAME}", action: insert}
  {{- if not $agent.persistence.enabled }}
  batch: {timeout: 200ms, send_batch_size: 2048, send_batch_max_size: 2048}
  {{- end }}
exporters:
  otlp_grpc:
    {{- if .root.Values.gateway.enabled }}
    endpoint: {{ include "kernspan.host" (dict "root" .root "tier" "gateway" "suffix" "-headless") }}:4317
    {{- else }}
    endpoint: {{ $agent.endpoint }}
    {{- end }}
    tls:
      {{- include "kernspan.config.clientTls" (dict "root" .root) | nindent 6 }}
    {{- if $token }}
    auth: {authenticator: bearertokenauth/gateway}
    {{- end }}
    {{- include "kernspan.config.queue" . | nindent 4 }}
extensions:
  health_check: {endpoint: {{ printf "%s:13133" $address | quote }}}
  {{- if $token }}
  bearertokenauth/gateway: {filename: /etc/kernspan/gateway-token/token}
  {{- end }}
  {{- if $agent.persistence.enabled }}
  file_storage:
    {{- include "kernspan.config.storage" . | nindent 4 }}
  {{- end }}
service:
  extensions:
    - health_check
    {{- if $token }}
    - bearertokenauth/gateway
    {{- end }}
    {{- if $agent.persistence.enabled }}
    - file_storage
    {{- end }}
  pipelines:
    traces:
      receivers: [ebpf{{ if $agent.otlp.enabled }}, otlp{{ end }}]
      processors: [memory_limiter, resource{{ if not $agent.persistence.enabled }}, batch{{ end }}]
      exporters: [otlp_grpc]
  telemetry:
    {{- include "kernspan.config.telemetry" .root | nindent 4 }}
{{- end -}}

{{- /* The Secret with the token for the gateway, or nothing. Its first line is sent. */ -}}
{{- define "kernspan.agentToken" -}}
{{- if .Values.gateway.enabled -}}
{{- include "kernspan.acceptedTokens" (dict "root" . "tier" "gateway") -}}
{{- end -}}
{{- end -}}

{{- define "kernspan.hasSelectors" -}}
{{- if or .Values.agent.selectors .Values.agent.http -}}true{{- end -}}
{{- end -}}

{{- define "kernspan.config.ebpf" -}}
{{- $agent := .Values.agent -}}
{{- $settings := dict -}}
{{- if $agent.kubelet.enabled -}}
{{- $kubelet := dict -}}
{{- if eq $agent.kubelet.mode "readOnly" -}}
{{- $kubelet = dict "auth_type" "none" "endpoint" (printf ":%d" (int64 $agent.kubelet.readOnlyPort)) -}}
{{- else -}}
{{- $kubelet = dict "auth_type" "serviceAccount" "endpoint" (printf ":%d" (int64 $agent.kubelet.port)) "insecure_skip_verify" $agent.kubelet.insecureSkipVerify -}}
{{- with $agent.kubelet.caFile -}}
{{- $_ := set $kubelet "ca_file" . -}}
{{- end -}}
{{- end -}}
{{- $settings = dict "kubernetes" $kubelet -}}
{{- end -}}
{{- if include "kernspan.hasSelectors" . -}}
{{- $_ := set $settings "selectors_file" "/etc/kernspan/selectors/selectors.yaml" -}}
{{- end -}}
{{- toYaml (mustMergeOverwrite $settings (deepCopy $agent.ebpf)) -}}
{{- end -}}

{{- define "kernspan.config.gateway" -}}
{{- $values := .root.Values -}}
{{- $gateway := $values.gateway -}}
{{- $address := include "kernspan.podAddress" .root -}}
{{- $mesh := include "kernspan.hasMesh" .root -}}
{{- $zipkin := and $mesh $values.serviceMesh.istio.zipkin -}}
{{- $cluster := include "kernspan.config.clusterAttributes" .root -}}
{{- $ring := include "kernspan.hasRing" . -}}
{{- $clients := include "kernspan.acceptedTokens" . -}}
{{- $token := and (not $gateway.exporters) (include "kernspan.federationToken" .root) -}}
receivers:
  otlp:
    {{- include "kernspan.config.otlpReceiver" . | nindent 4 }}
  {{- if $mesh }}
  otlp/mesh:
    protocols:
      grpc: {endpoint: {{ printf "%s:%d" $address (int64 $values.serviceMesh.port) | quote }}}
  {{- end }}
  {{- if $zipkin }}
  zipkin: {endpoint: {{ printf "%s:9411" $address | quote }}}
  {{- end }}
processors:
  memory_limiter:
    {{- include "kernspan.config.memoryLimiter" . | nindent 4 }}
  {{- if $gateway.k8sAttributes.enabled }}
  k8s_attributes:
    {{- toYaml (mustMergeOverwrite (include "kernspan.config.k8sAttributes" . | fromYaml) (deepCopy $gateway.k8sAttributes.config)) | nindent 4 }}
  {{- end }}
  {{- if $cluster }}
  resource:
    attributes:
      {{- $cluster | nindent 6 }}
  {{- end }}
  {{- if $gateway.stitch.enabled }}
  stitch:
    {{- include "kernspan.config.stitch" . | nindent 4 }}
    keep_announcements: {{ $gateway.stitch.keepAnnouncements }}
  {{- end }}
  {{- if $gateway.dropPaths }}
  filter:
    {{- include "kernspan.config.filter" $gateway.dropPaths | nindent 4 }}
  {{- end }}
  {{- if $gateway.sampling.enabled }}
  tail_sampling:
    {{- include "kernspan.config.tailSampling" . | nindent 4 }}
  {{- end }}
  {{- if not $gateway.persistence.enabled }}
  batch: {timeout: 200ms, send_batch_size: 2048, send_batch_max_size: 2048}
  {{- end }}
exporters:
  {{- if $gateway.exporters }}
  {{- range $name, $settings := $gateway.exporters }}
  {{ $name }}:
    {{- include "kernspan.config.backend" (dict "root" $.root "tier" "gateway" "name" $name "settings" $settings) | nindent 4 }}
  {{- end }}
  {{- else }}
  otlp_grpc:
    {{- include "kernspan.config.toFederation" . | nindent 4 }}
    {{- if $token }}
    auth: {authenticator: bearertokenauth/federation}
    {{- end }}
    {{- include "kernspan.config.queue" . | nindent 4 }}
  {{- end }}
extensions:
  health_check: {endpoint: {{ printf "%s:13133" $address | quote }}}
  {{- if $ring }}
  replicas:
    {{- include "kernspan.config.replicas" . | nindent 4 }}
  {{- end }}
  {{- if $clients }}
  bearertokenauth/clients: {filename: /etc/kernspan/tokens/tokens}
  {{- end }}
  {{- if $token }}
  bearertokenauth/federation: {filename: /etc/kernspan/federation-token/token}
  {{- end }}
  {{- if $gateway.persistence.enabled }}
  file_storage:
    {{- include "kernspan.config.storage" . | nindent 4 }}
  {{- end }}
service:
  extensions:
    - health_check
    {{- if $ring }}
    - replicas
    {{- end }}
    {{- if $clients }}
    - bearertokenauth/clients
    {{- end }}
    {{- if $token }}
    - bearertokenauth/federation
    {{- end }}
    {{- if $gateway.persistence.enabled }}
    - file_storage
    {{- end }}
  pipelines:
    traces:
      receivers: [otlp{{ if $mesh }}, otlp/mesh{{ end }}{{ if $zipkin }}, zipkin{{ end }}]
      processors:
        - memory_limiter
        {{- if $gateway.k8sAttributes.enabled }}
        - k8s_attributes
        {{- end }}
        {{- if $cluster }}
        - resource
        {{- end }}
        {{- if $gateway.stitch.enabled }}
        - stitch
        {{- end }}
        {{- if $gateway.dropPaths }}
        - filter
        {{- end }}
        {{- if $gateway.sampling.enabled }}
        - tail_sampling
        {{- end }}
        {{- if not $gateway.persistence.enabled }}
        - batch
        {{- end }}
      exporters: {{ if $gateway.exporters }}{{ keys $gateway.exporters | sortAlpha | toJson }}{{ else }}[otlp_grpc]{{ end }}
  telemetry:
    {{- include "kernspan.config.telemetry" .root | nindent 4 }}
{{- end -}}

{{- define "kernspan.config.k8sAttributes" -}}
auth_type: serviceAccount
extract:
  deployment_name_from_replicaset: true
  metadata:
    - k8s.namespace.name
    - k8s.pod.name
    - k8s.pod.uid
    - k8s.pod.start_time
    - k8s.deployment.name
    - k8s.node.name
{{- end -}}

{{- define "kernspan.config.toFederation" -}}
{{- $federation := .root.Values.federation -}}
{{- if include "kernspan.sendsToOwnFederation" .root -}}
endpoint: {{ include "kernspan.host" (dict "root" .root "tier" "federation" "suffix" "-headless") }}:4317
{{- else -}}
endpoint: {{ $federation.endpoint }}
{{- end }}
tls:
{{- if include "kernspan.trustsOwnFederation" .root }}
  {{- include "kernspan.config.clientTls" (dict "root" .root) | nindent 2 }}
{{- else }}
  {{- if not $federation.tls.enabled }}
  insecure: true
  {{- else if $federation.tls.certSecretName }}
  ca_file: /etc/kernspan/federation-tls/ca.crt
  {{- if $federation.tls.clientCertificate }}
  cert_file: /etc/kernspan/federation-tls/tls.crt
  key_file: /etc/kernspan/federation-tls/tls.key
  {{- end }}
  reload_interval: 1m
  {{- else }}
  insecure: false
  {{- end }}
  {{- with $federation.tls.serverName }}
  server_name_override: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "kernspan.config.federation" -}}
{{- $federation := .root.Values.federation -}}
{{- $address := include "kernspan.podAddress" .root -}}
{{- $ring := include "kernspan.hasRing" . -}}
{{- $clients := include "kernspan.acceptedTokens" . -}}
receivers:
  otlp:
    {{- include "kernspan.config.otlpReceiver" . | nindent 4 }}
processors:
  memory_limiter:
    {{- include "kernspan.config.memoryLimiter" . | nindent 4 }}
  {{- if $federation.stitch.enabled }}
  stitch:
    {{- include "kernspan.config.stitch" . | nindent 4 }}
  {{- end }}
  {{- if $federation.dropPaths }}
  filter:
    {{- include "kernspan.config.filter" $federation.dropPaths | nindent 4 }}
  {{- end }}
  {{- if $federation.sampling.enabled }}
  tail_sampling:
    {{- include "kernspan.config.tailSampling" . | nindent 4 }}
  {{- end }}
  {{- if not $federation.persistence.enabled }}
  batch: {timeout: 200ms, send_batch_size: 2048, send_batch_max_size: 2048}
  {{- end }}
exporters:
  {{- range $name, $settings := $federation.exporters }}
  {{ $name }}:
    {{- include "kernspan.config.backend" (dict "root" $.root "tier" "federation" "name" $name "settings" $settings) | nindent 4 }}
  {{- end }}
extensions:
  health_check: {endpoint: {{ printf "%s:13133" $address | quote }}}
  {{- if $ring }}
  replicas:
    {{- include "kernspan.config.replicas" . | nindent 4 }}
  {{- end }}
  {{- if $clients }}
  bearertokenauth/clients: {filename: /etc/kernspan/tokens/tokens}
  {{- end }}
  {{- if $federation.persistence.enabled }}
  file_storage:
    {{- include "kernspan.config.storage" . | nindent 4 }}
  {{- end }}
service:
  extensions:
    - health_check
    {{- if $ring }}
    - replicas
    {{- end }}
    {{- if $clients }}
    - bearertokenauth/clients
    {{- end }}
    {{- if $federation.persistence.enabled }}
    - file_storage
    {{- end }}
  pipelines:
    traces:
      receivers: [otlp]
      processors:
        - memory_limiter
        {{- if $federation.stitch.enabled }}
        - stitch
        {{- end }}
        {{- if $federation.dropPaths }}
        - filter
        {{- end }}
        {{- if $federation.sampling.enabled }}
        - tail_sampling
        {{- end }}
        {{- if not $federation.persistence.enabled }}
        - batch
        {{- end }}
      exporters: {{ keys $federation.exporters | sortAlpha | toJson }}
  telemetry:
    {{- include "kernspan.config.telemetry" .root | nindent 4 }}
{{- end -}}

{{- /* Exporters to peers get a bounded queue, on disk with `persistence`; what the user says of it comes first. */ -}}
{{- define "kernspan.config.backend" -}}
{{- $type := first (splitList "/" .name) -}}
{{- $settings := deepCopy (default dict .settings) -}}
{{- if has $type (list "otlp" "otlp_grpc" "otlphttp" "otlp_http") -}}
{{- $settings = mustMergeOverwrite (include "kernspan.config.queue" . | fromYaml) $settings -}}
{{- end -}}
{{- toYaml $settings -}}
{{- end -}}
