{{- /* Names that a tier's certificate is for, as a YAML list. Agents are clients only. */ -}}
{{- define "kernspan.tlsNames" -}}
{{- $full := include "kernspan.tierName" . -}}
{{- $namespace := .root.Release.Namespace -}}
{{- if eq .tier "agent" }}
- {{ $full }}
{{- else }}
{{- range $suffix := list "" "-headless" "-replicas" }}
{{- $service := printf "%s%s" $full $suffix }}
- {{ $service }}
- {{ $service }}.{{ $namespace }}
- {{ $service }}.{{ $namespace }}.svc
- {{ $service }}.{{ $namespace }}.svc.{{ $.root.Values.network.clusterDomain }}
{{- end }}
{{- range index .root.Values.tls.extraNames .tier }}
- {{ . | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "kernspan.tlsAddresses" -}}
{{- if ne .tier "agent" -}}
{{- toJson (index .root.Values.tls.extraAddresses .tier) -}}
{{- else -}}[]{{- end -}}
{{- end -}}

{{- define "kernspan.makesCertificates" -}}
{{- if and .Values.tls.enabled (eq .Values.tls.source "selfSigned") (include "kernspan.tiers" . | fromYamlArray) -}}true{{- end -}}
{{- end -}}
