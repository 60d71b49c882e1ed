{{- /* Peers that some network plugins show by address only, as items of a `from` or `to`. */ -}}
{{- define "kernspan.blocks" -}}
{{- range . }}
- ipBlock: {cidr: {{ . | quote }}}
{{- end }}
{{- end -}}

{{- define "kernspan.clusterBlocks" -}}
{{- include "kernspan.blocks" (concat (compact (list .Values.network.podCIDR)) .Values.network.nodeCIDRs) -}}
{{- end -}}

{{- define "kernspan.tcp" -}}
ports:
{{- range . }}
  - {protocol: TCP, port: {{ int64 . }}}
{{- end }}
{{- end -}}

{{- define "kernspan.ingress.metrics" -}}
- from:
    {{- with .root.Values.network.policy.metricsNamespaceLabels }}
    - namespaceSelector:
        matchLabels:
          {{- toYaml . | nindent 10 }}
    {{- else }}
    - namespaceSelector: {}
    {{- end }}
  {{- include "kernspan.tcp" (list 8888) | nindent 2 }}
{{- with .root.Values.network.nodeCIDRs }}
# Probes of the kubelet, where the network plugin does not let them in by itself.
- from:
    {{- include "kernspan.blocks" . | nindent 4 }}
  {{- include "kernspan.tcp" (list 13133) | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "kernspan.ingress.agent" -}}
{{- if .root.Values.agent.otlp.enabled }}
- from:
    - namespaceSelector: {}
    {{- include "kernspan.clusterBlocks" .root | nindent 4 }}
  {{- include "kernspan.tcp" (list 4317 4318) | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "kernspan.ingress.gateway" -}}
{{- $ports := list 4317 4318 -}}
{{- if include "kernspan.hasMesh" .root -}}
{{- $ports = append $ports .root.Values.serviceMesh.port -}}
{{- if .root.Values.serviceMesh.istio.zipkin -}}{{- $ports = append $ports 9411 -}}{{- end -}}
{{- end -}}
# Agents and programs with an SDK are in all namespaces.
- from:
    - namespaceSelector: {}
    {{- include "kernspan.clusterBlocks" .root | nindent 4 }}
  {{- include "kernspan.tcp" $ports | nindent 2 }}
{{ include "kernspan.ingress.replicas" . }}
{{- end -}}

{{- define "kernspan.ingress.federation" -}}
- from:
    - namespaceSelector: {}
    {{- include "kernspan.clusterBlocks" .root | nindent 4 }}
    {{- include "kernspan.blocks" .root.Values.federation.service.loadBalancerSourceRanges | nindent 4 }}
  {{- include "kernspan.tcp" (list 4317 4318) | nindent 2 }}
{{ include "kernspan.ingress.replicas" . }}
{{- end -}}

{{- define "kernspan.ingress.replicas" -}}
{{- if include "kernspan.hasRing" . -}}
- from:
    - podSelector:
        matchLabels:
          {{- include "kernspan.selector" . | nindent 10 }}
  {{- include "kernspan.tcp" (list 4319) | nindent 2 }}
{{- end }}
{{- with .root.Values.network.policy.extraIngress }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* Answers of more than 512 bytes, and resolvers that prefer it, use TCP. */ -}}
{{- define "kernspan.egress.dns" -}}
- to:
    - namespaceSelector:
        matchLabels:
          {{- toYaml .Values.network.policy.dnsNamespaceLabels | nindent 10 }}
    {{- with .Values.network.serviceCIDR }}
    - ipBlock: {cidr: {{ . | quote }}}
    {{- end }}
    # NodeLocal DNSCache
    - ipBlock: {cidr: 169.254.20.10/32}
  ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
{{- end -}}

{{- define "kernspan.egress.agent" -}}
{{- $values := .root.Values -}}
{{- if $values.gateway.enabled -}}
- to:
    - podSelector:
        matchLabels:
          {{- include "kernspan.selector" (dict "root" .root "tier" "gateway") | nindent 10 }}
  {{- include "kernspan.tcp" (list 4317) | nindent 2 }}
{{- else -}}
# The gateway of another release, or of another cluster.
- {{ include "kernspan.tcp" (list (regexFind "[0-9]+$" $values.agent.endpoint | default "4317")) | nindent 2 | trim }}
{{- end }}
{{- if $values.agent.kubelet.enabled }}
# The node's own kubelet: an address that no selector finds.
- {{ include "kernspan.tcp" (list (ternary $values.agent.kubelet.readOnlyPort $values.agent.kubelet.port (eq $values.agent.kubelet.mode "readOnly"))) | nindent 2 | trim }}
  {{- with $values.network.nodeCIDRs }}
  to:
    {{- include "kernspan.blocks" . | nindent 4 }}
  {{- end }}
{{- end }}
{{- end -}}

{{- /* The API server is no pod, and which address it has depends on whether the plugin looks before or behind the
       Service. */ -}}
{{- define "kernspan.egress.api" -}}
- {{ include "kernspan.tcp" (list 443 6443) | nindent 2 | trim }}
{{- end -}}

{{- define "kernspan.egress.gateway" -}}
{{- $values := .root.Values -}}
{{- if include "kernspan.sendsToOwnFederation" .root -}}
- to:
    - podSelector:
        matchLabels:
          {{- include "kernspan.selector" (dict "root" .root "tier" "federation") | nindent 10 }}
  {{- include "kernspan.tcp" (list 4317) | nindent 2 }}
{{- else if not $values.gateway.exporters -}}
- {{ include "kernspan.tcp" (list (regexFind "[0-9]+$" $values.federation.endpoint | default "4317")) | nindent 2 | trim }}
  {{- with $values.network.federationCIDRs }}
  to:
    {{- include "kernspan.blocks" . | nindent 4 }}
  {{- end }}
{{- else -}}
{{ include "kernspan.egress.backends" .root }}
{{- end }}
{{ include "kernspan.egress.replicas" . }}
{{- range $mesh, $namespace := dict "istio" "istio-system" "linkerd" "linkerd" }}
{{- if (index $values.serviceMesh $mesh).enabled }}
# The control plane of the pod's proxy.
- to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: {{ $namespace }}}}}]
{{- end }}
{{- end }}
{{- if $values.gateway.k8sAttributes.enabled }}
{{ include "kernspan.egress.api" .root }}
{{- end }}
{{- end -}}

{{- define "kernspan.egress.federation" -}}
{{ include "kernspan.egress.backends" .root }}
{{ include "kernspan.egress.replicas" . }}
{{- end -}}

{{- /* Exporters may be anything: where they go is not known here. */ -}}
{{- define "kernspan.egress.backends" -}}
{{- with .Values.network.federationCIDRs -}}
- to:
    {{- include "kernspan.blocks" . | nindent 4 }}
{{- else -}}
- to:
    - namespaceSelector: {}
    - ipBlock: {cidr: 0.0.0.0/0}
    - ipBlock: {cidr: "::/0"}
{{- end }}
{{- end -}}

{{- define "kernspan.egress.replicas" -}}
{{- if include "kernspan.hasRing" . -}}
- to:
    - podSelector:
        matchLabels:
          {{- include "kernspan.selector" . | nindent 10 }}
  {{- include "kernspan.tcp" (list 4319) | nindent 2 }}
{{- end }}
{{- with .root.Values.network.policy.extraEgress }}
{{ toYaml . }}
{{- end }}
{{- end -}}
