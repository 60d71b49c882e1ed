# Who may send to the federation tier: a security group with one rule for each cluster, network and port. Attach it to
# the load balancer (annotation service.beta.kubernetes.io/aws-load-balancer-security-groups) or to the nodes.
terraform {
  required_version = ">= 1.5" # strcontains

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

locals {
  rules = merge([
    for cluster, cidrs in var.cluster_cidrs : merge([
      for cidr in cidrs : {
        for name, port in var.ports : "${cluster}-${name}-${cidr}" => {
          cluster = cluster
          cidr    = cidr
          name    = name
          port    = port
        }
      }
    ]...)
  ]...)
}

resource "aws_security_group" "otlp" {
  name_prefix = "${var.name}-"
  description = "OTLP from the gateways of other clusters to the federation tier"
  vpc_id      = var.vpc_id
  tags        = merge({ Name = var.name }, var.tags)

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "otlp" {
  for_each = local.rules

  security_group_id = aws_security_group.otlp.id
  description       = "OTLP over ${each.value.name} from ${each.value.cluster}"
  cidr_ipv4         = strcontains(each.value.cidr, ":") ? null : each.value.cidr
  cidr_ipv6         = strcontains(each.value.cidr, ":") ? each.value.cidr : null
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
}
