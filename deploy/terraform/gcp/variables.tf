variable "name" {
  description = "Prefix of the names of what is made."
  type        = string
  default     = "kernspan-otlp"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,40}$", var.name))
    error_message = "Small letters, digits and hyphens, beginning with a letter, at most 41 characters."
  }
}

variable "cluster_cidrs" {
  description = "Networks that gateways of other clusters send from, by the cluster's name: what the federation tier sees as their address, behind NAT that of the NAT gateway."
  type        = map(list(string))

  validation {
    condition     = length(var.cluster_cidrs) > 0
    error_message = "Name at least one cluster: without any nobody could send."
  }
  validation {
    condition     = alltrue([for cidrs in values(var.cluster_cidrs) : length(cidrs) > 0 && alltrue([for cidr in cidrs : can(cidrhost(cidr, 0))])])
    error_message = "Each cluster has one or more networks such as 10.0.0.0/16."
  }
  validation {
    condition     = alltrue([for cidr in flatten(values(var.cluster_cidrs)) : !can(regex("/0$", cidr))])
    error_message = "A network of all addresses would let everybody in. Name the clusters' own."
  }
}

variable "ports" {
  description = "Ports of the federation tier: OTLP over gRPC, and over HTTP."
  type        = map(number)
  default     = { grpc = 4317, http = 4318 }

  validation {
    condition     = length(var.ports) > 0 && alltrue([for port in values(var.ports) : port >= 1 && port <= 65535 && floor(port) == port])
    error_message = "One or more ports between 1 and 65535."
  }
}

variable "project" {
  description = "The project of the network; empty: the provider's."
  type        = string
  default     = ""
}

variable "network" {
  description = "Name or self link of the VPC network of the federation tier's nodes."
  type        = string

  validation {
    condition     = length(var.network) > 0
    error_message = "Name the network."
  }
}

variable "target_tags" {
  description = "Network tags of the nodes that the rules are for; GKE's nodes have one of the form gke-CLUSTER-...-node."
  type        = list(string)

  validation {
    condition     = length(var.target_tags) > 0
    error_message = "Name the nodes' tags: without any the rules would be for every machine of the network."
  }
}
