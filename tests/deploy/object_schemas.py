"""JSON schemas of Kubernetes objects: strict, so that a misspelt field is found.

Those of Kubernetes itself come from its OpenAPI description, as Debian's source package has it (1.20). What is younger
is added by hand from the API's documentation: policy/v1 and autoscaling/v2, which have the fields of their betas, and
single fields. Objects of operators (cert-manager, Prometheus, Istio, OpenShift) have no description in the archive:
their schemas here are the part of their documented fields that the chart uses.
"""

import functools
import json
import os
import pathlib
import subprocess

import jsonschema

FOLDER = pathlib.Path(__file__).resolve().parent
PREFIX = "#/definitions/"
CORE = "io.k8s.api.core.v1."
META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
STRING, STRINGS = {"type": "string"}, {"type": "array", "items": {"type": "string"}}
LABELS = {"type": "object", "additionalProperties": STRING}


def cache_folder():
    cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(cache) / "kernspan" / "kubernetes-openapi"


def _object(required=(), **properties):
    return {"type": "object", "additionalProperties": False, "required": list(required),
            "properties": properties}


def _kind(spec=None, **more):
    fields = {"apiVersion": STRING, "kind": STRING, "metadata": {"$ref": PREFIX + META}, **more}
    if spec:
        fields["spec"] = spec
    return _object(["apiVersion", "kind", "metadata", *(["spec"] if spec else [])], **fields)


_ISSUER = _object(["name"], name=STRING, kind={"enum": ["Issuer", "ClusterIssuer"]}, group=STRING)
_DURATION = {"type": "string", "pattern": r"^([0-9]+h)?([0-9]+m)?([0-9]+s)?$"}
_NAMESPACES = _object(any={"type": "boolean"}, matchNames=STRINGS)
_SELECTOR = {"$ref": PREFIX + "io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector"}
_RELABEL = {"type": "array", "items": _object(sourceLabels=STRINGS, targetLabel=STRING, replacement=STRING)}
_SCRAPE = {"type": "array",
           "items": _object(port=STRING, path=STRING, interval=_DURATION, relabelings=_RELABEL,
                            honorLabels={"type": "boolean"})}
_STRATEGY = _object(["type"], type={"enum": ["MustRunAs", "RunAsAny", "MustRunAsRange", "MustRunAsNonRoot"]})
_MESH_TLS = _object(mode={"enum": ["DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL"]})
_PORT_RULES = {"type": "array", "items": _object(
    ["port"], port=_object(["number"], number={"type": "integer"}), tls=_MESH_TLS)}
_RULE = _object(["expr"], alert=STRING, record=STRING, expr={"type": ["string", "integer"]}, **{"for": STRING},
                keep_firing_for=STRING, labels=LABELS, annotations=LABELS)
_YES = {"type": "boolean"}

