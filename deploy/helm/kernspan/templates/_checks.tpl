{{- /* What the schema cannot say because it takes several values. */ -}}
{{- define "kernspan.check" -}}
{{- $values := .Values -}}
{{- if and $values.agent.enabled (not $values.gateway.enabled) (not $values.agent.endpoint) -}}
{{- fail "gateway.enabled is false: set agent.endpoint (host:port) to the gateway that the agents send to" -}}
{{- end -}}
{{- if and $values.agent.enabled (not $values.gateway.enabled) $values.tls.enabled (eq $values.tls.source "selfSigned") -}}
{{- fail "agent.endpoint is a gateway that this release's own authority knows nothing of: set tls.source to secrets (with tls.secrets.agent) or certManager, or tls.enabled to false" -}}
{{- end -}}
{{- if and $values.gateway.enabled (not $values.gateway.exporters) (not $values.federation.endpoint) (not $values.federation.enabled) -}}
{{- fail "nothing says where the gateway sends: set federation.endpoint (host:port of the federation tier), or federation.enabled to run that tier here, or gateway.exporters" -}}
{{- end -}}
{{- if and $values.federation.enabled (not $values.federation.exporters) -}}
{{- fail "federation.exporters is empty: name at least one backend, such as `otlp_grpc/tempo: {endpoint: \"tempo:4317\", tls: {insecure: true}}`" -}}
{{- end -}}
{{- if and $values.gateway.enabled (not $values.gateway.exporters) (or $values.federation.auth.token $values.federation.auth.existingSecret) -}}
{{- $secured := ternary $values.tls.enabled $values.federation.tls.enabled (eq (include "kernspan.sendsToOwnFederation" .) "true") -}}
{{- if not $secured -}}
{{- fail "federation.auth: a token must not travel in the clear; set federation.tls.enabled (and tls.enabled for a federation tier of this release)" -}}
{{- end -}}
{{- end -}}
{{- range $tier := list "gateway" "federation" -}}
{{- if and (index $values $tier).enabled (include "kernspan.acceptedTokens" (dict "root" $ "tier" $tier)) (not $values.tls.enabled) -}}
{{- fail (printf "%s.server.auth: tokens must not travel in the clear; set tls.enabled" $tier) -}}
{{- end -}}
{{- end -}}
{{- if and $values.federation.enabled (not $values.tls.enabled) $values.federation.server.certSecretName -}}
{{- fail "federation.server.certSecretName has no effect without tls.enabled" -}}
{{- end -}}
{{- if and (include "kernspan.hasSelectors" .) (or $values.agent.ebpf.selectors $values.agent.ebpf.http) -}}
{{- fail "agent.ebpf.selectors, agent.ebpf.http: write them as agent.selectors and agent.http, or have all of them in agent.ebpf" -}}
{{- end -}}
{{- range $tier := list "agent" "gateway" "federation" -}}
{{- $tierValues := index $values $tier -}}
{{- range $resource, $unit := dict "memory" "kernspan.mebibytes" "cpu" "kernspan.millicores" -}}
{{- $request := get (default dict $tierValues.resources.requests) $resource -}}
{{- $limit := get (default dict $tierValues.resources.limits) $resource -}}
{{- if and $tierValues.enabled $request $limit -}}
{{- if gt (include $unit $request | int64) (include $unit $limit | int64) -}}
{{- fail (printf "%s.resources: the request of %s, %v, is more than its limit, %v; set both" $tier $resource $request $limit) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and $values.monitoring.podMonitor.enabled $values.monitoring.serviceMonitor.enabled -}}
{{- fail "monitoring: podMonitor and serviceMonitor would read every pod twice; enable one of them" -}}
{{- end -}}
{{- if and $values.agent.enabled $values.agent.otlp.enabled $values.agent.hostNetwork (or (ne (int64 $values.agent.otlp.grpcPort) 4317) (ne (int64 $values.agent.otlp.httpPort) 4318)) -}}
{{- fail "agent.hostNetwork: the agent listens on 4317 and 4318 of the node itself; agent.otlp.grpcPort and httpPort cannot be others" -}}
{{- end -}}
{{- range $tier := list "gateway" "federation" -}}
{{- $tierValues := index $values $tier -}}
{{- if and $tierValues.enabled $tierValues.autoscaling.enabled (eq 0 (int64 $tierValues.autoscaling.targetCPUUtilizationPercentage)) (eq 0 (int64 $tierValues.autoscaling.targetMemoryUtilizationPercentage)) -}}
{{- fail (printf "%s.autoscaling: set targetCPUUtilizationPercentage or targetMemoryUtilizationPercentage, or switch it off" $tier) -}}
{{- end -}}
{{- end -}}
{{- end -}}
