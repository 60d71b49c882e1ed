"""What must hold between the objects of one render, which no schema can say: names that are referred to exist, selectors
find their pods, ports and probes are those of the configuration, and nobody has more rights than the chart says."""

import base64
import re

import yaml

TIERS = ("agent", "gateway", "federation")
MOUNTED = "/etc/kernspan/"


def problems(rendered, given):
    """A line for each thing that is wrong. `given`: text of the values, which may name objects that exist already."""
    found = []
    for rule in (_names, _references, _selectors, _ports, _probes, _configs, _security, _roles, _policies, _stops):
        found += [f"{rule.__name__[1:]}: {line}" for line in rule(rendered, given)]
    return found


def container_of(workload):
    return workload["spec"]["template"]["spec"]["containers"][0]


def tier_of(item):
    return item["metadata"]["labels"]["app.kubernetes.io/component"]


def _label_problem(key, value):
    return not re.fullmatch(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,61}[A-Za-z0-9]|[A-Za-z0-9])?", value) or len(key) > 253


def _names(rendered, _):
    seen = set()
    for item in rendered.objects:
        about = item["metadata"]
        key = item["kind"], about.get("namespace"), about["name"]
        if key in seen:
            yield f"{key} is there twice"
        seen.add(key)
        if not re.fullmatch(r"[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?", about["name"]):
            yield f"{key}: not a name"
        for label, value in about["labels"].items():
            if _label_problem(label, value):
                yield f"{key}: label {label}: {value}"