OPERATORS = {
    ("cert-manager.io/v1", "Issuer"): _kind(
        {"oneOf": [_object(["selfSigned"], selfSigned=_object()),
                   _object(["ca"], ca=_object(["secretName"], secretName=STRING))]}),
    ("cert-manager.io/v1", "Certificate"): _kind(_object(
        ["secretName", "issuerRef"], secretName=STRING, commonName={"type": "string", "maxLength": 64},
        duration=_DURATION, renewBefore=_DURATION, isCA=_YES, dnsNames=STRINGS, ipAddresses=STRINGS,
        issuerRef=_ISSUER,
        usages={"type": "array", "items": {"enum": ["digital signature", "key encipherment", "server auth",
                                                    "client auth"]}},
        privateKey=_object(algorithm={"enum": ["RSA", "ECDSA", "Ed25519"]}, size={"type": "integer"},
                           rotationPolicy={"enum": ["Never", "Always"]}))),
    ("monitoring.coreos.com/v1", "PodMonitor"): _kind(_object(
        ["selector", "podMetricsEndpoints"], namespaceSelector=_NAMESPACES, selector=_SELECTOR,
        podMetricsEndpoints=_SCRAPE)),
    ("monitoring.coreos.com/v1", "ServiceMonitor"): _kind(_object(
        ["selector", "endpoints"], namespaceSelector=_NAMESPACES, selector=_SELECTOR, endpoints=_SCRAPE)),
    ("monitoring.coreos.com/v1", "PrometheusRule"): _kind(_object(groups={"type": "array", "items": _object(
        ["name"], name=STRING, interval=STRING, limit={"type": "integer"},
        rules={"type": "array", "items": _RULE})})),
    ("networking.istio.io/v1beta1", "DestinationRule"): _kind(_object(
        ["host"], host=STRING, trafficPolicy=_object(tls=_MESH_TLS, portLevelSettings=_PORT_RULES))),
    ("security.openshift.io/v1", "SecurityContextConstraints"): _kind(
        None, allowHostPID=_YES, allowHostNetwork=_YES, allowHostPorts=_YES, allowHostIPC=_YES,
        allowHostDirVolumePlugin=_YES, allowPrivilegedContainer=_YES, allowPrivilegeEscalation=_YES,
        readOnlyRootFilesystem=_YES, allowedCapabilities=STRINGS, defaultAddCapabilities=STRINGS,
        requiredDropCapabilities=STRINGS, seccompProfiles=STRINGS, volumes=STRINGS, users=STRINGS,
        groups=STRINGS, runAsUser=_STRATEGY, seLinuxContext=_STRATEGY, fsGroup=_STRATEGY,
        supplementalGroups=_STRATEGY),
}
# What 1.20 calls otherwise.
SAME_AS = {
    ("policy/v1", "PodDisruptionBudget"): "io.k8s.api.policy.v1beta1.PodDisruptionBudget",
    ("autoscaling/v2", "HorizontalPodAutoscaler"): "io.k8s.api.autoscaling.v2beta2.HorizontalPodAutoscaler",
}


def _add_younger_fields(definitions):
    # 1.29: a sleep before the stop. 1.30: AppArmor as a field.
    definitions[CORE + "Handler"]["properties"]["sleep"] = _object(["seconds"], seconds={"type": "integer"})
    definitions[CORE + "SecurityContext"]["properties"]["appArmorProfile"] = _object(
        ["type"], type={"enum": ["Unconfined", "RuntimeDefault", "Localhost"]}, localhostProfile=STRING)


def _make_strict(node):
    if isinstance(node, list):
        for item in node:
            _make_strict(item)
        return
    if not isinstance(node, dict):
        return
    if node.get("type") == "object" and isinstance(node.get("properties"), dict):
        node.setdefault("additionalProperties", False)
    if node.get("format") == "int-or-string":
        node["type"] = ["integer", "string"]
    node.pop("description", None) if isinstance(node.get("description"), str) else None
    for value in node.values():
        _make_strict(value)


class ObjectSchemas:
    """Finds an object's schema by apiVersion and kind, and says what is wrong with an object."""

    def __init__(self):
        definitions = json.loads(_description().read_text(encoding="utf-8"))["definitions"]
        self._names = {}
        for name, definition in definitions.items():
            for kind in definition.get("x-kubernetes-group-version-kind", []):
                group = f"{kind['group']}/" if kind["group"] else ""
                self._names.setdefault((group + kind["version"], kind["kind"]), name)
        definitions["io.k8s.apimachinery.pkg.api.resource.Quantity"]["type"] = ["string", "number"]
        _add_younger_fields(definitions)
        _make_strict(definitions)
        self._names.update(SAME_AS)
        for key, schema in OPERATORS.items():
            self._names[key] = f"operator.{key[0]}.{key[1]}".replace("/", ".")
            definitions[self._names[key]] = schema
        self._resolver = jsonschema.RefResolver("", {"definitions": definitions})

    @functools.lru_cache(maxsize=None)
    def _validator(self, name):
        return jsonschema.Draft7Validator({"$ref": PREFIX + name}, resolver=self._resolver)

    def errors(self, item):
        """What is wrong with an object, a line for each."""
        key = (item.get("apiVersion"), item.get("kind"))
        if key not in self._names:
            return [f"{key}: no such kind"]
        return [f"{'.'.join(map(str, error.absolute_path))}: {error.message[:300]}"
                for error in self._validator(self._names[key]).iter_errors(item)]


def _description():
    folder = cache_folder()
    done = subprocess.run([FOLDER / "fetch_openapi", folder], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"Kubernetes' OpenAPI description cannot be had: {done.stderr.strip()}")
    return folder / "swagger.json"
