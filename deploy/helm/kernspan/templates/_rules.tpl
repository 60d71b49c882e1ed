{{- /* What a tier may ask the API server and kubelets, as a YAML list. */ -}}
{{- define "kernspan.rules" -}}
{{- $values := .root.Values -}}
{{- if eq .tier "agent" }}
{{- if and $values.agent.kubelet.enabled (eq $values.agent.kubelet.mode "secure") }}
- apiGroups: [""]
  resources: [{{ include "kernspan.kubeletResource" .root }}]
  verbs: [get]
{{- end }}
{{- if $values.openshift.enabled }}
- apiGroups: [security.openshift.io]
  resources: [securitycontextconstraints]
  resourceNames: [{{ include "kernspan.clusterWideName" . }}]
  verbs: [use]
{{- end }}
{{- else if and (eq .tier "gateway") $values.gateway.k8sAttributes.enabled }}
- apiGroups: [""]
  resources: [pods, namespaces]
  verbs: [list, watch]
- apiGroups: [apps]
  resources: [replicasets]
  verbs: [list, watch]
{{- end }}
{{- end -}}

{{- /* A kubelet of 1.33 or later asks for nodes/pods, all before for nodes/proxy, which is far more. Kubelets may be
       three minor versions older than the cluster. */ -}}
{{- define "kernspan.kubeletResource" -}}
{{- $choice := .Values.agent.kubelet.rbac -}}
{{- if eq $choice "auto" -}}
{{- $choice = ternary "fineGrained" "proxy" (semverCompare ">=1.36.0-0" .Capabilities.KubeVersion.Version) -}}
{{- end -}}
{{- ternary "nodes/pods" "nodes/proxy" (eq $choice "fineGrained") -}}
{{- end -}}

{{- /* Does a tier ask the API server? */ -}}
{{- define "kernspan.usesApi" -}}
{{- and (eq .tier "gateway") .root.Values.gateway.k8sAttributes.enabled -}}
{{- end -}}

{{- define "kernspan.servicePorts" -}}
{{- $plain := ternary "tls" "grpc" .root.Values.tls.enabled -}}
{{- $web := ternary "tls" "http" .root.Values.tls.enabled -}}
- {name: otlp-grpc, port: 4317, targetPort: otlp-grpc, protocol: TCP, appProtocol: {{ $plain }}}
- {name: otlp-http, port: 4318, targetPort: otlp-http, protocol: TCP, appProtocol: {{ $web }}}
{{- if and (eq .tier "gateway") (include "kernspan.hasMesh" .root) }}
- {name: otlp-mesh, port: {{ int64 .root.Values.serviceMesh.port }}, targetPort: otlp-mesh, protocol: TCP, appProtocol: grpc}
{{- if .root.Values.serviceMesh.istio.zipkin }}
- {name: zipkin, port: 9411, targetPort: zipkin, protocol: TCP, appProtocol: http}
{{- end }}
{{- end }}
{{- end -}}

{{- /* The labels that rules and dashboards go by, whatever the release is called. */ -}}
{{- define "kernspan.relabelings" -}}
[{sourceLabels: [__meta_kubernetes_pod_name], targetLabel: instance}, {targetLabel: job, replacement: kernspan-{{ .tier }}}, {targetLabel: cluster, replacement: {{ .root.Values.clusterInfo.name | quote }}}]
{{- end -}}