def _references(rendered, given):
    """Secrets, ConfigMaps, service accounts and priority classes: of this render, of cert-manager, or of the user."""
    made = {(item["kind"], item["metadata"]["name"]) for item in rendered.objects}
    made |= {("Secret", item["spec"]["secretName"]) for item in rendered.of("Certificate")}
    for workload in rendered.workloads():
        pod, container = workload["spec"]["template"]["spec"], container_of(workload)
        wanted = {("ServiceAccount", pod["serviceAccountName"])}
        if "priorityClassName" in pod:
            wanted.add(("PriorityClass", pod["priorityClassName"]))
        for volume in pod["volumes"]:
            if "secret" in volume:
                wanted.add(("Secret", volume["secret"]["secretName"]))
            if "configMap" in volume:
                wanted.add(("ConfigMap", volume["configMap"]["name"]))
        for variable in container["env"]:
            source = variable.get("valueFrom", {})
            if "configMapKeyRef" in source:
                reference = source["configMapKeyRef"]
                config_map = rendered.find("ConfigMap", reference["name"])
                if not config_map or reference["key"] not in config_map["data"]:
                    yield f"{tier_of(workload)}: {variable['name']} is of no key of {reference['name']}"
            if "secretKeyRef" in source:
                wanted.add(("Secret", source["secretKeyRef"]["name"]))
        wanted |= {("Secret", each["name"]) for each in pod.get("imagePullSecrets", [])}
        for kind, name in sorted(wanted - made):
            if not re.search(rf"\b{re.escape(name)}\b", given):
                yield f"{tier_of(workload)}: {kind} {name} is neither made nor given"
        volumes = {volume["name"] for volume in pod["volumes"]}
        volumes |= {claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", [])}
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        if volumes != mounted:
            yield f"{tier_of(workload)}: volumes and mounts differ by {sorted(volumes ^ mounted)}"
    for binding in rendered.of("ClusterRoleBinding"):
        if ("ClusterRole", binding["roleRef"]["name"]) not in made:
            yield f"{binding['metadata']['name']}: no such role"
        for subject in binding["subjects"]:
            if (subject["kind"], subject["name"]) not in made and subject["name"] not in given:
                yield f"{binding['metadata']['name']}: no account {subject['name']}"
    for certificate in rendered.of("Certificate"):
        issuer = certificate["spec"]["issuerRef"]
        if (issuer["kind"], issuer["name"]) not in made and issuer["name"] not in given:
            yield f"{certificate['metadata']['name']}: no issuer {issuer['name']}"


def _fits(selector, labels):
    return selector.items() <= labels.items()


def _found(rendered, selector):
    return [each for each in rendered.workloads()
            if _fits(selector, each["spec"]["template"]["metadata"]["labels"])]


def _selectors(rendered, _):
    for workload in rendered.workloads():
        if _found(rendered, workload["spec"]["selector"]["matchLabels"]) != [workload]:
            yield f"{tier_of(workload)}: its selector finds not its own pods alone"
    for service in rendered.of("Service"):
        if len(_found(rendered, service["spec"]["selector"])) != 1:
            yield f"Service {service['metadata']['name']}: its selector finds not one workload"
    for item in rendered.of("PodDisruptionBudget", "PodMonitor"):
        if len(_found(rendered, item["spec"]["selector"]["matchLabels"])) != 1:
            yield f"{item['kind']} {item['metadata']['name']}: its selector finds not one workload"
    for policy in rendered.of("NetworkPolicy"):
        if len(_found(rendered, policy["spec"]["podSelector"]["matchLabels"])) != 1:
            yield f"NetworkPolicy {policy['metadata']['name']}: its selector finds not one workload"
    for monitor in rendered.of("ServiceMonitor"):
        hits = [each for each in rendered.of("Service")
                if _fits(monitor["spec"]["selector"]["matchLabels"], each["metadata"]["labels"])]
        if len(hits) != 1:
            yield f"ServiceMonitor {monitor['metadata']['name']}: finds {len(hits)} services"
    for scaler in rendered.of("HorizontalPodAutoscaler"):
        target = scaler["spec"]["scaleTargetRef"]
        workload = rendered.find(target["kind"], target["name"])
        if workload is None or "replicas" in workload["spec"]:
            yield f"autoscaler {scaler['metadata']['name']}: no target, or one that says its replicas itself"
        elif "requests" not in container_of(workload).get("resources", {}):
            yield f"autoscaler {scaler['metadata']['name']}: a share of no request"


def _ports(rendered, _):
    for workload in rendered.workloads():
        listed = [port["name"] for port in container_of(workload)["ports"]]
        if len(set(listed)) != len(listed) or any(len(name) > 15 for name in listed):
            yield f"{tier_of(workload)}: port names {listed}"
    for service in rendered.of("Service"):
        for workload in _found(rendered, service["spec"]["selector"]):
            known = {port["name"]: port["containerPort"] for port in container_of(workload)["ports"]}
            for port in service["spec"]["ports"]:
                if known.get(port["targetPort"]) != port["port"]:
                    yield f"Service {service['metadata']['name']}: {port['name']} is no port of the pods"
    for monitor in rendered.of("PodMonitor"):
        for workload in _found(rendered, monitor["spec"]["selector"]["matchLabels"]):
            known = {port["name"] for port in container_of(workload)["ports"]}
            if not {each["port"] for each in monitor["spec"]["podMetricsEndpoints"]} <= known:
                yield f"PodMonitor {monitor['metadata']['name']}: a port that pods do not have"
    for monitor in rendered.of("ServiceMonitor"):
        for service in rendered.of("Service"):
            if _fits(monitor["spec"]["selector"]["matchLabels"], service["metadata"]["labels"]):
                if not {each["port"] for each in monitor["spec"]["endpoints"]} <= \
                        {port["name"] for port in service["spec"]["ports"]}:
                    yield f"ServiceMonitor {monitor['metadata']['name']}: a port that its Service does not have"


def _listening(config):
    """The ports that a configuration listens on."""
    endpoints = []
    for receiver in config["receivers"].values():
        receiver = receiver or {}
        endpoints += [each["endpoint"] for each in receiver.get("protocols", {}).values()]
        endpoints += [receiver["endpoint"]] if "endpoint" in receiver else []
    endpoints += [each["endpoint"] for each in config["extensions"].values() if "endpoint" in (each or {})]
    ports = {int(endpoint.rpartition(":")[2]) for endpoint in endpoints}
    for reader in config["service"]["telemetry"]["metrics"]["readers"]:
        ports.add(reader["pull"]["exporter"]["prometheus"]["port"])
    return ports


def _probes(rendered, _):
    for workload in rendered.workloads():
        container = container_of(workload)
        health = next(port for port in container["ports"] if port["name"] == "health")
        config = yaml.safe_load(rendered.configs()[tier_of(workload)])
        endpoint = config["extensions"]["health_check"]["endpoint"]
        if not endpoint.endswith(f":{health['containerPort']}"):
            yield f"{tier_of(workload)}: probes ask another port than {endpoint}"
        paths = [container[f"{probe}Probe"]["httpGet"] for probe in ("startup", "liveness", "readiness")]
        if paths != [{"path": path, "port": "health"} for path in ("/", "/", "/ready")]:
            yield f"{tier_of(workload)}: {paths}"


def _secret_keys(rendered, volume):
    """The files that a volume has, or None where its Secret is not of this render."""
    if "configMap" in volume:
        return set(rendered.find("ConfigMap", volume["configMap"]["name"])["data"])
    secret = rendered.find("Secret", volume["secret"]["secretName"])
    if secret is None:
        return None
    keys = set(secret["data"])
    items = volume["secret"].get("items")
    if items:
        return {item["path"] for item in items if item["key"] in keys}
    return keys


def _configs(rendered, given):
    for workload in rendered.workloads():
        tier, container = tier_of(workload), container_of(workload)
        text = rendered.configs()[tier]
        listed = {port["containerPort"] for port in container["ports"]}
        if listed != _listening(yaml.safe_load(text)):
            yield f"{tier}: the container's ports differ from the configuration's by " \
                  f"{sorted(listed ^ _listening(yaml.safe_load(text)))}"
        mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        volumes = {volume["name"]: volume for volume in workload["spec"]["template"]["spec"]["volumes"]}
        for folder, file in re.findall(rf"{MOUNTED}([\w-]+)/([\w.-]+)", text):
            volume = volumes.get(mounts.get(MOUNTED + folder))
            if volume is None:
                yield f"{tier}: {folder}/{file} is in no volume"
                continue
            keys = _secret_keys(rendered, volume)
            if keys is not None and file not in keys:
                yield f"{tier}: {folder}/{file} is not in its Secret"
        variables = {each["name"] for each in container["env"]}
        for variable in re.findall(r"\$\{env:(\w+)\}", text):
            if variable not in variables:
                yield f"{tier}: nothing sets {variable}"
        if f"--config={MOUNTED}config/config.yaml" not in container["args"]:
            yield f"{tier}: its configuration is not what it is told to read"
    secrets = [base64.b64decode(value).decode().strip() for item in rendered.of("Secret")
               for value in item["data"].values()]
    for item in rendered.of("ConfigMap"):
        for secret in secrets:
            if secret and any(secret in value for value in item["data"].values()):
                yield f"ConfigMap {item['metadata']['name']} has a secret in it"


def _security(rendered, given):
    openshift = "openshift:" in given
    for workload in rendered.workloads():
        tier, pod, container = tier_of(workload), workload["spec"]["template"]["spec"], container_of(workload)
        context = container["securityContext"]
        if not context["readOnlyRootFilesystem"]:
            yield f"{tier}: may write to its image"
        if not re.search(r"(:[\w.-]+|@sha256:[0-9a-f]{64})$", container["image"]):
            yield f"{tier}: image {container['image']} without a version"
        if tier == "agent":
            chosen = "privileged: true" in given
            if context.get("privileged") != chosen:
                yield f"agent: privileged is {context.get('privileged')}"
            if not chosen and (context["capabilities"]["drop"] != ["ALL"] or context["allowPrivilegeEscalation"]):
                yield "agent: keeps capabilities that it does not name"
            writable = [mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")]
            if writable not in ([], ["/var/lib/kernspan/queue"]):
                yield f"agent: writes to {writable}"
            continue
        if "hostPID" in pod or "hostNetwork" in pod or any("hostPath" in each for each in pod["volumes"]):
            yield f"{tier}: has parts of the host"
        if context["capabilities"] != {"drop": ["ALL"]} or context["allowPrivilegeEscalation"]:
            yield f"{tier}: has capabilities"
        if not pod["securityContext"]["runAsNonRoot"] or ("runAsUser" in pod["securityContext"]) == openshift:
            yield f"{tier}: runs as {pod['securityContext']}"
        if pod["automountServiceAccountToken"] != ("k8sAttributes" in given and tier == "gateway"):
            yield f"{tier}: its service account's token is there for nothing, or missing"


ALLOWED_RULES = {
    ("", "nodes/proxy", "get"), ("", "nodes/pods", "get"), ("", "pods", "list"), ("", "pods", "watch"),
    ("", "namespaces", "list"), ("", "namespaces", "watch"), ("apps", "replicasets", "list"),
    ("apps", "replicasets", "watch"), ("security.openshift.io", "securitycontextconstraints", "use"),
}


def _roles(rendered, _):
    for role in rendered.of("ClusterRole"):
        for rule in role["rules"]:
            for group in rule["apiGroups"]:
                for resource in rule["resources"]:
                    for verb in rule["verbs"]:
                        if (group, resource, verb) not in ALLOWED_RULES:
                            yield f"{role['metadata']['name']} may {verb} {group}/{resource}"


def _policies(rendered, _):
    for policy in rendered.of("NetworkPolicy"):
        dns = {port["protocol"] for rule in policy["spec"]["egress"] for port in rule.get("ports", [])
               if port["port"] == 53}
        if dns != {"UDP", "TCP"}:
            yield f"{policy['metadata']['name']}: DNS over {dns}"
        workload = _found(rendered, policy["spec"]["podSelector"]["matchLabels"])[0]
        reachable = {port["port"] for rule in policy["spec"]["ingress"] for port in rule.get("ports", [])}
        served = {port["containerPort"] for port in container_of(workload)["ports"] if port["name"] != "health"}
        if not served <= reachable:
            yield f"{policy['metadata']['name']}: nobody reaches {sorted(served - reachable)}"


def _stops(rendered, _):
    for workload in rendered.workloads():
        container = container_of(workload)
        drain = next(int(each.removeprefix("--drain-timeout=").removesuffix("s")) for each in container["args"]
                     if each.startswith("--drain-timeout="))
        before = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        if workload["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] <= drain + before:
            yield f"{tier_of(workload)}: is killed before it has drained"
