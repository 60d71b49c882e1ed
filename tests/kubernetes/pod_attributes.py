"""What the kubelet's /pods says of a container run, as a span's resource must have it: by the semantic conventions
(resource/k8s, resource/container) and OpenTelemetry's rules for services in Kubernetes (non-normative/k8s-attributes)."""

import re

_ANNOTATED = "resource.opentelemetry.io/"
# In the order in which they name a service.
_WORKLOADS = ("deployment", "replicaset", "statefulset", "daemonset", "cronjob", "job")
# Of the process and its node, which /pods does not know.
_NODES_OWN = ("process.", "host.", "os.")


def pods_part(resource):
    """A span's resource without what is the process's or the node's."""
    return {key: [next(iter(each.values())) for each in value.get("values", ())] if isinstance(value, dict) else value
            for key, value in resource.items() if not key.startswith(_NODES_OWN)}


def attributes_of(pod, status, labels, annotations):
    """All of a container run's. `labels` and `annotations` are the keys that were chosen."""
    metadata, spec = pod["metadata"], pod["spec"]
    container = next(each for kind in ("containers", "initContainers", "ephemeralContainers")
                     for each in spec.get(kind, ()) if each["name"] == status["name"])
    said = {"k8s.namespace.name": metadata["namespace"], "k8s.pod.name": metadata["name"],
            "k8s.pod.uid": metadata["uid"], "k8s.pod.start_time": pod["status"]["startTime"], "k8s.node.name": spec["nodeName"],
            "k8s.container.name": container["name"], "k8s.container.restart_count": status["restartCount"]}
    if "podIP" in pod["status"]:  # a kubelet that is alone does not know the node's own
        said["k8s.pod.ip"] = pod["status"]["podIP"]
    said["container.runtime.name"], said["container.id"] = status["containerID"].split("://")
    repository, tag, digest = re.fullmatch(r"(.+?)(?::([\w.-]+))?(?:@(.+))?", container["image"]).groups()
    said |= {"container.image.name": repository, "container.image.tags": [tag]}
    if "@" in status["imageID"]:
        said["container.image.repo_digests"] = [status["imageID"].rpartition("://")[2]]
    said |= _owners(metadata)
    said |= _chosen("k8s.pod.label.", metadata.get("labels", {}), labels)
    said |= _chosen("k8s.pod.annotation.", metadata.get("annotations", {}), annotations)

    environment = {each["name"]: each.get("value", "") for each in container.get("env", ())}
    declared = dict(pair.split("=") for pair in environment.get("OTEL_RESOURCE_ATTRIBUTES", "").split(",") if pair)
    if environment.get("OTEL_SERVICE_NAME"):
        declared["service.name"] = environment["OTEL_SERVICE_NAME"]
    annotated = {key.removeprefix(_ANNOTATED): value for key, value in metadata.get("annotations", {}).items()
                 if key.startswith(_ANNOTATED)}
    found = {"service.name": _service_name(metadata, said),
             "service.namespace": metadata["namespace"],
             "service.version": metadata.get("labels", {}).get("app.kubernetes.io/version")
             or "@".join(filter(None, (tag, digest))),
             "service.instance.id": ".".join((metadata["namespace"], metadata["name"], container["name"]))}
    return said | found | annotated | declared


def _service_name(metadata, said):
    own = metadata.get("labels", {})
    candidates = [own.get("app.kubernetes.io/instance"), own.get("app.kubernetes.io/name")]
    candidates += [said.get(f"k8s.{workload}.name") for workload in _WORKLOADS]
    return next(filter(None, candidates), metadata["name"])


def _owners(metadata):
    """A ReplicaSet's name is its Deployment's and the hash of the template, a CronJob's Job has its time in its own."""
    said = {}
    for owner in metadata.get("ownerReferences", ()):
        if not owner.get("controller"):
            continue
        kind, name = owner["kind"].lower(), owner["name"]
        said |= {f"k8s.{kind}.name": name, f"k8s.{kind}.uid": owner["uid"]}
        template = metadata.get("labels", {}).get("pod-template-hash")
        if kind == "replicaset" and template and name.endswith(f"-{template}"):
            said["k8s.deployment.name"] = name.removesuffix(f"-{template}")
        if kind == "job" and re.search(r"-\d{8}$", name):
            said["k8s.cronjob.name"] = name.rpartition("-")[0]
    return said


def _chosen(prefix, pairs, patterns):
    return {prefix + key: value for key, value in pairs.items()
            if any(key.startswith(pattern[:-1]) if pattern.endswith("*") else key == pattern for pattern in patterns)}
