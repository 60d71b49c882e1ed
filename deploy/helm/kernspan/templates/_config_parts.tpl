{{- /* Parts of the configurations of all tiers. Where files are: see "kernspan.volumes". */ -}}

{{- define "kernspan.config.telemetry" -}}
logs: {level: {{ .Values.monitoring.logLevel }}, encoding: {{ .Values.monitoring.logEncoding }}}
metrics:
  readers:
    - pull:
        exporter:
          prometheus: {host: {{ ternary "'::'" "0.0.0.0" .Values.network.ipv6 }}, port: 8888}
{{- end -}}

{{- /* What the container may use is known here, which a container in another's cgroup file system would not see. */ -}}
{{- define "kernspan.config.memoryLimiter" -}}
check_interval: 1s
{{- with include "kernspan.memoryLimit" . }}
limit_mib: {{ mulf (float64 .) 0.8 | floor | int64 }}
spike_limit_mib: {{ mulf (float64 .) 0.16 | floor | int64 }}
{{- else }}
limit_percentage: 80
spike_limit_percentage: 16
{{- end }}
{{- end -}}

{{- /* A share of the tier's memory in bytes, within bounds: (dict "root" $ "tier" .. "part" 16 "least" 1 "most" 64), MiB */ -}}
{{- define "kernspan.config.share" -}}
{{- $limit := include "kernspan.memoryLimit" . | default "1024" | int64 -}}
{{- mul (max (int64 .least) (min (int64 .most) (div $limit (int64 .part)))) 1048576 -}}
{{- end -}}

{{- define "kernspan.config.serverTls" -}}
{{- $folder := default "tls" .folder -}}
cert_file: /etc/kernspan/{{ $folder }}/tls.crt
key_file: /etc/kernspan/{{ $folder }}/tls.key
{{- if .clientAuth }}
client_ca_file: /etc/kernspan/{{ $folder }}/ca.crt
{{- end }}
reload_interval: 1m
{{- end -}}

{{- define "kernspan.config.clientTls" -}}
{{- if .root.Values.tls.enabled -}}
ca_file: /etc/kernspan/tls/ca.crt
cert_file: /etc/kernspan/tls/tls.crt
key_file: /etc/kernspan/tls/tls.key
reload_interval: 1m
{{- with .serverName }}
server_name_override: {{ . }}
{{- end }}
{{- else -}}
insecure: true
{{- end }}
{{- end -}}

{{- /* Clients keep a connection as long as they can: closing it now and then shows them new replicas. */ -}}
{{- define "kernspan.config.otlpReceiver" -}}
{{- $address := include "kernspan.podAddress" .root -}}
{{- $tokens := include "kernspan.acceptedTokens" . -}}
protocols:
  grpc:
    endpoint: {{ printf "%s:4317" $address | quote }}
    keepalive: {server_parameters: {max_connection_age: 5m, max_connection_age_grace: 30s}}
    {{- include "kernspan.config.protection" . | nindent 4 }}
  http:
    endpoint: {{ printf "%s:4318" $address | quote }}
    {{- include "kernspan.config.protection" . | nindent 4 }}
{{- end -}}

{{- define "kernspan.config.protection" -}}
{{- $server := dict "clientAuth" .root.Values.tls.clientAuth -}}
{{- if eq .tier "federation" -}}
{{- $own := .root.Values.federation.server -}}
{{- $server = dict "clientAuth" $own.clientAuth "folder" (ternary "server-tls" "tls" (ne $own.certSecretName "")) -}}
{{- end -}}
{{- if .root.Values.tls.enabled }}
tls:
  {{- include "kernspan.config.serverTls" $server | nindent 2 }}
{{- end }}
{{- if include "kernspan.acceptedTokens" . }}
auth: {authenticator: bearertokenauth/clients}
{{- end }}
{{- end -}}

{{- define "kernspan.config.replicas" -}}
{{- $address := include "kernspan.podAddress" .root -}}
endpoint: {{ printf "%s:4319" $address | quote }}
address: {{ $address | quote }}
resolver:
  dns: {hostname: {{ include "kernspan.host" (dict "root" .root "tier" .tier "suffix" "-replicas") }}, interval: 5s}
{{- if .root.Values.tls.enabled }}
tls:
  {{- include "kernspan.config.serverTls" (dict "clientAuth" true) | nindent 2 }}
peers:
  tls:
    {{- include "kernspan.config.clientTls" (dict "root" .root "serverName" (include "kernspan.host" (dict "root" .root "tier" .tier))) | nindent 4 }}
{{- end }}
{{- end -}}

