"""What chart_test expects of values: what stays of the doctor's findings, and what is refused with which words."""

ENVIRONMENT = {"POD_IP": "10.1.2.3", "POD_NAME": "pod-1", "POD_NAMESPACE": "opentelemetry", "K8S_NODE_IP": "10.0.0.1",
               "K8S_NODE_NAME": "node-1", "CLUSTER_NAME": "c", "CLUSTER_UID": "u", "CLOUD_REGION": "r",
               "CLOUD_ZONE": "z", "CLOUD_PROVIDER": "p", "ENVIRONMENT": "e", "BACKEND_TOKEN": "t"}

# What the doctor may say of a configuration of the chart, and why it stays.
ACCEPTED = {
    "trace_rate": "num_traces is the user's; memory_limit_mib bounds what it costs",
    "trace_memory": "an estimate; memory_limit_mib of tail_sampling holds whatever the spans' sizes are",
    "outage_loses": "the queue is in memory unless persistence is on; NOTES.txt says so",
}
# Further ones, by value set: what the values ask for themselves.
ASKED_FOR = {
    "no_tls": {"clear_text"}, "one_replica": {"clear_text", "cluster_name_outside"},
    "cert_manager_self_signed": {"clear_text", "cluster_name_outside"}, "federation_only": {"clear_text"},
    "network_policies": {"clear_text", "cluster_name_outside", "watches_all_pods"},
    "persistent": {"clear_text", "cluster_name_outside", "file_always_written"},
}

# Values, and what their refusal must say: the value's path, and what would be right.
REFUSED = [
    ({"gateway": {"replicas": 0}}, r"gateway\.replicas: 0 is less than the minimum of 1"),
    ({"gateway": {"replicas": "three"}}, r"gateway\.replicas: 'three' is not of type 'integer'"),
    ({"gateway": {"sampling": {"probabilistic": 110}}}, r"gateway\.sampling\.probabilistic: 110 is greater than .* 100"),
    ({"gateway": {"sampling": {"latencyThreshold": "1s"}}}, r"gateway\.sampling\.latencyThreshold: .*'integer'"),
    ({"gateway": {"sampling": {"decisionWait": "30"}}}, r"gateway\.sampling\.decisionWait: '30' does not match"),
    ({"gateway": {"smapling": {}}}, r"gateway: .*\('smapling' was unexpected\)"),
    ({"agents": {"enabled": True}}, r"\(root\): .*\('agents' was unexpected\)"),
    ({"agent": {"capabilities": ["CAP BPF"]}}, r"agent\.capabilities\.0: 'CAP BPF' does not match"),
    ({"agent": {"resources": {"limits": {"memory": "512 MB"}}}}, r"agent\.resources\.limits\.memory: '512 MB'"),
    ({"agent": {"kubelet": {"mode": "insecure"}}}, r"mode: 'insecure' is not one of \['secure', 'readOnly'\]"),
    ({"tls": {"source": "vault"}}, r"tls\.source: 'vault' is not one of \['selfSigned', 'certManager', 'secrets'\]"),
    ({"tls": {"enabled": "yes"}}, r"tls\.enabled: 'yes' is not of type 'boolean'"),
    ({"network": {"podCIDR": "10.0.0.0"}}, r"network\.podCIDR: '10\.0\.0\.0' does not match"),
    ({"federation": {"endpoint": "federation.example.com"}}, r"federation\.endpoint: .* does not match"),
    ({"image": {"pullPolicy": "Sometimes"}}, r"image\.pullPolicy: 'Sometimes' is not one of"),
    ({"monitoring": {"podMonitor": {"interval": 30}}}, r"interval: 30 is not of type 'string'"),
    ({"clusterInfo": {"name": ["a"]}}, r"clusterInfo\.name: \['a'\] is not of type 'string'"),
]
ELSEWHERE = {"federation": {"endpoint": "federation.example.com:4317"}}
# What no schema can say, because it takes several values: the chart's own words.
CONTRADICTIONS = [
    ({}, r"nothing says where the gateway sends: set federation\.endpoint"),
    ({"gateway": {"enabled": False}}, r"gateway\.enabled is false: set agent\.endpoint"),
    ({"gateway": {"enabled": False}, "agent": {"endpoint": "gateway:4317"}}, r"set tls\.source to secrets"),
    ({"federation": {"enabled": True}}, r"federation\.exporters is empty"),
    ({**ELSEWHERE, "tls": {"enabled": False}, "gateway": {"server": {"auth": {"tokens": ["t"]}}}},
     r"gateway\.server\.auth: tokens must not travel in the clear"),
    ({"federation": {"endpoint": "a:1", "tls": {"enabled": False}, "auth": {"token": "t"}}},
     r"federation\.auth: a token must not travel in the clear"),
    ({**ELSEWHERE, "monitoring": {"podMonitor": {"enabled": True}, "serviceMonitor": {"enabled": True}}},
     r"would read every pod twice"),
    ({**ELSEWHERE, "gateway": {"resources": {"limits": {"memory": "512Mi"}}}},
     r"gateway\.resources: the request of memory, 1Gi, is more than its limit, 512Mi; set both"),
    ({**ELSEWHERE, "agent": {"resources": {"requests": {"cpu": 1}}}},
     r"agent\.resources: the request of cpu, 1, is more than its limit, 500m"),
    ({**ELSEWHERE, "gateway": {"autoscaling": {"targetCPUUtilizationPercentage": 0}}},
     r"gateway\.autoscaling: set targetCPUUtilizationPercentage"),
    ({**ELSEWHERE, "agent": {"resources": {"limits": {"memory": "1Ei"}}}}, r"does not match|is no amount of memory"),
]