{{- /* tail_sampling's policies as a YAML list: (dict "sampling" ...) */ -}}
{{- define "kernspan.config.policies" -}}
{{- $errors := dict "name" "errors" "type" "status_code" "status_code" (dict "status_codes" (list "ERROR")) -}}
{{- $policies := list -}}
{{- if ge (float64 .errorSampling) 100.0 -}}
{{- $policies = append $policies $errors -}}
{{- else if gt (float64 .errorSampling) 0.0 -}}
{{- $some := dict "name" "some" "type" "probabilistic" "probabilistic" (dict "sampling_percentage" .errorSampling) -}}
{{- $policies = append $policies (dict "name" "some-errors" "type" "and" "and" (dict "and_sub_policy" (list $errors $some))) -}}
{{- end -}}
{{- if gt (int64 .latencyThreshold) 0 -}}
{{- $policies = append $policies (dict "name" "slow" "type" "latency" "latency" (dict "threshold_ms" (int64 .latencyThreshold))) -}}
{{- end -}}
{{- $policies = concat $policies (default list .policies) -}}
{{- if or (gt (float64 .probabilistic) 0.0) (not $policies) -}}
{{- $policies = append $policies (dict "name" "rest" "type" "probabilistic" "probabilistic" (dict "sampling_percentage" .probabilistic)) -}}
{{- end -}}
{{- toYaml $policies -}}
{{- end -}}

{{- define "kernspan.config.tailSampling" -}}
{{- $sampling := (index .root.Values .tier).sampling -}}
replicas: replicas
decision_wait: {{ $sampling.decisionWait }}
num_traces: {{ int64 $sampling.numTraces }}
{{- with include "kernspan.memoryLimit" . }}
memory_limit_mib: {{ mulf (float64 .) 0.45 | floor | int64 }}
{{- end }}
policies:
  {{- include "kernspan.config.policies" $sampling | nindent 2 }}
{{- end -}}

{{- define "kernspan.config.stitch" -}}
replicas: replicas
wait: {{ (index .root.Values .tier).stitch.wait }}
max_waiting_bytes: {{ include "kernspan.config.share" (merge (dict "part" 16 "least" 16 "most" 256) .) }}
{{- end -}}

{{- /* Conditions that drop spans of paths that nobody asks about. */ -}}
{{- define "kernspan.config.filter" -}}
error_mode: ignore
traces:
  span:
    {{- range . }}
    - {{ printf "attributes[\"url.path\"] == %s or attributes[\"http.route\"] == %s" (quote .) (quote .) | toJson }}
    {{- end }}
{{- end -}}

{{- /* What the cluster is called comes from the environment, so that the configuration is the same in all clusters. */ -}}
{{- define "kernspan.config.clusterAttributes" -}}
{{- with .Values.clusterInfo }}
{{- if .name }}
- {key: k8s.cluster.name, value: "${env:CLUSTER_NAME}", action: upsert}
{{- end }}
{{- if .uid }}
- {key: k8s.cluster.uid, value: "${env:CLUSTER_UID}", action: upsert}
{{- end }}
{{- if .provider }}
- {key: cloud.provider, value: "${env:CLOUD_PROVIDER}", action: upsert}
{{- end }}
{{- if .region }}
- {key: cloud.region, value: "${env:CLOUD_REGION}", action: upsert}
{{- end }}
{{- if .zone }}
- {key: cloud.availability_zone, value: "${env:CLOUD_ZONE}", action: insert}
{{- end }}
{{- if .environment }}
- {key: deployment.environment.name, value: "${env:ENVIRONMENT}", action: upsert}
- {key: deployment.environment, value: "${env:ENVIRONMENT}", action: upsert}
{{- end }}
{{- range $key, $value := .attributes }}
- {key: {{ $key | quote }}, value: {{ $value | quote }}, action: upsert}
{{- end }}
{{- end }}
{{- end -}}

{{- /* A queue on disk keeps what it has accepted for as long as it takes; one in memory is bounded in bytes. */ -}}
{{- define "kernspan.config.queue" -}}
{{- $values := index .root.Values .tier -}}
{{- if $values.persistence.enabled -}}
retry_on_failure: {max_elapsed_time: 0s}
sending_queue:
  storage: file_storage
  sizer: bytes
  queue_size: {{ mul (include "kernspan.diskMebibytes" . | int64) 943718 }}
  batch: {flush_timeout: 200ms, min_size: 2097152, max_size: 4000000, sizer: bytes}
{{- else -}}
sending_queue:
  sizer: bytes
  queue_size: {{ include "kernspan.config.share" (merge (dict "part" 16 "least" 16 "most" 512) .) }}
{{- end }}
{{- end -}}

{{- define "kernspan.diskMebibytes" -}}
{{- $persistence := (index .root.Values .tier).persistence -}}
{{- if eq .tier "agent" -}}
{{- include "kernspan.mebibytes" (regexReplaceAll "iB$" $persistence.maxSize "i") -}}
{{- else -}}
{{- include "kernspan.mebibytes" $persistence.size -}}
{{- end -}}
{{- end -}}

{{- define "kernspan.config.storage" -}}
directory: /var/lib/kernspan/queue
create_directory: true
max_size: {{ include "kernspan.diskMebibytes" . }}MiB
compaction: {on_start: true, on_rebound: true}
{{- end -}}

{{- /* A tier's whole configuration: the chart's with the user's merged over it. */ -}}
{{- define "kernspan.config" -}}
{{- $config := include (printf "kernspan.config.%s" .tier) . | fromYaml -}}
{{- if hasKey $config "Error" -}}
{{- fail (printf "the configuration of %s is no YAML: %s" .tier $config.Error) -}}
{{- end -}}
{{- toYaml (mustMergeOverwrite $config (deepCopy (index .root.Values .tier).config)) -}}
{{- end -}}
